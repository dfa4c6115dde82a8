//! `report.html`: the experiment as one file that opens without a network. What it says is computed in `view`, how it is
//! laid out stands in `templates/`; here the two meet.
//!
//! Every string is escaped where it is inserted (`askama.toml`); what is not are the style, the script and the drawings,
//! all made here, and base64. A policy in the page itself forbids any script but this one and any connection.

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::chart::Chart;
use super::view::{caveats, checks, circumstances, groups, operations, runs, semantics, summary, verdict, work};
use super::{csv, view, words};
use crate::record::{Experiment, Mode};

const STYLE: &str = include_str!("templates/report.css");
const SCRIPT: &str = include_str!("templates/report.js");
/// SHA-256 of the script, base64. Where it does not fit, browsers refuse the script and print the hash that would.
const SCRIPT_HASH: &str = "sha256-RoIrat979NjYM4hPHDWOkIxP7FdJuV8JxppMCOy5bhU=";
/// With more runs than this, only the first repetition of each store and workload is drawn second by second.
const MOST_RUN_CHARTS: usize = 24;
/// With more runs than this, the charts of runs are folded.
const MOST_OPEN: usize = 3;

/// One of the experiments on a page.
#[derive(Debug)]
pub struct Side<'a> {
    /// What tells it from the others; empty for a page of one.
    pub label: String,
    /// Its results folder, as seen from the page: empty or ending in `/`.
    pub href: String,
    /// The experiment.
    pub experiment: &'a Experiment,
}

#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    script_hash: &'static str,
    subject: String,
    day: &'a str,
    place: String,
    tool: String,
    verdict: verdict::Verdict,
    limited: bool,
    meanings: Vec<&'static str>,
    groups: Vec<Group>,
    charts: Charts<'a>,
    failures: Vec<checks::Failure>,
    runs: Vec<runs::Row>,
    stores: Vec<semantics::Store>,
    bindings: Vec<semantics::Workload>,
    checks: Vec<checks::Check>,
    checks_text: String,
    checks_failed: bool,
    workloads: Vec<work::Workload>,
    several: bool,
    sides: Vec<SideView>,
    open_loops: bool,
    closed_loops: bool,
    caveats: Vec<String>,
    untested: Vec<String>,
    summary_csv: String,
}

/// Stores that may be compared, summed up and by operation.
struct Group {
    workload: String,
    tier: &'static str,
    load: String,
    duration: String,
    meaning: &'static str,
    warning: String,
    summary: Vec<summary::Row>,
    operations: operations::Operations,
}

struct SideView {
    label: String,
    href: String,
    machine: Vec<(&'static str, String)>,
    command: String,
    seed: u64,
    tool: String,
}

struct Charts<'a> {
    overview: Option<&'a Chart>,
    workloads: Vec<Vec<&'a Chart>>,
    runs: Vec<RunChart<'a>>,
    open: bool,
    left_out: usize,
}

struct RunChart<'a> {
    id: &'a str,
    chart: &'a Chart,
    seconds: runs::Seconds,
}

/// The page of one experiment; `charts` are all of its charts.
pub fn page(experiment: &Experiment, charts: &[Chart]) -> anyhow::Result<String> {
    of_sides(experiment, charts, &[Side { label: String::new(), href: String::new(), experiment }])
}

/// The page of several experiments: `merged` holds the runs of all.
pub fn of_sides(merged: &Experiment, charts: &[Chart], sides: &[Side<'_>]) -> anyhow::Result<String> {
    let groups: Vec<Group> = groups::groups(merged).iter().map(group).collect();
    let mode = |mode: Mode| merged.runs.iter().any(|run| run.load.mode == mode);
    let all_checks = checks::summary(merged);
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        script_hash: SCRIPT_HASH,
        subject: circumstances::subject(merged),
        day: circumstances::day(&merged.started_at),
        place: words::host(merged),
        tool: words::tool(merged),
        verdict: verdict::verdict(merged),
        limited: groups.iter().flat_map(|group| &group.summary).any(|row| !row.slo.is_empty()),
        meanings: meanings(merged),
        groups,
        charts: arranged(merged, charts),
        failures: checks::failures(merged),
        runs: runs::rows(merged),
        stores: semantics::stores(merged),
        bindings: semantics::workloads(merged),
        checks: checks::checks(merged),
        checks_text: all_checks.text(),
        checks_failed: all_checks.failed(),
        workloads: work::workloads(merged),
        several: sides.len() > 1,
        sides: sides.iter().map(side).collect(),
        open_loops: mode(Mode::Open),
        closed_loops: mode(Mode::Closed),
        caveats: caveats::caveats(merged),
        untested: caveats::untested(merged),
        summary_csv: STANDARD.encode(csv::summary(merged)?),
    };
    Ok(page.render()?)
}

fn group(group: &groups::Group<'_>) -> Group {
    Group {
        workload: group.workload.to_owned(),
        tier: group.tier,
        load: group.load.clone(),
        duration: group.duration.clone(),
        meaning: words::latency_meaning(group.mode),
        warning: group.warning.clone(),
        summary: summary::rows(group),
        operations: operations::operations(group),
    }
}

fn side(side: &Side<'_>) -> SideView {
    let experiment = side.experiment;
    SideView {
        label: side.label.clone(),
        href: side.href.clone(),
        machine: circumstances::machine(experiment),
        command: experiment.command.clone(),
        seed: experiment.seed,
        tool: words::tool(experiment),
    }
}

/// How the figures of the summary are to be read.
fn meanings(experiment: &Experiment) -> Vec<&'static str> {
    let repeated = view::distinct(experiment.runs.iter().map(|run| run.repetition)).len() > 1;
    let mut told = vec![if repeated {
        "Figures are medians over the valid runs; [lowest, highest] of them. Of a single run, [low, high] is a 95% interval \
         from batch means."
    } else {
        "[low, high] is a 95% interval within the run, from batch means: it does not cover what differs from run to run."
    }];
    told.push("\u{2265} and \u{201c}too few\u{201d}: fewer than ten samples lie above the percentile, and do not carry it.");
    if experiment.runs.iter().any(|run| run.load.mode == Mode::Closed) {
        told.push("Closed loop: latency is service time; waiting for a free client is not included.");
    }
    if experiment.runs.iter().any(|run| run.load.mode == Mode::Open) {
        told.push("Open loop: latency is response time, from the instant at which an operation was due.");
    }
    told
}

/// The charts in the order of `chart::charts`: the overview, those of each workload, one for each run.
fn arranged<'a>(experiment: &'a Experiment, charts: &'a [Chart]) -> Charts<'a> {
    let named = |prefix: &'static str| charts.iter().filter(move |chart| chart.name.starts_with(prefix));
    let pairs = named("latency-").zip(named("percentiles-"));
    let workloads: Vec<Vec<&Chart>> = pairs.map(|(latency, percentiles)| vec![latency, percentiles]).collect();
    let all = experiment.runs.len();
    let drawn = experiment.runs.iter().zip(named("time-")).filter(|(run, _)| all <= MOST_RUN_CHARTS || run.repetition == 1);
    let runs: Vec<RunChart<'_>> =
        drawn.map(|(run, chart)| RunChart { id: &run.id, chart, seconds: runs::seconds(run) }).collect();
    Charts {
        // Of a single workload it would say what the chart of that workload says.
        overview: charts.iter().find(|chart| chart.name == "latency").filter(|_| workloads.len() > 1),
        workloads,
        open: runs.len() <= MOST_OPEN,
        left_out: all - runs.len(),
        runs,
    }
}
