//! The Universal Scalability Law: throughput by the number of clients, with what contention and coherency cost.
//!
//! X(n) = l n / (1 + s (n - 1) + k n (n - 1)) (Gunther, Guerrilla Capacity Planning, 2007): l is the throughput of one client
//! alone, s the share of the work that is done one at a time, and k what it costs that everything has to agree with everything
//! else. Only k > 0 makes throughput fall beyond a peak, at n = sqrt((1 - s) / k).

use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;

use super::student::student_t;

/// The law is not believed beyond this multiple of the largest number of clients that was measured.
pub const FARTHEST: f64 = 2.0;
/// Refits of resampled residuals for the intervals.
const RESAMPLES: usize = 400;

/// A fitted law, each figure with its 95 % interval: [low, value, high].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScalabilityLaw {
    /// Throughput of one client alone, operations per second.
    pub one_client_per_s: [f64; 3],
    /// The share of the work that is done one at a time, 0 to 1.
    pub contention: [f64; 3],
    /// What agreement costs, for each pair of clients.
    pub coherency: [f64; 3],
    /// Clients at the peak, and the throughput there; `None` where the peak, or the upper end of its interval, lies beyond
    /// twice what was measured.
    pub peak: Option<([f64; 3], [f64; 3])>,
}

/// Coefficients of n / X = a + b (n - 1) + c n (n - 1), in which the law is linear.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Coefficients([f64; 3]);

impl Coefficients {
    fn per_s(self, clients: f64) -> f64 {
        let Coefficients([a, b, c]) = self;
        clients / (a + b * (clients - 1.0) + c * clients * (clients - 1.0))
    }

    fn peak(self) -> f64 {
        let Coefficients([a, b, c]) = self;
        ((a - b).max(0.0) / c).sqrt().max(1.0)
    }
}

/// Fits the law to (clients, throughput). `None` with fewer than four different numbers of clients: three figures are fitted.
pub fn scalability(levels: &[(f64, f64)], seed: u64) -> Option<ScalabilityLaw> {
    let mut clients: Vec<f64> = levels.iter().map(|(clients, _)| *clients).collect();
    clients.sort_by(f64::total_cmp);
    clients.dedup();
    if clients.len() < 4 || levels.iter().any(|(_, per_s)| *per_s <= 0.0) {
        return None;
    }
    let fitted = fit(levels)?;
    let residuals: Vec<f64> = levels.iter().map(|(clients, per_s)| per_s / fitted.per_s(*clients)).collect();
    // Residuals of a fit are smaller than the errors, by the figures that were fitted, and few of them tell little of their size.
    let degrees = levels.len().saturating_sub(3).max(1);
    let inflation = (levels.len() as f64 / degrees as f64).sqrt() * student_t(0.95, degrees) / 1.96;
    let mut rng = SplitMix64::seed_from_u64(seed);
    let mut refit = || {
        let resampled = levels.iter().map(|(clients, _)| {
            let error = (residuals[rng.random_range(0..residuals.len())] - 1.0) * inflation;
            (*clients, fitted.per_s(*clients) * (1.0 + error).max(0.01))
        });
        fit(&resampled.collect::<Vec<_>>())
    };
    let refits: Vec<Coefficients> = (0..RESAMPLES).filter_map(|_| refit()).collect();
    let interval = |figure: &dyn Fn(Coefficients) -> f64| {
        let mut all: Vec<f64> = refits.iter().map(|one| figure(*one)).collect();
        all.sort_by(f64::total_cmp);
        let value = figure(fitted);
        let at = |share: f64| all.get((share * all.len() as f64) as usize).copied().unwrap_or(value);
        [at(0.025).min(value), value, at(0.975).max(value)]
    };
    let peak = interval(&Coefficients::peak);
    let is_near = peak[2] <= FARTHEST * clients[clients.len() - 1];
    Some(ScalabilityLaw {
        one_client_per_s: interval(&|Coefficients([a, ..])| 1.0 / a),
        contention: interval(&|Coefficients([a, b, _])| b / a),
        coherency: interval(&|Coefficients([a, _, c])| c / a),
        peak: is_near.then(|| (peak, interval(&|one| one.per_s(one.peak())))),
    })
}

/// Least squares of the relative errors, with none of the coefficients below zero: of all sets of coefficients that may be
/// zero the one that fits best.
fn fit(levels: &[(f64, f64)]) -> Option<Coefficients> {
    // Divided by n / X, each equation asks for 1: an error of 1 % weighs the same at every level.
    let rows: Vec<[f64; 3]> =
        levels.iter().map(|&(n, per_s)| [1.0, n - 1.0, n * (n - 1.0)].map(|feature| feature * per_s / n)).collect();
    let sets: [&[usize]; 4] = [&[0, 1, 2], &[0, 1], &[0, 2], &[0]];
    let candidates = sets.iter().filter_map(|set| least_squares(&rows, set)).filter(|fit| {
        let Coefficients([a, b, c]) = fit;
        *a > 0.0 && *b >= 0.0 && *c >= 0.0
    });
    let error = |Coefficients(fit): &Coefficients| -> f64 {
        rows.iter().map(|row| (row.iter().zip(fit).map(|(x, y)| x * y).sum::<f64>() - 1.0).powi(2)).sum()
    };
    candidates.min_by(|one, other| error(one).total_cmp(&error(other)))
}

