//! The summary: one row for each store in each group.

use super::figure::Figure;
use crate::record::{Experiment, Latency, Mode, Run};
use crate::report::group::{Cell, Group, cells, reasons_apart};
use crate::report::lists::distinct;
use crate::report::reading::Percentile;
use crate::report::slo;
use crate::report::words::{self, Withheld};
use crate::stats::{Judgement, spread_of};
use crate::units;

/// One store on one workload, over its valid runs.
#[derive(Debug)]
pub struct SummaryRow {
    pub store: String,
    /// `1 run`, `4 of 5 valid, 2 noisy`.
    pub runs: String,
    /// Why latencies are not shown; `None` if they are.
    pub withheld: Option<Withheld>,
    /// Successes per second of the measurement.
    pub throughput: Figure,
    /// p50, p99 and p99.9 of the response time.
    pub latency: [Figure; 3],
    /// The slowest of all runs.
    pub largest: Figure,
    /// `12 failed, 30 skipped`, or nothing.
    pub losses: String,
    /// `2 of 2 passed`.
    pub checks: Checks,
    /// Bytes on disk after the run, or in memory.
    pub size: Figure,
    /// The workload's limits and whether they were kept.
    pub slo: Vec<(Judgement, String)>,
}

/// How the checks of some runs ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checks {
    pub all: usize,
    pub passed: usize,
    /// Neither passed nor failed.
    pub undecided: usize,
}

/// The rows of a group.
pub fn rows(group: &Group<'_>) -> Vec<SummaryRow> {
    group.cells.iter().map(row).collect()
}

/// How the figures are to be read.
pub fn meanings(experiment: &Experiment) -> Vec<String> {
    let repeated = distinct(experiment.runs.iter().map(|run| run.repetition)).len() > 1;
    let interval = "[low, high] is a 95% interval from batch means over up to 20 blocks of a run.";
    let mut sentences = vec![if repeated {
        format!(
            "Figures are medians over the valid runs, with [lowest, highest] of them; Max is the slowest operation of all. Of \
             a single run, {interval} {}",
            words::WITHIN_ONE_RUN
        )
    } else {
        format!("{interval} {}", words::WITHIN_ONE_RUN)
    }];
    sentences.extend(reasons_apart(&cells(experiment)));
    sentences.push(
        "\u{2265} and \u{201c}too few\u{201d}: fewer than ten samples lie above the percentile, too few to carry it."
            .to_owned(),
    );
    if experiment.runs.iter().any(|run| run.load.mode == Mode::Closed) {
        sentences.push("Closed loop: latency is service time; waiting for a free client is not included.".to_owned());
    }
    if experiment.runs.iter().any(|run| run.load.mode == Mode::Open) {
        sentences
            .push("Open loop: latency is response time, from the instant at which an operation was due.".to_owned());
    }
    sentences
}

fn row(cell: &Cell<'_>) -> SummaryRow {
    let valid: Vec<&Run> = cell.valid().collect();
    let latencies: Vec<&Latency> = valid.iter().map(|run| &run.total.response_ns).collect();
    SummaryRow {
        store: words::store(cell.runs[0]),
        runs: [vec![runs_text(valid.len(), cell.runs.len())], words::marks(&valid)].concat().join(", "),
        withheld: words::withheld_of(&cell.runs),
        throughput: match cell.completed_per_s() {
            Some(completed) => Figure::rate(&completed, None),
            None => Figure::throughput(&valid),
        },
        latency: Percentile::REPORTED.map(|percentile| Figure::latency(&latencies, percentile)),
        largest: Figure::largest(&latencies),
        losses: losses(if valid.is_empty() { &cell.runs } else { &valid }),
        checks: Checks::count(&cell.runs),
        size: size(&valid),
        slo: slo::judged(&valid, None),
    }
}

fn runs_text(valid: usize, all: usize) -> String {
    if valid == all { units::counted(all as u64, "run") } else { format!("{valid} of {all} valid") }
}

fn losses(runs: &[&Run]) -> String {
    let sum = |of: fn(&Run) -> u64| runs.iter().copied().map(of).sum::<u64>();
    let parts = [(sum(|run| run.counts.failed), "failed"), (sum(|run| run.counts.skipped), "skipped")];
    let named = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", units::count(*n)));
    named.collect::<Vec<_>>().join(", ")
}

/// The median of what the data weighs after the runs.
fn size(runs: &[&Run]) -> Figure {
    let bytes = |run: &&Run| run.footprint.after_run.disk_bytes.or(run.footprint.after_run.memory_bytes);
    let known: Vec<f64> = runs.iter().filter_map(bytes).map(|bytes| bytes as f64).collect();
    if known.is_empty() {
        return Figure::none();
    }
    let [_, median, _] = spread_of(known.into_iter());
    Figure { value: units::bytes(median as u64), spread: String::new(), sort: Some(median) }
}

impl Checks {
    /// Over all runs, valid or not.
    pub fn count(runs: &[&Run]) -> Checks {
        let mut checks = Checks::default();
        for check in runs.iter().flat_map(|run| &run.checks) {
            checks.all += 1;
            checks.passed += usize::from(check.passed);
            checks.undecided += usize::from(!check.passed && check.undecided);
        }
        checks
    }

    pub fn failed(&self) -> bool {
        self.passed + self.undecided < self.all
    }

    /// `2 of 2 passed`.
    pub fn text(&self) -> String {
        match self {
            Checks { all: 0, .. } => "none".to_owned(),
            Checks { all, passed, undecided: 0 } => format!("{passed} of {all} passed"),
            Checks { all, passed, undecided } => format!("{passed} of {all} passed, {undecided} undecided"),
        }
    }
}
