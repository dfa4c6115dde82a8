//! The instrument held against the truth: `sim` has stated latencies and stalls, and the real binary must find them; and
//! against a proxy before a real server, which has its own record of when each request came and its reply left.
//!
//! These tests measure real time, so they run in release, one after another: `cargo test --release --test instrument --
//! --test-threads=1`, as `scripts/test` does. What needs no clock is tested beside the code.

mod common;
#[path = "common/recording.rs"]
mod recording;
#[path = "common/servers.rs"]
mod servers;

use std::time::Duration;

use common::{Storebench, ns};
use drivers::Durability;
use recording::{Plan, Recording};

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

/// One definition of throughput: what was in flight when a closed loop's time was over counts with the time that it took, in
/// the figure and in its interval alike.
#[test]
fn a_throughput_lies_in_its_interval_when_the_store_stands_still_at_the_end() {
    let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "0", "--duration", "10s", "--clients", "2"])
        .store("sim?latency=1ms&stall=9900ms+4s")
        .expect_exit(0);
    let first = run.first_run();
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let (throughput, interval) = (number(&first["throughput_per_s"]), &first["throughput_interval"]);
    assert!((throughput / (2_000.0 * 9.9 / 13.9) - 1.0).abs() < 0.05, "{throughput}");
    assert!(number(&interval[0]) <= throughput && throughput <= number(&interval[1]), "{throughput} {interval}");
    let notes = first["verdict"]["notes"].to_string();
    assert!(notes.contains("no operation ended for 4.0 s, from second 9.9"), "{notes}");
}

#[test]
fn twice_the_sustainable_load_is_overload_with_a_completed_rate_and_memory_stays_bounded() {
    // Two clients at 10 ms sustain 200 operations a second.
    let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "1s", "--duration", "10s"])
        .args(&["--rate", "400", "--clients", "2"])
        .store("sim?latency=10ms")
        .expect_exit(3);
    let verdict = &run.first_run()["verdict"];
    assert_eq!(verdict["valid"], false);
    let completed = verdict["overload"]["completed_per_s"].as_f64().expect("a completed rate");
    assert!((completed / 200.0 - 1.0).abs() < 0.05, "{verdict}");
    let has_figures = |line: &str| line.trim_start().starts_with("total") || line.contains("per second");
    let line = "OVERLOADED: offered 400/s, completed ";
    assert!(run.stdout.contains(line) && !run.stdout.lines().any(has_figures), "no latency of it: {}", run.stdout);
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

/// A store that takes three times as long at first, and less and less for five seconds.
#[test]
fn a_warm_up_goes_on_while_the_store_becomes_faster_and_what_follows_is_measured_whole() {
    for load in [["--clients", "2"], ["--rate", "200"]] {
        let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "2s", "--duration", "3s"])
            .args(&load)
            .store("sim?latency=2ms&warm=5s")
            .expect_exit(0);
        run.counts_add_up();
        let first = run.first_run();
        assert_eq!(first["warmup"]["end"], "put-off", "{}", first["warmup"]);
        let warmup_s = first["phases"]["warmup_s"].as_f64().expect("a number");
        assert!((4.0..=10.0).contains(&warmup_s) && warmup_s.fract() == 0.0, "{warmup_s}");
        let p50 = ns(&first["total"]["response_ns"]["p50"]);
        assert!((2_000_000..2_400_000).contains(&p50), "nothing of the slow start is in a figure: {p50}");
        let measure_s = first["phases"]["measure_s"].as_f64().expect("a number");
        assert!((3.0..3.2).contains(&measure_s), "{measure_s}");
        let timeline = first["timeline"].as_array().expect("seconds");
        let begins = |at: usize| timeline[at]["at_s"].as_f64().expect("a number");
        assert_eq!(begins(0), -warmup_s);
        assert!((1..timeline.len()).all(|at| begins(at) == begins(at - 1) + 1.0), "{load:?}: each second once");
        assert!(run.stdout.contains("the warm-up went on after the 2 s that were asked for"), "{}", run.stdout);
        assert!(run.stdout.contains(&format!("3 s after {warmup_s} s of warm-up")), "{}", run.stdout);
    }
    let fixed =
        Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "2s", "--max-warmup", "0", "--duration", "1s"])
            .store("sim?latency=2ms&warm=5s")
            .expect_exit(0);
    let first = fixed.first_run();
    assert_eq!((&first["warmup"]["end"], &first["phases"]["warmup_s"]), (&"not-steady".into(), &2.0.into()));
}

