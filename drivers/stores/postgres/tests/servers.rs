//! Servers of others as they may be found: tables in memory, publications, standbys, settings that are not ours.

use std::process::{Child, Command, Stdio};

use super::*;
use crate::{Guarantees, Value::Int};

async fn described(store: &Postgres) -> Description {
    store.describe().await.expect("a description")
}

/// Makes the server read its settings again, and waits until it has.
async fn set(connection: &mut Connection, name: &str, value: &str) {
    connection.run(&format!("ALTER SYSTEM SET {name} = '{value}'")).await.expect("set");
    connection.run("SELECT pg_reload_conf()").await.expect("reloaded");
    until(connection, &format!("SELECT (current_setting('{name}') = '{value}')::text")).await;
}

async fn until(connection: &mut Connection, is_so: &str) {
    for _ in 0..500 {
        if text(connection, is_so).await == "true" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never so: {is_so}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn tables_in_memory_are_not_called_durable_wherever_the_rest_lies() {
    let folder = tempfile::tempdir_in(crate::support::files::folder_in_memory()).expect("a folder");
    let open_to_all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), open_to_all).expect("open to the server");
    let server = started(Durability::Durable).await;
    let mut own = connect(&server.address).await;
    let ram = folder.path().join("ram").display().to_string();
    own.run(&format!("COPY (SELECT) TO PROGRAM 'mkdir {ram} && cat >/dev/null'")).await.expect("made");
    own.run(&format!("CREATE TABLESPACE ram LOCATION '{ram}'")).await.expect("made");
    own.run("CREATE DATABASE in_ram TABLESPACE ram").await.expect("made");
    let tier = async |address: &str| {
        let store = open(address, "spaces", Durability::Durable).await.expect("opened");
        store.reset().await.expect("reset");
        let reported = described(&store).await;
        let Guarantees { durability, because, .. } = reported.guarantees;
        assert_eq!(because.ends_with("but its files lie in memory"), durability == Durability::Memory, "{because}");
        (durability, reported.settings["default_tablespace"].clone())
    };
    assert_eq!(tier(&server.address).await, (Durability::Durable, String::new()));
    let (host, _) = server.address.rsplit_once('/').expect("a database");
    assert_eq!(tier(&format!("{host}/in_ram")).await.0, Durability::Memory);
    // Tables that were made while this was set stay there.
    own.run("ALTER DATABASE postgres SET default_tablespace = ram").await.expect("set");
    assert_eq!(tier(&server.address).await, (Durability::Memory, "ram".into()));
    own.run("ALTER DATABASE postgres RESET default_tablespace").await.expect("set");
    let store = open(&server.address, "spaces", Durability::Durable).await.expect("opened");
    assert_eq!(described(&store).await.guarantees.durability, Durability::Memory);
}

#[tokio::test]
async fn a_publication_of_all_tables_is_no_obstacle() {
    let server = started(Durability::Memory).await;
    connect(&server.address).await.run("CREATE PUBLICATION everything FOR ALL TABLES").await.expect("made");
    for layout in ["jsonb", "children"] {
        let mut dataset = sample::dataset("published");
        let item = vec![sample::field("count", crate::Kind::Int)];
        dataset.tables[1].fields.push(sample::field("lines", crate::Kind::Items(item)));
        let opening = Opening::new(Arc::new(dataset), Durability::Memory);
        let store = open_with(&format!("{}?layout={layout}", server.address), opening).await.expect("opened");
        store.reset().await.expect("reset");
        let lines = |count| Value::List(vec![Value::Map(vec![("count".into(), Int(count))])]);
        let order = |key| Op::Insert { table: 1, key: Key::Int(key), record: vec![Int(1), lines(1)] };
        let point =
            Op::InsertPoints { series: 0, points: vec![Point { entity: 1, at_ms: 1, metrics: vec![0.5, 1.0] }] };
        let event = Op::Append { log: 0, stream: Key::Int(1), events: vec![vec![Value::Text("x".into())]] };
        let mut session = store.session().await.expect("a session");
        for op in [Op::Batch(vec![order(1), order(2)]), event.clone(), point.clone(), point.clone()] {
            session.load(&op).await.expect("taken");
        }
        session.finish_load().await.expect("loaded");
        store.after_load().await.expect("settled");
        let change = Change { field: 1, value: lines(2) };
        let update = Op::Update { table: 1, key: Key::Int(1), changes: vec![change] };
        let delete = Op::Delete { table: 1, key: Key::Int(2) };
        for op in [update, delete, bump(1, 1, Some(0)), event, point, order(3)] {
            run(&mut session, &op).await.unwrap_or_else(|failure| panic!("{layout}: {op:?}: {failure}"));
        }
        assert!(store.swap_marker(None, "a marker").await.expect("swapped"));
        assert!(store.swap_marker(Some("a marker"), "another").await.expect("swapped"));
        assert_eq!(store.read_marker().await.expect("an answer").as_deref(), Some("another"));
        store.close(false).await.expect("closed");
    }
}

