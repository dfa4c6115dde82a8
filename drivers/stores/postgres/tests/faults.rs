//! What goes wrong on the way to a server and on it: each ends in its kind of failure, at once, and without a password.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Instant;

use super::*;

/// What a failure may take that has nothing to wait for, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn who_may_not_come_in_is_denied_and_no_password_is_told() {
    let server = started(Durability::Memory).await;
    let mut connection = connect(&server.address).await;
    let hba = text(&mut connection, "SHOW hba_file").await;
    let rules = "host all ada 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust";
    connection
        .run("CREATE ROLE ada LOGIN PASSWORD 'hunter2'; CREATE ROLE bob LOGIN CONNECTION LIMIT 0")
        .await
        .expect("made");
    connection.run(&format!("COPY (SELECT regexp_split_to_table('{rules}', '\n')) TO '{hba}'")).await.expect("written");
    connection.run("SELECT pg_reload_conf()").await.expect("reloaded");
    tokio::time::sleep(Duration::from_millis(300)).await;

    let at = |user: &str, database: &str| {
        let (_, host) = server.address.split_once('@').expect("a user");
        format!("postgres://{user}@{}/{database}", host.rsplit_once('/').expect("a path").0)
    };
    let store = open(&at("ada:hunter2", "postgres"), "denied", Durability::Memory).await.expect("the right password");
    let refusal = store.reset().await.expect_err("ada may make no schema");
    assert_eq!(refusal.kind, FailureKind::Denied, "{refusal}");
    for (address, kind) in [
        (at("ada:hunter3", "postgres"), FailureKind::Denied),
        (at("ada", "postgres"), FailureKind::Denied),
        (at("ada:hunter2", "nowhere"), FailureKind::Denied),
        (at("nobody", "postgres"), FailureKind::Denied),
        (at("bob", "postgres"), FailureKind::Overload),
        ("postgres://ada:hunter2@127.0.0.1:1/postgres".into(), FailureKind::Unavailable),
        ("postgres://ada:hunter2@127.0.0.1:many/postgres".into(), FailureKind::Broken),
    ] {
        let failure = open(&address, "denied", Durability::Memory).await.err().expect("refused");
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(!format!("{failure} {failure:?}").contains("hunter"), "{failure:?}");
    }
}

