//! Snapshots, which are transactions of the session's connection, and what the schema tells of a dataset.

use super::*;

async fn users(session: &mut LibsqlSession) -> Result<usize, Failure> {
    let mut rows = 0;
    session.export(crate::Part::Table(0), &mut |_| rows += 1).await.map(|()| rows)
}

#[tokio::test]
async fn a_snapshot_holds_the_log_until_it_ends_or_its_session_goes() {
    let store = ready(Durability::Memory).await;
    for is_dropped in [false, true] {
        let (mut session, mut other) =
            (store.session().await.expect("a session"), store.session().await.expect("a session"));
        assert!(session.begin_snapshot().await.expect("an answer"));
        other.execute(&user(&is_dropped.to_string(), "x"), &mut Rows::default()).await.expect("inserted");
        assert_eq!(users(&mut session).await.expect("exported"), usize::from(is_dropped));
        let connection = store.connect().await.expect("a connection");
        connection.execute_batch("PRAGMA busy_timeout = 1").await.expect("set");
        let is_busy = async || text(&connection, "PRAGMA wal_checkpoint(TRUNCATE)").await.expect("an answer");
        assert_eq!(is_busy().await, "1");
        if is_dropped {
            drop(session);
        } else {
            session.end_snapshot().await.expect("ended");
            assert_eq!(users(&mut session).await.expect("exported"), 1);
        }
        assert_eq!(is_busy().await, "0");
    }
}

#[tokio::test]
async fn a_snapshot_that_has_lost_its_transaction_answers_nothing_more() {
    let store = ready(Durability::Memory).await;
    let mut session = store.session().await.expect("a session");
    let mut rows = Rows::default();
    session.execute(&user("a", "a"), &mut rows).await.expect("inserted");
    assert!(session.begin_snapshot().await.expect("an answer"));
    session.connection().execute("ROLLBACK", ()).await.expect("as after a failure that ends it");
    let read = Op::Read { table: 0, key: Key::Text("a".into()), fields: Fields::All };
    for op in [read.clone(), Op::Batch(vec![read.clone()])] {
        assert_eq!(session.execute(&op, &mut rows).await.expect_err("lost").kind, FailureKind::Broken);
    }
    assert_eq!(users(&mut session).await.expect_err("lost").kind, FailureKind::Broken);
    session.end_snapshot().await.expect("ended");
    session.execute(&read, &mut rows).await.expect("read");
}

#[tokio::test]
async fn a_change_to_a_table_changes_the_catalogue_by_just_that() {
    let store = ready(Durability::Memory).await;
    let connection = store.connect().await.expect("a connection");
    let catalog = async || store.describe().await.expect("a description").catalog;
    let index = r#"index users.age: CREATE INDEX "users.age" ON "users" ("age", "key")"#.to_owned();
    let mut before = catalog().await;
    assert!(
        before.contains(&index) && before.iter().any(|entry| entry.starts_with("index sqlite_autoindex_")),
        "{before:?}"
    );
    for (statement, gone, made) in [
        (r#"DROP INDEX "users.age""#, vec![index.clone()], vec![]),
        (r#"CREATE INDEX "users.age" ON "users" ("age", "key")"#, vec![], vec![index]),
        (
            "CREATE INDEX extra ON Users (name)",
            vec![],
            vec!["index extra: CREATE INDEX extra ON Users (name)".to_owned()],
        ),
        (
            "CREATE TRIGGER slow AFTER INSERT ON users BEGIN SELECT 1; END",
            vec![],
            vec!["trigger slow: CREATE TRIGGER slow AFTER INSERT ON users BEGIN SELECT 1; END".to_owned()],
        ),
        ("CREATE TABLE of_others (a)", vec![], vec![]),
        ("ANALYZE", vec![], vec![]),
        ("VACUUM", vec![], vec![]),
    ] {
        connection.execute_batch(statement).await.expect("made");
        let after = catalog().await;
        let lacking = |one: &[String], other: &[String]| {
            one.iter().filter(|entry| !other.contains(entry)).cloned().collect::<Vec<_>>()
        };
        assert_eq!((lacking(&before, &after), lacking(&after, &before)), (gone, made), "{statement}");
        before = after;
    }
    connection.execute_batch("DROP TABLE events; CREATE VIEW events AS SELECT 1").await.expect("replaced");
    assert!(catalog().await.contains(&"view events: CREATE VIEW events AS SELECT 1".to_owned()));
}
