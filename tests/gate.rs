//! The regression gate from the outside: how often it is wrong, what the real binary makes of real records, and how it measures
//! pairs. Runs are shorter than a second, in which nothing is called noisy: other tests keep the machine busy.

mod common;
#[path = "../examples/gate_error/simulation.rs"]
mod simulation;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::{Ran, Storebench, read_record};
use rand::SeedableRng;
use rand_xoshiro::SplitMix64;
use serde_json::{Value, json};
use simulation::{FIGURES, Truth, contaminated, counted, held, live, stored, would_see};
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
fn what_a_gate_says_that_it_would_see_it_finds() {
    let mut rng = SplitMix64::seed_from_u64(5);
    let truth = Truth { noise: 0.05, ..Truth::default() };
    let throughput_loss = would_see(&truth, GATES, &mut rng);
    let (found, _) = counted(GATES, GateVerdict::Regression, || live(&Truth { throughput_loss, ..truth }, &mut rng));
    assert!(found * 100 >= GATES * 80, "{found} of {GATES} at {throughput_loss}");
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
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        changed["runs"].as_array_mut().expect("runs").iter_mut().for_each(change);
        changed["host"]["boot"] = json!("another, or it would be the same experiment");
        changed.to_string()
    };
    let cases: [(&str, String, i32, &str); 11] = [
        ("truncated", text[..text.len() / 2].to_owned(), 2, "it is not JSON"),
        (
            "not a number",
            text.replacen("\"throughput_per_s\":", "\"throughput_per_s\":NaN,\"x\":", 1),
            2,
            "it is not JSON",
        ),
        ("of another tool", r#"[{"name": "p99", "unit": "ms", "value": 3}]"#.to_owned(), 2, "it has schema `none`"),
        ("of a sweep", r#"{"schema": "storebench/sweep/1"}"#.to_owned(), 2, "storebench/sweep/1"),
        ("empty", String::new(), 2, "it is not JSON"),
        (
            "too large for a number",
            text.replacen("\"throughput_per_s\":", "\"throughput_per_s\":1e999,\"x\":", 1),
            2,
            "it is not",
        ),
        ("negative", changed(&|run| run["throughput_per_s"] = json!(-5.0)), 3, "is not a positive number"),
        ("text for a number", changed(&|run| run["throughput_per_s"] = json!("1.5k/s")), 2, "string \"1.5k/s\""),
        ("of longer runs", changed(&|run| run["load"]["ops"] = json!(3_000)), 3, "length of ycsb-c"),
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
        (&["compare", "base.json"], "takes two results folders"),
        (&["compare", "--base", "memory", "ycsb-c"], "--head"),
        (&["compare", "base.json", "base.json", "--clients", "2"], "--base"),
        (&["calibrate", "ycsb-c", "--store", "oracle"], "there is no store `oracle`"),
        (&["calibrate", "ycsb-c", "--store", "memory", "--calibration", "base.json"], "this is no calibration"),
        (&["calibrate", "ycsb-c", "--pairs", "3"], "--pairs"),
        (&["compare", "--base", "memory", "--head", "oracle", "ycsb-c"], "there is no store `oracle`"),
        (&["compare", "--base", "memory", "--head", "memory", "nowhere.toml"], "nowhere.toml"),
        (&["compare", "--base", "memory", "--head", "memory", "--resume", "nowhere", "ycsb-c"], "cannot read nowhere"),
    ] {
        let ran = Storebench::new(args).file("base.json", &text).expect_exit(2);
        assert!(ran.stderr.contains(sentence) && !ran.stderr.contains("hunter2"), "{args:?}: {}", ran.stderr);
    }
}

/// A comparison of two simulated stores in pairs of short runs.
fn paired(base: &str, head: &str) -> Storebench {
    Storebench::new(&["compare", "--base", base, "--head", head, "ycsb-c"])
        .args(&["--duration", "300ms", "--warmup", "0", "--records", "100"])
        .args(&["--margin", "throughput=20%", "--margin", "p50=20%", "--margin", "p99=off", "--margin", "cpu=off"])
}

fn gate_json(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("gate.json")).expect("a file")).expect("JSON")
}

