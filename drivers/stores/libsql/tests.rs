//! What is libSQL's own and so not in the conformance suite: statements, plans, settings, and the care for given files.

mod given;
mod snapshots;

use std::path::PathBuf;

use super::connection::texts;
use super::*;
use crate::seam::sample;
use crate::support::files;
use crate::{Address, Change, Dataset, FailureKind, Fields, Fold, Key, Matching, Order, Rows, Session, Value};

fn dataset(name: &str) -> Arc<Dataset> {
    Arc::new(sample::dataset(name))
}

async fn open(address: &str, workload: &str, durability: Durability) -> Result<Libsql, Failure> {
    let address: Address = address.parse().expect("an address");
    let opening = Opening::new(dataset(workload), durability);
    Libsql::open(address.config().expect("its options"), opening).await
}

async fn ready(durability: Durability) -> Libsql {
    let store = open("libsql", "one", durability).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("settled");
    store
}

fn user(key: &str, name: &str) -> Op {
    Op::Insert { table: 0, key: Key::Text(key.into()), record: vec![Value::Text(name.into()), Value::Int(1)] }
}

#[tokio::test]
async fn a_statement_that_is_used_again_takes_its_new_parameters() {
    let store = ready(Durability::Memory).await;
    let mut session = store.session().await.expect("a session");
    let mut rows = Rows::default();
    for key in ["a", "b", "c"] {
        session.execute(&user(key, key), &mut rows).await.expect("inserted");
    }
    session.execute(&user("a", "again"), &mut rows).await.expect_err("taken");
    for key in ["c", "nobody", "a", "b"] {
        let read = Op::Read { table: 0, key: Key::Text(key.into()), fields: Fields::Some(vec![0]) };
        match session.execute(&read, &mut rows).await {
            Ok(_) => assert_eq!(rows[0].values, [Value::Text(key.into())]),
            Err(failure) => assert_eq!((key, failure.kind), ("nobody", FailureKind::Missing)),
        }
    }
}

#[tokio::test]
async fn a_session_at_rest_keeps_neither_the_log_nor_the_write_lock() {
    let store = ready(Durability::Memory).await;
    let (mut one, mut other) =
        (store.session().await.expect("a session"), store.session().await.expect("another session"));
    let mut rows = Rows::default();
    one.execute(&user("a", "a"), &mut rows).await.expect("inserted");
    one.execute(&Op::Scan { table: 0, from: Key::Text("".into()), limit: 1, fields: Fields::All }, &mut rows)
        .await
        .expect("scanned");
    other.execute(&user("b", "b"), &mut rows).await.expect("inserted");
    store.after_load().await.expect("the log can be moved whole");
}

