//! The canonical record of an experiment, `experiment.json`: everything that is printed or drawn derives from it (and
//! from the `.hlog` files beside it).
//!
//! The format is versioned by [`SCHEMA`], and described here. No store, clock or histogram library
//! is known here: latencies are plain numbers, and histograms are text (see `measure::histogram`).

mod cost;
mod file;
mod goal;
mod heat;
mod latency;
mod overload;
mod stability;
mod timeline;
mod warmup;
mod workload;

use std::collections::BTreeMap;

use drivers::{Binding, Description, Durability, Footprint, Placement};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use self::cost::{AtUtilisation, Cost, Estimate, Model, Month, MonthLine, PricedOffer, Spread, Units, Work};
pub use self::goal::PrecisionGoal;
pub use self::heat::Heat;
pub use self::latency::{Latency, Uncertainty};
pub use self::overload::Overload;
pub use self::stability::{Course, Stability};
pub use self::timeline::{Brief, Interval, Phase, ServerSecond, ServerUse, Standstill};
pub use self::warmup::{WarmupEnd, WarmupInfo};
pub use self::workload::{Requirements, SloRecord, WorkloadInfo};
use crate::draw::skew::Shares;
pub use crate::percentile::Percentile;

/// Name and version of the format. A change that would mislead an old reader raises the number.
pub const SCHEMA: &str = "storebench/experiment/1";

/// One invocation of `storebench run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Name and version of the format, [`SCHEMA`].
    pub schema: String,
    /// The program that measured.
    pub tool: Tool,
    /// The machine on which the suite ran.
    pub host: Host,
    /// The command line, passwords removed.
    pub command: String,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// When it ended: RFC 3339, UTC.
    pub finished_at: String,
    /// From which all data, operations, arrivals and orders derive.
    pub seed: u64,
    /// Whether it was stopped before its end, or its process killed.
    pub interrupted: bool,
    /// How sure a figure was to become by repeating runs; absent where their number was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<PrecisionGoal>,
    /// One entry for each workload, repetition and store, in the order in which they were asked for; `started_at` tells
    /// in which order they ran.
    pub runs: Vec<Run>,
    /// Runs that were asked for and came to no result.
    #[serde(default)]
    pub missing: Vec<MissingRun>,
}

/// A run without a result, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MissingRun {
    /// The id that its run would have had.
    pub id: String,
    /// The name of the workload, such as `read-heavy`.
    pub workload: String,
    /// The store's address without passwords.
    pub store: String,
    /// What went wrong, one sentence.
    pub problem: String,
}

/// The program that measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// The name of the program: `storebench`.
    pub name: String,
    /// The version of the program, such as `0.1.0`.
    pub version: String,
    /// Build profile: figures of a debug build are not comparable.
    pub profile: String,
}

/// The machine that ran the suite.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Host {
    /// Operating system and kernel release.
    pub os: String,
    /// CPU model as the system names it.
    pub cpu: String,
    /// Logical CPUs available to this process.
    pub cpus: u64,
    /// Installed memory, as the system reports it.
    pub memory_bytes: u64,
    /// File system type under the folder that embedded stores write to.
    pub file_system: String,
    /// Frequency governor, where the system tells.
    pub governor: Option<String>,
    /// Hypervisor or container, where the system tells.
    pub virtualization: Option<String>,
    /// The cloud's instance type, such as `m7g.large`, where the firmware tells.
    #[serde(default)]
    pub instance: Option<String>,
}

/// One workload on one store, once: one sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Unique in the experiment and usable as a file name: `read-heavy-libsql-1`.
    pub id: String,
    /// Which repetition, from 1.
    pub repetition: u32,
    /// When it began: RFC 3339, UTC.
    pub started_at: String,
    /// What was asked of the store.
    pub workload: WorkloadInfo,
    /// The store, described by itself.
    pub store: StoreInfo,
    /// How the load was applied.
    pub load: LoadInfo,
    /// How long each phase took.
    pub phases: Phases,
    /// How the warm-up ended; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<WarmupInfo>,
    /// What loading the data cost.
    pub loading: Loading,
    /// Operations that succeeded, per second from the start of the measurement to the end of its last operation, or to its
    /// planned end if that is later: what was in flight then, or had to be made up for, counts with the time that it took.
    pub throughput_per_s: f64,
    /// 95 % interval of the throughput, from batch means over the same time; absent when that is shorter than ten seconds.
    pub throughput_interval: Option<[f64; 2]>,
    /// All operations by outcome.
    pub counts: Counts,
    /// By operation name, in the order of the workload file.
    pub operations: IndexMap<String, OperationRecord>,
    /// The same over all operations together.
    pub total: OperationRecord,
    /// One entry a second, warm-up and drain included.
    pub timeline: Vec<Interval>,
    /// The longest time within the measurement in which no operation ended, to 20 ms.
    #[serde(default)]
    pub standstill: Standstill,
    /// What the suite itself did and cost.
    pub client: Client,
    /// What the data weighs.
    pub footprint: Footprints,
    /// Reconciliation of acknowledged writes and invariants with what the store holds.
    pub checks: Vec<CheckResult>,
    /// How skewed the accesses are.
    pub skew: Option<Skew>,
    /// CPU time of the store's server per successful operation, where the server could be watched; an embedded store's
    /// is in `client.cpu_ns_per_op`.
    #[serde(default)]
    pub server_cpu_ns_per_op: Option<f64>,
    /// What it would cost; absent in a record that was made without prices.
    pub cost: Option<Cost>,
    /// Whether the figures may be used.
    pub verdict: Verdict,
}

