//! How sure a figure became that `--want` asked for: a line for each store.

use crate::record::{Experiment, PrecisionGoal, Run};
use crate::report::group::{self, Cell};
use crate::stats::{precision, spread_of, value_of};
use crate::units;

/// What became of what was wanted, a line for each workload, store and load.
pub fn lines(experiment: &Experiment) -> String {
    let cells = group::cells(experiment);
    let line = |wanted: &PrecisionGoal, cell: &Cell<'_>| {
        let values = values(wanted, cell);
        let [_, median, _] = spread_of(values.iter().copied());
        let value = match wanted.percentile {
            Some(_) => units::latency(median as u64),
            None => units::rate(median) + "/s",
        };
        let what = format!("{} of {} on {}", wanted.figure(), cell.terms.workload, cell.name_among(&cells));
        let runs = units::counted(values.len() as u64, "run");
        let asked = format!("wanted +-{} %", units::quantity(wanted.share * 100.0));
        match precision(&values) {
            Some(reach) if reach <= wanted.share => {
                format!("{what}: {value} +-{:.1} % (95 %, median of {runs}; {asked})\n", reach * 100.0)
            }
            Some(reach) => format!(
                "{what}: {value} +-{:.1} % (95 %, median of {runs}): NOT as sure as wanted, +-{} %\n",
                reach * 100.0,
                units::quantity(wanted.share * 100.0)
            ),
            None => format!("{what}: {runs} with that figure: NOT as sure as wanted, {asked}\n"),
        }
    };
    experiment.wanted.iter().flat_map(|wanted| cells.iter().map(move |cell| line(wanted, cell))).collect()
}

/// Whether every store's figure became as sure as was wanted, if anything was.
pub fn is_reached(experiment: &Experiment) -> bool {
    let cells = group::cells(experiment);
    let reached = |wanted: &PrecisionGoal, cell: &Cell<'_>| {
        precision(&values(wanted, cell)).is_some_and(|reach| reach <= wanted.share)
    };
    experiment.wanted.iter().all(|wanted| cells.iter().all(|cell| reached(wanted, cell)))
}

fn values(wanted: &PrecisionGoal, cell: &Cell<'_>) -> Vec<f64> {
    let runs: Vec<&Run> = cell.valid().collect();
    runs.into_iter().filter_map(|run| value_of(run, wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{self, SyntheticRun};

    fn repeated(wanted: &str) -> Experiment {
        let run = |at: u64| {
            let seconds = 20;
            let mut run = fixtures::run(&SyntheticRun { seconds, seed: at, ..SyntheticRun::default() });
            run.throughput_per_s = 1_000.0 + 20.0 * at as f64;
            run
        };
        Experiment { wanted: wanted.parse().ok(), ..fixtures::experiment((0..6).map(run).collect()) }
    }

    #[test]
    fn what_became_sure_enough_is_said_with_its_interval_and_what_did_not_is_named() {
        let sure = repeated("throughput 10%");
        assert!(is_reached(&sure));
        assert!(lines(&sure).contains("1,050/s +-") && lines(&sure).contains("wanted +-10"), "{}", lines(&sure));
        let unsure = repeated("throughput 1%");
        assert!(!is_reached(&unsure));
        assert!(lines(&unsure).contains("NOT as sure as wanted"), "{}", lines(&unsure));
        let withheld = repeated("nothing p99 1%");
        assert!(!is_reached(&withheld) && lines(&withheld).contains("0 runs with that figure"), "{}", lines(&withheld));
        let nothing = Experiment { wanted: None, ..sure };
        assert!(is_reached(&nothing) && lines(&nothing).is_empty());
    }
}
