//! Whether a run was steady: its series of seconds neither drifts nor changes its level, judged after the fact and never
//! trimmed.
//!
//! A trend is told by its interval, which allows for the autocorrelation of the series: a run is steady where a trend of 10 %
//! over the whole window can be excluded, drifting where an even course can be and a trend of 10 % cannot, and undecided where
//! neither can. How much noise that bears is in the tests: of 100 drifts of 10 % under AR(1) noise of 0.5, 90 or more are found
//! in 30 points that scatter by 2 % of the level and in 180 that scatter by 5 %; fewer points or more noise leave it undecided.

use super::regression::slope;
use super::student::student_t;

/// A shorter series gets no verdict.
const SHORTEST: usize = 10;
/// A longer series is taken together to at most so many points.
const MOST: usize = 240;
/// A shorter series is not searched for changes of its level.
const SHORTEST_FOR_LEVELS: usize = 20;
/// A level must hold for so many points to count as one, or for a quarter of a series shorter than forty.
const SEGMENT: usize = 10;
/// Smaller changes, as a share of the level, are not worth a verdict: restarts of one and the same store differ by as much.
const SMALLEST_CHANGE: f64 = 0.10;
/// How sure the interval of a trend is. At 95 %, up to 13 of 100 steady series were called drifting.
const CONFIDENCE: f64 = 0.98;
/// Above the largest of the two-sample statistics over all stretches in 97 of 100 series of AR(1) noise of 0.5, and in more
/// of independent noise.
const LEVEL_LIMIT: f64 = 5.5;
/// A change of the level explains a series better than a line if it leaves less than this share of the line's squares: its place is one
/// more thing to choose.
const MUCH_LESS: f64 = 0.9;
/// What is expected of an autocorrelation before a series is seen, and the number of points that this weighs as much as: an
/// estimate from ten points alone misses by 0.3, and then calls one steady series in seven a drift.
const EXPECTED_CORRELATION: (f64, f64) = (0.5, 10.0);

/// Verdict on a series of one value for each of equal lengths of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Steadiness {
    /// A change of a tenth of the level over the whole series can be excluded.
    Steady(Trend),
    /// It can neither be excluded nor found: too few points for so much noise.
    Undecided(Trend),
    /// It rises or falls all along, by a tenth of its level or more.
    Drifting(Trend),
    /// It changes once, from one level to another.
    Stepped {
        /// Points from the start of the series.
        at: usize,
        /// Level before the change.
        from: f64,
        /// Level after the change.
        to: f64,
    },
    /// It leaves its level and comes back.
    NeverSteady {
        /// Points from the start of the series.
        at: usize,
        /// Its level.
        from: f64,
        /// The other level.
        to: f64,
        /// Points from the start of the series to the change back.
        until: usize,
    },
    /// Too short to tell.
    TooShort,
}

/// A straight line through a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Its level at the start.
    pub from: f64,
    /// Its level at the end.
    pub to: f64,
    /// The 98 % interval of the change from start to end, as a share of the level.
    pub change: [f64; 2],
}

/// A stretch of a series that has another level than the rest.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: usize,
    until: usize,
    inside: f64,
    outside: f64,
}

/// Judges a series, of which each value stands for an equal length of time: completions of a second, or its median
/// response time. Neighbours of a long one are taken together.
pub fn steadiness(series: &[f64]) -> Steadiness {
    if series.len() < SHORTEST {
        return Steadiness::TooShort;
    }
    let width = series.len().div_ceil(MOST);
    let series: Vec<f64> = series.chunks_exact(width).map(mean).collect();
    let (trend, residue) = trend(&series);
    let Some((Stretch { from, until, inside, outside }, left)) = stretch(&series) else { return trend.judged() };
    let step = |at: usize, from: f64, to: f64| Steadiness::Stepped { at: at * width, from, to };
    match (from, until) {
        _ if left > MUCH_LESS * residue => trend.judged(),
        (0, until) => step(until, inside, outside),
        (from, until) if until == series.len() => step(from, outside, inside),
        (from, until) => Steadiness::NeverSteady { at: from * width, from: outside, to: inside, until: until * width },
    }
}

impl Trend {
    fn judged(self) -> Steadiness {
        let [low, high] = self.change;
        if low.abs().max(high.abs()) < SMALLEST_CHANGE {
            Steadiness::Steady(self)
        } else if low > 0.0 || high < 0.0 {
            Steadiness::Drifting(self)
        } else {
            Steadiness::Undecided(self)
        }
    }
}

