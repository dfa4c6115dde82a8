//! Reports: the record of an experiment as text, tables, charts and a document. Functions of the record alone: no store,
//! no clock and no measuring is known here, and nothing is written; exporters return bytes.

pub mod adr;
pub mod chart;
pub mod cost;
pub mod csv;
mod escape;
pub mod gate;
mod group;
pub mod history;
pub mod html;
mod lists;
mod load_levels;
pub mod markdown;
mod palette;
pub mod png;
mod ratios;
mod reading;
pub mod side_by_side;
mod slo;
mod table;
pub mod text;
mod view;
mod words;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod outputs;

use self::chart::Chart;
use self::side_by_side::Side;
use crate::record::Experiment;

/// Every derived file of an experiment: its path within the results folder, and its content.
///
/// # Errors
/// When a template or a picture cannot be rendered, which would be a bug.
pub fn render(experiment: &Experiment) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    files(experiment, &[Side::alone(experiment)])
}

/// Every derived file of several experiments side by side, of which `merged` holds the runs.
///
/// # Errors
/// As for [`render`].
pub fn files(merged: &Experiment, sides: &[Side<'_>]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let charts = chart::charts(merged)?;
    let mut files = vec![
        ("report.html".to_owned(), html::page(merged, &charts, sides)?.into_bytes()),
        ("report.md".to_owned(), markdown::report(merged, &charts, sides)?.into_bytes()),
        ("summary.csv".to_owned(), csv::summary(merged)?),
        ("timeline.csv".to_owned(), csv::timeline(merged)?),
    ];
    for (chart, picture) in charts.iter().zip(pictures(&charts)?) {
        files.push((format!("charts/{}.png", chart.name), picture));
        files.push((format!("charts/{}.svg", chart.name), chart.svg.as_bytes().to_vec()));
    }
    Ok(files)
}

/// The charts as PNG, in their order. They are most of the work of a report, so all CPUs share in it. Where the system
/// grants no thread, this one does its part as well.
fn pictures(charts: &[Chart]) -> anyhow::Result<Vec<Vec<u8>>> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let render = |part: &[Chart]| part.iter().map(|chart| png::render(&chart.svg)).collect::<anyhow::Result<Vec<_>>>();
    let parts = std::thread::scope(|scope| {
        let parts = charts.chunks(charts.len().div_ceil(workers).max(1));
        let begin = |part| (part, std::thread::Builder::new().spawn_scoped(scope, move || render(part)));
        let busy: Vec<_> = parts.map(begin).collect();
        let done = busy.into_iter().map(|(part, thread)| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => render(part),
        });
        done.collect::<anyhow::Result<Vec<_>>>()
    });
    Ok(parts?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_own_relative_path_and_content() {
        let files = render(&fixtures::experiment(vec![fixtures::read_heavy()])).expect("it renders");
        let paths: std::collections::BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!((paths.len(), files.len()), (14, 14));
        assert!(files.iter().all(|(path, content)| !path.starts_with('/') && !content.is_empty()));
        assert!(paths.contains("charts/latency-read-heavy.png") && paths.contains("report.md"));
    }

    #[test]
    fn an_experiment_without_runs_still_renders() {
        assert_eq!(render(&fixtures::experiment(Vec::new())).expect("it renders").len(), 4);
    }
}