#[test]
fn a_store_against_itself_is_measured_in_balanced_pairs_and_raises_no_alarm() {
    let ran = paired("sim?latency=400us", "sim?latency=400us").args(&["--out", "gate"]).expect_exit(0);
    assert!(ran.stderr.contains("looks at 10 ("), "the plan comes first: {}", ran.stderr);
    let gate = gate_json(&ran.path("gate"));
    assert_ne!(gate["verdict"], "regression", "{}", gate["sentence"]);
    let pairs = gate["pairs"].as_array().expect("pairs");
    assert!([10, 16].contains(&pairs.len()), "{}", pairs.len());
    let base_first = pairs.iter().filter(|pair| pair["order"] == "base first").count();
    assert_eq!(2 * base_first, pairs.len());
    let experiment = read_record(&ran.path("gate"));
    assert_eq!(experiment["runs"].as_array().expect("runs").len(), 2 * pairs.len());
    assert_eq!(experiment["interrupted"], false);
    for pair in pairs {
        let started = |side: &str| pair[side]["started_at"].as_str().expect("a time").to_owned();
        assert_eq!(started("base") < started("head"), pair["order"] == "base first", "{pair}");
    }
}

#[test]
fn a_slower_store_fails_once_fresh_pairs_have_shown_it_again() {
    let ran = paired("sim?latency=400us", "sim?latency=700us").args(&["--out", "gate"]).expect_exit(1);
    let gate = gate_json(&ran.path("gate"));
    let confirming = gate["pairs"].as_array().expect("pairs").iter().filter(|pair| pair["confirms"] == true).count();
    assert_eq!((&gate["verdict"], confirming), (&json!("regression"), 8), "{}", gate["sentence"]);
    assert!(ran.stderr.contains("8 fresh pairs to confirm"), "{}", ran.stderr);
}

