//! What must hold of every output of a report, whatever a record says: tests over all of them at once.

use proptest::prelude::*;
use serde_json::Value;

use super::fixtures::detailed;
use super::fixtures::{self, SyntheticRun};
use super::side_by_side::Side;
use super::{adr, chart, csv, html, markdown, text};
use crate::record::{Experiment, Percentile};

/// Every output that is text, by name; the terminal's as it is printed.
fn outputs(experiment: &Experiment) -> Vec<(String, String)> {
    let (charts, sides) = (chart::charts(experiment).expect("they draw"), [Side::alone(experiment)]);
    let table = |bytes: anyhow::Result<Vec<u8>>| String::from_utf8(bytes.expect("it is written")).expect("text");
    let mut outputs = vec![
        ("report.html".to_owned(), html::page(experiment, &charts, &sides).expect("it renders")),
        ("report.md".to_owned(), markdown::report(experiment, &charts, &sides).expect("it renders")),
        ("adr.md".to_owned(), adr::record(experiment, &charts, &sides).expect("it renders")),
        ("summary.csv".to_owned(), table(csv::summary(experiment))),
        ("timeline.csv".to_owned(), table(csv::timeline(experiment))),
        ("terminal".to_owned(), drivers::printable_lines(&text::experiment(experiment)).into_owned()),
    ];
    outputs.extend(charts.into_iter().map(|chart| (format!("{}.svg", chart.name), chart.svg)));
    outputs
}

/// Calls `change` for every value below this one with the key under which it stands.
fn every_value(value: &mut Value, key: &str, change: &mut dyn FnMut(&str, &mut Value)) {
    change(key, value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| every_value(item, key, change)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, field)| every_value(field, key, change)),
        _ => {}
    }
}

/// A latency that no fixture has, and how tables and sentences would spell it.
const WITHHELD_NS: u64 = 6_543_210_987;
const SPELLINGS: [&str; 2] = ["6543210987", "6.54 s"];

/// The record as versions up to 0.1.0 wrote it: with every percentile, however few samples there were. Those that are
/// withheld are set to a value that would be recognised.
fn with_all_percentiles(experiment: &Experiment) -> String {
    let mut record = serde_json::to_value(experiment).expect("it is written");
    every_value(&mut record, "", &mut |_, value| {
        let Some(fields) = value.as_object_mut().filter(|fields| fields.contains_key("max")) else { return };
        if !(fields.contains_key("count") && fields["max"].is_u64()) {
            return;
        }
        for percentile in ["p50", "p90", "p99", "p999"] {
            fields.entry(percentile).or_insert(Value::from(WITHHELD_NS));
        }
    });
    // Not through `Value`, which has lost the order of the operations: of one operation there is one order.
    record.to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_withheld_is_in_no_output(
        seconds in 1_usize..13,
        per_s in prop_oneof![0.5..20.0, 20.0..300.0],
        open in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let operations = [("get", per_s, 300_000, 0.4)];
        let open = open.then_some((per_s, 50_000));
        let run = detailed(fixtures::run(&SyntheticRun { operations: &operations, seconds, open, seed, ..SyntheticRun::default() }));
        let experiment = fixtures::experiment(vec![run]);
        prop_assert!(!Percentile::P999.is_carried_by(experiment.runs[0].total.response_ns.count));
        let old = Experiment::from_json(&with_all_percentiles(&experiment)).expect("an old record");
        let new = Experiment::from_json(&experiment.to_json().expect("it is written")).expect("its own");
        for ((name, of_old), (_, of_new)) in outputs(&old).into_iter().zip(outputs(&new)) {
            for spelling in SPELLINGS {
                prop_assert!(!of_old.contains(spelling), "{name} says {spelling}");
            }
            prop_assert!(of_old == of_new, "{name} differs");
        }
        let mut written = serde_json::to_value(&old).expect("it is written");
        every_value(&mut written, "", &mut |key, value| {
            let count = value.get("count").and_then(Value::as_u64);
            let Some(count) = count.filter(|_| key.ends_with("_ns")) else { return };
            for percentile in Percentile::RECORDED {
                let is_there = value.get(percentile.name()).is_some();
                assert!(!is_there || percentile.is_carried_by(count), "{key} holds {} of {count}", percentile.name());
            }
        });
    }
}

