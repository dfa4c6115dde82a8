//! Runs put side by side as far as they may be: the same work under the same load, held to the same durability. Everything
//! else stands apart, in every table and chart, with the reason.

use std::cmp::Reverse;

use drivers::Durability;

use super::lists::{distinct, listed};
use super::words::{self, Withheld};
use crate::record::{Experiment, Mode, Run};
use crate::units;

/// What must be equal before figures may be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms<'a> {
    pub workload: &'a str,
    /// Hash of the workload file.
    pub hash: &'a str,
    /// Rows before the measurement.
    pub rows: u64,
    /// The tier as read back from the store.
    pub tier: Durability,
    /// How the load was applied: `closed loop, 16 clients`; `closed loop` of several levels together.
    pub load: String,
}

impl<'a> Terms<'a> {
    pub fn from_run(run: &'a Run) -> Terms<'a> {
        Terms { load: words::load(run), ..Terms::at_any_level(run) }
    }

    /// The same without the level of its load.
    fn at_any_level(run: &'a Run) -> Terms<'a> {
        let (info, tier) = (&run.workload, run.store.description.guarantees.durability);
        let load = words::mode(run.load.mode).to_owned();
        Terms { workload: &info.name, hash: &info.hash, rows: info.rows, tier, load }
    }
}

/// The repetitions of one workload on one store on the same terms.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// On what terms it may be compared.
    pub terms: Terms<'a>,
    pub store: &'a str,
    /// The number of the store, by first appearance in the experiment: its colour in every chart.
    pub number: usize,
    /// In the order of the record; never empty.
    pub runs: Vec<&'a Run>,
}

impl<'a> Cell<'a> {
    /// The store's name and version: `libsql 3.45.1`.
    pub fn name(&self) -> String {
        words::store(self.runs[0])
    }

    /// The same, and what sets it apart among these others.
    pub fn name_among(&self, all: &[Cell<'_>]) -> String {
        [self.name()].into_iter().chain(particulars(&self.terms, all)).collect::<Vec<_>>().join(", ")
    }

    /// The runs whose figures may be used.
    pub fn valid(&self) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().copied().filter(|run| run.verdict.valid)
    }

    /// The valid run with the median throughput, of an even number the slower of the two in the middle: for what follows
    /// from a whole run and not from a single figure, such as its cost.
    pub fn median_run(&self) -> Option<&'a Run> {
        let mut runs: Vec<&Run> = self.valid().collect();
        runs.sort_by(|a, b| a.throughput_per_s.total_cmp(&b.throughput_per_s));
        runs.get(runs.len().saturating_sub(1) / 2).copied()
    }

    /// Whether another cell is of this store and its terms, at whatever level of load.
    pub fn holds(&self, other: &Cell<'_>) -> bool {
        self.store == other.store && self.terms == Terms::at_any_level(other.runs[0])
    }

    pub fn mode(&self) -> Mode {
        self.runs[0].load.mode
    }

    /// Completed rates of the runs of a store that was overloaded in all of them: a result, although no latency is.
    pub fn completed_per_s(&self) -> Option<Vec<f64>> {
        self.runs.iter().map(|run| run.verdict.overload.as_ref().map(|overload| overload.completed_per_s)).collect()
    }

    /// Whether others of these are of the same store on the same terms, at another level of load.
    pub fn is_level(&self, all: &[Cell<'_>]) -> bool {
        let own = Terms::at_any_level(self.runs[0]);
        all.iter().any(|other| other.terms != self.terms && Terms::at_any_level(other.runs[0]) == own)
    }
}

/// Stores that may be compared.
#[derive(Debug)]
pub struct Group<'a> {
    pub workload: &'a str,
    /// The tier that all of these stores really ran in.
    pub tier: &'static str,
    /// How the load was applied, and what else sets it apart from other groups of the workload.
    pub load: String,
    /// Length of measurement and warm-up.
    pub duration: String,
    pub mode: Mode,
    /// Why the stores are not comparable after all; empty if they are.
    pub warning: String,
    /// Stores and their runs.
    pub cells: Vec<Cell<'a>>,
}

/// All cells: workloads and stores in the order of the record, the strongest tier first, comparable ones side by side.
pub fn cells(experiment: &Experiment) -> Vec<Cell<'_>> {
    let mut cells: Vec<Cell<'_>> = Vec::new();
    let stores = distinct(experiment.runs.iter().map(|run| run.store.name.as_str()));
    for run in &experiment.runs {
        let (terms, store) = (Terms::from_run(run), run.store.name.as_str());
        match cells.iter_mut().find(|cell| cell.store == store && cell.terms == terms) {
            Some(cell) => cell.runs.push(run),
            None => {
                let number = stores.iter().position(|other| *other == store).unwrap_or_default();
                cells.push(Cell { terms, store, number, runs: vec![run] });
            }
        }
    }
    sorted(cells)
}

