//! What the latency charts show, before it is drawn: rows of readings under headings.

use super::style;
use crate::record::{Latency, OperationRecord, Run};
use crate::report::group::{Cell, tiers_differ};
use crate::report::reading::{Percentile, Reading, reading};
use crate::report::{per_second, spread_of, words};

/// One line of the chart.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A durability tier or a workload.
    Section(String),
    /// An operation whose stores follow.
    Group(String),
    /// An operation, a store or a workload.
    Row(Row),
}

/// A name and its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// The number of its store, where there are several.
    pub series: Option<usize>,
    /// What is known.
    pub content: Content,
}

/// What is known of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// The reason for which nothing is shown.
    Withheld(String),
    /// The figures.
    Figures {
        /// Successes a second, the median of the runs.
        per_s: f64,
        /// Failures of all runs.
        failed: u64,
        /// p50, p99 and p99.9.
        readings: [Reading; 3],
    },
}

/// Stores in the order in which they first ran: the number is the colour, in every chart of an experiment.
#[derive(Debug, Clone)]
pub struct Stores<'a>(Vec<&'a str>);

impl<'a> Stores<'a> {
    /// Of these runs.
    pub fn of(runs: impl Iterator<Item = &'a Run>) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for run in runs {
            if !names.contains(&run.store.name.as_str()) {
                names.push(&run.store.name);
            }
        }
        Stores(names)
    }

    /// Whether there are several.
    pub fn several(&self) -> bool {
        self.0.len() > 1
    }

    /// The number of a store.
    pub fn number(&self, name: &str) -> usize {
        self.0.iter().position(|one| *one == name).unwrap_or_default()
    }

    fn series(&self, name: &str) -> Option<usize> {
        self.several().then(|| self.number(name))
    }
}

/// The operations of one workload and their total: a row each, or with several stores a group each.
pub fn of_workload(cells: &[Cell<'_>], stores: &Stores<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for tier in cells.chunk_by(|a, b| a.tier == b.tier) {
        if tiers_differ(cells) {
            lines.push(Line::Section(tier_heading(&tier[0])));
        }
        let (shown, withheld): (Vec<&Cell<'_>>, Vec<&Cell<'_>>) =
            tier.iter().partition(|cell| cell.valid().next().is_some());
        lines.extend(withheld.iter().map(|cell| Line::Row(withheld_row(cell, stores))));
        for operation in operations(&shown) {
            let heading = operation.unwrap_or("all operations");
            let rows = shown.iter().map(|cell| row(cell, operation, stores));
            if stores.several() {
                lines.push(Line::Group(heading.to_owned()));
                lines.extend(rows.map(Line::Row));
            } else {
                lines.extend(rows.map(|row| Line::Row(Row { name: heading.to_owned(), ..row })));
            }
        }
    }
    lines
}

/// The total of each workload: a row each, or with several stores a group each.
pub fn overview(cells: &[Cell<'_>], stores: &Stores<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for workload in cells.chunk_by(|a, b| a.workload == b.workload) {
        if stores.several() {
            lines.push(Line::Group(workload[0].workload.to_owned()));
        }
        for tier in workload.chunk_by(|a, b| a.tier == b.tier) {
            if tiers_differ(workload) {
                lines.push(Line::Section(tier_heading(&tier[0])));
            }
            for cell in tier {
                let shown = cell.valid().next().is_some();
                let row = if shown { row(cell, None, stores) } else { withheld_row(cell, stores) };
                let name = if stores.several() { row.name } else { cell.workload.to_owned() };
                lines.push(Line::Row(Row { name, ..row }));
            }
        }
    }
    lines
}

fn tier_heading(cell: &Cell<'_>) -> String {
    format!("durability: {} (compare within a tier only)", cell.tier.name())
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

fn withheld_row(cell: &Cell<'_>, stores: &Stores<'_>) -> Row {
    let reason = cell.runs.iter().find_map(|run| words::invalid(run)).unwrap_or_default();
    Row {
        name: words::store(cell.runs[0]),
        series: stores.series(cell.store),
        content: Content::Withheld(format!("INVALID: {reason}")),
    }
}

fn row(cell: &Cell<'_>, operation: Option<&str>, stores: &Stores<'_>) -> Row {
    let found: Vec<(&Run, &OperationRecord)> = cell
        .valid()
        .filter_map(|run| match operation {
            Some(name) => run.operations.get(name).map(|record| (run, record)),
            None => Some((run, &run.total)),
        })
        .collect();
    let [_, per_s, _] = spread_of(found.iter().map(|(run, record)| per_second(run, record)));
    let latencies: Vec<&Latency> = found.iter().map(|(_, record)| &record.response_ns).collect();
    Row {
        name: words::store(cell.runs[0]),
        series: stores.series(cell.store),
        content: Content::Figures {
            per_s,
            failed: found.iter().map(|(_, record)| record.failed).sum(),
            readings: Percentile::ALL.map(|percentile| over_runs(&latencies, percentile)),
        },
    }
}

/// Of one run its reading; of several their median, with the extremes as its interval: restarts differ by more than the
/// seconds of a run do.
fn over_runs(latencies: &[&Latency], percentile: Percentile) -> Reading {
    let readings: Vec<Reading> = latencies.iter().map(|latency| reading(latency, percentile)).collect();
    let known = |one: &Reading| if let Reading::Known { value_ns, .. } = one { Some(*value_ns as f64) } else { None };
    let values: Vec<f64> = readings.iter().filter_map(known).collect();
    match readings[..] {
        [] => Reading::Nothing,
        [one] => one,
        _ if values.len() == readings.len() => {
            let [low, median, high] = spread_of(values.into_iter()).map(|ns| ns as u64);
            Reading::Known { value_ns: median, interval_ns: Some((low, Some(high))) }
        }
        _ => readings.into_iter().find(|one| known(one).is_none()).unwrap_or(Reading::Nothing),
    }
}

/// The colour of a percentile in a row.
pub fn color(row: &Row, percentile: usize) -> plotters::style::RGBColor {
    row.series.map_or(style::PERCENTILES[percentile], style::color)
}
