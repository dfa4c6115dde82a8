//! Charts of an experiment, as SVG: latency by operation, over time, and by percentile.
//!
//! `rows` and `seconds` say what is shown, `latency`, `time` and `percentiles` where it stands, `canvas` draws it.

mod canvas;
mod frame;
mod labels;
mod latency;
mod metrics;
mod percentiles;
mod rows;
mod scale;
mod seconds;
mod style;
mod time;

use self::canvas::Canvas;
use self::rows::Stores;
use super::{group, units};
use crate::record::Experiment;

/// A drawn chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Its file name without extension: `latency`, `latency-oltp`, `percentiles-oltp`, `time-oltp-libsql-1`.
    pub name: String,
    /// What it asks.
    pub title: String,
    /// What it shows, in a sentence with numbers.
    pub finding: String,
    /// The document.
    pub svg: String,
}

/// All charts of an experiment: the overview, then by workload, then by run.
pub fn charts(experiment: &Experiment) -> anyhow::Result<Vec<Chart>> {
    let chart = |(name, canvas): (String, Canvas)| {
        let svg = canvas.svg()?;
        Ok(Chart { name, title: canvas.title, finding: canvas.finding, svg })
    };
    canvases(experiment)?.into_iter().map(chart).collect()
}

fn canvases(experiment: &Experiment) -> anyhow::Result<Vec<(String, Canvas)>> {
    let cells = group::cells(experiment);
    let stores = Stores::of(experiment.runs.iter());
    let mut canvases = Vec::new();
    if !cells.is_empty() {
        canvases.push(("latency".to_owned(), latency::overview(experiment, &cells, &stores)));
    }
    for cells in group::by_workload(&cells) {
        let name = file_name(cells[0].workload);
        canvases.push((format!("latency-{name}"), latency::of_workload(experiment, cells, &stores)));
        canvases.push((format!("percentiles-{name}"), percentiles::of_workload(experiment, cells, &stores)?));
    }
    for run in &experiment.runs {
        canvases.push((format!("time-{}", file_name(&run.id)), time::of_run(experiment, run)));
    }
    Ok(canvases)
}

/// A tick without needless decimals: `1 ms`, not `1.00 ms`.
fn tick_text(ns: f64) -> String {
    let text = units::latency(ns.round() as u64);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    units::typeset(&format!("{number} {unit}"))
}

/// Letters, digits, dots and dashes only: a name can neither leave its folder nor hide.
fn file_name(name: &str) -> String {
    let safe = |sign: char| if sign.is_ascii_alphanumeric() || "-_.".contains(sign) { sign } else { '-' };
    name.chars().map(safe).collect::<String>().trim_start_matches('.').to_owned()
}
