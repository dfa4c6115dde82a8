//! What a gate prints and exports. Everything is a function of its record.

mod calibration;
mod exports;
#[cfg(test)]
pub(super) mod fixtures;
mod junit;
mod markdown;
pub(super) mod rows;
#[cfg(test)]
mod tests;
mod text;

pub use calibration::calibration;
pub use text::{text, verdict};

use super::chart;
use crate::gate::{GateRecord, GateVerdict};

/// The record and every file that derives from it, by name.
///
/// # Errors
/// When one cannot be written as text or drawn, which would be a bug.
pub fn files(record: &GateRecord) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = vec![
        ("gate.json", record.to_json()?),
        ("gate.md", markdown::markdown(record)),
        ("gate.svg", chart::of_gate(record)?),
        ("junit.xml", junit::junit(record)?),
    ];
    // What other tools keep as history must be figures that may be compared.
    if record.verdict != GateVerdict::Incomparable {
        files.extend([
            ("benchmark-smaller.json", exports::action_benchmark(record, false)?),
            ("benchmark-bigger.json", exports::action_benchmark(record, true)?),
            ("bencher.json", exports::bencher(record)?),
            ("base.bench.txt", exports::go_benchmark(record, |pair| pair.base.as_ref())),
            ("head.bench.txt", exports::go_benchmark(record, |pair| pair.head.as_ref())),
        ]);
    }
    Ok(files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect())
}
