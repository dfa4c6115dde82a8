//! The permutation test of two samples that are no pairs: how often labels drawn by lot set the sides as far apart.
//!
//! The statistic is Welch's t, so that sides that scatter differently, or of which one has more runs, raise no alarm
//! (E. Chung & J. P. Romano, Annals of Statistics 41, 2013).

use rand::seq::SliceRandom;
use rand_xoshiro::SplitMix64;

/// Up to this many ways to label the runs, all are counted: ten runs on each side have 184,756.
const EXACT: f64 = 200_000.0;
/// Ways that are drawn where there are more.
const DRAWN: u64 = 100_000;

/// One-sided probabilities that `b` lies at least as far above `a`, and at least as far below.
pub fn permutation(a: &[f64], b: &[f64], rng: &mut SplitMix64) -> [f64; 2] {
    let mut all: Vec<f64> = a.iter().chain(b).copied().collect();
    // About their mean, so that sums of squares keep their digits.
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    all.iter_mut().for_each(|value| *value -= mean);
    let of_all = Sums::of(all.iter());
    let statistic = |of_b: Sums| of_all.less(of_b).welch(of_b);
    let observed = statistic(Sums::of(all[a.len()..].iter()));
    let rounding = 1e-9 * observed.abs();
    let is_reached = |t: f64| [u64::from(t >= observed - rounding), u64::from(t <= observed + rounding)];
    let add = |sum: [u64; 2], more: [u64; 2]| [sum[0] + more[0], sum[1] + more[1]];
    let ways = ways(a.len(), b.len());
    if ways <= EXACT && all.len() < 64 {
        let reached = subsets(all.len(), b.len()).map(|subset| {
            let chosen = all.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1).map(|(_, value)| value);
            is_reached(statistic(Sums::of(chosen)))
        });
        return reached.fold([0, 0], add).map(|reached| reached as f64 / ways);
    }
    let mut reached = [1, 1];
    for _ in 0..DRAWN {
        let (chosen, _) = all.partial_shuffle(rng, b.len());
        reached = add(reached, is_reached(statistic(Sums::of(chosen.iter()))));
    }
    reached.map(|reached| reached as f64 / (DRAWN + 1) as f64)
}

/// In how many ways the labels of two samples can be drawn.
pub fn ways(a: usize, b: usize) -> f64 {
    (1..=a.min(b)).map(|k| (a.max(b) + k) as f64 / k as f64).product::<f64>().round()
}

/// All sets of `count` bits out of `bits`, rising (R. W. Gosper's hack: HAKMEM, 1972, item 175).
fn subsets(bits: usize, count: usize) -> impl Iterator<Item = u64> {
    let first = (1_u64 << count) - 1;
    let next = move |set: &u64| {
        let lowest = set & set.wrapping_neg();
        let ripple = set + lowest;
        let next = ((ripple ^ set) >> 2) / lowest | ripple;
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
        let values: Vec<f64> = (0..24).map(|at| f64::from(at * 7 % 24) + if at >= 12 { 5.0 } else { 0.0 }).collect();
        let (a, b) = values.split_at(12);
        let drawn = tested(a, b)[0];
        assert!((0.02..0.08).contains(&drawn), "{drawn}");
        // Welch's t with 22 degrees of freedom says much the same.
        let exact = tested(&values[..9], &values[12..21]);
        assert!(exact[0] > 0.0 && exact[0] + exact[1] >= 1.0, "{exact:?}");
    }
}
