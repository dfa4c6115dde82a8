//! The real binary on the real servers: every headline workload on every store, tiers, kept data, and no trace left.
//!
//! A server that cannot be started fails these tests. They are short: what is asked is whether figures may be trusted,
//! not what they are. Run by scripts/test.

mod common;
#[path = "common/servers.rs"]
mod servers;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use common::{Ran, Storebench, ns, read_record};
use drivers::Durability;
use serde_json::Value;
use servers::started;

/// Every store that keeps data and is not part of the suite.
const STORES: [&str; 5] = ["libsql", "libsql-server", "postgres", "redis", "mongodb"];
/// Those of them that are servers.
const SERVERS: [&str; 4] = ["libsql-server", "postgres", "redis", "mongodb"];
const HEADLINE: [&str; 4] = ["read-heavy", "oltp", "append-only", "time-series"];
const SHORT: [&str; 6] = ["--records", "300", "--warmup", "200ms", "--duration", "1s"];

fn on_all_stores(run: Storebench) -> Storebench {
    STORES.iter().fold(run, |run, store| run.store(store))
}

fn runs(record: &Value) -> &Vec<Value> {
    record["runs"].as_array().expect("runs")
}

/// All checks passed, none undecided, and no operation failed.
fn is_reconciled(run: &Value) {
    let checks = run["checks"].as_array().expect("checks");
    assert!(!checks.is_empty(), "{}", run["id"]);
    for check in checks {
        assert!(check["passed"] == true, "{}: {check}", run["id"]);
    }
    assert_eq!(ns(&run["counts"]["failed"]), 0, "{}: {}", run["id"], run["operations"]);
    assert_eq!(run["verdict"]["valid"], true, "{}: {}", run["id"], run["verdict"]);
}

#[test]
fn every_headline_workload_is_measured_and_reconciled_on_every_store() {
    let ran = on_all_stores(Storebench::run(&HEADLINE).args(&SHORT)).expect_exit(0);
    let record = ran.record();
    assert_eq!(runs(&record).len(), HEADLINE.len() * STORES.len());
    for run in runs(&record) {
        is_reconciled(run);
        assert_eq!(run["store"]["guarantees"]["durability"], "durable", "{}", run["id"]);
        let is_server = run["store"]["placement"] == "remote";
        assert_eq!(run["server_cpu_ns_per_op"].is_number(), is_server, "{}", run["id"]);
        assert!(!is_server || run["timeline"][1]["server"]["memory_bytes"].is_number(), "{}", run["timeline"]);
        let bindings = run["store"]["bindings"].as_object().expect("bindings").values();
        for binding in bindings.flat_map(|steps| steps.as_array().expect("steps")) {
            assert_eq!(ns(&binding["round_trips"]) > 0, is_server, "{}: {binding}", run["id"]);
        }
    }
    for workload in HEADLINE {
        let of_workload = || runs(&record).iter().filter(|run| run["workload"]["name"] == workload);
        let differing = |pointer: &str| {
            let values = of_workload().map(|run| run.pointer(pointer).expect("a value").to_string());
            values.collect::<BTreeSet<String>>()
        };
        assert_eq!(differing("/workload/stream_hash").len(), 1, "{workload}: all stores are asked the same");
        assert_eq!(differing("/loading/digests").len(), 1, "{workload}: all stores hold the same after the load");
    }
    let (_, table) = ran.stdout.split_once("All durable stores").expect("one table of all stores");
    for store in STORES {
        let rows = table.lines().filter(|line| line.split_whitespace().nth(1) == Some(store)).count();
        assert_eq!(rows, HEADLINE.len(), "{store}: {table}");
    }
}

#[test]
fn the_standard_workloads_run_on_every_store() {
    let names = ["ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-e", "ycsb-f", "tpcb"];
    let run = Storebench::run(&names).args(&["--ops", "300", "--warmup", "0s", "--records", "300"]);
    let ran = on_all_stores(run.args(&["--durability", "memory"])).expect_exit(0);
    runs(&ran.record()).iter().for_each(is_reconciled);
}

#[test]
fn money_is_conserved_under_contention() {
    // Few accounts and many clients, so that transactions meet.
    let run = Storebench::run(&["oltp"]).args(&["--records", "20", "--clients", "8", "--warmup", "0s"]);
    let ran = on_all_stores(run.args(&["--duration", "3s", "--max-retries", "1000"])).expect_exit(0);
    runs(&ran.record()).iter().for_each(is_reconciled);
}

