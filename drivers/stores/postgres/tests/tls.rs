//! Encrypted connections, to a server with a certificate that it made itself.

use super::*;

const MAKE_CERTIFICATE: &str = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
    -keyout server.key -out server.crt 2>/dev/null";

#[tokio::test]
async fn connections_are_encrypted_and_verified_as_asked() {
    let server = started(Durability::Memory).await;
    let mut plain = connect(&server.address).await;
    plain.run(&format!("COPY (SELECT) TO PROGRAM '{MAKE_CERTIFICATE}'")).await.expect("openssl made a certificate");
    let certificate = text(&mut plain, "SELECT pg_read_file('server.crt')").await;
    let authorities = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(authorities.path(), certificate).expect("written");

    let refused = open(&format!("{}?sslmode=require", server.address), "tls", Durability::Memory).await;
    let refused = refused.err().expect("a server without TLS");
    assert_eq!(refused.kind, FailureKind::Unavailable, "{refused}");
    plain.run("ALTER SYSTEM SET ssl = on").await.expect("set");
    plain.run("SELECT pg_reload_conf()").await.expect("reloaded");
    tokio::time::sleep(Duration::from_millis(300)).await;

    let given = authorities.path().display();
    for (options, encrypted) in [
        ("?sslmode=disable".to_owned(), false),
        (String::new(), true),
        ("?sslmode=require".to_owned(), true),
        (format!("?sslmode=verify-full&sslrootcert={given}"), true),
    ] {
        let store = open(&format!("{}{options}", server.address), "tls", Durability::Memory).await.expect("opened");
        store.reset().await.expect("reset");
        let reported = store.describe().await.expect("a description").settings["client.tls"].clone();
        assert_eq!(reported.starts_with("TLSv1.3"), encrypted, "{options}: {reported}");
        run(&mut store.session().await.expect("a session"), &account(1, 1)).await.expect("inserted");
    }
    let unknown = open(&format!("{}?sslmode=verify-full", server.address), "tls", Durability::Memory).await;
    let unknown = unknown.err().expect("nobody vouches for it");
    assert_eq!(unknown.kind, FailureKind::Unavailable, "{unknown}");
    assert!(unknown.message.to_lowercase().contains("certificate"), "{unknown}");
    for options in ["?sslmode=require&sslrootcert=/x", "?sslmode=verify-full&sslrootcert=/nowhere/at/all"] {
        let failure = open(&format!("{}{options}", server.address), "tls", Durability::Memory).await.err();
        assert!(failure.expect("refused").message.contains("sslrootcert"), "{options}");
    }
}
