//! What may honestly be said about a percentile: a value with its interval, a lower bound, or nothing.

use crate::percentile::Percentile;
use crate::record::Latency;

/// One percentile of one distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// There are no samples.
    Nothing,
    /// Fewer than ten samples lie above it: they do not carry it.
    TooFew {
        /// The lower end of its interval, where blocks gave one.
        at_least_ns: Option<u64>,
        /// How many lie above.
        above: u64,
    },
    /// Enough samples carry it.
    Known {
        /// The percentile in nanoseconds.
        value_ns: u64,
        /// Its 95 % interval, upper end absent where the samples do not bound it; `None` for a run too short for one.
        interval_ns: Option<(u64, Option<u64>)>,
    },
}

/// What may be said about a percentile of one distribution.
pub fn reading(latency: &Latency, percentile: Percentile) -> Reading {
    if latency.count == 0 {
        return Reading::Nothing;
    }
    let uncertainty = latency.uncertainty(percentile);
    let low_ns = uncertainty.and_then(|uncertainty| uncertainty.low);
    match latency.percentile_ns(percentile) {
        None => Reading::TooFew { at_least_ns: low_ns, above: percentile.above(latency.count) },
        Some(value_ns) => {
            let high_ns = uncertainty.and_then(|uncertainty| uncertainty.high);
            Reading::Known { value_ns, interval_ns: low_ns.map(|low_ns| (low_ns, high_ns)) }
        }
    }
}

/// Of one run its reading; of several their median, with the extremes as its interval: restarts differ by more than the
/// seconds of a run do.
pub fn over_runs(latencies: &[&Latency], percentile: Percentile) -> Reading {
    let readings: Vec<Reading> = latencies.iter().map(|latency| reading(latency, percentile)).collect();
    let known = |one: &Reading| if let Reading::Known { value_ns, .. } = one { Some(*value_ns as f64) } else { None };
    let values: Vec<f64> = readings.iter().filter_map(known).collect();
    match readings[..] {
        [] => Reading::Nothing,
        [one] => one,
        _ if values.len() == readings.len() => {
            let [low, median, high] = spread_of(values.into_iter()).map(|ns| ns as u64);
            Reading::Known { value_ns: median, interval_ns: Some((low, Some(high))) }
        }
        _ => readings.into_iter().find(|one| known(one).is_none()).unwrap_or(Reading::Nothing),
    }
}

/// Lowest, median and highest of one or more values.
pub fn spread_of(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let last = sorted.len().saturating_sub(1);
    [at(0), (at(last / 2) + at(sorted.len() / 2)) / 2.0, at(last)]
}
