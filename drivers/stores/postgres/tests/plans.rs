//! What is explained is what the server sees; and no operation reads a whole table or sorts, by whichever plan the server takes
//! for a prepared statement.

use super::binary::PgParameter;
use super::statement::PgStatement;
use super::types::TypedSql;
use super::*;
use crate::sql::statement::Parameter;
use crate::{Fold, Matching, Order};

/// An operation for each statement that reads or changes existing rows.
fn searching() -> Vec<Op> {
    let (from_ms, to_ms, limit, fields) = (5000, 5100, 5, Fields::All);
    let (ada, between) = (Key::Text("user 77".into()), Matching::Between(Value::Int(100), Value::Int(110)));
    let equal = Matching::Equal(Value::Int(100));
    let find = |table, field, matching: &Matching, order| {
        let fields = Fields::All;
        Op::Find { table, field, matching: matching.clone(), order, limit, fields }
    };
    vec![
        Op::Read { table: 0, key: ada.clone(), fields: fields.clone() },
        Op::Update { table: 0, key: ada.clone(), changes: vec![Change { field: 1, value: Value::Int(1) }] },
        Op::Delete { table: 0, key: ada.clone() },
        bump(1, 1, Some(0)),
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
        Op::Window { series: 0, entity: 1, metric: 0, from_ms, to_ms, every_ms: 10, fold: Fold::Mean },
    ]
}

/// The plan of a prepared statement with these parameters.
pub(super) async fn plan(connection: &mut Connection, sql: &TypedSql, parameters: &[PgParameter<'_>]) -> String {
    // An array type is named after its element's, with an underscore before it.
    let types: Vec<&str> = sql.types.iter().map(|kind| kind.name()).collect();
    let values: Vec<String> = parameters.iter().map(literal).collect();
    connection.run(&format!("PREPARE one ({}) AS {}", types.join(", "), sql.text)).await.expect("prepared");
    let plan = connection.query(&format!("EXPLAIN EXECUTE one ({})", values.join(", ")), &[]).await.expect("a plan");
    connection.run("DEALLOCATE one").await.expect("forgotten");
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    plan.join("\n")
}

/// A parameter as a literal, for EXECUTE.
fn literal(parameter: &PgParameter<'_>) -> String {
    match parameter {
        PgParameter::Common(Parameter::Int(number) | Parameter::Key(Key::Int(number))) => number.to_string(),
        PgParameter::Common(Parameter::Float(number)) => number.to_string(),
        PgParameter::Common(Parameter::Key(Key::Text(text))) => format!("'{text}'"),
        PgParameter::Common(Parameter::Value(Value::Int(number))) => number.to_string(),
        PgParameter::Common(Parameter::Value(Value::List(_))) => "0".to_owned(),
        PgParameter::Common(Parameter::Value(Value::Null)) => "NULL".to_owned(),
        PgParameter::Array(_) => "'{}'".to_owned(),
        other => panic!("no operation here has a parameter {other:?}"),
    }
}

#[tokio::test]
async fn no_operation_reads_a_whole_table_or_sorts() {
    let store = ready("plans").await;
    let mut session = store.session().await.expect("a session");
    let users = (0..5000).map(|number| user(&format!("user {number}"), number));
    let accounts = (0..5000).map(|number| account(number, number));
    session.load(&Op::Batch(users.chain(accounts).collect())).await.expect("taken");
    let events = vec![vec![Value::Text("e".into())]; 500];
    let append = |stream| Op::Append { log: 0, stream: Key::Int(stream), events: events.clone() };
    session.load(&Op::Batch((0..10).map(append).collect())).await.expect("taken");
    let point = |at| Point { entity: at % 10, at_ms: at, metrics: vec![at as f64 % 7.0, 1.0] };
    session.load(&Op::InsertPoints { series: 0, points: (0..10_000).map(point).collect() }).await.expect("taken");
    session.finish_load().await.expect("loaded");
    store.after_load().await.expect("settled");

    let mut connection = inside(&store).await;
    for mode in ["force_custom_plan", "force_generic_plan"] {
        connection.run(&format!("SET plan_cache_mode = {mode}")).await.expect("set");
        for op in searching() {
            let statement = PgStatement::of(&op).expect("a single operation").expect("a statement");
            let sql = statement.sql(&store.layout);
            let parameters = encode::parameters(&store.layout, &op).expect("parameters");
            let plan = plan(&mut connection, &sql, &parameters).await;
            // Folding buckets needs them in order; their number is that of the answer.
            let sorts = plan.contains("Sort") && !matches!(op, Op::Window { .. });
            assert!(plan.contains("Index") && !plan.contains("Seq Scan") && !sorts, "{mode}: {}\n{plan}", sql.text);
        }
    }
}

/// By the server's own account of what each connection has run last.
#[tokio::test]
async fn the_server_sees_what_is_explained() {
    const SEEN: &str =
        "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%storebench_seen%'";
    let store = ready("seen").await;
    let mut session = store.session().await.expect("a session");
    let mut connection = inside(&store).await;
    let point = Point { entity: 1, at_ms: 5000, metrics: vec![0.9, 0.1] };
    let mut ops = vec![
        user("user 77", 100),
        account(1, 100),
        Op::Append { log: 0, stream: Key::Int(1), events: vec![vec![Value::Text("e".into())]] },
        Op::InsertPoints { series: 0, points: vec![point] },
    ];
    let (deletes, others): (Vec<Op>, Vec<Op>) = searching().into_iter().partition(|op| matches!(op, Op::Delete { .. }));
    ops.extend(others.into_iter().chain(deletes));
    for op in ops {
        run(&mut session, &op).await.unwrap_or_else(|failure| panic!("{op:?}: {failure}"));
        assert_eq!(text(&mut connection, SEEN).await, store.explain(&op).statements[0], "{op:?}");
    }
}
