//! Operations as data: everything that a workload can ask of a store, each with its exact meaning.
//!
//! `stores/memory` is these meanings in code, and the conformance suite holds every store to them. A new need is a new
//! variant with its meaning written down here, never a string smuggled through another one.

use std::fmt;

use crate::seam::capability::{Capabilities, Capability};
use crate::seam::dataset::Dataset;
use crate::seam::value::{Change, Key, Point, Record, Value};

/// One logical operation. Tables, logs, series, fields and metrics are positions in the [`Dataset`](crate::Dataset).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[allow(missing_docs)] // The sentence on a variant explains its fields.
pub enum Op {
    /// Adds a record. Fails with `Exists` if the key is taken.
    Insert { table: usize, key: Key, record: Record },
    /// Answers one row. Fails with `Missing` if there is no such key.
    Read { table: usize, key: Key, fields: Fields },
    /// Replaces some fields of a record. Fails with `Missing` if there is no such key.
    Update { table: usize, key: Key, changes: Vec<Change> },
    /// Removes a record. Fails with `Missing` if there is no such key.
    Delete { table: usize, key: Key },
    /// Adds `by` to an integer field in one atomic step. With a floor, a result below it is refused and nothing
    /// changes. Fails with `Missing` if there is no such key.
    Increment { table: usize, key: Key, field: usize, by: i64, floor: Option<i64> },
    /// Answers up to `limit` records in key order, starting with the first key not below `from`.
    Scan { table: usize, from: Key, limit: usize, fields: Fields },
    /// Answers up to `limit` records whose indexed field matches, ordered by (field, key) in the given direction. No
    /// match is an answer without rows, not a failure. An absent field matches nothing, not even `Null`.
    Find { table: usize, field: usize, matching: Matching, order: Order, limit: usize, fields: Fields },
    /// Several operations sent together, in order, without atomicity. The first failure is the batch's: what came before
    /// it stays, and whether what comes after it is done is the store's choice. `Refused` if a floor refused any of
    /// them, while the others stay. Not nested.
    Batch(Vec<Op>),
    /// Several operations of the record, range, index and counter families as one atomic, isolated step. A refused bump
    /// or any failure leaves no trace of the others. Not nested.
    Transact(Vec<Op>),
    /// The same for a client that decides what to do next by each answer: every operation is sent when the one before it is
    /// answered, and so is the commit. The transaction stays open meanwhile, with all that it has locked. Not nested.
    Interactive(Vec<Op>),
    /// Adds events to the end of one stream, in order. The store gives each its place. A failure may leave some of
    /// several events there.
    Append { log: usize, stream: Key, events: Vec<Record> },
    /// Answers the newest `limit` events of a stream, newest first. An empty stream is an answer without rows.
    Tail { log: usize, stream: Key, limit: usize },
    /// Adds points. A point at an (entity, instant) already there replaces it, so that a retry does no harm. A failure may
    /// leave some of several points there.
    InsertPoints { series: usize, points: Vec<Point> },
    /// Answers the newest point of an entity. Fails with `Missing` if it has none.
    LastPoint { series: usize, entity: i64 },
    /// Answers an entity's points in `from_ms <= t < to_ms`, oldest first.
    PointRange { series: usize, entity: i64, from_ms: i64, to_ms: i64 },
    /// Answers one row (bucket start, folded value) for each bucket that holds points of the entity in
    /// `from_ms <= t < to_ms`, oldest first. Buckets are `every_ms` (at least 1) wide and start at multiples of it since
    /// the epoch, also before it.
    Window { series: usize, entity: i64, metric: usize, from_ms: i64, to_ms: i64, every_ms: i64, fold: Fold },
    /// Answers up to `limit` points of any entity in `from_ms <= t < to_ms` whose metric exceeds the threshold, newest
    /// first and by entity within an instant.
    PointsAbove { series: usize, metric: usize, threshold: f64, from_ms: i64, to_ms: i64, limit: usize },
}

/// Which fields a read answers.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub enum Fields {
    /// All, in declared order.
    #[default]
    All,
    /// These, in this order.
    Some(Vec<usize>),
}

/// What an indexed field must match.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub enum Matching {
    /// Equal to a value.
    Equal(Value),
    /// Between two values, both included.
    Between(Value, Value),
}

/// In which order found records are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The smallest field first, and of equal ones the smallest key.
    Ascending,
    /// The largest field first, and of equal ones the largest key.
    Descending,
}

/// How the points of a bucket become one value. An empty bucket gives no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    /// The arithmetic mean of its values.
    Mean,
    /// The smallest of its values.
    Min,
    /// The largest of its values.
    Max,
    /// The sum of its values.
    Sum,
    /// How many points it holds, as an integer.
    Count,
}

/// How an operation that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The store did what was asked.
    Applied,
    /// A floor refused it and nothing changed: a business outcome, not an error.
    Refused,
}

