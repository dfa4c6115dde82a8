//! What is the libSQL server's own and so not in the conformance suite: durability, credentials, connections that
//! break, and the care for databases of others.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{
    Address, Change, Done, FailureKind, Field, Fields, Fold, Key, KeyKind, Kind, Log, Matching, Order, Part, Point,
    Record, Rows, Series, Session, Table, Value, server,
};

fn dataset(name: &str) -> Arc<Dataset> {
    let field = |name: &str, kind| Field { name: name.into(), kind, optional: false };
    let users = vec![field("name", Kind::Text), field("age", Kind::Int)];
    let accounts = vec![field("balance", Kind::Int), Field { optional: true, ..field("limit", Kind::Int) }];
    Arc::new(Dataset {
        name: name.into(),
        tables: vec![
            Table { name: "users".into(), key: KeyKind::Text, fields: users, indexes: vec![1] },
            Table { name: "accounts".into(), key: KeyKind::Int, fields: accounts, indexes: vec![0] },
        ],
        logs: vec![Log { name: "events".into(), stream: KeyKind::Int, fields: vec![field("what", Kind::Text)] }],
        series: vec![Series { name: "cpu".into(), metrics: vec!["busy".into(), "idle".into()] }],
    })
}

async fn open(address: &str, workload: &str) -> Result<LibsqlServer, Failure> {
    open_in(address, workload, Duration::from_secs(2)).await
}

async fn open_in(address: &str, workload: &str, timeout: Duration) -> Result<LibsqlServer, Failure> {
    let address: Address = address.parse().expect("an address");
    let opening = Opening { timeout, ..Opening::new(dataset(workload), Durability::Memory) };
    LibsqlServer::open(address.config().expect("its options"), opening).await
}

async fn served(tier: Durability) -> Server {
    server::start::<LibsqlServer>(tier).await.expect("these tests need sqld")
}

async fn ready(server: &Server, workload: &str) -> LibsqlServer {
    let store = open(&server.address, workload).await.expect("opened");
    store.reset().await.expect("reset");
    store.settle().await.expect("settled");
    store
}

fn user(key: &str, name: &str) -> Op {
    Op::Insert { table: 0, key: Key::Text(key.into()), record: vec![Value::Text(name.into()), Value::Int(1)] }
}

fn account(key: i64, balance: i64) -> Op {
    Op::Insert { table: 1, key: Key::Int(key), record: vec![Value::Int(balance), Value::Null] }
}

fn bump(key: i64, by: i64, floor: Option<i64>) -> Op {
    Op::Bump { table: 1, key: Key::Int(key), field: 0, by, floor }
}

fn read(table: usize, key: Key) -> Op {
    Op::Read { table, key, fields: Fields::All }
}

async fn run(session: &mut LibsqlServerSession, op: &Op) -> Result<Done, Failure> {
    session.execute(op, &mut Rows::default()).await
}

#[tokio::test]
async fn each_tier_is_set_and_read_back() {
    for (tier, synchronous) in [(Durability::Memory, "0"), (Durability::Relaxed, "1"), (Durability::Durable, "2")] {
        let server = served(tier).await;
        let description = ready(&server, "one").await.describe().await.expect("a description");
        assert_eq!(description.guarantees.durability, tier, "{}", description.guarantees.because);
        assert_eq!(description.settings["synchronous"], synchronous);
        assert_eq!(description.settings["wal_autocheckpoint"], "0", "checkpoints by time");
        assert!(description.version.starts_with("sqld 0."), "{}", description.version);
        assert!(!description.settings.values().any(String::is_empty));
    }
}

#[test]
fn only_what_is_synced_at_each_commit_is_called_durable() {
    let tier = |journal, synchronous| guarantees(journal, synchronous).durability;
    assert_eq!(tier("wal", "2"), Durability::Durable);
    assert_eq!(tier("wal", "3"), Durability::Durable);
    assert_eq!(tier("wal", "1"), Durability::Relaxed);
    assert_eq!(tier("wal", "0"), Durability::Memory);
    assert_eq!(tier("delete", "2"), Durability::Memory);
    assert!(guarantees("wal", "1").because.contains("durability_mode"));
}

