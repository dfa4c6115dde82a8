//! What one level says about one limit, in a form that several levels of the same rate can be put together in.
//!
//! A p99 keeps a limit of 10 ms where at most 1 % of the operations take longer than 10 ms, so a limit on a percentile is one on
//! a share. Shares of several windows add up, percentiles do not. For one window the judgement is that of the percentile's
//! interval: its upper end is within the limit exactly where the share above the limit, and the half width of the interval
//! in shares, stay below 1 %.

use crate::measure::histogram;
use crate::percentile::{FEWEST_ABOVE, Limit, Percentile, Statistic};
use crate::record::Latency;
use crate::stats::Judgement;

/// The normal deviate of a two-sided 95 % interval.
const Z: f64 = 1.96;

/// Operations of one or more windows against a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// Against a percentile's limit.
    Tail {
        /// All of them.
        operations: f64,
        /// Those that took longer than the limit.
        above: f64,
        /// Those that may.
        allowed: f64,
        /// Half the width of the 95 % interval of `above`; infinite where a window is too short for one.
        half_width: f64,
    },
    /// Against a share of errors.
    Errors {
        /// All that ended.
        operations: f64,
        /// Those that failed.
        failed: f64,
        /// The largest share that may.
        most: f64,
    },
    /// Against a maximum, which one operation breaks: whether it was kept. Nothing without operations.
    Maximum(Option<bool>),
}

impl Evidence {
    /// None at all.
    pub const NOTHING: Evidence =
        Evidence::Tail { operations: 0.0, above: 0.0, allowed: 0.0, half_width: f64::INFINITY };

    /// What these response times say about a limit.
    pub fn of_latency(limit: Limit, latency: &Latency) -> Evidence {
        match limit.statistic {
            Statistic::Max => Evidence::Maximum((latency.count > 0).then_some(latency.max <= limit.limit_ns)),
            Statistic::Percentile(percentile) => tail(percentile, limit.limit_ns, latency),
        }
    }

    /// Both together.
    pub fn and(self, other: Evidence) -> Evidence {
        match (self, other) {
            (
                Evidence::Tail { operations, above, allowed, half_width },
                Evidence::Tail { operations: more, above: more_above, allowed: more_allowed, half_width: other_half },
            ) => Evidence::Tail {
                operations: operations + more,
                above: above + more_above,
                allowed: allowed + more_allowed,
                // Windows are independent of each other: variances add up.
                half_width: half_width.hypot(other_half),
            },
            (
                Evidence::Errors { operations, failed, most },
                Evidence::Errors { operations: more, failed: more_failed, .. },
            ) => Evidence::Errors { operations: operations + more, failed: failed + more_failed, most },
            (Evidence::Maximum(one), Evidence::Maximum(other)) => {
                Evidence::Maximum(one.zip(other).map(|(one, other)| one && other).or(one).or(other))
            }
            // Of two different limits there is no common evidence.
            (one, _) => one,
        }
    }

    /// Whether the limit was kept, and which way the figure itself points.
    pub fn judge(self) -> (Judgement, bool) {
        match self {
            Evidence::Tail { operations, above, allowed, half_width } => {
                let is_carried = allowed >= FEWEST_ABOVE as f64;
                let judgement = match () {
                    () if above + half_width <= allowed && is_carried => Judgement::Met,
                    () if above - half_width > allowed => Judgement::Missed,
                    () => Judgement::Undecided,
                };
                (judgement, operations > 0.0 && above <= allowed)
            }
            Evidence::Errors { operations, failed, most } => {
                let (low, high) = share_interval(failed, operations);
                let judgement = match () {
                    () if high <= most => Judgement::Met,
                    () if low > most => Judgement::Missed,
                    () => Judgement::Undecided,
                };
                (judgement, operations > 0.0 && failed <= most * operations)
            }
            Evidence::Maximum(Some(true)) => (Judgement::Met, true),
            Evidence::Maximum(Some(false)) => (Judgement::Missed, false),
            Evidence::Maximum(None) => (Judgement::Undecided, false),
        }
    }
}

