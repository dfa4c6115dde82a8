//! A gate that measures its own pairs: in which order the sides run, and what the pairs so far amount to.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::compare::{GateFindings, record, store};
use super::decision::{Decision, FigureEvidence};
use super::differences::differences as differences_of;
use super::figures::{NamedFigure, comparison, decide_all, figures_of, pairs_of};
use super::looks::{NextStep, confirm, confirmation, is_flagged, next_step};
use super::margins::Margins;
use super::matching::MatchedRuns;
use super::options::GateOptions;
use super::quantity::Quantity;
use super::record::{GatePair, GateRecord, GateSide, MeasuredGate};
use super::selection::{is_enough, select};
use super::sentences::{self, distinct};
use super::terms;
use crate::draw::rng::{Purpose, rng};
use crate::record::{Experiment, Run};

/// Two runs back to back, by their ids in the experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePair {
    /// The workload.
    pub workload: String,
    /// Whether the base ran first.
    pub is_base_first: bool,
    /// Whether it is to confirm what was flagged.
    pub confirms: bool,
    /// The run of the base.
    pub base: String,
    /// The run of the head.
    pub head: String,
}

/// For so many more pairs whether the base runs first: both orders equally often, shuffled, since a fixed order would turn
/// whatever the place in a pair is worth into a change. They follow from the seed.
pub fn orders(pairs: usize, seed: u64, workload: usize, block: usize) -> Vec<bool> {
    let mut orders: Vec<bool> = (0..pairs).map(|at| at.is_multiple_of(2)).collect();
    orders.shuffle(&mut rng(seed, Purpose::Pairs, workload as u64, block as u64));
    orders
}

/// The most figures that are tested of a workload with these operations.
pub fn family(workload: &str, operations: &[&str], margins: &Margins) -> usize {
    let tested = |operation: Option<&str>| {
        let gates = |quantity: &Quantity| {
            let is_of_all = operation.is_none() || matches!(quantity, Quantity::Response(_));
            is_of_all && !quantity.is_exact() && margins.of(workload, operation, *quantity).is_some()
        };
        Quantity::ALL.iter().filter(|quantity| gates(quantity)).count()
    };
    let single = operations.iter().filter(|_| operations.len() > 1).map(|name| tested(Some(name)));
    tested(None) + single.sum::<usize>()
}

/// What the pairs amount to, and what is to be done next.
pub struct LiveJudgement {
    /// What follows.
    pub next: NextStep,
    /// How many figures are flagged.
    pub flagged: usize,
    /// The workloads with a flagged figure.
    pub flagged_workloads: Vec<String>,
    /// All that is known.
    pub record: GateRecord,
}