/// A fitted line, and the squares that it leaves. Its error is that of independent residuals, widened by their
/// [`inflation`].
fn trend(series: &[f64]) -> (Trend, f64) {
    let n = series.len() as f64;
    let points: Vec<(f64, f64)> = series.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
    let slope = slope(&points).map_or(0.0, |fitted| fitted.value);
    let (level, half) = (mean(series), (n - 1.0) / 2.0);
    let residuals: Vec<f64> = points.iter().map(|(x, y)| y - level - slope * (x - half)).collect();
    let residue = squares(&residuals);
    let spread_x = n * (n * n - 1.0) / 12.0;
    let error = (residue / (n - 2.0) / spread_x * inflation(&residuals, 2.0)).sqrt();
    let reach = student_t(CONFIDENCE, series.len() - 2) * error;
    let share = |slope: f64| if level == 0.0 { 0.0 } else { slope * n / level.abs() };
    let change = [share(slope - reach), share(slope + reach)];
    (Trend { from: level - slope * half, to: level + slope * half, change }, residue)
}

/// The stretch whose level differs most from that of the rest, if beyond chance and by more than a tenth of the whole level
/// (circular binary segmentation: Olshen and others, Biostatistics 5, 2004). One that reaches to an end is a step.
fn stretch(series: &[f64]) -> Option<(Stretch, f64)> {
    let length = series.len();
    if length < SHORTEST_FOR_LEVELS {
        return None;
    }
    let shortest = SEGMENT.min(length / 4);
    let level = mean(series);
    let mut sums = vec![0.0];
    sums.extend(series.iter().scan(0.0, |sum, value| {
        *sum += value - level;
        Some(*sum)
    }));
    // What a stretch of n points with this sum about the level explains of the squares: both parts are off by the same sum.
    let explained = |from: usize, until: usize| {
        let (sum, n) = (sums[until] - sums[from], (until - from) as f64);
        sum * sum * (1.0 / n + 1.0 / (length as f64 - n))
    };
    let untils = |from: usize| from + shortest..=length.min(from + length - shortest);
    let pairs = (0..=length - shortest).flat_map(|from| untils(from).map(move |until| (from, until)));
    let (from, until) = pairs.max_by(|a, b| explained(a.0, a.1).total_cmp(&explained(b.0, b.1)))?;
    let (sum, n) = (sums[until] - sums[from], (until - from) as f64);
    let rest = length as f64 - n;
    let (inside, outside) = (level + sum / n, level - sum / rest);
    let level_at = |at: usize| if (from..until).contains(&at) { inside } else { outside };
    let residuals: Vec<f64> = series.iter().enumerate().map(|(at, value)| value - level_at(at)).collect();
    let residue = squares(&residuals);
    let variance = residue / (length - 2) as f64 * inflation(&residuals, 1.0);
    let error = (variance * (1.0 / n + 1.0 / rest)).sqrt();
    let change = (inside - outside).abs();
    let is_real = change > LEVEL_LIMIT * error && change > SMALLEST_CHANGE * level.abs();
    is_real.then_some((Stretch { from, until, inside, outside }, residue))
}

