//! Whether a latency limit was kept: judged by the whole interval of what it limits, never by a point. The only place that
//! judges; the verdict of a run and every report ask here.

use super::reading::{Reading, over_runs};
use crate::record::{Latency, Percentile};

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of which percentile; of the largest without.
    pub percentile: Option<Percentile>,
    /// The most that it may be.
    pub limit_ns: u64,
}

/// Whether a limit was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The whole interval of the percentile lies within the limit.
    Observed,
    /// The interval lies on both sides of the limit, or there are too few samples, or seconds, for one.
    Undecided,
    /// The whole interval lies above.
    Missed,
}

impl Limit {
    /// From what a workload states: a percentile, 0 to 100, and milliseconds. None for a percentile that no record holds.
    pub fn stated((percentile, limit_ms): (f64, f64)) -> Option<Limit> {
        let named = Percentile::RECORDED.into_iter().find(|one| (one.share() * 100.0 - percentile).abs() < 1e-9);
        let is_known = named.is_some() || percentile >= 100.0;
        is_known.then_some(Limit { percentile: named, limit_ns: (limit_ms * 1e6) as u64 })
    }

    /// Whether it was kept over these runs.
    pub fn kept(&self, latencies: &[&Latency]) -> Kept {
        let judged = |low: u64, high: Option<u64>| match high {
            Some(high) if high <= self.limit_ns => Kept::Observed,
            _ if low > self.limit_ns => Kept::Missed,
            _ => Kept::Undecided,
        };
        let Some(percentile) = self.percentile else {
            let largest = latencies.iter().filter(|latency| latency.count > 0).map(|latency| latency.max).max();
            return largest.map_or(Kept::Undecided, |largest| judged(largest, Some(largest)));
        };
        match over_runs(latencies, percentile) {
            Reading::Known { interval_ns: Some((low, high)), .. } => judged(low, high),
            Reading::Known { value_ns, interval_ns: None } if value_ns > self.limit_ns => Kept::Missed,
            Reading::TooFew { at_least_ns: Some(low), .. } => judged(low, None),
            Reading::Known { .. } | Reading::TooFew { .. } | Reading::Nothing => Kept::Undecided,
        }
    }
}

impl Kept {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kept::Observed => "met",
            Kept::Undecided => "undecided",
            Kept::Missed => "missed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Uncertainty;

    fn latency(p99: u64, interval: Option<(u64, Option<u64>)>) -> Latency {
        let sure = |(low, high)| ("p99".to_owned(), Uncertainty { low: Some(low), high, above: 20 });
        Latency {
            count: 2_000,
            p99: Some(p99),
            max: 10 * p99,
            intervals: interval.map(sure).into_iter().collect(),
            ..Latency::default()
        }
    }

    #[test]
    fn the_whole_interval_decides() {
        let limit = Limit::stated((99.0, 0.001)).expect("p99");
        assert_eq!(limit, Limit { percentile: Some(Percentile::P99), limit_ns: 1_000 });
        let judged = |latency: Latency| limit.kept(&[&latency]);
        assert_eq!(judged(latency(900, Some((880, Some(950))))), Kept::Observed);
        assert_eq!(judged(latency(900, Some((880, Some(1_050))))), Kept::Undecided);
        assert_eq!(judged(latency(1_100, Some((1_050, None)))), Kept::Missed);
        assert_eq!(judged(latency(900, None)), Kept::Undecided, "too short for an interval");
        assert_eq!(judged(Latency::default()), Kept::Undecided);
    }

    #[test]
    fn the_largest_is_what_it_is() {
        let limit = Limit::stated((100.0, 0.01)).expect("the largest");
        assert_eq!(limit.kept(&[&latency(900, None)]), Kept::Observed);
        assert_eq!(limit.kept(&[&latency(1_100, None)]), Kept::Missed);
        assert_eq!(Limit::stated((75.0, 1.0)), None);
    }
}