#[test]
fn an_overloaded_run_has_a_completed_rate_and_no_latency_in_every_output() {
    let mut experiment = fixtures::rates(1);
    let run = experiment.runs.last_mut().expect("500/s");
    assert_eq!(run.load.rate_per_s, Some(500.0));
    for latency in run.operations.values_mut().chain([&mut run.total]).map(|record| &mut record.response_ns) {
        (latency.p50, latency.p99, latency.p999) = (Some(WITHHELD_NS), Some(WITHHELD_NS), Some(WITHHELD_NS));
        (latency.mean, latency.max) = (WITHHELD_NS as f64, WITHHELD_NS);
        latency.intervals.clear();
    }
    let completed = crate::units::rate(run.throughput_per_s);
    for (name, output) in outputs(&experiment) {
        for spelling in SPELLINGS {
            assert!(!output.contains(spelling), "{name} says {spelling}");
        }
        let shows_runs = ["report.html", "report.md", "terminal", "load-read-heavy.svg"].contains(&name.as_str());
        assert!(!shows_runs || output.contains("OVERLOADED") && output.contains(&completed), "{name}: {completed}/s");
        assert!(name != "summary.csv" || output.contains(",overloaded,"), "{name}");
    }
    insta::assert_snapshot!(text::brief(&experiment), @r"
        All durable stores, open loop:
          workload    load                           store              per second      p50      p99        p999      max  checks
          read-heavy  100/s poisson, cap 16 clients  libsql 3.45.1            97.6   932 us  2.27 ms  >= 2.87 ms  3.87 ms  1 of 1 passed
          read-heavy  200/s poisson, cap 16 clients  libsql 3.45.1             200  1.07 ms  4.19 ms  >= 6.95 ms  10.1 ms  1 of 1 passed
          read-heavy  300/s poisson, cap 16 clients  libsql 3.45.1             298  1.39 ms  7.98 ms  >= 14.0 ms  27.3 ms  1 of 1 passed
          read-heavy  350/s poisson, cap 16 clients  libsql 3.45.1             352  1.68 ms  12.7 ms  >= 23.2 ms  66.8 ms  1 of 1 passed
          read-heavy  400/s poisson, cap 16 clients  libsql 3.45.1             394  2.56 ms  28.6 ms  >= 53.3 ms   192 ms  1 of 1 passed
          read-heavy  500/s poisson, cap 16 clients  libsql 3.45.1  OVERLOADED 457        -        -           -        -  1 of 1 passed

        Limits:
          workload    store                                                    operation  limit           measured
          read-heavy  libsql 3.45.1, open loop, 100/s poisson, cap 16 clients  total      p99 <= 10.0 ms  2.27 ms [2.20, 2.43]  met
          read-heavy  libsql 3.45.1, open loop, 200/s poisson, cap 16 clients  total      p99 <= 10.0 ms  4.19 ms [3.76, 4.73]  met
          read-heavy  libsql 3.45.1, open loop, 300/s poisson, cap 16 clients  total      p99 <= 10.0 ms  7.98 ms [7.36, 9.21]  met
          read-heavy  libsql 3.45.1, open loop, 350/s poisson, cap 16 clients  total      p99 <= 10.0 ms  12.7 ms [11.9, 14.4]  MISSED
          read-heavy  libsql 3.45.1, open loop, 400/s poisson, cap 16 clients  total      p99 <= 10.0 ms  28.6 ms [26.3, 31.4]  MISSED

        Withheld: read-heavy on libsql 3.45.1, open loop, 500/s poisson, cap 16 clients. OVERLOADED: offered 500/s, completed 457/s; the backlog grew to 854 arrivals, 1.4 s behind schedule, in 20 s, 854 never sent
        ");
}

/// Signs that a terminal obeys, that turn text around or hide it, and a line break with a formula after it.
const EVIL: &str =
    "\u{1b}[31m\u{1b}]0;t\u{7}\u{9b}2J\u{202e}\u{2066}\u{61c}\u{200b}\u{200d}\u{feff}\u{85}\u{e0041}\u{0}\r\n=evil()";

/// The record with these signs before and after every text in it, and in every name of a map.
fn evil(experiment: &Experiment) -> String {
    /// Words of a closed list and data.
    const CLOSED: [&str; 9] =
        ["schema", "mode", "phase", "durability", "placement", "model", "statistic", "histogram", "response_bands"];
    /// Maps whose keys are names; a list of the same name has records in it.
    const NAMED: [&str; 7] = ["operations", "settings", "failures", "messages", "digests", "bindings", "lines"];
    let mut record = serde_json::to_value(experiment).expect("it is written");
    let mut tainted = 0;
    every_value(&mut record, "", &mut |key, value| match value {
        Value::String(text) if !CLOSED.contains(&key) => {
            *text = format!("{EVIL}{text}{EVIL}");
            tainted += 1;
        }
        Value::Object(fields) if NAMED.contains(&key) && !fields.contains_key("name") => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(name, value)| (format!("{EVIL}{name}{EVIL}"), value))
                .collect();
        }
        _ => {}
    });
    assert!(tainted > 100, "{tainted} texts");
    record.to_string()
}

