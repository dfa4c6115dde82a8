//! Runs put side by side as far as they may be: by workload, then by durability tier, then by store.
//!
//! Stores of different tiers promise different things, so no report ranks one against the other.

use drivers::Durability;

use super::words;
use crate::record::{Experiment, Run};

/// The repetitions of one workload on one store in one tier under one load.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// The tier as read back from the store.
    pub tier: Durability,
    /// The store's name.
    pub store: &'a str,
    /// How the load was applied, where the store met this workload under several loads: `closed loop, 16 clients`.
    pub load: Option<String>,
    /// The number of the store, by first appearance in the experiment: its colour in every chart.
    pub store_number: usize,
    /// The number of the store and load: its colour where the loads of a store stand side by side.
    pub number: usize,
    /// In the order of the record; never empty.
    pub runs: Vec<&'a Run>,
}

impl<'a> Cell<'a> {
    /// `libsql 3.45.1`, and where that does not tell it from others, its load.
    pub fn name(&self) -> String {
        let store = words::store(self.runs[0]);
        self.load.as_ref().map_or(store.clone(), |load| format!("{store}, {load}"))
    }

    /// The runs whose figures may be used.
    pub fn valid(&self) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().copied().filter(|run| run.verdict.valid)
    }
}

/// All cells: workloads and stores in the order of the record, the strongest tier first.
pub fn cells(experiment: &Experiment) -> Vec<Cell<'_>> {
    let mut cells: Vec<Cell<'_>> = Vec::new();
    let same = |a: &Run, b: &Run| {
        let tier = |run: &Run| run.store.description.guarantees.durability;
        a.workload.name == b.workload.name && a.store.name == b.store.name && tier(a) == tier(b)
    };
    let mut loads: Vec<&Run> = Vec::new();
    for run in &experiment.runs {
        if !loads.iter().any(|other| same(other, run) && words::load(other) == words::load(run)) {
            loads.push(run);
        }
    }
    let mut numbered: Vec<(&str, Option<String>)> = Vec::new();
    let mut stores: Vec<&String> = Vec::new();
    for first in &loads {
        let load = (loads.iter().filter(|other| same(other, first)).count() > 1).then(|| words::load(first));
        let key = (first.store.name.as_str(), load.clone());
        let number = numbered.iter().position(|other| *other == key).unwrap_or(numbered.len());
        if number == numbered.len() {
            numbered.push(key);
        }
        let store = &first.store.name;
        if !stores.contains(&store) {
            stores.push(store);
        }
        let is_of_it = |run: &&Run| same(run, first) && words::load(run) == words::load(first);
        cells.push(Cell {
            workload: &first.workload.name,
            tier: first.store.description.guarantees.durability,
            store,
            load,
            store_number: stores.iter().position(|other| *other == store).unwrap_or_default(),
            number,
            runs: experiment.runs.iter().filter(is_of_it).collect(),
        });
    }
    let first = |workload: &str| experiment.runs.iter().position(|run| run.workload.name == workload);
    cells.sort_by_key(|cell| (first(cell.workload), std::cmp::Reverse(cell.tier)));
    cells
}

/// The same with all loads of a store in one cell.
pub fn by_store<'a>(cells: &[Cell<'a>]) -> Vec<Cell<'a>> {
    let mut stores: Vec<Cell<'a>> = Vec::new();
    for cell in cells {
        let same =
            |other: &&mut Cell<'a>| (other.workload, other.tier, other.store) == (cell.workload, cell.tier, cell.store);
        match stores.iter_mut().find(same) {
            Some(store) => store.runs.extend(&cell.runs),
            None => stores.push(Cell { load: None, ..cell.clone() }),
        }
    }
    stores
}

/// The cells of each workload.
pub fn by_workload<'c, 'a>(cells: &'c [Cell<'a>]) -> impl Iterator<Item = &'c [Cell<'a>]> {
    cells.chunk_by(|a, b| a.workload == b.workload)
}

/// Whether the cells are of several tiers.
pub fn tiers_differ(cells: &[Cell<'_>]) -> bool {
    cells.windows(2).any(|pair| pair[0].tier != pair[1].tier)
}

/// Whether the cells are of several stores, or of one under several loads.
pub fn stores_differ(cells: &[Cell<'_>]) -> bool {
    cells.iter().any(|cell| (cell.store, &cell.load) != (cells[0].store, &cells[0].load))
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
        let (store, all) = (cell.name(), cell.runs.len());
        let which = |runs: usize| if all == 1 { String::new() } else { format!("{runs} of {all} runs of ") };
        sentences.extend(reasons.iter().map(|(reason, runs)| {
            format!("Withheld: {}{} on {store}. INVALID: {reason}", which(*runs), cell.workload)
        }));
    }
    sentences
}
