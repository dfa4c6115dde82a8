//! Stores set against the first of their group: throughput and p99 as ratios. Only what may stand in one table is
//! compared: the same work under the same load in the same durability tier.

use super::group::{Group, groups};
use super::reading::{Percentile, Reading, reading};
use super::words;
use crate::record::{Experiment, Run};
use crate::stats::{Ratio, ratio};

/// The stores of one group against its first.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// What may be compared.
    pub group: Group<'a>,
    /// The first store with a valid run: `libsql 3.45.1`.
    pub base: String,
    /// Throughput, of which more is better, and p99, of which less is.
    pub metrics: [Metric; 2],
}

/// One figure of all stores.
#[derive(Debug)]
pub struct Metric {
    /// What it is, and which way is better.
    pub name: &'static str,
    /// The stores but the first.
    pub rows: Vec<RatioRow>,
}

/// One store, compared with the first.
#[derive(Debug)]
pub struct RatioRow {
    pub store: String,
    /// Its number in the experiment: its colour.
    pub number: usize,
    /// Its ratio, or why it has none.
    pub ratio: Result<Ratio, String>,
}

const NAMES: [&str; 2] = ["throughput \u{b7} higher is better", "p99 \u{b7} lower is better"];

/// All comparisons of a workload; none where no two stores may be compared.
pub fn comparisons<'a>(experiment: &'a Experiment, workload: &str) -> Vec<Comparison<'a>> {
    groups(experiment).into_iter().filter(|group| group.workload == workload).filter_map(comparison).collect()
}

fn comparison(group: Group<'_>) -> Option<Comparison<'_>> {
    let base = group.cells.iter().position(|cell| cell.valid().next().is_some())?;
    if group.cells.len() < 2 {
        return None;
    }
    let values = |of: fn(&Run) -> Option<f64>, at: usize| -> Result<Vec<f64>, String> {
        let cell = &group.cells[at];
        if cell.valid().next().is_none() {
            return Err(words::withheld_of(&cell.runs).map_or_else(String::new, |withheld| withheld.to_string()));
        }
        cell.valid().map(of).collect::<Option<Vec<f64>>>().ok_or_else(|| "too few samples".to_owned())
    };
    let metric = |at: usize| {
        let of = [throughput, p99][at];
        let row = |other: usize| {
            let cell = &group.cells[other];
            let found =
                values(of, base).map_err(|reason| format!("{reason} on {}", words::store(group.cells[base].runs[0])));
            let found = found.and_then(|base| Ok((base, values(of, other)?)));
            let ratio = found.and_then(|(a, b)| ratio(&a, &b).ok_or_else(|| "nothing was measured".to_owned()));
            RatioRow { store: words::store(cell.runs[0]), number: cell.number, ratio }
        };
        let rows = (0..group.cells.len()).filter(|other| *other != base).map(row).collect();
        Metric { name: NAMES[at], rows }
    };
    let metrics = [metric(0), metric(1)];
    Some(Comparison { base: words::store(group.cells[base].runs[0]), metrics, group })
}

fn throughput(run: &Run) -> Option<f64> {
    Some(run.throughput_per_s)
}

/// Of a run with enough samples.
fn p99(run: &Run) -> Option<f64> {
    match reading(&run.total.response_ns, Percentile::P99) {
        Reading::Known { value_ns, .. } => Some(value_ns as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use drivers::Durability;

    #[test]
    fn stores_are_compared_within_their_tier_with_intervals_from_their_runs() {
        let stores = fixtures::stores();
        let [durable, relaxed] = &comparisons(&stores, "read-heavy")[..] else { panic!("two tiers") };
        assert_eq!((durable.group.tier, relaxed.group.tier), ("durable", "relaxed"));
        assert_eq!(durable.base, "libsql 3.45.1");
        let [throughput, p99] = &durable.metrics;
        let postgres = throughput.rows[0].ratio.as_ref().expect("valid");
        assert!((0.6..0.66).contains(&postgres.value) && postgres.interval.is_some(), "{postgres:?}");
        assert!(
            throughput.rows[1].ratio.as_ref().is_ok_and(|two| two.interval.is_none()),
            "mongodb has two valid runs"
        );
        assert!(p99.rows[0].ratio.as_ref().is_ok_and(|ratio| ratio.value > 2.0));
        assert!(
            relaxed.metrics[0].rows[0].ratio.as_ref().is_err_and(|reason| reason.starts_with("INVALID: the backlog"))
        );
    }

    #[test]
    fn one_store_and_different_loads_are_not_compared() {
        let one = fixtures::experiment(vec![fixtures::read_heavy()]);
        assert!(comparisons(&one, "read-heavy").is_empty());
        let open = fixtures::SyntheticRun { store: "redis", open: Some((2_000.0, 9_000)), ..Default::default() };
        let relaxed = fixtures::SyntheticRun { store: "redis", tier: Durability::Relaxed, ..Default::default() };
        for other in [open, relaxed] {
            let two = fixtures::experiment(vec![fixtures::read_heavy(), fixtures::run(&other)]);
            assert!(comparisons(&two, "read-heavy").is_empty());
        }
    }
}
