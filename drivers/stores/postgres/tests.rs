//! What is PostgreSQL's own and so not in the conformance suite: tiers read back, plans, statements, faults, TLS, and the
//! care for servers of others. All of it against real servers; a missing one fails.

mod batches;
mod children;
mod faults;
mod loads;
mod names;
mod pgbouncer;
mod plans;
mod poolers;
mod reached;
mod servers;
mod snapshots;
mod tls;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::connection::Connection;
use super::names::{quoted, schema_name};
use super::*;
use crate::launch;
use crate::seam::sample;
use crate::{
    Address, Change, Dataset, FailureKind, Fields, Isolation, Key, Part, Point, Rows, Sending, Session, Value,
};

fn dataset(name: &str) -> Arc<Dataset> {
    Arc::new(sample::dataset(name))
}

/// A server that several tests share; each has a dataset of its own.
fn shared() -> &'static str {
    static SHARED: OnceLock<Server> = OnceLock::new();
    let start = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = started(Durability::Memory).await;
            // No table is found by its bare name.
            let nowhere = "ALTER DATABASE postgres SET search_path = ''";
            connect(&server.address).await.run(nowhere).await.expect("set");
            server
        })
    };
    // On a thread of its own, because a runtime cannot be started within that of a test.
    &SHARED.get_or_init(|| std::thread::spawn(start).join().expect("started")).address
}

async fn started(tier: Durability) -> Server {
    launch::start::<Postgres>(tier).await.expect("these tests need PostgreSQL's server")
}

async fn open_with(address: &str, opening: Opening) -> Result<Postgres, Failure> {
    let address: Address = address.parse().expect("an address");
    Postgres::open(address.config().expect("its options"), opening).await
}

async fn open(address: &str, name: &str, tier: Durability) -> Result<Postgres, Failure> {
    open_with(address, Opening::new(dataset(name), tier)).await
}

