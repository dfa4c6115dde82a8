//! `report.html`: the experiment as one file that opens without a network. What it says is computed in `view`, how it is
//! laid out stands in `templates/`; this file joins the two.
//!
//! Every string is escaped where it is inserted (`askama.toml`); what is not are the style, the script and the drawings,
//! all made here, and base64. A policy in the page itself forbids any script but this one and any connection.

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::chart::{Chart, ChartKind};
use super::csv;
use super::side_by_side::Side;
use super::view::content::ReportContent;
use super::view::{runs, semantics, work};
use crate::record::{Experiment, Mode};

const STYLE: &str = include_str!("templates/report.css");
const SCRIPT: &str = include_str!("templates/report.js");
/// SHA-256 of the script, base64. Where it does not fit, browsers refuse the script and print the hash that would.
const SCRIPT_HASH: &str = "sha256-RoIrat979NjYM4hPHDWOkIxP7FdJuV8JxppMCOy5bhU=";
/// With more runs than this, only the first repetition of each store and workload is drawn second by second.
const MOST_RUN_CHARTS: usize = 24;
/// With more runs than this, the charts of runs are folded.
const MOST_OPEN: usize = 3;

#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    script_hash: &'static str,
    report: ReportContent,
    charts: Charts<'a>,
    runs: Vec<runs::RunRow>,
    bindings: Vec<semantics::WorkloadBindings>,
    workloads: Vec<work::WorkloadView>,
    open_loops: bool,
    closed_loops: bool,
    summary_csv: String,
}

struct Charts<'a> {
    overview: Option<&'a Chart>,
    workloads: Vec<Vec<&'a Chart>>,
    costs: Vec<&'a Chart>,
    runs: Vec<RunChart<'a>>,
    open: bool,
    left_out: usize,
}

struct RunChart<'a> {
    id: &'a str,
    chart: &'a Chart,
    heat: Option<&'a Chart>,
    seconds: runs::Seconds,
}

/// The page; `merged` holds the runs of all sides, and `charts` are all of its charts.
///
/// # Errors
/// When a template cannot be rendered, which would be a bug.
pub fn page(merged: &Experiment, charts: &[Chart], sides: &[Side<'_>]) -> anyhow::Result<String> {
    let any = |mode: Mode| merged.runs.iter().any(|run| run.load.mode == mode);
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        script_hash: SCRIPT_HASH,
        report: ReportContent::new(merged, sides),
        charts: arranged(merged, charts),
        runs: runs::rows(merged),
        bindings: semantics::workloads(merged),
        workloads: work::workloads(merged),
        open_loops: any(Mode::Open),
        closed_loops: any(Mode::Closed),
        summary_csv: STANDARD.encode(csv::summary(merged)?),
    };
    Ok(page.render()?)
}

/// The charts where they are shown: the overview, those of each workload, those about money, those of each run.
fn arranged<'a>(experiment: &'a Experiment, charts: &'a [Chart]) -> Charts<'a> {
    let is_of_workload = |chart: &&Chart| {
        matches!(chart.kind, ChartKind::Latency | ChartKind::Percentiles | ChartKind::LoadCurve | ChartKind::Ratios)
    };
    let of_workloads: Vec<&Chart> = charts.iter().filter(is_of_workload).collect();
    let workloads: Vec<Vec<&Chart>> =
        of_workloads.chunk_by(|a, b| a.subject == b.subject).map(<[&Chart]>::to_vec).collect();
    let all = experiment.runs.len();
    let named = |kind: ChartKind| charts.iter().filter(move |chart| chart.kind == kind);
    let drawn = experiment.runs.iter().zip(named(ChartKind::Time));
    let drawn = drawn.filter(|(run, _)| all <= MOST_RUN_CHARTS || run.repetition == 1);
    let runs: Vec<RunChart<'_>> = drawn
        .map(|(run, chart)| RunChart {
            id: &run.id,
            chart,
            heat: named(ChartKind::Heat).find(|heat| heat.subject == run.id),
            seconds: runs::seconds(run),
        })
        .collect();
    Charts {
        // Of a single workload it would say what the chart of that workload says.
        overview: named(ChartKind::Overview).next().filter(|_| workloads.len() > 1),
        workloads,
        costs: charts
            .iter()
            .filter(|chart| matches!(chart.kind, ChartKind::CostLatency | ChartKind::CostLoad))
            .collect(),
        open: runs.len() <= MOST_OPEN,
        left_out: all - runs.len(),
        runs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{detailed, hostile};
    use crate::report::{chart, fixtures};

    fn page_of(experiment: &Experiment) -> String {
        let charts = chart::charts(experiment).expect("they draw");
        page(experiment, &charts, &[Side::alone(experiment)]).expect("it renders")
    }

    #[test]
    fn every_experiment_has_a_page_and_the_same_one_each_time() {
        for (name, mut experiment) in fixtures::all() {
            experiment.runs = experiment.runs.into_iter().map(detailed).collect();
            let page = page_of(&experiment);
            assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"), "{name}");
            assert_eq!(page, page_of(&experiment), "{name}");
        }
    }

    #[test]
    fn no_foreign_text_becomes_markup() {
        let page = page_of(&hostile(fixtures::priced_stores()));
        assert!(!page.contains("<img") && !page.contains("</script></pre>"));
        assert_eq!(page.matches("<script").count(), 1);
        assert!(!page.contains(['\u{202e}', '\u{0}']));
        assert!(!page.contains("alert(1)>") && page.contains("alert(1)&#62;"));
    }

    #[test]
    fn an_invalid_run_has_reasons_and_no_figures() {
        let mut run = detailed(fixtures::read_heavy());
        run.verdict = fixtures::invalid("the store lost a write");
        let page = page_of(&fixtures::experiment(vec![run]));
        assert!(
            page.contains("INVALID: the figures of the run may not be used") && page.contains("The store lost a write")
        );
        let tables =
            page.split("id=\"summary\"").nth(1).expect("the summary").split("id=\"charts\"").next().expect("charts");
        assert!(!tables.contains("\u{b5}s") && !tables.contains("1,997"), "{tables}");
    }

    #[test]
    fn two_hundred_runs_are_a_page_that_a_browser_can_hold() {
        let run = detailed(fixtures::run(&fixtures::SyntheticRun { seconds: 20, ..fixtures::SyntheticRun::default() }));
        let numbered = |repetition| {
            let id = format!("read-heavy-libsql-{repetition}");
            crate::record::Run { id, repetition, ..run.clone() }
        };
        let experiment = fixtures::experiment((1..=200).map(numbered).collect());
        let page = page_of(&experiment);
        assert!(page.contains("Valid: all 200 runs may be used."));
        assert!(page.contains("199 further runs are drawn in"));
        assert!(page.len() < 2_000_000, "{} bytes", page.len());
    }
}
