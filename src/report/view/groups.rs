//! What may stand in one table: the same work, under the same load, in the same durability tier. A closed loop never
//! shares a table with an open one, nor one tier with another.

use crate::record::{Experiment, Mode, Run};
use crate::report::group::{self, Cell};
use crate::report::{view, words};

/// Stores that may be compared.
#[derive(Debug)]
pub struct Group<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// The tier that all of these stores really ran in.
    pub tier: &'static str,
    /// How the load was applied.
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
    let mut groups: Vec<Group<'_>> = Vec::new();
    for cell in group::cells(experiment) {
        for part in by_work(&cell) {
            let key = key(part.runs[0]);
            match groups.iter_mut().find(|group| self::key(group.cells[0].runs[0]) == key) {
                Some(group) => group.cells.push(part),
                None => groups.push(new_group(part)),
            }
        }
    }
    for group in &mut groups {
        group.warning = warning(&group.cells);
    }
    groups
}

type Key<'a> = (&'a str, &'a str, drivers::Durability, String);

fn key(run: &Run) -> Key<'_> {
    let tier = run.store.description.guarantees.durability;
    (&run.workload.name, &run.workload.hash, tier, words::load(run))
}

/// Repetitions of a cell are of one piece, unless several experiments stand side by side.
fn by_work<'a>(cell: &Cell<'a>) -> Vec<Cell<'a>> {
    let keys = view::distinct(cell.runs.iter().map(|run| key(run)));
    let part = |wanted: &Key<'_>| {
        let runs = cell.runs.iter().copied().filter(|run| key(run) == *wanted).collect();
        Cell { runs, ..cell.clone() }
    };
    keys.iter().map(part).collect()
}

fn new_group(cell: Cell<'_>) -> Group<'_> {
    let run = cell.runs[0];
    Group {
        workload: &run.workload.name,
        tier: cell.tier.name(),
        load: words::load(run),
        duration: words::duration(run),
        mode: run.load.mode,
        warning: String::new(),
        cells: vec![cell],
    }
}

fn warning(cells: &[Cell<'_>]) -> String {
    let streams = view::distinct(cells.iter().flat_map(|cell| &cell.runs).map(|run| &run.workload.stream_hash));
    if streams.len() > 1 {
        "Not the same stream of operations: seeds or sizes differ, and so may the work.".to_owned()
    } else {
        String::new()
    }
}
