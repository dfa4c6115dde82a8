//! The latency limits that a workload states, and whether a store kept them. The record holds the workload as text; only
//! its `[slo]` and its operations' `slo` are looked at here. A YCSB file states none.

use super::reading::{Percentile, Reading, over_runs};
use super::units;
use crate::record::{Latency, Run};

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Of which percentile; the largest of all without.
    percentile: Option<Percentile>,
    limit_ns: u64,
}

/// Whether a limit was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// So is the whole interval of the percentile.
    Yes,
    /// The interval lies on both sides of the limit, or there are too few samples.
    Unsure,
    /// The whole interval lies above.
    No,
}

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

impl Limit {
    /// `p99 ≤ 5.00 ms`.
    pub fn text(&self) -> String {
        let what = match self.percentile {
            None => "max",
            Some(Percentile::P999) => "p99.9",
            Some(percentile) => percentile.name(),
        };
        format!("{what}\u{a0}\u{2264}\u{a0}{}", units::typeset(&units::latency(self.limit_ns)))
    }

    /// Whether it was kept over these runs.
    pub fn kept(&self, latencies: &[&Latency]) -> Kept {
        let judged = |low: u64, high: Option<u64>| match high {
            Some(high) if high <= self.limit_ns => Kept::Yes,
            _ if low > self.limit_ns => Kept::No,
            _ => Kept::Unsure,
        };
        let Some(percentile) = self.percentile else {
            let largest = latencies.iter().filter(|latency| latency.count > 0).map(|latency| latency.max).max();
            return largest.map_or(Kept::Unsure, |largest| judged(largest, Some(largest)));
        };
        match over_runs(latencies, percentile) {
            Reading::Known { interval_ns: Some((low, high)), .. } => judged(low, high),
            Reading::Known { value_ns, interval_ns: None } if value_ns > self.limit_ns => Kept::No,
            Reading::TooFew { at_least_ns: Some(low), .. } => judged(low, None),
            Reading::Known { .. } | Reading::TooFew { .. } | Reading::Nothing => Kept::Unsure,
        }
    }
}

/// The limits of an operation, or those over all (`None`), and whether these runs kept them.
pub fn judged(runs: &[&Run], operation: Option<&str>) -> Vec<(Kept, String)> {
    let Some(first) = runs.first() else { return Vec::new() };
    let records = runs.iter().filter_map(|run| operation.map_or(Some(&run.total), |name| run.operations.get(name)));
    let latencies: Vec<&Latency> = records.map(|record| &record.response_ns).collect();
    let limits = limits(&first.workload.text, operation);
    limits.iter().map(|limit| (limit.kept(&latencies), limit.text())).collect()
}

impl Kept {
    /// How the page marks it.
    pub fn class(self) -> &'static str {
        match self {
            Kept::Yes => "good-word",
            Kept::Unsure => "quiet",
            Kept::No => "bad-word",
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kept::Yes => "kept",
            Kept::Unsure => "cannot tell",
            Kept::No => "missed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::view::furnished::furnished;

    #[test]
    fn a_limit_is_judged_by_the_interval_of_its_percentile() {
        let run = furnished(fixture::read_heavy());
        let total: Vec<(Kept, String)> = judged(&[&run], None);
        assert_eq!(total[0], (Kept::Yes, "p99\u{a0}\u{2264}\u{a0}5.00 ms".to_owned()));
        assert_eq!(total[1].0, Kept::Unsure, "700 us lies within the interval of p99.9");
        assert_eq!(judged(&[&run], Some("read")).len(), 1);
        assert_eq!(judged(&[&run], Some("update")), []);
        let oltp = furnished(fixture::oltp());
        assert_eq!(judged(&[&oltp], None)[1].0, Kept::No);
    }

    #[test]
    fn what_is_no_workload_file_states_nothing() {
        assert_eq!(limits("recordcount=500\nslo", None), []);
        assert_eq!(limits("slo = 5", None), []);
        assert_eq!(required("[require]\ndurability = \"durable\"\n"), ["durability durable"]);
    }
}