impl Op {
    /// Whether a failure may leave a part of it done.
    pub fn may_be_torn(&self) -> bool {
        match self {
            Op::Batch(_) => true,
            Op::Append { events, .. } => events.len() > 1,
            Op::InsertPoints { points, .. } => points.len() > 1,
            _ => false,
        }
    }

    /// The word for this operation in workload files and messages.
    pub fn verb(&self) -> &'static str {
        match self {
            Op::Insert { .. } => "insert",
            Op::Read { .. } => "read",
            Op::Update { .. } => "update",
            Op::Delete { .. } => "delete",
            Op::Increment { .. } => "bump",
            Op::Scan { .. } => "scan",
            Op::Find { .. } => "find",
            Op::Batch(_) => "batch",
            Op::Transact(_) | Op::Interactive(_) => "transact",
            Op::Append { .. } => "append",
            Op::Tail { .. } => "tail",
            Op::InsertPoints { .. } => "ingest",
            Op::LastPoint { .. } => "last",
            Op::PointRange { .. } => "range",
            Op::Window { .. } => "window",
            Op::PointsAbove { .. } => "above",
        }
    }

    /// Table and key of the one record that it is about, if it is about one.
    pub fn record(&self) -> Option<(usize, &Key)> {
        match self {
            Op::Insert { table, key, .. }
            | Op::Read { table, key, .. }
            | Op::Update { table, key, .. }
            | Op::Delete { table, key }
            | Op::Increment { table, key, .. } => Some((*table, key)),
            _ => None,
        }
    }

    /// What a store must be able to do for this operation.
    pub fn needs(&self) -> Capabilities {
        match self {
            Op::Insert { .. } | Op::Read { .. } | Op::Update { .. } | Op::Delete { .. } => Capability::Record.into(),
            Op::Scan { .. } => Capability::Range.into(),
            Op::Find { .. } => Capability::Index.into(),
            Op::Increment { floor: None, .. } => Capability::Counter.into(),
            Op::Increment { floor: Some(_), .. } => Capability::Floor.into(),
            Op::Batch(ops) => Op::union(Capability::Batch, ops),
            Op::Transact(ops) => Op::union(Capability::Transact, ops),
            Op::Interactive(ops) => Op::union(Capability::Transact, ops).with(Capability::Interactive.into()),
            Op::Append { .. } | Op::Tail { .. } => Capability::Stream.into(),
            Op::InsertPoints { .. }
            | Op::LastPoint { .. }
            | Op::PointRange { .. }
            | Op::Window { .. }
            | Op::PointsAbove { .. } => Capability::Series.into(),
        }
    }

    /// Whether it may be part of a transaction.
    pub fn transacts(&self) -> bool {
        use Capability::{Counter, Floor, Index, Range, Record};
        Capabilities::of(&[Record, Range, Index, Counter, Floor]).meets(self.needs())
    }

    /// Whether a session carries it out in a snapshot: it reads, and is no transaction, which sees an instant of its own.
    pub fn reads_in_snapshot(&self) -> bool {
        !self.writes() && !matches!(self, Op::Transact(_) | Op::Interactive(_))
    }

    fn union(own: Capability, ops: &[Op]) -> Capabilities {
        ops.iter().fold(own.into(), |needs, op| needs.with(op.needs()))
    }

    /// Whether the operation changes data.
    pub fn writes(&self) -> bool {
        match self {
            Op::Insert { .. } | Op::Update { .. } | Op::Delete { .. } | Op::Increment { .. } => true,
            Op::Append { .. } | Op::InsertPoints { .. } => true,
            Op::Batch(ops) | Op::Transact(ops) | Op::Interactive(ops) => ops.iter().any(Op::writes),
            Op::Read { .. } | Op::Scan { .. } | Op::Find { .. } | Op::Tail { .. } => false,
            Op::LastPoint { .. } | Op::PointRange { .. } | Op::Window { .. } | Op::PointsAbove { .. } => false,
        }
    }
}

/// What an operation is about, in messages: `accounts 7`, or the name of a table where it is about several records.
#[derive(Debug, Clone, Copy)]
pub struct OpSubject<'a>(pub &'a Dataset, pub &'a Op);

impl fmt::Display for OpSubject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OpSubject(dataset, op) = self;
        if let Some((table, key)) = op.record() {
            return write!(f, "{} {key}", dataset.tables[table].name);
        }
        match op {
            Op::Scan { table, .. } | Op::Find { table, .. } => f.write_str(&dataset.tables[*table].name),
            Op::Append { log, stream, .. } | Op::Tail { log, stream, .. } => {
                write!(f, "{} {stream}", dataset.logs[*log].name)
            }
            Op::LastPoint { series, entity }
            | Op::PointRange { series, entity, .. }
            | Op::Window { series, entity, .. } => write!(f, "{} {entity}", dataset.series[*series].name),
            Op::InsertPoints { series, .. } | Op::PointsAbove { series, .. } => {
                f.write_str(&dataset.series[*series].name)
            }
            _ => f.write_str(op.verb()),
        }
    }
}