/// Judges the pairs so far at the look that `measured` says, and takes back what its confirming pairs, if there are any, do
/// not show again. `labels` is what the user called the sides; `problem` why no more can be measured.
pub fn judge_pairs(
    experiment: &Experiment,
    pairs: &[LivePair],
    measured: MeasuredGate,
    labels: &[String; 2],
    options: &GateOptions,
    problem: Option<String>,
) -> LiveJudgement {
    let is_interrupted = measured.interrupted;
    let tools = measured.tools.clone();
    let alpha = measured.looks.get(measured.looked.max(1) - 1).map_or(0.0, |look| look.alpha);
    let is_last = measured.looked >= measured.looks.len();
    let workloads = distinct(pairs.iter().map(|pair| pair.workload.clone()).collect());
    let (mut problems, mut notes, mut mismatches) = (Vec::from_iter(problem), Vec::new(), Vec::new());
    let (mut figures, mut gate_pairs, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
    let mut differences = BTreeMap::new();
    let mut sides: [Vec<&Run>; 2] = [Vec::new(), Vec::new()];
    for workload in &workloads {
        for confirms in [false, true] {
            let Some(all) = matched(experiment, pairs, workload, confirms) else { continue };
            let selected = select(&all, options.keeps_noisy);
            let named = figures_of(&selected, options, &mut problems);
            gate_pairs.extend(pairs_of(&selected, &named).into_iter().map(|pair| GatePair { confirms, ..pair }));
            notes.extend(sentences::noisy(&selected, &all));
            if confirms {
                fresh.extend(named);
                continue;
            }
            mismatches.extend(terms::of_runs(&selected.runs.base, &selected.runs.head));
            notes.push(sentences::evidence(&selected.runs));
            differences.insert(all.title(), differences_of(&selected.runs.base, &selected.runs.head));
            if problems.is_empty() && !is_interrupted && !is_enough(&selected.runs) {
                problems.extend(sentences::too_few_pairs(&selected));
            }
            sides[0].extend(&all.base);
            sides[1].extend(&all.head);
            figures.extend(named);
        }
    }
    mismatches.extend(terms::of_builds(&tools));
    let mut decisions = decide_all(&figures, alpha, Some(confirmation(1)));
    let next = next_step(&decisions, is_last);
    let flagged: Vec<usize> = (0..figures.len()).filter(|at| is_flagged(&decisions[*at])).collect();
    let flagged_workloads = distinct(flagged.iter().map(|at| figures[*at].workload().to_owned()).collect());
    if !fresh.is_empty() {
        let again = |figure: &NamedFigure| fresh.iter().find(|one| one.is_same(figure))?.undisturbed();
        let again: Vec<Option<FigureEvidence>> = figures.iter().map(again).collect();
        confirm(&mut decisions, &again);
    }
    if is_interrupted {
        decisions.iter_mut().flatten().for_each(Decision::leave_open);
    }
    let mut comparisons: Vec<_> =
        figures.iter().zip(&decisions).map(|(figure, one)| comparison(figure, one.clone())).collect();
    for at in flagged.iter().filter(|at| !fresh.is_empty() && !is_flagged(&decisions[**at])) {
        comparisons[*at].sentence = sentences::not_confirmed(&comparisons[*at]);
    }
    let side = |at: usize| GateSide {
        label: labels[at].clone(),
        tools: vec![tools.get(at).unwrap_or(&experiment.tool).clone()],
        stores: distinct(sides[at].iter().map(|run| store(run)).collect()),
        host: experiment.host.clone(),
        started_at: experiment.started_at.clone(),
        finished_at: experiment.finished_at.clone(),
    };
    let made_by = (experiment.tool.clone(), experiment.command.clone());
    // Of all looks together.
    let alpha = measured.looks.iter().map(|look| look.alpha).sum();
    let measured = Some(MeasuredGate { flagged: flagged.len(), ..measured });
    let findings =
        GateFindings { mismatches, problems, notes, differences, comparisons, pairs: gate_pairs, alpha, measured };
    let record = record(findings, [side(0), side(1)], options, made_by);
    LiveJudgement { next, flagged: flagged.len(), flagged_workloads, record }
}

/// The pairs of a workload of which both runs are there.
fn matched<'a>(
    experiment: &'a Experiment,
    pairs: &[LivePair],
    workload: &str,
    confirms: bool,
) -> Option<MatchedRuns<'a>> {
    let run = |id: &String| experiment.runs.iter().find(|run| run.id == *id);
    let of = pairs.iter().filter(|pair| pair.workload == workload && pair.confirms == confirms);
    let both = of.filter_map(|pair| Some((run(&pair.base)?, run(&pair.head)?, pair.is_base_first)));
    let (mut base, mut head, mut orders) = (Vec::new(), Vec::new(), Vec::new());
    for (of_base, of_head, is_base_first) in both {
        base.push(of_base);
        head.push(of_head);
        orders.push(is_base_first);
    }
    let (of_base, of_head) = (&base.first()?.store.name, &head.first()?.store.name);
    let store = if of_base == of_head { of_head.clone() } else { format!("{of_base} \u{2192} {of_head}") };
    Some(MatchedRuns { workload: &base[0].workload.name, load: None, store, base, head, orders: Some(orders) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_shuffled_balanced_and_follow_from_the_seed() {
        let first = orders(10, 42, 0, 0);
        assert_eq!(first.iter().filter(|first| **first).count(), 5);
        assert_eq!(first, orders(10, 42, 0, 0));
        let others = [orders(10, 43, 0, 0), orders(10, 42, 1, 0), orders(10, 42, 0, 1)];
        assert!(others.iter().all(|other| *other != first), "{first:?} {others:?}");
        let alternating: Vec<bool> = (0..10).map(|at| at % 2 == 0).collect();
        assert!((0..50).any(|seed| orders(10, seed, 0, 0) != alternating));
    }

    #[test]
    fn the_family_is_what_scatters_and_has_a_margin() {
        let mut margins = Margins::default();
        // Throughput, p50, p99, CPU and bytes of all, and p50 and p99 of each of several operations.
        assert_eq!(family("oltp", &["pay"], &margins), 5);
        assert_eq!(family("oltp", &["pay", "browse"], &margins), 9);
        margins.add_flag("oltp/pay/p99=off").expect("a margin");
        assert_eq!(family("oltp", &["pay", "browse"], &margins), 8);
    }
}
