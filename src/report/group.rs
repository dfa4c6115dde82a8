//! Runs put side by side as far as they may be: by workload, then by durability tier, then by store.
//!
//! Stores of different tiers promise different things, so no report ranks one against the other.

use drivers::Durability;

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
    for run in &experiment.runs {
        let (workload, store) = (run.workload.name.as_str(), run.store.name.as_str());
        let tier = run.store.description.guarantees.durability;
        match cells.iter_mut().find(|cell| (cell.workload, cell.tier, cell.store) == (workload, tier, store)) {
            Some(cell) => cell.runs.push(run),
            None => cells.push(Cell { workload, tier, store, runs: vec![run] }),
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
