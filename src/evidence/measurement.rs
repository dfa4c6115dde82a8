//! What the lanes of a run measured, and what the machine spent on it.

use std::time::Duration;

use super::usage::UsageSamples;
use super::work::Tally;
use crate::host::{MachineCpu, RunQueue};
use crate::measure::collector::Collected;
use crate::measure::recorder::RecordingSlot;
use crate::record::WarmupInfo;

/// What the lanes of a run measured, over all of them, and what the machine spent on it.
pub struct Measurement {
    /// Latencies and counts of all operations.
    pub collected: Collected,
    /// What was recorded apart, in the order in which `collected` has it.
    pub slots: Vec<RecordingSlot>,
    /// What the operations moved; none without lanes.
    pub tally: Option<Tally>,
    /// Operations of the measurement that lanes claimed.
    pub scheduled: u64,
    /// How often lanes lost their connections and made new ones.
    pub reconnects: u64,
    /// How long lanes were without a connection, summed over all of them.
    pub disconnected_s: f64,
    /// How long the measurement lasted for each lane, summed over all of them.
    pub clients_s: f64,
    /// Start of the measurement on the lanes' clock.
    pub measure_ns: u64,
    /// How the warm-up ended; none without one.
    pub warmup: Option<WarmupInfo>,
    /// CPU time of this process during the measurement.
    pub cpu: Duration,
    /// What the threads of the lanes ran, and waited for a CPU; none where the system does not say.
    pub run_queue: Option<RunQueue>,
    /// How long that was observed.
    pub measured: Duration,
    /// CPU time of the whole machine during the measurement; none where the system does not say.
    pub machine: Option<MachineCpu>,
    /// Wall time of the measurement, drain included.
    pub wall: Duration,
    /// Threads that carried the lanes.
    pub threads: usize,
    /// What a server of our own used.
    pub usage: UsageSamples,
}
