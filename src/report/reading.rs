//! What may honestly be said about a percentile, in words. How it is found out is in `stats`.

pub use crate::percentile::Percentile;
use crate::record::Latency;
pub use crate::stats::{Reading, over_runs, reading};
use crate::units;

/// As part of a sentence: `396 µs`, `at least 1.06 ms (too few samples)`.
pub fn sentence_text(reading: Reading) -> String {
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

/// In a cell of a terminal's table: `42.1 us [41.9, 42.4]`, `>= 320 us (n=7, too few)`, or `-` without samples.
pub fn cell_text(reading: Reading) -> String {
    match reading {
        Reading::Nothing => "-".to_owned(),
        Reading::TooFew { at_least_ns: Some(low), above } => {
            format!(">= {} (n={above}, too few)", units::latency(low))
        }
        Reading::TooFew { at_least_ns: None, above } => format!("(n={above}, too few)"),
        Reading::Known { value_ns, interval_ns: None } => units::latency(value_ns),
        Reading::Known { value_ns, interval_ns: Some((low, high)) } => {
            format!("{} {}", units::latency(value_ns), units::interval(value_ns, low, high))
        }
    }
}

/// The slowest operation of some runs, in a cell of a terminal's table. It has no interval, and no percentile shows it.
pub fn largest_text(latencies: &[&Latency]) -> String {
    let largest = latencies.iter().filter(|latency| latency.count > 0).map(|latency| latency.max).max();
    largest.map_or_else(|| "-".to_owned(), units::latency)
}
