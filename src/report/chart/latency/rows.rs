//! What the latency charts show, before it is drawn: rows of percentiles under headings.

use crate::record::{Latency, OperationRecord, Run};
use crate::report::chart::style;
use crate::report::group::{Cell, by_workload, comparable, heading, stores_differ, terms_differ};
use crate::report::reading::{Percentile, Reading, over_runs};
use crate::report::words;
use crate::stats::spread_of;

/// What stands at one height of the chart.
#[derive(Debug, Clone, PartialEq)]
pub enum LatencyLine {
    /// The heading of runs that may be compared.
    Section(String),
    /// The heading of an operation or a workload whose stores follow.
    Group(String),
    /// The line between the operations and their total.
    Rule,
    Row(LatencyRow),
}

/// An operation, a store or a workload with its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyRow {
    pub name: String,
    /// The number of its store, which is its colour, where there are several.
    pub series: Option<usize>,
    /// What sets it apart from its neighbours, in small print; may be empty.
    pub remark: String,
    pub content: RowContent,
}

/// The figures of a row, or why it has none.
#[derive(Debug, Clone, PartialEq)]
pub enum RowContent {
    /// The reason for which nothing is shown.
    Withheld(String),
    Figures {
        /// Successes per second, the median of the runs.
        per_s: f64,
        /// Failures of all runs.
        failed: u64,
        /// p50, p99 and p99.9.
        readings: [Reading; 3],
    },
}

/// The operations of one workload and their total: a row each, or with several stores a group each.
pub fn of_workload(cells: &[Cell<'_>]) -> Vec<LatencyLine> {
    let several = stores_differ(cells);
    let mut lines = Vec::new();
    for group in comparable(cells) {
        if terms_differ(cells) {
            lines.push(LatencyLine::Section(heading(&group[0].terms, cells)));
        }
        let (shown, withheld): (Vec<_>, Vec<_>) = group.iter().partition(|cell| cell.valid().next().is_some());
        lines.extend(withheld.iter().map(|cell| LatencyLine::Row(row(cell, None, several))));
        for operation in operations(&shown) {
            let heading = operation.unwrap_or("all operations");
            let rows = shown.iter().map(|cell| row(cell, operation, several));
            if several {
                lines.push(LatencyLine::Group(heading.to_owned()));
                lines.extend(rows.map(LatencyLine::Row));
            } else {
                lines.extend(operation.is_none().then_some(LatencyLine::Rule));
                lines.extend(rows.map(|row| LatencyLine::Row(LatencyRow { name: heading.to_owned(), ..row })));
            }
        }
    }
    lines
}

/// The total of each workload: a row each, or with several stores a group each.
pub fn overview(cells: &[Cell<'_>]) -> Vec<LatencyLine> {
    let several = stores_differ(cells);
    let modes_differ = cells.iter().any(|cell| cell.mode() != cells[0].mode());
    let mut lines = Vec::new();
    for workload in by_workload(cells) {
        if several {
            lines.push(LatencyLine::Group(workload[0].terms.workload.to_owned()));
        }
        for group in comparable(workload) {
            if terms_differ(workload) {
                lines.push(LatencyLine::Section(heading(&group[0].terms, workload)));
            }
            for cell in group {
                let row = row(cell, None, several);
                let name = if several { row.name } else { cell.terms.workload.to_owned() };
                let mode = words::mode(cell.mode());
                let remark = if modes_differ { mode.to_owned() } else { String::new() };
                lines.push(LatencyLine::Row(LatencyRow { name, remark, ..row }));
            }
        }
    }
    lines
}

/// The names of all operations, and `None` for the total unless it would repeat the only one.
fn operations<'a>(cells: &[&Cell<'a>]) -> Vec<Option<&'a str>> {
    let mut names: Vec<Option<&str>> = Vec::new();
    for name in cells.iter().flat_map(|cell| cell.valid()).flat_map(|run| run.operations.keys()) {
        if !names.contains(&Some(name.as_str())) {
            names.push(Some(name));
        }
    }
    if names.len() != 1 && !cells.is_empty() {
        names.push(None);
    }
    names
}

/// The row of an operation, or of all (`None`), on one store.
fn row(cell: &Cell<'_>, operation: Option<&str>, several: bool) -> LatencyRow {
    LatencyRow {
        name: cell.name(),
        series: several.then_some(cell.number),
        remark: String::new(),
        content: content(cell, operation),
    }
}

/// The figures of an operation, or of all (`None`), over the valid runs of a cell.
pub fn content(cell: &Cell<'_>, operation: Option<&str>) -> RowContent {
    let found: Vec<(&Run, &OperationRecord)> = cell
        .valid()
        .filter_map(|run| {
            let record = operation.map_or(Some(&run.total), |name| run.operations.get(name));
            record.map(|record| (run, record))
        })
        .collect();
    if let Some(withheld) = words::withheld_of(&cell.runs) {
        return RowContent::Withheld(withheld.to_string());
    }
    let [_, per_s, _] = spread_of(found.iter().map(|(run, record)| run.per_second(record)));
    let latencies: Vec<&Latency> = found.iter().map(|(_, record)| &record.response_ns).collect();
    RowContent::Figures {
        per_s,
        failed: found.iter().map(|(_, record)| record.failed).sum(),
        readings: Percentile::REPORTED.map(|percentile| over_runs(&latencies, percentile)),
    }
}

/// The colour of a percentile in a row.
pub fn color(row: &LatencyRow, percentile: usize) -> plotters::style::RGBColor {
    row.series.map_or(style::PERCENTILES[percentile], style::color)
}
