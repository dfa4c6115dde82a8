//! Everything that the page, the Markdown document and the decision record have in common, computed once.

use super::{caveats, checks, circumstances, operations, semantics, summary, verdict};
use crate::record::Experiment;
use crate::report::cost::{self, CostParagraphs};
use crate::report::group;
use crate::report::side_by_side::{self, Side};
use crate::report::words;

/// What a report says.
#[derive(Debug)]
pub struct ReportContent {
    /// Workloads and stores, in a few words.
    pub subject: String,
    /// The day on which it began.
    pub day: String,
    /// The machine, in a line.
    pub place: String,
    /// The program, in a few words.
    pub tool: String,
    /// Which runs may be used.
    pub verdict: verdict::VerdictView,
    /// Whether any workload states limits.
    pub limited: bool,
    /// How to read the figures.
    pub meanings: Vec<String>,
    /// Figures, group by group.
    pub groups: Vec<GroupView>,
    pub failures: Vec<checks::FailureRow>,
    pub stores: Vec<semantics::StoreView>,
    /// All checks, the failed ones first.
    pub checks: Vec<checks::CheckRow>,
    /// The checks in a phrase.
    pub checks_text: String,
    pub checks_failed: bool,
    /// What the stores would cost.
    pub costs: Vec<CostParagraphs>,
    /// What the figures do not say.
    pub caveats: Vec<String>,
    /// What was not tested.
    pub untested: Vec<String>,
    /// Whether several experiments stand side by side.
    pub several: bool,
    pub sides: Vec<Circumstances>,
}

/// Stores that may be compared, summed up and by operation.
#[derive(Debug)]
pub struct GroupView {
    pub workload: String,
    /// The durability that all of its stores really ran with.
    pub tier: &'static str,
    /// How the load was applied.
    pub load: String,
    /// Length of measurement and warm-up.
    pub duration: String,
    /// What its latencies mean.
    pub meaning: &'static str,
    /// Why its stores are not comparable after all; empty if they are.
    pub warning: String,
    /// A row for each store.
    pub summary: Vec<summary::SummaryRow>,
    /// A row for each operation and store.
    pub operations: operations::Operations,
}

/// Where one of the experiments took place, and how to do it again.
#[derive(Debug)]
pub struct Circumstances {
    /// What tells it from the others.
    pub label: String,
    /// Its folder, as seen from the report: empty or ending in `/`.
    pub href: String,
    /// Facts about the machine and the program.
    pub machine: Vec<(&'static str, String)>,
    pub command: String,
    pub seed: u64,
    pub tool: String,
}

impl ReportContent {
    /// Of experiments side by side, whose runs `merged` holds.
    pub fn new(merged: &Experiment, sides: &[Side<'_>]) -> ReportContent {
        let comparable = group::groups(merged);
        let groups: Vec<GroupView> = comparable.iter().map(group).collect();
        let all_checks = checks::summary(merged);
        ReportContent {
            subject: circumstances::subject(merged),
            day: circumstances::day(&merged.started_at).to_owned(),
            place: words::host(merged),
            tool: words::tool(merged),
            verdict: verdict::verdict(merged).with_notes(side_by_side::differences(sides)),
            limited: groups.iter().flat_map(|group| &group.summary).any(|row| !row.slo.is_empty()),
            meanings: summary::meanings(merged),
            groups,
            failures: checks::failures(merged),
            stores: semantics::stores(merged),
            checks: checks::checks(merged),
            checks_text: all_checks.text(),
            checks_failed: all_checks.failed(),
            costs: cost::paragraphs(&comparable),
            caveats: caveats::caveats(merged),
            untested: caveats::untested(merged),
            several: sides.len() > 1,
            sides: sides.iter().map(circumstances).collect(),
        }
    }
}

fn group(group: &group::Group<'_>) -> GroupView {
    GroupView {
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

fn circumstances(side: &Side<'_>) -> Circumstances {
    Circumstances {
        label: side.label.clone(),
        href: side.href.clone(),
        machine: circumstances::machine(side.experiment),
        command: side.experiment.command.clone(),
        seed: side.experiment.seed,
        tool: words::tool(side.experiment),
    }
}
