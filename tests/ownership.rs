//! Who owns the data in a store: two runs at once, runs that die or are stopped at any instant, markers that disappear, and
//! what `storebench clean` makes of what is left. Real servers, the real binary. Run by scripts/test.

mod common;
#[path = "common/proxy.rs"]
mod proxy;
#[path = "common/servers.rs"]
mod servers;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Ran, Storebench};
use drivers::Durability;
use drivers::server::Server;
use proxy::{Manner, Proxy};
use servers::started;

const SERVERS: [&str; 4] = ["redis", "postgres", "mongodb", "libsql-server"];

/// A store that several runs may name: a server, or a file of libSQL in a folder.
struct Place {
    address: String,
    server: Option<Server>,
    _folder: Option<tempfile::TempDir>,
}

fn places() -> impl Iterator<Item = Place> {
    let file = || {
        let folder = tempfile::tempdir().expect("a folder");
        let address = format!("libsql:{}", folder.path().join("data.db").display());
        Place { address, server: None, _folder: Some(folder) }
    };
    let server = |store| {
        let server = started(store, Durability::Memory);
        Place { address: server.address.clone(), server: Some(server), _folder: None }
    };
    SERVERS.into_iter().map(server).chain(std::iter::once_with(file))
}

fn run(place: &str, length: &str, flags: &[&str]) -> Storebench {
    let run = Storebench::run(&["ycsb-a", "--records", "300", "--warmup", "0s", "--durability", "memory"]);
    run.args(&["--duration", length]).args(flags).store(place)
}

fn clean(place: &str, flags: &[&str], exit: i32) -> String {
    Storebench::new(&["clean", place]).args(flags).expect_exit(exit).stdout
}

/// `clean` finds nothing, and a file that was not there before the first run is gone.
fn nothing_is_left(place: &str) {
    assert!(clean(place, &[], 0).contains("no run has left anything"), "{place}");
    if let Some(file) = place.strip_prefix("libsql:") {
        let folder = std::path::Path::new(file).parent().expect("a folder");
        let left: Vec<_> = std::fs::read_dir(folder).expect("a folder").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn send(signal: &str, pid: u32) {
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "{signal} to {pid}");
}

/// A run that is killed a second after its measurement has begun.
fn killed(place: &str) {
    let run = run(place, "60s", &[]);
    let mut child = run.command().stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.ends_with(": measure\n") && std::io::BufRead::read_line(&mut stderr, &mut line).expect("text") > 0 {}
    std::thread::sleep(Duration::from_secs(1));
    child.kill().expect("killed");
    child.wait().expect("ended");
}

fn is_valid(ran: &Ran) {
    let verdict = &ran.first_run()["verdict"];
    assert_eq!(verdict["valid"], true, "{verdict}");
}

#[test]
fn a_later_run_is_refused_while_the_first_one_lives() {
    for place in places() {
        let address = &place.address;
        let first = run(address, "15s", &[]).troubled(|| {
            let second = run(address, "1s", &["--keep"]).expect_exit(2);
            let errors: Vec<&str> = second.stderr.lines().filter(|line| line.starts_with("error:")).collect();
            assert_eq!(errors.len(), 1, "{}", second.stderr);
            assert!(errors[0].contains("is used by another run of storebench"), "{address}: {}", second.stderr);
            assert!(clean(address, &[], 3).contains("is used by another run"), "{address}");
        });
        assert_eq!(first.code, 0, "{address}: {}{}", first.stdout, first.stderr);
        is_valid(&first);
        nothing_is_left(address);
    }
}

#[test]
fn what_a_dead_run_has_left_is_taken_over_or_cleaned() {
    for place in places() {
        let address = &place.address;
        killed(address);
        is_valid(&run(address, "1s", &[]).expect_exit(0));
        // A file that was there before the second run stays.
        assert!(clean(address, &[], 0).contains("no run has left anything"), "{address}");
        killed(address);
        assert!(clean(address, &["--dry-run"], 3).contains("would be removed"), "{address}");
        assert!(clean(address, &[], 0).contains(": removed"), "{address}");
        assert!(clean(address, &[], 0).contains("no run has left anything"), "{address}");
    }
}

#[test]
fn kept_data_of_a_file_is_reused_and_cleaned() {
    let place = places().last().expect("the file");
    let kept = |flags: &[&str]| {
        let run = Storebench::run(&["ycsb-c", "--records", "300", "--warmup", "0s", "--duration", "1s"]);
        run.args(flags).store(&place.address).expect_exit(0)
    };
    kept(&["--keep"]);
    let again = kept(&["--reuse"]);
    assert_eq!(again.first_run()["loading"]["reused"], true, "{}", again.stderr);
    assert!(clean(&place.address, &[], 0).contains("removed"));
    assert!(clean(&place.address, &[], 0).contains("no run has left anything"));
}

fn redis(server: &Server, command: &[&str]) -> String {
    let password = server.address.split([':', '@']).nth(2).expect("a password");
    let port = server.port().to_string();
    let output =
        Command::new("redis-cli").args(["--no-auth-warning", "-a", password, "-p", &port]).args(command).output();
    String::from_utf8_lossy(&output.expect("redis-cli").stdout).trim().to_owned()
}

#[test]
fn a_marker_that_disappears_makes_the_run_invalid_and_what_is_left_is_reported() {
    let place = places().next().expect("redis");
    let server = place.server.as_ref().expect("a server");
    let ran = run(&place.address, "8s", &[]).troubled(|| assert_eq!(redis(server, &["DEL", "storebench:ycsb-a"]), "1"));
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stdout.contains("the marker of this run is gone"), "{}", ran.stdout);
    let notes = ran.first_run()["verdict"]["notes"].to_string();
    assert!(notes.contains("left alone") && notes.contains("storebench clean redis://"), "{notes}");
    assert!(redis(server, &["DBSIZE"]).parse::<u64>().expect("a number") > 300, "they may be somebody's");
    let refused = run(&place.address, "1s", &[]).expect_exit(2);
    assert!(refused.stderr.contains("storebench clean --force"), "{}", refused.stderr);
    assert!(clean(&place.address, &[], 3).contains("--force removes it"));
    assert!(clean(&place.address, &["--force"], 0).contains("removed"));
    assert_eq!(redis(server, &["DBSIZE"]), "0");
}

