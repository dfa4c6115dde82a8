//! What a gate prints and exports. Everything is a function of its record.

#[cfg(test)]
mod fixtures;
mod rows;
#[cfg(test)]
mod tests;
mod text;

pub use text::{text, verdict};

use crate::gate::GateRecord;

/// The record and every file that derives from it, by name.
///
/// # Errors
/// When one cannot be written as text, which would be a bug.
pub fn files(record: &GateRecord) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    Ok(vec![("gate.json".to_owned(), record.to_json()?.into_bytes())])
}
