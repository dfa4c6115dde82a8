//! What is the libSQL server's own and so not in the conformance suite: durability, credentials, connections that
//! break, and the care for databases of others.

mod broken;
mod doors;
mod plans;
mod snapshots;
mod tls;

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use super::*;
use crate::launch;
use crate::seam::sample;
use crate::sql::dialect::Dialect;
use crate::sql::sqlite::ownership::AdminConnection;
use crate::{
    Address, Change, Dataset, FailureKind, Field, Fields, Fold, Key, Kind, Matching, Order, Outcome, Part, Point,
    Record, Rows, Session, Value,
};

fn dataset(name: &str) -> Arc<Dataset> {
    let mut dataset = sample::dataset(name);
    dataset.tables[1].fields.push(Field { optional: true, ..sample::field("limit", Kind::Int) });
    Arc::new(dataset)
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
    launch::start::<LibsqlServer>(tier).await.expect("these tests need sqld")
}

async fn ready(server: &Server, workload: &str) -> LibsqlServer {
    let store = open(&server.address, workload).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("settled");
    store
}

fn user(key: &str, name: &str) -> Op {
    Op::Insert { table: 0, key: Key::Text(key.into()), record: vec![Value::Text(name.into()), Value::Int(1)] }
}

fn account(key: i64, balance: i64) -> Op {
    Op::Insert { table: 1, key: Key::Int(key), record: vec![Value::Int(balance), Value::Null] }
}

fn bump(key: i64, by: i64, floor: Option<i64>) -> Op {
    Op::Increment { table: 1, key: Key::Int(key), field: 0, by, floor }
}

fn read(table: usize, key: Key) -> Op {
    Op::Read { table, key, fields: Fields::All }
}

async fn run(session: &mut LibsqlServerSession, op: &Op) -> Result<Outcome, Failure> {
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

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_whose_files_lie_in_memory_is_not_called_durable() {
    let folder = crate::support::files::folder_in_memory();
    let server = launch::start_in::<LibsqlServer>(Durability::Durable, folder).await.expect("started");
    let store = ready(&server, "one").await;
    crate::support::files::assert_in_memory(&store.describe().await.expect("a description"));
}

#[test]
fn what_an_administrator_may_have_set_is_told_and_not_claimed() {
    assert_eq!(durability::guarantees("wal", "1").durability, Durability::Relaxed);
    assert!(durability::guarantees("wal", "1").because.contains("durability_mode"));
    assert!(!durability::guarantees("wal", "2").because.contains("durability_mode"));
}

#[tokio::test]
async fn in_a_database_of_others_nothing_but_our_own_is_touched() {
    let server = served(Durability::Memory).await;
    let one = open(&server.address, "one").await.expect("opened");
    let mut theirs = one.connect().await.expect("a stream");
    assert_eq!(tables(&mut theirs).await, [""; 0], "opening creates nothing");
    theirs.run("CREATE TABLE STOREBENCH_ONE_EVENTS (precious TEXT)", &[]).await.expect("a table");
    let refusal = one.reset().await.expect_err("a foreign table");
    assert_eq!(refusal.kind, FailureKind::Broken);
    assert!(refusal.message.contains("`storebench_one_events`") && refusal.message.contains("did not make"));
    assert_eq!(tables(&mut theirs).await, ["STOREBENCH_ONE_EVENTS"], "a refused reset leaves nothing");

    theirs.run("ALTER TABLE STOREBENCH_ONE_EVENTS RENAME TO mine", &[]).await.expect("renamed");
    one.reset().await.expect("reset");
    one.reset().await.expect("our own tables give way");
    assert!(one.swap_marker(None, "a marker").await.expect("swapped"));
    let other = open(&server.address, "other").await.expect("opened");
    assert_eq!(other.read_marker().await.expect("none"), None);
    other.reset().await.expect("another workload has tables of its own");
    one.close(false).await.expect("closed");
    assert_eq!(tables(&mut theirs).await.iter().filter(|name| name.starts_with("storebench_one")).count(), 0);
    assert!(tables(&mut theirs).await.contains(&"storebench_other_users".into()));
    other.close(false).await.expect("closed");
    assert_eq!(tables(&mut theirs).await, ["mine"]);
}

#[tokio::test]
async fn a_table_that_somebody_has_made_anew_is_theirs() {
    let server = served(Durability::Memory).await;
    let store = open(&server.address, "anew").await.expect("opened");
    store.reset().await.expect("reset");
    let mut theirs = store.connect().await.expect("a stream");
    for anew in ["DROP TABLE storebench_anew_users", "CREATE TABLE storebench_anew_users (precious TEXT)"] {
        theirs.run(anew, &[]).await.expect("made anew");
    }
    let refusal = store.reset().await.expect_err("a foreign table").message;
    assert!(refusal.contains("`storebench_anew_users`"), "{refusal}");
    let said = store.clean_up().await.expect("cleaned up");
    assert!(said[0].contains("`storebench_anew_users` that is no longer the one"), "{said:?}");
    store.close(false).await.expect("closed");
    assert_eq!(tables(&mut theirs).await, ["storebench_anew_users"]);
}

async fn tables(stream: &mut Connection) -> Vec<String> {
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

#[tokio::test]
async fn a_transaction_that_keeps_the_lock_too_long_is_a_conflict_and_gives_way() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &account(1, 0)).await.expect("inserted");
    let mut slow = store.connect().await.expect("a stream");
    slow.run("BEGIN IMMEDIATE", &[]).await.expect("the write lock");
    // After 5 s sqld takes the lock from who keeps it.
    run(&mut session, &Op::Transact(vec![bump(1, 1, None), bump(1, 1, None)])).await.expect("the lock in the end");
    let late = slow.run("COMMIT", &[]).await.expect_err("rolled back");
    assert_eq!(late.kind, FailureKind::Conflict, "{late}");
}

