//! The permutation test of two samples that are no pairs: how often labels drawn by lot set the sides as far apart.
//!
//! The statistic is Welch's t, so that sides that scatter differently, or of which one has more runs, raise no alarm
//! (E. Chung & J. P. Romano, Annals of Statistics 41, 2013).

use rand::seq::SliceRandom;
use rand_xoshiro::SplitMix64;

/// Up to this many ways to label the runs, all are counted: eight runs on each side have 12,870.
const EXACT: f64 = 20_000.0;
/// Ways that are drawn where there are more.
const DRAWN: u64 = 20_000;

/// One-sided probabilities that `b` lies at least as far above `a`, and at least as far below.
pub fn permutation(a: &[f64], b: &[f64], rng: &mut SplitMix64) -> [f64; 2] {
    if ways(a.len(), b.len()) <= EXACT && a.len() + b.len() < 64 { counted(a, b) } else { drawn(a, b, rng) }
}

/// The smallest of these probabilities.
pub fn floor(a: usize, b: usize) -> f64 {
    ways(a, b).min(DRAWN as f64).recip()
}

fn counted(a: &[f64], b: &[f64]) -> [f64; 2] {
    let labelled = Labelled::from_samples(a, b);
    let reached = subsets(labelled.all.len(), b.len()).map(|subset| {
        let chosen = labelled.all.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1);
        labelled.reached(Sums::of(chosen.map(|(_, value)| value)))
    });
    reached.fold([0, 0], add).map(|reached| reached as f64 / ways(a.len(), b.len()))
}

fn drawn(a: &[f64], b: &[f64], rng: &mut SplitMix64) -> [f64; 2] {
    let mut labelled = Labelled::from_samples(a, b);
    // What was observed is one of the ways.
    let mut reached = [1, 1];
    for _ in 1..DRAWN {
        let (chosen, _) = labelled.all.partial_shuffle(rng, b.len());
        let sums = Sums::of(chosen.iter());
        reached = add(reached, labelled.reached(sums));
    }
    reached.map(|reached| reached as f64 / DRAWN as f64)
}

fn add(sum: [u64; 2], more: [u64; 2]) -> [u64; 2] {
    [sum[0] + more[0], sum[1] + more[1]]
}

/// All values, and how far apart the sides were.
struct Labelled {
    all: Vec<f64>,
    sums: Sums,
    observed: f64,
}

impl Labelled {
    fn from_samples(a: &[f64], b: &[f64]) -> Labelled {
        let mut all: Vec<f64> = a.iter().chain(b).copied().collect();
        // About their mean, so that sums of squares keep their digits.
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        all.iter_mut().for_each(|value| *value -= mean);
        let (sums, of_b) = (Sums::of(all.iter()), Sums::of(all[a.len()..].iter()));
        Labelled { observed: sums.less(of_b).welch(of_b), sums, all }
    }

    /// Whether a side of these sums lies as far above the rest as was observed, and as far below.
    fn reached(&self, of_b: Sums) -> [u64; 2] {
        let (t, rounding) = (self.sums.less(of_b).welch(of_b), 1e-9 * self.observed.abs());
        [u64::from(t >= self.observed - rounding), u64::from(t <= self.observed + rounding)]
    }
}

/// In how many ways the labels of two samples can be drawn.
fn ways(a: usize, b: usize) -> f64 {
    (1..=a.min(b)).map(|k| (a.max(b) + k) as f64 / k as f64).product::<f64>().round()
}

/// All sets of `count` bits out of `bits`, rising (R. W. Gosper's hack: HAKMEM, 1972, item 175).
fn subsets(bits: usize, count: usize) -> impl Iterator<Item = u64> {
    let first = (1_u64 << count) - 1;
    let next = move |set: &u64| {
        let lowest = set & set.wrapping_neg();
        let ripple = set + lowest;
        let next = (((ripple ^ set) >> 2) / lowest) | ripple;
        (next < 1 << bits).then_some(next)
    };
    std::iter::successors(Some(first), next)
}

/// Count, sum and sum of squares.
#[derive(Debug, Clone, Copy)]
struct Sums {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn of<'a>(values: impl Iterator<Item = &'a f64>) -> Sums {
        values.fold(Sums { count: 0.0, sum: 0.0, squares: 0.0 }, |sums, value| Sums {
            count: sums.count + 1.0,
            sum: sums.sum + value,
            squares: sums.squares + value * value,
        })
    }

    fn less(self, other: Sums) -> Sums {
        Sums { count: self.count - other.count, sum: self.sum - other.sum, squares: self.squares - other.squares }
    }

    fn error_squared(self) -> f64 {
        (self.squares - self.sum * self.sum / self.count).max(0.0) / (self.count * (self.count - 1.0))
    }

    /// By how many standard errors the mean of `b` lies above this one. Values that do not scatter have an error of next to
    /// nothing instead of none.
    fn welch(self, b: Sums) -> f64 {
        (b.sum / b.count - self.sum / self.count) / (self.error_squared() + b.error_squared()).sqrt().max(1e-12)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn tested(a: &[f64], b: &[f64]) -> [f64; 2] {
        permutation(a, b, &mut SplitMix64::seed_from_u64(1))
    }

    #[test]
    fn sides_that_do_not_overlap_are_one_way_in_all() {
        assert_eq!([ways(3, 3), ways(10, 10), ways(8, 2)], [20.0, 184_756.0, 45.0]);
        assert_eq!(tested(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.5]), [1.0 / 20.0, 1.0]);
        let (low, high): (Vec<f64>, Vec<f64>) = ((0..8).map(f64::from).collect(), (8..16).map(f64::from).collect());
        assert_eq!(tested(&low, &high)[0], 1.0 / 12_870.0);
        assert_eq!(tested(&high, &low)[1], 1.0 / 12_870.0);
    }

    #[test]
    fn counts_that_do_not_scatter_are_told_apart_and_equal_ones_are_not() {
        assert_eq!(tested(&[3.0; 8], &[4.0; 8])[0], 1.0 / 12_870.0);
        assert_eq!(tested(&[3.0; 8], &[3.0; 8]), [1.0, 1.0]);
    }

    #[test]
    fn drawn_labels_agree_with_all_of_them() {
        let values: Vec<f64> = (0..16).map(|at| f64::from(at * 7 % 16) + if at >= 8 { 4.0 } else { 0.0 }).collect();
        let (a, b) = values.split_at(8);
        let (exact, drawn) = (counted(a, b), drawn(a, b, &mut SplitMix64::seed_from_u64(1)));
        assert!((0.01..0.2).contains(&exact[0]), "{exact:?}");
        assert!((exact[0] - drawn[0]).abs() < 0.005 && (exact[1] - drawn[1]).abs() < 0.005, "{exact:?} {drawn:?}");
    }
}
