//! Points in time-series collections: what the server does not promise of them by itself, and what is reported of it.

use super::*;
use crate::stores::memory::Memory;
use crate::stores::mongodb::points::SeriesMode;
use crate::{Digest, Key, Row};

const DAY: i64 = 24 * 60 * 60 * 1000;
const NEW_YEAR: i64 = 1_767_225_600_000; // 2026-01-01

/// The shared server with options.
async fn address(options: &str) -> String {
    format!("{}&{options}", shared_server().await)
}

async fn ready(workload: &str, options: &str) -> Mongodb {
    let store = open(&address(options).await, workload, Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("after the load");
    store
}

fn insert(points: &[(i64, i64, f64)]) -> Op {
    let point =
        |(entity, at_ms, busy): &(i64, i64, f64)| Point { entity: *entity, at_ms: *at_ms, metrics: vec![*busy, 0.5] };
    Op::InsertPoints { series: 0, points: points.iter().map(point).collect() }
}

/// Every read of a series in a span.
fn reads(entity: i64, from_ms: i64, to_ms: i64, threshold: f64) -> Vec<Op> {
    let (series, metric, limit) = (0, 0, 7);
    let folds = [Fold::Mean, Fold::Min, Fold::Max, Fold::Sum, Fold::Count];
    let window = |fold| Op::Window { series, entity, metric, from_ms, to_ms, every_ms: 3 * DAY, fold };
    let mut ops: Vec<Op> = folds.into_iter().map(window).collect();
    ops.push(Op::LastPoint { series, entity });
    ops.push(Op::PointRange { series, entity, from_ms, to_ms });
    ops.push(Op::PointsAbove { series, metric, threshold, from_ms, to_ms, limit });
    ops
}

async fn answer(session: &mut impl Session, op: &Op) -> Result<Vec<Row>, FailureKind> {
    let mut rows = Rows::default();
    session.execute(op, &mut rows).await.map(|_| rows.to_vec()).map_err(|failure| failure.kind)
}

async fn digest(session: &mut impl Session) -> Digest {
    let mut digest = Digest::default();
    let add = &mut |row: Row| digest.add(&row.key, &row.values, &mut Vec::new());
    session.export(Part::Series(0), add).await.expect("exported");
    digest
}

/// Numbers by chance, the same every time (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) % bound as u64) as i64
    }

    /// Within a bucket's length of an instant, or just beside it.
    fn near(&mut self, instant: i64) -> i64 {
        let reach = [2, 100, 60_000, 3_600_000, DAY, 32 * DAY][self.below(6) as usize];
        instant.saturating_add(self.below(2 * reach) - reach)
    }
}

/// Around each date at which a server of 6.0 loses points, and where there is nothing to lose.
#[tokio::test]
async fn every_instant_is_kept_and_found_as_in_memory_also_after_it_was_sent_again() {
    let dates = [0, 31 * DAY, NEW_YEAR, i64::from(i32::MAX) * 1000, 1 << 42, -(1 << 42), i64::MIN + 1, i64::MAX - 1];
    for (at, granularity) in ["seconds", "minutes", "hours"].into_iter().enumerate() {
        let store =
            ready(&format!("instants-{granularity}"), &format!("series=timeseries&granularity={granularity}")).await;
        let opening = Opening::new(dataset("instants"), Durability::Memory);
        let reference = Memory::open(crate::NoOptions::default(), opening).await.expect("opened");
        let mut expected = reference.session().await.expect("a session");
        let mut sessions = [store.session().await.expect("a session"), store.session().await.expect("a session")];
        let mut chance = Chance(at as u64);
        let mut sent = vec![(1, NEW_YEAR, 0.25)];
        for round in 0..120 {
            let session = &mut sessions[round % 2];
            let date = dates[chance.below(dates.len() as i64) as usize];
            let mut points: Vec<(i64, i64, f64)> =
                (0..4).map(|_| (chance.below(3), chance.near(date), chance.below(80) as f64 / 4.0)).collect();
            let (entity, instant, _) = sent[chance.below(sent.len() as i64) as usize];
            points.push((entity, instant, chance.below(80) as f64 / 4.0));
            sent.extend(&points);
            let op = insert(&points);
            assert_eq!(answer(session, &op).await, Ok(Vec::new()));
            expected.execute(&op, &mut Rows::default()).await.expect("inserted");
            let (from_ms, to_ms) = match round % 4 {
                0 => (i64::MIN, instant),
                1 => (instant, i64::MAX),
                2 => (instant, instant.saturating_add(1)),
                _ => (chance.near(instant), chance.near(instant)),
            };
            for op in reads(entity, from_ms, to_ms, chance.below(80) as f64 / 4.0) {
                // The start of a bucket may lie before the first instant that there is.
                let before_time = matches!(op, Op::Window { .. }) && from_ms < i64::MIN + 40 * DAY;
                if !before_time {
                    assert_eq!(answer(session, &op).await, answer(&mut expected, &op).await, "{granularity} {op:?}");
                }
            }
        }
        assert_eq!(digest(&mut sessions[0]).await, digest(&mut expected).await, "{granularity}");
        store.close(false).await.expect("closed");
    }
}

