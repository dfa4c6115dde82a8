//! The timeline of a run, a line for each second, and the throughput that follows from it.

use std::collections::BTreeMap;

use crate::record::{Interval, Phase};
use crate::stats;

/// The timeline without gaps: a second in which nothing ended is a line of zeros, or a stall would be missing from
/// whatever is computed from it. Its seconds add up to the measurement, and the last one ends with the last operation.
pub fn without_gaps(lines: &[Interval], measure_s: f64, planned_s: Option<f64>) -> Vec<Interval> {
    let mut whole: Vec<Interval> = Vec::with_capacity(lines.len());
    let began_s = lines.iter().map(|line| line.at_s).fold(0.0, f64::min);
    let lines: BTreeMap<(i64, Phase), &Interval> =
        lines.iter().map(|line| ((line.at_s as i64, line.phase), line)).collect();
    for second in began_s as i64..measure_s.ceil() as i64 {
        let there = whole.len();
        whole.extend(lines.range((second, Phase::Warmup)..=(second, Phase::Drain)).map(|(_, line)| (*line).clone()));
        if whole.len() == there {
            whole.push(idle(second as f64, planned_s.unwrap_or(f64::INFINITY)));
        }
    }
    for line in whole.iter_mut().filter(|line| line.phase != Phase::Warmup) {
        line.length_s = (measure_s - line.at_s).clamp(0.001, 1.0);
    }
    whole
}

/// A second in which nothing ended.
fn idle(at_s: f64, planned_s: f64) -> Interval {
    let phase = match at_s {
        _ if at_s < 0.0 => Phase::Warmup,
        _ if at_s < planned_s => Phase::Measure,
        _ => Phase::Drain,
    };
    Interval { at_s, length_s: 1.0, phase, ..Interval::default() }
}

/// The interval of the throughput, over the same time as the throughput itself, drain included.
pub fn throughput_interval(timeline: &[Interval]) -> Option<[f64; 2]> {
    let measured = timeline.iter().filter(|line| line.phase != Phase::Warmup);
    let seconds: Vec<(u64, f64)> = measured.map(|line| (line.ok, line.length_s)).collect();
    stats::rate_interval(&seconds).map(|(_, interval)| interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at_s: f64, phase: Phase) -> Interval {
        Interval { at_s, length_s: 1.0, phase, ok: 5, ..Interval::default() }
    }

    #[test]
    fn a_second_in_which_nothing_ended_is_a_line_of_the_timeline() {
        let measured = [line(-1.0, Phase::Warmup), line(0.0, Phase::Measure), line(3.0, Phase::Measure)];
        let whole = without_gaps(&measured, 5.5, Some(5.0));
        let lines: Vec<_> = whole.iter().map(|line| (line.at_s, line.phase, line.ok, line.length_s)).collect();
        assert_eq!(
            lines,
            [
                (-1.0, Phase::Warmup, 5, 1.0),
                (0.0, Phase::Measure, 5, 1.0),
                (1.0, Phase::Measure, 0, 1.0),
                (2.0, Phase::Measure, 0, 1.0),
                (3.0, Phase::Measure, 5, 1.0),
                (4.0, Phase::Measure, 0, 1.0),
                (5.0, Phase::Drain, 0, 0.5),
            ]
        );
    }

    #[test]
    fn the_last_second_ends_with_the_last_operation() {
        let whole = without_gaps(&[line(0.0, Phase::Measure), line(1.0, Phase::Measure)], 1.25, None);
        assert_eq!(whole.iter().map(|line| line.length_s).collect::<Vec<_>>(), [1.0, 0.25]);
    }
}
