//! Whether more was offered than the store sustains: then latency grows with the length of the run and is no property of
//! the store. Pure.

use crate::record::{Counts, Interval, Latency, Overload, Phase};
use crate::stats;

/// A backlog must be this many median service times long before its growth is called overload: shorter queues come and go
/// with random arrivals.
const BACKLOG_SERVICE_TIMES: u64 = 10;
/// A lag below this is the pacer's own.
const BACKLOG_FLOOR_NS: u64 = 5_000_000;
/// A short run that has carried out less than this of what fell due has not kept up.
const KEPT_UP: f64 = 0.95;

/// What an open loop found out about a store that did not keep up; `None` for one that did.
pub fn overload(counts: Counts, timeline: &[Interval], service: &Latency, offered_per_s: f64) -> Option<Overload> {
    let length_s =
        |phase| -> f64 { timeline.iter().filter(|line| line.phase == phase).map(|line| line.length_s).sum() };
    let (planned_s, late_s) = (length_s(Phase::Measure), length_s(Phase::Drain));
    let measured = || timeline.iter().filter(|line| line.phase == Phase::Measure);
    let ended: Vec<&Interval> = measured().filter(|line| line.ok + line.failed > 0).collect();
    let done: u64 = ended.iter().map(|line| line.ok + line.failed).sum();
    let behind_ns = ended.last().map_or(0, |last| backlog_ns(last));
    // Where the run is too short for a trend, its end decides: a backlog as long as the run itself was no stall.
    let is_hopeless = counts.skipped > 0 || late_s > planned_s;
    if !(is_hopeless || grows(&ended, done, counts, service)) {
        return None;
    }
    let whole_s = planned_s + late_s;
    Some(Overload {
        offered_per_s,
        completed_per_s: if whole_s > 0.0 { counts.succeeded as f64 / whole_s } else { 0.0 },
        planned_s,
        waiting: counts.scheduled.saturating_sub(done),
        behind_s: behind_ns as f64 / 1e9,
        skipped: counts.skipped,
    })
}

/// Whether operations began later and later, and in the end much later than they were due.
fn grows(ended: &[&Interval], done: u64, counts: Counts, service: &Latency) -> bool {
    let Some(last) = ended.last() else { return false };
    let service_ns = service.p50.unwrap_or(service.mean as u64);
    if backlog_ns(last) <= (BACKLOG_SERVICE_TIMES * service_ns).max(BACKLOG_FLOOR_NS) {
        return false;
    }
    let lags: Vec<(f64, f64)> = ended.iter().map(|line| (line.at_s, backlog_ns(line) as f64 / 1e9)).collect();
    // Without enough seconds for a trend, how much of what fell due was done.
    stats::is_growing(&lags).unwrap_or((done as f64) < KEPT_UP * counts.scheduled as f64)
}

/// How late the operations of a second began: half of them, or all where so few carry no median.
fn backlog_ns(second: &Interval) -> u64 {
    second.lag_ns.p50.unwrap_or(second.lag_ns.max)
}

/// The overload as a reason for which a run's latencies must not be used.
pub fn reason(overload: &Overload) -> String {
    let &Overload { offered_per_s, completed_per_s, planned_s, waiting, behind_s, skipped } = overload;
    let unsent = if skipped > 0 { format!("; {skipped} were never sent") } else { String::new() };
    format!(
        "overloaded: offered {offered_per_s:.1}/s, completed {completed_per_s:.1}/s; the backlog grew to {waiting} arrivals, \
         {behind_s:.1} s behind schedule, in {planned_s:.1} s{unsent}; lower --rate or raise --clients"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixtures::seconds;

    fn judged(timeline: &[Interval], change: impl FnOnce(&mut Counts)) -> Option<Overload> {
        let succeeded = timeline.iter().map(|line| line.ok).sum();
        let mut counts = Counts { scheduled: succeeded, succeeded, ..Counts::default() };
        change(&mut counts);
        overload(counts, timeline, &Latency { p50: Some(100_000), ..Latency::default() }, 2_000.0)
    }

    #[test]
    fn a_short_run_that_did_not_keep_up_is_overloaded() {
        let lines = seconds(Phase::Measure, 0.0, &[(900, 200_000_000), (900, 700_000_000)]);
        let of_scheduled = |scheduled| judged(&lines, |counts| counts.scheduled = scheduled);
        assert_eq!(of_scheduled(1_850), None);
        let three = seconds(Phase::Measure, 0.0, &[(740, 250_000_000), (740, 500_000_000), (30, 780_000_000)]);
        assert!(judged(&three, |counts| counts.scheduled = 2_400).is_some(), "three points carry no trend");
        let overload = of_scheduled(3_000).expect("1,200 wait");
        assert_eq!((overload.waiting, overload.behind_s, overload.completed_per_s), (1_200, 0.7, 900.0));
    }

    #[test]
    fn a_backlog_that_grows_is_overload_and_a_stall_that_passes_is_not() {
        let growing: Vec<(u64, u64)> = (1..=10).map(|second| (1_000, second * 100_000_000)).collect();
        let growing = judged(&seconds(Phase::Measure, 0.0, &growing), |counts| {
            (counts.scheduled, counts.skipped) = (20_000, 10_000);
        });
        assert_eq!(
            reason(&growing.expect("it grows")),
            "overloaded: offered 2000.0/s, completed 1000.0/s; the backlog grew to 10000 arrivals, 1.0 s behind schedule, in \
             10.0 s; 10000 were never sent; lower --rate or raise --clients"
        );
        let mut stalled = vec![(1_000, 0); 4];
        stalled.extend([(0, 0), (0, 0), (3_000, 1_000_000_000), (1_000, 0), (1_000, 0), (1_000, 0)]);
        assert_eq!(judged(&seconds(Phase::Measure, 0.0, &stalled), |_| ()), None);
    }

    #[test]
    fn a_backlog_as_long_as_the_run_is_overload_however_short_that_is() {
        let mut lines = seconds(Phase::Measure, 0.0, &[(1_000, 0)]);
        lines.extend(seconds(Phase::Drain, 1.0, &[(1_000, 0)]));
        assert_eq!(judged(&lines, |_| ()), None);
        lines.extend(seconds(Phase::Drain, 2.0, &[(1_000, 0)]));
        let overload = judged(&lines, |_| ()).expect("two seconds of drain");
        assert_eq!((overload.waiting, overload.completed_per_s), (2_000, 1_000.0));
    }
}