/// Whoever takes when there is none logs it and is refused, while another client puts one back. More is taken than given,
/// so that none is there sooner or later.
const LAST_ONE: &str = r#"
about = "a batch that is refused while somebody takes the reason away"
[tables.shelf]
records = 1
fields = { stock = { int = 0 } }
[logs.tries]
streams = 1
events = 0
fields = { by = { text = ["x"] } }
[operations.take]
weight = 80
do = "batch"
steps = [
    { do = "append", log = "tries", key = "uniform" },
    { do = "bump", table = "shelf", key = "uniform", field = "stock", by = -1, floor = 0 },
]
[operations.give]
weight = 20
do = "bump"
table = "shelf"
key = "uniform"
field = "stock"
by = 1
"#;

#[test]
fn a_refused_batch_is_done_once_whoever_comes_between() {
    let run = Storebench::run(&["last-one.toml", "--clients", "4", "--warmup", "0s", "--duration", "2s"]);
    let run = run.file("last-one.toml", LAST_ONE).args(&["--durability", "memory"]);
    for run in runs(&on_all_stores(run).expect_exit(0).record()) {
        assert!(ns(&run["operations"]["take"]["refused"]) > 0, "{}", run["id"]);
        let of_events = |check: &&Value| check["name"].as_str().is_some_and(|name| name.starts_with("tries:"));
        let checks: Vec<&Value> = run["checks"].as_array().expect("checks").iter().filter(of_events).collect();
        assert!(checks.len() == 3 && checks.iter().all(|check| check["passed"] == true), "{}: {checks:?}", run["id"]);
    }
}

#[test]
fn every_layout_holds_the_same_data_and_is_reconciled() {
    let layouts = ["postgres", "postgres?layout=children", "redis?layout=json", "mongodb?series=timeseries"];
    let run = Storebench::run(&["oltp", "read-heavy", "time-series"]).args(&SHORT).args(&["--durability", "memory"]);
    let record = layouts.iter().fold(run, |run, store| run.store(store)).expect_exit(0).record();
    for of_one_workload in runs(&record).chunks(layouts.len()) {
        for (run, store) in of_one_workload.iter().zip(layouts) {
            is_reconciled(run);
            assert_eq!(run["store"]["name"], store);
            assert_eq!(run["loading"]["digests"], of_one_workload[0]["loading"]["digests"], "{store}");
        }
    }
}

#[test]
fn every_tier_is_read_back_from_the_store() {
    for tier in ["durable", "relaxed", "memory"] {
        let run = Storebench::run(&["ycsb-a"]).args(&["--ops", "200", "--warmup", "0s", "--records", "100"]);
        let ran = on_all_stores(run.args(&["--durability", tier])).expect_exit(0);
        for run in runs(&ran.record()) {
            assert_eq!(run["store"]["guarantees"]["durability"], tier, "{}: {}", run["id"], run["store"]["guarantees"]);
        }
    }
}

#[test]
fn a_server_that_promises_less_than_asked_is_refused_with_the_setting() {
    for (store, setting) in [("redis", "append"), ("postgres", "fsync")] {
        let server = started(store, Durability::Memory);
        let ran = Storebench::run(&["ycsb-c"]).args(&SHORT).store(&server.address).expect_exit(2);
        assert!(ran.stderr.contains(setting) && ran.stderr.contains("--durability memory"), "{}", ran.stderr);
    }
}

#[test]
fn kept_data_is_reused_while_it_is_what_was_loaded() {
    for store in SERVERS {
        let server = started(store, Durability::Durable);
        let run = |workload: &str, flags: &[&str]| {
            Storebench::run(&[workload]).args(&SHORT).args(flags).store(&server.address).expect_exit(0)
        };
        let reused = |ran: &Ran| ran.first_run()["loading"]["reused"] == true;
        let (loaded, again) = (run("ycsb-c", &["--keep"]), run("ycsb-c", &["--reuse"]));
        assert!(!reused(&loaded) && reused(&again), "{store}: {}", again.stderr);
        assert!(again.stderr.contains("reuse the kept data"), "{store}: {}", again.stderr);
        assert_eq!(loaded.first_run()["loading"]["digests"], again.first_run()["loading"]["digests"], "{store}");
        let other_seed = run("ycsb-c", &["--reuse", "--seed", "7"]);
        assert!(!reused(&other_seed), "{store}: another seed is other data");
        let (written, changed) = (run("ycsb-a", &["--keep"]), run("ycsb-a", &["--reuse"]));
        assert!(!reused(&written) && !reused(&changed), "{store}: what a run has changed is loaded anew");
        assert!(changed.stderr.contains("has changed"), "{store}: {}", changed.stderr);
        is_reconciled(&changed.first_run());
    }
}

