//! Where a history of figures changed its level: E-divisive (D. S. Matteson & N. A. James, Journal of the American Statistical
//! Association 109, 2014). It splits a series where the distances between both sides exceed those within them most, as long as
//! hardly any shuffling of the series shows as much.
//!
//! `steadiness` asks whether the seconds of one run held their level, allows for their autocorrelation and gives one verdict. Here
//! a point is a whole experiment, points are taken to be independent of each other, and there may be any number of changes.

use std::ops::Range;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::SplitMix64;

/// A shorter series is not searched: of ten points in two halves 0.8 % of all orders show as much as the clearest change, which
/// is too near to 1 % to be told from it by lot; of twelve 0.2 %.
pub const FEWEST_POINTS: usize = 12;
/// A level holds for so many points, or it is none.
const SHORTEST_LEVEL: usize = 3;
/// Of a longer series the last so many points are searched: work grows with their square.
const MOST_POINTS: usize = 200;
/// A series without a change shows one in so many cases. At 5 %, every twentieth figure of a suite would.
const ALPHA: f64 = 0.01;
/// Shuffled series, beside the one that was observed.
const SHUFFLES: usize = 999;

/// A place at which a series changes its level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// The first point of the new level, from 0.
    pub at: usize,
    /// The share of shuffled series that show as much.
    pub probability: f64,
    /// Median of the level before.
    pub before: f64,
    /// Median of the level after.
    pub after: f64,
}

/// The changes of a series of positive values, in order. The same series has the same changes, always.
pub fn change_points(series: &[f64]) -> Vec<ChangePoint> {
    if series.len() < FEWEST_POINTS {
        return Vec::new();
    }
    let skipped = series.len().saturating_sub(MOST_POINTS);
    let series = &series[skipped..];
    // A tenth more is as much on any level.
    let logs: Vec<f64> = series.iter().map(|value| value.max(f64::MIN_POSITIVE).ln()).collect();
    let mut rng = SplitMix64::seed_from_u64(series.len() as u64);
    let mut found: Vec<(usize, f64)> = Vec::new();
    loop {
        let levels = levels(&found, series.len());
        let Some(split) = best_of(&logs, &levels) else { break };
        let probability = probability(&mut logs.clone(), &levels, split.statistic, &mut rng);
        if probability > ALPHA {
            break;
        }
        found.push((split.at, probability));
        found.sort_by_key(|(at, _)| *at);
    }
    let levels = levels(&found, series.len());
    let change = |(sides, (at, probability)): (&[Range<usize>], &(usize, f64))| ChangePoint {
        at: at + skipped,
        probability: *probability,
        before: median(&series[sides[0].clone()]),
        after: median(&series[sides[1].clone()]),
    };
    levels.windows(2).zip(&found).map(change).collect()
}

/// The stretches between changes.
fn levels(found: &[(usize, f64)], length: usize) -> Vec<Range<usize>> {
    let starts = std::iter::once(0).chain(found.iter().map(|(at, _)| *at));
    let ends = found.iter().map(|(at, _)| *at).chain(std::iter::once(length));
    starts.zip(ends).map(|(start, end)| start..end).collect()
}

/// A place to split a stretch, and how far apart its sides are.
#[derive(Debug, Clone, Copy)]
struct Split {
    at: usize,
    statistic: f64,
}

/// The share of series, shuffled within their levels, whose best split is at least as good; more than [`ALPHA`] as soon as it
/// cannot be less any more.
fn probability(logs: &mut [f64], levels: &[Range<usize>], observed: f64, rng: &mut SplitMix64) -> f64 {
    let total = (SHUFFLES + 1) as f64;
    // What was observed is one of the orders. Sums in another order differ by rounding.
    let (mut reached, enough) = (1, observed * (1.0 - 1e-9));
    for _ in 0..SHUFFLES {
        levels.iter().for_each(|level| logs[level.clone()].shuffle(rng));
        reached += usize::from(best_of(logs, levels).is_none_or(|split| split.statistic >= enough));
        if reached as f64 / total > ALPHA {
            break;
        }
    }
    reached as f64 / total
}

fn best_of(logs: &[f64], levels: &[Range<usize>]) -> Option<Split> {
    let of_level = |level: &Range<usize>| {
        let split = best_split(&logs[level.clone()])?;
        Some(Split { at: split.at + level.start, ..split })
    };
    levels.iter().filter_map(of_level).max_by(|a, b| a.statistic.total_cmp(&b.statistic))
}

/// The best split of a stretch, of all its beginnings: a second change behind the first one hides it from a split of the whole.
fn best_split(values: &[f64]) -> Option<Split> {
    let length = values.len();
    let sums = Distances::between(values);
    let mut best: Option<Split> = None;
    for at in SHORTEST_LEVEL..=length.checked_sub(SHORTEST_LEVEL)? {
        for until in at + SHORTEST_LEVEL..=length {
            let statistic = sums.divergence(at, until);
            if best.is_none_or(|best| statistic > best.statistic) {
                best = Some(Split { at, statistic });
            }
        }
    }
    best
}