/// The same with all levels of load of a store in one cell; closed and open loops stay apart.
pub fn at_any_level<'a>(cells: &[Cell<'a>]) -> Vec<Cell<'a>> {
    let mut stores: Vec<Cell<'a>> = Vec::new();
    for cell in cells {
        let terms = Terms::at_any_level(cell.runs[0]);
        match stores.iter_mut().find(|other| other.store == cell.store && other.terms == terms) {
            Some(store) => store.runs.extend(&cell.runs),
            None => stores.push(Cell { terms, ..cell.clone() }),
        }
    }
    sorted(stores)
}

fn sorted(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'_>> {
    let terms = distinct(cells.iter().map(|cell| cell.terms.clone()));
    let first = |of: &dyn Fn(&Terms<'_>) -> bool| terms.iter().position(of);
    cells.sort_by_cached_key(|cell| {
        let own = &cell.terms;
        (first(&|other| other.workload == own.workload), Reverse(own.tier), first(&|other| other == own))
    });
    cells
}

/// The cells of each workload.
pub fn by_workload<'c, 'a>(cells: &'c [Cell<'a>]) -> impl Iterator<Item = &'c [Cell<'a>]> {
    cells.chunk_by(|a, b| a.terms.workload == b.terms.workload)
}

/// The cells that may be compared with each other.
pub fn comparable<'c, 'a>(cells: &'c [Cell<'a>]) -> impl Iterator<Item = &'c [Cell<'a>]> {
    cells.chunk_by(|a, b| a.terms == b.terms)
}

/// All groups, in the order of the record, the strongest tier first.
pub fn groups(experiment: &Experiment) -> Vec<Group<'_>> {
    let cells = cells(experiment);
    comparable(&cells).map(|of_group| group(of_group, &cells)).collect()
}

