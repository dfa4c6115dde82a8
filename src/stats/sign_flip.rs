//! The sign-flip test: how often values as large as these, with signs drawn by lot, have a sum as far from zero.
//!
//! If nothing changed, the difference within a pair is as likely to point up as down, and each of the 2^n ways to set the
//! signs is equally likely (R. A. Fisher, The Design of Experiments, 1935). No law of the noise is assumed.

use rand::RngExt;
use rand_xoshiro::SplitMix64;

/// Up to this many values all flips are counted, 65,536 of them.
pub const EXACT: usize = 16;
/// Flips drawn for more values, what was observed among them: no probability is smaller than one in so many.
pub const DRAWN: u64 = 20_000;

/// One-sided probabilities of a sum at least as high, and at least as low, as that of the values.
///
/// `stretch` is the factor by which the flipped values are larger than the given ones: residuals of a fit are smaller than
/// the noise that they stand for.
pub fn sign_flip(values: &[f64], stretch: f64, rng: &mut SplitMix64) -> [f64; 2] {
    let observed: f64 = values.iter().sum();
    let flipped: Vec<f64> = values.iter().map(|value| value * stretch).collect();
    // A sum that is the same but for rounding counts as reached.
    let rounding = 1e-9 * flipped.iter().map(|value| value.abs()).sum::<f64>();
    if values.len() <= EXACT {
        let mut sum: f64 = flipped.iter().sum();
        let mut reached = count(sum, observed, rounding);
        let mut signs = vec![1.0; values.len()];
        // In the order of a Gray code, in which each step flips one sign.
        for step in 1_u32..1 << values.len() {
            let at = step.trailing_zeros() as usize;
            signs[at] = -signs[at];
            sum += 2.0 * signs[at] * flipped[at];
            let more = count(sum, observed, rounding);
            reached = [reached[0] + more[0], reached[1] + more[1]];
        }
        return reached.map(|reached| reached as f64 / (1_u64 << values.len()) as f64);
    }
    // What was observed is one of the flips.
    let mut reached = [1, 1];
    for _ in 1..DRAWN {
        let mut bits: u64 = 0;
        let sum: f64 = flipped
            .iter()
            .enumerate()
            .map(|(at, value)| {
                if at % 64 == 0 {
                    bits = rng.random();
                }
                bits >>= 1;
                if bits & 1 == 1 { *value } else { -value }
            })
            .sum();
        let more = count(sum, observed, rounding);
        reached = [reached[0] + more[0], reached[1] + more[1]];
    }
    reached.map(|reached| reached as f64 / DRAWN as f64)
}

fn count(sum: f64, observed: f64, rounding: f64) -> [u64; 2] {
    [u64::from(sum >= observed - rounding), u64::from(sum <= observed + rounding)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn flips(values: &[f64]) -> [f64; 2] {
        sign_flip(values, 1.0, &mut SplitMix64::seed_from_u64(1))
    }

    #[test]
    fn all_flips_of_three_values_by_hand() {
        // Sums of ±1 ±2 ±4: eight different ones from -7 to 7, of which 7, 5 and 3 are the highest.
        assert_eq!(flips(&[1.0, 2.0, 4.0]), [1.0 / 8.0, 1.0]);
        assert_eq!(flips(&[-1.0, 2.0, 4.0]), [2.0 / 8.0, 7.0 / 8.0]);
        assert_eq!(flips(&[1.0, -2.0, -4.0]), [7.0 / 8.0, 2.0 / 8.0]);
        assert_eq!(flips(&[0.0, 0.0]), [1.0, 1.0], "no difference at all");
    }

    #[test]
    fn the_smallest_probability_is_one_in_all_flips() {
        assert_eq!(flips(&[0.1; 8])[0], 1.0 / 256.0);
        assert_eq!(flips(&[0.1; 16])[0], 1.0 / 65_536.0);
    }

    #[test]
    fn drawn_flips_agree_with_the_binomial_law() {
        // 40 equal values of which 26 are positive: a sum as high needs at least 26 of 40 signs up, 0.0403 by the binomial.
        let values: Vec<f64> = (0..40).map(|at| if at < 26 { 1.0 } else { -1.0 }).collect();
        let [high, low] = flips(&values);
        assert!((high - 0.0403).abs() < 0.005, "{high}");
        assert!(low > 0.95, "{low}");
        assert!(flips(&[1.0; 40])[0] < 1e-4);
    }
}