#[test]
fn a_refused_run_leaves_kept_data_alone() {
    // MongoDB's tier is its clients' own: no server refuses them.
    for store in ["libsql-server", "postgres", "redis"] {
        let server = started(store, Durability::Memory);
        let run = |flags: &[&str]| Storebench::run(&["ycsb-c"]).args(&SHORT).args(flags).store(&server.address);
        run(&["--durability", "memory", "--keep"]).expect_exit(0);
        run(&["--durability", "durable", "--keep"]).expect_exit(2);
        let again = run(&["--durability", "memory", "--reuse"]).expect_exit(0);
        assert_eq!(again.first_run()["loading"]["reused"], true, "{store}: {}", again.stderr);
        assert!(again.stdout.contains("the data of an earlier run was used again"), "{store}: {}", again.stdout);
    }
}

#[test]
fn what_is_thrown_away_cannot_be_kept() {
    for store in ["redis", "libsql"] {
        let ran = Storebench::run(&["ycsb-c"]).args(&["--keep"]).store(store).expect_exit(2);
        assert!(ran.stderr.contains("--keep") && ran.stderr.contains(store), "{}", ran.stderr);
    }
}

#[test]
fn a_password_is_written_nowhere() {
    for store in ["postgres", "redis"] {
        let server = started(store, Durability::Durable);
        let password = server.address.split([':', '@']).nth(2).expect("store://user:password@host");
        assert_eq!(password.len(), 32, "{store}");
        let ran = Storebench::run(&["ycsb-a"]).args(&SHORT).args(&["--keep"]).store(&server.address).expect_exit(0);
        assert!(!ran.stdout.contains(password) && !ran.stderr.contains(password));
        let adr = std::process::Command::new(env!("CARGO_BIN_EXE_storebench"))
            .args(["report", "--adr"])
            .arg(ran.path("out"))
            .output();
        assert!(!String::from_utf8_lossy(&adr.expect("a report").stdout).contains(password));
        for file in files(&ran.path("out")) {
            let content = std::fs::read(&file).expect("a file");
            assert!(!content.windows(32).any(|part| part == password.as_bytes()), "{}", file.display());
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_program_that_is_missing_says_how_to_get_it() {
    let run = Storebench::run(&["ycsb-c"]).store("mongodb");
    let output = run.command().env("PATH", "/nowhere").env("STOREBENCH_SERVERS", "/nowhere").output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for word in ["mongod", "Debian", "macOS", "Docker", "STOREBENCH_MONGOD_BIN"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert_eq!(told.lines().filter(|line| line.starts_with("error:")).count(), 1, "{told}");
}

#[test]
fn two_suites_at_once_do_not_meet() {
    std::thread::scope(|scope| {
        for seed in ["1", "2"] {
            scope.spawn(move || {
                let run = SERVERS.iter().fold(Storebench::run(&["ycsb-a"]).args(&SHORT), |run, store| run.store(store));
                let ran = run.args(&["--seed", seed]).expect_exit(0);
                runs(&ran.record()).iter().for_each(is_reconciled);
            });
        }
    });
}

#[test]
fn ctrl_c_keeps_what_was_measured_and_leaves_no_server() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir_in("/var/tmp").expect("a folder");
    // PostgreSQL runs as another user, who must get at the folder.
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o1777)).expect("permissions");
    for store in SERVERS {
        let out = tempfile::tempdir().expect("a folder");
        let run = Storebench::new(&["run", "ycsb-a", "--records", "300", "--warmup", "0s", "--duration", "60s"]);
        let run = run.args(&["--out", &out.path().display().to_string()]).store(store);
        let mut command = run.command();
        let mut child =
            command.env("TMPDIR", scratch.path()).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
        let mut told = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.ends_with(": measure\n") && std::io::BufRead::read_line(&mut told, &mut line).expect("text") > 0 {}
        std::thread::sleep(Duration::from_millis(1_500));
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", "INT", &pid]).status().expect("kill").success());
        assert_eq!(child.wait().expect("it ends").code(), Some(3), "{store}");
        let record = read_record(out.path());
        assert_eq!(record["interrupted"], true, "{store}");
        assert!(ns(&runs(&record)[0]["counts"]["succeeded"]) > 0, "{store}");
        assert_eq!(std::fs::read_dir(scratch.path()).expect("the folder").count(), 0, "{store} left its folder");
    }
}

#[test]
fn check_tells_what_each_store_promises() {
    let ran = Storebench::new(&["check"]).args(&STORES).expect_exit(0);
    for store in STORES {
        assert!(ran.stdout.contains(&format!("{store}: usable, durable")), "{}", ran.stdout);
    }
    let nobody = Storebench::new(&["check", "redis://127.0.0.1:1"]).expect_exit(2);
    assert!(nobody.stdout.contains("cannot be used"), "{}", nobody.stdout);
}