#[test]
fn what_an_interruption_leaves_is_kept_and_gone_on_with() {
    let compare = paired("sim?latency=400us", "sim?latency=400us");
    let mut child = compare.command().args(["--out", "gate"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let child = child.as_mut().expect("the binary starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("text").contains("pair 4: ")), "it never came so far");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("a signal");
    lines.for_each(drop);
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    let folder = compare.command().get_current_dir().expect("a folder").join("gate");
    let before = gate_json(&folder);
    assert_eq!((&before["verdict"], &before["measured"]["interrupted"]), (&json!("inconclusive"), &json!(true)));
    let kept = read_record(&folder)["runs"].as_array().expect("runs").clone();
    assert!(kept.len() >= 6, "three pairs were measured: {}", kept.len());

    let other = compare.command().args(["--resume", "gate", "--clients", "3"]).output().expect("it ends");
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert_eq!(other.status.code(), Some(2), "{said}");
    assert!(said.contains("was asked for something else") && said.contains("3 clients"), "{said}");

    let resumed = compare.command().args(["--resume", "gate"]).output().expect("it ends");
    assert_eq!(resumed.status.code(), Some(0), "{}", String::from_utf8_lossy(&resumed.stderr));
    let after = gate_json(&folder);
    assert_eq!(after["measured"]["interrupted"], false);
    let runs = read_record(&folder)["runs"].as_array().expect("runs").clone();
    assert_eq!(runs[..kept.len()], kept[..], "what was there is still there");
    let usable = after["pairs"].as_array().expect("pairs").iter().filter(|pair| pair["left_out"].is_null()).count();
    assert!([10, 16].contains(&usable), "{usable}");
    let again = compare.command().args(["--resume", "gate"]).output().expect("it ends");
    assert_eq!(again.status.code(), Some(2), "it has ended: {}", String::from_utf8_lossy(&again.stderr));
}

/// `storebench <args>` in a folder in which another command has run.
fn beside(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_storebench")).args(args).current_dir(folder).output().expect("the binary starts")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Eight runs with stated figures, so many times as slow: what is tried with them does not depend on how busy the machine is.
fn stated(slower: f64) -> String {
    let mut record = record("100us");
    for (at, run) in record["runs"].as_array_mut().expect("runs").iter_mut().enumerate() {
        let slower = slower * (1.0 + 0.002 * (at % 3) as f64);
        run["throughput_per_s"] = json!(5_000.0 / slower);
        run["total"]["response_ns"]["p50"] = json!((4e5 * slower) as u64);
    }
    record.to_string()
}

#[test]
fn a_history_keeps_heads_and_gives_them_back_as_baselines() {
    let margins = ["--margin", "p99=off", "--margin", "cpu=off"];
    let compare = Storebench::new(&["compare", "base.json", "head.json", "--out", "gate", "--history", "bench"])
        .args(&["--commit", "aaaa1111", "--release", "v1", "--quiet"])
        .args(&margins)
        .file("base.json", stated(1.0))
        .file("head.json", stated(1.0));
    let folder = compare.command().get_current_dir().expect("a folder").to_owned();
    std::fs::create_dir(folder.join("bench")).expect("a folder");
    let ran = compare.command().output().expect("it ends");
    assert_eq!(ran.status.code(), Some(0), "{}", said(&ran));
    let history = folder.join("bench/history.jsonl");
    let lines = || std::fs::read_to_string(&history).expect("a history");
    let line: Value = serde_json::from_str(&lines()).expect("one line");
    assert_eq!((&line["commit"], &line["release"], &line["verdict"]), (&json!("aaaa1111"), &json!("v1"), &json!("ok")));
    assert!(lines().len() <= 2_000 && line["work"][0]["medians"]["total/p50"].as_f64().is_some_and(|p50| p50 > 3e5));

    std::fs::write(folder.join("slower.json"), stated(1.3)).expect("written");
    let against = |baseline: &str, head: &str, out: &str| {
        let args =
            ["compare", head, "--history", "bench", "--baseline", baseline, "--out", out, "--commit", "bbbb2222"];
        beside(&folder, &[&args[..], &margins[..]].concat())
    };
    for (at, baseline) in ["last-good", "release:v1", "commit:aaaa"].iter().enumerate() {
        let ran = against(baseline, "slower.json", &format!("gate-{at}"));
        assert_eq!(ran.status.code(), Some(1), "{baseline}: {}", said(&ran));
        assert!(said(&ran).contains("v1 (aaaa1111)"), "the baseline is named: {}", said(&ran));
    }
    assert_eq!(lines().lines().count(), 4, "each has added a line, and what regressed is no baseline");
    for (baseline, problem) in [
        ("commit:bbbb", "no experiment of commit bbbb"),
        ("median:5", "needs 4 more"),
        ("release:v2", "no experiment of release v2"),
        ("previous", "give last-good"),
    ] {
        let ran = against(baseline, "slower.json", "gate-none");
        assert!(ran.status.code() == Some(2) && said(&ran).contains(problem), "{baseline}: {}", said(&ran));
    }
    let shown = beside(&folder, &["history", "bench"]);
    assert!(shown.status.success() && said(&shown).contains("needs 8 more experiments"), "{}", said(&shown));
    assert!(folder.join("bench/history.svg").exists());

    std::fs::remove_file(folder.join("head.json")).expect("removed");
    let gone = against("last-good", "slower.json", "gate-gone");
    assert!(gone.status.code() == Some(2) && said(&gone).contains("are not at"), "{}", said(&gone));
    let cut = lines();
    std::fs::write(&history, &cut[..cut.len() - 40]).expect("written");
    for args in [&["history", "bench"][..], &["compare", "base.json", "slower.json", "--history", "bench"]] {
        let ran = beside(&folder, args);
        assert_eq!(ran.status.code(), Some(2), "{}", said(&ran));
        assert!(said(&ran).contains("history.jsonl: line 4: "), "{}", said(&ran));
    }
}

#[test]
fn results_folders_are_added_once_and_only_if_they_are_whole() {
    let mut invalid = record("100us");
    invalid["runs"][0]["verdict"]["valid"] = json!(false);
    let add = Storebench::new(&["history", "h.jsonl", "--add", "run", "--commit", "cccc3333"]);
    let folder = add.command().get_current_dir().expect("a folder").to_owned();
    for (name, record) in [("run", record("100us")), ("invalid", invalid)] {
        std::fs::create_dir(folder.join(name)).expect("a folder");
        std::fs::write(folder.join(name).join("experiment.json"), record.to_string()).expect("written");
    }
    let ran = add.command().output().expect("it ends");
    assert!(ran.status.success() && said(&ran).contains("1 experiment, the last one cccc3333"), "{}", said(&ran));
    for (name, problem) in
        [("run", "in the history already, in line 1"), ("invalid", "is invalid or missing"), ("none", "none")]
    {
        let ran = beside(&folder, &["history", "h.jsonl", "--add", name]);
        assert!(ran.status.code() == Some(2) && said(&ran).contains(problem), "{name}: {}", said(&ran));
    }
    let nothing = beside(&folder, &["history", "nowhere.jsonl"]);
    assert!(nothing.status.code() == Some(2) && said(&nothing).contains("nowhere.jsonl"), "{}", said(&nothing));
}

#[test]
fn two_builds_of_the_suite_are_measured_in_processes_of_their_own() {
    let this = env!("CARGO_BIN_EXE_storebench");
    let ran = paired("sim?latency=400us", "sim?latency=400us")
        .args(&["--base-bin", this, "--out", "gate", "--history", "h.jsonl"])
        .expect_exit(0);
    let gate = gate_json(&ran.path("gate"));
    assert_ne!(gate["verdict"], "regression", "{}", gate["sentence"]);
    let tools = gate["measured"]["tools"].as_array().expect("two");
    assert_eq!((tools.len(), &tools[0]["name"]), (2, &json!("storebench")));
    assert!(gate["base"]["label"].as_str().is_some_and(|label| label.ends_with(this)), "{}", gate["base"]);
    assert!(ran.stderr.contains("the same program"), "{}", ran.stderr);
    let runs = read_record(&ran.path("gate"))["runs"].as_array().expect("runs").clone();
    assert!([20, 32].contains(&runs.len()), "{}", runs.len());
    for run in &runs {
        let id = run["id"].as_str().expect("an id");
        assert!(id.ends_with("-base") || id.ends_with("-head"), "{id}");
        assert!(ran.path("gate/hlog").join(format!("{id}.hlog")).exists(), "{id} has its log");
    }
    assert!(!ran.path("gate/.build").exists());
    let line: Value =
        serde_json::from_str(&std::fs::read_to_string(ran.path("h.jsonl")).expect("a history")).expect("a line");
    assert_eq!(
        (&line["results"], &line["of_head"], &line["work"][0]["runs"]),
        (&json!("gate"), &json!(true), &json!(runs.len() / 2))
    );
}

/// A program that answers what it is asked for at first, and then does this.
fn build(folder: &Path, name: &str, version: &str, help: &str, then: &str) {
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n--version) echo '{version}';;\n'run --help') echo '{help}';;\n*) {then};;\nesac\n"
    );
    std::fs::write(folder.join(name), script).expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.join(name), executable).expect("executable");
}

