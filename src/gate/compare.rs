//! Two sides of stored runs as a gate: what belongs together is matched, judged and put into a record.

use std::collections::BTreeMap;

use super::decision::{Decision, FigureEvidence, GateVerdict, POWER, Sample, decide};
use super::looks::ALPHA_OF_STORED;
use super::margins::Margins;
use super::matching::{MatchedRuns, matching};
use super::quantity::Quantity;
use super::record::{GATE_SCHEMA, GateComparison, GatePair, GateRecord, GateSide, RunValues, TOTAL};
use super::sentences;
use super::terms;
use crate::record::{Experiment, Run, Tool};
use crate::stats::PairedValues;
use crate::units;

/// What a gate is asked to do.
#[derive(Debug, Clone, Default)]
pub struct GateOptions {
    /// By how much each figure may get worse.
    pub margins: Margins,
    /// Whether sides that differ in what should be equal are compared all the same.
    pub allows_mismatch: bool,
    /// Whether a regression is told and does not fail.
    pub advises: bool,
}

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
        notes.extend(sentences::noisy(side, of));
    }
    problems.extend(matching.without_head.iter().map(|what| format!("{what} is missing in the head")));
    notes.extend(matching.without_base.iter().map(|what| format!("{what} is new in the head: it has no base")));
    let mut figures = Vec::new();
    let mut pairs = Vec::new();
    for runs in &matching.matched {
        mismatches.extend(terms::of_runs(&runs.base, &runs.head));
        let runs = usable(runs);
        if runs.base.is_empty() || runs.head.is_empty() {
            continue;
        }
        let named = figures_of(&runs, &options.margins, &mut problems);
        pairs.extend(pairs_of(&runs, &named));
        notes.push(sentences::evidence(&runs));
        problems.extend(sentences::too_few(&runs));
        figures.extend(named);
    }
    if matching.matched.is_empty() {
        problems.push("there is no workload on one store that both sides have run".to_owned());
    }
    notes.extend(sentences::unknown_margins(&options.margins, &matching.matched));
    let gated = figures.iter().filter(|figure| figure.margin.is_some() && figure.evidence.is_some()).count();
    let rarest = ALPHA_OF_STORED / gated.max(1) as f64;
    let figures: Vec<NamedFigure> = figures.into_iter().map(|figure| figure.able_to_reach(rarest)).collect();
    let evidence: Vec<FigureEvidence> = figures.iter().filter_map(|figure| figure.evidence.clone()).collect();
    let mut decisions = decide(&evidence, ALPHA_OF_STORED).into_iter();
    let comparisons: Vec<GateComparison> = figures
        .iter()
        .map(|figure| comparison(figure, figure.evidence.as_ref().and_then(|_| decisions.next().flatten())))
        .collect();
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
        base: side(base),
        head: side(head),
        verdict,
        sentence: String::new(),
        alpha: ALPHA_OF_STORED,
        power: POWER,
        advise: options.advises,
        mismatches: distinct(mismatches),
        mismatch_allowed: options.allows_mismatch,
        problems: distinct(problems),
        notes: distinct(notes),
        comparisons,
        pairs,
    };
    record.sentence = sentences::of_gate(&record);
    record
}

fn distinct<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

fn side(of: StoredSide<'_>) -> GateSide {
    let runs = || of.experiments.iter().flat_map(|one| &one.runs);
    let store = |run: &Run| format!("{} {}", run.store.name, run.store.description.version);
    GateSide {
        label: of.label.to_owned(),
        tools: distinct(of.experiments.iter().map(|one| one.tool.clone()).collect()),
        stores: distinct(runs().map(store).collect()),
        host: of.experiments.first().map(|one| one.host.clone()).unwrap_or_default(),
        started_at: of.experiments.iter().map(|one| one.started_at.clone()).min().unwrap_or_default(),
        finished_at: of.experiments.iter().map(|one| one.finished_at.clone()).max().unwrap_or_default(),
    }
}

