//! Whether a run held its level: the verdict by name, and the evidence in a sentence. Pure.

use crate::record::{Course, Interval, Mode, Phase, Stability, WarmupEnd, WarmupInfo};
use crate::stats::{self, Steadiness, Trend};
use crate::units;

/// The whole seconds of a measurement: their throughput, or in an open loop, where that is the schedule's, their median
/// response time.
#[derive(Debug)]
pub struct LevelSeries {
    name: &'static str,
    seconds: Vec<f64>,
    show: fn(f64) -> String,
}

impl LevelSeries {
    /// That of a run.
    pub fn of(mode: Mode, timeline: &[Interval]) -> LevelSeries {
        let whole = timeline.iter().filter(|line| line.phase == Phase::Measure && line.length_s > 0.99);
        match mode {
            Mode::Closed => LevelSeries {
                name: "throughput",
                seconds: whole.map(|line| line.ok as f64).collect(),
                show: |per_s| units::rate(per_s) + "/s",
            },
            Mode::Open => LevelSeries {
                name: "median response time",
                seconds: whole.filter_map(|line| Some(line.response_ns.p50? as f64)).collect(),
                show: |ns| units::latency(ns.round() as u64),
            },
        }
    }

    /// The verdict; none on too few seconds.
    pub fn stability(&self) -> Option<Stability> {
        let LevelSeries { name, show, .. } = self;
        let judged = |verdict, evidence| Some(Stability { verdict, evidence });
        match stats::steadiness(&self.seconds) {
            Steadiness::TooShort => None,
            Steadiness::Steady(trend) => judged(Course::Steady, format!("the {name} changed by {}", change(trend))),
            Steadiness::Undecided(trend) => judged(
                Course::Undecided,
                format!("the {name} changed by {}, too noisy to exclude a drift of 10 %", change(trend)),
            ),
            Steadiness::Drifting(trend) => {
                let Trend { from, to, .. } = trend;
                let drift = format!("the {name} drifted from {} to {}, by {}", show(from), show(to), change(trend));
                judged(Course::Drifting, drift)
            }
            Steadiness::Stepped { at, from, to } => {
                let is_early = at <= self.seconds.len() / 4;
                let advice = if is_early { format!("; lengthen --warmup by {at} s or more") } else { String::new() };
                let step = format!("the {name} stepped from {} to {} at {at} s{advice}", show(from), show(to));
                judged(Course::Stepped, step)
            }
            Steadiness::NeverSteady { at, from, to, until } => judged(
                Course::NeverSteady,
                format!("the {name} moved from {} to {} at {at} s and back at {until} s", show(from), show(to)),
            ),
        }
    }

    /// A shift between parts of the run that is too coarse for a verdict by name, in a sentence.
    pub fn shift(&self) -> Option<String> {
        let shift = stats::level_shift(&self.seconds)?;
        Some(format!(
            "the {} moved from {} to {} at {} s, {:.1} times the deviation of single seconds",
            self.name,
            (self.show)(shift.from),
            (self.show)(shift.to),
            shift.at_s,
            shift.deviations
        ))
    }
}

/// What a reader should know of a warm-up that did not end as it was configured, or of which nothing is known.
pub fn of_warmup(warmup: &WarmupInfo) -> Option<String> {
    let WarmupInfo { configured_s, longest_s, end, evidence } = warmup;
    let (configured, longest) = (units::seconds(*configured_s), units::seconds(*longest_s));
    match end {
        WarmupEnd::Configured => None,
        WarmupEnd::TooShort => Some(format!("the warm-up was too short to judge whether it was over: {evidence}")),
        WarmupEnd::PutOff => {
            Some(format!("the warm-up went on after the {configured} that were asked for: {evidence}"))
        }
        WarmupEnd::NotSteady => Some(format!(
            "the warm-up ended before it was over, at most {longest} being allowed: {evidence}; lengthen --warmup or --max-warmup"
        )),
    }
}

/// A run that drifts after a warm-up that did not come to an end was never steady.
pub fn after_warmup(stability: &mut Stability, warmup: &WarmupInfo) {
    if stability.verdict == Course::Drifting && warmup.end == WarmupEnd::NotSteady {
        stability.verdict = Course::NeverSteady;
        stability.evidence += ", and had not come to rest in the longest warm-up that was allowed";
    }
}

