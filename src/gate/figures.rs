//! The figures that both sides have, with the values of their runs and what is said of them.

use std::collections::BTreeMap;

use super::calibration::CalibrationSubject;
use super::decision::{Decision, FigureEvidence, GateVerdict, Sample, decide_before, smallest_margin};
use super::look::Look;
use super::margins::Margins;
use super::matching::MatchedRuns;
use super::options::GateOptions;
use super::quantity::Quantity;
use super::record::{GateComparison, GatePair, RunValues, TOTAL};
use super::selection::SelectedRuns;
use super::sentences;
use crate::record::Run;
use crate::stats::PairedValues;
use crate::units;

/// Why nothing is decided where noise could not be avoided.
const NOISY: &str = "something else moved too many of the runs (marked noisy), so nothing is decided on them";

/// One figure of one workload on one store, with what is known of it.
#[derive(Debug)]
pub struct NamedFigure {
    workload: String,
    load: Option<String>,
    store: String,
    operation: String,
    quantity: Quantity,
    margin: Option<f64>,
    /// What pairs of it scatter by, where the machine is calibrated for it.
    known_noise: Option<f64>,
    medians: [Option<f64>; 2],
    counts: [usize; 2],
    /// None where a side lacks it.
    pub evidence: Option<FigureEvidence>,
    /// Why there is none, or why nothing is decided on it.
    problem: Option<String>,
}

impl NamedFigure {
    /// Whether it may fail the gate by what scatters: one of the family of tests.
    pub fn is_tested(&self) -> bool {
        self.margin.is_some() && self.evidence.is_some() && !self.quantity.is_exact()
    }

    /// What can confirm a change: nothing that something else has moved.
    pub fn undisturbed(&self) -> Option<FigureEvidence> {
        self.evidence.clone().filter(|_| self.problem.is_none())
    }

    /// The workload.
    pub fn workload(&self) -> &str {
        &self.workload
    }

    /// Whether both are the same figure of other runs.
    pub fn is_same(&self, other: &NamedFigure) -> bool {
        let key = |one: &NamedFigure| (one.workload.clone(), one.load.clone(), one.operation.clone(), one.quantity);
        key(self) == key(other)
    }

    /// See [`Sample::able_to_reach`].
    pub fn able_to_reach(self, rarest: f64) -> NamedFigure {
        let reaching = |one: FigureEvidence| FigureEvidence { sample: one.sample.able_to_reach(rarest), ..one };
        NamedFigure { evidence: self.evidence.map(reaching), ..self }
    }

    fn are_pairs(&self) -> bool {
        self.evidence.as_ref().is_some_and(|one| matches!(one.sample, Sample::Pairs(_)))
    }
}

/// Decides about each; none where nothing can be said. What is known to be moved by something else is inconclusive.
pub fn decide_all(figures: &[NamedFigure], alpha: f64, again: Option<Look>) -> Vec<Option<Decision>> {
    let evidence: Vec<FigureEvidence> = figures.iter().filter_map(|figure| figure.evidence.clone()).collect();
    let mut decisions = decide_before(&evidence, alpha, again).into_iter();
    let decided = |figure: &NamedFigure| {
        let mut decision = figure.evidence.as_ref().and_then(|_| decisions.next().flatten())?;
        decision.verdict = decision.verdict.filter(|_| figure.problem.is_none()).or(unsaid(figure));
        Some(decision)
    };
    figures.iter().map(decided).collect()
}

fn unsaid(figure: &NamedFigure) -> Option<GateVerdict> {
    figure.margin.map(|_| GateVerdict::Inconclusive)
}