/// Operations above the limit, and how sure their number is: as sure as the rank of the percentile, whose interval the record
/// holds.
fn tail(percentile: Percentile, limit_ns: u64, latency: &Latency) -> Evidence {
    let Ok(all) = histogram::decode(&latency.histogram) else { return Evidence::NOTHING };
    if all.is_empty() {
        return Evidence::NOTHING;
    }
    let operations = all.len() as f64;
    let above_ns = |ns: u64| {
        let higher = all.iter_recorded().filter(|value| value.value_iterated_to() > ns);
        higher.map(|value| value.count_at_value()).sum::<u64>() as f64
    };
    let allowed = (1.0 - percentile.quantile()) * operations;
    // The lower end lies half a width of ranks below the percentile.
    let low_ns = latency.intervals.get(percentile.name()).and_then(|interval| interval.low);
    let half_width = low_ns.map_or(f64::INFINITY, |low_ns| above_ns(low_ns.saturating_sub(1)) - allowed);
    Evidence::Tail { operations, above: above_ns(limit_ns), allowed, half_width: half_width.max(0.0) }
}

/// Wilson's 95 % interval of a share (Journal of the American Statistical Association 22, 1927).
fn share_interval(some: f64, all: f64) -> (f64, f64) {
    if all <= 0.0 {
        return (0.0, 1.0);
    }
    let (share, z2) = (some / all, Z * Z);
    let half = Z * (share * (1.0 - share) / all + z2 / (4.0 * all * all)).sqrt();
    let (middle, whole) = (share + z2 / (2.0 * all), 1.0 + z2 / all);
    ((middle - half) / whole, (middle + half) / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(above: f64, half_width: f64) -> Evidence {
        Evidence::Tail { operations: 10_000.0, above, allowed: 100.0, half_width }
    }

    #[test]
    fn a_limit_is_kept_or_missed_by_the_whole_of_the_interval() {
        assert_eq!(tail(60.0, 30.0).judge(), (Judgement::Met, true));
        assert_eq!(tail(80.0, 30.0).judge(), (Judgement::Undecided, true));
        assert_eq!(tail(120.0, 30.0).judge(), (Judgement::Undecided, false));
        assert_eq!(tail(140.0, 30.0).judge(), (Judgement::Missed, false));
        let few = Evidence::Tail { operations: 500.0, above: 0.0, allowed: 5.0, half_width: 4.0 };
        assert_eq!(few.judge(), (Judgement::Undecided, true), "five operations above do not carry a p99");
    }

    #[test]
    fn two_windows_decide_what_one_leaves_open() {
        let one = tail(65.0, 40.0);
        assert_eq!(one.judge().0, Judgement::Undecided);
        assert_eq!(one.and(one).judge().0, Judgement::Met, "130 +- 57 of 200");
        let short = tail(0.0, f64::INFINITY);
        assert_eq!(one.and(short).judge().0, Judgement::Undecided, "a window too short for an interval adds none");
    }

    #[test]
    fn one_operation_breaks_a_maximum_in_any_window() {
        let [kept, broken, none] = [Some(true), Some(false), None].map(Evidence::Maximum);
        assert_eq!(kept.and(broken).judge(), (Judgement::Missed, false));
        assert_eq!(kept.and(none).judge(), (Judgement::Met, true));
        assert_eq!(none.judge(), (Judgement::Undecided, false));
    }

    #[test]
    fn a_share_of_errors_is_judged_by_its_interval() {
        let judged = |failed, operations| Evidence::Errors { operations, failed, most: 0.001 }.judge();
        assert_eq!(judged(0.0, 10_000.0), (Judgement::Met, true));
        assert_eq!(
            judged(0.0, 1_000.0),
            (Judgement::Undecided, true),
            "one in a thousand may be missing from a thousand"
        );
        assert_eq!(judged(30.0, 10_030.0), (Judgement::Missed, false));
        // Wilson's interval of 1 in 10, as scipy's binomtest(1, 10).proportion_ci(method="wilson") has it.
        let (low, high) = share_interval(1.0, 10.0);
        assert!((low - 0.017_876).abs() < 1e-4 && (high - 0.404_15).abs() < 1e-4, "{low} {high}");
    }

    #[test]
    fn a_window_alone_is_judged_as_the_interval_of_its_percentile_is() {
        use crate::sweep::simulation::window_of;
        let latency = window_of(1, 3_400.0, 50.0);
        let interval = latency.intervals.get("p99").expect("50 seconds");
        let (low, high) = (interval.low.expect("50 seconds"), interval.high.expect("many samples"));
        let judged = |limit_ns| {
            let limit = Limit { statistic: Statistic::Percentile(Percentile::P99), limit_ns };
            (Evidence::of_latency(limit, &latency).judge().0, crate::stats::judge(limit, &[&latency]))
        };
        for limit_ns in [low / 2, low * 99 / 100, low * 102 / 100, high * 98 / 100, high * 101 / 100, high * 2] {
            let (ours, its) = judged(limit_ns);
            assert_eq!(ours, its, "{limit_ns} of [{low}, {high}]");
        }
    }
}