#[test]
fn keys_that_the_server_evicts_are_named_as_the_cause() {
    let place = places().next().expect("redis");
    let server = place.server.as_ref().expect("a server");
    let ran = run(&place.address, "4s", &[]).troubled(|| {
        redis(server, &["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
        redis(server, &["CONFIG", "SET", "maxmemory", "1"]);
        let evicts = || {
            redis(server, &["INFO", "stats"])
                .lines()
                .any(|line| line.trim().strip_prefix("evicted_keys:").is_some_and(|count| count != "0"))
        };
        let began = Instant::now();
        while !evicts() {
            assert!(began.elapsed() < Duration::from_secs(10), "nothing is evicted");
        }
        redis(server, &["CONFIG", "SET", "maxmemory", "1gb"]);
    });
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stdout.contains("evicted") && ran.stdout.contains("allkeys-random"), "{}", ran.stdout);
    clean(&place.address, &["--force"], 0);
    assert_eq!(redis(server, &["DBSIZE"]), "0");
}

/// A pseudo-random sequence (SplitMix64), so that the instants are the same each time.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn a_run_that_is_stopped_at_any_instant_leaves_nothing() {
    let instants: u32 = std::env::var("STOREBENCH_TEST_INSTANTS").map_or(12, |text| text.parse().expect("a number"));
    let mut state = 17;
    for store in ["redis", "postgres", "mongodb"] {
        let server = started(store, Durability::Memory);
        let proxy = Proxy::before(server.port());
        proxy.stay(Manner::Slow);
        let slow = server.address.replace(&server.port().to_string(), &proxy.port.to_string());
        for instant in 0..instants {
            let wait = Duration::from_millis(next(&mut state) % 6_000);
            let run = run(&slow, "1s", &[]);
            let mut child =
                run.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
            std::thread::sleep(wait);
            if child.try_wait().expect("a status").is_none() {
                send("INT", child.id());
            }
            let stderr = child.wait_with_output().expect("it ends").stderr;
            let left = Storebench::new(&["clean", "--dry-run", &server.address]).ran().stdout;
            let stderr = String::from_utf8_lossy(&stderr);
            assert!(left.contains("no run has left anything"), "{store}, {instant}, {wait:?}: {left}\n{stderr}");
        }
    }
}
