//! What a session sends for an operation.

use crate::sql::sqlite::sql::{Shape, text};
use crate::{Dataset, Fields, Matching, Op};

/// Whether an operation is sent within BEGIN and COMMIT. A single statement is a transaction by itself.
///
/// A batch is too, although it need not be atomic: one commit instead of many is how bulk is written to this store.
pub(super) fn begins(op: &Op) -> bool {
    match op {
        Op::Batch(_) | Op::Transact(_) => true,
        Op::Append { events, .. } => events.len() > 1,
        Op::InsertPoints { points, .. } => points.len() > 1,
        _ => false,
    }
}

/// What a session sends for an operation, in order. Equal neighbours are written once, with their number.
pub(super) fn binding(dataset: &Dataset, op: &Op) -> Vec<String> {
    let mut sent = statements(dataset, op);
    if begins(op) {
        sent.insert(0, text(dataset, Shape::Begin { writes: op.writes() }, &Fields::All));
        sent.push(text(dataset, Shape::Commit, &Fields::All));
    }
    let runs = sent.chunk_by(|one, next| one == next);
    let told =
        runs.map(|run| if run.len() == 1 { run[0].clone() } else { format!("{} -- {} times", run[0], run.len()) });
    told.collect()
}

fn statements(dataset: &Dataset, op: &Op) -> Vec<String> {
    let all = |shape| vec![text(dataset, shape, &Fields::All)];
    let some = |shape, fields| vec![text(dataset, shape, fields)];
    match op {
        Op::Insert { table, .. } => all(Shape::Insert(*table)),
        Op::Read { table, fields, .. } => some(Shape::Read(*table), fields),
        Op::Update { table, changes, .. } => {
            some(Shape::Update(*table), &Fields::Some(changes.iter().map(|change| change.field).collect()))
        }
        Op::Delete { table, .. } => all(Shape::Delete(*table)),
        Op::Increment { table, field, floor, .. } => {
            let bump = all(Shape::Bump { table: *table, field: *field, floored: floor.is_some() });
            let probe = text(dataset, Shape::Read(*table), &Fields::Some(vec![*field]));
            [bump, vec![format!("{probe} -- only if no row changed, to tell why")]].concat()
        }
        Op::Scan { table, fields, .. } => some(Shape::Scan(*table), fields),
        Op::Find { table, field, matching, order, fields, .. } => {
            let equal = matches!(matching, Matching::Equal(_));
            some(Shape::Find { table: *table, field: *field, equal, order: *order }, fields)
        }
        Op::Append { log, events, .. } => events.iter().flat_map(|_| all(Shape::Append(*log))).collect(),
        Op::Tail { log, .. } => all(Shape::Tail(*log)),
        Op::InsertPoints { series, points } => points.iter().flat_map(|_| all(Shape::Ingest(*series))).collect(),
        Op::LastPoint { series, .. } => all(Shape::Last(*series)),
        Op::PointRange { series, .. } => all(Shape::Range(*series)),
        Op::Window { series, metric, fold, .. } => all(Shape::Window { series: *series, metric: *metric, fold: *fold }),
        Op::PointsAbove { series, metric, .. } => all(Shape::Above { series: *series, metric: *metric }),
        Op::Batch(ops) | Op::Transact(ops) => ops.iter().flat_map(|op| statements(dataset, op)).collect(),
    }
}
