//! Which runs of the two sides belong together, and whether they are pairs.

use jiff::Timestamp;

use crate::record::{Experiment, LoadInfo, Run};
use crate::units;

/// The runs of one workload on one store under one load, on both sides.
#[derive(Debug, Clone)]
pub struct MatchedRuns<'a> {
    /// The workload.
    pub workload: &'a str,
    /// The level of load, where there are several of this workload on this store.
    pub load: Option<String>,
    /// The store of the head, with that of the base where it has another name.
    pub store: String,
    /// Those of the base, in the order of time.
    pub base: Vec<&'a Run>,
    /// Those of the head, in the order of time.
    pub head: Vec<&'a Run>,
    /// For each pair whether the base ran first; none where the runs are no pairs.
    pub orders: Option<Vec<bool>>,
}

/// What belongs together, and what of the base has nothing in the head: `read-heavy on libsql`.
#[derive(Debug, Default)]
pub struct MatchedSides<'a> {
    /// Both sides of each workload, store and load.
    pub matched: Vec<MatchedRuns<'a>>,
    /// Only in the base.
    pub without_head: Vec<String>,
    /// Only in the head.
    pub without_base: Vec<String>,
}

/// Runs of one side that are repetitions of each other.
struct Repetitions<'a> {
    runs: Vec<&'a Run>,
}

impl<'a> Repetitions<'a> {
    fn first(&self) -> &'a Run {
        self.runs[0]
    }

    fn name(&self) -> String {
        format!("{} on {}", self.first().workload.name, self.first().store.name)
    }
}

/// Finds for the runs of the base those of the head: of the same workload on the store of the same name, under the same
/// load if there are several; and on the only store of either side where the names differ.
pub fn matching<'a>(base: &'a [Experiment], head: &'a [Experiment]) -> MatchedSides<'a> {
    let (base, mut head) = (repetitions(base), repetitions(head));
    let stores = |side: &[Repetitions<'_>], workload: &str| {
        let mut names: Vec<String> = side
            .iter()
            .filter(|one| one.first().workload.name == workload)
            .map(|one| one.first().store.name.clone())
            .collect();
        names.dedup();
        names.len()
    };
    let mut matching = MatchedSides::default();
    let counts: Vec<[usize; 2]> = base
        .iter()
        .map(|one| [stores(&base, &one.first().workload.name), stores(&head, &one.first().workload.name)])
        .collect();
    let loads_of = |side: &[Repetitions<'_>], run: &Run| {
        side.iter()
            .filter(|one| one.first().workload.name == run.workload.name && one.first().store.name == run.store.name)
            .count()
    };
    let loads: Vec<usize> = base.iter().map(|one| loads_of(&base, one.first())).collect();
    for ((one, stores), loads) in base.iter().zip(counts).zip(loads) {
        let run = one.first();
        let is_same_work = |other: &Repetitions<'_>| other.first().workload.name == run.workload.name;
        let is_same_store = |other: &Repetitions<'_>| other.first().store.name == run.store.name || stores == [1, 1];
        let is_same_load = |other: &Repetitions<'_>| level(&other.first().load) == level(&run.load);
        let candidates: Vec<usize> =
            (0..head.len()).filter(|at| is_same_work(&head[*at]) && is_same_store(&head[*at])).collect();
        let exact = candidates.iter().copied().find(|at| is_same_load(&head[*at]));
        // Of a single load on either side another level is a difference to name, not a run that is missing.
        let found = exact.or_else(|| candidates.first().copied().filter(|_| candidates.len() == 1 && loads == 1));
        match found {
            Some(at) => {
                let load = (loads > 1 || candidates.len() > 1).then(|| level_name(&run.load));
                matching.matched.push(together(&one.runs, head.remove(at).runs, load));
            }
            None => matching.without_head.push(one.name()),
        }
    }
    matching.without_base = head.iter().map(Repetitions::name).collect();
    matching
}

impl MatchedRuns<'_> {
    /// `oltp on libsql`, `oltp at 500/s on libsql`.
    pub fn title(&self) -> String {
        title(self.workload, self.load.as_deref(), &self.store)
    }
}

