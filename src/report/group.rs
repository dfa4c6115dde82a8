//! Runs put side by side as far as they may be: by workload, then by durability tier, then by store.
//!
//! Stores of different tiers promise different things, so no report ranks one against the other.

use drivers::Durability;

use super::words;
use crate::record::{Experiment, Run};

/// The repetitions of one workload on one store in one tier.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// The tier as read back from the store.
    pub tier: Durability,
    /// The store's name.
    pub store: &'a str,
    /// The number of the store, by first appearance in the experiment: its colour in every chart.
    pub store_number: usize,
    /// In the order in which they ran; never empty.
    pub runs: Vec<&'a Run>,
}

impl<'a> Cell<'a> {
    /// The runs whose figures may be used.
    pub fn valid(&self) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().copied().filter(|run| run.verdict.valid)
    }
}

/// All cells: workloads and stores in the order in which they ran, the strongest tier first.
pub fn cells(experiment: &Experiment) -> Vec<Cell<'_>> {
    let mut cells: Vec<Cell<'_>> = Vec::new();
    let mut stores: Vec<&str> = Vec::new();
    for run in &experiment.runs {
        let (workload, store) = (run.workload.name.as_str(), run.store.name.as_str());
        if !stores.contains(&store) {
            stores.push(store);
        }
        let store_number = stores.iter().position(|one| *one == store).unwrap_or_default();
        let tier = run.store.description.guarantees.durability;
        match cells.iter_mut().find(|cell| (cell.workload, cell.tier, cell.store) == (workload, tier, store)) {
            Some(cell) => cell.runs.push(run),
            None => cells.push(Cell { workload, tier, store, store_number, runs: vec![run] }),
        }
    }
    let first = |workload: &str| experiment.runs.iter().position(|run| run.workload.name == workload);
    cells.sort_by_key(|cell| (first(cell.workload), std::cmp::Reverse(cell.tier)));
    cells
}

/// The cells of each workload.
pub fn by_workload<'c, 'a>(cells: &'c [Cell<'a>]) -> impl Iterator<Item = &'c [Cell<'a>]> {
    cells.chunk_by(|a, b| a.workload == b.workload)
}

/// Whether the cells are of several tiers.
pub fn tiers_differ(cells: &[Cell<'_>]) -> bool {
    cells.windows(2).any(|pair| pair[0].tier != pair[1].tier)
}

/// Whether the cells are of several stores.
pub fn stores_differ(cells: &[Cell<'_>]) -> bool {
    cells.iter().any(|cell| cell.store != cells[0].store)
}

/// One sentence for each reason that keeps runs out of a report.
pub fn withheld(cells: &[Cell<'_>]) -> Vec<String> {
    let mut sentences = Vec::new();
    for cell in cells {
        let mut reasons: Vec<(String, usize)> = Vec::new();
        for reason in cell.runs.iter().filter_map(|run| words::invalid(run)) {
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, runs)) => *runs += 1,
                None => reasons.push((reason, 1)),
            }
        }
        let (store, all) = (words::store(cell.runs[0]), cell.runs.len());
        let which = |runs: usize| if all == 1 { String::new() } else { format!("{runs} of {all} runs of ") };
        sentences.extend(reasons.iter().map(|(reason, runs)| {
            format!("Withheld: {}{} on {store}. INVALID: {reason}", which(*runs), cell.workload)
        }));
    }
    sentences
}
