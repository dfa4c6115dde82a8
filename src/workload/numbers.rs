//! Distributions of numbers as a workload writes them: `7`, `[1, 15]`, or a table such as
//! `{ choose = "lognormal", median = 2490, sigma = 0.9, min = 99, max = 499_900 }`.
//!
//! They serve for contents, lengths, counts and limits alike. Which key is drawn is not here (`generate/keys.rs`).

use super::reader::{Item, Reading, Section, not_one_of};
use crate::draw::lengths::{LengthChoice, LengthChooser};
use rand::RngExt;
use rand_distr::{Exp1, StandardNormal};
use rand_xoshiro::SplitMix64;

/// Whole numbers up to here are exact as floats, so that one pair of bounds serves both.
pub(super) const LARGEST: f64 = 9_007_199_254_740_992.0;

/// A distribution whose draws lie between two bounds.
#[derive(Debug, Clone)]
pub struct Numbers {
    shape: Shape,
    min: f64,
    max: f64,
}

#[derive(Debug, Clone)]
enum Shape {
    /// Every whole number alike (of `ints`), or every number alike.
    Uniform,
    /// YCSB's laws for lengths.
    Length(LengthChooser),
    /// Bell-shaped.
    Normal { mean: f64, deviation: f64 },
    /// Most are small and a few are large: prices, sizes, incomes.
    Lognormal { ln_median: f64, sigma: f64 },
    /// Gaps between independent events.
    Exponential { mean: f64 },
    /// These numbers, with the running sums of their weights.
    Weighted { values: Vec<f64>, sums: Vec<f64> },
}

/// The shapes with a name that are not YCSB's, with the keys that they take.
const SHAPES: [(&str, &[&str]); 4] = [
    ("normal", &["choose", "mean", "deviation", "min", "max"]),
    ("lognormal", &["choose", "median", "sigma", "min", "max"]),
    ("exponential", &["choose", "mean", "min", "max"]),
    ("weighted", &["choose", "values", "weights"]),
];
const LENGTHS: [&str; 5] = ["constant", "uniform", "zipfian", "zipfian-ycsb", "histogram"];

impl Numbers {
    /// Always the same.
    pub fn constant(number: f64) -> Self {
        Numbers { shape: Shape::Uniform, min: number, max: number }
    }

    /// The smallest that can be drawn.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The largest that can be drawn.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// A whole number.
    #[inline]
    pub fn int(&self, rng: &mut SplitMix64) -> i64 {
        match &self.shape {
            Shape::Uniform if self.min == self.max => self.min as i64,
            Shape::Uniform => rng.random_range(self.min as i64..=self.max as i64),
            Shape::Length(lengths) => lengths.draw(rng) as i64,
            _ => self.float(rng).round() as i64,
        }
    }

    /// A number.
    pub fn float(&self, rng: &mut SplitMix64) -> f64 {
        let number = match &self.shape {
            Shape::Uniform => self.min + (self.max - self.min) * rng.random::<f64>(),
            Shape::Length(lengths) => lengths.draw(rng) as f64,
            Shape::Normal { mean, deviation } => mean + deviation * rng.sample::<f64, _>(StandardNormal),
            Shape::Lognormal { ln_median, sigma } => (ln_median + sigma * rng.sample::<f64, _>(StandardNormal)).exp(),
            Shape::Exponential { mean } => mean * rng.sample::<f64, _>(Exp1),
            Shape::Weighted { values, sums } => {
                let ticket = rng.random::<f64>() * sums[sums.len() - 1];
                values[sums.partition_point(|sum| *sum <= ticket).min(values.len() - 1)]
            }
        };
        number.clamp(self.min, self.max)
    }

    /// Reads whole numbers of which none can lie outside `least..=most`.
    pub(super) fn ints(item: &Item<'_>, least: i64, most: i64) -> Reading<Self> {
        let numbers = Self::read(item, |number| number.integer().map(|number| number as f64))?;
        let numbers = Numbers { min: numbers.min.ceil(), max: numbers.max.floor(), ..numbers };
        numbers.within(item, least as f64, most as f64)
    }

