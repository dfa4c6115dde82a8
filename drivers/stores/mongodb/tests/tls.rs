//! Encrypted connections, to a server with a certificate that only the test knows.

use super::locked::Other;
use super::*;

#[tokio::test]
async fn a_connection_is_encrypted_and_its_certificate_checked() {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certified = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let authority = file(&certificate);
    let both = file(&format!("{certificate}{key}"));
    let encrypted = Other::start(&["--tlsMode", "preferTLS", "--tlsCertificateKeyFile", &path(&both)]).await;

    let address = format!("mongodb://{}/?directConnection=true", encrypted.host);
    let known = format!("{address}&tls=true&tlsCAFile={}", path(&authority));
    let store = open(&known, "small", Durability::Durable).await.expect("opened over TLS");
    store.reset().await.expect("reset");
    assert_eq!(store.describe().await.expect("a description").settings["client_tls"], "on");
    let mut session = store.session().await.expect("a session");
    session.execute(&account(1, 1), &mut Rows::default()).await.expect("inserted");

    let unknown = open(&format!("{address}&tls=true"), "small", Durability::Durable).await.err();
    let unknown = unknown.expect("nobody vouches for it");
    assert_eq!(unknown.kind, FailureKind::Unavailable, "{unknown}");
    assert!(unknown.message.to_lowercase().contains("certificate"), "{unknown}");

    open(&address, "small", Durability::Durable).await.expect("either is taken");
    let require = doc! { "setParameter": 1, "tlsMode": "requireTLS" };
    encrypted.client("").await.database("admin").run_command(require).await.expect("set");
    let plain = open(&address, "small", Durability::Durable).await.err().expect("TLS is required");
    assert!(plain.message.ends_with("speaks TLS: write tls=true"), "{plain}");

    let plain = Other::start(&[]).await;
    let address = format!("mongodb://{}/?directConnection=true&tls=true&tlsCAFile={}", plain.host, path(&authority));
    let refused = open(&address, "small", Durability::Durable).await.err().expect("a server without TLS");
    assert_eq!(refused.kind, FailureKind::Unavailable, "{refused}");
    assert!(refused.message.contains("does not speak TLS: write tls=false"), "{refused}");
}

#[tokio::test]
async fn a_set_says_what_it_is_called_and_whom_it_trusts() {
    let other = Other::start(&[]).await;
    let at = |options: &str| format!("mongodb://{}/?{options}", other.host);
    let store = open(&at("replicaSet=other&w=majority&retryWrites=true"), "small", Durability::Durable).await;
    let settings = store.expect("opened").describe().await.expect("a description").settings;
    assert_eq!(settings["replica_set"], "other");
    assert!(settings["url.retryWrites"].contains("nothing is sent twice"), "{}", settings["url.retryWrites"]);
    for options in ["replicaSet=rs9", "replicaSet=rs9&directConnection=true"] {
        let wrong = open(&at(options), "small", Durability::Durable).await.err().expect("another name");
        assert!(wrong.message.contains("belongs to the replica set `other`"), "{wrong}");
        assert!(wrong.message.contains("write replicaSet=other"), "{wrong}");
    }
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), content).expect("written");
    file
}

fn path(file: &tempfile::NamedTempFile) -> String {
    file.path().display().to_string()
}