/// Solves the normal equations of these columns by Gauss and Jordan; the others stay zero.
fn least_squares(rows: &[[f64; 3]], set: &[usize]) -> Option<Coefficients> {
    let size = set.len();
    let mut matrix = vec![vec![0.0; size + 1]; size];
    for (at, row) in matrix.iter_mut().enumerate() {
        for (other, cell) in row.iter_mut().enumerate() {
            *cell = rows.iter().map(|r| r[set[at]] * set.get(other).map_or(1.0, |column| r[*column])).sum();
        }
    }
    for pivot in 0..size {
        let best = (pivot..size).max_by(|a, b| matrix[*a][pivot].abs().total_cmp(&matrix[*b][pivot].abs()))?;
        matrix.swap(pivot, best);
        let divisor = matrix[pivot][pivot];
        if divisor.abs() < 1e-12 {
            return None;
        }
        matrix[pivot].iter_mut().for_each(|cell| *cell /= divisor);
        let chosen = matrix[pivot].clone();
        for (_, row) in matrix.iter_mut().enumerate().filter(|(at, _)| *at != pivot) {
            let factor = row[pivot];
            row.iter_mut().zip(&chosen).for_each(|(cell, one)| *cell -= factor * one);
        }
    }
    let mut fit = [0.0; 3];
    set.iter().zip(&matrix).for_each(|(at, row)| fit[*at] = row[size]);
    Some(Coefficients(fit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    const CLIENTS: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

    fn law(one: f64, contention: f64, coherency: f64, clients: f64) -> f64 {
        one * clients / (1.0 + contention * (clients - 1.0) + coherency * clients * (clients - 1.0))
    }

    /// Two measurements of each number of clients with relative errors of this deviation.
    fn measured(contention: f64, coherency: f64, noise: f64, seed: u64) -> Vec<(f64, f64)> {
        let mut rng = SplitMix64::seed_from_u64(seed);
        let error = |rng: &mut SplitMix64| 1.0 + noise * Distribution::<f64>::sample(&StandardNormal, rng);
        let twice = CLIENTS.into_iter().chain(CLIENTS);
        twice.map(|n| (n, law(1_000.0, contention, coherency, n) * error(&mut rng))).collect()
    }

    #[test]
    fn without_noise_the_law_is_found_exactly() {
        let found = scalability(&measured(0.05, 0.001, 0.0, 1), 1).expect("seven levels");
        assert!((found.one_client_per_s[1] - 1_000.0).abs() < 1e-6, "{found:?}");
        assert!((found.contention[1] - 0.05).abs() < 1e-9 && (found.coherency[1] - 0.001).abs() < 1e-9, "{found:?}");
        let (clients, per_s) = found.peak.expect("within what was measured");
        assert!((clients[1] - (0.95_f64 / 0.001).sqrt()).abs() < 1e-6 && per_s[1] > law(1_000.0, 0.05, 0.001, 32.0));
    }

    #[test]
    fn nothing_is_said_beyond_twice_what_was_measured() {
        // The peak would be at 990 clients.
        let found = scalability(&measured(0.02, 1e-6, 0.01, 1), 1).expect("seven levels");
        assert_eq!(found.peak, None);
        assert_eq!(scalability(&measured(0.05, 0.001, 0.0, 1)[..3], 1), None, "three levels for three figures");
    }

    #[test]
    fn its_intervals_hold_the_truth_in_nine_of_ten_noisy_sweeps() {
        let held = (0..100).filter(|seed| {
            let found = scalability(&measured(0.05, 0.002, 0.03, 500 + seed), *seed).expect("seven levels");
            let [low, _, high] = found.peak.map_or([0.0; 3], |(clients, _)| clients);
            (low..=high).contains(&(0.95_f64 / 0.002).sqrt())
                && (found.contention[0]..=found.contention[2]).contains(&0.05)
        });
        let held = held.count();
        assert!(held >= 88, "{held} of 100 hold both the peak and the contention");
    }

    #[test]
    fn a_line_has_no_contention() {
        let found = scalability(&measured(0.0, 0.0, 0.01, 3), 3).expect("seven levels");
        assert!(found.contention[0] < 1e-9 && found.peak.is_none(), "{found:?}");
        assert!((found.one_client_per_s[1] / 1_000.0 - 1.0).abs() < 0.03, "{found:?}");
    }
}
