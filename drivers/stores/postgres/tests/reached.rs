//! How servers are reached: authorities and certificates of our own, passwords that are bound to a certificate, Unix sockets,
//! several hosts.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::*;

/// An authority, and what it has certified.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut of_authority = CertificateParams::new(Vec::new()).expect("parameters");
        of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = of_authority.self_signed(&key).expect("a certificate").pem();
        Authority { issuer: Issuer::new(of_authority, key), certificate }
    }

    /// A certificate for somebody, and its key.
    fn certify(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut certified = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        certified.distinguished_name.push(DnType::CommonName, name);
        (certified.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }
}

/// A server with a certificate for another host than the one at which it is, and files of its clients.
struct Certified {
    server: Server,
    files: tempfile::TempDir,
}

impl Certified {
    async fn start() -> Self {
        let (ours, theirs) = (Authority::new(), Authority::new());
        let (certificate, key) = ours.certify("elsewhere.example");
        let (own_certificate, own_key) = ours.certify("postgres");
        let files = tempfile::tempdir().expect("a folder");
        for (name, content) in [
            ("ca", &ours.certificate),
            ("other", &theirs.certificate),
            ("own.crt", &own_certificate),
            ("own.key", &own_key),
        ] {
            std::fs::write(files.path().join(name), content).expect("written");
        }
        let certified = Certified { server: started(Durability::Memory).await, files };
        let mut own = connect(&certified.server.address).await;
        for (name, content) in [("server.crt", certificate), ("server.key", key), ("root.crt", ours.certificate)] {
            write(&mut own, name, &content).await;
        }
        own.run("ALTER SYSTEM SET ssl = on").await.expect("set");
        own.run("ALTER SYSTEM SET ssl_ca_file = 'root.crt'").await.expect("set");
        reload(&mut own).await;
        certified
    }

    /// Lets in only who comes so.
    async fn let_in(&self, rule: &str) {
        let mut own = connect(&self.at("sslmode=require")).await;
        write(&mut own, "pg_hba.conf", rule).await;
        reload(&mut own).await;
    }

    /// Its address with these options, in which `@` stands for the folder of files.
    fn at(&self, options: &str) -> String {
        format!("{}?{}", self.server.address, options.replace('@', &self.files.path().display().to_string()))
    }

    async fn refusal(&self, options: &str) -> Failure {
        open(&self.at(options), "reached", Durability::Memory).await.err().expect(options)
    }

    /// What a connection with these options is encrypted with.
    async fn tls(&self, options: &str) -> String {
        let store = open(&self.at(options), "reached", Durability::Memory).await.expect(options);
        store.describe().await.expect("a description").settings["client.tls"].clone()
    }
}

/// Writes a file in the server's folder.
async fn write(own: &mut Connection, name: &str, content: &str) {
    let lines = format!("SELECT unnest(string_to_array('{}', E'\\n'))", content.trim_end());
    own.run(&format!("COPY ({lines}) TO PROGRAM 'cat > {name} && chmod 600 {name}'")).await.expect("written");
}

