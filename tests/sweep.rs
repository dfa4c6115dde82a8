//! `storebench sweep` in real time: against a service whose capacity is known, interrupted and gone on with, over numbers of
//! clients, and against a real store.

mod common;

use std::time::Duration;

use common::{Storebench, read_record};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::SplitMix64;
use serde_json::Value;

/// Sixteen at once for 20 ms each: 800 a second.
const SERVICE: &str = "sim?latency=20ms&capacity=16";

fn sweep(args: &[&str]) -> Storebench {
    Storebench::new(&["sweep", "ycsb-c", "--records", "1000", "--quiet"]).args(args)
}

fn sweep_record(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("sweep.json is JSON")
}

/// The share of arrivals that take longer than a limit where `servers` take `service_s` each, first come first served.
fn share_above(rate_per_s: f64, servers: usize, service_s: f64, limit_s: f64) -> f64 {
    let mut rng = SplitMix64::seed_from_u64(1);
    let mut free_at = vec![0.0_f64; servers];
    let (mut at_s, mut above, all) = (0.0, 0, 2_000_000);
    for _ in 0..all {
        let gap: f64 = Exp1.sample(&mut rng);
        at_s += gap / rate_per_s;
        let first = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("servers");
        *first = at_s.max(*first) + service_s;
        above += usize::from(*first - at_s > limit_s);
    }
    above as f64 / f64::from(all)
}

#[test]
fn the_highest_rate_of_a_known_service_is_found_in_real_time() {
    let (mut within, mut beyond) = (400.0, 800.0);
    for _ in 0..9 {
        let middle = (within + beyond) / 2.0;
        if share_above(middle, 16, 0.020, 0.030) > 0.01 { beyond = middle } else { within = middle }
    }
    let ran = sweep(&["--out", "out", "--store", SERVICE, "--clients", "200", "--slo", "p99 < 30ms", "--budget", "2m"]);
    let ran = ran.expect_exit(0);
    let record = sweep_record(&std::fs::read(ran.path("out/sweep.json")).expect("a record"));
    let answer = &record["answers"][0];
    let rate = |name: &str| answer["rate_per_s"][name].as_f64().unwrap_or_else(|| panic!("no {name}: {}", ran.stdout));
    // The interval holds the truth. Two minutes leave three or four windows to confirm, which is wide where an end had to move.
    assert!(rate("low") <= within * 1.02 && rate("low") >= within * 0.60, "{within}: {}", ran.stdout);
    assert!(rate("high") >= within * 0.98 && rate("high") <= 850.0, "{within}: {}", ran.stdout);
    let capacity = answer["capacity_per_s"].as_f64().expect("a capacity");
    // Timers add a little to each 20 ms, and the end of an overloaded window drains.
    assert!((capacity / 800.0 - 1.0).abs() < 0.08, "{capacity}");
    assert_eq!(answer["broke_first"], "p99 < 30ms");
    let spent_ns: u64 =
        answer["levels"].as_array().expect("levels").iter().filter_map(|l| l["spent_ns"].as_u64()).sum();
    assert!(spent_ns <= 125_000_000_000, "the budget is kept: {spent_ns} ns");
    assert!(ran.path("out/charts/load-ycsb-c.png").exists());
    let runs = read_record(&ran.path("out"))["runs"].as_array().map_or(0, Vec::len);
    assert_eq!(runs, answer["levels"].as_array().expect("levels").len());
}

#[test]
fn an_interrupted_sweep_goes_on_with_the_levels_that_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let out = out.to_str().expect("text");
    let asked = ["--store", SERVICE, "--clients", "200", "--budget", "90s"];
    let begun = sweep(&asked).args(&["--out", out]);
    let mut child = begun.command().stdout(std::process::Stdio::null()).spawn().expect("the binary starts");
    let levels = || {
        let text = std::fs::read(format!("{out}/sweep.json")).unwrap_or_default();
        let record: Value = serde_json::from_slice(&text).unwrap_or_default();
        record["answers"][0]["levels"].as_array().cloned().unwrap_or_default()
    };
    while levels().len() < 3 {
        std::thread::sleep(Duration::from_millis(50));
    }
    let meanwhile = sweep(&asked).args(&["--resume", out]).expect_exit(2);
    assert!(meanwhile.stderr.contains("still runs"), "{}", meanwhile.stderr);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    let measured = levels();
    let other = sweep(&["--store", SERVICE, "--clients", "100", "--budget", "90s", "--resume", out]).expect_exit(2);
    assert!(other.stderr.contains("repeat that with --resume"), "{}", other.stderr);
    assert_eq!(levels(), measured, "a refusal changes nothing");

    sweep(&asked).args(&["--resume", out]).expect_exit(0);
    assert_eq!(levels()[..measured.len()], measured[..], "what was measured is not measured again");
    assert!(levels().len() > measured.len());
    let runs = read_record(out.as_ref())["runs"].as_array().map_or(0, Vec::len);
    assert_eq!(runs, levels().len(), "every level has its run, and none is there twice");
    let ended = sweep(&asked).args(&["--resume", out]).expect_exit(2);
    assert!(ended.stderr.contains("has ended"), "{}", ended.stderr);
}

#[test]
fn numbers_of_clients_follow_the_law_that_the_service_has() {
    let asked = ["--store", "sim?latency=10ms", "--clients", "1..8", "--budget", "80s", "--out", "out"];
    let ran = sweep(&asked).expect_exit(0);
    let record = sweep_record(&std::fs::read(ran.path("out/sweep.json")).expect("a record"));
    let law = &record["answers"][0]["scalability"];
    // Every client adds its 100 a second: nothing is shared.
    let figure = |name: &str, at: usize| law[name][at].as_f64().unwrap_or_else(|| panic!("{law}"));
    assert!((figure("one_client_per_s", 1) / 98.0 - 1.0).abs() < 0.05, "{law}");
    assert!(figure("contention", 1) < 0.01 && law.get("peak_clients").is_none(), "{law}");
    assert!(ran.stdout.contains("none up to 16 clients"), "{}", ran.stdout);
}

#[test]
fn a_real_store_has_a_rate_and_what_it_costs_there() {
    let asked = ["--store", "postgres", "--slo", "p99 < 20ms", "--budget", "75s", "--out", "out"];
    let ran = sweep(&asked).expect_exit(0);
    let record = sweep_record(&std::fs::read(ran.path("out/sweep.json")).expect("a record"));
    let answer = &record["answers"][0];
    let low = answer["rate_per_s"]["low"].as_f64().expect("a rate");
    assert!(low > 100.0 && answer["at_low"]["server_cpus"].as_f64().is_some_and(|cpus| cpus > 0.0), "{answer}");
    assert!(ran.stdout.contains("ycsb-c, durable stores, p99 < 20ms"), "{}", ran.stdout);
}
