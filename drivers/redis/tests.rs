//! What is Redis's own and so not in the conformance suite: settings, numbers in scripts, the care for other people's
//! keys, and failures, all with real servers.

mod json;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use redis::FromRedisValue;

use super::*;
use crate::{
    Address, Change, Dataset, Done, Field, Fields, Fold, Key, KeyKind, Kind, Log, Matching, Order, Part, Point, Rows,
    Series, Session, Table, Value, server,
};

fn dataset(name: &str) -> Arc<Dataset> {
    let field = |name: &str, kind| Field { name: name.into(), kind, optional: false };
    let users = vec![field("name", Kind::Text), field("age", Kind::Int), field("seen", Kind::Time)];
    let loose = vec![Field { name: "word".into(), kind: Kind::Text, optional: true }];
    let table = |name: &str, key, fields, indexes| Table { name: name.into(), key, fields, indexes };
    Arc::new(Dataset {
        name: name.into(),
        tables: vec![
            table("users", KeyKind::Text, users, vec![1]),
            table("loose", KeyKind::Int, loose.clone(), vec![0]),
        ],
        logs: vec![Log { name: "events".into(), stream: KeyKind::Int, fields: loose }],
        series: vec![Series { name: "cpu".into(), metrics: vec!["busy".into(), "idle".into()] }],
    })
}

async fn open_for(address: &str, workload: &str, timeout: Duration) -> Result<Redis, Failure> {
    let address: Address = address.parse().expect("an address");
    let opening = Opening { timeout, ..Opening::new(dataset(workload), Durability::Memory) };
    Redis::open(address.config().expect("its options"), opening).await
}

async fn open(address: &str, workload: &str) -> Result<Redis, Failure> {
    open_for(address, workload, Duration::from_secs(5)).await
}

async fn started(tier: Durability) -> Server {
    server::start::<Redis>(tier).await.expect("these tests need a redis-server")
}

/// A server of its own, an empty dataset in it and a session.
async fn ready() -> (Server, Redis, RedisSession) {
    ready_in(Layout::Hash).await
}

async fn ready_in(layout: Layout) -> (Server, Redis, RedisSession) {
    let server = started(Durability::Memory).await;
    let store = open(&format!("{}?layout={}", server.address, layout.name()), "one").await.expect("opened");
    store.reset().await.expect("reset");
    let session = store.session().await.expect("a session");
    (server, store, session)
}

/// What the server answers to a command of somebody else.
async fn tell<T: FromRedisValue>(server: &Server, command: &str) -> T {
    let mut connection = connect(&client(&server.address, None).expect("a client"), Duration::from_secs(5)).await;
    let connection = connection.as_mut().expect("a connection");
    let mut words = command.split(' ');
    let mut told = redis::cmd(words.next().expect("a command"));
    words.for_each(|word| {
        told.arg(word);
    });
    ask(connection, &told).await.expect("an answer")
}

fn user(key: &str, age: i64) -> Op {
    let record = vec![Value::Text(key.into()), Value::Int(age), Value::Time(0)];
    Op::Insert { table: 0, key: Key::Text(key.into()), record }
}

fn bump(key: &str, by: i64, floor: Option<i64>) -> Op {
    Op::Bump { table: 0, key: Key::Text(key.into()), field: 1, by, floor }
}

fn set_age(key: &str, age: i64) -> Op {
    let changes = vec![Change { field: 1, value: Value::Int(age) }];
    Op::Update { table: 0, key: Key::Text(key.into()), changes }
}

async fn apply(session: &mut RedisSession, op: Op) -> Vec<crate::Row> {
    let mut rows = Rows::default();
    assert_eq!(session.execute(&op, &mut rows).await.expect("carried out"), Done::Applied, "{op:?}");
    rows.to_vec()
}

async fn fail(session: &mut RedisSession, op: Op) -> Failure {
    session.execute(&op, &mut Rows::default()).await.expect_err("a failure")
}

