//! Snapshots, which are transactions of the session's stream, and what the schema tells of a dataset.

use super::*;
use crate::stores::libsql_server::hrana::Condition;

async fn accounts(session: &mut LibsqlServerSession) -> Result<usize, Failure> {
    let mut rows = 0;
    session.export(Part::Table(1), &mut |_| rows += 1).await.map(|()| rows)
}

/// sqld ends a transaction that has the write lock after 5 s, and a stream of HTTP after 10 s.
#[tokio::test]
async fn a_snapshot_outlasts_the_limits_of_the_server_while_others_write() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let (mut session, mut other) =
        (store.session().await.expect("a session"), store.session().await.expect("a session"));
    run(&mut other, &account(0, 0)).await.expect("inserted");
    assert!(session.begin_snapshot().await.expect("an answer"));
    let started = Instant::now();
    let (mut key, mut conflicts) = (0, 0);
    while started.elapsed() < Duration::from_secs(12) {
        match run(&mut other, &Op::Transact(vec![account(key + 1, 0), bump(0, 1, None)])).await {
            Ok(_) => key += 1,
            // With a checkpoint, which waits for the snapshot.
            Err(failure) if failure.kind == FailureKind::Conflict => conflicts += 1,
            Err(failure) => panic!("{failure}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(key > 0, "{conflicts} conflicts");
    let mut rows = Rows::default();
    session.execute(&read(1, Key::Int(0)), &mut rows).await.expect("read");
    assert_eq!(rows[0].values[0], Value::Int(0));
    assert_eq!(accounts(&mut session).await.expect("exported"), 1);
    session.end_snapshot().await.expect("ended");
    assert_eq!(accounts(&mut session).await.expect("exported"), 1 + key as usize);
}

#[tokio::test]
async fn a_snapshot_that_has_lost_its_transaction_answers_nothing_more() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &account(1, 0)).await.expect("inserted");
    assert!(session.begin_snapshot().await.expect("an answer"));
    session.connection().run("ROLLBACK", &[]).await.expect("as after a failure that ends it");
    for op in [read(1, Key::Int(1)), Op::Batch(vec![read(1, Key::Int(1))])] {
        assert_eq!(run(&mut session, &op).await.expect_err("lost").kind, FailureKind::Broken);
    }
    assert_eq!(accounts(&mut session).await.expect_err("lost").kind, FailureKind::Broken);
    session.end_snapshot().await.expect("ended");
    run(&mut session, &read(1, Key::Int(1))).await.expect("read");
}

#[tokio::test]
async fn an_export_that_fails_leaves_the_stream_usable() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut session = store.session().await.expect("a session");
    let accounts = (0..5000).map(|key| account(key, 0)).collect();
    session.load(&Op::Batch(accounts)).await.expect("loaded");
    let table = "SELECT * FROM storebench_one_accounts";
    let mut fail = |_: hrana::Columns<'_>| Err(Failure::broken("not as it should be"));
    session.connection().go_through(table, Condition::Always, &mut fail).await.expect_err("failed");
    run(&mut session, &account(-1, 0)).await.expect("inserted");
    let mut rows = 0;
    session.export(Part::Table(1), &mut |_| rows += 1).await.expect("exported");
    assert_eq!(rows, 5001);
}

#[tokio::test]
async fn a_change_to_a_table_changes_the_catalogue_by_just_that() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut theirs = store.connect().await.expect("a stream");
    let catalog = async || store.describe().await.expect("a description").catalog;
    let create = r#"CREATE INDEX "storebench_one_users.age" ON "storebench_one_users" ("age", "key")"#;
    let index = format!("index storebench_one_users.age: {create}");
    let trigger = "CREATE TRIGGER slow AFTER INSERT ON storebench_one_users BEGIN SELECT 1; END";
    let mut before = catalog().await;
    for (statement, gone, made) in [
        (r#"DROP INDEX "storebench_one_users.age""#, vec![index.clone()], vec![]),
        (create, vec![], vec![index]),
        (trigger, vec![], vec![format!("trigger slow: {trigger}")]),
        ("CREATE TABLE of_others (a)", vec![], vec![]),
    ] {
        theirs.run(statement, &[]).await.expect("made");
        let after = catalog().await;
        let lacking = |one: &[String], other: &[String]| {
            one.iter().filter(|entry| !other.contains(entry)).cloned().collect::<Vec<_>>()
        };
        assert_eq!((lacking(&before, &after), lacking(&after, &before)), (gone, made), "{statement}");
        before = after;
    }
}
