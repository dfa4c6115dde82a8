//! Items in tables of their own: the statements that are sent, values that come back exactly, one instant for a record and
//! its items, and data of the one layout that is not taken for that of the other.

use super::statement::PgStatement;
use super::*;
use crate::{Field, KeyKind, Kind, Matching, Order, Outcome, Part, Record, Row, Table};

const NOTES: usize = 2;

/// Orders with two fields of items: every kind of value, and names that are ours.
fn orders(name: &str) -> Arc<Dataset> {
    let field = |name: &str, kind, optional| Field { name: name.into(), kind, optional };
    let line = vec![
        field("sku", Kind::Text, false),
        field("count", Kind::Int, false),
        field("price", Kind::Float, false),
        field("sent", Kind::Time, true),
        field("code", Kind::Bytes, true),
        field("gift", Kind::Bool, true),
        field("tags", Kind::List(Box::new(Kind::Text)), true),
        field("extras", Kind::Map, true),
    ];
    let note = ["key", "position", "lacks"].map(|name| field(name, Kind::Int, true)).to_vec();
    let fields = vec![
        field("customer", Kind::Int, false),
        field("lines", Kind::Items(line), false),
        field("notes", Kind::Items(note), true),
    ];
    let orders = Table { name: "orders".into(), key: KeyKind::Int, is_keyed: true, fields, indexes: vec![0] };
    Arc::new(Dataset { name: name.into(), tables: vec![orders], ..Dataset::default() })
}

async fn opened(dataset: Arc<Dataset>, layout: &str) -> Postgres {
    let address = format!("{}?layout={layout}", shared());
    open_with(&address, Opening::new(dataset, Durability::Memory)).await.expect("opened")
}

async fn ready(name: &str) -> Postgres {
    let store = opened(orders(name), "children").await;
    store.reset().await.expect("reset");
    store.after_load().await.expect("settled");
    store
}

