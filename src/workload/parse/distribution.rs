//! Reads distributions of numbers: `7`, `[1, 15]`, or a table such as
//! `{ choose = "lognormal", median = 2490, sigma = 0.9, min = 99, max = 499_900 }`.

use super::document::{Item, ParseResult, Section};
use crate::draw::lengths::LengthChooser;
use crate::draw::zipf::YCSB_EXPONENT;
use crate::workload::distribution::{Distribution, DistributionKind};

/// Whole numbers up to here are exact as floats, so that one pair of bounds serves both.
const LARGEST: f64 = 9_007_199_254_740_992.0;

type ReadDistribution = fn(&Section<'_>, ReadNumber) -> ParseResult<Distribution>;
/// Reads a bound or value: a whole number, or any number.
type ReadNumber = fn(&Item<'_>) -> ParseResult<f64>;

/// The named distributions, each with its parameters and how they are read. The first five are YCSB's laws for lengths.
const DISTRIBUTIONS: [(&str, &[&str], ReadDistribution); 9] = [
    ("constant", &["value"], |section, _| lengths(section, Ok(LengthChooser::constant(length(section, "value")?)))),
    ("uniform", &["min", "max"], |section, _| {
        lengths(section, LengthChooser::uniform(length(section, "min")?, length(section, "max")?))
    }),
    ("zipfian", &["min", "max", "exponent"], |section, _| {
        let exponent = section.get_or("exponent", YCSB_EXPONENT, Item::number)?;
        lengths(section, LengthChooser::zipfian(length(section, "min")?, length(section, "max")?, exponent))
    }),
    ("zipfian-ycsb", &["min", "max"], |section, _| {
        lengths(section, LengthChooser::zipfian_ycsb(length(section, "min")?, length(section, "max")?))
    }),
    ("histogram", &["block", "weights"], |section, _| {
        let weights = section.need("weights")?.items()?;
        let weights = weights.iter().map(whole).collect::<ParseResult<Vec<_>>>()?;
        lengths(section, LengthChooser::histogram(length(section, "block")?, &weights))
    }),
    ("normal", &["mean", "deviation", "min", "max"], |section, number| {
        let (mean, deviation) = (section.need("mean")?.number()?, section.need("deviation")?.positive()?);
        bounded(section, number, DistributionKind::Normal { mean, deviation })
    }),
    ("lognormal", &["median", "sigma", "min", "max"], |section, number| {
        let ln_median = section.need("median")?.positive()?.ln();
        let sigma = section.need("sigma")?.number_in(0.0, 10.0)?;
        bounded(section, number, DistributionKind::Lognormal { ln_median, sigma })
    }),
    ("exponential", &["mean", "min", "max"], |section, number| {
        bounded(section, number, DistributionKind::Exponential { mean: section.need("mean")?.positive()? })
    }),
    ("weighted", &["values", "weights"], weighted),
];

/// Reads whole numbers of which none can lie outside `least..=most`.
pub(super) fn ints(item: &Item<'_>, least: i64, most: i64) -> ParseResult<Distribution> {
    let numbers = read(item, |number| number.integer().map(|number| number as f64))?;
    let numbers = Distribution { min: numbers.min.ceil(), max: numbers.max.floor(), ..numbers };
    within(numbers, item, least as f64, most as f64)
}

/// Reads numbers, whole or not.
pub(super) fn floats(item: &Item<'_>) -> ParseResult<Distribution> {
    within(read(item, |number| number.number())?, item, -LARGEST, LARGEST)
}

fn read(item: &Item<'_>, number: ReadNumber) -> ParseResult<Distribution> {
    if item.is_table() {
        let section = item.section()?;
        let name = section.need("choose")?;
        let at = name.position("no distribution", name.text()?, DISTRIBUTIONS.map(|(name, ..)| name))?;
        let (_, parameters, read) = DISTRIBUTIONS[at];
        section.only(&[&["choose"], parameters].concat())?;
        return read(&section, number);
    }
    if !item.is_list() {
        return number(item).map(Distribution::constant);
    }
    match item.items()?.as_slice() {
        [min, max] => Ok(Distribution { kind: DistributionKind::Uniform, min: number(min)?, max: number(max)? }),
        _ => Err(item.error("a range has two ends; write [least, most]")),
    }
}

fn whole(item: &Item<'_>) -> ParseResult<u64> {
    item.integer_in(0, i64::MAX).map(i64::unsigned_abs)
}

fn length(section: &Section<'_>, name: &str) -> ParseResult<u64> {
    whole(&section.need(name)?)
}

fn lengths(section: &Section<'_>, chooser: Result<LengthChooser, String>) -> ParseResult<Distribution> {
    let lengths = chooser.map_err(|problem| section.error(problem))?;
    let (min, max) = (lengths.min() as f64, lengths.max() as f64);
    Ok(Distribution { kind: DistributionKind::Length(lengths), min, max })
}

fn bounded(section: &Section<'_>, number: ReadNumber, kind: DistributionKind) -> ParseResult<Distribution> {
    Ok(Distribution { kind, min: number(&section.need("min")?)?, max: number(&section.need("max")?)? })
}

fn weighted(section: &Section<'_>, number: ReadNumber) -> ParseResult<Distribution> {
    let values = section.need("values")?.items()?.iter().map(number).collect::<ParseResult<Vec<_>>>()?;
    let weights = section.need("weights")?;
    let sums = weights.items()?.into_iter().scan(0.0, |sum, weight| {
        Some(weight.positive().map(|weight| {
            *sum += weight;
            *sum
        }))
    });
    let sums = sums.collect::<ParseResult<Vec<_>>>()?;
    if values.is_empty() || values.len() != sums.len() {
        return Err(weights.error("there has to be one weight for each of the `values`, and at least one of them"));
    }
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Ok(Distribution { kind: DistributionKind::Weighted { values, sums }, min, max })
}

fn within(numbers: Distribution, item: &Item<'_>, least: f64, most: f64) -> ParseResult<Distribution> {
    let (min, max) = (numbers.min, numbers.max);
    if min > max {
        return Err(item.error(format!("the range is empty: {min} is above {max}; swap them")));
    }
    if min < least || max > most {
        let range = if min == max { min.to_string() } else { format!("{min} to {max}") };
        return Err(item.error(format!("{range} is out of range; write numbers from {least} to {most}")));
    }
    Ok(numbers)
}
