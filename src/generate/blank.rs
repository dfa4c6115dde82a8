//! Empty operations: the shape of a step, with everything that never changes in its place.

use crate::workload::{Action, Matching, Which};
use drivers::{Fields, Key, Op, Record, Value};

/// An empty operation for a step.
pub(super) fn blank(action: &Action) -> Op {
    let (key, value) = (Key::default, Value::default);
    let fields = |which: &Which| match which {
        Which::All(_) => Fields::All,
        Which::One(_) => Fields::Some(Vec::new()),
        Which::These(these) => Fields::Some(these.clone()),
    };
    match action {
        Action::Insert { table, .. } | Action::InsertDrawn { table, .. } => {
            Op::Insert { table: *table, key: key(), record: Record::new() }
        }
        Action::Read { table, which, .. } => Op::Read { table: *table, key: key(), fields: fields(which) },
        Action::Update { table, .. } => Op::Update { table: *table, key: key(), changes: Vec::new() },
        Action::Delete { table, .. } => Op::Delete { table: *table, key: key() },
        Action::Increment { table, field, floor, .. } => {
            Op::Increment { table: *table, key: key(), field: *field, by: 0, floor: *floor }
        }
        Action::Scan { table, which, .. } => Op::Scan { table: *table, from: key(), limit: 0, fields: fields(which) },
        Action::Find { table, field, matching, order, which, .. } => Op::Find {
            table: *table,
            field: *field,
            matching: match matching {
                Matching::Own | Matching::Equal(_) => drivers::Matching::Equal(value()),
                Matching::Between(..) => drivers::Matching::Between(value(), value()),
            },
            order: *order,
            limit: 0,
            fields: fields(which),
        },
        Action::Append { log, .. } => Op::Append { log: *log, stream: key(), events: Vec::new() },
        Action::Tail { log, .. } => Op::Tail { log: *log, stream: key(), limit: 0 },
        Action::InsertPoints { series } => Op::InsertPoints { series: *series, points: Vec::new() },
        Action::LastPoint { series, .. } => Op::LastPoint { series: *series, entity: 0 },
        Action::PointRange { series, .. } => Op::PointRange { series: *series, entity: 0, from_ms: 0, to_ms: 0 },
        Action::Window { series, metric, every_ms, fold, .. } => Op::Window {
            series: *series,
            entity: 0,
            metric: *metric,
            from_ms: 0,
            to_ms: 0,
            every_ms: *every_ms,
            fold: *fold,
        },
        Action::PointsAbove { series, metric, .. } => {
            Op::PointsAbove { series: *series, metric: *metric, threshold: 0.0, from_ms: 0, to_ms: 0, limit: 0 }
        }
    }
}