fn map(entries: Vec<(&str, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn line(count: i64) -> Value {
    map(vec![
        ("sku", Value::Text(format!("sku {count}"))),
        ("count", Value::Int(count)),
        ("price", Value::Float(count as f64 / 8.0)),
        ("sent", Value::Time(count)),
        ("code", Value::Bytes(vec![count as u8; 3])),
        ("gift", Value::Bool(count % 2 == 0)),
        ("tags", Value::List(vec![Value::Text("x".into())])),
        ("extras", map(vec![("size", Value::Int(count))])),
    ])
}

fn note(key: Value) -> Value {
    map(vec![("key", key), ("position", Value::Int(7)), ("lacks", Value::Null)])
}

fn order(customer: i64, lines: i64) -> Record {
    let lines = Value::List((0..lines).map(line).collect());
    vec![Value::Int(customer), lines, Value::Null]
}

fn insert(key: i64, record: Record) -> Op {
    Op::Insert { table: 0, key: Key::Int(key), record }
}

fn update(key: i64, changes: Vec<(usize, Value)>) -> Op {
    let changes = changes.into_iter().map(|(field, value)| Change { field, value }).collect();
    Op::Update { table: 0, key: Key::Int(key), changes }
}

fn delete(key: i64) -> Op {
    Op::Delete { table: 0, key: Key::Int(key) }
}

fn read(key: i64) -> Op {
    Op::Read { table: 0, key: Key::Int(key), fields: Fields::All }
}

fn scan(from: i64, limit: usize, fields: Fields) -> Op {
    Op::Scan { table: 0, from: Key::Int(from), limit, fields }
}

fn find(customer: i64, order: Order) -> Op {
    let matching = Matching::Equal(Value::Int(customer));
    Op::Find { table: 0, field: 0, matching, order, limit: 10, fields: Fields::All }
}

async fn rows(session: &mut PostgresSession, op: &Op) -> Vec<Row> {
    let mut rows = Rows::default();
    session.execute(op, &mut rows).await.expect("rows");
    rows.to_vec()
}

async fn exported(session: &mut PostgresSession) -> Vec<Row> {
    let mut rows = Vec::new();
    session.export(Part::Table(0), &mut |row| rows.push(row)).await.expect("exported");
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}

/// Equal to the sign of a zero, which `==` does not see.
#[track_caller]
fn assert_same(found: &[Row], expected: &[(i64, Record)]) {
    let expected: Vec<Row> =
        expected.iter().map(|(key, values)| Row { key: Key::Int(*key), values: values.clone() }).collect();
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
}

#[tokio::test]
async fn what_is_sent_is_told() {
    let store = ready("children-told").await;
    let reported = |op: &Op| store.explain(op).statements;
    let selected = r#"SELECT "key", "customer", (SELECT ROW("orders"."lines", array_agg("sku"), array_agg("count"), array_agg("price"), array_agg("sent"), array_agg("code"), array_agg("gift"), array_agg("tags"), array_agg("extras"), array_agg("lacks")) FROM (SELECT * FROM "storebench_children-told"."orders/lines" WHERE "key" = "orders"."key" ORDER BY "position") AS "orders/lines") AS "lines", CASE WHEN "notes" IS NOT NULL THEN (SELECT ROW("orders"."notes", array_agg("key"), array_agg("position"), array_agg("lacks"), array_agg("lacks_")) FROM (SELECT * FROM "storebench_children-told"."orders/notes" WHERE "key_" = "orders"."key" ORDER BY "position_") AS "orders/notes") END AS "notes" FROM "storebench_children-told"."orders""#;
    assert_eq!(reported(&read(1)), [format!(r#"{selected} WHERE "key" = $1"#)]);
    assert_eq!(
        reported(&scan(1, 5, Fields::All)),
        [format!(r#"{selected} WHERE "key" >= $1 ORDER BY "key" LIMIT $2"#)]
    );
    let found = r#"WHERE "customer" = $1 ORDER BY "customer" DESC, "key" DESC LIMIT $2"#;
    assert_eq!(reported(&find(1, Order::Descending)), [format!("{selected} {found}")]);
    let without = Op::Read { table: 0, key: Key::Int(1), fields: Fields::Some(vec![0]) };
    assert_eq!(
        reported(&without),
        [r#"SELECT "key", "customer" FROM "storebench_children-told"."orders" WHERE "key" = $1"#]
    );
    assert_eq!(
        reported(&insert(1, order(1, 1))),
        [
            r#"WITH "orders/lines" AS (INSERT INTO "storebench_children-told"."orders/lines" ("key", "position", "sku", "count", "price", "sent", "code", "gift", "tags", "extras", "lacks") SELECT $1, n, f1, f2, f3, f4, f5, f6, f7, f8, f9 FROM unnest($5, $6, $7, $8, $9, $10, $11, $12, $13) WITH ORDINALITY AS given (f1, f2, f3, f4, f5, f6, f7, f8, f9, n)), "orders/notes" AS (INSERT INTO "storebench_children-told"."orders/notes" ("key_", "position_", "key", "position", "lacks", "lacks_") SELECT $1, n, f1, f2, f3, f4 FROM unnest($14, $15, $16, $17) WITH ORDINALITY AS given (f1, f2, f3, f4, n)) INSERT INTO "storebench_children-told"."orders" ("key", "customer", "lines", "notes") VALUES ($1, $2, $3, $4)"#
        ]
    );
    let plain = r#"UPDATE "storebench_children-told"."orders" SET "customer" = $1 WHERE "key" = $2"#;
    assert_eq!(reported(&update(1, vec![(0, Value::Int(1))])), [plain]);
    let replaced = update(1, vec![(NOTES, Value::Null)]);
    let replacing = [
        r#"BEGIN"#,
        r#"UPDATE "storebench_children-told"."orders" SET "notes" = $1 WHERE "key" = $2"#,
        r#"DELETE FROM "storebench_children-told"."orders/notes" WHERE "key_" = $1 AND EXISTS (SELECT FROM "storebench_children-told"."orders" WHERE "key" = $1 AND xmin = pg_current_xact_id_if_assigned()::xid)"#,
        r#"INSERT INTO "storebench_children-told"."orders/notes" ("key_", "position_", "key", "position", "lacks", "lacks_") SELECT $1, n, f1, f2, f3, f4 FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS given (f1, f2, f3, f4, n) WHERE EXISTS (SELECT FROM "storebench_children-told"."orders" WHERE "key" = $1 AND xmin = pg_current_xact_id_if_assigned()::xid)"#,
        r#"COMMIT"#,
    ];
    assert_eq!(reported(&replaced), replacing);
    assert_eq!(reported(&Op::Batch(vec![replaced.clone()])), replacing);
    assert_eq!(reported(&Op::Transact(vec![replaced.clone()]))[..4], replacing[..4]);
    assert_eq!(
        reported(&delete(1)),
        [r#"DELETE FROM "storebench_children-told"."orders" WHERE "key" = $1 -- with its items, by their foreign key"#]
    );
    for op in [read(1), find(1, Order::Ascending), insert(1, order(1, 1)), replaced, delete(1)] {
        assert_eq!(store.explain(&op).round_trips, 1, "{op:?}");
    }
    let description = store.describe().await.expect("a description");
    assert_eq!(description.settings["layout"], "children");
    let of = r#"ALTER TABLE "storebench_children-told"."orders/notes" ADD CONSTRAINT "orders/notes.of" FOREIGN KEY ("key_") REFERENCES "storebench_children-told"."orders" ON DELETE CASCADE"#;
    assert!(description.layout[0].contains(of), "{:?}", description.layout);
    assert!(
        description.layout[0].contains(r#""lines" integer NOT NULL, "notes" integer)"#),
        "{:?}",
        description.layout
    );
    store.close(false).await.expect("closed");
}

#[test]
fn an_unknown_layout_is_refused_and_the_known_ones_are_told() {
    for address in ["postgres?layout=columns", "postgres://db/app?layout=columns"] {
        let address: Address = address.parse().expect("an address");
        let refusal = address.config::<Config>().err().expect("unknown").to_string();
        assert!(refusal.contains("columns") && refusal.contains("`jsonb` or `children`"), "{refusal}");
        assert_eq!(refusal.lines().count(), 1);
    }
    let bare: Address = "postgres?layout=children".parse().expect("an address");
    assert_eq!(bare.at("postgres://db/app").config::<Config>().map(|config| config.layout), Ok(NestedLayout::Children));
    assert_eq!(bare.to_string(), "postgres?layout=children");
}

/// Orders whose items are what a column or an array could bend.
fn edges() -> Vec<(i64, Record)> {
    let with = |entries: Vec<(&str, Value)>| {
        let Value::Map(mut line) = line(1) else { unreachable!("a line is a map") };
        for (name, value) in entries {
            line.iter_mut().filter(|(entry, _)| *entry == name).for_each(|(_, entry)| *entry = value.clone());
        }
        Value::Map(line)
    };
    let text = |text: &str| Value::Text(text.into());
    let lines = vec![
        with(vec![("count", Value::Int(i64::MIN)), ("sku", text("")), ("price", Value::Float(0.1))]),
        with(vec![("count", Value::Int(i64::MAX)), ("sku", text("NULL")), ("price", Value::Float(-0.0))]),
        with(vec![("sku", text("日本 🦀 é \" ' \\ {,} \n")), ("price", Value::Float(1e300))]),
        with(vec![("sent", Value::Time(i64::MIN)), ("price", Value::Float(5e-324)), ("code", Value::Bytes(vec![]))]),
        with(vec![("sent", Value::Null), ("code", Value::Null), ("gift", Value::Null), ("tags", Value::Null)]),
        with(vec![("code", Value::Bytes((0..=255).collect())), ("tags", Value::List(vec![])), ("extras", map(vec![]))]),
        // Without fields, as no generator makes them and JSON can hold them.
        map(vec![
            ("sku", text("a")),
            ("count", Value::Int(1)),
            ("extras", map(vec![("deep", map(vec![("x", Value::Null)]))])),
        ]),
        map(vec![]),
    ];
    let many = |count| Value::List((0..count).map(line).collect());
    let notes = |count| Value::List((0..count).map(|key| note(Value::Int(key))).collect());
    vec![
        (i64::MIN, vec![Value::Int(1), Value::List(lines), Value::Null]),
        (1, vec![Value::Int(1), many(0), notes(0)]),
        (2, vec![Value::Int(1), many(1), Value::List(vec![note(Value::Null)])]),
        (3, vec![Value::Int(1), many(15), notes(15)]),
        (i64::MAX, vec![Value::Int(1), many(0), Value::Null]),
    ]
}

/// Everything that reads, asked for all of them.
async fn assert_read(session: &mut PostgresSession, expected: &[(i64, Record)]) {
    for (key, record) in expected {
        assert_same(&rows(session, &read(*key)).await, &[(*key, record.clone())]);
    }
    assert_same(&rows(session, &scan(i64::MIN, 10, Fields::All)).await, expected);
    assert_same(&rows(session, &find(1, Order::Ascending)).await, expected);
    let reversed: Vec<_> = expected.iter().rev().cloned().collect();
    assert_same(&rows(session, &find(1, Order::Descending)).await, &reversed);
    assert_same(&exported(session).await, expected);
    let swapped = |(key, record): &(i64, Record)| (*key, vec![record[2].clone(), record[0].clone(), record[2].clone()]);
    let swapped: Vec<_> = expected.iter().map(swapped).collect();
    assert_same(&rows(session, &scan(i64::MIN, 10, Fields::Some(vec![2, 0, 2]))).await, &swapped);
}

#[tokio::test]
async fn items_come_back_exactly_however_they_were_written() {
    let store = ready("children-exact").await;
    let mut session = store.session().await.expect("a session");
    let edges = edges();
    let inserts: Vec<Op> = edges.iter().map(|(key, record)| insert(*key, record.clone())).collect();
    for op in &inserts {
        run(&mut session, op).await.expect("inserted");
    }
    assert_read(&mut session, &edges).await;

    // Each record with the items of the next, and back.
    let replace = |from: usize, to: usize| {
        let ((key, _), (_, record)) = (&edges[to], &edges[from % edges.len()]);
        update(*key, vec![(0, record[0].clone()), (1, record[1].clone()), (2, record[2].clone())])
    };
    for at in 0..edges.len() {
        run(&mut session, &replace(at + 1, at)).await.expect("replaced");
    }
    let turned: Vec<_> = (0..edges.len()).map(|at| (edges[at].0, edges[(at + 1) % edges.len()].1.clone())).collect();
    assert_read(&mut session, &turned).await;
    let back: Vec<Op> = (0..edges.len()).map(|at| replace(at, at)).collect();
    assert_eq!(run(&mut session, &Op::Transact(back)).await.expect("replaced"), Outcome::Applied);
    assert_read(&mut session, &edges).await;

    let gone: Vec<Op> = edges.iter().map(|(key, _)| delete(*key)).collect();
    run(&mut session, &Op::Batch(gone)).await.expect("deleted");
    assert_same(&exported(&mut session).await, &[]);
    let mut connection = inside(&store).await;
    let left = r#"SELECT ((SELECT count(*) FROM "orders/lines") + (SELECT count(*) FROM "orders/notes"))::text"#;
    assert_eq!(text(&mut connection, left).await, "0");

    store.reset().await.expect("reset");
    session.load(&Op::Batch(inserts)).await.expect("taken");
    session.finish_load().await.expect("loaded");
    store.after_load().await.expect("settled");
    assert_read(&mut session, &edges).await;
    store.close(false).await.expect("closed");
    let left = "SELECT count(*)::text FROM pg_namespace WHERE nspname = 'storebench_children-exact'";
    assert_eq!(text(&mut connection, left).await, "0");
}

#[tokio::test]
async fn a_load_larger_than_what_waits_keeps_all_and_meets_the_keys_that_are_there() {
    let store = ready("children-loads").await;
    let (mut session, mut other) = (store.session().await.expect("one"), store.session().await.expect("another"));
    let of = |keys: std::ops::Range<i64>| Op::Batch(keys.map(|key| insert(key, order(key % 7, 15))).collect());
    for from in (0..3000).step_by(500) {
        session.load(&of(from..from + 500)).await.expect("taken");
    }
    session.finish_load().await.expect("loaded");
    let expected: Vec<_> = (0..3000).map(|key| (key, order(key % 7, 15))).collect();
    assert_same(&exported(&mut other).await, &expected);
    session.load(&of(3000..3001)).await.expect("taken");
    session.load(&of(0..1)).await.expect("taken");
    assert_eq!(session.finish_load().await.expect_err("a key twice").kind, FailureKind::Exists);
    session.load(&of(3000..3001)).await.expect("taken");
    let foreign = vec![Value::Int(1), Value::List(vec![map(vec![("colour", Value::Null)])]), Value::Null];
    session.load(&insert(3001, foreign.clone())).await.expect_err("an entry that is not declared");
    session.load(&Op::Batch(vec![insert(3001, foreign)])).await.expect_err("an entry that is not declared");
    assert_eq!(exported(&mut other).await.len(), 3000 + 1, "what came before the operation, and nothing of the batch");
}

#[tokio::test]
async fn what_fails_leaves_no_items() {
    let store = ready("children-fails").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &insert(1, order(1, 3))).await.expect("inserted");
    let lines = |lines| (1, Value::List(lines));
    for (op, kind) in [
        (insert(1, order(2, 5)), FailureKind::Exists),
        (update(9, vec![lines(vec![line(1)])]), FailureKind::Missing),
        (delete(9), FailureKind::Missing),
        (update(1, vec![lines(vec![map(vec![("colour", Value::Null)])])]), FailureKind::Broken),
        (update(1, vec![lines(vec![Value::Int(1)])]), FailureKind::Broken),
        (update(1, vec![(1, Value::Null)]), FailureKind::Broken),
        (
            insert(2, vec![Value::Int(1), Value::List(vec![map(vec![("sku", Value::Int(1))])]), Value::Null]),
            FailureKind::Broken,
        ),
    ] {
        let groups = [op.clone(), Op::Batch(vec![op.clone()]), Op::Batch(vec![read(1), op.clone()])];
        let last = Op::Transact(vec![update(1, vec![lines(vec![line(7)])]), op]);
        for op in groups.into_iter().chain([last]) {
            assert_eq!(run(&mut session, &op).await.expect_err("refused").kind, kind, "{op:?}");
            assert_same(&exported(&mut session).await, &[(1, order(1, 3))]);
        }
    }
    let kept = Op::Batch(vec![update(1, vec![lines(vec![line(7)])]), update(9, vec![lines(vec![line(1)])])]);
    assert_eq!(run(&mut session, &kept).await.expect_err("no such order").kind, FailureKind::Missing);
    assert_same(&exported(&mut session).await, &[(1, vec![Value::Int(1), Value::List(vec![line(7)]), Value::Null])]);
}

#[tokio::test]
async fn a_record_and_its_items_are_of_one_instant_whoever_else_is_at_it() {
    let store = ready("children-instant").await;
    run(&mut store.session().await.expect("a session"), &insert(1, order(0, 0))).await.expect("inserted");
    let write = async |writer: i64| {
        let mut session = store.session().await.expect("a session");
        for round in 0..150 {
            let lines = (writer * 5 + round) % 16;
            let changed = update(1, vec![(0, Value::Int(lines)), (1, order(0, lines)[1].clone())]);
            let op = match round % 10 {
                8 => delete(1),
                9 => insert(1, order(lines, lines)),
                5 => Op::Transact(vec![read(1), changed]),
                _ => changed,
            };
            match run(&mut session, &op).await {
                Ok(_) => {}
                Err(failure) if [FailureKind::Missing, FailureKind::Exists].contains(&failure.kind) => {}
                Err(failure) => panic!("{op:?}: {failure}"),
            }
        }
    };
    let watch = async || {
        let mut session = store.session().await.expect("a session");
        for round in 0..400 {
            let op = if round % 2 == 0 { scan(0, 5, Fields::All) } else { find(3, Order::Ascending) };
            for row in rows(&mut session, &op).await {
                let Value::Int(lines) = row.values[0] else { panic!("{row:?}") };
                assert_same(&[row], &[(1, order(lines, lines))]);
            }
        }
    };
    tokio::join!(write(0), write(1), write(2), watch());
    let mut session = store.session().await.expect("a session");
    let _ = run(&mut session, &delete(1)).await;
    assert_same(&exported(&mut session).await, &[]);
    run(&mut session, &insert(1, order(1, 15))).await.expect("nothing is left in its way");
}

#[tokio::test]
async fn a_replacement_that_finds_its_record_deleted_leaves_the_next_one_of_that_key_alone() {
    let store = ready("children-next").await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &insert(1, order(1, 2))).await.expect("inserted");
    let mut holder = inside(&store).await;
    holder.run("BEGIN; DELETE FROM orders; INSERT INTO orders VALUES (1, 9, 0, NULL)").await.expect("another one");
    let replaced = update(1, vec![(1, order(1, 5)[1].clone())]);
    let (failed, ()) = tokio::join!(run(&mut session, &replaced), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        holder.run("COMMIT").await.expect("committed");
    });
    assert_eq!(failed.expect_err("the one that it found is gone").kind, FailureKind::Missing);
    assert_same(&exported(&mut session).await, &[(1, order(9, 0))]);
}

#[tokio::test]
async fn no_operation_reads_a_whole_table_of_items_or_sorts() {
    let noted = |mut record: Record| {
        record[NOTES] = Value::List(vec![note(Value::Null)]);
        record
    };
    let store = opened(orders("children-plans"), "children").await;
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    session.load(&Op::Batch((0..3000).map(|key| insert(key, noted(order(key, 4)))).collect())).await.expect("taken");
    session.finish_load().await.expect("loaded");
    store.after_load().await.expect("settled");
    let replaced = update(1, vec![(1, Value::List(vec![]))]);
    let ops = [read(1), scan(1, 5, Fields::All), find(7, Order::Ascending), find(7, Order::Descending), replaced];
    let mut requests = Vec::new();
    for op in &ops {
        let statement = PgStatement::of(op).expect("a single operation").expect("a statement");
        requests.push((statement.sql(&store.layout), encode::parameters(&store.layout, op).expect("parameters")));
        for follow_up in store.layout.dialect.items.follow_ups(&store.layout, op).expect("parameters") {
            requests.push((PgStatement::Items(follow_up.statement).sql(&store.layout), follow_up.parameters));
        }
    }
    assert_eq!(requests.len(), 7);
    let mut connection = inside(&store).await;
    for mode in ["force_custom_plan", "force_generic_plan"] {
        connection.run(&format!("SET plan_cache_mode = {mode}")).await.expect("set");
        for (sql, parameters) in &requests {
            let plan = plans::plan(&mut connection, sql, parameters).await;
            let good = plan.contains("Index") && !plan.contains("Seq Scan") && !plan.contains("Sort");
            assert!(good, "{mode}: {}\n{plan}", sql.text);
        }
    }
}

#[tokio::test]
async fn names_that_statements_use_may_be_those_of_a_workload() {
    let names = ["n", "f1", "f2", "i", "given", "position", "lacks"];
    let field = |name: &str, kind| Field { name: name.into(), kind, optional: true };
    let items = Kind::Items(names.map(|name| field(name, Kind::Int)).to_vec());
    let tables = ["given", "i", "items"].map(|table| {
        let fields = names.iter().chain(&["key", "items"]).map(|name| field(name, items.clone())).collect();
        Table { name: table.into(), key: KeyKind::Text, is_keyed: true, fields, indexes: vec![] }
    });
    let dataset = Dataset { name: "children-names".into(), tables: tables.to_vec(), ..Dataset::default() };
    let store = opened(Arc::new(dataset), "children").await;
    store.reset().await.expect("reset");
    store.after_load().await.expect("settled");
    let mut session = store.session().await.expect("a session");
    for table in 0..3 {
        let item = |number| map(names.map(|name| (name, Value::Int(number))).to_vec());
        let key = || Key::Text("a".into());
        let record = vec![Value::List(vec![item(1), item(2)]); names.len() + 2];
        run(&mut session, &Op::Insert { table, key: key(), record: record.clone() }).await.expect("inserted");
        let changes = (0..record.len()).map(|field| Change { field, value: Value::Null }).collect();
        let read = Op::Read { table, key: key(), fields: Fields::All };
        assert_eq!(rows(&mut session, &read).await[0].values, record);
        run(&mut session, &Op::Update { table, key: key(), changes }).await.expect("updated");
        assert_eq!(rows(&mut session, &read).await[0].values, vec![Value::Null; record.len()]);
    }
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn data_of_one_layout_is_described_otherwise_by_the_other() {
    let (jsonb, children) = (opened(orders("kept"), "jsonb").await, opened(orders("kept"), "children").await);
    let layout = async |store: &Postgres| store.describe().await.expect("a description").layout;
    for (kept, other) in [(&jsonb, &children), (&children, &jsonb)] {
        kept.reset().await.expect("the other's tables give way");
        kept.after_load().await.expect("settled");
        assert_ne!(layout(kept).await, layout(other).await);
    }
    jsonb.close(false).await.expect("closed, with the tables of either");

    // Without items both are the same.
    let (jsonb, children) = (opened(dataset("plain"), "jsonb").await, opened(dataset("plain"), "children").await);
    jsonb.reset().await.expect("reset");
    assert_eq!(layout(&jsonb).await, layout(&children).await);
    children.close(false).await.expect("closed");
}