#[test]
fn a_build_that_is_none_is_too_old_or_fails_is_named_in_one_sentence() {
    let help = Storebench::new(&["run", "--help"]).expect_exit(0).stdout.replace('\'', " ");
    let compare = paired("sim?latency=400us", "sim?latency=400us");
    let folder = compare.command().get_current_dir().expect("a folder").to_owned();
    build(&folder, "other", "redis-benchmark 7.2", &help, "exit 0");
    build(&folder, "old", "storebench 0.0.1", "--store --clients", "exit 0");
    build(&folder, "refusing", "storebench 0.0.9", &help, "echo error: no such key >&2; exit 2");
    build(&folder, "failing", "storebench 0.0.9", &help, "echo error: it is broken >&2; exit 3");
    for (program, code, sentence) in [
        ("nowhere", 2, "cannot read nowhere"),
        ("other", 2, "other is no storebench: `--version` says `redis-benchmark 7.2`"),
        ("old", 2, "too old to be compared with this one: its `run` has no --rate"),
        ("refusing", 2, "refusing refuses the run: no such key"),
        ("failing", 3, "failing left no record that can be read (exit status: 3): it is broken"),
    ] {
        let out = format!("gate-{program}");
        let ran = compare.command().args(["--base-bin", program, "--out", &out]).output().expect("it ends");
        assert_eq!(ran.status.code(), Some(code), "{program}: {}", said(&ran));
        assert!(said(&ran).contains(sentence), "{program}: {}", said(&ran));
    }
    let secret = ["compare", "--base", "redis://:hunter2@localhost", "--head", "memory", "ycsb-c", "--base-bin", "old"];
    let ran = beside(&folder, &secret);
    assert!(ran.status.code() == Some(2) && said(&ran).contains("holds a password"), "{}", said(&ran));
    assert!(!said(&ran).contains("hunter2"), "{}", said(&ran));
}

#[test]
fn an_interruption_ends_the_build_that_runs_and_leaves_nothing_of_it() {
    let sim = "sim?latency=400us";
    let compare =
        Storebench::new(&["compare", "--base", sim, "--head", sim, "ycsb-c", "--records", "100", "--duration", "30s"]);
    let folder = compare.command().get_current_dir().expect("a folder").to_owned();
    let mut child = compare.command();
    child.args(["--base-bin", env!("CARGO_BIN_EXE_storebench"), "--out", "gate"]);
    let mut child = child.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("text").contains("pair 1: ")), "it never came so far");
    let parent = child.id().to_string();
    let children = || {
        let found = Command::new("pgrep").args(["-P", &parent]).output().expect("pgrep").stdout;
        String::from_utf8(found).expect("numbers").split_whitespace().map(ToOwned::to_owned).collect::<Vec<String>>()
    };
    while children().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = children();
    Command::new("kill").args(["-INT", &parent]).status().expect("a signal");
    lines.for_each(drop);
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    for id in &before {
        assert!(!Path::new("/proc").join(id).exists(), "process {id} is left");
    }
    assert!(!folder.join("gate/.build").exists());
}

