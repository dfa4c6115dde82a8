//! What is MongoDB's own and so not in the conformance suite: commands, plans, tiers, and the care for what is not
//! ours.

mod broken;
mod failing;
mod locked;
mod snapshots;
mod timeseries;
mod tls;

use mongodb::bson::{Document, doc};
use tokio::sync::OnceCell;

use super::commands::CommandBuilder;
use super::*;
use crate::launch;
use crate::{
    Address, Change, Dataset, FailureKind, Field, Fields, Fold, Key, KeyKind, Kind, Log, Matching, Order, Outcome,
    Part, Point, Rows, Series, Session, Table, Value,
};

fn dataset(name: &str) -> Arc<Dataset> {
    let field = |name: &str, kind| Field { name: name.into(), kind, optional: false };
    let users = vec![field("name", Kind::Text), field("age", Kind::Int), field("_id", Kind::Int)];
    let limit = Field { name: "limit".into(), kind: Kind::Int, optional: true };
    let events = vec![field("place", Kind::Text), field("extras", Kind::Map)];
    Arc::new(Dataset {
        name: name.into(),
        tables: vec![
            Table { name: "users".into(), key: KeyKind::Text, is_keyed: true, fields: users, indexes: vec![1] },
            Table {
                name: "accounts".into(),
                key: KeyKind::Int,
                is_keyed: true,
                fields: vec![field("balance", Kind::Int), limit],
                indexes: vec![0],
            },
        ],
        logs: vec![Log { name: "events".into(), stream: KeyKind::Int, fields: events }],
        series: vec![Series { name: "cpu".into(), metrics: vec!["busy".into(), "_id".into()] }],
    })
}

/// The address of a server that these tests share.
async fn shared_server() -> &'static str {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    let start = || async { launch::start::<Mongodb>(Durability::Durable).await.expect("these tests need mongod") };
    &SERVER.get_or_init(start).await.address
}

async fn open(address: &str, workload: &str, durability: Durability) -> Result<Mongodb, Failure> {
    let address: Address = address.parse().expect("an address");
    let opening = Opening::new(dataset(workload), durability);
    Mongodb::open(address.config().expect("its options"), opening).await
}

async fn ready(workload: &str, durability: Durability) -> Mongodb {
    let store = open(shared_server().await, workload, durability).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("after the load");
    store
}

/// A database of somebody else on the same server.
async fn database(store: &Mongodb, name: &str) -> mongodb::Database {
    connect(&store.options).await.expect("a client").database(name)
}

fn user(key: &str, name: &str) -> Op {
    let record = vec![Value::Text(name.into()), Value::Int(1), Value::Int(7)];
    Op::Insert { table: 0, key: Key::Text(key.into()), record }
}

fn account(key: i64, balance: i64) -> Op {
    Op::Insert { table: 1, key: Key::Int(key), record: vec![Value::Int(balance), Value::Null] }
}

fn increment(key: i64, by: i64, floor: Option<i64>) -> Op {
    Op::Increment { table: 1, key: Key::Int(key), field: 0, by, floor }
}

