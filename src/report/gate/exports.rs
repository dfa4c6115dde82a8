//! A gate for other tools: JUnit XML, github-action-benchmark, Bencher and Go's benchmark format.
//!
//! What is withheld is left out: some consumers read an absent value as zero.

use std::collections::{BTreeMap, BTreeSet};

use drivers::one_line;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::rows;
use crate::gate::{GateComparison, GatePair, GateRecord, GateVerdict, Mismatch, Quantity, RunValues};

/// JUnit XML: a suite for each workload and store, a case for each figure that gates. The sentence is in the body, which is
/// all that some readers show.
///
/// # Errors
/// When it cannot be written as XML.
pub fn junit(record: &GateRecord) -> anyhow::Result<String> {
    let mut report = Report::new("storebench compare");
    let is_incomparable = record.verdict == GateVerdict::Incomparable;
    if is_incomparable {
        let mut suite = TestSuite::new("comparability");
        let reasons = record.problems.iter().cloned().chain(record.mismatches.iter().map(Mismatch::sentence));
        for (at, reason) in reasons.enumerate() {
            let kind = if record.advise { None } else { Some(NonSuccessKind::Error) };
            suite.add_test_case(case(
                "comparability",
                &format!("comparable {}", at + 1),
                status(kind, "incomparable", &reason),
            ));
        }
        report.add_test_suite(suite);
    }
    for group in rows::groups(&record.comparisons) {
        let name = format!("{} on {}", group[0].workload, group[0].store);
        let mut suite = TestSuite::new(one_line(&name));
        for one in group.iter().filter(|one| one.gated) {
            let kind = match one.verdict {
                _ if is_incomparable => None,
                Some(GateVerdict::Regression) if !record.advise => Some(NonSuccessKind::Failure),
                Some(GateVerdict::Regression | GateVerdict::Inconclusive | GateVerdict::Incomparable) | None => None,
                Some(GateVerdict::Ok | GateVerdict::Improved) => {
                    let mut passed = case(&name, &figure(one), TestCaseStatus::success());
                    passed.set_system_out(one_line(&one.sentence));
                    suite.add_test_case(with_numbers(passed, one));
                    continue;
                }
            };
            let status = status(kind, rows::verdict(one), &one.sentence);
            suite.add_test_case(with_numbers(case(&name, &figure(one), status), one));
        }
        report.add_test_suite(suite);
    }
    Ok(report.to_string()?)
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(one_line(name), status);
    case.set_classname(one_line(class));
    case
}

/// Failed, in error, or skipped, with the sentence.
fn status(kind: Option<NonSuccessKind>, label: &str, sentence: &str) -> TestCaseStatus {
    let sentence = format!("{label}: {}", one_line(sentence));
    let mut status = kind.map_or_else(TestCaseStatus::skipped, TestCaseStatus::non_success);
    status.set_message(sentence.clone()).set_type(label).set_description(sentence);
    status
}

fn with_numbers(mut case: TestCase, of: &GateComparison) -> TestCase {
    let number = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:.4}"));
    case.add_property(Property::new("ratio", number(of.ratio)));
    case.add_property(Property::new("margin", number(of.margin)));
    case.add_property(Property::new("smallest_detectable", number(of.smallest_detectable)));
    case
}

fn figure(of: &GateComparison) -> String {
    format!("{} {}", of.operation, of.metric.name())
}

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
            name: one_line(&format!("{}/{}/{}/{}", one.workload, one.store, one.operation, one.metric.name())),
            unit: one.unit.clone(),
            value: one.ratio.and(one.head)?,
            range: format!("{} against the base: {}", rows::ratio(one), rows::interval(one)),
            extra: one_line(&format!("{} runs, {}: {}", one.counts[1], rows::verdict(one), one.sentence)),
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
        let of_one = |pair: &&GatePair| pair.workload == one.workload && pair.store == one.store;
        let values =
            record.pairs.iter().filter(of_one).filter_map(|pair| pair.head.as_ref()?.values.get(&key).copied());
        let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let measure = match one.metric {
            Quantity::Response(_) => format!("latency-{}", one.metric.name()),
            _ => one.metric.name().to_owned(),
        };
        let name =
            one_line(&format!("{}/{}/{}", one.workload, one.store, one.operation)).chars().take(LONGEST_NAME).collect();
        let value = json!({ "value": one.head, "lower_value": low, "upper_value": high });
        benchmarks.entry(name).or_default().insert(measure, value);
    }
    Ok(serde_json::to_string_pretty(&benchmarks)? + "\n")
}

/// Go's benchmark format for benchstat: a line for each run and figure of one side.
pub fn go_benchmark(record: &GateRecord, of: impl Fn(&GatePair) -> Option<&RunValues>) -> String {
    let mut text = "pkg: storebench\n".to_owned();
    let units: BTreeSet<(&str, bool)> =
        record.comparisons.iter().map(|one| (go_unit(one.metric), one.metric.is_better_higher())).collect();
    for (unit, is_better_higher) in units {
        text += &format!("Unit {unit} better={}\n", if is_better_higher { "higher" } else { "lower" });
    }
    for one in record.comparisons.iter().filter(|one| one.ratio.is_some()) {
        let key = format!("{}/{}", one.operation, one.metric.name());
        let of_one = |pair: &&GatePair| pair.workload == one.workload && pair.store == one.store;
        for value in record.pairs.iter().filter(of_one).filter_map(|pair| of(pair)?.values.get(&key)) {
            text += &format!(
                "BenchmarkStore/workload={}/store={}/op={}/stat={} 1 {value} {}\n",
                go_name(&one.workload),
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
    use crate::gate::GateOptions;
    use crate::report::gate::fixtures::{self, BASE, GateRuns};

    #[test]
    fn junit_has_a_case_for_each_gated_figure_with_the_sentence_in_its_body() {
        let mut record = fixtures::regressed();
        let xml = junit(&record).expect("XML");
        let read = Report::deserialize_from_str(&xml).expect("what other readers read");
        let gated = record.comparisons.iter().filter(|one| one.gated).count();
        assert_eq!(read.tests, gated, "{xml}");
        assert_eq!(read.failures, record.with(GateVerdict::Regression).count(), "{xml}");
        let sentence = record.with(GateVerdict::Regression).next().expect("one").sentence.clone();
        assert!(xml.contains(&format!(">REGRESSION: {sentence}</failure>")), "{xml}");
        record.advise = true;
        let advised = Report::deserialize_from_str(&junit(&record).expect("XML")).expect("read");
        assert_eq!((advised.failures, advised.errors), (0, 0), "advice fails nobody");
    }

    #[test]
    fn junit_of_what_cannot_be_compared_is_an_error_and_passes_nothing() {
        let base = fixtures::side(BASE);
        let mut head = fixtures::side(GateRuns { is_head: true, ..BASE });
        head.host.cpu = "another".to_owned();
        let record = fixtures::gate(&base, &head, &GateOptions::default());
        let xml = junit(&record).expect("XML");
        let read = Report::deserialize_from_str(&xml).expect("read");
        assert_eq!((read.errors, read.failures), (1, 0), "{xml}");
        assert!(xml.contains("CPU model: "), "{xml}");
        let passed = read.test_suites.iter().flat_map(|suite| &suite.test_cases);
        assert!(passed.filter(|case| matches!(case.status, TestCaseStatus::Success { .. })).count() == 0, "{xml}");
    }

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
                    ["Unit", unit, better] => {
                        assert!(unit.contains('/') && ["better=higher", "better=lower"].contains(&better), "{line}");
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
