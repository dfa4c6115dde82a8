//! What may honestly be said about a percentile: a value with its interval, a lower bound, or nothing.

use super::{FEWEST_ABOVE, ranked_above};
use crate::record::Latency;

/// The percentiles that a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Percentile {
    /// 50 %.
    P50,
    /// 90 %.
    P90,
    /// 99 %.
    P99,
    /// 99.9 %.
    P999,
}

/// One percentile of one distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// No samples.
    Nothing,
    /// Fewer than ten samples lie above it: they do not carry it.
    TooFew {
        /// The lower end of its interval, where blocks gave one.
        at_least_ns: Option<u64>,
        /// How many lie above.
        above: u64,
    },
    /// Enough samples.
    Known {
        /// The percentile.
        value_ns: u64,
        /// Its 95 % interval, upper end absent where the samples do not bound it; `None` for a run too short for one.
        interval_ns: Option<(u64, Option<u64>)>,
    },
}

impl Percentile {
    /// Those that reports show, rising.
    pub const ALL: [Percentile; 3] = [Percentile::P50, Percentile::P99, Percentile::P999];
    /// Those that records hold, rising.
    pub const RECORDED: [Percentile; 4] = [Percentile::P50, Percentile::P90, Percentile::P99, Percentile::P999];

    /// Its name in the record and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Percentile::P50 => "p50",
            Percentile::P90 => "p90",
            Percentile::P99 => "p99",
            Percentile::P999 => "p999",
        }
    }

    /// Its value in a distribution.
    pub fn of_ns(self, latency: &Latency) -> u64 {
        match self {
            Percentile::P50 => latency.p50,
            Percentile::P90 => latency.p90,
            Percentile::P99 => latency.p99,
            Percentile::P999 => latency.p999,
        }
    }

    /// 0 to 1.
    pub fn share(self) -> f64 {
        match self {
            Percentile::P50 => 0.5,
            Percentile::P90 => 0.9,
            Percentile::P99 => 0.99,
            Percentile::P999 => 0.999,
        }
    }
}

/// Reads a percentile.
pub fn reading(latency: &Latency, percentile: Percentile) -> Reading {
    if latency.count == 0 {
        return Reading::Nothing;
    }
    let interval = latency.intervals.get(percentile.name());
    let above = ranked_above(latency.count, percentile.share());
    if above < FEWEST_ABOVE {
        return Reading::TooFew { at_least_ns: interval.map(|interval| interval.low), above };
    }
    let interval_ns = interval.map(|interval| (interval.low, interval.high));
    Reading::Known { value_ns: percentile.of_ns(latency), interval_ns }
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
