//! Snapshots, which are reads at a cluster time, and what the server tells of a dataset.

use std::time::Duration;

use super::*;

async fn set(client: &Client, name: &str, value: i32) {
    client.database("admin").run_command(doc! { "setParameter": 1, name: value }).await.expect("set");
}

fn read(key: i64) -> Op {
    Op::Read { table: 1, key: Key::Int(key), fields: Fields::All }
}

fn points(at_ms: i64) -> Op {
    Op::InsertPoints { series: 0, points: vec![Point { entity: 1, at_ms, metrics: vec![0.5, 1.5] }] }
}

async fn count(session: &mut MongodbSession, part: Part) -> Result<usize, Failure> {
    let mut rows = 0;
    session.export(part, &mut |_| rows += 1).await.map(|()| rows)
}

#[tokio::test]
async fn a_snapshot_is_of_both_layouts_of_points_and_outlasts_transactions() {
    let server = launch::start::<Mongodb>(Durability::Memory).await.expect("started");
    for series in ["documents", "timeseries"] {
        let store = open(&format!("{}&series={series}", server.address), "snapshots", Durability::Memory).await;
        let store = store.expect("opened");
        store.reset().await.expect("reset");
        store.after_load().await.expect("after the load");
        let client = store.client().await.expect("a client");
        set(&client, "transactionLifetimeLimitSeconds", 1).await;
        let (mut session, mut other) =
            (store.session().await.expect("a session"), store.session().await.expect("a session"));
        let mut rows = Rows::default();
        other.execute(&points(1), &mut rows).await.expect("inserted");
        assert!(session.begin_snapshot().await.expect("an answer"));
        // Enough for a bucket of a time-series collection to be full and compressed.
        for at_ms in 2..1500 {
            other.execute(&points(at_ms), &mut rows).await.expect("inserted");
        }
        other.execute(&account(1, 1), &mut rows).await.expect("inserted");
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(count(&mut session, Part::Series(0)).await.expect("exported"), 1);
        let last = Op::LastPoint { series: 0, entity: 1 };
        session.execute(&last, &mut rows).await.expect("the last");
        assert_eq!(rows[0].values[0], Value::Time(1), "{series}");
        assert_eq!(session.execute(&read(1), &mut rows).await.expect_err("not yet").kind, FailureKind::Missing);
        session.end_snapshot().await.expect("ended");
        session.execute(&last, &mut rows).await.expect("the last");
        assert_eq!(rows[0].values[0], Value::Time(1499), "{series}");
        store.close(false).await.expect("closed");
    }
}