#[tokio::test]
async fn each_tier_is_requested_and_read_back() {
    for (tier, concern) in [
        (Durability::Durable, "{w: \"majority\", j: true}"),
        (Durability::Relaxed, "{w: 1, j: true}"),
        (Durability::Memory, "{w: 1, j: false}"),
    ] {
        let store = ready("tiers", tier).await;
        let description = store.describe().await.expect("a description");
        assert_eq!(description.guarantees.durability, tier, "{}", description.guarantees.because);
        assert!(description.guarantees.because.contains(concern), "{}", description.guarantees.because);
        assert_eq!(description.settings["client_write_concern"], concern);
        assert_eq!(description.settings["storage_engine"], "wiredTiger");
        assert_eq!(description.settings["journal_commit_interval_ms"], "100");
        assert_eq!(description.settings["members"], "1");
        assert!(description.version.starts_with("6."), "{}", description.version);
        assert!(store.explain(&account(1, 1)).statements[0].contains(concern));
        assert_eq!(crate::Isolation::parse(&description.guarantees.isolation), Some(crate::Isolation::Snapshot));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_whose_files_lie_in_memory_is_not_called_durable() {
    let folder = crate::support::files::folder_in_memory();
    let server = launch::start_in::<Mongodb>(Durability::Durable, folder).await.expect("started");
    let store = open(&server.address, "shm", Durability::Durable).await.expect("opened");
    store.reset().await.expect("reset");
    crate::support::files::assert_in_memory(&store.describe().await.expect("a description"));
}

#[test]
fn only_what_is_known_to_be_journaled_is_called_durable() {
    let tier = |engine, majority, journal, members| {
        durability::classify(engine, WriteConcern { majority, journal }, members).0
    };
    assert_eq!(tier(Some("wiredTiger"), true, true, Some(3)), Durability::Durable);
    assert_eq!(tier(Some("wiredTiger"), false, true, Some(1)), Durability::Relaxed);
    assert_eq!(tier(Some("wiredTiger"), false, true, Some(3)), Durability::Relaxed);
    assert_eq!(tier(Some("wiredTiger"), false, true, None), Durability::Relaxed);
    assert_eq!(tier(Some("wiredTiger"), true, false, Some(3)), Durability::Memory);
    assert_eq!(tier(Some("inMemory"), true, true, Some(3)), Durability::Memory);
    assert_eq!(tier(None, true, true, Some(3)), Durability::Memory);
}

#[tokio::test]
async fn what_somebody_else_made_is_refused_and_stays() {
    let store = open(shared_server().await, "foreign", Durability::Memory).await.expect("opened");
    let foreign = database(&store, "storebench_foreign").await;
    assert_eq!(foreign.list_collection_names().await.expect("a list"), [""; 0], "opening makes nothing");
    foreign.collection("precious").insert_one(doc! { "kept": true }).await.expect("inserted");
    let refusal = store.reset().await.expect_err("a foreign database");
    assert_eq!(refusal.kind, FailureKind::Broken);
    assert!(refusal.message.contains("`precious`") && !refusal.message.contains('\n'), "{refusal}");
    store.close(false).await.expect("closed");
    assert_eq!(foreign.list_collection_names().await.expect("a list"), ["precious"]);

    foreign.collection::<Document>("precious").drop().await.expect("dropped");
    let store = ready("foreign", Durability::Memory).await;
    foreign.collection("late").insert_one(doc! { "kept": true }).await.expect("inserted");
    store.reset().await.expect_err("something came beside our own");
    let mut session = store.session().await.expect("a session");
    session.execute(&account(1, 1), &mut Rows::default()).await.expect("our own are still there");
    store.close(false).await.expect("closed");
    assert_eq!(foreign.list_collection_names().await.expect("a list"), ["late"]);
}

#[tokio::test]
async fn a_collection_that_somebody_has_made_anew_is_theirs() {
    let store = ready("anew", Durability::Memory).await;
    let foreign = database(&store, "storebench_anew").await;
    foreign.collection::<Document>("accounts").drop().await.expect("dropped");
    foreign.collection("accounts").insert_one(doc! { "kept": true }).await.expect("made anew");
    let refusal = store.reset().await.expect_err("a foreign collection");
    assert!(refusal.message.contains("`accounts`"), "{refusal}");
    let notices = store.clean_up().await.expect("cleaned up");
    assert!(notices[0].contains("`accounts` that is no longer the one"), "{notices:?}");
    store.close(false).await.expect("closed");
    assert_eq!(foreign.list_collection_names().await.expect("a list"), ["accounts"]);
}

#[tokio::test]
async fn the_marks_of_another_program_make_nothing_ours() {
    let store = open(shared_server().await, "marks", Durability::Memory).await.expect("opened");
    let foreign = database(&store, "storebench_marks").await;
    foreign.collection(marker::MARKS).insert_one(doc! { "_id": "other" }).await.expect("inserted");
    store.reset().await.expect_err("no mark of ours");
    store.swap_marker(None, "mine").await.expect_err("no mark of ours");
    assert_eq!(store.read_marker().await.expect("no marker"), None);
}

#[tokio::test]
async fn names_that_the_store_reads_otherwise_come_back() {
    let store = ready("names", Durability::Memory).await;
    let mut session = store.session().await.expect("a session");
    let mut rows = Rows::default();
    let names = ["", ".", "a.b", "$set", "$", "_id", "a.$.b"];
    let extras = Value::Map(names.iter().map(|name| ((*name).into(), Value::Int(1))).collect());
    let event = vec![Value::Text("here".into()), extras];
    let append = Op::Append { log: 0, stream: Key::Int(1), events: vec![event.clone()] };
    session.execute(&append, &mut rows).await.expect("appended");
    session.execute(&Op::Tail { log: 0, stream: Key::Int(1), limit: 1 }, &mut rows).await.expect("a tail");
    assert_eq!(rows[0].values, event);

    let points = vec![Point { entity: 1, at_ms: 5, metrics: vec![0.5, 1.5] }];
    session.execute(&Op::InsertPoints { series: 0, points }, &mut rows).await.expect("inserted");
    session.execute(&Op::LastPoint { series: 0, entity: 1 }, &mut rows).await.expect("the last");
    assert_eq!(rows[0].values, [Value::Time(5), Value::Float(0.5), Value::Float(1.5)]);

    session.execute(&user("a", "Ada"), &mut rows).await.expect("inserted");
    let twice = vec![Change { field: 2, value: Value::Int(8) }, Change { field: 2, value: Value::Int(9) }];
    for changes in [twice, vec![]] {
        let update = Op::Update { table: 0, key: Key::Text("a".into()), changes };
        session.execute(&update, &mut rows).await.expect("updated");
    }
    let read = Op::Read { table: 0, key: Key::Text("a".into()), fields: Fields::Some(vec![2]) };
    session.execute(&read, &mut rows).await.expect("read");
    assert_eq!(rows[0].values, [Value::Int(9)]);
}

#[tokio::test]
async fn what_one_message_does_not_take_goes_in_several() {
    let store = ready("large", Durability::Memory).await;
    let mut session = store.session().await.expect("a session");
    let mut rows = Rows::default();
    let text = "x".repeat(1 << 20);
    let users: Vec<Op> = (10..40).map(|number| user(&number.to_string(), &text)).collect();
    assert_eq!(store.explain(&Op::Batch(users.clone())).round_trips, 1, "parameters have no size in print");
    session.execute(&Op::Batch(users.clone()), &mut rows).await.expect("inserted");
    let scan = Op::Scan { table: 0, from: Key::Text("".into()), limit: 100, fields: Fields::All };
    session.execute(&scan, &mut rows).await.expect("30 MB in batches of 16 at most");
    assert_eq!(rows.len(), 30);
    let again = [user("09", "new"), user("25", &text)].into_iter().chain(users);
    let taken = session.execute(&Op::Batch(again.collect()), &mut rows).await.expect_err("taken");
    assert_eq!((taken.kind, taken.message.as_str()), (FailureKind::Exists, "users 25 is already there"));
}

#[tokio::test]
async fn of_statements_that_share_a_command_the_first_that_comes_to_nothing_decides() {
    let store = ready("shared", Durability::Memory).await;
    let mut session = store.session().await.expect("a session");
    let mut rows = Rows::default();
    session.execute(&Op::Batch(vec![account(1, 5), account(2, 5)]), &mut rows).await.expect("inserted");
    let (good, refused, missing) = (increment(1, 1, Some(0)), increment(2, -9, Some(0)), increment(3, 1, Some(0)));
    let absent = Op::Increment { table: 1, key: Key::Int(1), field: 1, by: 1, floor: None };
    let overflow = increment(1, i64::MAX, Some(0));
    let cases = [
        (vec![&good, &refused], Ok(Outcome::Refused)),
        (vec![&good, &refused, &missing], Ok(Outcome::Refused)),
        (vec![&good, &missing, &refused], Err(FailureKind::Missing)),
        (vec![&refused, &overflow], Ok(Outcome::Refused)),
        (vec![&missing, &overflow], Err(FailureKind::Missing)),
        (vec![&overflow, &missing], Err(FailureKind::Broken)),
        (vec![&absent, &missing], Err(FailureKind::Broken)),
        (vec![&good, &good], Ok(Outcome::Applied)),
    ];
    for (ops, expected) in cases {
        let transact = Op::Transact(ops.into_iter().cloned().collect());
        let found = session.execute(&transact, &mut rows).await.map_err(|failure| failure.kind);
        assert_eq!(found, expected, "{transact:?}");
    }
    for (ops, expected) in
        [(vec![&refused, &overflow], FailureKind::Broken), (vec![&missing, &overflow], FailureKind::Missing)]
    {
        let batch = Op::Batch(ops.into_iter().cloned().collect());
        assert_eq!(session.execute(&batch, &mut rows).await.expect_err("a failure").kind, expected, "{batch:?}");
    }
    let reads =
        |keys: [i64; 3]| keys.map(|key| Op::Read { table: 1, key: Key::Int(key), fields: Fields::Some(vec![0]) });
    session.execute(&Op::Batch(reads([2, 1, 2]).to_vec()), &mut rows).await.expect("read in one command");
    assert_eq!(
        rows.iter().map(|row| &row.values[0]).collect::<Vec<_>>(),
        [&Value::Int(5), &Value::Int(7), &Value::Int(5)]
    );
    let missing = session.execute(&Op::Batch(reads([2, 1, 3]).to_vec()), &mut rows).await.expect_err("one is missing");
    assert_eq!((missing.kind, rows.len()), (FailureKind::Missing, 0));
}

#[tokio::test]
async fn points_that_are_sent_again_replace_each_other_in_order() {
    let store = ready("points", Durability::Memory).await;
    let mut session = store.session().await.expect("a session");
    let mut rows = Rows::default();
    let point = |at_ms, busy| Point { entity: 1, at_ms, metrics: vec![busy, 0.0] };
    for points in [
        vec![point(1, 0.1), point(2, 0.2)],
        vec![point(2, 1.0), point(3, 1.1), point(3, 1.2), point(2, 1.3), point(3, 1.4)],
    ] {
        session.execute(&Op::InsertPoints { series: 0, points }, &mut rows).await.expect("inserted");
    }
    session.execute(&Op::PointRange { series: 0, entity: 1, from_ms: 0, to_ms: 9 }, &mut rows).await.expect("a range");
    let busy: Vec<&Value> = rows.iter().map(|row| &row.values[1]).collect();
    assert_eq!(busy, [&Value::Float(0.1), &Value::Float(1.3), &Value::Float(1.4)]);
}

#[tokio::test]
async fn a_read_that_finds_nothing_fails_also_after_others_of_its_batch() {
    let store = ready("batch", Durability::Memory).await;
    let mut session = store.session().await.expect("a session");
    let mut rows = Rows::default();
    let events = vec![vec![Value::Text("here".into()), Value::Map(vec![])]];
    session.execute(&Op::Append { log: 0, stream: Key::Int(1), events }, &mut rows).await.expect("appended");
    let tail = Op::Tail { log: 0, stream: Key::Int(1), limit: 1 };
    let read = Op::Read { table: 1, key: Key::Int(1), fields: Fields::All };
    for missing in [Op::LastPoint { series: 0, entity: 1 }, read] {
        let batch = Op::Batch(vec![tail.clone(), missing]);
        let failure = session.execute(&batch, &mut rows).await.expect_err("nothing is there");
        assert_eq!((failure.kind, rows.len()), (FailureKind::Missing, 0), "{batch:?}");
    }
}

/// An operation for each command that reads or changes existing documents.
fn operations_with_a_filter() -> Vec<Op> {
    let (from_ms, to_ms, limit, fields) = (0, 10, 5, Fields::All);
    let (ada, between) = (Key::Text("ada".into()), Matching::Between(Value::Int(1), Value::Int(2)));
    let find = |table, field, matching, order| Op::Find { table, field, matching, order, limit, fields: Fields::All };
    let fold = Fold::Mean;
    vec![
        Op::Read { table: 0, key: ada.clone(), fields: fields.clone() },
        Op::Scan { table: 0, from: ada.clone(), limit, fields: fields.clone() },
        Op::Scan { table: 1, from: Key::Int(1), limit, fields },
        find(0, 1, Matching::Equal(Value::Int(1)), Order::Descending),
        find(0, 1, between.clone(), Order::Ascending),
        find(1, 0, between, Order::Descending),
        Op::Tail { log: 0, stream: Key::Int(1), limit },
        Op::LastPoint { series: 0, entity: 1 },
        Op::PointRange { series: 0, entity: 1, from_ms, to_ms },
        Op::Window { series: 0, entity: 1, metric: 0, from_ms, to_ms, every_ms: 3, fold },
        Op::PointsAbove { series: 0, metric: 0, threshold: 0.5, from_ms, to_ms, limit },
        Op::Update { table: 0, key: ada.clone(), changes: vec![Change { field: 1, value: Value::Int(1) }] },
        increment(1, 1, Some(0)),
        Op::Delete { table: 0, key: ada },
    ]
}

#[tokio::test]
async fn no_operation_reads_a_whole_collection_or_sorts() {
    let store = ready("plans", Durability::Memory).await;
    let client = connect(&store.options).await.expect("a client");
    let write_concern = Some(store.concerns.write);
    let builder = CommandBuilder { layout: &store.layout, write_concern, snapshot_at: None, has_placeholders: false };
    for op in operations_with_a_filter() {
        for command in explain::commands(builder, std::slice::from_ref(&op)).expect("commands") {
            let mut command = Document::try_from(&command).expect("a command");
            command.remove("writeConcern");
            command.remove("readConcern");
            let explain = doc! { "explain": command, "verbosity": "queryPlanner" };
            let plan = client.database(&store.database).run_command(explain).await.expect("a plan").to_string();
            assert!(plan.contains("IXSCAN") || plan.contains("IDHACK"), "{op:?}: {plan}");
            let sorts = plan.contains("\"SORT\"") && !matches!(op, Op::Window { .. });
            assert!(!plan.contains("COLLSCAN") && !sorts, "{op:?}: {plan}");
        }
    }
}

#[tokio::test]
async fn operations_are_explained_by_the_commands_that_are_sent() {
    let store = open(shared_server().await, "explained", Durability::Relaxed).await.expect("opened");
    let transfer = store.explain(&Op::Transact(vec![increment(1, -5, Some(0)), increment(2, 5, None), account(9, 1)]));
    assert_eq!(transfer.round_trips, 3);
    assert_eq!(
        transfer.statements,
        [
            r#"{update: "accounts", updates: [{q: {_id: ?, balance: {$gte: ?}}, u: {$inc: {balance: ?}}}, {q: {_id: ?}, u: {$inc: {balance: ?}}}], ordered: true}"#,
            r#"{find: "accounts", filter: {_id: {$in: [? x 2]}}, projection: {_id: 1, balance: 1}, batchSize: ?} -- only if fewer records matched, to tell why"#,
            r#"{insert: "accounts", documents: [{_id: ?, balance: ?}], ordered: true}"#,
            r#"{commitTransaction: 1, writeConcern: {w: 1, j: true}} -- abortTransaction if one is refused"#,
        ]
    );
    let append =
        Op::Append { log: 0, stream: Key::Int(1), events: vec![vec![Value::Text("x".into()), Value::Map(vec![])]; 3] };
    assert_eq!(
        store.explain(&append).statements,
        [
            r#"{insert: "events", documents: [{stream: ?, place_: Timestamp(0, 0), place: ?, extras: ?} x 3], ordered: true, writeConcern: {w: 1, j: true}}"#
        ]
    );
    let window = Op::Window { series: 0, entity: 1, metric: 0, from_ms: 0, to_ms: 9, every_ms: 3, fold: Fold::Mean };
    assert!(store.explain(&window).statements[0].contains(r#"$group: {_id: {$subtract: [{$toLong: "$_id.at"}, "#));
    let tail = store.explain(&Op::Tail { log: 0, stream: Key::Int(1), limit: 5 });
    assert_eq!(
        (tail.round_trips, tail.statements[0].as_str()),
        (
            1,
            r#"{find: "events", filter: {stream: ?}, sort: {stream: -1, place_: -1}, hint: {stream: 1, place_: 1}, limit: ?, batchSize: ?, readConcern: {level: "local"}}"#
        )
    );
    let layout = store.layout.describe();
    assert!(layout[0].contains("indexes {age: 1, _id: 1}") && layout[3].contains("_id.at: -1"), "{layout:?}");
}

#[tokio::test]
async fn the_footprint_counts_data_and_journal() {
    let store = ready("weight", Durability::Memory).await;
    let mut session = store.session().await.expect("a session");
    let users = (0..2000).map(|number| user(&number.to_string(), &"name ".repeat(9))).collect();
    session.load(&Op::Batch(users)).await.expect("loaded");
    let footprint = store.footprint().await.expect("a footprint");
    assert!(footprint.disk_bytes > Some(50_000) && footprint.written_bytes > Some(50_000), "{footprint:?}");
}
