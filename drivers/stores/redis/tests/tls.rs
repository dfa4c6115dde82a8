//! TLS, with certificates of our own.

use super::*;

/// Makes a certificate that is its own authority, and its key, in files of a folder.
fn certify(folder: &tempfile::TempDir, name: &str) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let write = |kind: &str, text: String| std::fs::write(folder.path().join(format!("{name}.{kind}")), text);
    write("crt", own.cert.pem()).and_then(|()| write("key", own.signing_key.serialize_pem())).expect("written");
}

/// A server that speaks TLS with the certificate `server`, and trusts `client` if it asks for a certificate.
fn over_tls(asks: &str) -> CustomServer {
    let folder = tempfile::tempdir().expect("a folder");
    ["server", "client", "other"].iter().for_each(|name| certify(&folder, name));
    CustomServer::start(folder, |port| {
        let files = "--tls-cert-file server.crt --tls-key-file server.key --tls-ca-cert-file client.crt";
        let ports = format!("--bind 127.0.0.1 --port 0 --tls-port {port} --tls-auth-clients {asks}");
        format!("{files} {ports}").split(' ').map(str::to_owned).collect()
    })
}

impl CustomServer {
    /// Its address with the certificate of the server and these options, in which `@` stands for the folder.
    fn rediss(&self, options: &str) -> String {
        let folder = self.folder.path().display().to_string();
        format!("rediss://localhost:{}?tls_ca=@/server.crt{options}", self.port).replace('@', &folder)
    }
}

#[tokio::test]
async fn only_a_known_certificate_is_accepted() {
    let server = over_tls("no");
    let store = server.open(&server.rediss("")).await.expect("opened over TLS");
    store.reset().await.expect("reset");
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
    assert_eq!(store.describe().await.expect("a description").settings["client_tls"], "true");
    let port = server.port;
    open(&format!("rediss://localhost:{port}"), "one").await.err().expect("an unknown certificate");
    let plain = open(&format!("redis://localhost:{port}"), "one").await.err().expect("no TLS");
    assert!(plain.message.ends_with("speaks TLS: write rediss://"), "{plain}");
    let anybody = open(&format!("rediss://localhost:{port}#insecure"), "one").await.expect("nobody is asked");
    let settings = anybody.describe().await.expect("a description").settings;
    assert_eq!(settings["client_tls"], "true, accepting any certificate");
}

#[tokio::test]
async fn our_certificate_is_sent_to_a_server_that_asks_for_one() {
    let server = over_tls("yes");
    let ours = server.rediss("&tls_cert=@/client.crt&tls_key=@/client.key");
    let store = server.open(&ours).await.expect("opened over TLS");
    store.reset().await.expect("reset");
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
    for refused in ["", "&tls_cert=@/other.crt&tls_key=@/other.key"] {
        let failure = open(&server.rediss(refused), "one").await.err().expect("it trusts one certificate");
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    }
    for (options, problem) in [
        ("&tls_cert=@/client.crt", "tls_cert and tls_key belong together"),
        ("&tls_cert=@/client.crt&tls_key=@/other.key", "other.key: "),
        ("&tls_cert=@/client.crt&tls_key=@/client.crt", "client.crt: it holds no private key"),
        ("&tls_cert=@/client.key&tls_key=@/client.key", "client.key: it holds no certificate"),
        ("&tls_cert=@/none&tls_key=@/client.key", "tls_cert="),
    ] {
        let failure = open(&server.rediss(options), "one").await.err().expect(problem);
        assert!(failure.kind == FailureKind::Broken && failure.message.contains(problem), "{failure}");
    }
    let plain = open(&ours.replace("rediss", "redis"), "one").await.err().expect("options for TLS");
    assert!(plain.message.contains("rediss:// only"), "{plain}");
}

#[tokio::test]
async fn tls_is_not_spoken_to_a_server_without_it() {
    let server = CustomServer::start(tempfile::tempdir().expect("a folder"), |port| {
        format!("--bind 127.0.0.1 --port {port} --save").split(' ').map(str::to_owned).chain([String::new()]).collect()
    });
    server.open(&format!("redis://127.0.0.1:{}", server.port)).await.expect("opened");
    let refused = open(&format!("rediss://127.0.0.1:{}", server.port), "one").await.err().expect("no TLS");
    assert!(refused.message.contains("does not speak TLS: write redis://"), "{refused}");
}

#[tokio::test]
async fn a_socket_is_reached_and_a_protocol_that_is_not_spoken_is_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("r.sock").display().to_string();
    let server = CustomServer::start(folder, |_| {
        let arguments = format!("--port 0 --requirepass hunter2 --unixsocket {socket}");
        arguments.split(' ').map(str::to_owned).collect()
    });
    for scheme in ["unix", "redis+unix", "valkey+unix"] {
        let address = format!("{scheme}://{socket}?db=3&password=hunter2&protocol=3");
        let store = server.open(&address).await.expect("opened through the socket");
        store.reset().await.expect("reset");
        apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
        let settings = store.describe().await.expect("a description").settings;
        assert_eq!(settings["client_protocol"], "RESP2");
        assert!(settings["url.protocol"].starts_with("3: RESP2 is spoken"), "{}", settings["url.protocol"]);
    }
    let gone = open("unix:///nowhere/at/all", "one").await.err().expect("no socket");
    assert!(gone.message.contains("there is no socket at /nowhere/at/all"), "{gone}");
}
