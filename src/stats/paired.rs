//! What runs say about the change from a base to a head, on logarithms: as pairs, or as two samples.
//!
//! One run, or one pair of runs, is one value. In a pair one side runs first, and that alone may be worth 20 % (caches,
//! frequency, heat). With `b` for the effect of the place, a pair that ran the base first shows change + b, and one that ran
//! the head first shows change - b: so pairs of different orders are compared, and `b` cancels.

use rand::SeedableRng;
use rand_xoshiro::SplitMix64;

use super::hodges_lehmann::shift;
use super::permutation::{floor, permutation};
use super::sign_flip::{DRAWN, EXACT, sign_flip};
use super::student::student_t;

/// A pair of runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedValues {
    /// Of the base.
    pub base: f64,
    /// Of the head.
    pub head: f64,
    /// Whether the base ran first.
    pub base_first: bool,
}

/// A change with what is known of it, in natural logarithms of head over base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogChange {
    /// The median over all comparisons of Hodges and Lehmann.
    pub estimate: f64,
    /// Its 95 % interval; none with fewer than four values on a side.
    pub interval: Option<[f64; 2]>,
    /// One-sided probabilities, without any change, of one at least this far up, and down.
    pub by_chance: [f64; 2],
    /// The smallest probability that so many values can give.
    pub floor: f64,
    /// Standard error of the mean change.
    pub error: f64,
    /// Degrees of freedom of that error.
    pub degrees: usize,
    /// By what the second run of a pair differs from the first, with half of its 95 % interval; none of two samples.
    pub position: Option<[f64; 2]>,
}

/// The smallest one-sided probability of a sign-flip test of so many pairs: 8 of them give 0.0039.
pub fn floor_of_pairs(pairs: usize) -> f64 {
    let floor = 0.5_f64.powi(pairs.min(1_000) as i32);
    if pairs <= EXACT { floor } else { floor.max((DRAWN as f64).recip()) }
}

/// The change over pairs, of which at least two ran in either order; none where a value is not positive.
///
/// The test flips the signs of what the place leaves. Residuals of a fit with one parameter are smaller than the noise by
/// sqrt((n - 1) / n), and the flips make up for that: without it, 10 pairs raise 1.4 times as many alarms as the level
/// says; with it never more (`tests`).
pub fn change_of_pairs(pairs: &[PairedValues]) -> Option<LogChange> {
    let all_positive = pairs.iter().all(|pair| is_positive(pair.base) && is_positive(pair.head));
    let logs = |base_first: bool| -> Vec<f64> {
        let of_order = pairs.iter().filter(|pair| pair.base_first == base_first);
        of_order.map(|pair| (pair.head / pair.base).ln()).collect()
    };
    let (base_first, head_first) = (logs(true), logs(false));
    let (a, b, n) = (base_first.len() as f64, head_first.len() as f64, pairs.len() as f64);
    if !all_positive || base_first.len().min(head_first.len()) < 2 {
        return None;
    }
    // (r + r') / 2 over all pairs of pairs: the shift between the one and the negated other, halved.
    let negated: Vec<f64> = head_first.iter().map(|log| -log).collect();
    let (estimate, interval) = shift(&negated, &base_first)?;
    let (mean_a, mean_b) = (mean(&base_first), mean(&head_first));
    let place = (mean_a - mean_b) / 2.0;
    // What rounding leaves of equal values is no difference.
    let beyond_rounding = |log: f64| if log.abs() < 1e-12 { 0.0 } else { log };
    let residuals = base_first.iter().map(|log| log - place).chain(head_first.iter().map(|log| log + place));
    let residuals: Vec<f64> = residuals.map(beyond_rounding).collect();
    let scatter: f64 = base_first.iter().map(|log| (log - mean_a).powi(2)).sum::<f64>()
        + head_first.iter().map(|log| (log - mean_b).powi(2)).sum::<f64>();
    let degrees = pairs.len() - 2;
    // Of half the sum, as of half the difference, of the two means.
    let error = (scatter / degrees.max(1) as f64 * (1.0 / a + 1.0 / b) / 4.0).sqrt();
    let stretch = (n * n / (4.0 * a * b) * n / (n - 1.0)).sqrt();
    Some(LogChange {
        estimate: estimate / 2.0,
        interval: interval.map(|ends| ends.map(|end| end / 2.0)),
        by_chance: sign_flip(&residuals, stretch, &mut seeded(pairs.len())),
        floor: floor_of_pairs(pairs.len()),
        error,
        degrees: degrees.max(1),
        position: Some([place, student_t(0.95, degrees.max(1)) * error]),
    })
}

