//! What the suite does when a server fails: real servers, a proxy that misbehaves, the real binary.
//!
//! Whatever happens, a run ends in bounded time, counts every failure as one, takes none for a success, reconciles what
//! was acknowledged with what is there, and says what happened. Run by scripts/test, a few at a time: each trial, such as
//! `redis::connections_that_hang_time_out_and_are_made_anew`, starts a server of its own.

mod common;
#[path = "common/proxy.rs"]
mod proxy;
#[path = "common/servers.rs"]
mod servers;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use common::{Ran, Storebench, ns};
use drivers::Durability;
use drivers::server::Server;
use libtest_mimic::Arguments;
use proxy::{Manner, Proxy};
use servers::{Candidate, named, trial};

/// Where any server would do: it starts in no time.
const QUICK: &str = "redis";

/// Writes and reads by key, with clients enough to be in the middle of something.
const RUN: [&str; 9] = ["ycsb-a", "--records", "500", "--clients", "4", "--warmup", "0s", "--timeout", "1s"];

fn main() -> ExitCode {
    let mut trials = servers::trials(
        &servers::servers(),
        &named![
            a_server_that_is_not_there_is_one_sentence,
            connections_that_hang_time_out_and_are_made_anew,
            a_reply_cut_in_half_is_a_broken_connection_and_no_answer,
            the_first_failure_ends_a_run_that_is_to_stop,
            a_server_that_is_paused_shows_in_the_response_times_of_an_open_loop,
            a_server_that_crashes_and_comes_back_has_all_that_it_acknowledged,
            a_server_that_falls_silent_while_it_settles_is_given_up_with_the_phase_and_its_limit,
        ],
    );
    trials.extend([
        trial(
            format!("{QUICK}::settings_that_are_weakened_in_mid_run_make_it_invalid"),
            settings_that_are_weakened_in_mid_run_make_it_invalid,
        ),
        trial(format!("{QUICK}::a_server_that_stays_away_ends_the_run"), a_server_that_stays_away_ends_the_run),
        trial(
            format!("{QUICK}::a_signal_ends_a_run_whose_server_is_silent_within_seconds"),
            a_signal_ends_a_run_whose_server_is_silent_within_seconds,
        ),
    ]);
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn started(store: &str) -> Server {
    servers::started(store, Durability::Durable)
}

/// A server behind a proxy, and its address there.
fn behind_a_proxy(server: &Server) -> (Proxy, String) {
    let proxy = Proxy::before(server.port());
    let address = server.address.replace(&server.port().to_string(), &proxy.port.to_string());
    (proxy, address)
}

/// What of a run's failures is of this kind, over all operations.
fn failures(ran: &Ran, kind: &str) -> u64 {
    let run = ran.first_run();
    let operations = run["operations"].as_object().expect("operations").values();
    operations.filter_map(|operation| operation["failures"][kind].as_u64()).sum()
}

/// What the store holds was read back after the run, and no check of it failed; one that a write of unknown outcome leaves
/// undecided has not.
fn no_check_failed(ran: &Ran) {
    let run = ran.first_run();
    let checks = run["checks"].as_array().expect("checks");
    assert!(checks.len() > 1, "{checks:?}");
    for check in checks {
        assert!(check["passed"] == true || check["undecided"] == true, "{check}");
        assert!(!check["detail"].to_string().contains("not carried out"), "{check}");
    }
}

fn a_server_that_is_not_there_is_one_sentence(store: &Candidate) {
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    let port = nobody.expect("a port that is free again").port();
    for user in ["ada:hunter2@", ""] {
        let address = format!("{}://{user}127.0.0.1:{port}", store.declared.schemes[0]);
        let began = Instant::now();
        let ran = Storebench::run(&RUN).store(&address).args(&["--duration", "1s"]).expect_exit(2);
        assert!(began.elapsed() < Duration::from_secs(10), "{address}: {:?}", began.elapsed());
        let errors: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error:")).collect();
        assert_eq!(errors.len(), 1, "{}", ran.stderr);
        assert!(errors[0].contains(&port.to_string()) && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

fn connections_that_hang_time_out_and_are_made_anew(store: &Candidate) {
    let server = started(store.declared.name);
    let (proxy, address) = behind_a_proxy(&server);
    let run = Storebench::run(&RUN).store(&address).args(&["--duration", "5s"]);
    let began = Instant::now();
    let ran = run.troubled(|| proxy.be(Manner::Silent, Duration::from_millis(1_500)));
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    ran.counts_add_up();
    assert!(failures(&ran, "timeout") >= 4, "each client met the silence: {}", ran.stdout);
    assert!(ns(&ran.first_run()["client"]["reconnects"]) >= 4, "{}", ran.first_run()["client"]);
    assert!(ran.stdout.contains("connections broke"), "{}", ran.stdout);
    no_check_failed(&ran);
}

fn a_reply_cut_in_half_is_a_broken_connection_and_no_answer(store: &Candidate) {
    let server = started(store.declared.name);
    let (proxy, address) = behind_a_proxy(&server);
    let run = Storebench::run(&RUN).store(&address).args(&["--duration", "5s"]);
    let ran = run.troubled(|| proxy.be(Manner::Cut, Duration::from_millis(300)));
    ran.counts_add_up();
    assert!(failures(&ran, "unavailable") >= 1, "{}", ran.stdout);
    assert_eq!(failures(&ran, "timeout"), 0, "a closed connection is noticed at once: {}", ran.stdout);
    assert!(ns(&ran.first_run()["client"]["reconnects"]) >= 1);
    no_check_failed(&ran);
}

fn the_first_failure_ends_a_run_that_is_to_stop(store: &Candidate) {
    let server = started(store.declared.name);
    let (proxy, address) = behind_a_proxy(&server);
    let run = Storebench::run(&RUN).store(&address).args(&["--duration", "90s", "--on-error", "stop"]);
    let began = Instant::now();
    let ran = run.troubled(|| proxy.be(Manner::Closed, Duration::from_millis(500)));
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stdout.contains("INVALID: stopped at the first failure"), "{}", ran.stdout);
    no_check_failed(&ran);
}

fn a_server_that_is_paused_shows_in_the_response_times_of_an_open_loop(store: &Candidate) {
    let server = started(store.declared.name);
    let args = [&RUN[..7], &["--duration", "5s", "--rate", "200", "--timeout", "10s"]].concat();
    let ran = Storebench::run(&args).store(&server.address).troubled(|| {
        send(&server.pids(), "STOP");
        std::thread::sleep(Duration::from_secs(2));
        send(&server.pids(), "CONT");
    });
    let run = ran.first_run();
    assert!(ns(&run["total"]["response_ns"]["max"]) >= 1_500_000_000, "{}", ran.stdout);
    assert_eq!(ns(&run["counts"]["failed"]), 0, "{}", ran.stdout);
    no_check_failed(&ran);
}

fn send(pids: &[i32], signal: &str) {
    for pid in pids {
        let sent = std::process::Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal} to {pid}");
    }
}

fn settings_that_are_weakened_in_mid_run_make_it_invalid() {
    let server = started(QUICK);
    let ran = Storebench::run(&RUN).args(&["--duration", "3s"]).store(&server.address).troubled(|| {
        let password = server.address.split([':', '@']).nth(2).expect("a password");
        let set = ["--no-auth-warning", "-a", password, "-p", &server.port().to_string(), "config", "set"];
        let set = std::process::Command::new("redis-cli").args(set).args(["appendfsync", "no"]).output();
        let set = set.expect("redis-cli");
        assert!(String::from_utf8_lossy(&set.stdout).contains("OK"), "{set:?}");
    });
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stdout.contains("the store was durable before the run and is relaxed after it"), "{}", ran.stdout);
}

fn a_server_that_crashes_and_comes_back_has_all_that_it_acknowledged(store: &Candidate) {
    let mut server = started(store.declared.name);
    let run = Storebench::run(&RUN[..7]).store(&server.address).args(&["--duration", "8s", "--timeout", "5s"]);
    let ran = run.troubled(|| server.crash().unwrap_or_else(|failure| panic!("{failure}")));
    ran.counts_add_up();
    assert!(failures(&ran, "unavailable") >= 1, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ns(&ran.first_run()["client"]["reconnects"]) >= 1, "{}", ran.stdout);
    no_check_failed(&ran);
}

fn a_server_that_stays_away_ends_the_run() {
    let server = started(QUICK);
    let (proxy, address) = behind_a_proxy(&server);
    let run = Storebench::run(&RUN).store(&address).args(&["--duration", "120s"]);
    let began = Instant::now();
    let ran = run.troubled(|| proxy.be(Manner::Closed, Duration::from_secs(40)));
    assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stdout.contains("INVALID: given up after 30 s without a connection"), "{}", ran.stdout);
    // What was measured before is there.
    assert!(ns(&ran.first_run()["counts"]["succeeded"]) > 0);
}