#[test]
fn a_run_that_drifts_is_valid_and_marked_wherever_its_figures_stand() {
    let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "0", "--duration", "12s"])
        .store("sim?latency=2ms&warm=20s")
        .expect_exit(0);
    let stability = &run.first_run()["verdict"]["stability"];
    assert_eq!(stability["verdict"], "drifting", "{stability}");
    let evidence = stability["evidence"].as_str().expect("a sentence");
    assert!(evidence.starts_with("the throughput drifted from "), "{evidence}");
    assert!(run.stdout.contains("DRIFTING: the throughput drifted from "), "{}", run.stdout);
    for file in ["report.html", "report.md", "summary.csv"] {
        let text = std::fs::read_to_string(run.path("out").join(file)).expect("written");
        assert!(text.to_lowercase().contains("drifting"), "{file}");
    }
}

/// A client that computes all the time, on the one CPU that it may use, beside two others that do so, too.
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_is_starved_of_cpu_is_called_client_limited() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let over = AtomicBool::new(false);
    let run = std::thread::scope(|scope| {
        let competitor = || {
            let mut only = nix::sched::CpuSet::new();
            only.set(0)
                .and_then(|()| nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &only))
                .expect("CPU 0");
            while !over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        (0..2).for_each(|_| drop(scope.spawn(competitor)));
        let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "0", "--duration", "4s"])
            .args(&["--clients", "1", "--client-cpus", "0"])
            .store("null")
            .ran();
        over.store(true, Ordering::Relaxed);
        run
    });
    assert_eq!(run.code, 0, "{}", run.stdout);
    let first = run.first_run();
    let marks = first["verdict"]["noisy"].to_string();
    assert!(marks.contains("client-limited: its threads wanted"), "{marks} {}", first["client"]);
    assert!(run.stdout.contains("client-limited: its threads wanted"), "{}", run.stdout);
}

#[cfg(target_os = "linux")]
#[test]
fn client_and_server_stay_on_the_cpus_that_they_are_given() {
    let mut seen = Vec::new();
    let args = ["--clients", "2", "--client-cpus", "0", "--server-cpus", "1", "--durability", "memory"];
    let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "0", "--duration", "3s"]).args(&args);
    let ran = run.store("redis").troubled(|| seen = cpus_of_suite_and_server());
    let of = |name: &str| -> Vec<&str> {
        seen.iter().filter(|(process, _)| process == name).map(|(_, cpus)| cpus.as_str()).collect()
    };
    assert!(of("storebench").contains(&"0"), "the lanes: {seen:?}");
    let server = of("redis-server");
    assert!(!server.is_empty() && server.iter().all(|cpus| *cpus == "1"), "{seen:?}");
    let load = &ran.first_run()["load"];
    assert_eq!((&load["client_cpus"][0], &load["server_cpus"][0]), (&0.into(), &1.into()));
    assert!(ran.stdout.contains("2 clients, client on CPU 0, server on CPU 1"), "{}", ran.stdout);
}

/// Name and allowed CPUs of every thread of the run with `--server-cpus` and of what it has started.
#[cfg(target_os = "linux")]
fn cpus_of_suite_and_server() -> Vec<(String, String)> {
    let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
    let numbers = |folder: &str| -> Vec<u32> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
    };
    let field = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).unwrap_or_default()
    };
    let processes = numbers("/proc");
    let parent = |process: u32| field(&read(format!("/proc/{process}/status")), "PPid:").parse::<u32>().unwrap_or(0);
    let mut family: Vec<u32> =
        processes.iter().copied().filter(|process| parent(*process) == std::process::id()).collect();
    family.retain(|process| read(format!("/proc/{process}/cmdline")).contains("--server-cpus"));
    // Its guard stands between the suite and the server.
    for _ in 0..3 {
        let children: Vec<u32> = processes
            .iter()
            .copied()
            .filter(|child| family.contains(&parent(*child)) && !family.contains(child))
            .collect();
        family.extend(children);
    }
    let threads = family.iter().flat_map(|process| {
        let name = field(&read(format!("/proc/{process}/status")), "Name:");
        let threads = numbers(&format!("/proc/{process}/task")).into_iter();
        threads.map(move |thread| (name.clone(), format!("/proc/{process}/task/{thread}/status")))
    });
    threads.map(|(name, status)| (name, field(&read(status), "Cpus_allowed_list:"))).collect()
}

