//! Charts of an experiment, as SVG: latency by operation, by percentile, over time and under rising load; stores set against
//! each other, in speed and in money. And of a gate, and of the history of its figures.
//!
//! Each kind of chart has a file, which turns runs into a model of what is shown (partly taken from `load_levels`, `ratios` and
//! `cost` beside this folder) and lays it out. Charts share `plane`, `time_panel`, `time_series`, `labels` and `scale`, and
//! `frame` for what surrounds the data. `canvas` draws the marks in the `style` of the house.

mod canvas;
mod cost_latency;
mod cost_load;
mod forest;
mod frame;
mod gate;
mod heat;
mod history;
mod labels;
mod latency;
mod load_curve;
mod percentiles;
mod plane;
mod scale;
mod style;
mod text_metrics;
mod time;
mod time_panel;
mod time_series;

use std::collections::HashMap;

use self::canvas::Canvas;
pub use self::gate::of_gate;
pub use self::history::of_history;
use super::group;
use crate::record::Experiment;
use crate::sweep::SweepAnswer;

/// What a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    /// The latency of each workload, all of its operations together.
    Overview,
    /// The latency of each operation of a workload.
    Latency,
    /// The latency of a workload by percentile.
    Percentiles,
    /// Latency against achieved throughput.
    LoadCurve,
    /// Throughput and p99 as ratios to the first store.
    Ratios,
    /// USD per million operations against p99.
    CostLatency,
    /// USD a month against the load.
    CostLoad,
    /// Throughput and latency of a run over time.
    Time,
    /// How many operations of a run fell into each band of latencies over time.
    Heat,
}

/// A chart as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Which of the charts it is.
    pub kind: ChartKind,
    /// The name of its workload, or for [`ChartKind::Time`] and [`ChartKind::Heat`] of its run; empty for [`ChartKind::Overview`].
    pub subject: String,
    /// Its file name without extension: `latency`, `latency-oltp`, `percentiles-oltp`, `time-oltp-libsql-1`.
    pub name: String,
    /// The question that it answers.
    pub title: String,
    /// The answer in sentences with numbers, for readers who cannot see it.
    pub finding: String,
    /// The SVG document as it is written to a file.
    pub svg: String,
}

/// All charts of an experiment: the overview, then by workload, then by run.
///
/// # Errors
/// When a histogram of the record cannot be decoded, or a mark cannot be drawn.
pub fn charts(experiment: &Experiment) -> anyhow::Result<Vec<Chart>> {
    let mut used = HashMap::new();
    let chart = |DrawnChart { kind, subject, canvas }: DrawnChart| {
        let name = unique_name(kind.file_name(&subject), &mut used);
        Ok(Chart { kind, subject, name, svg: canvas.svg()?, title: canvas.title, finding: canvas.finding })
    };
    drawn(experiment)?.into_iter().map(chart).collect()
}

/// The load curves alone, one for each workload.
///
/// # Errors
/// When a mark cannot be drawn.
pub fn load_curves(experiment: &Experiment, answers: &[SweepAnswer]) -> anyhow::Result<Vec<Chart>> {
    let cells = group::cells(experiment);
    let curve = |cells: &[group::Cell<'_>]| {
        let (kind, subject) = (ChartKind::LoadCurve, cells[0].terms.workload.to_owned());
        let canvas = load_curve::of_workload(experiment, cells, answers)?;
        let drawn = canvas.svg().map(|svg| Chart {
            kind,
            name: kind.file_name(&subject),
            subject,
            svg,
            title: canvas.title,
            finding: canvas.finding,
        });
        Some(drawn)
    };
    group::by_workload(&cells).filter_map(curve).collect()
}

/// The name, numbered where another chart has it: names that differ only in characters that file names cannot have become equal.
fn unique_name(name: String, used: &mut HashMap<String, usize>) -> String {
    let times = used.entry(name.clone()).or_default();
    *times += 1;
    if *times == 1 { name } else { format!("{name}.{times}") }
}

/// A chart before it becomes SVG.
struct DrawnChart {
    kind: ChartKind,
    subject: String,
    canvas: Canvas,
}

fn drawn(experiment: &Experiment) -> anyhow::Result<Vec<DrawnChart>> {
    let cells = group::cells(experiment);
    let mut charts = Vec::new();
    let mut add = |kind, subject: &str, canvas: Option<Canvas>| {
        charts.extend(canvas.map(|canvas| DrawnChart { kind, subject: subject.to_owned(), canvas }));
    };
    if !cells.is_empty() {
        add(ChartKind::Overview, "", Some(latency::overview(experiment, &cells)));
    }
    for cells in group::by_workload(&cells) {
        let name = cells[0].terms.workload;
        add(ChartKind::Latency, name, Some(latency::of_workload(experiment, cells)));
        add(ChartKind::Percentiles, name, Some(percentiles::of_workload(experiment, cells)?));
        add(ChartKind::LoadCurve, name, load_curve::of_workload(experiment, cells, &[]));
        add(ChartKind::Ratios, name, forest::of_workload(experiment, name));
        add(ChartKind::CostLatency, name, cost_latency::of_workload(experiment, name));
        add(ChartKind::CostLoad, name, cost_load::of_workload(experiment, cells));
    }
    for run in &experiment.runs {
        add(ChartKind::Time, &run.id, Some(time::of_run(experiment, run)));
        add(ChartKind::Heat, &run.id, heat::of_run(experiment, run));
    }
    Ok(charts)
}

impl ChartKind {
    /// Whether it shows a single run.
    pub fn is_of_run(self) -> bool {
        matches!(self, ChartKind::Time | ChartKind::Heat)
    }

    fn file_name(self, subject: &str) -> String {
        let prefix = match self {
            ChartKind::Overview => return "latency".to_owned(),
            ChartKind::Latency => "latency",
            ChartKind::Percentiles => "percentiles",
            ChartKind::LoadCurve => "load",
            ChartKind::Ratios => "ratios",
            ChartKind::CostLatency => "cost-latency",
            ChartKind::CostLoad => "cost-load",
            ChartKind::Time => "time",
            ChartKind::Heat => "heat",
        };
        format!("{prefix}-{}", file_name(subject))
    }
}

/// The name with letters, digits, dots, dashes and underscores only, no longer than file systems allow: it can neither leave
/// its folder nor hide.
fn file_name(name: &str) -> String {
    const MOST_CHARACTERS: usize = 160;
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    name.trim_start_matches('.').chars().map(safe).take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests;