#[tokio::test]
async fn the_write_lock_that_does_not_come_in_time_is_a_conflict() {
    let store = open("libsql?busy_timeout_ms=1", "one", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    let holder = store.connect().await.expect("a connection");
    holder.execute("BEGIN IMMEDIATE", ()).await.expect("the lock");
    let mut session = store.session().await.expect("a session");
    let insert = user("a", "a");
    for op in [insert.clone(), Op::Transact(vec![insert.clone()]), Op::Batch(vec![insert.clone()])] {
        let failure = session.execute(&op, &mut Rows::default()).await.expect_err("locked");
        assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
    }
    holder.execute("ROLLBACK", ()).await.expect("released");
    session.execute(&insert, &mut Rows::default()).await.expect("inserted");
}

#[tokio::test]
async fn writers_in_a_queue_take_turns_in_order_of_arrival_and_readers_do_not_wait() {
    // Without the queue, whoever does not get the lock within a millisecond has a conflict.
    let store = open("libsql?writers=queue&busy_timeout_ms=1", "one", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    let (mut first, mut second) = (store.session().await.expect("one"), store.session().await.expect("two"));
    let (earlier, later) = (user("a", "a"), user("b", "b"));
    let turn = store.turns.wait(&earlier).await.expect("the first turn");
    let (mut one, mut two) = (Rows::default(), Rows::default());
    let done = Mutex::new(Vec::new());
    let write = async |session: &mut LibsqlSession, op: &Op, rows: &mut Rows, name: &'static str| {
        session.execute(op, rows).await.expect("inserted");
        done.lock().expect("no panic").push(name);
    };
    let release = async {
        tokio::task::yield_now().await;
        let mut reader = store.session().await.expect("three");
        let scan = Op::Scan { table: 0, from: Key::Text("".into()), limit: 9, fields: Fields::All };
        reader.execute(&scan, &mut Rows::default()).await.expect("a reader does not wait");
        assert!(done.lock().expect("no panic").is_empty(), "writers wait");
        drop(turn);
    };
    tokio::join!(
        write(&mut first, &earlier, &mut one, "earlier"),
        write(&mut second, &later, &mut two, "later"),
        release
    );
    assert_eq!(*done.lock().expect("no panic"), ["earlier", "later"]);
    let settings = store.describe().await.expect("described").settings;
    assert_eq!(settings["writers"], "queue");
    assert!(store.explain(&earlier).statements[0].contains("in order of arrival"));
}

#[tokio::test]
async fn what_undid_a_batch_is_its_failure_and_not_what_was_met_before() {
    let gone = Op::Delete { table: 0, key: Key::Text("nobody".into()) };
    for (trigger, batch, words) in [
        ("INSERT INTO owed VALUES (1)", vec![user("a", "a"), gone], "FOREIGN KEY"),
        ("SELECT RAISE(ROLLBACK, 'all undone')", vec![user("b", "b"), user("a", "a")], "all undone"),
    ] {
        let store = ready(Durability::Memory).await;
        let other = store.connect().await.expect("a connection");
        let made = format!(
            "CREATE TABLE debtors (id INTEGER PRIMARY KEY); \
             CREATE TABLE owed (by INTEGER REFERENCES debtors DEFERRABLE INITIALLY DEFERRED); \
             CREATE TRIGGER owes AFTER INSERT ON users WHEN NEW.name = 'a' BEGIN {trigger}; END"
        );
        other.execute_batch(&made).await.expect("made");
        let mut session = store.session().await.expect("a session");
        let failure = session.execute(&Op::Batch(batch), &mut Rows::default()).await.expect_err("undone");
        assert!(failure.kind == FailureKind::Broken && failure.message.contains(words), "{failure}");
        session.execute(&user("b", "b"), &mut Rows::default()).await.expect("nothing is left of the batch");
    }
}

#[test]
fn what_may_not_be_written_is_denied() {
    // SQLITE_PERM, SQLITE_READONLY_DBMOVED and SQLITE_AUTH.
    for code in [3, 1032, 23] {
        let failure = failure(libsql::Error::SqliteFailure(code, "no".into()), &"users");
        assert_eq!(failure.kind, FailureKind::Denied, "{code}");
    }
}

#[tokio::test]
async fn each_tier_is_set_and_read_back() {
    for tier in [Durability::Memory, Durability::Relaxed, Durability::Durable] {
        let store = ready(tier).await;
        let description = store.describe().await.expect("a description");
        let in_memory = files::is_in_memory(disk::filesystem_of(&store.file.path).as_deref());
        let expected = if in_memory { Durability::Memory } else { tier };
        assert_eq!(description.guarantees.durability, expected, "{}", description.guarantees.because);
        assert_eq!(description.settings["journal_mode"], "wal");
        assert_eq!(description.settings["busy_timeout"], "5000");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_in_memory_is_not_called_durable() {
    let folder = tempfile::tempdir_in(files::folder_in_memory()).expect("a folder");
    let address = format!("libsql:{}", folder.path().join("a.db").display());
    let store = open(&address, "one", Durability::Durable).await.expect("opened");
    store.reset().await.expect("reset");
    let description = store.describe().await.expect("a description");
    assert_eq!(description.guarantees.durability, Durability::Memory, "{}", description.guarantees.because);
    assert_eq!(description.settings["filesystem"], "tmpfs");
}

#[tokio::test]
async fn the_cache_is_as_large_as_asked() {
    let store = open("libsql?cache_mb=64", "one", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    assert_eq!(store.describe().await.expect("a description").settings["cache_size"], "-65536");
}

#[tokio::test]
async fn a_file_of_our_own_goes_with_the_store() {
    let store = ready(Durability::Memory).await;
    let path = store.file.path.clone();
    assert!(path.exists() && store.footprint().await.expect("a footprint").disk_bytes > Some(0));
    store.close(false).await.expect("closed");
    assert!(!path.exists());

    let dropped = ready(Durability::Memory).await;
    let path = dropped.file.path.clone();
    drop(dropped);
    assert!(!path.exists());
}

#[tokio::test]
async fn in_a_given_file_nothing_but_our_own_is_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("libsql:{}", folder.path().join("given.db").display());
    let one = open(&address, "one", Durability::Memory).await.expect("opened");
    assert!(!one.file.path.exists(), "opening creates nothing");

    let theirs = Builder::new_local(folder.path().join("given.db")).build().await.expect("a database");
    let user_connection = theirs.connect().expect("a connection");
    user_connection.execute("CREATE TABLE EVENTS (precious TEXT)", ()).await.expect("a table");
    let one = open(&address, "one", Durability::Memory).await.expect("opened");
    let refusal = one.reset().await.expect_err("a foreign table").message;
    assert!(refusal.contains("`events`") && refusal.contains("did not make"), "{refusal}");
    assert_eq!(tables(&user_connection).await, ["EVENTS"], "a refused reset leaves nothing");

    user_connection.execute("ALTER TABLE EVENTS RENAME TO mine", ()).await.expect("renamed");
    one.reset().await.expect("reset");
    one.reset().await.expect("our own tables give way");
    let other = open(&address, "other", Durability::Memory).await.expect("opened");
    other.reset().await.expect_err("the tables of another workload");

    one.close(false).await.expect("closed");
    assert_eq!(tables(&user_connection).await, ["mine"]);
    other.reset().await.expect("the names are free");
    other.close(false).await.expect("closed");
    assert_eq!(tables(&user_connection).await, ["mine"]);
    assert!(folder.path().join("given.db").exists(), "it holds what is not ours");
}

#[tokio::test]
async fn a_table_that_somebody_has_made_anew_is_theirs() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("libsql:{}", folder.path().join("given.db").display());
    let store = open(&address, "one", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    let theirs = Builder::new_local(folder.path().join("given.db")).build().await.expect("a database");
    let user_connection = theirs.connect().expect("a connection");
    let anew = "DROP TABLE events; CREATE TABLE Events (precious TEXT); INSERT INTO events VALUES ('kept')";
    user_connection.execute_batch(anew).await.expect("made anew");
    let refusal = store.reset().await.expect_err("a foreign table").message;
    assert!(refusal.contains("`events`"), "{refusal}");
    let said = store.clean_up().await.expect("cleaned up");
    assert!(said.iter().any(|said| said.contains("`events` that is no longer the one")), "{said:?}");
    store.close(false).await.expect("closed");
    assert_eq!(tables(&user_connection).await, ["Events"]);
}

#[tokio::test]
async fn a_given_file_goes_if_it_was_made_for_the_run_and_nobody_else_uses_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("libsql:{}", folder.path().join("given.db").display());
    let files = || std::fs::read_dir(folder.path()).expect("a folder").count();
    let filled = async || {
        let store = open(&address, "one", Durability::Memory).await.expect("opened");
        store.reset().await.expect("reset");
        store.after_load().await.expect("settled");
        let mut session = store.session().await.expect("a session");
        session.execute(&user("a", "a"), &mut Rows::default()).await.expect("inserted");
        store
    };
    filled().await.close(false).await.expect("closed");
    assert_eq!(files(), 0, "neither the file nor what SQLite keeps beside it");

    filled().await.close(true).await.expect("kept");
    assert!(folder.path().join("given.db").exists());
    filled().await.close(false).await.expect("closed");
    assert!(folder.path().join("given.db").exists(), "it was there before");
}

async fn tables(connection: &Connection) -> Vec<String> {
    texts(connection, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", ()).await.expect("a list")
}

#[tokio::test]
async fn a_location_that_cannot_be_a_file_is_refused() {
    for location in ["/nowhere/at/all.db", "/"] {
        let failure = open(&format!("libsql:{location}"), "one", Durability::Memory).await.err().expect("refused");
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert!(failure.message.contains(location), "{failure}");
    }
}

/// An operation for each statement that reads or changes existing rows.
fn searching() -> Vec<Op> {
    let (from_ms, to_ms, limit, fields) = (0, 10, 5, Fields::All);
    let (ada, between) = (Key::Text("ada".into()), Matching::Between(Value::Int(1), Value::Int(2)));
    let equal = Matching::Equal(Value::Int(1));
    let find = |table, field, matching: &Matching, order| {
        let fields = Fields::All;
        Op::Find { table, field, matching: matching.clone(), order, limit, fields }
    };
    vec![
        Op::Read { table: 0, key: ada.clone(), fields: fields.clone() },
        Op::Update { table: 0, key: ada.clone(), changes: vec![Change { field: 1, value: Value::Int(1) }] },
        Op::Delete { table: 0, key: ada.clone() },
        Op::Increment { table: 1, key: Key::Int(1), field: 0, by: 1, floor: Some(0) },
        Op::Scan { table: 0, from: ada, limit, fields: fields.clone() },
        Op::Scan { table: 1, from: Key::Int(1), limit, fields },
        find(0, 1, &equal, Order::Descending),
        find(0, 1, &between, Order::Ascending),
        find(1, 0, &equal, Order::Ascending),
        find(1, 0, &between, Order::Descending),
        Op::Tail { log: 0, stream: Key::Int(1), limit },
        Op::LastPoint { series: 0, entity: 1 },
        Op::PointRange { series: 0, entity: 1, from_ms, to_ms },
        Op::PointsAbove { series: 0, metric: 0, threshold: 0.5, from_ms, to_ms, limit },
    ]
}

#[tokio::test]
async fn no_operation_reads_a_whole_table_or_sorts() {
    let store = ready(Durability::Memory).await;
    let connection = store.connect().await.expect("a connection");
    for statement in searching().iter().flat_map(|op| store.explain(op).statements) {
        let mut plan = connection.query(&format!("EXPLAIN QUERY PLAN {statement}"), ()).await.expect("a plan");
        while let Some(step) = plan.next().await.expect("a step") {
            let step = step.get_str(3).expect("its description").to_owned();
            assert!(step.starts_with("SEARCH"), "{statement}: {step}");
        }
    }
    let fold = Fold::Mean;
    let window = Op::Window { series: 0, entity: 1, metric: 0, from_ms: 0, to_ms: 1, every_ms: 1, fold };
    let plan = format!("EXPLAIN QUERY PLAN {}", store.explain(&window).statements[0]);
    let mut steps = connection.query(&plan, ()).await.expect("a plan");
    let first = steps.next().await.expect("a step").expect("one step at least");
    assert!(first.get_str(3).expect("its description").contains("entity=? AND at>? AND at<?"));
}

#[tokio::test]
async fn what_is_sent_is_told() {
    let store = ready(Durability::Memory).await;
    let bump = |key, by, floor| Op::Increment { table: 1, key: Key::Int(key), field: 0, by, floor };
    let transfer = store.explain(&Op::Transact(vec![bump(1, -5, Some(0)), bump(2, 5, None)]));
    assert_eq!(transfer.round_trips, 0);
    assert_eq!(
        transfer.statements,
        [
            r#"BEGIN IMMEDIATE"#,
            r#"UPDATE "accounts" SET "balance" = "balance" + ?1 WHERE "key" = ?2 AND "balance" >= ?3"#,
            r#"SELECT "key", "balance" FROM "accounts" WHERE "key" = ? -- only if no row changed, to tell why"#,
            r#"UPDATE "accounts" SET "balance" = "balance" + ?1 WHERE "key" = ?2"#,
            r#"COMMIT"#,
        ]
    );
    let load = store.explain(&Op::Batch(vec![user("a", "a"), user("b", "b")]));
    assert_eq!(
        load.statements,
        [
            r#"BEGIN IMMEDIATE"#,
            r#"INSERT INTO "users" ("key", "name", "age") VALUES (?, ?, ?) -- 2 times"#,
            r#"COMMIT"#,
        ]
    );
    let read = Op::Read { table: 0, key: Key::Text("a".into()), fields: Fields::Some(vec![1]) };
    assert_eq!(store.explain(&Op::Batch(vec![read])).statements[0], "BEGIN", "readers do not wait for the write lock");
}