#[tokio::test]
async fn a_snapshot_that_the_server_no_longer_keeps_is_no_conflict_and_says_so() {
    let server = launch::start::<Mongodb>(Durability::Memory).await.expect("started");
    let store = open(&server.address, "old", Durability::Durable).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("after the load");
    set(&store.client().await.expect("a client"), "minSnapshotHistoryWindowInSeconds", 1).await;
    let (mut session, mut other) =
        (store.session().await.expect("a session"), store.session().await.expect("a session"));
    let mut rows = Rows::default();
    assert!(session.begin_snapshot().await.expect("an answer"));
    let mut old = None;
    for key in 0..200 {
        other.execute(&account(key, 1), &mut rows).await.expect("inserted");
        tokio::time::sleep(Duration::from_millis(50)).await;
        if let Err(failure) = count(&mut session, Part::Table(1)).await {
            old = Some((key, failure));
            break;
        }
    }
    let (key, failure) = old.expect("a second is over");
    for failure in [failure, session.execute(&read(0), &mut rows).await.expect_err("too old")] {
        assert_eq!(failure.kind, FailureKind::Broken, "{failure}");
        assert!(failure.message.contains("minSnapshotHistoryWindowInSeconds"), "{failure}");
    }
    session.end_snapshot().await.expect("ended");
    assert_eq!(count(&mut session, Part::Table(1)).await.expect("exported"), key as usize + 1);
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn a_collection_that_is_changed_in_a_snapshot_is_a_failure_and_no_answer() {
    let store = ready("changed", Durability::Memory).await;
    let mut session = store.session().await.expect("a session");
    let mut rows = Rows::default();
    session.execute(&account(1, 1), &mut rows).await.expect("inserted");
    assert!(session.begin_snapshot().await.expect("an answer"));
    let admin = database(&store, "admin").await;
    let (here, there) = ("storebench_changed.accounts", "storebench_changed.elsewhere");
    for (from, to) in [(here, there), (there, here)] {
        admin.run_command(doc! { "renameCollection": from, "to": to }).await.expect("renamed");
    }
    let failure = session.execute(&read(1), &mut rows).await.expect_err("changed since");
    assert_eq!(failure.kind, FailureKind::Broken, "{failure}");
    session.end_snapshot().await.expect("ended");
    session.execute(&read(1), &mut rows).await.expect("read");
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn a_change_to_a_collection_changes_the_catalogue_by_just_that() {
    for (name, series) in [("catalogue", "documents"), ("catalogue-series", "timeseries")] {
        let address = format!("{}&series={series}", shared_server().await);
        let store = open(&address, name, Durability::Memory).await.expect("opened");
        store.reset().await.expect("reset");
        store.after_load().await.expect("after the load");
        let own = database(&store, &format!("storebench_{name}")).await;
        let catalog = async || store.describe().await.expect("a description").catalog;
        let key = r#"{ "v": 2, "key": { "age": 1, "_id": 1 }, "name": "age._id""#;
        let index = |options: &str| vec![format!("index users.age._id: {key}{options} }}")];
        let collated = doc! { "key": { "name": 1 }, "name": "n", "collation": { "locale": "de" } };
        let partial =
            doc! { "key": { "name": -1 }, "name": "p", "partialFilterExpression": { "age": 1 }, "unique": true };
        let hidden = |hidden: bool| doc! { "collMod": "users", "index": { "name": "age._id", "hidden": hidden } };
        let mut before = catalog().await;
        for (command, gone, made) in [
            (hidden(true), index(""), index(r#", "hidden": true"#)),
            (hidden(false), index(r#", "hidden": true"#), index("")),
            (doc! { "dropIndexes": "users", "index": "age._id" }, index(""), vec![]),
            (
                doc! { "createIndexes": "users", "indexes": [partial] },
                vec![],
                vec![
                    r#"index users.p: { "v": 2, "key": { "name": -1 }, "name": "p", "unique": true, "partialFilterExpression": { "age": 1 } }"#
                        .to_owned(),
                ],
            ),
            (
                doc! { "collMod": "accounts", "validator": { "balance": { "$gt": -9 } } },
                vec!["collection accounts: {}".to_owned()],
                vec![
                    r#"collection accounts: { "validator": { "balance": { "$gt": -9 } }, "validationLevel": "strict", "validationAction": "error" }"#
                        .to_owned(),
                ],
            ),
            (doc! { "create": "of_others" }, vec![], vec![]),
            (doc! { "create": "seen", "viewOn": "users", "pipeline": [] }, vec![], vec![]),
        ] {
            own.run_command(command.clone()).await.expect("done");
            let after = catalog().await;
            let lacking = |one: &[String], other: &[String]| {
                one.iter().filter(|entry| !other.contains(entry)).cloned().collect::<Vec<_>>()
            };
            assert_eq!((lacking(&before, &after), lacking(&after, &before)), (gone, made), "{command}");
            before = after;
        }
        own.run_command(doc! { "createIndexes": "users", "indexes": [collated] }).await.expect("made");
        let collated = catalog().await.into_iter().find(|entry| entry.starts_with("index users.n")).expect("it");
        assert!(collated.contains(r#""collation": { "locale": "de""#), "{collated}");
        let series_index = |catalog: &[String]| catalog.iter().filter(|entry| entry.starts_with("index cpu.")).count();
        let had = series_index(&before);
        let name = store.layout.series[0].index().0.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(".");
        own.run_command(doc! { "dropIndexes": "cpu", "index": name }).await.expect("dropped");
        assert_eq!(series_index(&catalog().await) + 1, had);
        for other in ["of_others", "seen"] {
            own.collection::<Document>(other).drop().await.expect("dropped");
        }
        store.close(false).await.expect("closed");
    }
}