async fn reload(own: &mut Connection) {
    own.run("SELECT pg_reload_conf()").await.expect("reloaded");
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// Where a server listens, as host and port.
fn socket(server: &Server) -> &str {
    server.address.rsplit('@').next().and_then(|rest| rest.split('/').next()).expect("host and port")
}

#[tokio::test]
async fn an_authority_vouches_for_any_name_only_where_that_is_asked() {
    let certified = Certified::start().await;
    for options in ["sslmode=verify-ca&sslrootcert=@/ca", "sslmode=require&sslrootcert=@/ca", "sslmode=prefer"] {
        assert!(certified.tls(options).await.starts_with("TLSv1.3"), "{options}");
    }
    for options in ["sslmode=verify-full&sslrootcert=@/ca", "sslmode=verify-ca&sslrootcert=@/other"] {
        let refused = certified.refusal(options).await;
        assert_eq!(refused.kind, FailureKind::Unavailable, "{refused}");
        assert!(refused.message.contains("certificate"), "{refused}");
    }
}

#[tokio::test]
async fn a_certificate_of_ours_lets_us_in_without_a_password() {
    let certified = Certified::start().await;
    certified.let_in("hostssl all all all cert").await;
    let password = certified.server.address.split([':', '@']).nth(2).expect("a password").to_owned();
    let own = "sslmode=verify-ca&sslrootcert=@/ca&sslcert=@/own.crt&sslkey=@/own.key";
    let address = certified.at(own).replace(&format!(":{password}@"), "@").replace("//@", "//postgres@");
    let store = open(&address, "reached", Durability::Memory).await.expect("known by its certificate");
    store.reset().await.expect("reset");
    let refused = certified.refusal("sslmode=require").await;
    assert!(refused.kind == FailureKind::Denied && refused.message.contains("certificate"), "{refused}");
    for (options, problem) in [
        ("sslmode=require&sslcert=@/own.crt&sslkey=@/own.crt", "own.crt: it holds no private key"),
        ("sslmode=require&sslcert=@/none&sslkey=@/own.key", "sslcert="),
    ] {
        let refused = certified.refusal(options).await;
        assert!(refused.kind == FailureKind::Broken && refused.message.contains(problem), "{refused}");
    }
}

#[tokio::test]
async fn modes_follow_what_the_server_wants_and_messages_say_which() {
    let certified = Certified::start().await;
    assert_eq!(certified.tls("sslmode=allow").await, "none", "the server would have it either way");
    certified.let_in("hostssl all all all scram-sha-256").await;
    assert!(certified.tls("sslmode=allow").await.starts_with("TLSv1.3"), "the server wants TLS");
    let refused = certified.refusal("sslmode=disable").await;
    assert!(refused.kind == FailureKind::Denied && refused.message.contains("write sslmode=require"), "{refused}");
    certified.let_in("hostnossl all all all scram-sha-256").await;
    assert_eq!(certified.tls("sslmode=allow").await, "none");
    for options in ["sslmode=prefer", "sslmode=require"] {
        let refused = certified.refusal(options).await;
        assert!(refused.kind == FailureKind::Denied && refused.message.contains("write sslmode=disable"), "{refused}");
    }
}

#[tokio::test]
async fn a_password_is_bound_to_the_certificate_of_the_server() {
    let certified = Certified::start().await;
    let bound = certified.at("sslmode=require&channel_binding=require");
    let store = open(&bound, "reached", Durability::Memory).await.expect("opened");
    let settings = store.describe().await.expect("a description").settings;
    assert_eq!(settings["client.channel_binding"], "required, by tls-server-end-point");
    let unbound = certified.refusal("sslmode=disable&channel_binding=require").await;
    assert!(unbound.message.contains("leave it out, or set both there"), "{unbound}");

    let between = somebody_between(socket(&certified.server)).await;
    let through = certified.at("sslmode=require").replace(socket(&certified.server), &between);
    let noticed = open(&through, "reached", Durability::Memory).await.err().expect("somebody is between");
    assert!(noticed.message.contains("a proxy between this client and the server ends TLS"), "{noticed}");
    let unnoticed = open(&format!("{through}&channel_binding=disable"), "reached", Durability::Memory).await;
    unnoticed.expect("nobody was asked who answers");
}

/// The address of somebody who decrypts what goes to a server, with a certificate of their own.
async fn somebody_between(server: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
    use tokio_rustls::rustls::{ServerConfig, crypto};
    const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("its key");
    let config = config.with_single_cert(vec![own.cert.der().clone()], key).expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let trusting = crate::support::tls::client(&crate::support::tls::Trust::Anyone, None).expect("a client");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let server = server.to_owned();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (acceptor, server, trusting) = (acceptor.clone(), server.clone(), trusting.clone());
            tokio::spawn(async move {
                let mut request = [0; 8];
                client.read_exact(&mut request).await?;
                client.write_all(b"S").await?;
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect(server).await?;
                server.write_all(&REQUEST).await?;
                server.read_u8().await?;
                let name = ServerName::try_from("127.0.0.1").expect("a name");
                let mut server = tokio_rustls::TlsConnector::from(trusting).connect(name, server).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    address
}

#[tokio::test]
async fn a_unix_socket_is_named_by_its_folder() {
    let server = started(Durability::Memory).await;
    let folder = tempfile::tempdir().expect("a folder");
    let listener = UnixListener::bind(folder.path().join(".s.PGSQL.6543")).expect("a socket");
    let there = socket(&server).to_owned();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&there).await.expect("the server");
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let (path, password) = (folder.path().display(), server.address.split([':', '@']).nth(2).expect("a password"));
    let encoded = path.to_string().replace('/', "%2F");
    for address in [
        format!("postgres:///postgres?host={path}&port=6543&user=postgres&password={password}"),
        format!("postgres://postgres:{password}@/postgres?host={encoded}&port=6543&sslmode=require"),
        format!("postgresql://postgres:{password}@{encoded}:6543/postgres"),
    ] {
        let store = open(&address, "reached", Durability::Memory).await.expect("opened through the socket");
        store.reset().await.expect("reset");
        assert_eq!(store.describe().await.expect("a description").settings["client.tls"], "none");
    }
    let nobody = format!("postgres:///postgres?host={path}&user=postgres");
    let missing = open(&nobody, "reached", Durability::Memory).await.err().expect("another port");
    assert!(missing.message.contains(&format!("no socket at {path}/.s.PGSQL.5432")), "{missing}");
}

#[tokio::test]
async fn of_several_hosts_the_first_that_is_as_asked_is_taken() {
    let (reading, writing) = (started(Durability::Memory).await, started(Durability::Memory).await);
    // Each has a password of its own, and an address has one.
    let word = reading.address.split([':', '@']).nth(2).expect("a password");
    connect(&writing.address).await.run(&format!("ALTER USER postgres PASSWORD '{word}'")).await.expect("set");
    let mut own = connect(&reading.address).await;
    own.run("ALTER SYSTEM SET default_transaction_read_only = on").await.expect("set");
    reload(&mut own).await;
    let (reads, writes) = (socket(&reading), socket(&writing));
    let at =
        |hosts: &str, role: &str| format!("postgres://postgres:{word}@{hosts}/postgres?target_session_attrs={role}");
    let port = async |address: &str| text(&mut connect(address).await, "SHOW port").await;
    let is_of = |port: &str, server: &str| server.ends_with(&format!(":{port}"));
    let all = format!("127.0.0.1:1,{reads},{writes}");
    assert!(is_of(&port(&at(&all, "read-write")).await, writes));
    assert!(is_of(&port(&at(&all, "any")).await, reads));
    assert!(is_of(&port(&at(&all, "primary")).await, reads), "it is no standby");
    let none = open(&at(&format!("127.0.0.1:1,{reads}"), "read-write"), "reached", Durability::Memory).await;
    let none = none.err().expect("none takes writes").message;
    assert!(none.contains("nothing listens at 127.0.0.1:1") && none.contains("takes no writes"), "{none}");
    let denied = open(&at(&all, "any").replace(word, "hunter2"), "reached", Durability::Memory).await;
    let denied = denied.err().expect("a wrong password");
    assert!(
        denied.kind == FailureKind::Denied && !denied.message.contains(writes),
        "the first refusal ends it: {denied}"
    );
}