/// The store of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// As named on the command line, passwords removed.
    pub name: String,
    /// The driver that spoke to it, such as `postgres`.
    pub driver: String,
    /// In this process or behind a connection.
    pub placement: Placement,
    /// Version, guarantees, settings and layout, as read back from the store.
    #[serde(flatten)]
    pub description: Description,
    /// By operation name: how each of its steps is carried out.
    pub bindings: IndexMap<String, Vec<Binding>>,
}

/// Closed loop: each client waits for its answer before it asks again. Open loop: arrivals do not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each client sends as soon as it has its answer: no `--rate`.
    Closed,
    /// Operations are due at the rate that `--rate` offers.
    Open,
}

/// How the load was applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadInfo {
    /// Whether the loop was closed or open.
    pub mode: Mode,
    /// Sessions, each with one operation in flight: the in-flight cap of an open loop.
    pub clients: u32,
    /// OS threads that carried them.
    pub threads: u32,
    /// Offered rate of an open loop.
    pub rate_per_s: Option<f64>,
    /// `poisson` or `constant`, for an open loop.
    pub arrivals: Option<String>,
    /// Open loop: operations later than this were skipped and counted.
    pub skip_after_s: Option<f64>,
    /// Asked length of the measurement, unless bounded by operations.
    pub duration_s: Option<f64>,
    /// Asked number of operations, if bounded so.
    pub ops: Option<u64>,
    /// Asked length of the warm-up.
    pub warmup_s: f64,
    /// How often an operation that lost a conflict was tried again at most.
    pub max_retries: u32,
    /// The durability tier that was asked for.
    pub durability: Durability,
    /// CPUs that the client's threads were kept on; none where they were left to the system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_cpus: Vec<u32>,
    /// CPUs that the store's server was kept on; none where it was left to the system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_cpus: Vec<u32>,
}

/// Seconds spent in each phase.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Phases {
    /// Opening and making an empty dataset.
    pub reset_s: f64,
    /// Loading the data, wall clock.
    pub load_s: f64,
    /// What follows loading: indexes, statistics, checkpoint.
    pub settle_s: f64,
    /// Warming up; nothing of it is in a figure.
    pub warmup_s: f64,
    /// Measurement: from its first instant to the last counted completion.
    pub measure_s: f64,
    /// The part of the measurement after its planned end, in which late operations finished.
    pub drain_s: f64,
    /// Checking what the store holds after the run.
    pub check_s: f64,
}

/// The load phase, measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Loading {
    /// How many rows were loaded.
    pub rows: u64,
    /// The logical size of those rows: what they hold, without what the store adds.
    pub logical_bytes: u64,
    /// Rows per second, wall clock, settling not included; 0 if nothing was loaded.
    pub rows_per_s: f64,
    /// Digest of what the store holds after the load, by part; equal on every store.
    pub digests: BTreeMap<String, String>,
    /// Whether an earlier run loaded it and this one found it unchanged: there is then no speed of loading.
    #[serde(default)]
    pub reused: bool,
}

/// scheduled = succeeded + failed + skipped, asserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Operations due within the window.
    pub scheduled: u64,
    /// Acknowledged by the store, refusals included.
    pub succeeded: u64,
    /// Those among the succeeded that a floor refused, as the workload expects now and then.
    pub refused: u64,
    /// Ended in a failure.
    pub failed: u64,
    /// Open loop: never sent, because too late or because the run ended first.
    pub skipped: u64,
    /// Attempts beyond the first, after lost conflicts.
    pub retries: u64,
}

/// What became of one named operation, or of all of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OperationRecord {
    /// How many succeeded, refusals included.
    pub ok: u64,
    /// Succeeded by being refused as expected.
    pub refused: u64,
    /// How many failed, after all attempts.
    pub failed: u64,
    /// How many failed, by the kind of failure.
    pub failures: BTreeMap<String, u64>,
    /// One example of the store's own words for each kind of failure.
    pub messages: BTreeMap<String, String>,
    /// Attempts beyond the first.
    pub retries: u64,
    /// From the intended start to the end. In a closed loop the intended start is the actual one.
    pub response_ns: Latency,
    /// From the actual start to the end.
    pub service_ns: Latency,
    /// Service time of the failed ones, kept apart.
    pub failed_ns: Latency,
    /// What one of them moves, averaged over a sample; of the total, over all operations by their successes. Absent where
    /// it was not counted.
    #[serde(default)]
    pub work: Option<Work>,
    /// Whether it is a step of another operation, in which it is counted already: `transfer.read` of `transfer`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_step: bool,
}

