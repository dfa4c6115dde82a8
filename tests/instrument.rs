//! The instrument held against the truth: `sim` has stated latencies and stalls, and the real binary must find them.
//!
//! These tests measure real time, so they run in release, one after another: `cargo test --release --test instrument --
//! --test-threads=1`, as `scripts/test` does. What needs no clock is tested beside the code.

mod common;

use common::{Storebench, ns};

#[test]
fn known_percentiles_are_found_within_one_percent() {
    let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "0", "--duration", "20s", "--clients", "1"])
        .store("sim?latency=1ms*900,5ms*95,20ms*5")
        .expect_exit(0);
    let response = &run.first_run()["total"]["response_ns"];
    for (percentile, true_ns) in [("p50", 1_000_000), ("p99", 5_000_000), ("p999", 20_000_000)] {
        let found = ns(&response[percentile]);
        let error = (found as f64 - true_ns as f64).abs() / true_ns as f64;
        assert!(error <= 0.01, "{percentile} is {true_ns} ns, found {found} ns");
    }
}

#[test]
fn an_open_loop_shows_a_stall_that_a_closed_loop_hides() {
    let stalled = "sim?latency=1ms&stall=8s+2s";
    let common = ["ycsb-c", "--records", "1000", "--warmup", "0", "--duration", "20s"];

    let open = Storebench::run(&common).args(&["--rate", "500", "--clients", "8"]).store(stalled).expect_exit(0);
    let total = &open.first_run()["total"];
    assert!(ns(&total["response_ns"]["p99"]) >= 1_500_000_000, "response p99 {}", total["response_ns"]["p99"]);
    assert!(ns(&total["service_ns"]["p99"]) <= 20_000_000, "service p99 {}", total["service_ns"]["p99"]);

    let closed = Storebench::run(&common).args(&["--clients", "1"]).store(stalled).expect_exit(0);
    let total = &closed.first_run()["total"];
    assert!(ns(&total["response_ns"]["p99"]) <= 20_000_000, "closed p99 {}", total["response_ns"]["p99"]);
    assert!(ns(&total["response_ns"]["max"]) >= 1_900_000_000, "the stall is there all the same");
}

#[test]
fn twice_the_sustainable_load_is_called_unstable_and_memory_stays_bounded() {
    // Two clients at 10 ms sustain 200 operations a second.
    let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "1s", "--duration", "10s"])
        .args(&["--rate", "400", "--clients", "2"])
        .store("sim?latency=10ms")
        .expect_exit(3);
    let verdict = &run.first_run()["verdict"];
    assert_eq!(verdict["valid"], false);
    assert!(verdict["reasons"].to_string().contains("unstable"), "{verdict}");
    let has_figures = |line: &str| line.trim_start().starts_with("total") || line.contains("per second");
    assert!(run.stdout.contains("INVALID") && !run.stdout.lines().any(has_figures), "no figure of it: {}", run.stdout);
    assert!(run.peak_memory_bytes < 60_000_000, "{} bytes", run.peak_memory_bytes);
    run.counts_add_up();
}

#[test]
fn below_capacity_an_open_loop_achieves_its_rate() {
    let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "1s", "--duration", "10s"])
        .args(&["--rate", "1000", "--clients", "8"])
        .store("sim?latency=1ms")
        .expect_exit(0);
    let throughput = run.first_run()["throughput_per_s"].as_f64().expect("a number");
    // 10,000 Poisson arrivals: standard deviation 1 %.
    assert!((throughput / 1_000.0 - 1.0).abs() < 0.05, "{throughput}");
    run.counts_add_up();
}

#[test]
fn failures_are_no_throughput_and_conflicts_are_retried_inside_the_latency() {
    let run = Storebench::run(&["ycsb-a", "--records", "1000", "--warmup", "0", "--duration", "5s", "--clients", "1"])
        .store("sim?latency=1ms&fail=0.2&conflict=0.1")
        .expect_exit(3);
    let first = run.first_run();
    let (ok, failed) = (ns(&first["counts"]["succeeded"]), ns(&first["counts"]["failed"]));
    let share = failed as f64 / (ok + failed) as f64;
    assert!((share - 0.2).abs() < 0.04, "failed {share}");
    let measure_s = first["phases"]["measure_s"].as_f64().expect("a number");
    let throughput = first["throughput_per_s"].as_f64().expect("a number");
    assert!((throughput * measure_s - ok as f64).abs() < 1.0, "only successes count");
    assert_eq!(ns(&first["total"]["response_ns"]["count"]), ok);
    assert!(ns(&first["counts"]["retries"]) > 0);
    run.counts_add_up();
}