/// `-3.2 % [-5.0, -1.4] from start to end`, the interval at 98 %.
fn change(trend: Trend) -> String {
    let [low, high] = trend.change.map(|share| 100.0 * share);
    format!("{:+.1} % [{low:+.1}, {high:+.1}] from start to end", (low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Brief;

    /// Seconds of a closed loop that complete so many operations each.
    fn closed(seconds: impl Iterator<Item = u64>) -> Stability {
        let line = |(at, ok)| Interval { at_s: at as f64, length_s: 1.0, ok, ..Interval::default() };
        let timeline: Vec<Interval> = seconds.enumerate().map(line).collect();
        LevelSeries::of(Mode::Closed, &timeline).stability().expect("long enough")
    }

    /// So many operations, give or take one in a hundred.
    fn about(ok: u64, at: u64) -> u64 {
        ok + ok * (at * 7 % 5) / 200
    }

    #[test]
    fn each_course_has_its_name_and_its_evidence() {
        let steady = closed((0..30).map(|at| about(1_000, at)));
        assert_eq!(steady.verdict, Course::Steady, "{steady:?}");
        assert!(steady.evidence.starts_with("the throughput changed by "), "{steady:?}");
        let drifting = closed((0..30).map(|at| about(1_000 - 10 * at, at)));
        assert_eq!(drifting.verdict, Course::Drifting, "{drifting:?}");
        assert!(
            drifting.evidence.contains("drifted from 1,009/s to 717/s") && drifting.evidence.contains(", by -3"),
            "{drifting:?}"
        );
        let stepped = closed((0..40).map(|at| about(if at < 10 { 300 } else { 1_000 }, at)));
        assert_eq!(stepped.verdict, Course::Stepped, "{stepped:?}");
        assert!(stepped.evidence.ends_with(" at 10 s; lengthen --warmup by 10 s or more"), "{stepped:?}");
        let moved = closed((0..60).map(|at| about(if (20..40).contains(&at) { 500 } else { 1_000 }, at)));
        assert_eq!(moved.verdict, Course::NeverSteady, "{moved:?}");
        assert!(moved.evidence.ends_with("/s at 20 s and back at 40 s"), "{moved:?}");
        let noisy = closed((0..10).map(|at| if at % 3 == 0 { 500 } else { 1_000 }));
        assert_eq!(noisy.verdict, Course::Undecided, "{noisy:?}");
    }

    #[test]
    fn a_drift_after_a_warm_up_that_did_not_end_is_never_steady_and_the_warm_up_is_named() {
        let warmup = |end| WarmupInfo { configured_s: 2.0, longest_s: 10.0, end, evidence: "it fell".to_owned() };
        let judged = |end| {
            let mut drifting = closed((0..30).map(|at| about(1_000 - 10 * at, at)));
            after_warmup(&mut drifting, &warmup(end));
            (drifting.verdict, of_warmup(&warmup(end)))
        };
        assert_eq!(judged(WarmupEnd::Configured), (Course::Drifting, None));
        let put_off = "the warm-up went on after the 2 s that were asked for: it fell".to_owned();
        assert_eq!(judged(WarmupEnd::PutOff), (Course::Drifting, Some(put_off)));
        let (verdict, sentence) = judged(WarmupEnd::NotSteady);
        assert_eq!(verdict, Course::NeverSteady);
        assert!(sentence.is_some_and(|sentence| sentence.contains("at most 10 s being allowed")));
    }

    #[test]
    fn an_open_loop_is_judged_by_its_response_time_and_only_whole_seconds_count() {
        let line = |at: u64| Interval {
            at_s: at as f64,
            length_s: if at == 12 { 0.3 } else { 1.0 },
            ok: 500,
            response_ns: Brief { p50: Some(100_000 + 5_000 * at), ..Brief::default() },
            ..Interval::default()
        };
        let timeline: Vec<Interval> = (0..13).map(line).collect();
        let stability = LevelSeries::of(Mode::Open, &timeline).stability().expect("twelve seconds");
        assert_eq!(stability.verdict, Course::Drifting);
        assert!(
            stability.evidence.starts_with("the median response time drifted from 100 us to 155 us"),
            "{stability:?}"
        );
        assert_eq!(LevelSeries::of(Mode::Open, &timeline[..9]).stability(), None);
    }
}
