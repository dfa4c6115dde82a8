//! The limits of latency that workloads state, each judged over all valid runs of a store: a table for the terminal, and a
//! sentence for each that was not met.

use super::reading_text;
use crate::record::{Experiment, Latency, Run};
use crate::report::group::{self, Cell};
use crate::report::table::{self, Align};
use crate::report::{slo, units};
use crate::stats::{Kept, Limit, over_runs};

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
    kept: Kept,
}

/// All limits of an experiment, in the order of the record. Runs that are invalid are not judged.
pub fn judged(experiment: &Experiment) -> Vec<Judged> {
    group::cells(experiment).iter().flat_map(of_cell).collect()
}

fn of_cell(cell: &Cell<'_>) -> Vec<Judged> {
    let runs: Vec<&Run> = cell.valid().collect();
    let Some(first) = runs.first() else { return Vec::new() };
    let named = first.operations.iter().filter(|(_, record)| !record.is_step).map(|(name, _)| Some(name.as_str()));
    let mut all = Vec::new();
    for operation in [None].into_iter().chain(named) {
        let record = |run: &&'_ Run| -> Option<Latency> {
            let record = operation.map_or(Some(&run.total), |name| run.operations.get(name))?;
            Some(record.response_ns.clone())
        };
        let latencies: Vec<Latency> = runs.iter().filter_map(record).collect();
        let latencies: Vec<&Latency> = latencies.iter().collect();
        all.extend(slo::limits(&first.workload.text, operation).into_iter().map(|limit| Judged {
            workload: cell.terms.workload.to_owned(),
            store: cell.name(),
            operation: operation.map(str::to_owned),
            limit: format!("{} <= {}", name(limit), units::latency(limit.limit_ns)),
            measured: measured(limit, &latencies),
            kept: limit.kept(&latencies),
        }));
    }
    all
}

fn name(limit: Limit) -> &'static str {
    limit.percentile.map_or("max", |percentile| percentile.name())
}

fn measured(limit: Limit, latencies: &[&Latency]) -> String {
    let largest = || latencies.iter().map(|latency| latency.max).max();
    match limit.percentile {
        Some(percentile) => reading_text(over_runs(latencies, percentile)),
        None => largest().map_or_else(|| "-".to_owned(), units::latency),
    }
}

/// The table; nothing where no limit is stated.
pub fn table(limits: &[Judged]) -> String {
    if limits.is_empty() {
        return String::new();
    }
    let row = |judged: &Judged| {
        let operation = judged.operation.clone().unwrap_or_else(|| "total".to_owned());
        let kept = match judged.kept {
            Kept::Missed => "MISSED".to_owned(),
            kept => kept.word().to_owned(),
        };
        vec![
            judged.workload.clone(),
            judged.store.clone(),
            operation,
            judged.limit.clone(),
            judged.measured.clone(),
            kept,
        ]
    };
    format!("Limits:\n{}\n", table::layout(&COLUMNS, &limits.iter().map(row).collect::<Vec<_>>()))
}

impl Judged {
    /// Whether the whole interval lies above the limit.
    pub fn is_missed(&self) -> bool {
        self.kept == Kept::Missed
    }

    /// What to say of a limit that was not met.
    pub fn sentence(&self) -> Option<String> {
        let Judged { workload, store, limit, measured, .. } = self;
        let operation = self.operation.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
        let what = format!("{workload} on {store}{operation}: {limit}, measured {measured}");
        match self.kept {
            Kept::Observed => None,
            Kept::Missed => Some(format!("error: limit missed: {what}")),
            Kept::Undecided => Some(format!(
                "warning: limit undecided: {what}: its interval holds the limit, or there is none; run longer"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    fn with_limits(slo: &str) -> Experiment {
        let mut run = fixtures::read_heavy();
        run.workload.text = format!("[slo]\n{slo}\n[operations.read]\nslo = {{ max_ms = 9_000 }}\n");
        fixtures::experiment(vec![run])
    }

    #[test]
    fn each_limit_stands_in_the_table_with_what_was_measured_and_how_it_was_judged() {
        let limits = judged(&with_limits("p50_ms = 0.04\np99_ms = 5\np999_ms = 0.7"));
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
        let mut experiment = with_limits("p50_ms = 0.04");
        experiment.runs[0].verdict = fixtures::invalid("1 of 1 checks failed");
        assert_eq!(table(&judged(&experiment)), "");
    }
}
