//! How a store answers to more and more load: runs of one workload at several offered rates or numbers of clients, as a
//! sweep makes them. Where there are fewer than three levels there is no curve.

use super::group::{self, Cell, Terms};
use super::words::{self, Withheld};
use crate::percentile::Percentile;
use crate::record::{Latency, Mode, Run};
use crate::stats::{self, Reading, over_runs, spread_of};
use crate::units;

/// With fewer levels a line between them would say nothing.
const FEWEST: usize = 3;

/// What is drawn of the response time at each level.
pub const PERCENTILES: [Percentile; 2] = [Percentile::P50, Percentile::P99];

/// One store under rising load.
#[derive(Debug)]
pub struct Sweep<'a> {
    /// On what terms it may be compared with others.
    pub terms: Terms<'a>,
    /// The store's name and version: `libsql 3.45.1`.
    pub store: String,
    /// The store as named on the command line.
    pub address: &'a str,
    /// The number of the store in the experiment: its colour.
    pub number: usize,
    /// By rising load.
    pub levels: Vec<Level<'a>>,
}

/// One level of load.
#[derive(Debug)]
pub struct Level<'a> {
    /// The load in words: `16 clients`, `2,000/s`.
    pub name: String,
    /// Clients of a closed loop, offered rate of an open one.
    pub load: f64,
    /// Successes per second: lowest, median and highest of the runs; of one run its interval.
    pub per_s: [f64; 3],
    /// The [`PERCENTILES`] of the response time.
    pub readings: [Reading; 2],
    /// Its mean, the median of the runs.
    pub mean_ns: f64,
    /// Why its latencies must not be used; of an overloaded level `per_s` stands.
    pub withheld: Option<Withheld>,
    /// Its runs: the valid ones, or all where none is.
    pub runs: Vec<&'a Run>,
}

/// All sweeps of an experiment, in the order of its cells.
pub fn sweeps<'a>(cells: &[Cell<'a>]) -> Vec<Sweep<'a>> {
    let mut sweeps = Vec::new();
    for cell in group::at_any_level(cells) {
        let levels = levels(&cell.runs);
        if levels.len() >= FEWEST {
            sweeps.push(Sweep {
                store: cell.name(),
                address: cell.store,
                number: cell.number,
                terms: cell.terms,
                levels,
            });
        }
    }
    sweeps
}

fn levels<'a>(runs: &[&'a Run]) -> Vec<Level<'a>> {
    let mut loads: Vec<f64> = runs.iter().map(|run| load(run)).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup();
    let level = |wanted: f64| level(wanted, runs.iter().copied().filter(|run| load(run) == wanted).collect());
    loads.into_iter().map(level).collect()
}

fn load(run: &Run) -> f64 {
    match run.load.mode {
        Mode::Closed => f64::from(run.load.clients),
        Mode::Open => run.load.rate_per_s.unwrap_or_default(),
    }
}

fn level<'a>(load: f64, all: Vec<&'a Run>) -> Level<'a> {
    let name = match all[0].load.mode {
        Mode::Closed => units::counted(load as u64, "client"),
        Mode::Open => units::stated(load) + "/s",
    };
    let valid: Vec<&'a Run> = all.iter().copied().filter(|run| run.verdict.valid).collect();
    let withheld = words::withheld_of(&all);
    let runs = if valid.is_empty() { all } else { valid };
    let latencies: Vec<&Latency> = runs.iter().map(|run| &run.total.response_ns).collect();
    let per_s = match runs[..] {
        [Run { throughput_per_s, throughput_interval: Some([low, high]), .. }] => [*low, *throughput_per_s, *high],
        _ => spread_of(runs.iter().map(|run| run.throughput_per_s)),
    };
    let [_, mean_ns, _] = spread_of(latencies.iter().map(|latency| latency.mean));
    let readings = PERCENTILES.map(|percentile| over_runs(&latencies, percentile));
    Level { name, load, per_s, readings, mean_ns, withheld, runs }
}

impl Level<'_> {
    /// Whether more was offered than the store carried, and nothing else is wrong: `per_s` is what it completed.
    pub fn is_overloaded(&self) -> bool {
        self.runs.iter().all(|run| run.verdict.overload.is_some())
    }
}

impl Sweep<'_> {
    /// The levels that were more than the store carried.
    pub fn overloaded(&self) -> Vec<&Level<'_>> {
        self.levels.iter().filter(|level| level.is_overloaded()).collect()
    }

    /// The valid level beyond which load buys waiting: see [`stats::knee`].
    pub fn knee(&self) -> Option<&Level<'_>> {
        let valid: Vec<&Level<'_>> = self.levels.iter().filter(|level| level.withheld.is_none()).collect();
        let power: Vec<(f64, f64)> = valid.iter().map(|level| (level.per_s[1], level.mean_ns)).collect();
        stats::knee(&power).map(|at| valid[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixtures, group};

    #[test]
    fn levels_rise_and_the_knee_is_where_load_begins_to_buy_waiting() {
        let experiment = fixtures::sweep();
        let cells = group::cells(&experiment);
        let [libsql, postgres] = &sweeps(&cells)[..] else { panic!("two stores") };
        let names: Vec<&str> = libsql.levels.iter().map(|level| level.name.as_str()).collect();
        assert_eq!(names[..3], ["1 client", "2 clients", "4 clients"]);
        assert_eq!((libsql.levels.len(), postgres.levels.len()), (7, 5));
        assert_eq!(libsql.knee().map(|level| level.load), Some(4.0));
        assert!(
            libsql.levels[6].withheld.as_ref().is_some_and(|withheld| withheld.reason.contains("client was the limit"))
        );
        assert_ne!(libsql.number, postgres.number);
    }

    #[test]
    fn two_levels_are_no_sweep_and_a_line_without_a_bend_has_no_knee() {
        let level = |clients, per_s| {
            let operations = [("get", per_s, 1_000_000, 0.1)];
            let mut run =
                fixtures::run(&fixtures::SyntheticRun { operations: &operations, seconds: 3, ..Default::default() });
            run.load.clients = clients;
            run
        };
        let mut runs = vec![level(1, 100.0), level(2, 200.0)];
        let two = fixtures::experiment(runs.clone());
        assert!(sweeps(&group::cells(&two)).is_empty());
        runs.push(level(4, 400.0));
        let three = fixtures::experiment(runs);
        let cells = group::cells(&three);
        assert!(sweeps(&cells)[0].knee().is_none(), "throughput still grows as load does");
    }
}
