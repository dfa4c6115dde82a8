//! Reports: the record of an experiment as text, tables, charts and a document. Functions of the record alone: no store,
//! no clock and no measuring is known here, and nothing is written; exporters return bytes.

pub mod chart;
pub mod csv;
mod group;
pub mod png;
mod reading;
mod table;
pub mod text;
pub mod units;
mod words;

#[cfg(test)]
pub(crate) mod fixture;

use crate::record::{Experiment, OperationRecord, Run};

/// Every derived file: its path within the results folder, and its content.
pub fn render(experiment: &Experiment) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    Ok(vec![
        ("summary.csv".to_owned(), csv::summary(experiment)?),
        ("timeline.csv".to_owned(), csv::timeline(experiment)?),
    ])
}

/// Successes of an operation per second of the measurement.
fn per_second(run: &Run, operation: &OperationRecord) -> f64 {
    if run.phases.measure_s > 0.0 { operation.ok as f64 / run.phases.measure_s } else { 0.0 }
}

/// Lowest, median and highest of one or more values.
fn spread_of(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let last = sorted.len().saturating_sub(1);
    [at(0), (at(last / 2) + at(sorted.len() / 2)) / 2.0, at(last)]
}