#[tokio::test]
async fn in_a_database_of_others_nothing_but_our_own_is_touched() {
    let server = served(Durability::Memory).await;
    let one = open(&server.address, "one").await.expect("opened");
    let mut theirs = one.stream().await.expect("a stream");
    assert_eq!(tables(&mut theirs).await, [""; 0], "opening creates nothing");
    theirs.run("CREATE TABLE STOREBENCH_ONE_EVENTS (precious TEXT)", &[]).await.expect("a table");
    let refusal = one.reset().await.expect_err("a foreign table");
    assert_eq!(refusal.kind, FailureKind::Broken);
    assert!(refusal.message.contains("`storebench_one_events`") && refusal.message.contains("did not make"));
    assert_eq!(tables(&mut theirs).await, ["STOREBENCH_ONE_EVENTS"], "a refused reset leaves nothing");

    theirs.run("ALTER TABLE STOREBENCH_ONE_EVENTS RENAME TO mine", &[]).await.expect("renamed");
    one.reset().await.expect("reset");
    one.reset().await.expect("our own tables give way");
    one.note("a note").await.expect("noted");
    let other = open(&server.address, "other").await.expect("opened");
    assert_eq!(other.noted().await.expect("none"), None);
    other.reset().await.expect("another workload has tables of its own");
    one.close(false).await.expect("closed");
    assert_eq!(tables(&mut theirs).await.iter().filter(|name| name.starts_with("storebench_one")).count(), 0);
    assert!(tables(&mut theirs).await.contains(&"storebench_other_users".into()));
    other.close(false).await.expect("closed");
    assert_eq!(tables(&mut theirs).await, ["mine"]);
}

async fn tables(stream: &mut Stream) -> Vec<String> {
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    stream.texts(tables, &[]).await.expect("a list")
}

#[tokio::test]
async fn what_the_data_weighs_is_ours_alone() {
    let server = served(Durability::Memory).await;
    let (one, other) = (ready(&server, "one").await, ready(&server, "other").await);
    let weight = |store: LibsqlServer| async move {
        let footprint = store.footprint().await.expect("a footprint");
        (footprint.disk_bytes.expect("bytes"), store)
    };
    let (before, one) = weight(one).await;
    let (others_before, other) = weight(other).await;
    let mut session = one.session().await.expect("a session");
    let users = (0..1000).map(|number| user(&format!("user {number}"), &"x".repeat(500))).collect();
    session.load(&Op::Batch(users)).await.expect("loaded");
    assert!(weight(one).await.0 > before + 500_000);
    assert_eq!(weight(other).await.0, others_before);
}

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
            let endpoint = local(&own.address).expect("an endpoint");
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
        let told = format!("{failure} {failure:?}");
        assert!(!told.contains("hunter2") && !told.contains(&wrong), "{told}");
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

#[tokio::test]
async fn who_does_not_answer_is_unavailable_at_once() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let silent = free.expect("a port that nobody listens on");
    let started = Instant::now();
    let failure = open(&format!("http://{silent}"), "one").await.err().expect("nobody there");
    assert!(failure.kind == FailureKind::Unavailable && failure.message.contains(&silent.to_string()), "{failure}");
    assert!(started.elapsed() < Duration::from_secs(1));
    let hangs = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let failure = open(&format!("http://{}", hangs.local_addr().expect("its address")), "one").await;
    assert_eq!(failure.err().expect("nothing is said").kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn a_server_of_something_else_is_told_apart() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    let answer = async {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        assert!(connection.read(&mut [0; 1024]).await.expect("a request") > 0);
        connection.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.expect("answered");
    };
    let (opened, ()) = tokio::join!(open(&address, "one"), answer);
    let failure = opened.err().expect("refused");
    assert!(failure.kind == FailureKind::Broken && failure.message.contains("Hrana"), "{failure}");
}

#[tokio::test]
async fn a_killed_server_fails_what_is_under_way_at_once() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &user("a", "a")).await.expect("inserted");
    let mut blocker = store.stream().await.expect("a stream");
    blocker.run("BEGIN IMMEDIATE", &[]).await.expect("the write lock");
    let kill = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let pid = nix::unistd::Pid::from_raw(server.pid());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("killed");
        Instant::now()
    };
    let insert = user("b", "b");
    let (ended, killed) = tokio::join!(run(&mut session, &insert), kill);
    assert_eq!(ended.expect_err("cut off").kind, FailureKind::Unavailable);
    assert!(killed.elapsed() < Duration::from_secs(1));
    assert_eq!(run(&mut session, &insert).await.expect_err("gone").kind, FailureKind::Unavailable);
    assert_eq!(store.session().await.err().expect("gone").kind, FailureKind::Unavailable);
}

