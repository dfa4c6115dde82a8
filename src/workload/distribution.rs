//! Distributions of numbers: for values, lengths, counts and limits alike. Which key is drawn is decided in `draw/keys.rs`;
//! the TOML spelling is read in `parse/distribution.rs`.

use crate::draw::lengths::LengthChooser;
use rand::RngExt;
use rand_distr::{Exp1, StandardNormal};
use rand_xoshiro::SplitMix64;

/// A distribution whose draws lie between two bounds.
#[derive(Debug, Clone)]
pub struct Distribution {
    pub(super) kind: DistributionKind,
    pub(super) min: f64,
    pub(super) max: f64,
}

#[derive(Debug, Clone)]
pub(super) enum DistributionKind {
    /// All whole numbers (of `int`) or all numbers (of `float`) between the bounds are equally likely.
    Uniform,
    /// YCSB's laws for lengths.
    Length(LengthChooser),
    Normal {
        mean: f64,
        deviation: f64,
    },
    /// Most are small and a few are large: prices, sizes, incomes.
    Lognormal {
        ln_median: f64,
        sigma: f64,
    },
    /// Gaps between independent events.
    Exponential {
        mean: f64,
    },
    /// Listed numbers, with the running sums of their weights.
    Weighted {
        values: Vec<f64>,
        sums: Vec<f64>,
    },
}

impl Distribution {
    /// The distribution that always gives this number.
    pub fn constant(number: f64) -> Self {
        Distribution { kind: DistributionKind::Uniform, min: number, max: number }
    }

    /// The smallest number that can be drawn.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The largest number that can be drawn.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Draws a whole number.
    #[inline]
    pub fn int(&self, rng: &mut SplitMix64) -> i64 {
        match &self.kind {
            DistributionKind::Uniform if self.min == self.max => self.min as i64,
            DistributionKind::Uniform => rng.random_range(self.min as i64..=self.max as i64),
            DistributionKind::Length(lengths) => lengths.draw(rng) as i64,
            _ => self.float(rng).round() as i64,
        }
    }

    /// Draws a number, whole or not.
    pub fn float(&self, rng: &mut SplitMix64) -> f64 {
        let number = match &self.kind {
            DistributionKind::Uniform => self.min + (self.max - self.min) * rng.random::<f64>(),
            DistributionKind::Length(lengths) => lengths.draw(rng) as f64,
            DistributionKind::Normal { mean, deviation } => mean + deviation * rng.sample::<f64, _>(StandardNormal),
            DistributionKind::Lognormal { ln_median, sigma } => {
                (ln_median + sigma * rng.sample::<f64, _>(StandardNormal)).exp()
            }
            DistributionKind::Exponential { mean } => mean * rng.sample::<f64, _>(Exp1),
            DistributionKind::Weighted { values, sums } => {
                let ticket = rng.random::<f64>() * sums[sums.len() - 1];
                values[sums.partition_point(|sum| *sum <= ticket).min(values.len() - 1)]
            }
        };
        number.clamp(self.min, self.max)
    }
}