#[tokio::test]
async fn what_undid_a_batch_is_its_failure_and_not_what_was_met_before() {
    let server = served(Durability::Memory).await;
    for (trigger, words) in
        [("INSERT INTO owed VALUES (1)", "FOREIGN KEY"), ("SELECT RAISE(ROLLBACK, 'all undone')", "all undone")]
    {
        let store = ready(&server, "one").await;
        let mut other = store.connect().await.expect("a stream");
        let users = store.layout.dialect.name(&store.layout.tables[0].name);
        for statement in [
            "CREATE TABLE IF NOT EXISTS debtors (id INTEGER PRIMARY KEY)",
            "CREATE TABLE IF NOT EXISTS owed (by INTEGER REFERENCES debtors DEFERRABLE INITIALLY DEFERRED)",
            &format!("CREATE TRIGGER owes AFTER INSERT ON \"{users}\" BEGIN {trigger}; END"),
        ] {
            other.run(statement, &[]).await.expect("made");
        }
        let mut session = store.session().await.expect("a session");
        let batch = Op::Batch(vec![account(1, 1), bump(2, 1, None), user("a", "a")]);
        let failure = run(&mut session, &batch).await.expect_err("undone");
        assert!(failure.kind == FailureKind::Broken && failure.message.contains(words), "{failure}");
        run(&mut session, &account(1, 1)).await.expect("nothing is left of the batch");
    }
}

#[tokio::test]
async fn a_session_that_goes_leaves_no_transaction_behind() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut gone = store.connect().await.expect("a stream");
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
    run(&mut session, &Op::InsertPoints { series: 0, points }).await.expect("ingested");
    let (mut users, mut points) = (0, 0);
    session.export(Part::Table(0), &mut |_| users += 1).await.expect("exported");
    session.export(Part::Series(0), &mut |_| points += 1).await.expect("exported");
    assert_eq!((users, points), (20_000, 1000));
    let taken = session.load(&Op::Batch(vec![user("new", "x"), user("00001", "x")])).await.expect_err("taken");
    assert_eq!(taken.kind, FailureKind::Exists, "{taken}");
}