#[tokio::test]
async fn nobody_else_comes_in_and_the_password_is_nowhere_told() {
    let server = started(Durability::Memory).await;
    let (credentials, host) = server.address.split_once('@').expect("credentials");
    let password = credentials.rsplit(':').next().expect("a password");
    for stranger in ["postgres", "postgres:", "postgres:postgres"] {
        let failure = open(&format!("postgres://{stranger}@{host}"), "stranger", Durability::Memory).await.err();
        assert_eq!(failure.expect("refused").kind, FailureKind::Denied, "{stranger}");
    }
    let store = open(&server.address, "told", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    let description = store.describe().await.expect("a description");
    let gone = open(&format!("{credentials}@{}", host.replace("/postgres", "/nowhere")), "told", Durability::Memory)
        .await
        .err();
    let reported = format!("{description:?} {:?} {server:?} {}", gone.expect("no such database"), server.log());
    assert!(!reported.contains(password) && reported.contains("127.0.0.1"), "{reported}");

    let mut connection = connect(&server.address).await;
    connection.run("CREATE TEMP TABLE found (who text); COPY found FROM PROGRAM 'id -un'").await.expect("run");
    let who = text(&mut connection, "SELECT who FROM found").await;
    let ours = nix::unistd::User::from_uid(nix::unistd::geteuid()).expect("users").expect("ours").name;
    assert_eq!(who, if ours == "root" { "nobody" } else { &ours }, "not whoever owns the system's databases");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unavailable_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("postgres://ada@{}/x", listener.local_addr().expect("an address"));
    let opening = Opening { timeout: Duration::from_millis(200), ..Opening::new(dataset("x"), Durability::Memory) };
    let began = Instant::now();
    let failure = open_with(&address, opening).await.err().expect("no answer");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert!(began.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn without_an_address_there_is_a_sentence() {
    let failure = Postgres::open(Config::default(), Opening::new(dataset("x"), Durability::Memory)).await.err();
    assert!(failure.expect("nowhere").message.contains("postgres://"));
}

#[tokio::test]
async fn a_statement_that_lasts_too_long_is_ended_by_the_server() {
    let store = ready("locks").await;
    run(&mut store.session().await.expect("a session"), &account(1, 1)).await.expect("inserted");
    let mut holder = inside(&store).await;
    holder.run("BEGIN; UPDATE accounts SET balance = 2").await.expect("locked");
    let opening = Opening { timeout: Duration::from_secs(1), ..Opening::new(dataset("locks"), Durability::Memory) };
    let hasty = open_with(shared(), opening).await.expect("opened");
    let mut session = hasty.session().await.expect("a session");
    for op in [bump(1, 1, None), Op::Transact(vec![account(2, 2), bump(1, 1, None)])] {
        let failure = run(&mut session, &op).await.expect_err("locked");
        assert_eq!(failure.kind, FailureKind::Timeout, "{failure}");
    }
    holder.run("ROLLBACK").await.expect("released");
    run(&mut session, &account(2, 2)).await.expect("the transaction left nothing, and the session can go on");
}

#[tokio::test]
async fn a_conflict_is_told_and_not_tried_again() {
    let opening = || Opening::new(dataset("conflicts"), Durability::Memory);
    let address = format!("{}?isolation=serializable", shared());
    let store = open_with(&address, opening()).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("settled");
    let mut session = store.session().await.expect("a session");
    run(&mut session, &account(1, 1)).await.expect("inserted");
    let mut holder = inside(&store).await;
    holder.run("BEGIN; UPDATE accounts SET balance = 2").await.expect("locked");
    let bumped = bump(1, 1, None);
    let (failed, ()) = tokio::join!(run(&mut session, &bumped), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        holder.run("COMMIT").await.expect("committed");
    });
    assert_eq!(failed.expect_err("it has changed since").kind, FailureKind::Conflict);
    run(&mut session, &bumped).await.expect("the same again");
}

#[tokio::test]
async fn a_killed_server_fails_what_is_under_way_and_what_comes_after() {
    let server = started(Durability::Memory).await;
    let store = open(&server.address, "killed", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("settled");
    let mut session = store.session().await.expect("a session");
    run(&mut session, &account(1, 1)).await.expect("inserted");
    let mut holder = inside(&store).await;
    holder.run("BEGIN; UPDATE accounts SET balance = 2").await.expect("locked");
    let backend = text(
        &mut connect(&server.address).await,
        "SELECT max(pid)::text FROM pg_stat_activity WHERE query LIKE 'INSERT INTO %\"accounts\"%'",
    )
    .await;
    let kill = |pid: i32| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);

    let bumped = bump(1, 1, None);
    let began = Instant::now();
    let (failed, ()) = tokio::join!(run(&mut session, &bumped), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        kill(server.pid()).expect("the server killed");
        kill(backend.parse().expect("a pid")).expect("its process for the session killed");
    });
    let failure = failed.expect_err("nobody answers");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert_eq!(run(&mut session, &bumped).await.expect_err("gone").kind, FailureKind::Unavailable);
    assert_eq!(store.session().await.err().expect("gone").kind, FailureKind::Unavailable);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_crashes_ends_and_says_why() {
    let server = started(Durability::Memory).await;
    assert_eq!(server.ended(), None);
    let mut connection = connect(&server.address).await;
    let backend: i32 = text(&mut connection, "SELECT pg_backend_pid()::text").await.parse().expect("a pid");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(backend), nix::sys::signal::SIGABRT).expect("as a PANIC does");
    let ended = async {
        while server.is_running() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(AT_ONCE, ended).await.expect("it ends");
    let reported = server.ended().expect("how");
    assert!(reported.contains("exit status 1") && reported.contains("was terminated by signal 6"), "{reported}");
}

/// A way to the server on which the reply ends after so many bytes.
fn cut_after(address: &str, bytes: usize) -> String {
    through(&[address.to_owned()], bytes)
}

/// One way to several servers: each connection goes to the next one.
pub(super) fn in_turn(addresses: &[String]) -> String {
    through(addresses, usize::MAX)
}

fn through(addresses: &[String], bytes: usize) -> String {
    let port = |address: &str| address.rsplit([':', '/']).nth(1).expect("a port").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let own = listener.local_addr().expect("an address").port().to_string();
    let targets: Vec<String> = addresses.iter().map(|address| format!("127.0.0.1:{}", port(address))).collect();
    std::thread::spawn(move || {
        for target in targets.iter().cycle() {
            let Ok((client, _)) = listener.accept() else { return };
            let server = TcpStream::connect(target).expect("the server");
            std::thread::spawn(move || pass(client, server, bytes));
        }
    });
    addresses[0].replace(&port(&addresses[0]), &own)
}

/// Everything to the server, and so many bytes back.
fn pass(mut client: TcpStream, mut server: TcpStream, mut bytes: usize) {
    let (mut from, mut to) = (client.try_clone().expect("a clone"), server.try_clone().expect("a clone"));
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 1000];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        let passed = read.min(bytes);
        bytes -= passed;
        if client.write_all(&buffer[..passed]).is_err() || bytes == 0 {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

#[tokio::test]
async fn a_reply_that_is_cut_is_no_answer() {
    let store = ready("cut").await;
    let record = vec![Value::Text("x".repeat(100_000)), Value::Int(1)];
    let insert = Op::Insert { table: 0, key: Key::Text("a".into()), record };
    run(&mut store.session().await.expect("a session"), &insert).await.expect("inserted");
    let whole = open(&cut_after(shared(), 50_000), "cut", Durability::Memory).await.expect("opened");
    let read = Op::Read { table: 0, key: Key::Text("a".into()), fields: Fields::All };
    for op in [read.clone(), Op::Batch(vec![read.clone(), read.clone()]), Op::Transact(vec![user("b", 1), read])] {
        let mut session = whole.session().await.expect("a session");
        let began = Instant::now();
        let failure = run(&mut session, &op).await.expect_err("half an answer");
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
        assert!(began.elapsed() < AT_ONCE);
    }
    let gone = Op::Read { table: 0, key: Key::Text("b".into()), fields: Fields::All };
    let failure = run(&mut store.session().await.expect("a session"), &gone).await.expect_err("never committed");
    assert_eq!(failure.kind, FailureKind::Missing);
}
