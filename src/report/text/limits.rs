//! The limits of latency that workloads state, each judged over all valid runs of a store: a table for the terminal, and a
//! sentence for each that was not met.

use crate::percentile::{Limit, Statistic};
use crate::record::{Experiment, Latency, Run};
use crate::report::group::{self, Cell};
use crate::report::reading::{cell_text, largest_text};
use crate::report::table::{self, Align};
use crate::stats::{Judgement, judge, over_runs};
use crate::units;

const COLUMNS: [(&str, Align); 6] = [
    ("workload", Align::Left),
    ("store", Align::Left),
    ("operation", Align::Left),
    ("limit", Align::Left),
    ("measured", Align::Left),
    ("", Align::Left),
];

/// One limit, and whether a store kept it.
#[derive(Debug)]
pub struct Judged {
    workload: String,
    store: String,
    /// None for all of them.
    operation: Option<String>,
    limit: String,
    measured: String,
    judgement: Judgement,
}

/// All limits of an experiment, in the order of the record. Runs that are invalid are not judged.
pub fn judged(experiment: &Experiment) -> Vec<Judged> {
    let cells = group::cells(experiment);
    cells.iter().flat_map(|cell| of_cell(cell, &cells)).collect()
}

fn of_cell(cell: &Cell<'_>, cells: &[Cell<'_>]) -> Vec<Judged> {
    let runs: Vec<&Run> = cell.valid().collect();
    let Some(first) = runs.first() else { return Vec::new() };
    let named = first.operations.iter().filter(|(_, record)| !record.is_step).map(|(name, _)| Some(name.as_str()));
    let mut all = Vec::new();
    for operation in [None].into_iter().chain(named) {
        let records = runs.iter().filter_map(|run| operation.map_or(Some(&run.total), |name| run.operations.get(name)));
        let latencies: Vec<&Latency> = records.map(|record| &record.response_ns).collect();
        all.extend(first.workload.limits(operation).iter().map(|&limit| Judged {
            workload: cell.terms.workload.to_owned(),
            store: cell.name_among(cells),
            operation: operation.map(str::to_owned),
            limit: format!("{} <= {}", limit.statistic.name(), units::latency(limit.limit_ns)),
            measured: measured(limit, &latencies),
            judgement: judge(limit, &latencies),
        }));
    }
    all
}

fn measured(limit: Limit, latencies: &[&Latency]) -> String {
    match limit.statistic {
        Statistic::Percentile(percentile) => cell_text(over_runs(latencies, percentile)),
        Statistic::Max => largest_text(latencies),
    }
}

/// The table; nothing where no limit is stated.
pub fn table(limits: &[Judged]) -> String {
    if limits.is_empty() {
        return String::new();
    }
    let row = |judged: &Judged| {
        let operation = judged.operation.clone().unwrap_or_else(|| "total".to_owned());
        let judgement = match judged.judgement {
            Judgement::Missed => "MISSED",
            judgement => judgement.word(),
        };
        vec![
            judged.workload.clone(),
            judged.store.clone(),
            operation,
            judged.limit.clone(),
            judged.measured.clone(),
            judgement.to_owned(),
        ]
    };
    format!("Limits:\n{}\n", table::layout(&COLUMNS, &limits.iter().map(row).collect::<Vec<_>>()))
}

impl Judged {
    /// Whether the whole interval lies above the limit.
    pub fn is_missed(&self) -> bool {
        self.judgement == Judgement::Missed
    }

    /// What to say of a limit that was not met.
    pub fn sentence(&self) -> Option<String> {
        let Judged { workload, store, limit, measured, .. } = self;
        let operation = self.operation.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
        let what = format!("{workload} on {store}{operation}: {limit}, measured {measured}");
        match self.judgement {
            Judgement::Met => None,
            Judgement::Missed => Some(format!("error: limit missed: {what}")),
            Judgement::Undecided => Some(format!(
                "warning: limit undecided: {what}: its interval holds the limit, or there is none; run longer"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percentile::Percentile;
    use crate::record::SloRecord;
    use crate::report::fixtures;

    fn with_limits(total: &[(Percentile, f64)]) -> Experiment {
        let percentile = |(percentile, limit_ms)| Limit::of_ms(Statistic::Percentile(percentile), limit_ms);
        let mut run = fixtures::read_heavy();
        run.workload.slo = Some(SloRecord {
            total: total.iter().copied().map(percentile).collect(),
            operations: [("read".to_owned(), vec![Limit::of_ms(Statistic::Max, 9_000.0)])].into(),
        });
        fixtures::experiment(vec![run])
    }

    #[test]
    fn each_limit_stands_in_the_table_with_what_was_measured_and_how_it_was_judged() {
        let limits = judged(&with_limits(&[(Percentile::P50, 0.04), (Percentile::P99, 5.0), (Percentile::P999, 0.7)]));
        insta::assert_snapshot!(table(&limits), @r"
        Limits:
          workload    store          operation  limit           measured
          read-heavy  libsql 3.45.1  total      p50 <= 40.0 us  43.0 us [42.8, 43.3]  MISSED
          read-heavy  libsql 3.45.1  total      p99 <= 5.00 ms  396 us [384, 407]     met
          read-heavy  libsql 3.45.1  total      p999 <= 700 us  711 us [678, 785]     undecided
          read-heavy  libsql 3.45.1  read       max <= 9.00 s   217 us                met
        ");
        assert!(limits[0].is_missed() && !limits[1].is_missed() && !limits[2].is_missed());
        let said: Vec<String> = limits.iter().filter_map(Judged::sentence).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(
            said[0],
            "error: limit missed: read-heavy on libsql 3.45.1: p50 <= 40.0 us, measured 43.0 us [42.8, 43.3]"
        );
        assert!(
            said[1].starts_with("warning: limit undecided: read-heavy on libsql 3.45.1: p999 <= 700 us"),
            "{said:?}"
        );
    }

    #[test]
    fn an_invalid_run_keeps_and_misses_nothing() {
        let mut experiment = with_limits(&[(Percentile::P50, 0.04)]);
        experiment.runs[0].verdict = fixtures::invalid("1 of 1 checks failed");
        assert_eq!(table(&judged(&experiment)), "");
    }
}
