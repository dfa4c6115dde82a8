//! What is sent for each operation, and that the server finds rows by an index.

use super::*;

/// An operation for each statement that reads or changes existing rows.
fn searching() -> Vec<Op> {
    let (from_ms, to_ms, limit, fields) = (0, 10, 5, Fields::All);
    let (ada, between) = (Key::Text("ada".into()), Matching::Between(Value::Int(1), Value::Int(2)));
    let find = |table, field, matching: &Matching, order| {
        let fields = Fields::All;
        Op::Find { table, field, matching: matching.clone(), order, limit, fields }
    };
    vec![
        read(0, ada.clone()),
        Op::Update { table: 0, key: ada.clone(), changes: vec![Change { field: 1, value: Value::Int(1) }] },
        Op::Delete { table: 0, key: ada.clone() },
        bump(1, 1, Some(0)),
        Op::Scan { table: 0, from: ada, limit, fields: fields.clone() },
        Op::Scan { table: 1, from: Key::Int(1), limit, fields },
        find(0, 1, &Matching::Equal(Value::Int(1)), Order::Descending),
        find(1, 0, &between, Order::Ascending),
        Op::Tail { log: 0, stream: Key::Int(1), limit },
        Op::LastPoint { series: 0, entity: 1 },
        Op::PointRange { series: 0, entity: 1, from_ms, to_ms },
        Op::PointsAbove { series: 0, metric: 0, threshold: 0.5, from_ms, to_ms, limit },
        Op::Window { series: 0, entity: 1, metric: 0, from_ms, to_ms, every_ms: 1, fold: Fold::Mean },
    ]
}

#[tokio::test]
async fn no_operation_reads_a_whole_table() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let mut stream = store.connect().await.expect("a stream");
    for op in searching() {
        let statement = &store.explain(&op).statements[0];
        let plan = stream.query(&format!("EXPLAIN QUERY PLAN {statement}"), &[]).await.expect("a plan");
        let steps: Vec<String> = plan.rows().map(|row| format!("{:?}", row.expect("a step").last())).collect();
        assert!(
            steps[0].contains("SEARCH") && !steps.iter().any(|step| step.contains("SCAN")),
            "{statement}: {steps:?}"
        );
    }
}

#[tokio::test]
async fn what_is_sent_is_told() {
    let server = served(Durability::Memory).await;
    let store = ready(&server, "one").await;
    let reported = |op: &Op| {
        let Binding { statements, round_trips, .. } = store.explain(op);
        assert_eq!(round_trips, 1, "{}", op.verb());
        statements
    };
    let changed = "SELECT abs(CASE changes() WHEN 0 THEN -9223372036854775808 ELSE 0 END)";
    assert_eq!(
        reported(&Op::Transact(vec![bump(1, -5, Some(0)), Op::Delete { table: 0, key: Key::Text("a".into()) }])),
        [
            "BEGIN IMMEDIATE",
            "UPDATE \"storebench_one_accounts\" SET \"balance\" = \"balance\" + ?1 WHERE \"key\" = ?2 \
             AND \"balance\" >= ?3",
            changed,
            "SELECT \"key\", \"balance\" FROM \"storebench_one_accounts\" WHERE \"key\" = ? \
             -- only if the statement before it failed",
            "DELETE FROM \"storebench_one_users\" WHERE \"key\" = ?",
            changed,
            "COMMIT",
            "ROLLBACK -- only if a transaction is open",
        ]
    );
    let points = vec![Point { entity: 1, at_ms: 1, metrics: vec![0.5, 1.0] }; 2];
    assert_eq!(
        reported(&Op::InsertPoints { series: 0, points }),
        ["INSERT INTO \"storebench_one_cpu\" (\"entity\", \"at\", \"busy\", \"idle\") \
             VALUES (?, ?, ?, ?), (?, ?, ?, ?) \
          ON CONFLICT (\"entity\", \"at\") DO UPDATE SET \"busy\" = excluded.\"busy\", \"idle\" = excluded.\"idle\""]
    );
    assert_eq!(reported(&Op::Batch(vec![user("a", "a"), user("b", "b")]))[1].matches("2 times").count(), 1);
    assert!(reported(&bump(1, 1, Some(0)))[1].contains("only if no row changed"));
    let layout = store.describe().await.expect("a description").layout;
    assert!(layout[0].starts_with("users: CREATE TABLE \"storebench_one_users\""), "{layout:?}");
}