/// The flagship figure, from outside: what the proxy saw and the schedule says, against what the suite reports. Arrivals are
/// constant, so that their instants follow from the rate alone.
///
/// What the instrument gets wrong it gets wrong every time; what a neighbour on the machine delays, on the one side of the
/// proxy or on the other, it delays now and then. So one of three runs has to agree.
#[test]
fn an_open_loop_on_a_real_server_finds_what_a_proxy_saw() {
    let disagreements: Vec<String> = (0..3).map_while(|_| compared_with_a_proxy().err()).collect();
    assert!(disagreements.len() < 3, "{disagreements:#?}");
}

fn compared_with_a_proxy() -> Result<(), String> {
    const RATE: f64 = 250.0;
    let server = servers::started("redis", Durability::Memory);
    let proxy = Recording::before(
        server.port(),
        Plan {
            delay: Duration::from_millis(10),
            slow: (40, Duration::from_millis(60)),
            freeze: (Duration::from_secs(4), Duration::from_millis(1_500)),
        },
    );
    let address = server.address.replace(&server.port().to_string(), &proxy.port.to_string());
    let run = Storebench::run(&["ycsb-c", "--records", "1000", "--warmup", "0", "--duration", "12s"])
        .args(&["--rate", &RATE.to_string(), "--arrivals", "constant", "--clients", "8", "--durability", "memory"])
        .store(&address)
        .expect_exit(0);
    let total = &run.first_run()["total"];

    // The audit asks by a connection of its own, the last one to be made that reads, and only when the run is over.
    let all = proxy.reads();
    let of_audit = all.iter().map(|read| read.connection).max().expect("reads");
    let (asked_again, reads): (Vec<_>, Vec<_>) = all.into_iter().partition(|read| read.connection == of_audit);
    let ended = reads.iter().map(|read| read.left).max().expect("reads of the workload");
    assert!(asked_again.iter().all(|read| read.came > ended), "the audit reads after the measurement");
    let checks = run.first_run()["checks"].to_string();
    let claimed = format!("0 of {} queries", asked_again.len());
    assert!(checks.contains(&claimed), "the proxy saw as many queries as the check claims: {claimed}, {checks}");
    assert_eq!(
        reads.len() as u64,
        ns(&total["ok"]),
        "the proxy saw every operation, and nothing else that looks like one"
    );
    let due = |at: usize| Duration::from_secs_f64((at + 1) as f64 / RATE);
    // The schedule began when the most punctual request was due.
    let began = reads.iter().enumerate().map(|(at, read)| read.came - due(at)).min().expect("requests");
    let mut service: Vec<f64> = reads.iter().map(|read| (read.left - read.came).as_secs_f64()).collect();
    let mut response: Vec<f64> =
        reads.iter().enumerate().map(|(at, read)| (read.left - (began + due(at))).as_secs_f64()).collect();
    for (name, seen) in [("service_ns", &mut service), ("response_ns", &mut response)] {
        seen.sort_by(f64::total_cmp);
        for (percentile, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
            let seen_ns = seen[((seen.len() as f64 * share).ceil() as usize).max(1) - 1] * 1e9;
            let found_ns = ns(&total[name][percentile]) as f64;
            let error = (found_ns - seen_ns).abs() / seen_ns;
            if error > 0.05 {
                return Err(format!(
                    "{name} {percentile}: the proxy saw {seen_ns:.0} ns, the suite found {found_ns:.0} ns"
                ));
            }
        }
    }
    let p99_s = response[response.len() * 99 / 100];
    assert!(p99_s > 1.0, "the freeze is in the response time's p99: {p99_s} s");
    let standstill = run.first_run()["standstill"]["length_s"].as_f64().expect("a number");
    assert!((standstill - 1.5).abs() < 0.05, "{standstill} s without an operation's end");
    let notes = run.first_run()["verdict"]["notes"].to_string();
    assert!(notes.contains("no operation ended for 1.5 s"), "{notes}");
    Ok(())
}