async fn of_age(session: &mut RedisSession, low: i64, high: i64) -> Vec<String> {
    let matching = Matching::Between(Value::Int(low), Value::Int(high));
    let (order, fields) = (Order::Ascending, Fields::Some(vec![]));
    let find = Op::Find { table: 0, field: 1, matching, order, limit: 9, fields };
    apply(session, find).await.iter().map(|row| row.key.to_string()).collect()
}

#[tokio::test]
async fn each_tier_is_set_and_read_back() {
    for (tier, appendonly, appendfsync) in [
        (Durability::Memory, "no", "everysec"),
        (Durability::Relaxed, "yes", "everysec"),
        (Durability::Durable, "yes", "always"),
    ] {
        let server = started(tier).await;
        let store = open(&server.address, "one").await.expect("opened");
        let description = store.describe().await.expect("a description");
        assert_eq!(description.guarantees.durability, tier, "{}", description.guarantees.because);
        let setting = |name: &str| description.settings[name].as_str();
        assert_eq!((setting("appendonly"), setting("appendfsync")), (appendonly, appendfsync));
        assert_eq!((setting("save"), setting("client_tcp_nodelay"), setting("client_protocol")), ("", "true", "RESP2"));
        assert_eq!(setting("client_response_timeout_ms"), "5000");
        assert!(description.version.starts_with(|c: char| c.is_ascii_digit()), "{}", description.version);
    }
}

#[tokio::test]
async fn a_server_that_is_set_weaker_is_called_weaker() {
    let server = started(Durability::Durable).await;
    let store = open(&server.address, "one").await.expect("opened");
    for (setting, tier) in [
        ("no-appendfsync-on-rewrite yes", Durability::Relaxed),
        ("appendfsync no", Durability::Relaxed),
        ("maxmemory-policy allkeys-lru", Durability::Relaxed),
        ("maxmemory 1gb", Durability::Memory),
        ("maxmemory-policy volatile-lru", Durability::Relaxed),
        ("appendonly no", Durability::Memory),
    ] {
        let _: () = tell(&server, &format!("CONFIG SET {setting}")).await;
        let guarantees = store.describe().await.expect("a description").guarantees;
        assert_eq!(guarantees.durability, tier, "{setting}: {}", guarantees.because);
    }
}

#[tokio::test]
async fn settings_that_we_may_not_see_promise_nothing() {
    let server = started(Durability::Durable).await;
    let _: () = tell(&server, "ACL SETUSER guest on >hunter2 ~storebench:* +@all -config").await;
    let guest = server.address.replace("redis://", "redis://guest:hunter2@");
    let store = open(&guest, "one").await.expect("opened");
    let guarantees = store.describe().await.expect("a description").guarantees;
    assert_eq!(guarantees.durability, Durability::Memory);
    assert!(guarantees.because.contains("does not let us read"), "{}", guarantees.because);
    store.reset().await.expect("all else is allowed");
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn passwords_and_privileges_are_denied_and_never_shown() {
    let server = started(Durability::Memory).await;
    let _: () = tell(&server, "ACL SETUSER guest on >hunter2 ~storebench:* +@all -hset").await;
    let url = |user: &str| server.address.replace("redis://", &format!("redis://{user}@"));
    for address in [url("guest:hunter3"), url(":hunter3"), url("nobody:hunter3"), format!("{}/99", server.address)] {
        let failure = open(&address, "one").await.err().expect("denied");
        assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
        let told = format!("{failure} {failure:?}");
        assert!(!told.contains("hunter"), "{told}");
    }
    let guest = open(&url("guest:hunter2"), "one").await.expect("opened");
    let failure = guest.reset().await.expect_err("it may not write");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    for malformed in ["redis://:hunter2@", "redis://:hunter2@host:port", "redis://:hunter2@host/base"] {
        let failure = open(malformed, "one").await.err().expect("no URL of a server");
        assert!(!format!("{failure} {failure:?}").contains("hunter2"), "{failure:?}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_unavailable_in_time() {
    let limit = Duration::from_millis(300);
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("redis://{}", free.local_addr().expect("its address"));
    let started = Instant::now();
    let failure = open_for(&silent, "one", limit).await.err().expect("nobody answers");
    assert!(matches!(failure.kind, FailureKind::Unavailable | FailureKind::Timeout), "{failure}");
    drop(free);
    let failure = open_for(&silent, "one", limit).await.err().expect("nobody listens");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert!(failure.message.contains("127.0.0.1:"), "{failure}");
    assert!(started.elapsed() < 5 * limit);
    let nameless = Redis::open(Config::default(), Opening::new(dataset("one"), Durability::Memory)).await;
    assert!(nameless.err().expect("no URL").message.contains("redis://"));
}

#[tokio::test]
async fn an_answer_that_is_cut_is_unavailable_and_one_that_is_none_is_broken() {
    for (answer, kind) in
        [("$100\r\nabc", FailureKind::Unavailable), ("", FailureKind::Unavailable), ("!?\r\n", FailureKind::Broken)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("redis://{}", listener.local_addr().expect("its address"));
        let server = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut peer, _) = listener.accept().expect("a client");
            let _ = peer.read(&mut [0; 64]);
            let _ = peer.write_all(answer.as_bytes());
        });
        let failure = open(&address, "one").await.err().expect("no answer");
        assert_eq!(failure.kind, kind, "{answer:?}: {failure}");
        server.join().expect("served");
    }
}