/// The change between two samples of at least two values each; none where a value is not positive. Whatever changed between
/// the two, beside base and head, is in it.
pub fn change_of_samples(base: &[f64], head: &[f64]) -> Option<LogChange> {
    if base.len().min(head.len()) < 2 || base.iter().chain(head).any(|value| !is_positive(*value)) {
        return None;
    }
    let logs = |values: &[f64]| -> Vec<f64> { values.iter().map(|value| value.ln()).collect() };
    let (base, head) = (logs(base), logs(head));
    let (estimate, interval) = shift(&base, &head)?;
    let error_squared = |values: &[f64]| {
        let mean = mean(values);
        let scatter: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        scatter / (values.len() as f64 * (values.len() as f64 - 1.0))
    };
    let [of_base, of_head] = [error_squared(&base), error_squared(&head)];
    let own = |error: f64, count: usize| error.powi(2) / (count as f64 - 1.0);
    let degrees = (of_base + of_head).powi(2) / (own(of_base, base.len()) + own(of_head, head.len()));
    Some(LogChange {
        estimate,
        interval,
        by_chance: permutation(&base, &head, &mut seeded(base.len() + head.len())),
        floor: floor(base.len(), head.len()),
        error: (of_base + of_head).sqrt(),
        degrees: if degrees.is_finite() { (degrees as usize).max(1) } else { base.len() + head.len() - 2 },
        position: None,
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn is_positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// The same numbers give the same answer, always.
fn seeded(count: usize) -> SplitMix64 {
    SplitMix64::seed_from_u64(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, Normal};

    /// Pairs of this noise, change and effect of the second place, orders balanced.
    fn pairs(count: usize, noise: f64, change: f64, place: f64, rng: &mut SplitMix64) -> Vec<PairedValues> {
        let law = Normal::new(0.0, noise).expect("finite");
        let mut pair = |at: usize| {
            let base_first = at.is_multiple_of(2);
            let place = if base_first { place } else { -place };
            PairedValues { base: 100.0, head: 100.0 * (change + place + law.sample(rng)).exp(), base_first }
        };
        (0..count).map(&mut pair).collect()
    }

    #[test]
    fn an_effect_of_the_place_is_no_change_and_no_noise() {
        let mut rng = SplitMix64::seed_from_u64(1);
        let mut still = pairs(10, 0.0, 0.0, 0.2, &mut rng);
        let found = change_of_pairs(&still).expect("positive");
        assert!(found.estimate.abs() < 1e-12 && found.error < 1e-12, "{found:?}");
        assert!(found.position.is_some_and(|[place, half]| (place - 0.2).abs() < 1e-9 && half < 1e-9), "{found:?}");
        assert_eq!(found.by_chance, [1.0, 1.0]);
        still.iter_mut().for_each(|pair| pair.head *= 1.1);
        let found = change_of_pairs(&still).expect("positive");
        assert!((found.estimate.exp() - 1.1).abs() < 1e-9);
        assert_eq!(found.by_chance[0], 1.0 / 1_024.0);
    }

    #[test]
    fn the_test_raises_no_more_alarms_than_its_level_says() {
        let mut rng = SplitMix64::seed_from_u64(2);
        for (place, level, trials) in [(0.0, 0.05, 4_000), (0.5, 0.05, 4_000), (0.0, 0.005, 8_000)] {
            let fired = (0..trials)
                .filter(|_| {
                    let found = change_of_pairs(&pairs(10, 0.1, 0.0, place, &mut rng)).expect("positive");
                    found.by_chance[0] <= level
                })
                .count() as f64;
            let expected = level * f64::from(trials);
            assert!(fired <= expected + 3.0 * expected.sqrt(), "{fired} of {trials} at {level}");
        }
    }

    #[test]
    fn both_intervals_hold_the_truth_as_often_as_they_say() {
        let mut rng = SplitMix64::seed_from_u64(3);
        let law = Normal::new(0.0, 0.1).expect("finite");
        let (mut of_pairs, mut of_samples) = (0, 0);
        let holds = |found: Option<LogChange>| {
            let [low, high] = found.and_then(|found| found.interval).expect("an interval");
            usize::from((low..=high).contains(&0.07))
        };
        for _ in 0..1_000 {
            of_pairs += holds(change_of_pairs(&pairs(10, 0.1, 0.07, 0.2, &mut rng)));
            let mut sample =
                |middle: f64| -> Vec<f64> { (0..7).map(|_| (middle + law.sample(&mut rng)).exp()).collect() };
            let (base, head) = (sample(1.0), sample(1.07));
            of_samples += holds(change_of_samples(&base, &head));
        }
        assert!(of_pairs >= 940 && of_samples >= 940, "{of_pairs} and {of_samples} of 1000");
    }

    #[test]
    fn what_cannot_be_compared_is_none() {
        let pair = |base_first| PairedValues { base: 1.0, head: 1.0, base_first };
        assert_eq!(change_of_pairs(&[pair(true); 9]), None, "one order only");
        let zero = PairedValues { head: 0.0, ..pair(true) };
        assert_eq!(change_of_pairs(&[pair(true), zero, pair(false), pair(false)]), None);
        assert_eq!(change_of_samples(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(change_of_samples(&[1.0, f64::NAN], &[1.0, 2.0]), None);
    }
}
