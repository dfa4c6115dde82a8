//! The record of `storebench sweep`, `sweep.json`: for each workload and store how much it carries, and every level that was
//! measured to find out. The runs of the levels stand in `experiment.json` beside it.

use drivers::Durability;
use serde::{Deserialize, Serialize};

use crate::record::{Host, Tool};

/// Name and version of the format. A change that would mislead an old reader raises the number.
pub const SWEEP_SCHEMA: &str = "storebench/sweep/1";

/// One invocation of `storebench sweep`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepRecord {
    /// Name and version of the format, [`SWEEP_SCHEMA`].
    pub schema: String,
    /// The program that measured.
    pub tool: Tool,
    /// The machine on which the suite ran.
    pub host: Host,
    /// The command line, passwords removed.
    pub command: String,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// When it ended, or this was written: RFC 3339, UTC.
    pub finished_at: String,
    /// From which all data, operations, arrivals and orders derive.
    pub seed: u64,
    /// Time that each search had.
    pub budget_s: f64,
    /// Whether it was stopped before its end, or its process killed.
    pub interrupted: bool,
    /// One for each workload and store, in the order in which they were asked for.
    pub answers: Vec<SweepAnswer>,
}

/// How much a store carries of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepAnswer {
    /// The name of the workload.
    pub workload: String,
    /// The store's address without passwords.
    pub store: String,
    /// The version that the store reports; empty if it never came to that.
    pub version: String,
    /// The durability tier as read back from the store; absent if it never came to that.
    pub durability: Option<Durability>,
    /// The most operations in flight: an answer is for so many connections.
    pub clients: u32,
    /// The limits, as `--slo` writes them; none asks only that what is offered is carried.
    pub slo: Vec<String>,
    /// The highest rate within the limits.
    pub rate_per_s: RateInterval,
    /// The largest completed rate of all levels: at least so much, where none was overloaded.
    pub capacity_per_s: Option<f64>,
    /// Whether a level was overloaded.
    pub saturated: bool,
    /// The completed rate at the knee of the curve (Kleinrock's power); absent where it lies beyond the levels.
    pub knee_per_s: Option<f64>,
    /// What broke first above the interval: a limit, `errors`, `overload`, or why the level says nothing.
    pub broke_first: Option<String>,
    /// What server and client used at the lower end, and what it costs there.
    pub at_low: Option<AtRate>,
    /// How throughput grows with clients; absent of a search by rates, and of fewer than four valid numbers of clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalability: Option<ScalabilityRecord>,
    /// Whether both ends could not be confirmed near each other in this time.
    pub ran_out: bool,
    /// Why the search ended before its end, if it did.
    pub problem: Option<String>,
    /// Every level, in the order in which they were measured.
    pub levels: Vec<SweepLevel>,
}

/// An interval of rates that holds the answer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RateInterval {
    /// The highest rate that was confirmed to be within the limits; absent if none was.
    pub low: Option<f64>,
    /// The lowest rate that was confirmed to be beyond; absent if none was.
    pub high: Option<f64>,
}

/// A store at one rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AtRate {
    /// The id of the run in `experiment.json`.
    pub run: String,
    /// CPUs that the store's server kept busy; absent where it cannot be watched, and for a store in the suite's process.
    pub server_cpus: Option<f64>,
    /// CPUs that the suite kept busy, an embedded store included.
    pub client_cpus: f64,
    /// How busy the threads were that carried the sessions of a remote store, 0 to 1.
    pub threads_busy: Option<f64>,
    /// USD for a million operations, if this rate is the peak of the load.
    pub usd_per_million: Option<f64>,
    /// The offer of that price.
    pub offer: Option<String>,
    /// Average load as a share of the peak in that price.
    pub utilisation: Option<f64>,
}

/// The Universal Scalability Law through the levels, each figure with its 95 % interval: [low, value, high].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScalabilityRecord {
    /// Throughput of one client alone, operations per second.
    pub one_client_per_s: [f64; 3],
    /// The share of the work that is done one at a time, 0 to 1.
    pub contention: [f64; 3],
    /// What agreement costs, for each pair of clients.
    pub coherency: [f64; 3],
    /// Clients at the peak; absent, as the throughput there, where it lies beyond twice the clients that were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_clients: Option<[f64; 3]>,
    /// Throughput at the peak, operations per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_per_s: Option<[f64; 3]>,
}

/// One level of load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepLevel {
    /// The id of its run in `experiment.json`.
    pub run: String,
    /// What it was measured for: `probe`, `ramp`, `bisect` or `confirm`.
    pub stage: String,
    /// The offered rate; absent of a closed loop.
    pub offered_per_s: Option<f64>,
    /// Clients of a closed loop; of an open one the most that were in flight.
    pub clients: u32,
    /// How long it was measured.
    pub window_s: f64,
    /// What it took, loading, warm-up, drain and check included.
    pub spent_ns: u64,
    /// Successes per second.
    pub completed_per_s: f64,
    /// Mean response time; this and the percentiles are absent where they are withheld.
    pub mean_ns: Option<f64>,
    /// 50th percentile of the response time.
    pub p50_ns: Option<u64>,
    /// 99th percentile of the response time.
    pub p99_ns: Option<u64>,
    /// 99.9th percentile of the response time.
    pub p999_ns: Option<u64>,
    /// Share of the operations that failed, 0 to 1.
    pub failed_share: f64,
    /// `within`, `undecided`, `beyond`, or `none` of a closed loop.
    pub verdict: String,
    /// What broke, or is undecided.
    pub broke: Option<String>,
    /// Evidence that something else than the store moved the figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noisy: Vec<String>,
}

impl SweepRecord {
    /// The canonical text: pretty JSON with a final newline.
    ///
    /// # Errors
    /// When a number in it is not JSON, which would be a bug.
    pub fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}