#[test]
fn stores_that_promise_different_things_are_found_out_after_one_pair() {
    let ran = paired("memory", "libsql").args(&["--out", "gate"]).expect_exit(3);
    assert!(
        ran.stdout.contains("differs: durability of ycsb-c: memory in the base, durable in the head"),
        "{}",
        ran.stdout
    );
    assert_eq!(gate_json(&ran.path("gate"))["pairs"].as_array().expect("pairs").len(), 1);
}

#[test]
fn a_calibrated_machine_refuses_a_margin_that_it_cannot_tell_and_shows_its_floor() {
    const STORE: &str = "sim?latency=400us";
    const LOAD: [&str; 6] = ["--duration", "300ms", "--warmup", "0", "--records", "100"];
    let calibrate = Storebench::new(&["calibrate", "ycsb-c", "--store", STORE, "--pairs", "8"]).args(&LOAD);
    let calibrated = calibrate.command().output().expect("it ends");
    let said = String::from_utf8_lossy(&calibrated.stdout).into_owned();
    assert_eq!(calibrated.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&calibrated.stderr));
    assert!(said.contains("noise of a pair") && said.contains("the client carries "), "{said}");
    let folder = calibrate.command().get_current_dir().expect("a folder").to_owned();
    let kept = std::fs::read_to_string(folder.join("results/calibration.json")).expect("it is kept");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    let entry = &kept["entries"][0];
    assert_eq!((&entry["pairs"], entry["subject"]["clients"].as_u64()), (&json!(8), Some(2)), "{entry}");
    let floor_per_s = entry["client_floor_per_s"].as_f64().expect("a closed loop");
    assert!(floor_per_s > 2.0 / 400e-6, "two clients of a store that waits 400 us carry less: {floor_per_s}");

    let storebench = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_storebench"));
        let ended = command.args(args).args(LOAD).current_dir(&folder).output().expect("it ends");
        let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (ended.status.code(), said.concat())
    };
    let compare = ["compare", "--base", STORE, "--head", STORE, "ycsb-c", "--margin", "p99=off", "--margin", "cpu=off"];
    let (code, said) = storebench(&[&compare[..], &["--margin", "throughput=0.1%", "--out", "blind"]].concat());
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("the margin of 0.1 % for throughput of total") && said.contains("or make runs longer"),
        "{said}"
    );
    assert!(!folder.join("blind").exists(), "nothing was measured");

    let wide = ["--margin", "throughput=40%", "--margin", "p50=40%", "--out", "gate"];
    let (code, said) = storebench(&[&compare[..], &wide].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("floor"), "{said}");
    let gate = gate_json(&folder.join("gate"));
    let throughput = &gate["comparisons"].as_array().expect("comparisons")[0];
    assert!(throughput["floor"].as_f64().is_some_and(|floor| 0.0 < floor && floor < 0.4), "{throughput}");

    // The same load without any store behind it is what the client carries.
    let (_, said) = storebench(&["run", "ycsb-c", "--store", "null", "--out", "run"]);
    assert!(said.contains("client-limited: "), "{said}");
}

/// Flags that the page names are flags of the commands that it shows.
#[test]
fn the_page_on_ci_names_no_flag_that_is_not_there() {
    let page = include_str!("../docs/ci.md");
    let help = |command: &str| Storebench::new(&[command, "--help"]).expect_exit(0).stdout;
    let known = ["compare", "run", "history", "calibrate"].map(help).concat() + " --locked --example --release --bench";
    let is_flag = |sign: char| sign.is_ascii_lowercase() || sign == '-';
    let flags =
        page.match_indices("--").map(|(at, _)| page[at..].split(|sign| !is_flag(sign)).next().unwrap_or_default());
    let flags: Vec<&str> =
        flags.filter(|flag| flag.len() > 4 && flag.starts_with("--") && !flag.starts_with("---")).collect();
    assert!(flags.len() > 10, "{flags:?}");
    for flag in flags {
        assert!(known.contains(flag), "{flag}");
    }
}
