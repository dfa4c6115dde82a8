//! What is specific to Redis and so not in the conformance suite, all with real servers. Here is how other people's keys are
//! left alone and what is reported; durability, failures, contents, eviction, the layout `json` and TLS have files of their
//! own.

mod content;
mod document;
mod durability;
mod eviction;
mod faults;
mod tls;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use redis::FromRedisValue;

use super::*;
use crate::launch;
use crate::{
    Address, Change, Dataset, FailureKind, Field, Fields, Fold, Key, KeyKind, Kind, Log, Matching, Order, Outcome,
    Part, Point, Rows, Series, Session, Table, Value,
};

fn dataset(name: &str) -> Arc<Dataset> {
    let field = |name: &str, kind| Field { name: name.into(), kind, optional: false };
    let users = vec![field("name", Kind::Text), field("age", Kind::Int), field("seen", Kind::Time)];
    let loose = vec![Field { name: "word".into(), kind: Kind::Text, optional: true }];
    let table = |name: &str, key, fields, indexes| Table { name: name.into(), key, is_keyed: true, fields, indexes };
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

async fn start_server(tier: Durability) -> Server {
    launch::start::<Redis>(tier).await.expect("these tests need a redis-server")
}

/// A server, an empty dataset in it and a session.
async fn set_up() -> (Server, Redis, RedisSession) {
    set_up_with(RecordFormat::Hash).await
}

async fn set_up_with(format: RecordFormat) -> (Server, Redis, RedisSession) {
    let server = start_server(Durability::Memory).await;
    let store =
        open(&format!("{}?layout={}", server.address, record_layout(format).name()), "one").await.expect("opened");
    store.reset().await.expect("reset");
    let session = store.session().await.expect("a session");
    (server, store, session)
}

fn options_of(address: &str) -> ConnectOptions {
    Config::at(address).connect_options(Duration::from_secs(5)).expect("an address of a server")
}

/// What the server answers to a command of another client.
async fn run_command<T: FromRedisValue>(server: &Server, command: &str) -> T {
    let mut connection = Connection::open(&options_of(&server.address)).await.expect("a connection");
    let mut words = command.split(' ');
    let mut command = redis::cmd(words.next().expect("a command"));
    words.for_each(|word| {
        command.arg(word);
    });
    connection.query(&command).await.expect("an answer")
}

/// A server with arguments that `launch.rs` never gives it.
struct CustomServer {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl CustomServer {
    /// Starts it in a folder, with the arguments that a port and that folder make.
    fn start(folder: tempfile::TempDir, arguments: impl Fn(u16) -> Vec<String>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let binary = Redis::PROGRAM.and_then(|program| program.find().ok()).expect("a redis-server");
        let mut command = Command::new(binary.with_file_name("redis-server"));
        command.args(arguments(port)).current_dir(folder.path());
        CustomServer { child: command.stdout(Stdio::null()).spawn().expect("started"), port, folder }
    }

    /// Opens a store there as soon as the server answers.
    async fn open(&self, address: &str) -> Result<Redis, Failure> {
        for _ in 0..100 {
            match open(address, "one").await {
                Err(failure) if failure.kind == FailureKind::Unavailable => {
                    tokio::time::sleep(Duration::from_millis(20)).await
                }
                result => return result,
            }
        }
        open(address, "one").await
    }
}

impl Drop for CustomServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn user(key: &str, age: i64) -> Op {
    let record = vec![Value::Text(key.into()), Value::Int(age), Value::Time(0)];
    Op::Insert { table: 0, key: Key::Text(key.into()), record }
}

fn bump(key: &str, by: i64, floor: Option<i64>) -> Op {
    Op::Increment { table: 0, key: Key::Text(key.into()), field: 1, by, floor }
}

fn set_age(key: &str, age: i64) -> Op {
    let changes = vec![Change { field: 1, value: Value::Int(age) }];
    Op::Update { table: 0, key: Key::Text(key.into()), changes }
}

async fn apply(session: &mut RedisSession, op: Op) -> Vec<crate::Row> {
    let mut rows = Rows::default();
    assert_eq!(session.execute(&op, &mut rows).await.expect("carried out"), Outcome::Applied, "{op:?}");
    rows.to_vec()
}

async fn fail(session: &mut RedisSession, op: Op) -> Failure {
    session.execute(&op, &mut Rows::default()).await.expect_err("a failure")
}

async fn keys_of_age(session: &mut RedisSession, low: i64, high: i64) -> Vec<String> {
    let matching = Matching::Between(Value::Int(low), Value::Int(high));
    let (order, fields) = (Order::Ascending, Fields::Some(vec![]));
    let find = Op::Find { table: 0, field: 1, matching, order, limit: 9, fields };
    apply(session, find).await.iter().map(|row| row.key.to_string()).collect()
}

/// The server's address for another user.
fn address_for(server: &Server, user: &str) -> String {
    let (_, host) = server.address.split_once('@').expect("a password");
    format!("redis://{user}@{host}")
}

#[tokio::test]
async fn what_others_have_is_refused_and_left_alone() {
    let server = start_server(Durability::Memory).await;
    let store = open(&server.address, "one").await.expect("opened");
    for foreign in ["storebench:one", "storebench:one:users:ada", "storebench:one:x"] {
        let _: () = run_command(&server, &format!("SET {foreign} precious")).await;
        let refusal = store.reset().await.expect_err("foreign");
        assert!(refusal.kind == FailureKind::Broken && refusal.message.contains(foreign), "{refusal}");
        assert_eq!(store.read_marker().await.expect("nothing of ours"), None);
        store.swap_marker(None, "mine").await.expect_err("nothing of ours");
        assert_eq!(run_command::<String>(&server, &format!("GET {foreign}")).await, "precious");
        let _: () = run_command(&server, &format!("DEL {foreign}")).await;
    }
    for beside in ["storebench:one-more:users:a", "storebench:on", "other", "storebench"] {
        let _: () = run_command(&server, &format!("SET {beside} precious")).await;
    }
    store.reset().await.expect("reset");
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
    store.reset().await.expect("our own is replaced");
    store.close(false).await.expect("closed");
    assert_eq!(run_command::<u64>(&server, "DBSIZE").await, 4);
}

#[tokio::test]
async fn the_footprint_is_of_the_servers_file_and_memory() {
    let server = start_server(Durability::Relaxed).await;
    let store = open(&server.address, "one").await.expect("opened");
    store.reset().await.expect("reset");
    let before = store.footprint().await.expect("a footprint");
    let inserts = (0..1000).map(|at| user(&format!("user {at}"), at)).collect();
    store.session().await.expect("a session").load(&Op::Batch(inserts)).await.expect("loaded");
    let after = store.footprint().await.expect("a footprint");
    let growth =
        |size: fn(&Footprint) -> Option<u64>| size(&after).zip(size(&before)).map(|(after, before)| after - before);
    assert!(growth(|footprint| footprint.disk_bytes) > Some(50_000), "{before:?} {after:?}");
    assert_eq!(growth(|footprint| footprint.disk_bytes), growth(|footprint| footprint.written_bytes));
    // A thousand names and ages, and their keys in two tables of a thousand slots of at least 32 bytes in all: what INFO calls
    // the data set is only the former.
    let info: String = run_command(&server, "INFO memory").await;
    let dataset = info.lines().find_map(|line| line.strip_prefix("used_memory_dataset:")).and_then(|n| n.parse().ok());
    assert!(after.memory_bytes > dataset.map(|bytes: u64| bytes + 32_000), "{after:?}, INFO {dataset:?}");
    assert!(growth(|footprint| footprint.memory_bytes) > Some(50_000), "{before:?} {after:?}");
    let _: () = run_command(&server, "CONFIG SET appendonly no").await;
    assert_eq!(store.footprint().await.expect("a footprint").disk_bytes, None);
}

#[tokio::test]
async fn explain_shows_what_is_sent() {
    let (_server, store, _) = set_up().await;
    let read = Op::Read { table: 0, key: Key::Text("ada".into()), fields: Fields::Some(vec![1]) };
    assert_eq!(store.explain(&read).statements, ["HMGET storebench:one:users:ada age"]);
    let transfer = store.explain(&Op::Transact(vec![bump("ada", -5, Some(0)), bump("bob", 5, None)]));
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
    assert_eq!(store.explain(&append).statements, ["XADD storebench:one:events:7 * word hi -- 2 times"]);
    let fold = Fold::Mean;
    let window = Op::Window { series: 0, entity: 1, metric: 1, from_ms: 0, to_ms: 9, every_ms: 5, fold };
    assert_eq!(
        store.explain(&window).statements,
        ["EVALSHA <window.lua> 1 storebench:one:cpu:1 0 9 5 17 mean -- ZRANGE BYSCORE, folded"]
    );
    assert_eq!(store.explain(&Op::Transact(vec![])), Binding::default());
    let layout = store.describe().await.expect("a description").layout;
    assert!(layout[0].contains("storebench:one:users:<key>") && layout[0].contains("storebench:one:users.age"));
}
