//! Reads how keys are chosen: a bare name, `key = "latest"`, or a table, `key = { choose = "zipfian", exponent = 0.9 }`.

use super::document::{Item, ParseResult, Section};
use crate::draw::keys::KeyChoice;
use crate::draw::zipf::YCSB_EXPONENT;

type ReadKeyChoice = fn(Option<&Section<'_>>) -> ParseResult<KeyChoice>;

/// The ways to choose keys, each with its parameters and how they are read, if there is a table.
const CHOICES: [(&str, &[&str], ReadKeyChoice); 7] = [
    ("uniform", &[], |_| Ok(KeyChoice::Uniform)),
    ("zipfian", &["exponent", "scatter"], |table| {
        Ok(KeyChoice::Zipfian {
            exponent: parameter(table, "exponent", YCSB_EXPONENT, Item::number)?,
            scatter: parameter(table, "scatter", true, Item::flag)?,
        })
    }),
    ("zipfian-ycsb", &[], |_| Ok(KeyChoice::ZipfianYcsb)),
    ("latest", &[], |_| Ok(KeyChoice::Latest)),
    // The defaults are YCSB's, here and below.
    ("hotspot", &["data_fraction", "operation_fraction"], |table| {
        Ok(KeyChoice::Hotspot {
            data_fraction: parameter(table, "data_fraction", 0.2, Item::number)?,
            operation_fraction: parameter(table, "operation_fraction", 0.8, Item::number)?,
        })
    }),
    ("exponential", &["percentile", "data_fraction"], |table| {
        Ok(KeyChoice::Exponential {
            percentile: parameter(table, "percentile", 95.0, Item::number)?,
            data_fraction: parameter(table, "data_fraction", 6.0 / 7.0, Item::number)?,
        })
    }),
    ("sequential", &[], |_| Ok(KeyChoice::Sequential)),
];

/// Reads a choice of keys.
pub(super) fn choice(item: &Item<'_>) -> ParseResult<KeyChoice> {
    let table = if item.is_table() { Some(item.section()?) } else { None };
    let name = table.as_ref().map_or(Ok(item.clone()), |table| table.need("choose"))?;
    let at = name.position("no way to choose keys", name.text()?, CHOICES.map(|(name, ..)| name))?;
    let (_, parameters, read) = CHOICES[at];
    if let Some(table) = &table {
        table.only(&[&["choose"], parameters].concat())?;
    }
    let choice = read(table.as_ref())?;
    choice.validate().map_err(|problem| item.error(problem))?;
    Ok(choice)
}

fn parameter<'a, T>(
    table: Option<&Section<'a>>,
    name: &str,
    default: T,
    read: impl FnOnce(&Item<'a>) -> ParseResult<T>,
) -> ParseResult<T> {
    Ok(table.map_or(Ok(None), |table| table.get(name, read))?.unwrap_or(default))
}
