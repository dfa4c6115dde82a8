//! A gate for tools that keep figures: github-action-benchmark, Bencher and Go's benchmark format.
//!
//! What is withheld is left out: some consumers read an absent value as zero.

use std::collections::{BTreeMap, BTreeSet};

use drivers::one_line;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::rows;
use crate::gate::{GateComparison, GatePair, GateRecord, Quantity, RunValues};

/// One value of github-action-benchmark.
#[derive(Debug, Serialize)]
struct BenchmarkEntry {
    name: String,
    unit: String,
    value: f64,
    range: String,
    extra: String,
}

/// The values of the head for github-action-benchmark, whose direction is that of a whole file: those of which more is
/// better, or the others.
///
/// # Errors
/// When a number is not JSON, which would be a bug.
pub fn action_benchmark(record: &GateRecord, is_better_higher: bool) -> anyhow::Result<String> {
    let of_direction = record.comparisons.iter().filter(|one| one.metric.is_better_higher() == is_better_higher);
    let entry = |one: &GateComparison| {
        Some(BenchmarkEntry {
            name: one_line(&format!(
                "{}/{}/{}/{}",
                one.workload_at_load(),
                one.store,
                one.operation,
                one.metric.name()
            )),
            unit: one.unit.clone(),
            value: one.ratio.and(one.head)?,
            range: format!("{} against the base: {}", rows::ratio(one), rows::interval(one)),
            extra: one_line(&format!("median of {} runs, {}: {}", one.counts[1], rows::verdict(one), one.sentence)),
        })
    };
    let entries: Vec<BenchmarkEntry> = of_direction.filter_map(entry).collect();
    Ok(serde_json::to_string_pretty(&entries)? + "\n")
}

/// Bencher Metric Format: the median of the head's runs, and the extremes as its bounds.
///
/// # Errors
/// When a number is not JSON, which would be a bug.
pub fn bencher(record: &GateRecord) -> anyhow::Result<String> {
    // No name of a benchmark may be longer.
    const LONGEST_NAME: usize = 1_024;
    let mut benchmarks: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for one in record.comparisons.iter().filter(|one| one.ratio.is_some()) {
        let key = format!("{}/{}", one.operation, one.metric.name());
        let values = record.evidence(one).filter_map(|pair| pair.head.as_ref()?.values.get(&key).copied());
        let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let measure = match one.metric {
            Quantity::Response(_) => format!("latency-{}", one.metric.name()),
            _ => one.metric.name().to_owned(),
        };
        let name = one_line(&format!("{}/{}/{}", one.workload_at_load(), one.store, one.operation))
            .chars()
            .take(LONGEST_NAME)
            .collect();
        let value = json!({ "value": one.head, "lower_value": low, "upper_value": high });
        benchmarks.entry(name).or_default().insert(measure, value);
    }
    Ok(serde_json::to_string_pretty(&benchmarks)? + "\n")
}

/// Go's benchmark format for benchstat: a line for each run and figure of one side.
pub fn go_benchmark(record: &GateRecord, of: impl Fn(&GatePair) -> Option<&RunValues>) -> String {
    let mut text = "pkg: storebench\n".to_owned();
    let units: BTreeSet<(&str, bool, bool)> = record
        .comparisons
        .iter()
        .map(|one| (go_unit(one.metric), one.metric.is_better_higher(), one.metric.is_exact()))
        .collect();
    for (unit, is_better_higher, is_exact) in units {
        let better = if is_better_higher { "higher" } else { "lower" };
        text += &format!("Unit {unit} better={better}{}\n", if is_exact { " assume=exact" } else { "" });
    }
    for one in record.comparisons.iter().filter(|one| one.ratio.is_some()) {
        let key = format!("{}/{}", one.operation, one.metric.name());
        for value in record.evidence(one).filter_map(|pair| of(pair)?.values.get(&key)) {
            text += &format!(
                "BenchmarkStore/workload={}/store={}/op={}/stat={} 1 {value} {}\n",
                go_name(&one.workload_at_load()),
                go_name(&one.store),
                go_name(&one.operation),
                one.metric.name(),
                go_unit(one.metric)
            );
        }
    }
    text
}

/// A name without what would end it.
fn go_name(name: &str) -> String {
    let harmless = |sign: char| if sign.is_whitespace() || sign.is_control() || sign == '/' { '_' } else { sign };
    one_line(name).chars().map(harmless).collect()
}

