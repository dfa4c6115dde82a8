//! What is found out about a store that was offered more than it carries.

use serde::{Deserialize, Serialize};

/// More was offered than the store carried. Latencies then grow with the length of the run and are no property of the
/// store; the rate that it completed is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Overload {
    /// Arrivals per second, as they were asked for.
    pub offered_per_s: f64,
    /// Successes per second, from the start of the measurement until the last operation ended.
    pub completed_per_s: f64,
    /// How long the measurement was planned to be.
    pub planned_s: f64,
    /// Arrivals that were due and not answered when that time was over.
    pub waiting: u64,
    /// How late operations began in its last second.
    pub behind_s: f64,
    /// Arrivals that were never sent.
    pub skipped: u64,
}
