//! Whether a run was steady: its series of seconds neither drifts nor steps, judged after the fact and never trimmed
//! silently.
//!
//! A verdict needs two things: significance that survives autocorrelation, and size. On identical code the false alarm
//! rate is held below 5 % for independent seconds and below 10 % for AR(1) seconds with 0.5, as the tests simulate.

use super::regression::slope;

/// A shorter series gets no verdict.
const SHORTEST_S: usize = 20;
/// A level must hold this long to count as one, where the series is long enough: see [`shortest_segment_s`].
const SEGMENT_S: usize = 10;
/// Smaller changes are not worth a verdict: restarts of one and the same store differ by as much.
const SMALLEST_CHANGE: f64 = 0.10;
/// Normal quantile of a two-sided 1 % test.
const TREND_LIMIT: f64 = 2.576;
/// Above the largest of the two-sample statistics over all splits in 99 % of series of independent noise: the square
/// root of Andrews's asymptotic bound (Econometrica 61, 1993, table I: 13.0 for a tenth trimmed) is 3.6; short series,
/// whose autocorrelation is itself estimated, need a little more.
const STEP_LIMIT: f64 = 3.8;

/// Verdict on a series of one value a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Steadiness {
    /// No change worth telling.
    Steady,
    /// The first seconds differ, the rest is steady: a longer warm-up would have covered them.
    Settling {
        /// Seconds from the start of the series.
        until_s: usize,
    },
    /// It changes all along; levels of a fitted line at its ends.
    Drifting {
        /// Level at the start.
        from: f64,
        /// Level at the end.
        to: f64,
    },
    /// It changes once, from one level to another.
    Step {
        /// Seconds from the start of the series.
        at_s: usize,
        /// Mean before the change.
        from: f64,
        /// Mean after the change.
        to: f64,
    },
    /// Shorter than 20 s.
    TooShort,
}

/// Judges a series of one value a second, e.g. completions or p99.
pub fn steadiness(per_second: &[f64]) -> Steadiness {
    if per_second.len() < SHORTEST_S {
        return Steadiness::TooShort;
    }
    let Some(change) = change(per_second) else { return Steadiness::Steady };
    match settled_after(per_second, &change) {
        Some(until_s) => Steadiness::Settling { until_s },
        None => change,
    }
}

/// The shortest beginning, up to a quarter of the series, after which the rest is steady: from the step on, if that is
/// what the change is, else in strides of five seconds.
///
/// MSER-5 (White, Cobb & Spratt, WSC 2000) answers the same question but has no notion of "nothing to cut": on steady
/// noise its minimum lies anywhere, so that it moved a clean cut at 10 s of 60 to beyond 15 s.
fn settled_after(series: &[f64], change: &Steadiness) -> Option<usize> {
    let first = if let Steadiness::Step { at_s, .. } = *change { at_s } else { 5 };
    let mut cuts = (first..=series.len() / 4).step_by(5).filter(|cut| series.len() - cut >= SHORTEST_S);
    cuts.find(|&cut| self::change(&series[cut..]).is_none())
}

/// Mann–Kendall's z: how many standard deviations the count of rising pairs less falling pairs is from none, with ties
/// and the continuity correction (Gilbert, Statistical Methods for Environmental Pollution Monitoring, 1987, 16.4).
pub fn mann_kendall(series: &[f64]) -> f64 {
    let n = series.len() as f64;
    let mut score = 0i64;
    for (i, a) in series.iter().enumerate() {
        score += series[i + 1..].iter().map(|b| b.total_cmp(a) as i64).sum::<i64>();
    }
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    let weight = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let ties: f64 = sorted.chunk_by(|a, b| a == b).map(|tied| weight(tied.len() as f64)).sum();
    let deviation = ((weight(n) - ties) / 18.0).sqrt();
    if score == 0 { 0.0 } else { (score - score.signum()) as f64 / deviation }
}

/// The step or the drift that is both significant and large; of two, the one that leaves less unexplained.
fn change(series: &[f64]) -> Option<Steadiness> {
    let level = mean(series).abs();
    let large = |from: f64, to: f64| (to - from).abs() > SMALLEST_CHANGE * level;
    let (step, step_residue) = step(series);
    let (drift, drift_residue) = drift(series);
    let step = step.filter(|step| matches!(*step, Steadiness::Step { from, to, .. } if large(from, to)));
    let drift = drift.filter(|drift| matches!(*drift, Steadiness::Drifting { from, to } if large(from, to)));
    if step_residue < drift_residue { step.or(drift) } else { drift.or(step) }
}

/// The split whose two means differ most, if beyond chance, and the squares that it leaves.
fn step(series: &[f64]) -> (Option<Steadiness>, f64) {
    let segment = shortest_segment_s(series.len());
    let mut best = (f64::INFINITY, segment);
    for at in segment..=series.len() - segment {
        let (before, after) = series.split_at(at);
        let residue = squares_about(before, mean(before)) + squares_about(after, mean(after));
        if residue < best.0 {
            best = (residue, at);
        }
    }
    let (residue, at_s) = best;
    let (before, after) = series.split_at(at_s);
    let (from, to) = (mean(before), mean(after));
    let residuals: Vec<f64> = before.iter().map(|v| v - from).chain(after.iter().map(|v| v - to)).collect();
    let variance = residue / (series.len() - 2) as f64 * inflation(&residuals);
    let error = (variance * (1.0 / before.len() as f64 + 1.0 / after.len() as f64)).sqrt();
    let significant = (to - from).abs() > STEP_LIMIT * error;
    (significant.then_some(Steadiness::Step { at_s, from, to }), residue)
}

