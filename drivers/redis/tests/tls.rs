//! TLS, with a certificate of our own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use super::*;

/// A server of this test's own that speaks TLS with a certificate of its own.
struct OverTls(Child);

impl Drop for OverTls {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn tls_is_spoken_with_a_certificate_that_is_known_and_with_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &at("key"), "-out", &at("certificate")]);
    assert!(openssl.stderr(Stdio::null()).status().expect("this test needs openssl").success());
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port().to_string();
    let binary = Redis::PROGRAM.and_then(|program| program.find().ok()).expect("a redis-server");
    let mut command = Command::new(binary.with_file_name("redis-server"));
    command.args(["--port", "0", "--bind", "127.0.0.1", "--save", "", "--tls-auth-clients", "no", "--tls-port", &port]);
    command.args(["--tls-cert-file", &at("certificate"), "--tls-key-file", &at("key")]);
    command.args(["--tls-ca-cert-file", &at("certificate")]).current_dir(folder.path());
    let _server = OverTls(command.stdout(Stdio::null()).spawn().expect("started"));
    let (mut opened, known) = (None, format!("rediss://localhost:{port}?tls_ca={}", at("certificate")));
    for _ in 0..100 {
        opened = Some(open(&known, "one").await);
        match &opened {
            Some(Err(failure)) if failure.kind == FailureKind::Unavailable => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            _ => break,
        }
    }
    let store = opened.expect("tried").expect("opened over TLS");
    store.reset().await.expect("reset");
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
    assert_eq!(store.describe().await.expect("a description").settings["client_tls"], "true");
    open(&format!("rediss://localhost:{port}"), "one").await.err().expect("a certificate that nobody knows");
    open(&format!("redis://localhost:{port}"), "one").await.err().expect("no TLS");
}
