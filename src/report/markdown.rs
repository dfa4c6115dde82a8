//! `report.md`: the page once more, for a wiki or a pull request, its charts beside it. What it says is computed in
//! `view`; statements, settings and the seconds of runs are on the page alone.

use askama::Template;

use super::chart::Chart;
use super::escape::filters;
use super::side_by_side::Side;
use super::view::content::Content;
use crate::record::Experiment;

#[derive(Template)]
#[template(path = "report.md")]
struct Document<'a> {
    report: Content,
    charts: &'a [Chart],
}

/// The document; `charts` are those that lie in `charts/` beside it.
pub fn report(merged: &Experiment, charts: &[Chart], sides: &[Side<'_>]) -> anyhow::Result<String> {
    Ok(Document { report: Content::of(merged, sides), charts }.render()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::view::furnished::{furnished, hostile};
    use crate::report::{chart, fixture, zoo};

    fn document(experiment: &Experiment) -> String {
        let charts = chart::charts(experiment).expect("they draw");
        report(experiment, &charts, &[Side::alone(experiment)]).expect("it renders")
    }

    #[test]
    fn the_document_of_three_workloads() {
        let mut lossy = fixture::open_loop();
        lossy.counts.skipped = 1_203;
        lossy.verdict.notes.push("the client used 71 % of its CPUs".to_owned());
        let runs = [fixture::read_heavy(), fixture::oltp(), lossy].map(furnished);
        insta::assert_snapshot!(document(&fixture::experiment(runs.into())));
    }

    #[test]
    fn the_document_of_several_stores_and_tiers() {
        let (_, stores) = zoo::all().into_iter().find(|(name, _)| *name == "stores").expect("the fixture's");
        insta::assert_snapshot!(document(&stores));
    }

    #[test]
    fn foreign_text_stays_in_its_line_and_its_cell() {
        let text = document(&hostile(fixture::experiment(vec![furnished(fixture::read_heavy())])));
        assert!(!text.contains("<img") && !text.contains("](javascript") && !text.contains("\n# [a]"), "{text}");
        let header = text.lines().find(|line| line.starts_with("| Store | Per second")).expect("the summary");
        let row = text.lines().find(|line| line.starts_with("| libsql")).expect("its row");
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        assert_eq!(cells(row), cells(header), "{row}");
    }
}