/// Sums of the distances between all points before one place and all before another.
struct Distances {
    width: usize,
    sums: Vec<f64>,
}

impl Distances {
    fn between(values: &[f64]) -> Distances {
        let width = values.len() + 1;
        let mut sums = vec![0.0; width * width];
        for (row, a) in values.iter().enumerate() {
            let mut of_row = 0.0;
            for (column, b) in values.iter().enumerate() {
                of_row += (a - b).abs();
                sums[(row + 1) * width + column + 1] = sums[row * width + column + 1] + of_row;
            }
        }
        Distances { width, sums }
    }

    /// The scaled divergence of the points before `at` and those from there until `until`.
    fn divergence(&self, at: usize, until: usize) -> f64 {
        let sum = |rows: usize, columns: usize| self.sums[rows * self.width + columns];
        let (m, n) = (at as f64, (until - at) as f64);
        let between = sum(at, until) - sum(at, at);
        // Either sum of a side holds each distance twice.
        let [first, second] = [sum(at, at), sum(until, until) - 2.0 * sum(at, until) + sum(at, at)];
        let energy = 2.0 * between / (m * n) - first / (m * (m - 1.0)) - second / (n * (n - 1.0));
        m * n / (m + n) * energy
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, Normal};

    /// Levels of so many points each, under this noise.
    fn series(levels: &[(usize, f64)], noise: f64, seed: u64) -> Vec<f64> {
        let mut rng = SplitMix64::seed_from_u64(seed);
        let law = Normal::new(1.0, noise).expect("finite");
        let points = levels.iter().flat_map(|(points, level)| std::iter::repeat_n(*level, *points));
        points.map(|level| level * law.sample(&mut rng)).collect()
    }

    fn places(series: &[f64]) -> Vec<usize> {
        change_points(series).iter().map(|change| change.at).collect()
    }

    #[test]
    fn a_flat_series_has_no_change_however_noisy_it_is() {
        for noise in [0.01, 0.03, 0.30] {
            let quiet = (0..100).filter(|seed| places(&series(&[(30, 1e3)], noise, *seed)).is_empty()).count();
            assert!(quiet >= 95, "{quiet} of 100 at {noise}");
        }
    }

    #[test]
    fn a_step_of_a_tenth_is_found_at_its_place_under_noise_of_three_percent() {
        let is_found = |seed: &u64| {
            let found = places(&series(&[(18, 1e3), (12, 1.1e3)], 0.03, 1_000 + seed));
            found.len() == 1 && found[0].abs_diff(18) <= 1
        };
        let found = (0..100).filter(is_found).count();
        assert!(found >= 90, "{found} of 100");
    }

    #[test]
    fn two_steps_are_two_changes_be_it_up_and_back() {
        for levels in [[(15, 1e3), (15, 1.2e3), (15, 1.44e3)], [(15, 1e3), (15, 1.2e3), (15, 1e3)]] {
            let found = places(&series(&levels, 0.02, 7));
            assert!(found.len() == 2 && found[0].abs_diff(15) <= 1 && found[1].abs_diff(30) <= 1, "{found:?}");
        }
    }

    #[test]
    fn equal_values_change_only_where_they_differ() {
        assert_eq!(places(&[5.0; 40]), [0; 0]);
        let counts: Vec<f64> = [vec![4.0; 12], vec![5.0; 12]].concat();
        let found = change_points(&counts);
        assert_eq!((found.len(), found[0].at, found[0].before, found[0].after), (1, 12, 4.0, 5.0));
        let one_wild = [vec![4.0; 12], vec![9.0], vec![4.0; 12]].concat();
        assert_eq!(places(&one_wild), [0; 0], "one point is no level");
    }

    #[test]
    fn the_same_series_has_the_same_changes_and_a_short_one_none() {
        let stepped = series(&[(20, 1e3), (20, 1.05e3)], 0.02, 3);
        assert_eq!(change_points(&stepped), change_points(&stepped));
        assert_eq!(places(&[[1.0; 5], [2.0; 5]].concat()), [0; 0]);
        assert_eq!(places(&[[1.0; 6], [2.0; 6]].concat()), [6], "twelve points are enough");
    }

    #[test]
    fn of_a_long_series_the_last_points_are_searched() {
        let long = series(&[(300, 1e3), (50, 1.2e3)], 0.02, 4);
        let found = places(&long);
        assert!(found.len() == 1 && found[0].abs_diff(300) <= 1, "{found:?}");
    }

    /// By hand: points 0 0 0 and 1 1 1 are 1 apart and 0 within, so 3 * 3 / 6 * 2.
    #[test]
    fn the_divergence_is_that_of_the_paper() {
        let sums = Distances::between(&[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert!((sums.divergence(3, 6) - 3.0).abs() < 1e-12);
        let sums = Distances::between(&[0.0, 2.0, 1.0, 5.0]);
        // 2/4 (1 + 5 + 1 + 3) - 2 - 4, times 4/4.
        assert!((sums.divergence(2, 4) - (5.0 - 2.0 - 4.0)).abs() < 1e-12);
    }
}