/// By how much the variance of a mean exceeds that of independent samples: (1 + r) / (1 - r) for an AR(1) process with
/// lag-one correlation r (Yue & Wang, Water Resources Management 18, 2004). Residuals from a fit have a smaller correlation
/// than the noise: on average r - (`fitted` + (1 + `fitted` + 1) r) / n, with a level `fitted` = 1 (Kendall, Biometrika 41,
/// 1954), with a line 2. What few points say is drawn towards what is expected.
fn inflation(residuals: &[f64], fitted: f64) -> f64 {
    let products: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let squares = squares(residuals);
    if squares <= 0.0 {
        return 1.0;
    }
    let n = residuals.len() as f64;
    let unbiased = (products / squares + fitted / n) / (1.0 - (2.0 + fitted) / n);
    let (expected, weight) = EXPECTED_CORRELATION;
    let correlation = ((n * unbiased + weight * expected) / (n + weight)).clamp(0.0, 0.9);
    (1.0 + correlation) / (1.0 - correlation)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_xoshiro::SplitMix64;

    /// Points about a level of 1000 that changes by this share from start to end, under AR(1) noise.
    fn series(points: usize, noise: f64, memory: f64, change: f64, seed: u64) -> Vec<f64> {
        let mut rng = SplitMix64::seed_from_u64(seed);
        let mut draw = move || -> f64 { StandardNormal.sample(&mut rng) };
        let mut state = draw();
        let mut next = || {
            state = memory * state + (1.0 - memory * memory).sqrt() * draw();
            state
        };
        let line = |at: usize| change * ((at as f64 + 0.5) / points as f64 - 0.5);
        (0..points).map(|at| 1000.0 * (1.0 + line(at) + noise * next())).collect()
    }

    /// How many of 100 of these seeds are called by the name.
    fn called(is: fn(&Steadiness) -> bool, points: usize, noise: f64, change: f64, seeds: std::ops::Range<u64>) -> f64 {
        let all = seeds.end - seeds.start;
        let called = seeds.filter(|seed| is(&steadiness(&series(points, noise, 0.5, change, *seed)))).count();
        100.0 * called as f64 / all as f64
    }

    fn is_marked(steadiness: &Steadiness) -> bool {
        matches!(steadiness, Steadiness::Drifting(_) | Steadiness::Stepped { .. } | Steadiness::NeverSteady { .. })
    }

    fn is_drift(steadiness: &Steadiness) -> bool {
        matches!(steadiness, Steadiness::Drifting(_))
    }

    /// The criterion and its constants were chosen on seeds below 1000.
    const FRESH: std::ops::Range<u64> = 10_000..11_000;

    #[test]
    fn a_steady_series_is_seldom_called_anything_else_however_noisy_it_is() {
        for noise in [0.02, 0.05, 0.10, 0.30] {
            for points in [10, 20, 30, 60, 120] {
                let wrong = called(is_marked, points, noise, 0.0, FRESH);
                assert!(wrong <= 10.0, "{points} points, noise {noise}: {wrong} of 100");
            }
        }
    }

    #[test]
    fn a_drift_of_a_tenth_is_found_where_points_and_noise_allow() {
        for (points, noise) in [(30, 0.02), (60, 0.02), (180, 0.05)] {
            let found = called(is_drift, points, noise, 0.10, FRESH);
            assert!(found >= 90.0, "{points} points, noise {noise}: {found} of 100");
        }
        for (points, noise) in [(10, 0.02), (60, 0.05), (180, 0.10)] {
            let found = called(is_marked, points, noise, 0.20, FRESH);
            assert!(found >= 90.0, "twice the drift, {points} points, noise {noise}: {found} of 100");
        }
    }

    #[test]
    fn a_drift_that_is_not_found_is_undecided_and_not_called_steady() {
        let is_steady = |steadiness: &Steadiness| matches!(steadiness, Steadiness::Steady(_));
        for noise in [0.02, 0.05, 0.10] {
            for points in [10, 30, 60, 120] {
                let denied = called(is_steady, points, noise, 0.10, FRESH);
                assert!(denied <= 10.0, "{points} points, noise {noise}: {denied} of 100");
            }
        }
    }

    #[test]
    fn a_trend_has_the_levels_and_the_interval_of_what_it_was_made_with() {
        let Steadiness::Drifting(trend) = steadiness(&series(60, 0.01, 0.3, -0.5, 2)) else { panic!("it halves") };
        assert!((trend.from - 1250.0).abs() < 30.0 && (trend.to - 750.0).abs() < 30.0, "{trend:?}");
        assert!(trend.change[0] < -0.5 && -0.5 < trend.change[1] && trend.change[1] < -0.45, "{trend:?}");
    }

    #[test]
    fn one_change_of_the_level_is_a_step_and_one_there_and_back_never_steady() {
        let levels = |levels: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let noise = series(60, 0.05, 0.3, 0.0, 1);
            noise.iter().enumerate().map(|(at, value)| levels(at) * value).collect()
        };
        let stepped = steadiness(&levels(&|at| if at < 35 { 1.0 } else { 0.6 }));
        let Steadiness::Stepped { at, from, to } = stepped else { panic!("one step: {stepped:?}") };
        assert!((34..=36).contains(&at) && from > 950.0 && to < 650.0, "{stepped:?}");
        let swinging = steadiness(&levels(&|at| if (20..40).contains(&at) { 0.5 } else { 1.0 }));
        assert!(matches!(swinging, Steadiness::NeverSteady { at: 19..=21, until: 39..=41, .. }), "{swinging:?}");
    }

    #[test]
    fn constant_small_and_short_series_are_safe() {
        let is_steady = |series: &[f64]| matches!(steadiness(series), Steadiness::Steady(_));
        assert!(is_steady(&[5.0; 60]) && is_steady(&[0.0; 60]));
        assert!(is_steady(&series(300, 0.02, 0.3, 0.05, 4)), "a change of 5 % is not worth a verdict");
        assert_eq!(steadiness(&[5.0; 9]), Steadiness::TooShort);
        assert_eq!(steadiness(&[]), Steadiness::TooShort);
    }
}
