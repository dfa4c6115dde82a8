//! `adr.md`: the evidence in the shape of a decision record (MADR 4), to be completed by those who decide. It gathers what
//! the record knows of drivers, options and open questions; which option to take is never written here.

use askama::Template;

use super::chart::{Chart, ChartKind};
use super::escape::filters;
use super::lists::{distinct, listed};
use super::side_by_side::Side;
use super::view::content::ReportContent;
use super::view::semantics::StoreView;
use super::view::work::{self, WorkloadView};
use super::{slo, words};
use crate::record::Experiment;
use crate::units;

#[derive(Template)]
#[template(path = "adr.md")]
struct Adr<'a> {
    report: ReportContent,
    charts: Vec<&'a Chart>,
    workloads: Vec<WorkloadView>,
    workloads_named: String,
    started_at: String,
    finished_at: String,
    drivers: Vec<String>,
    questions: Vec<Question>,
    triggers: Vec<String>,
    command: &'a str,
    confirmation: String,
}

/// A question that the deciders must answer, and what the record knows towards it.
struct Question {
    text: &'static str,
    facts: Vec<String>,
}

/// The document; `charts` are all that lie in `charts/` beside it.
///
/// # Errors
/// When a template cannot be rendered, which would be a bug.
pub fn record(merged: &Experiment, charts: &[Chart], sides: &[Side<'_>]) -> anyhow::Result<String> {
    let report = ReportContent::new(merged, sides);
    let workloads = work::workloads(merged);
    let names = distinct(workloads.iter().map(|workload| workload.name.clone()));
    let adr = Adr {
        charts: chosen(charts),
        workloads_named: listed(&names),
        started_at: words::moment(&merged.started_at),
        finished_at: words::moment(&merged.finished_at),
        drivers: drivers(&workloads, &report),
        questions: questions(&report),
        triggers: triggers(merged, &workloads),
        command: &merged.command,
        confirmation: confirmation(merged),
        workloads,
        report,
    };
    Ok(adr.render()?)
}

/// Three at most, those first that settle most: what is carried under rising load, how stores differ, what it costs. Of
/// several workloads the overview comes before them.
fn chosen(charts: &[Chart]) -> Vec<&Chart> {
    const ORDER: [ChartKind; 7] = [
        ChartKind::Overview,
        ChartKind::Latency,
        ChartKind::LoadCurve,
        ChartKind::Ratios,
        ChartKind::CostLatency,
        ChartKind::CostLoad,
        ChartKind::Percentiles,
    ];
    let several = charts.iter().filter(|chart| chart.kind == ChartKind::Latency).count() > 1;
    // Of a single workload the overview says what its chart by operation says, and of several the reverse.
    let said = if several { ChartKind::Latency } else { ChartKind::Overview };
    let of = |kind: ChartKind| charts.iter().filter(move |chart| chart.kind == kind && kind != said);
    ORDER.into_iter().flat_map(of).take(3).collect()
}

/// What the workloads ask for.
fn drivers(workloads: &[WorkloadView], report: &ReportContent) -> Vec<String> {
    let mut drivers = Vec::new();
    for workload in workloads {
        let limits: Vec<String> = workload.limits.iter().map(slo::text).collect();
        let required = slo::required(workload.requires);
        let stated = |what: Vec<String>| if what.is_empty() { "none stated".to_owned() } else { what.join(", ") };
        drivers.push(format!(
            "{}: latency limits: {}; required of the store: {}.",
            workload.name,
            stated(limits),
            stated(required)
        ));
    }
    drivers.push(if report.costs.is_empty() {
        "Budget: none stated, and no price is known.".to_owned()
    } else {
        "Budget: none stated; estimates are below.".to_owned()
    });
    drivers
}

fn questions(report: &ReportContent) -> Vec<Question> {
    let of_stores = |fact: &dyn Fn(&StoreView) -> String| distinct(report.stores.iter().map(fact));
    let invalid = report.verdict.reasons.iter().map(|reason| match reason.runs.as_str() {
        "" => format!("{}.", reason.text),
        runs => format!("{} ({runs}).", reason.text),
    });
    let rows = report.groups.iter().flat_map(|group| group.summary.iter().map(move |row| (group, row)));
    let lost = rows.filter(|(_, row)| !row.losses.is_empty());
    let lost = lost.map(|(group, row)| format!("{} on {}: {}.", group.workload, row.store, row.losses));
    let failures: Vec<String> = invalid.chain(lost).collect();
    vec![
        Question {
            text: "How much acknowledged data may be lost, and on what occasion?",
            facts: of_stores(&|store| format!("{} ran {} ({}).", store.name, store.tier, store.because)),
        },
        Question {
            text: "Which consistency do readers and writers need?",
            facts: of_stores(&|store| format!("{} isolates transactions as {}.", store.name, store.isolation))
                .into_iter()
                .chain([format!("Checks of acknowledged writes and invariants: {}.", report.checks_text)])
                .collect(),
        },
        Question {
            text: "What does failure look like, and who notices?",
            facts: if failures.is_empty() {
                vec!["No operation failed under this load; no fault was injected.".to_owned()]
            } else {
                failures
            },
        },
        Question {
            text: "Who operates it, and what does that take?",
            facts: of_stores(&|store| {
                let burden = if store.embedded {
                    "runs inside the service: no server to operate, and backups are the service's own"
                } else {
                    "is a server: to be patched, watched, backed up and failed over"
                };
                format!("{} {burden}.", store.name)
            }),
        },
    ]
}

/// What would make the evidence void.
fn triggers(experiment: &Experiment, workloads: &[WorkloadView]) -> Vec<String> {
    let memory = experiment.host.memory_bytes;
    let load = distinct(experiment.runs.iter().map(words::load));
    let mut triggers = vec![
        format!("The load grows to twice what was measured here ({}).", listed(&load)),
        "A new major version of the store, or other settings than those above.".to_owned(),
        "The answer to one of the four questions changes.".to_owned(),
    ];
    if memory > 0 {
        triggers.push(format!("The data outgrow memory: {} here.", units::bytes(memory)));
    }
    if workloads.iter().any(|workload| !workload.limits.is_empty()) {
        triggers.push("The confirmation misses a latency limit.".to_owned());
    }
    triggers.push("Prices change, or the machine that is paid for.".to_owned());
    triggers
}

/// The measurement once more, into another folder (exit code 3 if it is not valid), and both side by side.
fn confirmation(experiment: &Experiment) -> String {
    let mut words = Vec::new();
    let mut arguments = experiment.command.lines().next().unwrap_or_default().split(' ');
    while let Some(word) = arguments.next() {
        match word {
            "--out" => drop(arguments.next()),
            _ if word.starts_with("--out=") => {}
            _ => words.push(word),
        }
    }
    format!("{} --out candidate\nstorebench report . candidate --out compared", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{detailed, foreign_markup, hostile};
    use crate::report::{chart, fixtures};

    fn document(experiment: &Experiment) -> String {
        let charts = chart::charts(experiment).expect("they draw");
        record(experiment, &charts, &[Side::alone(experiment)]).expect("it renders")
    }

    #[test]
    fn the_record_of_one_workload_on_several_stores() {
        let mut stores = fixtures::stores();
        stores.runs = stores.runs.into_iter().map(detailed).collect();
        insta::assert_snapshot!(document(&stores));
    }

    #[test]
    fn it_never_chooses() {
        let text = document(&fixtures::experiment(vec![detailed(fixtures::read_heavy())])).to_lowercase();
        for word in ["chosen option", "we choose", "we chose", "recommend", "winner", "best option"] {
            assert!(!text.contains(word), "{word}");
        }
    }

    #[test]
    fn foreign_text_stays_text() {
        let text = document(&hostile(fixtures::experiment(vec![detailed(fixtures::read_heavy())])));
        assert_eq!(foreign_markup(&text), [""; 0], "{text}");
    }

    #[test]
    fn the_confirmation_runs_the_same_command_into_another_folder() {
        let mut experiment = fixtures::experiment(vec![fixtures::read_heavy()]);
        experiment.command = "storebench run oltp --out results/a --runs 5 --out=b".to_owned();
        assert_eq!(
            confirmation(&experiment),
            "storebench run oltp --runs 5 --out candidate\nstorebench report . candidate --out compared"
        );
    }
}
