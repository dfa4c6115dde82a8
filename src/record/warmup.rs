//! How a run's warm-up ended, as its record says it.

use serde::{Deserialize, Serialize};

/// How the warm-up of a run ended; how long it took is in [`Phases`](super::Phases).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WarmupInfo {
    /// The length that was asked for, which is the shortest.
    pub configured_s: f64,
    /// The longest that was allowed.
    pub longest_s: f64,
    /// Why it ended when it did.
    pub end: WarmupEnd,
    /// What that was seen from: typical service times of its second half; of one that was put off, what the last reason was.
    pub evidence: String,
}

/// Why a warm-up ended when it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarmupEnd {
    /// As it was configured: no change was seen by then.
    Configured,
    /// As it was configured: it was too short to tell.
    TooShort,
    /// Later than configured, when no change was seen any more.
    PutOff,
    /// After the longest time that was allowed, and still something changed.
    NotSteady,
}