/// Without invalid runs, whose figures are no evidence; what is left of pairs is no pairs.
fn usable<'a>(runs: &MatchedRuns<'a>) -> MatchedRuns<'a> {
    let valid = |side: &[&'a Run]| side.iter().copied().filter(|run| run.verdict.valid).collect::<Vec<&'a Run>>();
    let (base, head) = (valid(&runs.base), valid(&runs.head));
    let all_there = base.len() == runs.base.len() && head.len() == runs.head.len();
    let orders = runs.orders.clone().filter(|_| all_there);
    MatchedRuns { base, head, orders, store: runs.store.clone(), workload: runs.workload }
}

/// One figure of one workload on one store, with what is known of it.
struct NamedFigure {
    workload: String,
    store: String,
    operation: String,
    quantity: Quantity,
    margin: Option<f64>,
    medians: [Option<f64>; 2],
    counts: [usize; 2],
    /// None where a side lacks it.
    evidence: Option<FigureEvidence>,
    /// Why there is none.
    problem: String,
}

impl NamedFigure {
    fn able_to_reach(self, rarest: f64) -> NamedFigure {
        let reaching = |one: FigureEvidence| FigureEvidence { sample: one.sample.able_to_reach(rarest), ..one };
        NamedFigure { evidence: self.evidence.map(reaching), ..self }
    }

    fn are_pairs(&self) -> bool {
        self.evidence.as_ref().is_some_and(|one| matches!(one.sample, Sample::Pairs(_)))
    }
}

/// The figures of all operations together and of each of several. What the base has and the head has not is a problem.
fn figures_of(runs: &MatchedRuns<'_>, margins: &Margins, problems: &mut Vec<String>) -> Vec<NamedFigure> {
    let mut figures: Vec<NamedFigure> = Vec::new();
    // What runs in this process and what runs in a server use CPU for different things.
    let is_moved = runs.base[0].store.placement != runs.head[0].store.placement;
    for quantity in Quantity::ALL.into_iter().filter(|quantity| !(is_moved && *quantity == Quantity::Cpu)) {
        figures.extend(figure(runs, None, quantity, margins, problems, &|run| quantity.of_run(run)));
    }
    let operations = |run: &Run| -> Vec<String> {
        run.operations.iter().filter(|(_, one)| !one.is_step).map(|(name, _)| name.clone()).collect()
    };
    let in_base = distinct(runs.base.iter().flat_map(|run| operations(run)).collect());
    for name in &in_base {
        let did = |run: &&Run| run.operations.get(name).is_some_and(|one| one.ok > 0);
        if runs.base.iter().any(did) && !runs.head.iter().all(did) {
            problems.push(format!(
                "operation `{name}` of {} on {} has no success in every run of the head",
                runs.workload, runs.store
            ));
        }
        for quantity in Quantity::ALL {
            // Of a single operation all but this is said by the total already.
            if in_base.len() > 1 || quantity == Quantity::RoundTrips {
                let value = |run: &Run| quantity.of_named(run, name);
                figures.extend(figure(runs, Some(name), quantity, margins, problems, &value));
            }
        }
    }
    figures
}

