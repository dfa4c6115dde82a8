//! What went wrong, in full: every check and every kind of failure, of all runs, valid or not.

use super::figure::Figure;
use super::summary::Checks;
use crate::record::{CheckResult, Experiment, Run};

/// A check of a run.
#[derive(Debug)]
pub struct CheckRow {
    pub run: String,
    /// What must be true.
    pub name: String,
    /// `passed`, `passed, sampled`, `FAILED` or `undecided`.
    pub result: &'static str,
    /// What was found, with numbers.
    pub detail: String,
}

/// Failures of one kind of one operation of a run.
#[derive(Debug)]
pub struct FailureRow {
    pub run: String,
    pub operation: String,
    pub kind: String,
    pub count: Figure,
    /// An example of the store's own words.
    pub message: String,
}

/// All checks: those that failed first, then the undecided, then the rest.
pub fn checks(experiment: &Experiment) -> Vec<CheckRow> {
    let of_run = |run: &Run| run.checks.iter().map(|check| self::check(run, check)).collect::<Vec<_>>();
    let mut checks: Vec<CheckRow> = experiment.runs.iter().flat_map(of_run).collect();
    checks.sort_by_key(|check| match check.result {
        "FAILED" => 0,
        "undecided" => 1,
        _ => 2,
    });
    checks
}

fn check(run: &Run, check: &CheckResult) -> CheckRow {
    CheckRow {
        run: run.id.clone(),
        name: check.name.clone(),
        result: match check {
            CheckResult { passed: true, sampled: true, .. } => "passed, sampled",
            CheckResult { passed: true, .. } => "passed",
            CheckResult { undecided: true, .. } => "undecided",
            CheckResult { .. } => "FAILED",
        },
        detail: check.detail.clone(),
    }
}

/// All checks in one phrase.
pub fn summary(experiment: &Experiment) -> Checks {
    Checks::count(&experiment.runs.iter().collect::<Vec<_>>())
}

pub fn failures(experiment: &Experiment) -> Vec<FailureRow> {
    let operations =
        experiment.runs.iter().flat_map(|run| run.operations.iter().map(move |(name, record)| (run, name, record)));
    let failures = operations.flat_map(|(run, name, record)| {
        record.failures.iter().map(move |(kind, count)| FailureRow {
            run: run.id.clone(),
            operation: name.clone(),
            kind: kind.clone(),
            count: Figure::count(*count),
            message: record.messages.get(kind).cloned().unwrap_or_default(),
        })
    });
    failures.collect()
}
