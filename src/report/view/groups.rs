//! What may stand in one table: the cells that `report::group` finds comparable, and what is said of them together.

use crate::record::{Experiment, Mode};
use crate::report::group::{self, Cell};
use crate::report::{view, words};

/// Stores that may be compared.
#[derive(Debug)]
pub struct Group<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// The tier that all of these stores really ran in.
    pub tier: &'static str,
    /// How the load was applied, and what else sets it apart from other groups of the workload.
    pub load: String,
    /// Length of measurement and warm-up.
    pub duration: String,
    /// Closed or open.
    pub mode: Mode,
    /// Why the stores are not comparable after all; empty if they are.
    pub warning: String,
    /// Stores and their runs.
    pub cells: Vec<Cell<'a>>,
}

/// All groups, in the order of the record, the strongest tier first.
pub fn groups(experiment: &Experiment) -> Vec<Group<'_>> {
    let cells = group::cells(experiment);
    group::comparable(&cells).map(|of_group| group(of_group, &cells)).collect()
}

fn group<'a>(cells: &[Cell<'a>], all: &[Cell<'a>]) -> Group<'a> {
    let (run, terms) = (cells[0].runs[0], &cells[0].terms);
    let particulars = group::particulars(terms, all).into_iter().filter(|particular| *particular != terms.load);
    Group {
        workload: terms.workload,
        tier: terms.tier.name(),
        load: [terms.load.clone()].into_iter().chain(particulars).collect::<Vec<_>>().join(", "),
        duration: words::duration(run),
        mode: run.load.mode,
        warning: warning(cells),
        cells: cells.to_vec(),
    }
}

fn warning(cells: &[Cell<'_>]) -> String {
    let streams = view::distinct(cells.iter().flat_map(|cell| &cell.runs).map(|run| &run.workload.stream_hash));
    if streams.len() > 1 {
        "Not the same stream of operations: their seeds differ, and so may the work.".to_owned()
    } else {
        String::new()
    }
}