/// With data enough to be in the middle of something in every phase.
const LARGER: [&str; 9] = ["ycsb-a", "--records", "10000", "--clients", "4", "--warmup", "0s", "--timeout", "1s"];

/// Starts a run, waits until it says that a phase has begun, and makes trouble. Its exit code, what it said after that and
/// how long it took.
fn troubled_in(phase: &str, run: &Storebench, trouble: impl FnOnce(&Child)) -> (Option<i32>, String, Duration) {
    let mut child = run.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut reported = String::new();
    while !reported.ends_with(&format!(": {phase}\n")) && stderr.read_line(&mut reported).expect("text") > 0 {}
    let began = Instant::now();
    trouble(&child);
    stderr.read_to_string(&mut reported).expect("text");
    (child.wait().expect("it ends").code(), reported, began.elapsed())
}

fn a_server_that_falls_silent_while_it_settles_is_given_up_with_the_phase_and_its_limit(store: &Candidate) {
    let server = started(store.declared.name);
    let (proxy, address) = behind_a_proxy(&server);
    let run = Storebench::run(&LARGER).store(&address).args(&["--phase-timeout", "2s"]);
    let (code, reported, took) = troubled_in("settle", &run, |_| proxy.be(Manner::Silent, Duration::from_millis(500)));
    let error = reported.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{reported}"));
    // The limit of the phase, or that of a connection, for a driver that connects anew in it.
    let limits = [(" 2s", "raise --phase-timeout"), (" 1s", "raise --timeout")];
    assert!(limits.iter().any(|(limit, flag)| error.contains(limit) && error.contains(flag)), "{reported}");
    let phases = ["settling failed: ", "reading back the load failed: "];
    assert!(phases.iter().any(|phase| error.contains(phase)), "{reported}");
    assert_eq!(code, Some(3), "{reported}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

fn a_signal_ends_a_run_whose_server_is_silent_within_seconds() {
    for phase in ["load", "settle", "measure", "check"] {
        let server = started(QUICK);
        let (proxy, address) = behind_a_proxy(&server);
        let run = Storebench::run(&LARGER).store(&address).args(&["--duration", "1s"]);
        let proxy = std::sync::Arc::new(proxy);
        let silent = std::sync::Arc::clone(&proxy);
        let (ended, reported, took) = troubled_in(phase, &run, |child| {
            std::thread::spawn(move || silent.be(Manner::Silent, Duration::from_secs(60)));
            std::thread::sleep(Duration::from_millis(300));
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("sent");
        });
        assert_eq!(ended, Some(3), "{phase}: {reported}");
        assert!(took < Duration::from_secs(25), "{phase}: {took:?}: {reported}");
        let left = ["still in the store", "still be in the store"].iter().any(|words| reported.contains(words));
        assert!(left || phase == "check" || phase == "measure", "{phase}: {reported}");
    }
}
