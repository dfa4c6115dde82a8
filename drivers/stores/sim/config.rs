//! What the simulated service is set to by its address.

use std::num::NonZeroU16;

use super::times::{LatencyMixture, Stalls, Warming};

/// The latencies and failures to simulate.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long an operation takes, `duration*weight,…`.
    pub(super) latency: LatencyMixture,
    /// When nothing is answered, `start+length,…`, counted from the first operation after `after_load`. An operation
    /// whose service starts within a stall ends no earlier than the stall does.
    pub(super) stall: Stalls,
    /// For so long after the first operation after `after_load`, operations take longer: three times as long at first, and less
    /// and less.
    pub(super) warm: Warming,
    /// Share of operations that fail as broken, after their latency and without being applied.
    pub(super) fail: f64,
    /// Share of operations that fail as conflicts, after their latency and without being applied.
    pub(super) conflict: f64,
    /// How many operations are in service at once; others wait in the order of their arrival. Unbounded if not given.
    pub(super) capacity: Option<NonZeroU16>,
    /// What latencies and failures are drawn with, together with the numbers of the session and of its operation.
    pub(super) seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            latency: LatencyMixture::default(),
            stall: Stalls::default(),
            warm: Warming::default(),
            fail: 0.0,
            conflict: 0.0,
            capacity: None,
            seed: 1,
        }
    }
}