fn figure(
    runs: &MatchedRuns<'_>,
    operation: Option<&str>,
    quantity: Quantity,
    margins: &Margins,
    problems: &mut Vec<String>,
    value: &dyn Fn(&Run) -> Option<f64>,
) -> Option<NamedFigure> {
    let values = |side: &[&Run]| side.iter().filter_map(|run| value(run)).collect::<Vec<f64>>();
    let (base, head) = (values(&runs.base), values(&runs.head));
    if base.is_empty() {
        return None;
    }
    let name = operation.unwrap_or(TOTAL);
    let what = || format!("{} of {name}, {} on {}", quantity.label(), runs.workload, runs.store);
    let is_latency = matches!(quantity, Quantity::Response(_));
    let margin = margins.of(runs.workload, operation, quantity);
    if head.is_empty() && !is_latency {
        problems.push(format!("{} is missing in the head", what()));
    }
    if base.iter().chain(&head).any(|value| !(value.is_finite() && *value > 0.0)) {
        problems.push(format!("{} is not a positive number in every run", what()));
    }
    let is_whole = base.len() == runs.base.len() && head.len() == runs.head.len();
    let sample = match &runs.orders {
        Some(orders) if is_whole => {
            let pairs = base.iter().zip(&head).zip(orders);
            Sample::Pairs(
                pairs
                    .map(|((base, head), first)| PairedValues { base: *base, head: *head, base_first: *first })
                    .collect(),
            )
        }
        _ => Sample::Apart { base: base.clone(), head: head.clone() },
    };
    let lacking = if base.len() < runs.base.len() {
        ("base", runs.base.len() - base.len())
    } else {
        ("head", runs.head.len() - head.len())
    };
    Some(NamedFigure {
        workload: runs.workload.to_owned(),
        store: runs.store.clone(),
        operation: name.to_owned(),
        quantity,
        margin,
        medians: [median(&base), median(&head)],
        counts: [base.len(), head.len()],
        evidence: is_whole.then_some(FigureEvidence { quantity, margin, sample }),
        problem: if is_whole {
            String::new()
        } else {
            format!(
                "withheld: too few samples carry it in {} of the {}",
                units::counted(lacking.1 as u64, "run"),
                lacking.0
            )
        },
    })
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some((sorted[last / 2] + sorted[sorted.len() / 2]) / 2.0)
}

fn comparison(figure: &NamedFigure, decision: Option<Decision>) -> GateComparison {
    let is_gated = figure.margin.is_some();
    let unsaid = is_gated.then_some(GateVerdict::Inconclusive);
    GateComparison {
        workload: figure.workload.clone(),
        store: figure.store.clone(),
        operation: figure.operation.clone(),
        metric: figure.quantity,
        unit: figure.quantity.unit().to_owned(),
        better: if figure.quantity.is_better_higher() { "higher" } else { "lower" }.to_owned(),
        gated: is_gated,
        margin: figure.margin,
        base: figure.medians[0],
        head: figure.medians[1],
        ratio: decision.as_ref().map(|one| one.ratio),
        interval: decision.as_ref().and_then(|one| one.interval),
        smallest_detectable: decision.as_ref().and_then(|one| one.smallest_detectable),
        probability: decision.as_ref().and_then(|one| one.probability),
        position: decision.as_ref().and_then(|one| one.position).map(|[place, _]| place),
        unit_of_evidence: if figure.are_pairs() { "pairs" } else { "runs" }.to_owned(),
        counts: figure.counts,
        verdict: decision.as_ref().map_or(unsaid, |one| one.verdict),
        sentence: match &decision {
            Some(decision) => sentences::of_figure(figure.quantity, figure.margin, figure.counts, decision),
            None if figure.problem.is_empty() => "the values are too few or not positive".to_owned(),
            None => figure.problem.clone(),
        },
    }
}

/// Every run with its values: of pairs both sides of each, and else side by side as they come.
fn pairs_of(runs: &MatchedRuns<'_>, figures: &[NamedFigure]) -> Vec<GatePair> {
    let named: Vec<(&str, Quantity)> = figures.iter().map(|one| (one.operation.as_str(), one.quantity)).collect();
    let values = |run: &&Run| {
        let value = |(operation, quantity): &(&str, Quantity)| {
            let value = if *operation == TOTAL { quantity.of_run(run) } else { quantity.of_named(run, operation) };
            Some((format!("{operation}/{}", quantity.name()), value?))
        };
        RunValues {
            run: run.id.clone(),
            started_at: run.started_at.clone(),
            noisy: !run.verdict.noisy.is_empty(),
            values: named.iter().filter_map(value).collect::<BTreeMap<String, f64>>(),
        }
    };
    let count = runs.base.len().max(runs.head.len());
    let order = |at: usize| {
        let is_base_first = *runs.orders.as_ref()?.get(at)?;
        Some(if is_base_first { "base first" } else { "head first" }.to_owned())
    };
    let pair = |at: usize| GatePair {
        workload: runs.workload.to_owned(),
        store: runs.store.clone(),
        number: at + 1,
        order: order(at),
        base: runs.base.get(at).map(values),
        head: runs.head.get(at).map(values),
    };
    (0..count).map(pair).collect()
}