fn go_unit(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Throughput => "ops/s",
        Quantity::Response(_) | Quantity::Cpu => "ns/op",
        Quantity::BytesWritten => "written-B/op",
        Quantity::RoundTrips => "trips/op",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate::fixtures;

    #[test]
    fn the_two_files_of_github_action_benchmark_follow_its_schema() {
        let mut record = fixtures::regressed();
        let withheld = record.comparisons.iter_mut().find(|one| one.metric.name() == "p999").expect("it");
        withheld.ratio = None;
        let mut names = BTreeSet::new();
        for is_better_higher in [true, false] {
            let entries: Vec<Value> =
                serde_json::from_str(&action_benchmark(&record, is_better_higher).expect("JSON")).expect("an array");
            assert!(!entries.is_empty());
            for entry in entries {
                let entry = entry.as_object().expect("an object");
                let keys: Vec<&str> = entry.keys().map(String::as_str).collect();
                assert_eq!(keys, ["extra", "name", "range", "unit", "value"]);
                assert!(entry["value"].as_f64().is_some_and(|value| value.is_finite() && value > 0.0), "{entry:?}");
                let name = entry["name"].as_str().expect("text").to_owned();
                assert_eq!(name.ends_with("/throughput"), is_better_higher, "{name}");
                assert!(names.insert(name), "names are join keys");
            }
        }
        let withheld = record.comparisons.iter().filter(|one| one.ratio.is_none()).count();
        assert_eq!((names.len(), withheld), (record.comparisons.len() - 1, 1));
    }

    #[test]
    fn bencher_gets_bounds_around_every_value() {
        let read: Value = serde_json::from_str(&bencher(&fixtures::regressed()).expect("JSON")).expect("JSON");
        let benchmark = &read["read-heavy/libsql/total"];
        for measure in ["throughput", "latency-p99", "cpu"] {
            let of = |key: &str| benchmark[measure][key].as_f64().unwrap_or_else(|| panic!("{measure} {key}: {read}"));
            assert!(of("lower_value") <= of("value") && of("value") <= of("upper_value"), "{benchmark}");
        }
        let names = read.as_object().expect("an object");
        assert!(names.values().flat_map(|one| one.as_object().expect("an object").keys()).all(|key| key.len() <= 64));
    }

    /// The grammar of golang.org/design/14313-benchmark-format: `key: value`, `Unit unit key=value`, and
    /// `BenchmarkName iterations value unit`, whose name has no blank and does not go on in lower case.
    #[test]
    fn go_reads_a_line_for_each_run_and_figure() {
        let mut record = fixtures::regressed();
        record.comparisons.iter_mut().for_each(|one| one.store = "my store/x".to_owned());
        record.pairs.iter_mut().for_each(|pair| pair.store = "my store/x".to_owned());
        let [base, head] =
            [go_benchmark(&record, |pair| pair.base.as_ref()), go_benchmark(&record, |pair| pair.head.as_ref())];
        let names = |text: &str| -> BTreeMap<String, usize> {
            let mut names = BTreeMap::new();
            for line in text.lines() {
                let words: Vec<&str> = line.split(' ').collect();
                match words[..] {
                    ["Unit", unit, better, ref assume @ ..] => {
                        assert!(unit.contains('/') && ["better=higher", "better=lower"].contains(&better), "{line}");
                        assert!(assume.iter().all(|word| *word == "assume=exact"), "{line}");
                    }
                    [key, _] if key.ends_with(':') => {
                        assert!(key.starts_with(|c: char| c.is_ascii_lowercase()), "{line}")
                    }
                    [name, iterations, value, unit] => {
                        let rest = name.strip_prefix("Benchmark").expect("a benchmark");
                        assert!(rest.starts_with(|c: char| c.is_ascii_uppercase()), "{line}");
                        assert!(iterations.parse::<u64>().is_ok() && value.parse::<f64>().is_ok(), "{line}");
                        assert!(!unit.is_empty());
                        *names.entry(name.to_owned()).or_insert(0) += 1;
                    }
                    _ => panic!("no line of the format: {line}"),
                }
            }
            names
        };
        assert_eq!(names(&base), names(&head), "benchstat joins by name");
        assert!(names(&base).values().all(|count| *count == 12), "{base}");
        assert_eq!(names(&base).len(), record.comparisons.len());
    }
}
