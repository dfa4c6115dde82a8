//! Who is let in: tokens, their rights, a full server; and that no secret is shown.

use super::*;

/// A server with settings of the test's own, which ends with it.
struct Own {
    process: std::process::Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Own {
    async fn started(settings: impl Fn(&mut std::process::Command, &std::path::Path)) -> Own {
        let program = LibsqlServer::PROGRAM.expect("a program").find().expect("these tests need sqld");
        // A port that is free may be taken by another test until it is used.
        loop {
            let folder = tempfile::tempdir().expect("a folder");
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
            let address = format!("127.0.0.1:{}", port.expect("a port").port());
            let mut command = std::process::Command::new(&program);
            command
                .args(["--http-listen-addr", &address, "--no-welcome"])
                .arg("--db-path")
                .arg(folder.path().join("data"));
            settings(&mut command, folder.path());
            let quiet = std::process::Stdio::null;
            let process = command.stdout(quiet()).stderr(quiet()).spawn().expect("started");
            let mut own = Own { process, address: format!("http://{address}"), _folder: folder };
            let endpoint = super::super::launch::local(&own.address).expect("an endpoint");
            while own.process.try_wait().expect("its status").is_none() {
                if endpoint.ask("GET", "health", "").await.is_ok() {
                    return own;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// One that wants a token, signed with the other half of its key.
    async fn guarded() -> Own {
        const KEY: &str = "MCowBQYDK2VwAyEAnEQCnCsqbZl4lgpWnJKsP+I7Bfir0lnRg79IaIsM5Dk=";
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{KEY}\n-----END PUBLIC KEY-----\n");
        let with_key = |command: &mut std::process::Command, folder: &std::path::Path| {
            std::fs::write(folder.join("key.pem"), &pem).expect("a key");
            command.arg("--auth-jwt-key-file").arg(folder.join("key.pem"));
        };
        Own::started(with_key).await
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.process.kill().and_then(|()| self.process.wait()));
    }
}

/// To read and write.
const TOKEN: &str = concat!(
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJhIjoicncifQ.",
    "2CGh6YetJEYJ8kK-5GrA5NP8tXCiOzB89IzEXxB1vKa_izVewzBGdPipZWGdlCNmniFSTe0BTh7_YfQzBZZBAg"
);

/// To read only.
const READING_TOKEN: &str = concat!(
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJhIjoicm8ifQ.",
    "H49ji13Z5SRUJN7wAdEH8wdAfJPdAvxVzBR0W1m6hsKsWOdpym_E_etS8ut7wmg-jip8ggdD7GvqyrcMdWYhAQ"
);

#[tokio::test]
async fn without_the_right_token_nobody_is_let_in_and_no_token_is_shown() {
    let Own { address, .. } = &Own::guarded().await;
    let wrong = format!("{}wrong", &TOKEN[..TOKEN.len() - 5]);
    for query in [String::new(), format!("?authToken={wrong}"), "?authToken=hunter2".into()] {
        let failure = open(&format!("{address}{query}"), "one").await.err().expect("refused");
        assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
        let reported = format!("{failure} {failure:?}");
        assert!(!reported.contains("hunter2") && !reported.contains(&wrong), "{reported}");
    }
    let store = open(&format!("{address}?authToken={TOKEN}"), "one").await.expect("let in");
    store.reset().await.expect("reset");
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn who_may_only_read_is_denied_to_write() {
    let server = Own::guarded().await;
    let store = open(&format!("{}?authToken={TOKEN}", server.address), "one").await.expect("let in");
    store.reset().await.expect("reset");
    let reader = open(&format!("{}?authToken={READING_TOKEN}", server.address), "one").await.expect("let in");
    let mut session = reader.session().await.expect("a session");
    let missing = run(&mut session, &read(1, Key::Int(1))).await.expect_err("nothing there");
    assert_eq!(missing.kind, FailureKind::Missing);
    let failure = run(&mut session, &account(1, 1)).await.expect_err("not allowed");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    assert_eq!(reader.reset().await.expect_err("not allowed").kind, FailureKind::Denied);
}

#[tokio::test]
async fn a_full_server_is_told_from_one_that_is_gone() {
    let few = |command: &mut std::process::Command, _: &std::path::Path| {
        command.args(["--max-concurrent-connections", "2"]);
    };
    let server = Own::started(few).await;
    let store = open_in(&server.address, "one", Duration::from_secs(10)).await.expect("opened");
    let mut sessions = Vec::new();
    let failure = loop {
        match store.session().await {
            Ok(session) => sessions.push(session),
            Err(failure) => break failure,
        }
    };
    assert!(sessions.len() <= 2, "{} of 2", sessions.len());
    assert_eq!(failure.kind, FailureKind::Overload, "{failure}");
}

#[tokio::test]
async fn passwords_in_urls_are_refused_and_not_shown() {
    let failure = open("http://ada:hunter2@127.0.0.1:1", "one").await.err().expect("refused");
    assert!(failure.message.contains("authToken") && !format!("{failure:?}").contains("hunter2"), "{failure:?}");
    for address in ["http://", "http://:80", "http://host:99999", "http://host:x"] {
        assert_eq!(open(address, "one").await.err().expect("refused").kind, FailureKind::Broken, "{address}");
    }
}