/// The figures of all operations together and of each of several. What the base has and the head has not is a problem.
pub fn figures_of(selected: &SelectedRuns<'_>, options: &GateOptions, problems: &mut Vec<String>) -> Vec<NamedFigure> {
    let runs = &selected.runs;
    if runs.base.is_empty() || runs.head.is_empty() {
        return Vec::new();
    }
    let mut figures: Vec<NamedFigure> = Vec::new();
    // What runs in this process and what runs in a server use CPU for different things.
    let is_moved = runs.base[0].store.placement != runs.head[0].store.placement;
    for quantity in Quantity::ALL.into_iter().filter(|quantity| !(is_moved && *quantity == Quantity::Cpu)) {
        figures.extend(figure(runs, None, quantity, &options.margins, problems, &|run| quantity.of_run(run)));
    }
    let operations = |run: &Run| -> Vec<String> {
        run.operations.iter().filter(|(_, one)| !one.is_step).map(|(name, _)| name.clone()).collect()
    };
    let in_base = sentences::distinct(runs.base.iter().flat_map(|run| operations(run)).collect());
    for name in &in_base {
        let did = |run: &&Run| run.operations.get(name).is_some_and(|one| one.ok > 0);
        if runs.base.iter().any(did) && !runs.head.iter().all(did) {
            problems.push(format!("operation `{name}` of {} has no success in every run of the head", runs.title()));
        }
        for quantity in Quantity::ALL {
            // Of a single operation all but this is said by the total already.
            if in_base.len() > 1 || quantity == Quantity::RoundTrips {
                let value = |run: &Run| quantity.of_named(run, name);
                figures.extend(figure(runs, Some(name), quantity, &options.margins, problems, &value));
            }
        }
    }
    let subjects = [runs.base[0], runs.head[0]].map(CalibrationSubject::of);
    for figure in &mut figures {
        figure.known_noise = options.known_noise(&subjects, &figure.operation, figure.quantity);
    }
    if selected.is_noisy {
        for figure in &mut figures {
            figure.problem = figure.problem.take().or(Some(NOISY.to_owned()));
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
    let what = || format!("{} of {name}, {}", quantity.label(), runs.title());
    let is_latency = matches!(quantity, Quantity::Response(_));
    let margin = margins.of(runs.workload, operation, quantity);
    if quantity == Quantity::BytesWritten && base.len() < runs.base.len() {
        return None; // Nothing was written, or nobody knows: there is nothing to be compared with.
    }
    if head.is_empty() && !is_latency && !runs.head.iter().all(|run| quantity.is_recorded(run)) {
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
        load: runs.load.clone(),
        store: runs.store.clone(),
        operation: name.to_owned(),
        quantity,
        margin,
        known_noise: None,
        medians: [median(&base), median(&head)],
        counts: [base.len(), head.len()],
        evidence: is_whole.then_some(FigureEvidence { quantity, margin, sample }),
        problem: (!is_whole).then(|| {
            let runs = units::counted(lacking.1 as u64, "run");
            let why = if is_latency { "too few samples carry it" } else { "it is nothing, or unknown," };
            format!("withheld: {why} in {runs} of the {}", lacking.0)
        }),
    })
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some((sorted[last / 2] + sorted[sorted.len() / 2]) / 2.0)
}

/// What is said of a figure.
pub fn comparison(figure: &NamedFigure, decision: Option<Decision>) -> GateComparison {
    let decided = decision.as_ref().filter(|_| figure.problem.is_none());
    GateComparison {
        workload: figure.workload.clone(),
        load: figure.load.clone(),
        store: figure.store.clone(),
        operation: figure.operation.clone(),
        metric: figure.quantity,
        unit: figure.quantity.unit().to_owned(),
        better: if figure.quantity.is_better_higher() { "higher" } else { "lower" }.to_owned(),
        gated: figure.margin.is_some(),
        margin: figure.margin,
        base: figure.medians[0],
        head: figure.medians[1],
        ratio: decision.as_ref().map(|one| one.ratio),
        interval: decision.as_ref().and_then(|one| one.interval),
        smallest_detectable: decided.and_then(|one| one.smallest_detectable),
        probability: decision.as_ref().and_then(|one| one.probability),
        noise: decision.as_ref().and_then(|one| one.noise),
        floor: figure
            .known_noise
            .and_then(|noise| smallest_margin(figure.quantity, noise, figure.counts[0].min(figure.counts[1]))),
        position: decision.as_ref().and_then(|one| one.position).map(|[place, _]| place),
        unit_of_evidence: if figure.are_pairs() { "pairs" } else { "runs" }.to_owned(),
        counts: figure.counts,
        verdict: decision.as_ref().map_or(unsaid(figure), |one| one.verdict),
        sentence: match (&decision, &figure.problem) {
            (Some(decision), None) => {
                sentences::of_figure(figure.quantity, figure.margin, figure.counts, decision)
                    + &sentences::at_odds(figure.medians, decision)
            }
            (Some(decision), Some(problem)) => format!("{}: {problem}", sentences::change(decision.ratio)),
            (None, Some(problem)) => problem.clone(),
            (None, None) => "the values are too few or not positive".to_owned(),
        },
    }
}

/// Every run with its values: of pairs both sides of each, and else side by side as they come; then what is no evidence.
pub fn pairs_of(selected: &SelectedRuns<'_>, figures: &[NamedFigure]) -> Vec<GatePair> {
    let runs = &selected.runs;
    let named: Vec<(&str, Quantity)> = figures.iter().map(|one| (one.operation.as_str(), one.quantity)).collect();
    let values = |run: &Run| {
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
    let pair =
        |base: Option<&&Run>, head: Option<&&Run>, is_base_first: Option<bool>, left_out: Option<&str>| GatePair {
            workload: runs.workload.to_owned(),
            load: runs.load.clone(),
            store: runs.store.clone(),
            number: 0,
            order: is_base_first.map(|first| if first { "base first" } else { "head first" }.to_owned()),
            base: base.map(|run| values(run)),
            head: head.map(|run| values(run)),
            confirms: false,
            left_out: left_out.map(ToOwned::to_owned),
        };
    let order = |at: usize| runs.orders.as_ref().and_then(|orders| orders.get(at).copied());
    let count = runs.base.len().max(runs.head.len());
    let used = (0..count).map(|at| pair(runs.base.get(at), runs.head.get(at), order(at), None));
    let others = selected.left_out.iter();
    let others = others.map(|one| pair(one.base.as_ref(), one.head.as_ref(), one.is_base_first, Some(&one.why)));
    used.chain(others).enumerate().map(|(at, pair)| GatePair { number: at + 1, ..pair }).collect()
}