/// Passes bytes on between a client and a server, and from the server no more than so many.
async fn cut_after(server: &str, bytes: usize) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    let server = server.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("a client");
        let server = tokio::net::TcpStream::connect(server).await.expect("the server");
        let (mut from_client, mut to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        let up = tokio::io::copy(&mut from_client, &mut to_server);
        let mut some = from_server.take(bytes as u64);
        let down = tokio::io::copy(&mut some, &mut to_client);
        tokio::select! { _ = up => (), _ = down => () }
    });
    address
}

#[tokio::test]
async fn an_answer_that_is_cut_is_no_answer() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &user("a", &"long ".repeat(100))).await.expect("inserted");
    for bytes in [0, 10, 100, 200, 300, 500] {
        let cut = cut_after(&server.address, bytes).await;
        let config = Config { location: Some(cut), ..Config::default() };
        let endpoint = Arc::new(Endpoint::new(&config, Duration::from_secs(2)).expect("an endpoint"));
        let cut = LibsqlServer { endpoint, dataset: store.dataset.clone(), named: store.named.clone() };
        let ended = match cut.session().await {
            Ok(mut session) => run(&mut session, &read(0, Key::Text("a".into()))).await.err(),
            Err(failure) => Some(failure),
        };
        let failure = ended.unwrap_or_else(|| panic!("{bytes} bytes were enough"));
        assert_eq!(failure.kind, FailureKind::Unavailable, "{bytes}: {failure}");
    }
}

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
    let no_file = open(&format!("https://{address}?ca=/nowhere.pem"), "one").await.err().expect("no file");
    assert!(no_file.kind == FailureKind::Broken && no_file.message.contains("/nowhere.pem"), "{no_file}");
}

#[tokio::test]
async fn a_transaction_that_keeps_the_lock_too_long_is_a_conflict_and_gives_way() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &account(1, 0)).await.expect("inserted");
    let mut slow = store.stream().await.expect("a stream");
    slow.run("BEGIN IMMEDIATE", &[]).await.expect("the write lock");
    // After 5 s sqld takes the lock from who keeps it.
    run(&mut session, &Op::Transact(vec![bump(1, 1, None), bump(1, 1, None)])).await.expect("the lock in the end");
    let late = slow.run("COMMIT", &[]).await.expect_err("rolled back");
    assert_eq!(late.kind, FailureKind::Conflict, "{late}");
}

#[tokio::test]
async fn a_session_that_goes_leaves_no_transaction_behind() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut gone = store.stream().await.expect("a stream");
    gone.run("BEGIN IMMEDIATE", &[]).await.expect("the write lock");
    drop(gone);
    let started = Instant::now();
    run(&mut store.session().await.expect("a session"), &account(1, 0)).await.expect("inserted");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn more_texts_than_the_server_keeps_are_no_trouble() {
    let server = served(Durability::Memory).await;
    let mut session = ready(&server, "one").await.session().await.expect("a session");
    let event: Record = vec![Value::Text("x".into())];
    for number in (1..=160).chain([1, 100, 160]) {
        let events = vec![event.clone(); number];
        run(&mut session, &Op::Append { log: 0, stream: Key::Int(number as i64), events }).await.expect("appended");
    }
    let mut events = 0;
    session.export(Part::Log(0), &mut |_| events += 1).await.expect("exported");
    assert_eq!(events, (1..=160).sum::<usize>() + 261);
}

#[tokio::test]
async fn what_is_exported_and_loaded_may_be_large() {
    let server = served(Durability::Memory).await;
    let mut session = ready(&server, "one").await.session().await.expect("a session");
    let users = (0..20_000).map(|number| user(&format!("{number:05}"), &"x".repeat(1000))).collect();
    session.load(&Op::Batch(users)).await.expect("loaded");
    let points = (0..1000).map(|at_ms| Point { entity: 1, at_ms, metrics: vec![0.5, 1.0] }).collect();
    run(&mut session, &Op::Ingest { series: 0, points }).await.expect("ingested");
    let (mut users, mut points) = (0, 0);
    session.export(Part::Table(0), &mut |_| users += 1).await.expect("exported");
    session.export(Part::Series(0), &mut |_| points += 1).await.expect("exported");
    assert_eq!((users, points), (20_000, 1000));
    let taken = session.load(&Op::Batch(vec![user("new", "x"), user("00001", "x")])).await.expect_err("taken");
    assert_eq!(taken.kind, FailureKind::Exists, "{taken}");
}

