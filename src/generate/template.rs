//! The operation that a step becomes, with everything that is the same each time, to be filled in again and again.

use crate::workload::{Action, FieldSelection, MatchSpec};
use drivers::{Fields, Key, Op, Record, Value};

/// An operation for a step, without the values that are drawn.
pub(super) fn template(action: &Action) -> Op {
    let (key, value) = (Key::default, Value::default);
    let fields = |selection: &FieldSelection| match selection {
        FieldSelection::All(_) => Fields::All,
        FieldSelection::One(_) => Fields::Some(Vec::new()),
        FieldSelection::Listed(fields) => Fields::Some(fields.clone()),
    };
    match action {
        Action::Insert { table, .. } | Action::InsertDrawn { table, .. } => {
            Op::Insert { table: *table, key: key(), record: Record::new() }
        }
        Action::Read { table, selection, .. } => Op::Read { table: *table, key: key(), fields: fields(selection) },
        Action::Update { table, .. } => Op::Update { table: *table, key: key(), changes: Vec::new() },
        Action::Delete { table, .. } => Op::Delete { table: *table, key: key() },
        Action::Increment { table, field, floor, .. } => {
            Op::Increment { table: *table, key: key(), field: *field, by: 0, floor: *floor }
        }
        Action::Scan { table, selection, .. } => {
            Op::Scan { table: *table, from: key(), limit: 0, fields: fields(selection) }
        }
        Action::Find { table, field, matching, order, selection, .. } => Op::Find {
            table: *table,
            field: *field,
            matching: match matching {
                MatchSpec::OwnContent | MatchSpec::Equal(_) => drivers::Matching::Equal(value()),
                MatchSpec::Between(..) => drivers::Matching::Between(value(), value()),
            },
            order: *order,
            limit: 0,
            fields: fields(selection),
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
