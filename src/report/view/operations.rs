//! The operations of a group: one row for each operation and store, and one for all operations together.

use super::figure::Figure;
use crate::record::{Latency, Mode, OperationRecord, Run};
use crate::report::group::{Cell, Group};
use crate::report::lists::distinct;
use crate::report::reading::Percentile;
use crate::report::slo;
use crate::report::words;
use crate::stats::Judgement;
use crate::units;

/// The operations of one group; columns that would be empty in every row are not shown.
#[derive(Debug)]
pub struct Operations {
    /// Whether a column says which store.
    pub stores: bool,
    /// Whether a floor refused any.
    pub refused: bool,
    /// Whether any was tried again.
    pub retried: bool,
    /// Whether the loop was open, so that service time differs from response time.
    pub open: bool,
    /// Whether any has a limit.
    pub limited: bool,
    /// A row for each operation and store; then one for each store, over all operations. None where no run is valid.
    pub bodies: [Vec<OperationRow>; 2],
}

/// One operation on one store, over the valid runs.
#[derive(Debug)]
pub struct OperationRow {
    pub store: String,
    /// Its name, or `all operations`.
    pub name: String,
    pub ok: Figure,
    /// Their share of all successes.
    pub share: Figure,
    /// Successes that were refusals, as the workload expects.
    pub refused: Figure,
    pub failed: Figure,
    /// Attempts after the first.
    pub retries: Figure,
    /// Successes per second of the measurement.
    pub per_second: Figure,
    /// p50, p99 and p99.9 of the response time.
    pub latency: [Figure; 3],
    /// The slowest of all runs.
    pub largest: Figure,
    /// p99 of the service time.
    pub service: Figure,
    /// Limits, and whether they were kept.
    pub slo: Vec<(Judgement, String)>,
}

/// The operations of a group; without rows where no run is valid.
pub fn operations(group: &Group<'_>) -> Operations {
    let rows: Vec<OperationRow> = group.cells.iter().flat_map(rows).collect();
    let totals: Vec<OperationRow> = group.cells.iter().filter_map(total).collect();
    let any =
        |of: fn(&OperationRow) -> &Figure| totals.iter().any(|row| of(row).sort.is_some_and(|number| number > 0.0));
    Operations {
        stores: group.cells.len() > 1,
        refused: any(|row| &row.refused),
        retried: any(|row| &row.retries),
        open: group.mode == Mode::Open,
        limited: rows.iter().chain(&totals).any(|row| !row.slo.is_empty()),
        bodies: [rows, totals],
    }
}

fn rows(cell: &Cell<'_>) -> Vec<OperationRow> {
    let valid: Vec<&Run> = cell.valid().collect();
    let names = distinct(valid.iter().flat_map(|run| run.operations.keys()));
    names.into_iter().map(|name| row(&valid, Some(name))).collect()
}

fn total(cell: &Cell<'_>) -> Option<OperationRow> {
    let valid: Vec<&Run> = cell.valid().collect();
    (!valid.is_empty()).then(|| row(&valid, None))
}

fn row(valid: &[&Run], name: Option<&str>) -> OperationRow {
    let found = records(valid, name);
    let sum = |of: fn(&OperationRecord) -> u64| Figure::count(found.iter().map(|(_, record)| of(record)).sum());
    let response: Vec<&Latency> = found.iter().map(|(_, record)| &record.response_ns).collect();
    let service: Vec<&Latency> = found.iter().map(|(_, record)| &record.service_ns).collect();
    let rates: Vec<f64> = found.iter().map(|(run, record)| run.per_second(record)).collect();
    OperationRow {
        store: words::store(valid[0]),
        name: name.unwrap_or("all operations").to_owned(),
        ok: sum(|record| record.ok),
        share: share(&found),
        refused: sum(|record| record.refused),
        failed: sum(|record| record.failed),
        retries: sum(|record| record.retries),
        per_second: if name.is_none() { Figure::throughput(valid) } else { Figure::rate(&rates, None) },
        latency: Percentile::REPORTED.map(|percentile| Figure::latency(&response, percentile)),
        largest: Figure::largest(&response),
        service: Figure::latency(&service, Percentile::P99),
        slo: slo::judged(valid, name),
    }
}

/// The records of an operation, or of all (`None`), with their runs.
fn records<'a>(runs: &[&'a Run], name: Option<&str>) -> Vec<(&'a Run, &'a OperationRecord)> {
    let record = |run: &&'a Run| -> Option<(&'a Run, &'a OperationRecord)> {
        let record = name.map_or(Some(&run.total), |name| run.operations.get(name))?;
        Some((run, record))
    };
    runs.iter().filter_map(record).collect()
}

fn share(found: &[(&Run, &OperationRecord)]) -> Figure {
    let ok: u64 = found.iter().map(|(_, record)| record.ok).sum();
    let all: u64 = found.iter().map(|(run, _)| run.total.ok).sum();
    Figure { value: units::share(ok, all), spread: String::new(), sort: Some(ok as f64 / all.max(1) as f64) }
}