#[tokio::test]
async fn what_the_server_is_set_to_is_told_beside_what_our_sessions_set() {
    let server = started(Durability::Durable).await;
    let mut own = connect(&server.address).await;
    let reported = async |tier| {
        let store = open(&server.address, "set", tier).await.expect("opened");
        let reported = described(&store).await;
        let setting = |name: &str| reported.settings[name].clone();
        (setting("server.synchronous_commit"), setting("synchronous_commit"), reported.guarantees.because)
    };
    let (server_own, session, because) = reported(Durability::Durable).await;
    assert_eq!((&*server_own, &*session), ("on", "on"));
    assert!(!because.contains("our sessions"), "{because}");
    let (server_own, session, because) = reported(Durability::Relaxed).await;
    assert_eq!((&*server_own, &*session), ("on", "off"));
    assert!(because.ends_with("; our sessions set synchronous_commit=off, the server's own is on"), "{because}");
    own.run("ALTER ROLE CURRENT_USER SET synchronous_commit = off").await.expect("set");
    let (server_own, session, because) = reported(Durability::Durable).await;
    assert_eq!((&*server_own, &*session), ("off", "on"));
    assert!(because.ends_with("; our sessions set synchronous_commit=on, the server's own is off"), "{because}");
}

/// A program that takes the server's log as a standby does.
struct Standby {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Standby {
    async fn of(address: &str, own: &mut Connection) -> Standby {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = text(own, "SELECT setting FROM pg_config WHERE name = 'BINDIR'").await;
        let mut program = Command::new(format!("{programs}/pg_receivewal"));
        program.args(["--no-loop", "--no-password", "--dbname", address, "--directory"]).arg(folder.path());
        let child = program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        let standby = Standby { child, _folder: folder };
        until(own, "SELECT (count(*) = 1)::text FROM pg_stat_replication WHERE state = 'streaming'").await;
        standby
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_tier_is_of_one_node_unless_its_standbys_are_waited_for() {
    let server = started(Durability::Durable).await;
    let mut own = connect(&server.address).await;
    let opened = async |tier| open(&server.address, "standbys", tier).await;
    let because = async || described(&opened(Durability::Durable).await.expect("opened")).await.guarantees.because;
    assert!(!because().await.contains("standby"));
    let standby = Standby::of(&server.address, &mut own).await;
    let alone = because().await;
    assert!(alone.contains("of this node alone"), "{alone}");
    set(&mut own, "synchronous_standby_names", "*").await;
    let waited_for = because().await;
    assert!(!waited_for.contains("of this node alone"), "{waited_for}");

    drop(standby);
    until(&mut own, "SELECT (count(*) = 0)::text FROM pg_stat_replication").await;
    for tier in [Durability::Durable, Durability::Relaxed] {
        let failure = opened(tier).await.err().expect("every commit would hang");
        assert_eq!(failure.kind, FailureKind::Broken);
        assert!(failure.message.contains("synchronous_standby_names=*"), "{failure}");
    }
    // Nothing of ours waits for a standby.
    own.run("SET synchronous_commit = local; ALTER ROLE CURRENT_USER SET synchronous_commit = local")
        .await
        .expect("set");
    opened(Durability::Durable).await.expect("opened").reset().await.expect("reset");
}

#[tokio::test]
async fn a_server_that_only_reads_denies_writes() {
    let server = started(Durability::Memory).await;
    let store = open(&server.address, "reads", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    let mut own = connect(&server.address).await;
    own.run("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on").await.expect("set");
    let mut session = store.session().await.expect("a session");
    for op in [account(1, 1), Op::Batch(vec![account(1, 1), account(2, 1)])] {
        let failure = run(&mut session, &op).await.expect_err("not allowed");
        assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    }
}
