//! What a workload file says, names resolved to positions: the parts of its dataset, and what is asked for beside them.
//!
//! Sizes are as written; `--records` is applied in `plan.rs`. The TOML spelling is read in `parse/`.

use super::distribution::Distribution;
use super::field::{FieldSpec, KeyChooserSpec, KeyPattern};
use super::operation::{OperationSpec, Slo};
use drivers::{Durability, Isolation, Part};
use std::time::Duration;

/// The most records, streams or entities, and the most ticks: numbers stay exact in every store and as floats.
pub(super) const MOST_RECORDS: i64 = 1_000_000_000_000;

/// Everything that a workload file says.
#[derive(Debug, Clone)]
pub struct Spec {
    /// One sentence on the application that the workload mimics.
    pub about: String,
    /// Collections of records, in written order, which is also their order in the dataset.
    pub tables: Vec<TableSpec>,
    /// Collections of streams of events.
    pub logs: Vec<LogSpec>,
    /// Collections of entities observed over time.
    pub series: Vec<SeriesSpec>,
    /// All ways in which keys are drawn, each once; fields and operations refer to them by position.
    pub key_choosers: Vec<KeyChooserSpec>,
    /// The operations of the mix; their shares add up to 1.
    pub operations: Vec<OperationSpec>,
    /// Invariants that must hold after the run.
    pub checks: Vec<Check>,
    /// How the load is applied unless the command line says otherwise.
    pub load: LoadDefaults,
    /// Latency limits over all operations.
    pub slo: Slo,
    /// What the store must promise.
    pub require: Require,
    /// The part whose size `--records` sets.
    pub primary: Part,
}

/// Records with the same fields.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// The table's name in the file and in the stores.
    pub name: String,
    /// How its keys are written.
    pub key: KeyPattern,
    /// Whether records are found by their keys; where not, they are only inserted.
    pub is_keyed: bool,
    /// How many records are loaded.
    pub records: u64,
    /// The fields of a record, in written order.
    pub fields: Vec<FieldSpec>,
    /// Positions of indexed fields.
    pub indexes: Vec<usize>,
}

/// Streams of events with the same fields.
#[derive(Debug, Clone)]
pub struct LogSpec {
    /// The log's name in the file and in the stores.
    pub name: String,
    /// How the keys of its streams are written.
    pub key: KeyPattern,
    /// How many streams there are.
    pub streams: u64,
    /// How many events are loaded into a stream.
    pub events: Distribution,
    /// The fields of an event; the last one is the event's number.
    pub fields: Vec<FieldSpec>,
}

/// Entities observed at every tick.
#[derive(Debug, Clone)]
pub struct SeriesSpec {
    /// The series' name in the file and in the stores.
    pub name: String,
    /// How many entities there are.
    pub entities: u64,
    /// How many entities are ingested at once.
    pub batch: u64,
    /// The instant of tick 0, in milliseconds since the epoch.
    pub start_ms: i64,
    /// The time from one tick to the next, in milliseconds.
    pub interval_ms: i64,
    /// How many ticks are loaded.
    pub load_ticks: u64,
    /// The fraction of points that never arrive.
    pub missing: f64,
    /// The fraction of points that arrive late.
    pub late: f64,
    /// By how many ticks a late point is delayed at most.
    pub late_ticks: u64,
    /// The quantities observed, in the order of a point's values.
    pub metrics: Vec<MetricSpec>,
}

impl SeriesSpec {
    /// How many batches a tick has.
    pub fn batches_per_tick(&self) -> u64 {
        self.entities.div_ceil(self.batch)
    }
}

/// A quantity that wanders: the next value is near the last one.
#[derive(Debug, Clone)]
pub struct MetricSpec {
    /// The metric's name in the file and in the stores.
    pub name: String,
    /// The lowest value, at which the walk is reflected.
    pub low: f64,
    /// The highest value, at which the walk is reflected.
    pub high: f64,
    /// The standard deviation of a step from tick to tick.
    pub step: f64,
    /// Decimals that the sensor reports.
    pub decimals: i32,
}

/// An invariant: a sum over the whole dataset that operations move about but do not change, so that a lost update or a torn
/// transaction shows. It must be the same after the run as after the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The invariant in the workload author's words.
    pub name: String,
    /// The summands; at least one.
    pub terms: Vec<Term>,
}

/// One summand: an integer field over all records of a table, or over all items of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// 1, or -1 if it is subtracted.
    pub sign: i64,
    /// The position of the table.
    pub table: usize,
    /// The position of the field, which holds integers or items.
    pub field: usize,
    /// The position of the integer field of the items, if the field holds items.
    pub item_field: Option<usize>,
}

/// How the load is applied unless the command line says otherwise.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct LoadDefaults {
    /// How many logical clients there are.
    pub clients: Option<u32>,
    /// Operations a second over all clients; without it each client sends as soon as it has its answer.
    pub rate_per_s: Option<f64>,
    /// How the operations of a rate are spread over time.
    pub arrivals: Option<Arrivals>,
    /// How long the measurement takes.
    pub duration: Option<Duration>,
    /// How long the warm-up before it takes.
    pub warmup: Option<Duration>,
    /// How many operations are measured, instead of a duration.
    pub ops: Option<u64>,
}

/// How the operations of a rate are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// At equal intervals, as from a clock.
    Constant,
    /// Independent of each other, as those of many users are.
    #[default]
    Poisson,
}

/// What the store must promise.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Require {
    /// At least this durability.
    pub durability: Option<Durability>,
    /// This isolation level, or a stronger one.
    pub isolation: Option<Isolation>,
}