/// `oltp on libsql`, `oltp at 500/s on libsql`.
pub fn title(workload: &str, load: Option<&str>, store: &str) -> String {
    let load = load.map_or_else(String::new, |load| format!(" at {load}"));
    format!("{workload}{load} on {store}")
}

fn together<'a>(base: &[&'a Run], head: Vec<&'a Run>, load: Option<String>) -> MatchedRuns<'a> {
    let (before, after) = (&base[0].store.name, &head[0].store.name);
    MatchedRuns {
        workload: &base[0].workload.name,
        load,
        store: if before == after { after.clone() } else { format!("{before} \u{2192} {after}") },
        orders: orders(base, &head),
        base: base.to_vec(),
        head,
    }
}

/// The level of a load, as far as a report tells several apart.
fn level(load: &LoadInfo) -> (bool, u32, Option<u64>) {
    (load.rate_per_s.is_some(), load.clients, load.rate_per_s.map(f64::to_bits))
}

fn level_name(load: &LoadInfo) -> String {
    load.rate_per_s
        .map_or_else(|| units::counted(load.clients.into(), "client"), |rate_per_s| units::stated(rate_per_s) + "/s")
}

/// Runs that are repetitions of each other, with the level of load where there are several of their workload on their store.
pub fn repetitions_of<'a>(runs: &[&'a Run]) -> Vec<(Option<String>, Vec<&'a Run>)> {
    let groups = grouped(runs.iter().copied());
    let is_alone = |run: &Run| {
        let same = |one: &&Repetitions<'_>| {
            one.first().workload.name == run.workload.name && one.first().store.name == run.store.name
        };
        groups.iter().filter(same).count() == 1
    };
    let load = |run: &Run| (!is_alone(run)).then(|| level_name(&run.load));
    groups.iter().map(|group| (load(group.first()), group.runs.clone())).collect()
}

fn repetitions(side: &[Experiment]) -> Vec<Repetitions<'_>> {
    grouped(side.iter().flat_map(|experiment| &experiment.runs))
}

fn grouped<'a>(runs: impl Iterator<Item = &'a Run>) -> Vec<Repetitions<'a>> {
    let mut groups: Vec<Repetitions<'a>> = Vec::new();
    for run in runs {
        let is_same = |one: &&mut Repetitions<'_>| {
            let first = one.first();
            first.workload.name == run.workload.name
                && first.store.name == run.store.name
                && level(&first.load) == level(&run.load)
        };
        match groups.iter_mut().find(is_same) {
            Some(group) => group.runs.push(run),
            None => groups.push(Repetitions { runs: vec![run] }),
        }
    }
    groups.iter_mut().for_each(|group| group.runs.sort_by_key(|run| instant(run)));
    groups
}

fn instant(run: &Run) -> Option<Timestamp> {
    run.started_at.parse().ok()
}

/// For each pair whether its base ran first, if the runs of both sides alternate in time: the first two are one of each, and
/// so are the next two. Which runs are pairs follows from when they ran and never from what they measured.
///
/// None of runs that are no pairs, and of pairs that nearly always ran in one order: the effect of the place could not be told
/// from a change.
fn orders(base: &[&Run], head: &[&Run]) -> Option<Vec<bool>> {
    if base.len() != head.len() || base.is_empty() {
        return None;
    }
    let side = |runs: &[&Run], is_base: bool| -> Option<Vec<(Timestamp, bool)>> {
        runs.iter().map(|run| Some((instant(run)?, is_base))).collect()
    };
    let mut all = [side(base, true)?, side(head, false)?].concat();
    all.sort();
    let pairs = all.chunks_exact(2).map(|pair| (pair[0].1 != pair[1].1).then_some(pair[0].1));
    let orders: Vec<bool> = pairs.collect::<Option<_>>()?;
    let base_first = orders.iter().filter(|first| **first).count();
    (base_first.min(orders.len() - base_first) >= 2).then_some(orders)
}
