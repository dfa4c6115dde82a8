//! The latency limits that a workload states, and whether a store kept them. The record holds the workload as text; only
//! its `[slo]` and its operations' `slo` are looked at here. A YCSB file states none.

use super::reading::Percentile;
use super::units;
use crate::record::{Latency, Run};
pub use crate::stats::{Kept, Limit};

const KEYS: [(&str, Option<Percentile>); 5] = [
    ("p50_ms", Some(Percentile::P50)),
    ("p90_ms", Some(Percentile::P90)),
    ("p99_ms", Some(Percentile::P99)),
    ("p999_ms", Some(Percentile::P999)),
    ("max_ms", None),
];

/// The limits of an operation, or those over all operations (`None`).
pub fn limits(workload: &str, operation: Option<&str>) -> Vec<Limit> {
    let Ok(file) = workload.parse::<toml::Table>() else { return Vec::new() };
    let stated = match operation {
        None => file.get("slo"),
        Some(name) => file.get("operations").and_then(|all| all.get(name)).and_then(|one| one.get("slo")),
    };
    let limit = |(key, percentile): (&str, Option<Percentile>)| {
        let value = stated?.get(key)?;
        let ms = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))?;
        Some(Limit { percentile, limit_ns: (ms * 1e6) as u64 })
    };
    KEYS.into_iter().filter_map(limit).collect()
}

/// What the workload requires of its store: `durability durable`, `isolation serializable`.
pub fn required(workload: &str) -> Vec<String> {
    let Ok(file) = workload.parse::<toml::Table>() else { return Vec::new() };
    let stated = |key: &str| Some(format!("{key} {}", file.get("require")?.get(key)?.as_str()?));
    ["durability", "isolation"].into_iter().filter_map(stated).collect()
}

/// `p99 ≤ 5.00 ms`.
pub fn text(limit: &Limit) -> String {
    let what = match limit.percentile {
        None => "max",
        Some(Percentile::P999) => "p99.9",
        Some(percentile) => percentile.name(),
    };
    format!("{what}\u{a0}\u{2264}\u{a0}{}", units::typeset(&units::latency(limit.limit_ns)))
}

/// The limits of an operation, or those over all (`None`), and whether these runs kept them.
pub fn judged(runs: &[&Run], operation: Option<&str>) -> Vec<(Kept, String)> {
    let Some(first) = runs.first() else { return Vec::new() };
    let records = runs.iter().filter_map(|run| operation.map_or(Some(&run.total), |name| run.operations.get(name)));
    let latencies: Vec<&Latency> = records.map(|record| &record.response_ns).collect();
    let limits = limits(&first.workload.text, operation);
    limits.iter().map(|limit| (limit.kept(&latencies), text(limit))).collect()
}

/// How the page marks a judgement.
pub fn class(kept: &Kept) -> &'static str {
    match kept {
        Kept::Observed => "good-word",
        Kept::Undecided => "quiet",
        Kept::Missed => "bad-word",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use crate::report::fixtures::furnished;

    #[test]
    fn a_limit_is_judged_by_the_interval_of_its_percentile() {
        let run = furnished(fixtures::read_heavy());
        let total: Vec<(Kept, String)> = judged(&[&run], None);
        assert_eq!(total[0], (Kept::Observed, "p99\u{a0}\u{2264}\u{a0}5.00 ms".to_owned()));
        assert_eq!(total[1].0, Kept::Undecided, "700 us lies within the interval of p99.9");
        assert_eq!(judged(&[&run], Some("read")).len(), 1);
        assert_eq!(judged(&[&run], Some("update")), []);
        let oltp = furnished(fixtures::oltp());
        assert_eq!(judged(&[&oltp], None)[1].0, Kept::Missed);
    }

    #[test]
    fn what_is_no_workload_file_states_nothing() {
        assert_eq!(limits("recordcount=500\nslo", None), []);
        assert_eq!(limits("slo = 5", None), []);
        assert_eq!(required("[require]\ndurability = \"durable\"\n"), ["durability durable"]);
    }
}