/// How skewed the accesses are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skew {
    /// The table, log or series at whose existing keys most accesses are aimed.
    pub part: String,
    /// Shares that its hottest keys are expected to have, by the laws that choose keys and as the data is after the load.
    #[serde(flatten)]
    pub shares: Shares,
}

/// What the suite itself did and cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Client {
    /// CPU time of this process per operation, the embedded store's included.
    pub cpu_ns_per_op: f64,
    /// Share of the available CPUs that this process used during the measurement, 0 to 1.
    pub cpu_share: f64,
    /// How busy the threads were that carried the sessions of a remote store, 0 to 1. None for an embedded store, which
    /// works on them itself.
    #[serde(default)]
    pub threads_busy: Option<f64>,
    /// How late operations were started, open loop: the queue for a free client and the pacer's own lateness.
    pub lag_ns: Latency,
    /// How late the pacer woke for operations that had a free client waiting: the suite's own share of the lag.
    pub pacer_ns: Latency,
    /// The client's own part of the response times: for each operation how late it was started although a client was free,
    /// and how long its reply waited for a thread that was busy with other clients. The latter is an estimate, up to 50 us
    /// too large.
    #[serde(default)]
    pub delay_ns: Latency,
    /// Latencies above the histogram's range of one hour, recorded as one hour.
    pub clamped: u64,
    /// Connections that broke, or were given up after a time limit, and were made anew.
    #[serde(default)]
    pub reconnects: u64,
    /// Time that clients were without a connection, summed over all of them.
    #[serde(default)]
    pub disconnected_s: f64,
    /// Whether the store's server ran on the same machine and took from the same CPUs.
    #[serde(default)]
    pub shares_machine: bool,
    /// CPUs that the threads of the sessions kept busy: 1 is one CPU all of the time. Absent where the system does not say.
    #[serde(default)]
    pub threads_ran: Option<f64>,
    /// CPUs that they would have kept busy besides: they were ready to run and had none.
    #[serde(default)]
    pub threads_waited: Option<f64>,
    /// CPUs that were there for them: all that this process may use, less what a server of our own used of them.
    #[serde(default)]
    pub threads_cpus: Option<f64>,
    /// CPUs that processes other than the suite and the store's server kept busy during the measurement: 1 is one CPU all of
    /// the time. Absent where it cannot be measured, as beside a server on this machine that the suite has not started.
    #[serde(default)]
    pub other_cpus: Option<f64>,
    /// CPUs that the hypervisor gave to other machines while this machine wanted them.
    #[serde(default)]
    pub stolen_cpus: Option<f64>,
    /// CPUs that a quota of the client's control group withheld; absent where the system does not say.
    #[serde(default)]
    pub throttled_cpus: Option<f64>,
    /// Operations per second that the client carried of the same load on a store that does nothing, when this machine was
    /// calibrated; absent where it was not, and of an open loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_per_s: Option<f64>,
}

/// What the data weighs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Footprints {
    /// After loading and settling.
    pub after_load: Footprint,
    /// After the run, before the data is removed.
    pub after_run: Footprint,
    /// What the server used during the measurement, where it was started for the run.
    #[serde(default)]
    pub server: Option<ServerUse>,
}

/// One check of what the store holds after the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What must be true.
    pub name: String,
    /// Whether the store holds to it.
    pub passed: bool,
    /// Whether nothing can be concluded, because writes with an unknown outcome allow either.
    #[serde(default)]
    pub undecided: bool,
    /// Whether only a sample of what it is about was compared; the detail says how much.
    #[serde(default)]
    pub sampled: bool,
    /// What was found, with numbers.
    pub detail: String,
}

/// Whether a run's figures may be used.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// If not, no figure of the run is printed as if it were valid.
    pub valid: bool,
    /// Why not; one sentence each.
    pub reasons: Vec<String>,
    /// More was offered than the store carried, and nothing else is wrong: its latencies are withheld, and the rate that it
    /// completed is a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overload: Option<Overload>,
    /// A large part of the latencies is the client's own, and nothing else is wrong: they are withheld, and are more than the
    /// store's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shaped_by_client: bool,
    /// Evidence that something else than the store moved the figures, which stand all the same: a reason to repeat the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noisy: Vec<String>,
    /// Whether the run held its level; absent where the measurement is shorter than ten seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
    /// What a reader should know although the run is valid.
    pub notes: Vec<String>,
}

impl Run {
    /// Successes of one of its operations per second of the measurement.
    pub fn per_second(&self, operation: &OperationRecord) -> f64 {
        if self.phases.measure_s > 0.0 { operation.ok as f64 / self.phases.measure_s } else { 0.0 }
    }
}

impl Experiment {
    /// Whether every run that was asked for is there and valid.
    pub fn is_valid(&self) -> bool {
        let all_valid = self.runs.iter().all(|run| run.verdict.valid);
        all_valid && self.missing.is_empty() && !self.runs.is_empty() && !self.interrupted
    }
}