async fn ready(name: &str) -> Postgres {
    let store = open(shared(), name, Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("settled");
    store
}

async fn connect(address: &str) -> Connection {
    let address: Address = address.parse().expect("an address");
    let config: Config = address.config().expect("its options");
    config.target(Duration::from_secs(10)).expect("a target").connect("").await.expect("a connection")
}

/// A connection on which bare names are those of the dataset's tables.
async fn inside(store: &Postgres) -> Connection {
    let mut connection = store.own_connection().await.expect("a connection");
    let schema = quoted(&schema_name(&store.layout.name));
    connection.run(&format!("SET search_path = {schema}")).await.expect("set");
    connection
}

async fn text(connection: &mut Connection, statement: &str) -> String {
    connection.query(statement, &[]).await.expect("an answer")[0].get(0)
}

fn user(key: &str, age: i64) -> Op {
    Op::Insert { table: 0, key: Key::Text(key.into()), record: vec![Value::Text(key.into()), Value::Int(age)] }
}

fn account(key: i64, balance: i64) -> Op {
    Op::Insert { table: 1, key: Key::Int(key), record: vec![Value::Int(balance)] }
}

fn bump(key: i64, by: i64, floor: Option<i64>) -> Op {
    Op::Increment { table: 1, key: Key::Int(key), field: 0, by, floor }
}

async fn run(session: &mut PostgresSession, op: &Op) -> Result<crate::Outcome, Failure> {
    session.execute(op, &mut Rows::default()).await
}

#[tokio::test]
async fn each_tier_is_set_and_read_back() {
    for (tier, fsync, commit) in
        [(Durability::Memory, "off", "off"), (Durability::Relaxed, "on", "off"), (Durability::Durable, "on", "on")]
    {
        let server = started(tier).await;
        let store = open(&server.address, "tiers", tier).await.expect("opened");
        store.reset().await.expect("reset");
        let description = store.describe().await.expect("a description");
        assert_eq!(description.guarantees.durability, tier, "{}", description.guarantees.because);
        assert_eq!((&*description.settings["fsync"], &*description.settings["synchronous_commit"]), (fsync, commit));
        assert!(description.version.starts_with(char::is_numeric), "{}", description.version);
        assert_eq!(description.guarantees.isolation, "read committed");
        assert_eq!(description.settings["client.tls"], "none");
        assert!(description.settings["version"].starts_with("PostgreSQL "), "{}", description.settings["version"]);
        assert!(description.layout[0].contains("\"age\" bigint NOT NULL"), "{:?}", description.layout);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_whose_files_lie_in_memory_is_not_called_durable() {
    let folder = crate::support::files::folder_in_memory();
    let server = launch::start_in::<Postgres>(Durability::Durable, folder).await.expect("started");
    let store = open(&server.address, "shm", Durability::Durable).await.expect("opened");
    crate::support::files::assert_in_memory(&store.describe().await.expect("a description"));
}

#[tokio::test]
async fn a_weaker_server_is_told_as_what_it_is_and_is_not_changed() {
    let server = started(Durability::Relaxed).await;
    let mut connection = connect(&server.address).await;
    let tier = async || {
        let store = open(&server.address, "weaker", Durability::Durable).await.expect("opened");
        store.describe().await.expect("a description").guarantees.durability
    };
    // A session of ours waits for the flush, whatever others do.
    assert_eq!(tier().await, Durability::Durable);
    assert_eq!(text(&mut connection, "SHOW synchronous_commit").await, "off");
    let unsafe_server = started(Durability::Memory).await;
    let store = open(&unsafe_server.address, "weaker", Durability::Durable).await.expect("opened");
    let description = store.describe().await.expect("a description");
    assert_eq!(description.guarantees.durability, Durability::Memory);
    assert!(description.guarantees.because.contains("fsync=off"), "{}", description.guarantees.because);
}

#[test]
fn only_what_is_flushed_and_whole_is_called_durable() {
    let tier = |fsync: &str, pages: &str, commit: &str| {
        let reported = [("fsync", fsync), ("full_page_writes", pages), ("synchronous_commit", commit)];
        let reported = reported.into_iter().map(|(name, setting)| (name.to_owned(), setting.to_owned())).collect();
        durability::guarantees(&reported).durability
    };
    assert_eq!(tier("on", "on", "on"), Durability::Durable);
    assert_eq!(tier("on", "on", "remote_apply"), Durability::Durable);
    assert_eq!(tier("on", "on", "local"), Durability::Durable);
    assert_eq!(tier("on", "on", "off"), Durability::Relaxed);
    assert_eq!(tier("on", "off", "on"), Durability::Memory);
    assert_eq!(tier("off", "on", "on"), Durability::Memory);
    assert_eq!(durability::guarantees(&Default::default()).durability, Durability::Memory);
}

#[test]
fn on_macos_only_a_flush_through_the_drive_is_called_durable() {
    let guarantees = |build: &str, method: &str, commit: &str| {
        let reported =
            [("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", commit), ("version", build)];
        let reported = reported.into_iter().chain([("wal_sync_method", method)]);
        durability::guarantees(&reported.map(|(name, setting)| (name.to_owned(), setting.to_owned())).collect())
    };
    let mac =
        "PostgreSQL 16.4 (Homebrew) on aarch64-apple-darwin23.6.0, compiled by Apple clang version 15.0.0, 64-bit";
    let linux = "PostgreSQL 15.20 (Debian 15.20-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc 12.2.0, 64-bit";
    assert_eq!(guarantees(mac, "fsync_writethrough", "on").durability, Durability::Durable);
    assert_eq!(guarantees(linux, "fdatasync", "on").durability, Durability::Durable);
    for method in ["open_datasync", "fdatasync", "fsync", "open_sync"] {
        let cached = guarantees(mac, method, "on");
        assert_eq!(cached.durability, Durability::Relaxed, "{method}");
        assert!(cached.because.contains("wal_sync_method is fsync_writethrough"), "{}", cached.because);
    }
    assert_eq!(guarantees(mac, "open_datasync", "off").durability, Durability::Relaxed);
}

#[tokio::test]
async fn the_level_of_isolation_is_the_stronger_of_what_is_asked_and_what_is_required() {
    for (option, required, reported) in [
        ("", None, Isolation::ReadCommitted),
        ("", Some(Isolation::RepeatableRead), Isolation::Snapshot),
        ("?isolation=repeatable-read", None, Isolation::Snapshot),
        ("?isolation=serializable", Some(Isolation::Snapshot), Isolation::Serializable),
        ("?isolation=read-committed", Some(Isolation::Serializable), Isolation::Serializable),
    ] {
        let opening = Opening { isolation: required, ..Opening::new(dataset("isolation"), Durability::Memory) };
        let store = open_with(&format!("{}{option}", shared()), opening).await.expect("opened");
        let isolation = store.describe().await.expect("a description").guarantees.isolation;
        assert_eq!(Isolation::parse(&isolation), Some(reported), "{option} {required:?}: {isolation}");
    }
    let misspelt: Address = format!("{}?isolation=strict", shared()).parse().expect("an address");
    assert!(misspelt.config::<Config>().is_err());
}

#[tokio::test]
async fn on_a_server_of_others_nothing_but_our_own_is_touched() {
    let mut other = connect(shared()).await;
    other.run("CREATE SCHEMA storebench_theirs; CREATE TABLE storebench_theirs.precious ()").await.expect("made");
    let store = open(shared(), "theirs", Durability::Memory).await.expect("opened");
    let refusal = store.reset().await.expect_err("a foreign schema");
    assert_eq!(refusal.kind, FailureKind::Broken);
    assert!(refusal.message.contains("storebench_theirs"), "{refusal}");
    assert_eq!(store.read_marker().await.expect("an answer"), None);
    store.swap_marker(None, "mine").await.expect_err("a foreign schema");
    store.close(false).await.expect("closed");
    other.run("SELECT FROM storebench_theirs.precious").await.expect("it is still there");

    // Of what is in our own schema, too, only what we made.
    let store = ready("ours").await;
    other
        .run(
            "CREATE TABLE storebench_ours.guest (); CREATE VIEW public.onlooker AS SELECT * FROM storebench_ours.users",
        )
        .await
        .expect("made");
    for _ in 0..2 {
        let refusal = store.reset().await.expect_err("something depends on it").message;
        assert!(refusal.contains("left alone"), "{refusal}");
        other.run("DROP VIEW IF EXISTS public.onlooker").await.expect("dropped");
    }
    other.run("SELECT FROM storebench_ours.guest; DROP TABLE storebench_ours.guest").await.expect("still there");
    store.reset().await.expect("our own tables give way");
    store.close(false).await.expect("closed");
    let left = "SELECT count(*)::text FROM pg_namespace WHERE nspname = 'storebench_ours'";
    assert_eq!(text(&mut other, left).await, "0");
}

#[tokio::test]
async fn names_that_are_too_long_stay_apart() {
    let long = "a-workload-with-a-name-that-is-much-longer-than-any-identifier-may-be";
    let (one, two) = (ready(&format!("{long}-1")).await, ready(&format!("{long}-2")).await);
    run(&mut one.session().await.expect("a session"), &account(1, 5)).await.expect("inserted");
    two.reset().await.expect("reset");
    let read = Op::Read { table: 1, key: Key::Int(1), fields: Fields::All };
    run(&mut one.session().await.expect("a session"), &read).await.expect("still there");
    one.close(false).await.expect("closed");
    two.close(false).await.expect("closed");
}

#[tokio::test]
async fn what_is_sent_is_told() {
    let store = ready("told").await;
    let transfer = store.explain(&Op::Transact(vec![bump(1, -5, Some(0)), bump(2, 5, None)]));
    assert_eq!(transfer.round_trips, 2);
    assert_eq!(
        transfer.statements,
        [
            r#"BEGIN"#,
            r#"UPDATE "storebench_told"."accounts" SET "balance" = "balance" + $1 WHERE "key" = $2 AND "balance" >= $3"#,
            r#"UPDATE "storebench_told"."accounts" SET "balance" = "balance" + $1 WHERE "key" = $2"#,
            r#"COMMIT -- in a second round trip, or ROLLBACK, when all replies are seen"#,
        ]
    );
    assert_eq!(transfer.transaction, Some(Sending::Pipelined));
    let interactive = store.explain(&Op::Interactive(vec![bump(1, -5, Some(0)), bump(2, 5, None)]));
    assert_eq!((interactive.round_trips, interactive.transaction), (4, Some(Sending::Interactive)));
    assert_eq!(
        interactive.statements,
        [
            transfer.statements[0].as_str(),
            &transfer.statements[1],
            r#"SELECT "key", "balance" FROM "storebench_told"."accounts" WHERE "key" = $1 -- only if no row changed, to tell why"#,
            &transfer.statements[2],
            "COMMIT -- or ROLLBACK, when one is refused or fails",
        ]
    );
    let load = store.explain(&Op::Batch(vec![user("a", 1), user("b", 2)]));
    assert_eq!(load.round_trips, 1);
    assert_eq!(
        load.statements,
        [
            "BEGIN",
            r#"INSERT INTO "storebench_told"."users" ("key", "name", "age") VALUES ($1, $2, $3) -- 2 times"#,
            "COMMIT"
        ]
    );
    let points = vec![Point { entity: 1, at_ms: 1, metrics: vec![0.5, 1.0] }; 2];
    assert_eq!(
        store.explain(&Op::InsertPoints { series: 0, points }).statements,
        [
            r#"INSERT INTO "storebench_told"."cpu" ("entity", "at", "busy", "idle") SELECT * FROM unnest($1, $2, $3, $4) ON CONFLICT ("entity", "at") DO UPDATE SET "busy" = excluded."busy", "idle" = excluded."idle""#
        ]
    );
    assert_eq!(store.explain(&Op::InsertPoints { series: 0, points: vec![] }).round_trips, 0);
}

#[tokio::test]
async fn a_batch_whose_error_undid_it_keeps_what_came_before() {
    let store = ready("batches").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &account(1, 10)).await.expect("inserted");
    let overflow = bump(1, i64::MAX, None);
    let ops = vec![bump(1, 1, None), bump(1, -99, Some(0)), bump(1, 1, None), overflow, bump(1, 1, None)];
    assert_eq!(run(&mut session, &Op::Batch(ops)).await.expect_err("it overflows").kind, FailureKind::Broken);
    // Refused because of what was held then, although the record is gone when the batch ends.
    let delete = Op::Delete { table: 1, key: Key::Int(1) };
    let ops = vec![bump(1, -13, Some(0)), delete];
    assert_eq!(run(&mut session, &Op::Batch(ops)).await.expect("done"), crate::Outcome::Refused);
    let gone = vec![account(2, 1), bump(1, 1, None), account(2, 1)];
    assert_eq!(run(&mut session, &Op::Batch(gone)).await.expect_err("gone").kind, FailureKind::Missing);
    run(&mut session, &bump(2, 1, None)).await.expect("what came before is there");
}

#[tokio::test]
async fn a_load_is_there_when_it_is_ended_and_not_at_all_when_it_fails() {
    let store = ready("loads").await;
    let (mut session, mut other) = (store.session().await.expect("one"), store.session().await.expect("another"));
    let read = |key| Op::Read { table: 1, key: Key::Int(key), fields: Fields::All };
    session.load(&Op::Batch(vec![account(1, 1), user("a", 1), account(2, 1)])).await.expect("taken");
    session.finish_load().await.expect("loaded");
    run(&mut other, &read(2)).await.expect("there");
    session.load(&Op::Batch(vec![account(3, 1), account(1, 1)])).await.expect("taken");
    assert_eq!(session.finish_load().await.expect_err("a key twice").kind, FailureKind::Exists);
    assert_eq!(run(&mut other, &read(3)).await.expect_err("undone").kind, FailureKind::Missing);
    session.load(&Op::Batch(vec![account(3, 1)])).await.expect("taken");
    run(&mut session, &read(3)).await.expect("an operation ends the load");
    let uneven = Op::Insert { table: 1, key: Key::Int(4), record: vec![] };
    session.load(&Op::Batch(vec![account(5, 1), uneven])).await.expect_err("no value for a column");
    assert_eq!(run(&mut session, &read(5)).await.expect_err("undone").kind, FailureKind::Missing);
}

#[tokio::test]
async fn rows_loaded_into_empty_tables_need_no_vacuum_and_others_stay_beside_what_is_there() {
    for isolation in ["read-committed", "serializable"] {
        let address = format!("{}?isolation={isolation}", shared());
        let store = open(&address, "frozen", Durability::Memory).await.expect("opened");
        store.reset().await.expect("reset");
        let mut own = inside(&store).await;
        // Pages of accounts, and how many of them a vacuum would pass by: ANALYZE counts both and changes no row.
        let mut pages = async || {
            own.run("ANALYZE accounts").await.expect("analysed");
            let pages = "SELECT relpages, relallvisible FROM pg_class WHERE oid = 'accounts'::regclass";
            let row = &own.query(pages, &[]).await.expect("an answer")[0];
            (row.get::<_, i32>(0), row.get::<_, i32>(1))
        };
        let mut session = store.session().await.expect("a session");
        let accounts = |from: i64| Op::Batch((from..from + 2000).map(|key| account(key, key)).collect());
        // The second copy of accounts is begun after another one, as for items.
        for op in [accounts(0), Op::Batch(vec![user("a", 1)]), accounts(2000)] {
            session.load(&op).await.expect("taken");
        }
        session.finish_load().await.expect("loaded");
        let (all, frozen) = pages().await;
        assert!(all > 10 && frozen == all, "{isolation}: {frozen} of {all} pages");
        session.load(&accounts(4000)).await.expect("taken");
        session.finish_load().await.expect("loaded");
        let (more, frozen) = pages().await;
        assert!(more > all && frozen < more, "{isolation}: {frozen} of {more} pages");
        let mut rows = 0;
        session.export(Part::Table(1), &mut |_| rows += 1).await.expect("exported");
        assert_eq!(rows, 6000, "{isolation}");
        store.close(false).await.expect("closed");
    }
}

#[tokio::test]
async fn the_footprint_grows_with_the_data() {
    let store = ready("footprint").await;
    let before = store.footprint().await.expect("a footprint");
    let mut session = store.session().await.expect("a session");
    session.load(&Op::Batch((0..5000).map(|key| account(key, key)).collect())).await.expect("taken");
    session.finish_load().await.expect("loaded");
    let after = store.footprint().await.expect("a footprint");
    assert!(after.disk_bytes > before.disk_bytes.map(|bytes| bytes + 100_000), "{before:?} {after:?}");
    assert!(after.written_bytes > before.written_bytes && before.written_bytes.is_some(), "{before:?} {after:?}");
    store.close(false).await.expect("closed");
}