fn assert_harmless(outputs: &[(String, String)]) {
    for (name, content) in outputs {
        let found = content.chars().find(|sign| drivers::is_unprintable(*sign) && !matches!(sign, '\n' | '\t'));
        assert_eq!(found, None, "{name}");
        if name == "terminal" {
            assert!(content.lines().all(|line| !line.starts_with('=')), "a foreign line: {content}");
        }
        if name.ends_with(".csv") {
            let mut table = ::csv::Reader::from_reader(content.as_bytes());
            for field in
                table.records().flat_map(|row| row.expect("a row").iter().map(str::to_owned).collect::<Vec<_>>())
            {
                let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err();
                assert!(!is_formula, "{name}: {field}");
            }
        }
    }
}

#[test]
fn nothing_of_a_foreign_record_reaches_a_terminal_or_a_table_unseen() {
    let mut experiment = fixtures::priced_stores();
    experiment.runs.truncate(5);
    let failed = crate::record::OperationRecord {
        failed: 3,
        failures: [("timeout".to_owned(), 3)].into(),
        messages: [("timeout".to_owned(), "no reply".to_owned())].into(),
        ..experiment.runs[0].total.clone()
    };
    experiment.runs[0].operations.insert("broken".to_owned(), failed);
    experiment.runs[1].verdict.notes.push("a note".to_owned());
    experiment.runs[1].checks[0].passed = false;
    experiment.missing.push(crate::record::MissingRun {
        id: "a".to_owned(),
        workload: "b".to_owned(),
        store: "c".to_owned(),
        problem: "d".to_owned(),
    });
    let json = evil(&experiment);
    let read = Experiment::from_json(&json).expect("its texts may be anything");
    assert_harmless(&outputs(&read));
    let written = read.to_json().expect("it is written");
    assert!(!written.contains("\\u001b") && !written.chars().any(|sign| drivers::is_unprintable(sign) && sign != '\n'));
    // A record in memory does not come from a disk; documents and tables hold no such sign either.
    let in_memory: Experiment = serde_json::from_str(&json).expect("its texts may be anything");
    let documents: Vec<_> = outputs(&in_memory).into_iter().filter(|(name, _)| name != "terminal").collect();
    assert_harmless(&documents);
}

#[test]
fn errors_about_a_foreign_record_obey_nobody() {
    let json = fixtures::experiment(vec![fixtures::run(&SyntheticRun { seconds: 1, ..SyntheticRun::default() })])
        .to_json()
        .expect("JSON");
    for word in ["closed", "durable", "embedded", "measure"] {
        let wrong = json.replacen(&format!("\"{word}\""), "\"\\u001b[31m\\u202e\\r\\nPASSED\"", 1);
        let error = format!("{:#}", Experiment::from_json(&wrong).expect_err("no such word"));
        assert!(error.contains("PASSED") && !error.contains('\n'), "{error}");
        assert!(!error.chars().any(drivers::is_unprintable), "{error}");
    }
    let error = Experiment::from_json("{\"schema\": \"\\u001b[2J\"}").expect_err("another schema").to_string();
    assert!(!error.chars().any(drivers::is_unprintable), "{error}");
}
