//! A figure as it is printed: a value, how sure it is, and the number by which a table sorts it.

use crate::record::{Latency, Run};
use crate::report::reading::{Percentile, Reading, over_runs};
use crate::stats::spread_of;
use crate::units;

/// A figure of a table, as text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figure {
    /// `43.0 µs`, `≥ 1.06 ms`, `–`.
    pub value: String,
    /// `[42.8, 43.3]`, `too few (2 above)`, or nothing.
    pub spread: String,
    /// What it sorts by; figures without come last.
    pub sort: Option<f64>,
}

impl Figure {
    /// For what was not measured: a dash.
    pub fn none() -> Figure {
        Figure { value: "\u{2013}".to_owned(), ..Figure::default() }
    }

    pub fn count(number: u64) -> Figure {
        Figure { value: units::count(number), spread: String::new(), sort: Some(number as f64) }
    }

    /// A percentile: of one run with its interval, of several their median with the extremes.
    pub fn latency(latencies: &[&Latency], percentile: Percentile) -> Figure {
        match over_runs(latencies, percentile) {
            Reading::Nothing => Figure::none(),
            Reading::TooFew { at_least_ns, above } => Figure {
                value: at_least_ns.map_or("\u{2013}".to_owned(), |low| format!("\u{2265} {}", latency(low))),
                spread: format!("too few ({above} above)"),
                sort: at_least_ns.map(|low| low as f64),
            },
            Reading::Known { value_ns, interval_ns } => Figure {
                value: latency(value_ns),
                spread: interval_ns.map_or_else(String::new, |(low, high)| units::interval(value_ns, low, high)),
                sort: Some(value_ns as f64),
            },
        }
    }

    /// The largest latency of all.
    pub fn largest(latencies: &[&Latency]) -> Figure {
        let largest = latencies.iter().filter(|latency| latency.count > 0).map(|latency| latency.max).max();
        largest.map_or_else(Figure::none, |ns| Figure {
            value: latency(ns),
            spread: String::new(),
            sort: Some(ns as f64),
        })
    }

    /// Rates of one or more runs; `interval` is that of a single one.
    pub fn rate(per_s: &[f64], interval: Option<[f64; 2]>) -> Figure {
        let [low, median, high] = spread_of(per_s.iter().copied());
        let spread = match per_s {
            [] => return Figure::none(),
            [_] => interval,
            _ => Some([low, high]),
        };
        let spread = spread.map(|[low, high]| format!("[{}, {}]", units::rate(low), units::rate(high)));
        Figure { value: units::rate(median), spread: spread.unwrap_or_default(), sort: Some(median) }
    }

    /// The throughput of valid runs.
    pub fn throughput(runs: &[&Run]) -> Figure {
        let per_s: Vec<f64> = runs.iter().map(|run| run.throughput_per_s).collect();
        Figure::rate(&per_s, runs.first().and_then(|run| run.throughput_interval))
    }

    /// Value and spread in one line.
    pub fn line(&self) -> String {
        match self.spread.as_bytes() {
            [] => self.value.clone(),
            [b'[', ..] => format!("{} {}", self.value, self.spread),
            _ => format!("{}, {}", self.value, self.spread),
        }
    }
}

/// A latency with the signs of a document.
pub fn latency(ns: u64) -> String {
    units::typeset(&units::latency(ns))
}
