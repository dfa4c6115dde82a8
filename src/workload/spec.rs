//! What a workload says, names resolved to positions: the parts of its dataset and all that goes with them.
//!
//! Sizes are as written; `--records` is applied in `plan.rs`. How it is spelled is in `file.rs`.

use super::check::Check;
use super::content::{Choosing, Field, KeyPattern};
use super::load::{LoadDefaults, Require, Slo};
use super::numbers::Numbers;
use super::operation::Operation;
use drivers::Part;

/// Everything that a file says, names resolved to positions.
#[derive(Debug, Clone)]
pub struct Spec {
    /// One sentence on what it mimics.
    pub about: String,
    /// Collections of records.
    pub tables: Vec<Table>,
    /// Collections of streams.
    pub logs: Vec<Log>,
    /// Collections of entities observed over time.
    pub series: Vec<Series>,
    /// All ways in which keys are drawn.
    pub choosings: Vec<Choosing>,
    /// The mix.
    pub operations: Vec<Operation>,
    /// What must hold at the end.
    pub checks: Vec<Check>,
    /// How it is loaded.
    pub load: LoadDefaults,
    /// Latency limits over all operations.
    pub slo: Slo,
    /// What the store must promise.
    pub require: Require,
    /// The part whose size `--records` sets.
    pub primary: Part,
}

/// Records of one shape.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// How its keys look.
    pub key: KeyPattern,
    /// How many are loaded.
    pub records: u64,
    /// What they hold.
    pub fields: Vec<Field>,
    /// Positions of indexed fields.
    pub indexes: Vec<usize>,
}

/// Streams of events of one shape.
#[derive(Debug, Clone)]
pub struct Log {
    /// Its name.
    pub name: String,
    /// How the keys of its streams look.
    pub key: KeyPattern,
    /// How many streams there are.
    pub streams: u64,
    /// How many events are loaded into a stream.
    pub events: Numbers,
    /// What an event holds; the last field is the event's number.
    pub fields: Vec<Field>,
}

/// Entities observed at every tick.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// How many entities there are.
    pub entities: u64,
    /// How many of them are ingested at once.
    pub batch: u64,
    /// When tick 0 is.
    pub start_ms: i64,
    /// From one tick to the next.
    pub interval_ms: i64,
    /// How many ticks are loaded.
    pub load_ticks: u64,
    /// The part of points that never arrive.
    pub missing: f64,
    /// The part of points that arrive late.
    pub late: f64,
    /// By how many ticks at most.
    pub late_ticks: u64,
    /// What is observed.
    pub metrics: Vec<Metric>,
}

/// A quantity that wanders: the next value is near the last one.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// The lowest value.
    pub low: f64,
    /// The highest value.
    pub high: f64,
    /// The standard deviation of a step from tick to tick.
    pub step: f64,
    /// Decimals that the sensor reports.
    pub decimals: i32,
}
