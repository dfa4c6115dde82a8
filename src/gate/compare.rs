//! Two sides of stored runs as a gate: what belongs together is matched, judged and put into a record.

use std::collections::BTreeMap;

use super::decision::{GateVerdict, POWER};
use super::differences::differences as differences_of;
use super::figures::{NamedFigure, comparison, decide_all, figures_of, pairs_of};
use super::looks::ALPHA_OF_STORED;
use super::matching::matching;
use super::options::GateOptions;
use super::record::{GATE_SCHEMA, GateComparison, GatePair, GateRecord, GateSide, MeasuredGate, Mismatch};
use super::selection::select;
use super::sentences::{self, distinct};
use super::terms;
use crate::record::{Experiment, Run, Tool};

/// One side: its experiments, and what the user called it.
#[derive(Debug, Clone, Copy)]
pub struct StoredSide<'a> {
    /// A folder.
    pub label: &'a str,
    /// At least one.
    pub experiments: &'a [Experiment],
}

/// Judges the head by its base.
pub fn compare(
    base: StoredSide<'_>,
    head: StoredSide<'_>,
    options: &GateOptions,
    made_by: (Tool, String),
) -> GateRecord {
    let matching = matching(base.experiments, head.experiments);
    let mut mismatches = terms::of_machines(base.experiments, head.experiments);
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    for (side, of) in [("base", base.experiments), ("head", head.experiments)] {
        problems.extend(sentences::unusable(side, of));
    }
    problems.extend(matching.without_head.iter().map(|what| format!("{what} is missing in the head")));
    notes.extend(matching.without_base.iter().map(|what| format!("{what} is new in the head: it has no base")));
    let mut figures: Vec<NamedFigure> = Vec::new();
    let mut differences = BTreeMap::new();
    let mut pairs = Vec::new();
    for all in &matching.matched {
        mismatches.extend(terms::of_runs(&all.base, &all.head));
        let selected = select(all, options.keeps_noisy);
        notes.push(sentences::evidence(&selected.runs));
        notes.extend(sentences::noisy(&selected, all));
        problems.extend(sentences::too_few(&selected.runs));
        let named = figures_of(&selected, options, &mut problems);
        differences.insert(all.title(), differences_of(&selected.runs.base, &selected.runs.head));
        pairs.extend(pairs_of(&selected, &named));
        figures.extend(named);
    }
    if matching.matched.is_empty() {
        problems.push("there is no workload on one store that both sides have run".to_owned());
    }
    notes.extend(sentences::unknown_margins(&options.margins, &matching.matched));
    let rarest = ALPHA_OF_STORED / figures.iter().filter(|figure| figure.is_tested()).count().max(1) as f64;
    let figures: Vec<NamedFigure> = figures.into_iter().map(|figure| figure.able_to_reach(rarest)).collect();
    let decisions = decide_all(&figures, ALPHA_OF_STORED, None);
    let comparisons = figures.iter().zip(decisions).map(|(figure, decision)| comparison(figure, decision)).collect();
    let findings = GateFindings {
        mismatches,
        problems,
        notes,
        differences,
        comparisons,
        pairs,
        alpha: ALPHA_OF_STORED,
        measured: None,
    };
    record(findings, [side(base), side(head)], options, made_by)
}

/// What a comparison has found, before it becomes a record.
pub struct GateFindings {
    /// In what the sides differ that should be equal.
    pub mismatches: Vec<Mismatch>,
    /// Why they are incomparable.
    pub problems: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What else differs, by workload, load and store.
    pub differences: BTreeMap<String, Vec<String>>,
    /// The figures.
    pub comparisons: Vec<GateComparison>,
    /// The evidence.
    pub pairs: Vec<GatePair>,
    /// The share of wrong alarms.
    pub alpha: f64,
    /// How far a gate came that measures.
    pub measured: Option<MeasuredGate>,
}

/// The record of what was found, with its verdict.
pub fn record(
    findings: GateFindings,
    [base, head]: [GateSide; 2],
    options: &GateOptions,
    made_by: (Tool, String),
) -> GateRecord {
    let GateFindings { mismatches, problems, notes, mut differences, comparisons, pairs, alpha, measured } = findings;
    let regressed = |title: &String| {
        comparisons.iter().any(|one| one.verdict == Some(GateVerdict::Regression) && one.title() == *title)
    };
    differences.retain(|title, sentences| regressed(title) && !sentences.is_empty());
    let is_incomparable = !problems.is_empty() || !(mismatches.is_empty() || options.allows_mismatch);
    let verdict = if is_incomparable {
        GateVerdict::Incomparable
    } else {
        GateVerdict::of_all(comparisons.iter().filter_map(|one| one.verdict))
    };
    let mut record = GateRecord {
        schema: GATE_SCHEMA.to_owned(),
        tool: made_by.0,
        command: made_by.1,
        base,
        head,
        verdict,
        sentence: String::new(),
        alpha,
        power: POWER,
        advise: options.advises,
        mismatches: distinct(mismatches),
        mismatch_allowed: options.allows_mismatch,
        problems: distinct(problems),
        notes: distinct(notes),
        differences,
        comparisons,
        pairs,
        measured,
    };
    record.sentence = sentences::of_gate(&record);
    record
}

fn side(of: StoredSide<'_>) -> GateSide {
    GateSide {
        label: of.label.to_owned(),
        tools: distinct(of.experiments.iter().map(|one| one.tool.clone()).collect()),
        stores: distinct(of.experiments.iter().flat_map(|one| &one.runs).map(store).collect()),
        host: of.experiments.first().map(|one| one.host.clone()).unwrap_or_default(),
        started_at: of.experiments.iter().map(|one| one.started_at.clone()).min().unwrap_or_default(),
        finished_at: of.experiments.iter().map(|one| one.finished_at.clone()).max().unwrap_or_default(),
    }
}

/// `postgres 15.18`.
pub fn store(run: &Run) -> String {
    format!("{} {}", run.store.name, run.store.description.version)
}
