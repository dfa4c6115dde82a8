//! Why there is no record of a run.

use std::fmt;

use drivers::Failure;
use thiserror::Error;

/// Why there is no record of a run.
#[derive(Debug, Error)]
pub enum RunError {
    /// The store cannot do what is asked: nothing was started.
    #[error("{0}")]
    Refused(String),
    /// The store failed outside the measurement.
    #[error("{store}: {task} failed: {}", .failure.without_address(.store))]
    Store {
        /// Its address without passwords.
        store: String,
        /// What the store was asked to do.
        task: StoreTask,
        /// What the store answered.
        failure: Failure,
    },
    /// The suite's own files or threads failed.
    #[error("{}", drivers::one_sentence(.0.as_ref()))]
    Suite(#[from] anyhow::Error),
    /// Somebody took the place of the run's data, or its marker, before there was anything to record.
    #[error("{0}")]
    Lost(String),
    /// Stopped before there was anything to record.
    #[error("stopped before the measurement began")]
    Stopped,
    /// One of these, and something was left behind in the store.
    #[error("{error}; {left}")]
    Left {
        /// The error that ended the run.
        error: Box<RunError>,
        /// What was left, and why.
        left: String,
    },
}

impl RunError {
    /// Whether the command line or what it names is wrong, rather than the run.
    pub fn is_usage(&self) -> bool {
        match self {
            RunError::Refused(_) => true,
            RunError::Store { task, .. } => task.comes_before_the_data(),
            RunError::Left { error, .. } => error.is_usage(),
            RunError::Suite(_) | RunError::Lost(_) | RunError::Stopped => false,
        }
    }
}

/// What a store is asked to do outside the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreTask {
    /// Start the throwaway server of this run.
    StartServer,
    /// Open the store with its configuration.
    Open,
    /// Read the marker of an earlier run.
    LookForEarlierRuns,
    /// Take the place of the data and make it empty.
    Reset,
    /// Open as many sessions as the run has clients.
    OpenSessions,
    /// Describe itself: version, settings, guarantees.
    Describe,
    /// Compare data that an earlier run kept.
    LookForKeptData,
    /// Open the session that loads.
    OpenSession,
    /// Load the dataset through its bulk path.
    Load,
    /// Settle after the load.
    Settle,
    /// Read back what was loaded.
    ReadBack,
    /// Write into the marker what was loaded.
    DescribeData,
    /// Measure how much room the data takes.
    MeasureFootprint,
}

impl StoreTask {
    /// Whether a failure in it means that the store, as it was named, cannot be used.
    fn comes_before_the_data(self) -> bool {
        use StoreTask::{LookForEarlierRuns, Open, OpenSessions, Reset, StartServer};
        matches!(self, StartServer | Open | LookForEarlierRuns | Reset | OpenSessions)
    }
}

impl fmt::Display for StoreTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreTask::StartServer => "starting a server",
            StoreTask::Open => "opening",
            StoreTask::LookForEarlierRuns => "looking for data of earlier runs",
            StoreTask::Reset => "reset",
            StoreTask::OpenSessions => "opening the sessions",
            StoreTask::Describe => "describing",
            StoreTask::LookForKeptData => "looking for data to reuse",
            StoreTask::OpenSession => "opening a session",
            StoreTask::Load => "loading",
            StoreTask::Settle => "settling",
            StoreTask::ReadBack => "reading back the load",
            StoreTask::DescribeData => "saying in the marker what was loaded",
            StoreTask::MeasureFootprint => "measuring the footprint",
        })
    }
}