/// An operation for each statement that reads or changes existing rows.
fn searching() -> Vec<Op> {
    let (from_ms, to_ms, limit, fields) = (0, 10, 5, Fields::All);
    let (ada, between) = (Key::Text("ada".into()), Matching::Between(Value::Int(1), Value::Int(2)));
    let find = |table, field, matching: &Matching, order| {
        let fields = Fields::All;
        Op::Find { table, field, matching: matching.clone(), order, limit, fields }
    };
    vec![
        read(0, ada.clone()),
        Op::Update { table: 0, key: ada.clone(), changes: vec![Change { field: 1, value: Value::Int(1) }] },
        Op::Delete { table: 0, key: ada.clone() },
        bump(1, 1, Some(0)),
        Op::Scan { table: 0, from: ada, limit, fields: fields.clone() },
        Op::Scan { table: 1, from: Key::Int(1), limit, fields },
        find(0, 1, &Matching::Equal(Value::Int(1)), Order::Descending),
        find(1, 0, &between, Order::Ascending),
        Op::Tail { log: 0, stream: Key::Int(1), limit },
        Op::Last { series: 0, entity: 1 },
        Op::Range { series: 0, entity: 1, from_ms, to_ms },
        Op::Above { series: 0, metric: 0, threshold: 0.5, from_ms, to_ms, limit },
        Op::Window { series: 0, entity: 1, metric: 0, from_ms, to_ms, every_ms: 1, fold: Fold::Mean },
    ]
}

#[tokio::test]
async fn no_operation_reads_a_whole_table() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut stream = store.stream().await.expect("a stream");
    for op in searching() {
        let statement = &store.binding(&op).statements[0];
        let plan = stream.run(&format!("EXPLAIN QUERY PLAN {statement}"), &[]).await.expect("a plan");
        let steps: Vec<String> = plan.rows().map(|row| format!("{:?}", row.expect("a step").last())).collect();
        assert!(
            steps[0].contains("SEARCH") && !steps.iter().any(|step| step.contains("SCAN")),
            "{statement}: {steps:?}"
        );
    }
}

#[tokio::test]
async fn what_is_sent_is_told() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let told = |op: &Op| {
        let Binding { statements, round_trips } = store.binding(op);
        assert_eq!(round_trips, 1, "{}", op.verb());
        statements
    };
    let changed = "SELECT abs(CASE changes() WHEN 0 THEN -9223372036854775808 ELSE 0 END)";
    assert_eq!(
        told(&Op::Transact(vec![bump(1, -5, Some(0)), Op::Delete { table: 0, key: Key::Text("a".into()) }])),
        [
            "BEGIN IMMEDIATE",
            "UPDATE \"storebench_one_accounts\" SET \"balance\" = \"balance\" + ?1 WHERE \"key\" = ?2 \
             AND \"balance\" + ?1 >= ?3",
            changed,
            "SELECT \"key\", \"balance\" FROM \"storebench_one_accounts\" WHERE \"key\" = ? \
             -- only if the statement before it failed",
            "DELETE FROM \"storebench_one_users\" WHERE \"key\" = ?",
            changed,
            "COMMIT",
            "ROLLBACK -- only if a transaction is open",
        ]
    );
    let points = vec![Point { entity: 1, at_ms: 1, metrics: vec![0.5, 1.0] }; 2];
    assert_eq!(
        told(&Op::Ingest { series: 0, points }),
        ["INSERT INTO \"storebench_one_cpu\" (\"entity\", \"at\", \"busy\", \"idle\") \
             VALUES (?, ?, ?, ?), (?, ?, ?, ?) \
          ON CONFLICT (\"entity\", \"at\") DO UPDATE SET \"busy\" = excluded.\"busy\", \"idle\" = excluded.\"idle\""]
    );
    assert_eq!(told(&Op::Batch(vec![user("a", "a"), user("b", "b")]))[1].matches("2 times").count(), 1);
    assert!(told(&bump(1, 1, Some(0)))[1].contains("only if no row changed"));
    let layout = store.describe().await.expect("a description").layout;
    assert!(layout[0].starts_with("users: CREATE TABLE \"storebench_one_users\""), "{layout:?}");
}