/// A fitted line, if Mann and Kendall see a trend beyond chance, and the squares that it leaves.
fn drift(series: &[f64]) -> (Option<Steadiness>, f64) {
    let points: Vec<(f64, f64)> = series.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
    let slope = slope(&points).map_or(0.0, |fitted| fitted.value);
    let half = (series.len() - 1) as f64 / 2.0;
    let (from, to) = (mean(series) - slope * half, mean(series) + slope * half);
    let residuals: Vec<f64> = points.iter().map(|(x, y)| y - from - slope * x).collect();
    let significant = mann_kendall(series).abs() > TREND_LIMIT * inflation(&residuals).sqrt();
    (significant.then_some(Steadiness::Drifting { from, to }), squares_about(&residuals, 0.0))
}

/// By how much the variance of a mean exceeds that of independent samples: (1 + r) / (1 - r) for an AR(1) process with
/// lag-one correlation r, taken from detrended residuals (Yue & Wang, Water Resources Management 18, 2004), with
/// Kendall's correction of its bias in short series, (1 + 3r) / n.
fn inflation(residuals: &[f64]) -> f64 {
    let products: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let squares = squares_about(residuals, 0.0);
    if squares <= 0.0 {
        return 1.0;
    }
    let raw = products / squares;
    let correlation = (raw + (1.0 + 3.0 * raw) / residuals.len() as f64).clamp(0.0, 0.9);
    (1.0 + correlation) / (1.0 - correlation)
}

/// Ten seconds, or a quarter of a series shorter than forty.
fn shortest_segment_s(length_s: usize) -> usize {
    SEGMENT_S.min(length_s / 4)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn squares_about(values: &[f64], center: f64) -> f64 {
    values.iter().map(|value| (value - center).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::SplitMix64;

    /// Noise of 30 % around 1000: large enough that the demanded size of a change alone would not silence it.
    fn noise(seconds: usize, memory: f64, seed: u64) -> Vec<f64> {
        let mut rng = SplitMix64::seed_from_u64(seed);
        let mut draw = move || -> f64 { StandardNormal.sample(&mut rng) };
        let mut state = draw();
        let mut next = || {
            state = memory * state + (1.0 - memory * memory).sqrt() * draw();
            1000.0 + 300.0 * state
        };
        (0..seconds).map(|_| next()).collect()
    }

    fn false_alarms(seconds: usize, memory: f64) -> f64 {
        let alarms = (0..1000).filter(|&seed| steadiness(&noise(seconds, memory, seed)) != Steadiness::Steady).count();
        alarms as f64 / 1000.0
    }

    #[test]
    fn it_does_not_cry_wolf() {
        for seconds in [20, 30, 60, 120] {
            let (independent, correlated) = (false_alarms(seconds, 0.0), false_alarms(seconds, 0.5));
            assert!(independent < 0.05, "{seconds} s of independent noise: {independent}");
            assert!(correlated < 0.10, "{seconds} s of AR(1) 0.5: {correlated}");
        }
    }

    fn shaped(seconds: usize, seed: u64, level: impl Fn(usize) -> f64) -> Vec<f64> {
        noise(seconds, 0.3, seed).iter().enumerate().map(|(at, value)| level(at) + (value - 1000.0) / 6.0).collect()
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let series = shaped(60, 1, |at| if at < 35 { 1000.0 } else { 600.0 });
        let Steadiness::Step { at_s, from, to } = steadiness(&series) else { panic!("{:?}", steadiness(&series)) };
        assert!((34..=36).contains(&at_s) && from > 950.0 && to < 650.0, "{at_s} {from} {to}");
    }

    #[test]
    fn a_decline_is_a_drift() {
        let series = shaped(60, 2, |at| 1000.0 - 8.0 * at as f64);
        assert!(
            matches!(steadiness(&series), Steadiness::Drifting { from, to } if from > to),
            "{:?}",
            steadiness(&series)
        );
    }

    #[test]
    fn a_slow_start_is_settling() {
        let series = shaped(60, 3, |at| if at < 10 { 300.0 } else { 1000.0 });
        assert_eq!(steadiness(&series), Steadiness::Settling { until_s: 10 });
    }

    #[test]
    fn a_small_change_is_not_worth_a_verdict() {
        let series = shaped(300, 4, |at| if at < 150 { 1000.0 } else { 950.0 });
        assert_eq!(steadiness(&series), Steadiness::Steady);
    }

    #[test]
    fn constant_empty_and_short_series_are_safe() {
        assert_eq!(steadiness(&[5.0; 60]), Steadiness::Steady);
        assert_eq!(steadiness(&[0.0; 60]), Steadiness::Steady);
        assert_eq!(steadiness(&[5.0; 19]), Steadiness::TooShort);
    }

    #[test]
    fn mann_kendall_of_hand_computed_series() {
        // S = 10, variance 5*4*15/18 = 16.667: z = 9 / 4.0825.
        assert!((mann_kendall(&[1.0, 2.0, 3.0, 4.0, 5.0]) - 2.2045).abs() < 1e-3);
        // One tie of two: S = 9, variance (300 - 18) / 18 = 15.667: z = 8 / 3.9581.
        assert!((mann_kendall(&[1.0, 2.0, 2.0, 4.0, 5.0]) - 2.0212).abs() < 1e-3);
        assert_eq!(mann_kendall(&[3.0; 8]), 0.0);
    }
}
