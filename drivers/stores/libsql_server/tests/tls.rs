//! Encrypted connections, against a server of TLS before the real one.

use super::*;

/// A server of TLS that passes on to another, and its certificate in a file.
async fn encrypted(server: &str) -> (String, tempfile::NamedTempFile) {
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::{ServerConfig, crypto};
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, own.cert.pem()).expect("written");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("its key");
    let config = config.with_single_cert(vec![own.cert.der().clone()], key).expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let server = server.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, server) = (acceptor.clone(), server.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                let mut server = tokio::net::TcpStream::connect(server).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    (address, file)
}

#[tokio::test]
async fn a_connection_is_encrypted_and_its_certificate_checked() {
    let server = served(Durability::Memory).await;
    let (address, certificate) = encrypted(&server.address).await;
    let ca = certificate.path().display();
    for scheme in ["https", "libsql"] {
        let store = open(&format!("{scheme}://{address}?ca={ca}"), "one").await.expect("trusted");
        store.reset().await.expect("reset");
        let description = store.describe().await.expect("a description");
        assert!(description.settings["client_connection"].starts_with("TLS"));
        assert!(description.version.starts_with("sqld"), "{}", description.version);
    }
    let (_, others) = encrypted(&server.address).await;
    let failure = open(&format!("https://{address}?ca={}", others.path().display()), "one").await;
    let failure = failure.err().expect("not trusted");
    assert!(failure.kind == FailureKind::Unavailable && failure.message.contains("certificate"), "{failure}");
    let plain = open(&format!("http://{address}"), "one").await.err().expect("no TLS");
    assert!(plain.message.contains("speaks TLS: write https:// or libsql://"), "{plain}");
    let without = server.address.replace("http://", "https://");
    let without = open(&without, "one").await.err().expect("a server without TLS");
    assert!(without.message.contains("does not speak TLS: write http://"), "{without}");
    let no_file = open(&format!("https://{address}?ca=/nowhere.pem"), "one").await.err().expect("no file");
    assert!(no_file.kind == FailureKind::Broken && no_file.message.contains("/nowhere.pem"), "{no_file}");
}
