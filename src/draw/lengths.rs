//! Lengths of fields, scans and lists: YCSB's laws (YCSB d9faaac8, `CoreWorkload` and its generators), and Zipf's own.

use crate::draw::zipf::{Zipfian, ZipfianYcsb};
use rand::RngExt;
use rand_xoshiro::SplitMix64;

/// Draws lengths by one of the laws.
#[derive(Debug, Clone)]
pub struct LengthChooser(LengthLaw);

#[derive(Debug, Clone)]
enum LengthLaw {
    Constant(u64),
    Uniform(u64, u64),
    Zipfian(u64, Zipfian),
    ZipfianYcsb(u64, ZipfianYcsb),
    /// The step, and the running sums of the weights.
    Histogram(u64, Vec<u64>),
}

impl LengthChooser {
    /// The same length every time.
    pub fn constant(length: u64) -> Self {
        LengthChooser(LengthLaw::Constant(length))
    }

    /// Every length from `min` to `max`, both included, is equally likely.
    ///
    /// # Errors
    ///
    /// If `max` is below `min`.
    pub fn uniform(min: u64, max: u64) -> Result<Self, String> {
        count(min, max)?;
        Ok(LengthChooser(LengthLaw::Uniform(min, max)))
    }

    /// Zipf's law, exactly; `min` is the most frequent.
    ///
    /// # Errors
    ///
    /// If `max` is below `min`, or the exponent is not above 0.
    pub fn zipfian(min: u64, max: u64, exponent: f64) -> Result<Self, String> {
        Ok(LengthChooser(LengthLaw::Zipfian(min, Zipfian::new(count(min, max)?, exponent)?)))
    }

    /// YCSB's `zipfian` lengths: the closed form with exponent 0.99; `min` is the most frequent.
    ///
    /// # Errors
    ///
    /// If `max` is below `min`.
    pub fn zipfian_ycsb(min: u64, max: u64) -> Result<Self, String> {
        Ok(LengthChooser(LengthLaw::ZipfianYcsb(min, ZipfianYcsb::new(count(min, max)?))))
    }

    /// Multiples of `block`: `block` itself with the first weight, twice `block` with the second, and so on.
    ///
    /// # Errors
    ///
    /// If the block is 0, all weights are 0, or a length or sum does not fit into 64 bits.
    pub fn histogram(block: u64, weights: &[u64]) -> Result<Self, String> {
        Ok(LengthChooser(LengthLaw::Histogram(block, running_sums(block, weights)?)))
    }

    /// The shortest length that can be drawn.
    pub fn min(&self) -> u64 {
        match &self.0 {
            LengthLaw::Constant(min) | LengthLaw::Uniform(min, _) => *min,
            LengthLaw::Zipfian(min, _) | LengthLaw::ZipfianYcsb(min, _) => *min,
            LengthLaw::Histogram(block, sums) => block * (1 + sums.partition_point(|sum| *sum == 0) as u64),
        }
    }

    /// The longest length that can be drawn.
    pub fn max(&self) -> u64 {
        match &self.0 {
            LengthLaw::Constant(length) | LengthLaw::Uniform(_, length) => *length,
            LengthLaw::Zipfian(min, ranks) => min + ranks.ranks() - 1,
            LengthLaw::ZipfianYcsb(min, ranks) => min + ranks.ranks() - 1,
            LengthLaw::Histogram(block, sums) => {
                let last = sums.partition_point(|sum| Some(sum) < sums.last());
                block * (1 + last as u64)
            }
        }
    }

    /// Draws a length between `min` and `max`, both included.
    #[inline]
    pub fn draw(&self, rng: &mut SplitMix64) -> u64 {
        match &self.0 {
            LengthLaw::Constant(length) => *length,
            LengthLaw::Uniform(min, max) => rng.random_range(*min..=*max),
            LengthLaw::Zipfian(min, ranks) => min + ranks.draw(rng),
            LengthLaw::ZipfianYcsb(min, ranks) => min + ranks.draw(rng),
            LengthLaw::Histogram(block, sums) => {
                let ticket = rng.random_range(0..sums.last().copied().unwrap_or(1));
                block * (1 + sums.partition_point(|sum| *sum <= ticket) as u64)
            }
        }
    }
}

/// How many lengths there are from `min` to `max`, both included.
fn count(min: u64, max: u64) -> Result<u64, String> {
    match max.checked_sub(min).and_then(|span| span.checked_add(1)) {
        Some(count) => Ok(count),
        None => Err(format!("min = {min}, max = {max}: a range of lengths needs min up to max")),
    }
}

/// The running sums of a histogram's weights, after checking that all lengths and sums fit into 64 bits.
fn running_sums(block: u64, weights: &[u64]) -> Result<Vec<u64>, String> {
    if block.checked_mul(weights.len() as u64).is_none_or(|longest| longest == 0) {
        return Err(format!("block = {block}: a histogram needs a block above 0 and some weights"));
    }
    let mut sum = 0_u64;
    let add = |weight: &u64| {
        sum = sum.checked_add(*weight)?;
        Some(sum)
    };
    match weights.iter().map(add).collect::<Option<Vec<_>>>() {
        Some(sums) if sum > 0 => Ok(sums),
        _ => Err("weights: a histogram needs weights whose sum is above 0 and below 2^64".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn invalid_parameters_are_refused_by_name() {
        let wrong = [
            (LengthChooser::uniform(9, 1), "min = 9, max = 1"),
            (LengthChooser::zipfian(1, 9, 0.0), "exponent"),
            (LengthChooser::histogram(0, &[1]), "block = 0"),
            (LengthChooser::histogram(10, &[0, 0]), "weights"),
        ];
        for (chooser, parameter) in wrong {
            let refusal = chooser.expect_err("the parameters are invalid");
            assert!(refusal.contains(parameter), "{refusal}");
        }
    }

    #[test]
    fn lengths_reach_both_ends_and_favour_the_shortest() {
        let choosers = [
            LengthChooser::uniform(3, 6),
            LengthChooser::zipfian(3, 6, 0.99),
            LengthChooser::zipfian_ycsb(3, 6),
            LengthChooser::histogram(1, &[0, 0, 5, 2, 2, 2, 0]),
        ];
        for chooser in choosers.map(|chooser| chooser.expect("valid parameters")) {
            let mut counts = [0_u32; 8];
            let mut rng = SplitMix64::seed_from_u64(11);
            (0..10_000).for_each(|_| counts[chooser.draw(&mut rng) as usize] += 1);
            assert_eq!((chooser.min(), chooser.max()), (3, 6));
            assert!(counts[..3].iter().chain(&counts[7..]).all(|count| *count == 0), "{chooser:?}: {counts:?}");
            assert!(counts[3..7].iter().all(|count| *count > 500), "{chooser:?}: {counts:?}");
            let is_uniform = matches!(chooser.0, LengthLaw::Uniform(..));
            assert!(is_uniform || counts[3] > 2 * counts[6], "{chooser:?}: {counts:?}");
        }
    }
}
