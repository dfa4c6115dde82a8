//! The last thing that the terminal shows of several stores: one table for each durability tier and load, a row for each
//! workload and store. In the order of the record: nothing is ranked.

use crate::record::{Latency, Percentile, Run};
use crate::report::group::{Cell, comparable, particulars};
use crate::report::reading::largest_text;
use crate::report::table::{self, Align};
use crate::report::words;
use crate::stats::{Reading, over_runs, spread_of};
use crate::units;

const COLUMNS: [(&str, Align); 11] = [
    ("workload", Align::Left),
    ("load", Align::Left), // Of several levels.
    ("store", Align::Left),
    ("per second", Align::Right),
    ("p50", Align::Right),
    ("p99", Align::Right),
    ("p999", Align::Right),
    ("max", Align::Right),
    ("failed", Align::Right),
    ("checks", Align::Left),
    ("runs", Align::Right),
];

/// Comparable cells of several workloads, one group of each: what they have in common is in the title.
struct TierTable<'c, 'a> {
    title: String,
    groups: Vec<&'c [Cell<'a>]>,
}

/// The tables of these cells, the strongest tier first.
pub fn tables(cells: &[Cell<'_>]) -> String {
    let mut tables: Vec<TierTable<'_, '_>> = Vec::new();
    for group in comparable(cells) {
        let title = title(&group[0], cells);
        let has_room = |table: &&mut TierTable<'_, '_>| table.title == title;
        match tables.iter_mut().find(has_room) {
            Some(table) => table.groups.push(group),
            None => tables.push(TierTable { title, groups: vec![group] }),
        }
    }
    tables.sort_by_key(|table| std::cmp::Reverse(table.groups[0][0].terms.tier));
    let repeated = cells.iter().any(|cell| cell.runs.len() > 1);
    let statistic = if repeated { ", medians of valid runs (max: of all of them)" } else { "" };
    let mut text = String::new();
    for TierTable { title, groups } in tables {
        text += &format!("{title}{statistic}:\n");
        text +=
            &table::layout(&COLUMNS, &groups.into_iter().flatten().map(|cell| row(cell, cells)).collect::<Vec<_>>());
        text.push('\n');
    }
    text
}

/// `All durable stores, closed loop, 2 clients`, and what else sets this group apart from others of its workload. Levels of
/// load stand in one table.
fn title(cell: &Cell<'_>, all: &[Cell<'_>]) -> String {
    let terms = &cell.terms;
    let particulars = particulars(terms, all).into_iter().filter(|particular| *particular != terms.load);
    let load = if cell.is_level(all) { words::mode(cell.mode()).to_owned() } else { terms.load.clone() };
    let parts = [format!("All {} stores", terms.tier.name()), load].into_iter().chain(particulars);
    parts.collect::<Vec<_>>().join(", ")
}

/// `500/s poisson, cap 8 clients`; nothing where the load stands in the title.
fn level(cell: &Cell<'_>, all: &[Cell<'_>]) -> String {
    let of_mode = words::mode(cell.mode()).to_owned() + ", ";
    let level = cell.terms.load.strip_prefix(&of_mode).filter(|_| cell.is_level(all));
    level.unwrap_or_default().to_owned()
}

fn row(cell: &Cell<'_>, all: &[Cell<'_>]) -> Vec<String> {
    let valid: Vec<&Run> = cell.valid().collect();
    let latencies: Vec<&Latency> = valid.iter().map(|run| &run.total.response_ns).collect();
    let percentile = |percentile| match over_runs(&latencies, percentile) {
        Reading::Known { value_ns, .. } => units::latency(value_ns),
        Reading::TooFew { at_least_ns: Some(low), .. } => format!(">= {}", units::latency(low)),
        Reading::TooFew { .. } | Reading::Nothing => "-".to_owned(),
    };
    let median = |rates: &mut dyn Iterator<Item = f64>| units::rate(spread_of(rates)[1]);
    let throughput = match cell.completed_per_s() {
        Some(completed) => format!("OVERLOADED {}", median(&mut completed.into_iter())),
        None if valid.is_empty() => "INVALID".to_owned(),
        None => median(&mut valid.iter().map(|run| run.throughput_per_s)),
    };
    let failed: u64 = cell.runs.iter().map(|run| run.counts.failed).sum();
    vec![
        cell.terms.workload.to_owned(),
        level(cell, all),
        words::store(cell.runs[0]),
        throughput,
        percentile(Percentile::P50),
        percentile(Percentile::P99),
        percentile(Percentile::P999),
        largest_text(&latencies),
        if failed > 0 { units::count(failed) } else { String::new() },
        checks_text(&cell.runs).into_iter().chain(words::marks(&valid)).collect::<Vec<_>>().join(", "),
        if cell.runs.len() > 1 { format!("{} of {}", valid.len(), cell.runs.len()) } else { String::new() },
    ]
}

fn checks_text(runs: &[&Run]) -> Option<String> {
    let passed = runs.iter().flat_map(|run| &run.checks).filter(|check| check.passed).count();
    let checks: usize = runs.iter().map(|run| run.checks.len()).sum();
    (checks > 0).then(|| format!("{passed} of {checks} passed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Course, Stability};
    use crate::report::fixtures::{self, SyntheticRun};
    use crate::report::group;
    use drivers::Durability;

    #[test]
    fn runs_that_were_not_steady_or_not_alone_are_marked_beside_their_checks() {
        let mut drifting = fixtures::read_heavy();
        drifting.verdict.stability = Some(Stability { verdict: Course::Drifting, evidence: "it fell".to_owned() });
        let mut noisy = fixtures::run(&SyntheticRun { store: "postgres", seed: 3, ..SyntheticRun::default() });
        noisy.verdict.noisy = vec!["others ran".to_owned()];
        noisy.verdict.stability = Some(Stability { verdict: Course::Steady, evidence: "it held".to_owned() });
        let experiment = fixtures::experiment(vec![drifting, noisy]);
        let table = tables(&group::cells(&experiment));
        assert!(table.contains("1 of 1 passed, drifting\n") && table.contains("1 of 1 passed, noisy\n"), "{table}");
    }

    #[test]
    fn stores_of_one_tier_stand_in_one_table_and_invalid_ones_without_figures() {
        let plan = |store, tier, seed| SyntheticRun { store, tier, seed, ..SyntheticRun::default() };
        let mut invalid = fixtures::run(&plan("mongodb", Durability::Durable, 7));
        invalid.verdict = fixtures::invalid("1 of 1 checks failed");
        invalid.checks[0].passed = false;
        let postgres = fixtures::run(&plan("postgres", Durability::Durable, 3));
        let redis = fixtures::run(&plan("redis", Durability::Relaxed, 5));
        let experiment = fixtures::experiment(vec![redis, fixtures::read_heavy(), postgres, invalid]);
        insta::assert_snapshot!(tables(&group::cells(&experiment)), @r"
        All durable stores, closed loop, 2 clients:
          workload    store            per second      p50     p99    p999      max  checks
          read-heavy  libsql 3.45.1         1,997  43.0 us  396 us  711 us  1.64 ms  1 of 1 passed
          read-heavy  postgres 3.45.1       2,004  42.9 us  399 us  723 us  1.50 ms  1 of 1 passed
          read-heavy  mongodb 3.45.1      INVALID        -       -       -        -  0 of 1 passed

        All relaxed stores, closed loop, 2 clients:
          workload    store         per second      p50     p99    p999      max  checks
          read-heavy  redis 3.45.1       1,993  43.0 us  394 us  744 us  1.56 ms  1 of 1 passed
        ");
    }
}