#[tokio::test]
async fn a_killed_server_fails_the_operation_in_flight_at_once() {
    let (server, _store, mut session) = ready().await;
    let pid = Pid::from_raw(server.pid());
    kill(pid, Signal::SIGSTOP).expect("stopped");
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        kill(pid, Signal::SIGKILL).expect("killed");
    });
    let started = Instant::now();
    let failure = fail(&mut session, user("ada", 1)).await;
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    killer.join().expect("killed");
    assert_eq!(fail(&mut session, user("ada", 1)).await.kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn a_paused_server_is_a_timeout() {
    let server = started(Durability::Memory).await;
    let store = open_for(&server.address, "one", Duration::from_millis(200)).await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    let pid = Pid::from_raw(server.pid());
    kill(pid, Signal::SIGSTOP).expect("stopped");
    assert_eq!(fail(&mut session, user("ada", 1)).await.kind, FailureKind::Timeout);
    kill(pid, Signal::SIGCONT).expect("continued");
}

#[tokio::test]
async fn no_room_and_no_connection_left_are_overload() {
    let (server, store, mut session) = ready().await;
    apply(&mut session, user("ada", 1)).await;
    let _: () = tell(&server, "CONFIG SET maxmemory 1").await;
    assert_eq!(fail(&mut session, user("bob", 1)).await.kind, FailureKind::Overload);
    assert_eq!(fail(&mut session, Op::Transact(vec![bump("ada", 1, None)])).await.kind, FailureKind::Overload);
    assert_eq!(of_age(&mut session, 0, 9).await, ["ada"]);
    let _: () = tell(&server, "CONFIG SET maxmemory 0").await;
    // The connections of this test come and go: one is left for the session above.
    let _: () = tell(&server, "CONFIG SET maxclients 1").await;
    let failure = store.session().await.err().expect("no connection is left");
    assert_eq!(failure.kind, FailureKind::Overload, "{failure}");
}

#[tokio::test]
async fn a_session_whose_scripts_are_forgotten_gives_way_to_a_new_one() {
    let (server, store, mut session) = ready().await;
    let _: () = tell(&server, "SCRIPT FLUSH").await;
    assert_eq!(fail(&mut session, user("ada", 1)).await.kind, FailureKind::Unavailable);
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
}

#[tokio::test]
async fn an_error_within_a_batch_or_a_transaction_is_found() {
    let (server, _store, mut session) = ready().await;
    let _: () = tell(&server, "SET storebench:one:users:bob foreign").await;
    let batch = vec![user("ada", 1), bump("bob", 1, None), user("eve", 1)];
    let failure = fail(&mut session, Op::Batch(batch)).await;
    assert!(failure.kind == FailureKind::Broken && failure.message.contains("WRONGTYPE"), "{failure}");
    let changes = vec![bump("ada", 5, None), user("new", 9), set_age("eve", 9), bump("bob", 1, None)];
    let failure = fail(&mut session, Op::Transact(changes)).await;
    assert!(failure.kind == FailureKind::Broken && failure.message.contains("WRONGTYPE"), "{failure}");
    assert_eq!(of_age(&mut session, 0, 99).await, ["ada", "eve"], "an error leaves no trace either");
    assert_eq!(of_age(&mut session, 1, 1).await, ["ada", "eve"]);
    let read = Op::Read { table: 0, key: Key::Text("bob".into()), fields: Fields::All };
    assert_eq!(fail(&mut session, read).await.kind, FailureKind::Broken);
    let _: () = tell(&server, "HDEL storebench:one:users:ada seen").await;
    let read = Op::Read { table: 0, key: Key::Text("ada".into()), fields: Fields::All };
    assert_eq!(fail(&mut session, read).await.kind, FailureKind::Broken, "a field that must be there");
}

#[tokio::test]
async fn what_others_have_is_refused_and_left_alone() {
    let server = started(Durability::Memory).await;
    let store = open(&server.address, "one").await.expect("opened");
    for foreign in ["storebench:one", "storebench:one:users:ada", "storebench:one:x"] {
        let _: () = tell(&server, &format!("SET {foreign} precious")).await;
        let refusal = store.reset().await.expect_err("foreign");
        assert!(refusal.kind == FailureKind::Broken && refusal.message.contains(foreign), "{refusal}");
        assert_eq!(store.noted().await.expect("nothing of ours"), None);
        store.note("mine").await.expect_err("nothing of ours");
        assert_eq!(tell::<String>(&server, &format!("GET {foreign}")).await, "precious");
        let _: () = tell(&server, &format!("DEL {foreign}")).await;
    }
    for beside in ["storebench:one-more:users:a", "storebench:on", "other", "storebench"] {
        let _: () = tell(&server, &format!("SET {beside} precious")).await;
    }
    store.reset().await.expect("reset");
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
    store.reset().await.expect("our own gives way");
    store.close(false).await.expect("closed");
    assert_eq!(tell::<u64>(&server, "DBSIZE").await, 4);
}

#[tokio::test]
async fn integers_are_exact_where_floats_are_not() {
    let (_server, _store, mut session) = ready().await;
    integers_are_exact(&mut session).await;
}

async fn integers_are_exact(session: &mut RedisSession) {
    const EDGE: i64 = 1 << 53;
    for (held, by, floor, refused) in [
        (EDGE + 1, -1, EDGE + 1, true),
        (EDGE + 1, -1, EDGE, false),
        (i64::MIN, -1, i64::MIN, true),
        (i64::MAX, i64::MIN, -1, false),
        (i64::MAX, i64::MIN, 0, true),
        (-EDGE - 1, 0, -EDGE, true),
        (-EDGE - 1, 1, -EDGE, false),
        (999_999_999_999_999, -1, 999_999_999_999_999, true),
        (1_000_000_000, -1, 999_999_999, false),
        (0, -1, i64::MIN, false),
    ] {
        apply(session, user("ada", held)).await;
        let done = session.execute(&bump("ada", by, Some(floor)), &mut Rows::default()).await.expect("answered");
        assert_eq!(done == Done::Refused, refused, "{held} + {by} >= {floor}");
        let expected = if refused { held } else { held + by };
        assert_eq!(of_age(session, expected, expected).await, ["ada"]);
        apply(session, Op::Delete { table: 0, key: Key::Text("ada".into()) }).await;
        assert!(of_age(session, i64::MIN, i64::MAX).await.is_empty());
    }
    apply(session, user("ada", i64::MAX)).await;
    assert_eq!(fail(session, bump("ada", 1, Some(0))).await.kind, FailureKind::Broken);
}

#[tokio::test]
async fn indexes_follow_every_change_and_come_back_with_what_is_undone() {
    let (_server, _store, mut session) = ready().await;
    indexes_follow_every_change(&mut session).await;
}

async fn indexes_follow_every_change(session: &mut RedisSession) {
    for (key, age) in [("ada", 10), ("bob", -20), ("eve", i64::MIN)] {
        apply(session, user(key, age)).await;
    }
    assert_eq!(of_age(session, i64::MIN, 99).await, ["eve", "bob", "ada"]);
    apply(session, bump("ada", -31, None)).await;
    apply(session, set_age("eve", i64::MAX)).await;
    let expected = ["ada", "bob", "eve"];
    assert_eq!(of_age(session, i64::MIN, i64::MAX).await, expected);
    let changes = vec![
        bump("ada", 100, Some(0)),
        set_age("bob", 7),
        set_age("bob", -7),
        Op::Delete { table: 0, key: Key::Text("eve".into()) },
        user("eve", 3),
        bump("eve", -9, Some(0)),
    ];
    let done = session.execute(&Op::Transact(changes), &mut Rows::default()).await.expect("answered");
    assert_eq!(done, Done::Refused);
    assert_eq!(of_age(session, i64::MIN, i64::MAX).await, expected);
    assert_eq!(of_age(session, -21, -20).await, ["ada", "bob"]);
    let twice = [1, 2].map(|age| Change { field: 1, value: Value::Int(age) }).to_vec();
    apply(session, Op::Update { table: 0, key: Key::Text("ada".into()), changes: twice }).await;
    assert_eq!((of_age(session, 1, 1).await.len(), of_age(session, 2, 2).await.len()), (0, 1));
}

#[tokio::test]
async fn a_record_or_event_of_absent_fields_is_there() {
    let (_server, _store, mut session) = ready().await;
    absent_fields_are_there(&mut session).await;
}

async fn absent_fields_are_there(session: &mut RedisSession) {
    let (key, read) = (Key::Int(-1), Op::Read { table: 1, key: Key::Int(-1), fields: Fields::All });
    assert_eq!(fail(session, read.clone()).await.kind, FailureKind::Missing);
    apply(session, Op::Insert { table: 1, key: key.clone(), record: vec![Value::Null] }).await;
    assert_eq!(apply(session, read.clone()).await[0].values, [Value::Null]);
    for word in [Value::Text("a".into()), Value::Null] {
        let changes = vec![Change { field: 0, value: word.clone() }];
        apply(session, Op::Update { table: 1, key: key.clone(), changes }).await;
        assert_eq!(apply(session, read.clone()).await[0].values, [word]);
    }
    let scan = Op::Scan { table: 1, from: Key::Int(-5), limit: 5, fields: Fields::All };
    assert_eq!(apply(session, scan).await[0].key, key);
    apply(session, Op::Append { log: 0, stream: key.clone(), events: vec![vec![Value::Null]; 2] }).await;
    assert_eq!(apply(session, Op::Tail { log: 0, stream: key, limit: 9 }).await.len(), 2);
}

#[tokio::test]
async fn more_than_one_chunk_is_loaded_and_exported() {
    let (_server, _store, mut session) = ready().await;
    chunks_are_loaded_and_exported(&mut session).await;
}

async fn chunks_are_loaded_and_exported(session: &mut RedisSession) {
    let inserts = (0..2500).map(|key| Op::Insert { table: 1, key: Key::Int(key - 9), record: vec![Value::Null] });
    session.load(&Op::Batch(inserts.collect())).await.expect("loaded");
    let events = vec![vec![Value::Text("e".into())]; 2500];
    session.load(&Op::Append { log: 0, stream: Key::Int(1), events }).await.expect("loaded");
    let points = (0..2500).map(|at| Point { entity: at % 3 - 1, at_ms: at, metrics: vec![0.5, at as f64] }).collect();
    session.load(&Op::Ingest { series: 0, points }).await.expect("loaded");
    for part in [Part::Table(1), Part::Log(0), Part::Series(0)] {
        let mut count = 0;
        session.export(part, &mut |_| count += 1).await.expect("exported");
        assert_eq!(count, 2500, "{part:?}");
    }
    let far = vec![Point { entity: 1, at_ms: (1 << 53) + 1, metrics: vec![0.0, 0.0] }];
    assert_eq!(fail(session, Op::Ingest { series: 0, points: far }).await.kind, FailureKind::Broken);
}

#[tokio::test]
async fn the_file_of_the_server_is_weighed() {
    let server = started(Durability::Relaxed).await;
    let store = open(&server.address, "one").await.expect("opened");
    store.reset().await.expect("reset");
    let before = store.footprint().await.expect("a footprint");
    let inserts = (0..1000).map(|at| user(&format!("user {at}"), at)).collect();
    store.session().await.expect("a session").load(&Op::Batch(inserts)).await.expect("loaded");
    let after = store.footprint().await.expect("a footprint");
    let grown = |of: fn(&Footprint) -> Option<u64>| of(&after).zip(of(&before)).map(|(after, before)| after - before);
    assert!(grown(|one| one.disk_bytes) > Some(50_000), "{before:?} {after:?}");
    assert_eq!(grown(|one| one.disk_bytes), grown(|one| one.written_bytes));
    assert!(grown(|one| one.memory_bytes) > Some(50_000), "{before:?} {after:?}");
    let _: () = tell(&server, "CONFIG SET appendonly no").await;
    assert_eq!(store.footprint().await.expect("a footprint").disk_bytes, None);
}

#[tokio::test]
async fn what_is_sent_is_told() {
    let (_server, store, _) = ready().await;
    let read = Op::Read { table: 0, key: Key::Text("ada".into()), fields: Fields::Some(vec![1]) };
    assert_eq!(store.binding(&read).statements, ["HMGET storebench:one:users:ada age"]);
    let transfer = store.binding(&Op::Transact(vec![bump("ada", -5, Some(0)), bump("bob", 5, None)]));
    assert_eq!(transfer.round_trips, 1);
    assert_eq!(
        transfer.statements,
        [concat!(
            "EVALSHA <records.lua> 4 storebench:one:users:ada storebench:one:users.age ",
            "storebench:one:users:bob storebench:one:users.age all indexed ",
            "bump age -5 0 int ada bump age 5 \"\" int bob ",
            "-- each operation in turn; what was changed is put back if one is refused or fails"
        )]
    );
    let append = Op::Append { log: 0, stream: Key::Int(7), events: vec![vec![Value::Text("hi".into())]; 2] };
    assert_eq!(store.binding(&append).statements, ["XADD storebench:one:events:7 * word hi -- 2 times"]);
    let fold = Fold::Mean;
    let window = Op::Window { series: 0, entity: 1, metric: 1, from_ms: 0, to_ms: 9, every_ms: 5, fold };
    assert_eq!(
        store.binding(&window).statements,
        ["EVALSHA <window.lua> 1 storebench:one:cpu:1 0 9 5 17 mean -- ZRANGE BYSCORE, folded"]
    );
    assert_eq!(store.binding(&Op::Transact(vec![])), Binding::default());
    let layout = store.describe().await.expect("a description").layout;
    assert!(layout[0].contains("storebench:one:users:<key>") && layout[0].contains("storebench:one:users.age"));
}

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
