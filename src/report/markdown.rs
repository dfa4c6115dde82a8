//! `report.md`: the page once more, for a wiki or a pull request, its charts beside it. What it says is computed in
//! `view`; statements, settings and the seconds of runs are on the page alone.

use askama::Template;

use super::chart::{Chart, ChartKind};
use super::escape::filters;
use super::side_by_side::Side;
use super::view::content::ReportContent;
use crate::record::Experiment;

/// With more runs than this, none is drawn second by second.
const MOST_RUN_CHARTS: usize = 24;

#[derive(Template)]
#[template(path = "report.md")]
struct MarkdownReport<'a> {
    report: ReportContent,
    charts: Vec<&'a Chart>,
    costs: Vec<&'a Chart>,
    left_out: usize,
}

/// The document; `charts` are those that lie in `charts/` beside it.
///
/// # Errors
/// When a template cannot be rendered, which would be a bug.
pub fn report(merged: &Experiment, charts: &[Chart], sides: &[Side<'_>]) -> anyhow::Result<String> {
    let many = merged.runs.len() > MOST_RUN_CHARTS;
    let is_money = |chart: &&Chart| matches!(chart.kind, ChartKind::CostLatency | ChartKind::CostLoad);
    let (costs, charts): (Vec<&Chart>, Vec<&Chart>) = charts.iter().partition(is_money);
    let charts = charts.into_iter().filter(|chart| !(many && chart.kind.is_of_run())).collect();
    let left_out = if many { merged.runs.len() } else { 0 };
    Ok(MarkdownReport { report: ReportContent::new(merged, sides), charts, costs, left_out }.render()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{detailed, foreign_markup, hostile};
    use crate::report::{chart, fixtures};

    fn document(experiment: &Experiment) -> String {
        let charts = chart::charts(experiment).expect("they draw");
        report(experiment, &charts, &[Side::alone(experiment)]).expect("it renders")
    }

    #[test]
    fn the_document_of_three_workloads() {
        let mut lossy = fixtures::open_loop();
        lossy.counts.skipped = 1_203;
        lossy.verdict.notes.push("the client used 71 % of its CPUs".to_owned());
        let runs = [fixtures::read_heavy(), fixtures::oltp(), lossy].map(detailed);
        insta::assert_snapshot!(document(&fixtures::experiment(runs.into())));
    }

    #[test]
    fn the_document_of_several_stores_and_tiers() {
        let stores = fixtures::stores();
        insta::assert_snapshot!(document(&stores));
    }

    #[test]
    fn foreign_text_stays_in_its_line_and_its_cell() {
        let text = document(&hostile(fixtures::experiment(vec![detailed(fixtures::read_heavy())])));
        assert_eq!(foreign_markup(&text), [""; 0], "{text}");
        let header = text.lines().find(|line| line.starts_with("| Store | Per second")).expect("the summary");
        let row = text.lines().find(|line| line.starts_with("| libsql")).expect("its row");
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        assert_eq!(cells(row), cells(header), "{row}");
    }
}
