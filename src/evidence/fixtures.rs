//! Timelines for tests.

use crate::record::{Brief, Interval, Phase};

/// Seconds of a run by what ended in each and how late it began.
pub fn seconds(phase: Phase, from_s: f64, seconds: &[(u64, u64)]) -> Vec<Interval> {
    let line = |(nth, (ok, lag_ns)): (usize, &(u64, u64))| Interval {
        at_s: from_s + nth as f64,
        length_s: 1.0,
        phase,
        ok: *ok,
        lag_ns: Brief { p50: Some(*lag_ns), ..Brief::default() },
        ..Interval::default()
    };
    seconds.iter().enumerate().map(line).collect()
}