fn group<'a>(cells: &[Cell<'a>], all: &[Cell<'a>]) -> Group<'a> {
    let (run, terms) = (cells[0].runs[0], &cells[0].terms);
    let particulars = particulars(terms, all).into_iter().filter(|particular| *particular != terms.load);
    Group {
        workload: terms.workload,
        tier: terms.tier.name(),
        load: [terms.load.clone()].into_iter().chain(particulars).collect::<Vec<_>>().join(", "),
        duration: words::durations(&cells.iter().flat_map(|cell| cell.runs.iter().copied()).collect::<Vec<_>>()),
        mode: run.load.mode,
        warning: warning(cells),
        cells: cells.to_vec(),
    }
}

fn warning(cells: &[Cell<'_>]) -> String {
    let streams = distinct(cells.iter().flat_map(|cell| &cell.runs).map(|run| &run.workload.stream_hash));
    if streams.len() > 1 {
        "Not the same stream of operations: their seeds differ, and so may the work.".to_owned()
    } else {
        String::new()
    }
}

/// Whether the cells are of several stores.
pub fn stores_differ(cells: &[Cell<'_>]) -> bool {
    cells.iter().any(|cell| cell.store != cells[0].store)
}

/// Whether the cells, of one workload, are not all comparable.
pub fn terms_differ(cells: &[Cell<'_>]) -> bool {
    comparable(cells).nth(1).is_some()
}

/// What a group of comparable cells is called among all cells of its workload: its tier, and what else sets it apart.
pub fn heading(terms: &Terms<'_>, all: &[Cell<'_>]) -> String {
    let own = format!("durability: {}", terms.tier.name());
    let heading = [own].into_iter().chain(particulars(terms, all)).collect::<Vec<_>>().join(", ");
    if terms_differ(all) { heading + " (compare within this group only)" } else { heading }
}

/// What sets a group apart from others of its workload beside the tier.
pub fn particulars(terms: &Terms<'_>, all: &[Cell<'_>]) -> Vec<String> {
    let of_workload = || all.iter().map(|cell| &cell.terms).filter(|other| other.workload == terms.workload);
    let differs = |of: &dyn Fn(&Terms<'_>) -> bool| of_workload().any(of);
    let mut particulars = Vec::new();
    particulars.extend(differs(&|other| other.load != terms.load).then(|| terms.load.clone()));
    particulars.extend(differs(&|other| other.rows != terms.rows).then(|| units::counted(terms.rows, "row")));
    particulars.extend(differs(&|other| other.hash != terms.hash).then(|| format!("workload file {}", terms.hash)));
    particulars
}

/// Why the groups of each workload are not compared with each other, a sentence each.
pub fn reasons_apart(cells: &[Cell<'_>]) -> Vec<String> {
    let reason = |cells: &[Cell<'_>]| {
        let first = &cells[0].terms;
        let differs = |of: &dyn Fn(&Terms<'_>) -> bool| cells.iter().any(|cell| of(&cell.terms));
        let differing: Vec<String> = [
            ("durability", differs(&|other| other.tier != first.tier)),
            ("load", differs(&|other| other.load != first.load)),
            ("number of rows", differs(&|other| other.rows != first.rows)),
            ("workload file", differs(&|other| other.hash != first.hash)),
        ]
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(what, _)| what.to_owned())
        .collect();
        let groups = comparable(cells).count();
        (groups > 1).then(|| {
            format!(
                "{}: {groups} groups that are not comparable, for they differ in {}.",
                first.workload,
                listed(&differing)
            )
        })
    };
    by_workload(cells).filter_map(reason).collect()
}

/// One sentence for each reason that keeps runs out of a report.
pub fn withheld(cells: &[Cell<'_>]) -> Vec<String> {
    let mut sentences = Vec::new();
    for cell in cells {
        let mut reasons: Vec<(Withheld, usize)> = Vec::new();
        for reason in cell.runs.iter().filter_map(|run| words::withheld(run)) {
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, runs)) => *runs += 1,
                None => reasons.push((reason, 1)),
            }
        }
        let (store, all) = (cell.name_among(cells), cell.runs.len());
        let which = |runs: usize| if all == 1 { String::new() } else { format!("{runs} of {all} runs of ") };
        sentences.extend(
            reasons.iter().map(|(reason, runs)| {
                format!("Withheld: {}{} on {store}. {reason}", which(*runs), cell.terms.workload)
            }),
        );
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{self, SyntheticRun};

    #[test]
    fn only_the_same_work_under_the_same_load_in_the_same_tier_is_comparable() {
        let operations: &[fixtures::SyntheticOperation] = &[("read", 1_000.0, 42_000, 0.3)];
        let plan = |store, seed| SyntheticRun {
            workload: "shop",
            store,
            operations,
            seconds: 1,
            seed,
            ..SyntheticRun::default()
        };
        let base = fixtures::run(&plan("libsql", 1));
        let alike = fixtures::run(&plan("postgres", 2));
        let mut others = vec![
            fixtures::run(&SyntheticRun { open: Some((1_000.0, 9_000)), ..plan("redis", 3) }),
            fixtures::run(&SyntheticRun { open: Some((900.0, 9_000)), ..plan("redis", 3) }),
            fixtures::run(&SyntheticRun { tier: Durability::Relaxed, ..plan("redis", 4) }),
        ];
        others.extend([(); 3].map(|()| fixtures::run(&plan("redis", 5))));
        others[3].load.clients = 9;
        others[4].workload.rows = 1;
        others[5].workload.hash = "another".to_owned();
        for other in &others {
            let experiment = fixtures::experiment(vec![base.clone(), other.clone(), alike.clone()]);
            let cells = cells(&experiment);
            let groups: Vec<Vec<&str>> =
                comparable(&cells).map(|group| group.iter().map(|cell| cell.store).collect()).collect();
            assert_eq!(groups, [vec!["libsql", "postgres"], vec!["redis"]], "{:?}", Terms::from_run(other));
            assert_eq!(reasons_apart(&cells).len(), 1);
        }
        let experiment = fixtures::experiment([vec![base], others, vec![alike]].concat());
        assert_eq!(
            reasons_apart(&cells(&experiment)),
            [
                "shop: 7 groups that are not comparable, for they differ in durability, load, number of rows and workload file."
            ]
        );
        let levels = at_any_level(&cells(&experiment));
        let open = levels.iter().find(|cell| cell.mode() == Mode::Open).expect("an open loop");
        assert_eq!((open.runs.len(), open.terms.load.as_str()), (2, "open loop"));
    }

    #[test]
    fn the_median_run_is_one_of_the_runs() {
        let mut runs: Vec<Run> = [30.0, 10.0, 20.0, 40.0, 5.0]
            .map(|throughput_per_s| Run {
                throughput_per_s,
                ..fixtures::run(&SyntheticRun { seconds: 1, ..SyntheticRun::default() })
            })
            .into();
        runs[4].verdict = fixtures::invalid("no");
        let experiment = fixtures::experiment(runs);
        let median = cells(&experiment)[0].median_run().map(|run| run.throughput_per_s);
        assert_eq!(median, Some(20.0), "of four valid runs the second");
    }
}
