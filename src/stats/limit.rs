//! Whether a latency kept its limit: judged by the whole interval of what is limited, never by a point. The only place that
//! judges; the verdict of a run and every report ask here.

use super::reading::{Reading, over_runs};
use crate::percentile::{Limit, Statistic};
use crate::record::Latency;

/// Whether a limit was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The whole interval lies within the limit.
    Met,
    /// The interval lies on both sides of the limit, or there are too few samples, or seconds, for one.
    Undecided,
    /// The whole interval lies above the limit.
    Missed,
}

/// Judges a limit by the latencies of one or more runs.
pub fn judge(limit: Limit, latencies: &[&Latency]) -> Judgement {
    let judged = |low: u64, high: Option<u64>| match high {
        Some(high) if high <= limit.limit_ns => Judgement::Met,
        _ if low > limit.limit_ns => Judgement::Missed,
        _ => Judgement::Undecided,
    };
    let percentile = match limit.statistic {
        Statistic::Percentile(percentile) => percentile,
        Statistic::Max => {
            let largest = latencies.iter().filter(|latency| latency.count > 0).map(|latency| latency.max).max();
            return largest.map_or(Judgement::Undecided, |largest| judged(largest, Some(largest)));
        }
    };
    match over_runs(latencies, percentile) {
        Reading::Known { interval_ns: Some((low, high)), .. } => judged(low, high),
        Reading::Known { value_ns, interval_ns: None } if value_ns > limit.limit_ns => Judgement::Missed,
        Reading::TooFew { at_least_ns: Some(low), .. } => judged(low, None),
        Reading::Known { .. } | Reading::TooFew { .. } | Reading::Nothing => Judgement::Undecided,
    }
}

impl Judgement {
    /// The word for it in reports.
    pub fn word(self) -> &'static str {
        match self {
            Judgement::Met => "met",
            Judgement::Undecided => "undecided",
            Judgement::Missed => "missed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percentile::Percentile;
    use crate::record::Uncertainty;

    fn latency(p99: u64, interval: Option<(u64, Option<u64>)>) -> Latency {
        let uncertainty = |(low, high)| ("p99".to_owned(), Uncertainty { low: Some(low), high, above: 20 });
        Latency {
            count: 2_000,
            p99: Some(p99),
            max: 10 * p99,
            intervals: interval.map(uncertainty).into_iter().collect(),
            ..Latency::default()
        }
    }

    #[test]
    fn the_whole_interval_decides() {
        let limit = Limit::of_ms(Statistic::Percentile(Percentile::P99), 0.001);
        let judged = |latency: Latency| judge(limit, &[&latency]);
        assert_eq!(judged(latency(900, Some((880, Some(950))))), Judgement::Met);
        assert_eq!(judged(latency(900, Some((880, Some(1_050))))), Judgement::Undecided);
        assert_eq!(judged(latency(1_100, Some((1_050, None)))), Judgement::Missed);
        assert_eq!(judged(latency(900, None)), Judgement::Undecided, "too short for an interval");
        assert_eq!(judged(Latency::default()), Judgement::Undecided);
    }

    #[test]
    fn the_largest_is_what_it_is() {
        let limit = Limit::of_ms(Statistic::Max, 0.01);
        assert_eq!(judge(limit, &[&latency(900, None)]), Judgement::Met);
        assert_eq!(judge(limit, &[&latency(1_100, None)]), Judgement::Missed);
    }
}
