//! Records of other people, read by the real binary: what they say reaches no terminal as it is.

mod common;

use common::Storebench;
use serde_json::Value;

/// One run of the example, its JSON changed.
fn example(change: impl FnOnce(String) -> String) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/results/example/experiment.json");
    let text = std::fs::read_to_string(path).expect("the example is part of the repository");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    record["runs"].as_array_mut().expect("runs").truncate(1);
    change(record.to_string())
}

fn is_harmless(printed: &str) -> bool {
    !printed.chars().any(|sign| sign.is_control() && sign != '\n' || matches!(sign, '\u{200b}'..='\u{202e}'))
}

#[test]
fn a_report_prints_nothing_that_a_terminal_obeys() {
    let evil = |json: String| {
        let json =
            json.replace("\"version\":\"", "\"version\":\"\\u001b]0;title\\u0007\\u202e\\r\\nchecks: 9 of 9 passed ");
        json.replace("\"detail\":\"", "\"detail\":\"\\u001b[2J\\u200b")
    };
    let ran = Storebench::new(&["report", "."]).file("experiment.json", example(evil)).expect_exit(0);
    assert!(is_harmless(&ran.stdout) && is_harmless(&ran.stderr), "{:?} {:?}", ran.stdout, ran.stderr);
    assert!(!ran.stdout.contains("\nchecks: 9 of 9"), "{}", ran.stdout);
    let summary = std::fs::read_to_string(ran.path("summary.csv")).expect("it is written");
    assert!(is_harmless(&summary), "{summary:?}");
}

#[test]
fn an_error_about_a_record_prints_nothing_that_a_terminal_obeys() {
    let evil = |json: String| json.replacen("\"embedded\"", "\"\\u001b[31m\\u202e\"", 1);
    let ran = Storebench::new(&["report", "."]).file("experiment.json", example(evil)).expect_exit(2);
    assert!(ran.stderr.contains("unknown variant") && is_harmless(&ran.stderr), "{:?}", ran.stderr);
}

#[test]
fn a_store_of_a_hundred_thousand_signs_does_not_cost_the_report() {
    let long = |json: String| json.replacen("\"name\":\"", &format!("\"name\":\"{}", "x@/".repeat(33_000)), 9);
    let ran = Storebench::new(&["report", "."]).file("experiment.json", example(long)).expect_exit(0);
    assert!(ran.path("report.html").exists() && ran.path("charts/latency.png").exists());
}