/// A bucket takes 1000 measurements and is then compressed.
#[tokio::test]
async fn values_survive_exactly_in_buckets_that_are_full() {
    let odd =
        [0.1, -0.0, 0.0, 1e300, -1e300, 5e-324, f64::MIN_POSITIVE, f64::MAX, f64::MIN, 0.1 + 0.2, 1e15 + 0.3, 7.0];
    let store = ready("exact", "series=timeseries").await;
    let mut session = store.session().await.expect("a session");
    let busy = |at: i64| odd[at as usize * 7 % odd.len()] * if at % 3 == 0 { 1.0 } else { -1.0 };
    let points: Vec<(i64, i64, f64)> = (0..3000).map(|at| (i64::MIN, NEW_YEAR + at * 7, busy(at))).collect();
    for points in points.chunks(100) {
        session.load(&insert(points)).await.expect("loaded");
    }
    let all = Op::PointRange { series: 0, entity: i64::MIN, from_ms: 0, to_ms: i64::MAX };
    let rows = answer(&mut session, &all).await.expect("all");
    assert_eq!(rows.len(), points.len());
    for (row, (entity, at_ms, busy)) in rows.iter().zip(&points) {
        assert_eq!((&row.key, &row.values[0]), (&Key::Int(*entity), &Value::Time(*at_ms)));
        assert!(matches!(row.values[1], Value::Float(found) if found.to_bits() == busy.to_bits()), "{row:?} {busy}");
    }
    let buckets = database(&store, &store.database).await.collection::<Document>("system.buckets.cpu");
    let compressed = buckets.count_documents(doc! { "control.version": 2 }).await.expect("a count");
    assert!(compressed >= 2, "{compressed} buckets are compressed");
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn another_layout_is_described_as_such_and_replaces_the_data() {
    let options = ["series=documents", "series=timeseries", "series=timeseries&granularity=hours"];
    let mut layouts = Vec::new();
    for option in options {
        let store = open(&address(option).await, "other-layout", Durability::Memory).await.expect("opened");
        layouts.push(store.describe().await.expect("a description").layout);
    }
    assert!(layouts[0] != layouts[1] && layouts[1] != layouts[2] && layouts[0] != layouts[2], "{layouts:?}");
    let store = ready("other-layout", options[0]).await;
    let own = database(&store, &store.database).await;
    let other = open(&address(options[1]).await, "other-layout", Durability::Memory).await.expect("opened");
    other.reset().await.expect("made again");
    other.close(false).await.expect("closed");
    let left = own.list_collection_names().await.expect("a list");
    assert_eq!(left, [""; 0], "nothing is left, not even the list of views");
}

#[tokio::test]
async fn unknown_layouts_are_refused() {
    for (options, words) in [
        ("series=columns", "unknown variant `columns`, expected `documents` or `timeseries`"),
        ("series=timeseries&granularity=days", "unknown variant `days`, expected one of `seconds`, `minutes`, `hours`"),
    ] {
        let address: Address = format!("mongodb?{options}").parse().expect("an address");
        let refusal = address.config::<Config>().err().expect("refused").to_string();
        assert!(refusal.contains(words) && !refusal.contains('\n'), "{refusal}");
    }
    let lone = open(&address("granularity=hours").await, "lone", Durability::Memory).await.err().expect("refused");
    assert!(lone.message.contains("series=timeseries"), "{lone}");
    let old = doc! { "maxWireVersion": 13 };
    let refusal = PointLayout::new(SeriesMode::Timeseries, None, &old).err().expect("refused");
    assert!(refusal.message.contains("6.0"), "{refusal}");
}

#[tokio::test]
async fn reads_and_inserts_of_time_series_are_explained_too() {
    let store =
        open(&address("series=timeseries").await, "explained-series", Durability::Durable).await.expect("opened");
    let explained = |op: &Op| {
        let binding = store.explain(op);
        assert_eq!(binding.round_trips, 1, "{binding:?}");
        assert_eq!(binding.statements.len(), 1, "{binding:?}");
        binding.statements[0].clone()
    };
    let twice = [(1, NEW_YEAR, 0.5), (2, NEW_YEAR, 0.5)];
    assert_eq!(
        explained(&insert(&twice)),
        r#"{insert: "cpu", documents: [{_id: ?, entity: ?, at: ?, busy: ?, _id_: ?} x 2], ordered: false, writeConcern: {w: "majority", j: true}}"#
    );
    let (series, entity, from_ms, to_ms) = (0, 1, NEW_YEAR, NEW_YEAR + 60_000);
    assert_eq!(
        explained(&Op::PointRange { series, entity, from_ms, to_ms }),
        r#"{aggregate: "cpu", pipeline: [{$match: {entity: ?, at: {$gte: ?, $lte: ?}}}, {$group: {_id: {$ifNull: ["$instant", "$at"]}, newest: {$top: {sortBy: {_id: -1}, output: "$$ROOT"}}}}, {$sort: {_id: 1}}, {$replaceWith: "$newest"}], cursor: {batchSize: 1073741824}, hint: {entity: 1, at: -1}, readConcern: {level: "local"}}"#
    );
    assert_eq!(
        explained(&Op::LastPoint { series, entity }),
        r#"{aggregate: "cpu", pipeline: [{$match: {entity: ?}}, {$sort: {entity: 1, at: -1}}, {$group: {_id: "$entity", at: {$first: "$at"}}}, {$lookup: {from: "cpu", localField: "at", foreignField: "at", pipeline: [{$match: {entity: ?}}, {$sort: {instant: -1, _id: -1}}, {$limit: 1}], as: "newest"}}, {$replaceWith: {$first: "$newest"}}], cursor: {batchSize: 1073741824}, hint: {entity: 1, at: -1}, readConcern: {level: "local"}}"#
    );
    assert_eq!(
        explained(&Op::PointsAbove { series, metric: 0, threshold: 0.5, from_ms, to_ms, limit: 5 }),
        r#"{aggregate: "cpu", pipeline: [{$match: {at: {$gte: ?, $lte: ?}, busy: {$gt: ?}}}, {$group: {_id: "$entity"}}, {$lookup: {from: "cpu", localField: "_id", foreignField: "entity", pipeline: [{$match: {at: {$gte: ?, $lte: ?}}}, {$group: {_id: {$ifNull: ["$instant", "$at"]}, newest: {$top: {sortBy: {_id: -1}, output: "$$ROOT"}}}}, {$match: {"newest.busy": {$gt: ?}}}], as: "point"}}, {$unwind: "$point"}, {$sort: {"point._id": -1, _id: 1}}, {$limit: ?}, {$replaceWith: "$point.newest"}], cursor: {batchSize: 1073741824}, readConcern: {level: "local"}}"#
    );
    let window = explained(&Op::Window { series, entity, metric: 0, from_ms, to_ms, every_ms: 9, fold: Fold::Mean });
    assert!(window.contains(r#"output: "$busy"}}}}, {$group: {_id: {$subtract: [{$toLong: "$_id"}, "#), "{window}");
    assert!(window.contains(r#"folded: {$avg: "$newest"}"#), "{window}");
    let far = explained(&Op::PointRange { series, entity, from_ms: -1, to_ms });
    assert!(far.contains("{$match: {$or: [{instant: {$exists: false}}, {instant: {$gte: ?, $lte: ?}}]}}"), "{far}");
    let layout = store.layout.describe();
    let words = ["granularity seconds", "highest `_id`", "{entity: 1, at: -1}", "1970-02-01"];
    assert!(words.iter().all(|words| layout[3].contains(words)), "{layout:?}");
    store.reset().await.expect("reset");
    let description = store.describe().await.expect("a description");
    assert_eq!(description.settings["series"], "timeseries, granularity seconds");
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn no_read_of_a_series_looks_at_buckets_that_it_need_not() {
    let store = ready("series-plans", "series=timeseries").await;
    let mut session = store.session().await.expect("a session");
    for day in 0..250 {
        let points: Vec<(i64, i64, f64)> = (0..4).map(|entity| (entity, NEW_YEAR + day * DAY, 0.5)).collect();
        session.load(&insert(&points)).await.expect("loaded");
    }
    let client = connect(&store.options).await.expect("a client");
    let layout = &store.layout;
    let builder = CommandBuilder { layout, write_concern: None, snapshot_at: None, has_placeholders: false };
    for op in reads(1, NEW_YEAR + 5 * DAY, NEW_YEAR + 7 * DAY, 0.1) {
        let command = Document::try_from(&builder.query(&op).expect("a command")).expect("a command");
        let explain = doc! { "explain": command, "verbosity": "executionStats" };
        let plan = client.database(&store.database).run_command(explain).await.expect("a plan").to_string();
        // Through the index by entity, or for all entities in the order of the buckets themselves, within bounds.
        let (stage, most) = match op {
            Op::PointsAbove { .. } => ("\"CLUSTERED_IXSCAN\"", 16),
            Op::LastPoint { .. } => ("\"DISTINCT_SCAN\"", 1),
            _ => ("\"IXSCAN\"", 3),
        };
        assert!(plan.contains(stage) && !plan.contains("\"COLLSCAN\""), "{op:?}: {plan}");
        let examined: Vec<usize> = plan
            .split("\"totalDocsExamined\": ")
            .skip(1)
            .filter_map(|rest| rest.split([',', ' ', '}']).next()?.parse().ok())
            .collect();
        assert!(!examined.is_empty() && examined[0] <= most, "{op:?} looked at {examined:?} of 1000 buckets: {plan}");
        // What a $lookup looks at beside that.
        assert!(examined.iter().skip(1).all(|buckets| *buckets <= 13), "{op:?} looked at {examined:?}: {plan}");
    }
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn a_transaction_that_ingests_is_refused_before_anything_is_sent() {
    let store = ready("series-transact", "series=timeseries").await;
    let mut session = store.session().await.expect("a session");
    let transact = Op::Transact(vec![account(1, 1), insert(&[(1, NEW_YEAR, 0.5)])]);
    assert_eq!(answer(&mut session, &transact).await, Err(FailureKind::Broken));
    let read = Op::Read { table: 1, key: Key::Int(1), fields: Fields::All };
    assert_eq!(answer(&mut session, &read).await, Err(FailureKind::Missing));
    assert_eq!(digest(&mut session).await.rows, 0);
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn measurements_are_weighed_where_the_server_keeps_them() {
    let store = ready("series-weight", "series=timeseries").await;
    let empty = store.footprint().await.expect("a footprint").disk_bytes;
    let mut session = store.session().await.expect("a session");
    for minute in 0..200 {
        let points: Vec<(i64, i64, f64)> =
            (0..50).map(|entity| (entity, NEW_YEAR + minute * 60_000, (minute + entity) as f64 / 4.0)).collect();
        session.load(&insert(&points)).await.expect("loaded");
    }
    store.after_load().await.expect("after the load");
    let full = store.footprint().await.expect("a footprint").disk_bytes;
    assert!(full > empty.map(|bytes| bytes + 100_000), "{empty:?} {full:?}");
    store.close(false).await.expect("closed");
}
