//! The regression gate from the outside: how often it is wrong, and what the real binary makes of real records.

mod common;
#[path = "../examples/gate_error/simulation.rs"]
mod simulation;

use common::{Ran, Storebench};
use rand::SeedableRng;
use rand_xoshiro::SplitMix64;
use serde_json::{Value, json};
use simulation::{FIGURES, Truth, contaminated, counted, held, live, stored};
use storebench::gate::GateVerdict;

/// As many as are quick in a debug build; docs/ci.md has the figures of 500.
const GATES: usize = 60;

#[test]
fn a_gate_on_identical_code_raises_no_alarm_and_a_real_change_is_found() {
    let mut rng = SplitMix64::seed_from_u64(1);
    for (noise, place) in [(0.02, 0.0), (0.05, 0.2), (0.10, 0.0), (0.10, 0.2)] {
        let truth = Truth { noise, place, ..Truth::default() };
        let (alarms, _) = counted(GATES, GateVerdict::Regression, || live(&truth, &mut rng));
        assert!(alarms <= 1, "{alarms} of {GATES} at {noise} with a place of {place}");
        for changed in [Truth { throughput_loss: 0.15, ..truth }, Truth { p99_growth: 0.25, ..truth }] {
            let (found, _) = counted(GATES, GateVerdict::Regression, || live(&changed, &mut rng));
            assert!(found * 10 >= GATES * 9, "{found} of {GATES} of {changed:?}");
        }
    }
}

#[test]
fn stored_runs_raise_no_more_alarms_than_measured_pairs() {
    let mut rng = SplitMix64::seed_from_u64(2);
    let truth = Truth { noise: 0.10, ..Truth::default() };
    let (alarms, _) = counted(GATES, GateVerdict::Regression, || stored(&truth, 8, &mut rng));
    assert!(alarms <= 1, "{alarms}");
}

#[test]
fn one_wild_pair_makes_no_regression_of_what_is_ok() {
    let mut rng = SplitMix64::seed_from_u64(3);
    for noise in [0.02, 0.05, 0.10] {
        let truth = Truth { noise, ..Truth::default() };
        for _ in 0..GATES {
            let [before, after] = contaminated(&truth, &mut rng);
            assert!(before != GateVerdict::Ok || after != GateVerdict::Regression);
        }
    }
}

#[test]
fn intervals_hold_the_true_ratio() {
    let mut rng = SplitMix64::seed_from_u64(4);
    let truth = Truth { noise: 0.05, throughput_loss: 0.15, p99_growth: 0.25, place: 0.2 };
    let sums = (0..150).map(|_| held(&truth, 8, &mut rng)).fold([0, 0], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
    for held in sums {
        assert!(held as f64 >= 0.93 * (150 * FIGURES.len()) as f64, "{held}");
    }
}

/// A folder of eight short runs on a store of known latency.
fn record(latency: &str) -> Value {
    Storebench::run(&["ycsb-c", "--runs", "8", "--warmup", "0", "--ops", "1500", "--records", "100"])
        .store(&format!("sim?latency={latency}"))
        .expect_exit(0)
        .record()
}

fn compare(base: &Value, head: &Value, flags: &[&str]) -> Ran {
    Storebench::new(&["compare", "base.json", "head.json", "--out", "gate"])
        .args(flags)
        .file("base.json", base.to_string())
        .file("head.json", head.to_string())
        .ran()
}

#[test]
fn a_slower_store_fails_and_a_quicker_one_does_not() {
    let (base, head) = (record("300us"), record("600us"));
    let ran = compare(&base, &head, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("would see") && ran.stdout.contains("\nREGRESSION: "), "{}", ran.stdout);
    let gate: Value =
        serde_json::from_slice(&std::fs::read(ran.path("gate/gate.json")).expect("a file")).expect("JSON");
    assert_eq!((&gate["schema"], &gate["verdict"]), (&json!("storebench/gate/1"), &json!("regression")));
    for key in
        ["workload", "store", "operation", "metric", "ratio", "interval", "smallest_detectable", "margin", "verdict"]
    {
        assert!(
            gate["comparisons"][0].get(key).is_some_and(|value| !value.is_null()),
            "{key}: {}",
            gate["comparisons"][0]
        );
    }
    assert_eq!(gate["pairs"].as_array().expect("pairs").len(), 8);

    let advised = compare(&base, &head, &["--advise"]);
    assert_eq!(advised.code, 0, "{}", advised.stderr);
    assert!(advised.stdout.contains("would exit with 1"), "{}", advised.stdout);
    let quicker = compare(&head, &base, &[]);
    assert_eq!(quicker.code, 0, "{}{}", quicker.stdout, quicker.stderr);

    let mut other = head.clone();
    other["host"]["cpu"] = json!("another one");
    let ran = compare(&base, &other, &[]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stdout.contains("differs: CPU model: "), "{}", ran.stdout);
    assert_eq!(compare(&base, &other, &["--allow-mismatch"]).code, 1);

    let mut scattered = base.clone();
    for (at, run) in scattered["runs"].as_array_mut().expect("runs").iter_mut().enumerate() {
        run["throughput_per_s"] = json!(1_000.0 * (1.0 + at as f64));
    }
    assert_eq!(compare(&base, &scattered, &["--strict"]).code, 4);
    assert_eq!(compare(&base, &scattered, &[]).code, 0);
}

#[test]
fn bad_input_is_one_clear_sentence() {
    let good = record("100us");
    let text = good.to_string();
    let one_run = {
        let mut one = good.clone();
        let runs = one["runs"].as_array_mut().expect("runs");
        runs.truncate(1);
        one
    };
    let cases: [(&str, String, i32, &str); 6] = [
        ("truncated", text[..text.len() / 2].to_owned(), 2, "it is not JSON"),
        (
            "not a number",
            text.replacen("\"throughput_per_s\":", "\"throughput_per_s\":NaN,\"x\":", 1),
            2,
            "it is not JSON",
        ),
        ("of another tool", r#"[{"name": "p99", "unit": "ms", "value": 3}]"#.to_owned(), 2, "it has schema `none`"),
        ("of a sweep", r#"{"schema": "storebench/sweep/1"}"#.to_owned(), 2, "storebench/sweep/1"),
        ("the same", text.clone(), 2, "hold the same experiments"),
        ("one run", one_run.to_string(), 3, "7 more"),
    ];
    for (name, head, code, sentence) in cases {
        let ran = Storebench::new(&["compare", "base.json", "head.json"])
            .file("base.json", &text)
            .file("head.json", head)
            .ran();
        assert_eq!(ran.code, code, "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(sentence), "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{name}: {}", ran.stderr);
    }
    for (args, sentence) in [
        (&["compare", "nowhere", "base.json"][..], "cannot read nowhere/experiment.json"),
        (&["compare", ".", "base.json"], "holds no experiment.json"),
        (&["compare", "base.json", "base.json", "--margin", "p99=5ms"], "is no margin"),
        (&["compare", "base.json", "base.json", "--margin", "speed=5%"], "there is no metric `speed`"),
        (&["compare", "base.json", "base.json", "--margins", "none.toml"], "cannot read none.toml"),
        (&["compare", "postgres://ada:hunter2@db/x", "base.json"], "this is an address"),
    ] {
        let ran = Storebench::new(args).file("base.json", &text).expect_exit(2);
        assert!(ran.stderr.contains(sentence) && !ran.stderr.contains("hunter2"), "{args:?}: {}", ran.stderr);
    }
}
