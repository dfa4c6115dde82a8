//! The progress of a run, for whoever watches it.

use std::fmt;
use std::time::Duration;

use crate::record::Interval;

/// Is told about the progress of runs. Its methods are called off the clock.
pub trait ProgressObserver: Send {
    /// The run with this id has come to a stage.
    fn stage(&mut self, run: &str, stage: Stage);
    /// So many rows of `total` have been loaded.
    fn rows_loaded(&mut self, rows: u64, total: u64, elapsed: Duration);
    /// A second of the warm-up, the measurement or the drain has passed.
    fn second(&mut self, line: &Interval);
    /// The histogram log could not be written; the run goes on without it.
    fn output_failed(&mut self, problem: String);
}

/// Ignores all progress: for benches and for programs that use this library.
#[derive(Debug)]
pub struct NoObserver;

impl ProgressObserver for NoObserver {
    fn stage(&mut self, _: &str, _: Stage) {}
    fn rows_loaded(&mut self, _: u64, _: u64, _: Duration) {}
    fn second(&mut self, _: &Interval) {}
    fn output_failed(&mut self, _: String) {}
}

/// What a run is doing, or has just found out. Displayed as progress shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Starts a throwaway server.
    StartServer,
    /// Waits to see whether the run that left its lease in the store is still alive.
    WatchLease,
    /// Makes the store empty.
    Reset,
    /// Compares data that an earlier run kept with what it loaded.
    CompareKeptData,
    /// The store keeps no data of this workload, size and seed.
    NoKeptData,
    /// The kept data is no longer what was loaded.
    KeptDataChanged,
    /// The kept data is used as it is.
    ReuseKeptData,
    /// Loads the dataset through the store's bulk path.
    Load,
    /// Lets the store settle after the load.
    Settle,
    /// Warms up, measures and drains.
    Measure,
    /// Reconciles what the store holds with what it acknowledged.
    Check,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::StartServer => "start a server",
            Stage::WatchLease => "an earlier run has left its lease: watch whether that run is alive",
            Stage::Reset => "reset",
            Stage::CompareKeptData => "compare the kept data with what was loaded",
            Stage::NoKeptData => "nothing to reuse: no data of this workload, size and seed is kept there",
            Stage::KeptDataChanged => "nothing to reuse: the kept data has changed since it was loaded",
            Stage::ReuseKeptData => "reuse the kept data",
            Stage::Load => "load",
            Stage::Settle => "settle",
            Stage::Measure => "measure",
            Stage::Check => "check",
        })
    }
}