    /// Reads numbers, whole or not.
    pub(super) fn floats(item: &Item<'_>) -> Reading<Self> {
        Self::read(item, |number| number.number())?.within(item, -LARGEST, LARGEST)
    }

    fn read(item: &Item<'_>, bound: impl Fn(&Item<'_>) -> Reading<f64>) -> Reading<Self> {
        if item.is_table() {
            return Self::named(item, bound);
        }
        if !item.is_list() {
            return bound(item).map(Numbers::constant);
        }
        match item.items()?.as_slice() {
            [min, max] => Ok(Numbers { shape: Shape::Uniform, min: bound(min)?, max: bound(max)? }),
            _ => Err(item.fault("a range has two ends; write [least, most]")),
        }
    }

    fn named(item: &Item<'_>, bound: impl Fn(&Item<'_>) -> Reading<f64>) -> Reading<Self> {
        let section = item.section()?;
        let choice = section.need("choose")?;
        let name = choice.text()?;
        if LENGTHS.contains(&name) {
            let choice: LengthChoice = item.parse()?;
            let lengths = LengthChooser::new(&choice).map_err(|why| item.fault(why))?;
            let (min, max) = (least(&choice) as f64, lengths.max() as f64);
            return Ok(Numbers { shape: Shape::Length(lengths), min, max });
        }
        let Some((_, keys)) = SHAPES.iter().find(|(shape, _)| *shape == name) else {
            let all: Vec<_> = LENGTHS.into_iter().chain(SHAPES.iter().map(|(name, _)| *name)).collect();
            return Err(choice.fault(not_one_of("no distribution", name, &all)));
        };
        section.only(keys)?;
        if name == "weighted" {
            return Self::weighted(&section, bound);
        }
        let positive = |name| section.need(name)?.positive();
        let shape = match name {
            "normal" => Shape::Normal { mean: section.need("mean")?.number()?, deviation: positive("deviation")? },
            "lognormal" => Shape::Lognormal {
                ln_median: positive("median")?.ln(),
                sigma: section.need("sigma")?.number_in(0.0, 10.0)?,
            },
            _ => Shape::Exponential { mean: positive("mean")? },
        };
        Ok(Numbers { shape, min: bound(&section.need("min")?)?, max: bound(&section.need("max")?)? })
    }

    fn weighted(section: &Section<'_>, value: impl Fn(&Item<'_>) -> Reading<f64>) -> Reading<Self> {
        let values = section.need("values")?.items()?.iter().map(value).collect::<Reading<Vec<_>>>()?;
        let weights = section.need("weights")?;
        let sums = weights.items()?.into_iter().scan(0.0, |sum, weight| {
            Some(weight.positive().map(|weight| {
                *sum += weight;
                *sum
            }))
        });
        let sums = sums.collect::<Reading<Vec<_>>>()?;
        if values.is_empty() || values.len() != sums.len() {
            return Err(weights.fault("there has to be one weight for each of the `values`, and at least one of them"));
        }
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(Numbers { shape: Shape::Weighted { values, sums }, min, max })
    }

    fn within(self, item: &Item<'_>, least: f64, most: f64) -> Reading<Self> {
        if self.min > self.max {
            return Err(item.fault(format!("the range is empty: {} is above {}; swap them", self.min, self.max)));
        }
        if self.min < least || self.max > most {
            let range =
                if self.min == self.max { self.min.to_string() } else { format!("{} to {}", self.min, self.max) };
            return Err(item.fault(format!("{range} is out of range; write numbers from {least} to {most}")));
        }
        Ok(self)
    }
}

fn least(choice: &LengthChoice) -> u64 {
    match choice {
        LengthChoice::Constant { value } => *value,
        LengthChoice::Uniform { min, .. }
        | LengthChoice::Zipfian { min, .. }
        | LengthChoice::ZipfianYcsb { min, .. } => *min,
        LengthChoice::Histogram { block, .. } => *block,
    }
}
