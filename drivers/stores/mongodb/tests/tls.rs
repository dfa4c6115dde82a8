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

    let plain = Other::start(&[]).await;
    let address = format!("mongodb://{}/?directConnection=true&tls=true&tlsCAFile={}", plain.host, path(&authority));
    let refused = open(&address, "small", Durability::Durable).await.err().expect("a server without TLS");
    assert_eq!(refused.kind, FailureKind::Unavailable, "{refused}");
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), content).expect("written");
    file
}

fn path(file: &tempfile::NamedTempFile) -> String {
    file.path().display().to_string()
}
