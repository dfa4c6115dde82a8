//! What may honestly be said about a percentile, in words. How it is found out is in `stats`.

use super::units;
pub use crate::percentile::Percentile;
pub use crate::stats::{Reading, over_runs, reading};

/// As part of a sentence: `396 µs`, `at least 1.06 ms (too few samples)`.
pub fn spoken(reading: Reading) -> String {
    let text = match reading {
        Reading::Nothing => "unknown".to_owned(),
        Reading::TooFew { at_least_ns: None, .. } => "unknown (too few samples)".to_owned(),
        Reading::TooFew { at_least_ns: Some(low), .. } => {
            format!("at least {} (too few samples)", units::latency(low))
        }
        Reading::Known { value_ns, .. } => units::latency(value_ns),
    };
    units::typeset(&text)
}
