//! The real binary on the real servers: every headline workload on every store, tiers, kept data, and no trace left.
//!
//! A trial is a test on a store, `redis::the_standard_workloads_run`; those that take several are by themselves. A server
//! that cannot be started fails them. They are short: what is asked is whether figures may be trusted, not what they are.
//! Run by scripts/test.

mod common;
#[path = "common/servers.rs"]
mod servers;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use common::{Ran, Storebench, ns, read_record};
use drivers::{Capability, Durability, Placement};
use libtest_mimic::Arguments;
use serde_json::Value;
use servers::{Candidate, named, real_stores, started, trial};

const HEADLINE: [&str; 4] = ["read-heavy", "oltp", "append-only", "time-series"];
const SHORT: [&str; 6] = ["--records", "300", "--warmup", "200ms", "--duration", "1s"];

fn main() -> ExitCode {
    let of_stores = named![
        the_headline_workloads_are_measured_and_reconciled,
        the_standard_workloads_run,
        money_is_conserved_under_contention,
        a_refused_batch_is_done_once_whoever_comes_between,
        every_tier_is_read_back,
        check_tells_what_it_promises,
    ];
    let of_layouts = named![it_holds_the_same_data_and_is_reconciled];
    let of_servers = named![
        kept_data_is_reused_while_it_is_what_was_loaded,
        a_password_is_written_nowhere,
        two_suites_at_once_do_not_meet,
        ctrl_c_keeps_what_was_measured_and_leaves_no_server,
        one_that_is_not_there_cannot_be_used,
    ];
    // Where clients ask for durability with each write, no server is set for less.
    let set_servers: Vec<Candidate> =
        servers::servers().into_iter().filter(|store| !store.declared.clients_choose_durability).collect();
    let of_set_servers = named![one_that_promises_less_than_asked_is_refused_with_the_setting_and_left_alone];
    // Where installers have a folder of their own, a program cannot be made missing by an empty PATH.
    let mut path_servers = servers::servers();
    path_servers.retain(|store| store.declared.program.is_some_and(|program| program.folders.is_empty()));
    assert!(!path_servers.is_empty(), "a server that is searched for in PATH alone");
    let of_path_servers = named![a_program_that_is_missing_says_how_to_get_it];
    let mut trials = vec![
        trial("all_durable_stores_stand_in_one_table", all_durable_stores_stand_in_one_table),
        trial("what_is_thrown_away_cannot_be_kept", what_is_thrown_away_cannot_be_kept),
    ];
    trials.extend(servers::trials(&real_stores(), &of_stores));
    trials.extend(servers::trials(&servers::further_layouts(), &of_layouts));
    trials.extend(servers::trials(&servers::servers(), &of_servers));
    trials.extend(servers::trials(&set_servers, &of_set_servers));
    trials.extend(servers::trials(&path_servers, &of_path_servers));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn runs(record: &Value) -> &Vec<Value> {
    record["runs"].as_array().expect("runs")
}

/// What `memory` was asked in a headline workload, and what it held after the load.
fn reference(workload: &str) -> &'static Value {
    static RECORD: OnceLock<Value> = OnceLock::new();
    let measured = || Storebench::run(&HEADLINE).args(&SHORT).args(&["--store", "memory"]).expect_exit(0).record();
    let of_workload = |run: &&Value| run["workload"]["name"] == workload;
    runs(RECORD.get_or_init(measured)).iter().find(of_workload).expect("a headline workload")
}

/// Every store is asked the same, and holds the same after the load.
fn is_as_in_memory(run: &Value) {
    let reference = reference(run["workload"]["name"].as_str().expect("a name"));
    for pointer in ["/workload/stream_hash", "/loading/digests"] {
        let value = run.pointer(pointer).expect("a value");
        assert_eq!(Some(value), reference.pointer(pointer), "{}: {pointer}", run["id"]);
    }
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

fn the_headline_workloads_are_measured_and_reconciled(store: &Candidate) {
    let record = Storebench::run(&HEADLINE).args(&SHORT).store(store.address()).expect_exit(0).record();
    assert_eq!(runs(&record).len(), HEADLINE.len());
    for run in runs(&record) {
        is_reconciled(run);
        is_as_in_memory(run);
        let is_remote = store.declared.placement == Placement::Remote;
        assert_eq!(run["store"]["guarantees"]["durability"], store.declared.best_durability.name(), "{}", run["id"]);
        assert_eq!(run["server_cpu_ns_per_op"].is_number(), store.is_started(), "{}", run["id"]);
        let has_memory = run["timeline"][1]["server"]["memory_bytes"].is_number();
        assert!(!store.is_started() || has_memory, "{}", run["timeline"]);
        let bindings = run["store"]["bindings"].as_object().expect("bindings").values();
        for binding in bindings.flat_map(|steps| steps.as_array().expect("steps")) {
            assert_eq!(ns(&binding["round_trips"]) > 0, is_remote, "{}: {binding}", run["id"]);
        }
    }
}

fn all_durable_stores_stand_in_one_table() {
    let is_durable = |store: &Candidate| store.declared.best_durability == Durability::Durable;
    let stores: Vec<Candidate> =
        real_stores().into_iter().filter(|store| is_durable(store) && store.has_address()).collect();
    let run = Storebench::run(&["read-heavy"]).args(&SHORT);
    let ran = stores.iter().fold(run, |run, store| run.store(store.address())).expect_exit(0);
    let (_, table) = ran.stdout.split_once("All durable stores").expect("one table of all stores");
    for store in stores {
        let rows = table.lines().filter(|line| line.split_whitespace().nth(1) == Some(store.address())).count();
        assert_eq!(rows, 1, "{}: {table}", store.name);
    }
}

fn the_standard_workloads_run(store: &Candidate) {
    const SMALL: [&str; 8] = ["--ops", "300", "--warmup", "0s", "--records", "300", "--durability", "memory"];
    let names = ["ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-e", "ycsb-f", "tpcb-pipelined", "tpcb-select-only"];
    let ran = Storebench::run(&names).args(&SMALL).store(store.address()).expect_exit(0);
    runs(&ran.record()).iter().for_each(is_reconciled);
    let interactive = Storebench::run(&["tpcb", "tpcb-simple-update"]).args(&SMALL).store(store.address());
    if !store.declared.capabilities.meets(Capability::Interactive.into()) {
        let refused = interactive.expect_exit(2).stderr;
        let expected = "lacks interactive transactions (operation `tpcb-like` in workload tpcb); leave out";
        return assert!(refused.contains(expected), "{refused}");
    }
    let record = interactive.expect_exit(0).record();
    for (run, statements) in runs(&record).iter().zip([7, 5]) {
        is_reconciled(run);
        let bindings = run["store"]["bindings"].as_object().expect("bindings").values().next().expect("one operation");
        let is_remote = store.declared.placement == Placement::Remote;
        // A transaction may begin with its first command, and is within the process where nothing is sent.
        let expected = if is_remote { statements - 1..=statements } else { 0..=0 };
        assert!(expected.contains(&ns(&bindings[0]["round_trips"])), "{bindings}");
        assert_eq!(bindings[0]["transaction"] == "interactive", is_remote, "{bindings}");
    }
}

fn money_is_conserved_under_contention(store: &Candidate) {
    // Few accounts and many clients, so that transactions meet.
    let run = Storebench::run(&["oltp"]).args(&["--records", "20", "--clients", "8", "--warmup", "0s"]);
    let ran = run.args(&["--duration", "3s", "--max-retries", "1000"]).store(store.address()).expect_exit(0);
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

fn a_refused_batch_is_done_once_whoever_comes_between(store: &Candidate) {
    let run = Storebench::run(&["last-one.toml", "--clients", "4", "--warmup", "0s", "--duration", "2s"]);
    let run = run.file("last-one.toml", LAST_ONE).args(&["--durability", "memory"]).store(store.address());
    let run = run.expect_exit(0).first_run();
    assert!(ns(&run["operations"]["take"]["refused"]) > 0, "{}", run["operations"]);
    let of_events = |check: &&Value| check["name"].as_str().is_some_and(|name| name.starts_with("tries:"));
    let checks: Vec<&Value> = run["checks"].as_array().expect("checks").iter().filter(of_events).collect();
    assert!(checks.len() == 3 && checks.iter().all(|check| check["passed"] == true), "{checks:?}");
}

fn it_holds_the_same_data_and_is_reconciled(layout: &Candidate) {
    let run = Storebench::run(&["oltp", "read-heavy", "time-series"]).args(&SHORT).args(&["--durability", "memory"]);
    for run in runs(&run.store(layout.address()).expect_exit(0).record()) {
        is_reconciled(run);
        is_as_in_memory(run);
        assert_eq!(run["store"]["name"], layout.address());
    }
}

fn every_tier_is_read_back(store: &Candidate) {
    for tier in [Durability::Durable, Durability::Relaxed, Durability::Memory] {
        if tier > store.declared.best_durability {
            continue;
        }
        let run = Storebench::run(&["ycsb-a"]).args(&["--ops", "200", "--warmup", "0s", "--records", "100"]);
        let run = run.args(&["--durability", tier.name()]).store(store.address()).expect_exit(0).first_run();
        assert_eq!(run["store"]["guarantees"]["durability"], tier.name(), "{}", run["store"]["guarantees"]);
    }
}

fn kept_data_is_reused_while_it_is_what_was_loaded(store: &Candidate) {
    let server = started(store.declared.name, Durability::Durable);
    let run = |workload: &str, flags: &[&str]| {
        Storebench::run(&[workload]).args(&SHORT).args(flags).store(&server.address).expect_exit(0)
    };
    let reused = |ran: &Ran| ran.first_run()["loading"]["reused"] == true;
    let (loaded, again) = (run("ycsb-c", &["--keep"]), run("ycsb-c", &["--reuse"]));
    assert!(!reused(&loaded) && reused(&again), "{}", again.stderr);
    assert!(again.stderr.contains("reuse the kept data"), "{}", again.stderr);
    assert_eq!(loaded.first_run()["loading"]["digests"], again.first_run()["loading"]["digests"]);
    let other_seed = run("ycsb-c", &["--reuse", "--seed", "7"]);
    assert!(!reused(&other_seed), "another seed is other data");
    let (written, changed) = (run("ycsb-a", &["--keep"]), run("ycsb-a", &["--reuse"]));
    assert!(!reused(&written) && !reused(&changed), "what a run has changed is loaded anew");
    assert!(changed.stderr.contains("has changed"), "{}", changed.stderr);
    is_reconciled(&changed.first_run());
}

fn one_that_promises_less_than_asked_is_refused_with_the_setting_and_left_alone(store: &Candidate) {
    let server = started(store.declared.name, Durability::Memory);
    let run = |flags: &[&str]| Storebench::run(&["ycsb-c"]).args(&SHORT).args(flags).store(&server.address);
    let kept = run(&["--durability", "memory", "--keep"]).expect_exit(0).first_run();
    let refused = run(&["--durability", "durable", "--keep"]).expect_exit(2).stderr;
    let because = kept["store"]["guarantees"]["because"].as_str().expect("a sentence");
    // The first setting that it names. Others may differ, which sessions set for the tier that is asked.
    let setting = because.split([' ', ',']).find(|word| word.contains('=')).unwrap_or(because);
    assert!(refused.contains(setting) && refused.contains("--durability memory"), "{setting}: {refused}");
    let again = run(&["--durability", "memory", "--reuse"]).expect_exit(0);
    assert_eq!(again.first_run()["loading"]["reused"], true, "{}", again.stderr);
    assert!(again.stdout.contains("the data of an earlier run was used again"), "{}", again.stdout);
}

fn what_is_thrown_away_cannot_be_kept() {
    for store in real_stores().iter().filter(|store| store.has_address() && !store.address().contains("://")) {
        let ran = Storebench::run(&["ycsb-c"]).args(&["--keep"]).store(store.address()).expect_exit(2);
        assert!(ran.stderr.contains("--keep") && ran.stderr.contains(store.address()), "{}", ran.stderr);
    }
}

fn a_password_is_written_nowhere(store: &Candidate) {
    let server = started(store.declared.name, Durability::Durable);
    // Some let in every user of this machine.
    if !server.address.contains('@') {
        return;
    }
    let password = server.address.split([':', '@']).nth(2).expect("store://user:password@host");
    assert_eq!(password.len(), 32);
    let ran = Storebench::run(&["ycsb-a"]).args(&SHORT).args(&["--keep"]).store(&server.address).expect_exit(0);
    assert!(!ran.stdout.contains(password) && !ran.stderr.contains(password));
    let adr = Command::new(env!("CARGO_BIN_EXE_storebench")).args(["report", "--adr"]).arg(ran.path("out")).output();
    assert!(!String::from_utf8_lossy(&adr.expect("a report").stdout).contains(password));
    for file in files(&ran.path("out")) {
        let content = std::fs::read(&file).expect("a file");
        assert!(!content.windows(32).any(|part| part == password.as_bytes()), "{}", file.display());
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn a_program_that_is_missing_says_how_to_get_it(store: &Candidate) {
    let program = store.declared.program.expect("a server's program");
    let run = Storebench::run(&["ycsb-c"]).store(store.declared.name);
    let mut command = run.command();
    let output = command.env("PATH", "/nowhere").env("STOREBENCH_SERVERS", "/nowhere").output().expect("it ends");
    let reported = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{reported}");
    for word in [program.binary, "Debian", "macOS", "Docker", program.variable] {
        assert!(reported.contains(word), "{word}: {reported}");
    }
    assert_eq!(reported.lines().filter(|line| line.starts_with("error:")).count(), 1, "{reported}");
}

fn two_suites_at_once_do_not_meet(store: &Candidate) {
    std::thread::scope(|scope| {
        for seed in ["1", "2"] {
            scope.spawn(move || {
                let run = Storebench::run(&["ycsb-a"]).args(&SHORT).store(store.declared.name);
                is_reconciled(&run.args(&["--seed", seed]).expect_exit(0).first_run());
            });
        }
    });
}

fn ctrl_c_keeps_what_was_measured_and_leaves_no_server(store: &Candidate) {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir_in("/var/tmp").expect("a folder");
    // A server may run as another user, who must get at the folder.
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o1777)).expect("permissions");
    let out = tempfile::tempdir().expect("a folder");
    let run = Storebench::new(&["run", "ycsb-a", "--records", "300", "--warmup", "0s", "--duration", "60s"]);
    let run = run.args(&["--out", &out.path().display().to_string()]).store(store.declared.name);
    let mut command = run.command();
    command.env("TMPDIR", scratch.path()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.ends_with(": measure\n") && std::io::BufRead::read_line(&mut stderr, &mut line).expect("text") > 0 {}
    std::thread::sleep(Duration::from_millis(1_500));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().expect("kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    let record = read_record(out.path());
    assert_eq!(record["interrupted"], true);
    assert!(ns(&runs(&record)[0]["counts"]["succeeded"]) > 0);
    assert_eq!(std::fs::read_dir(scratch.path()).expect("the folder").count(), 0, "its folder is left");
}

fn check_tells_what_it_promises(store: &Candidate) {
    let ran = Storebench::new(&["check", store.address()]).expect_exit(0);
    let best = store.declared.best_durability.name();
    assert!(ran.stdout.contains(&format!("{}: usable, {best}", store.address())), "{}", ran.stdout);
}

fn one_that_is_not_there_cannot_be_used(store: &Candidate) {
    let nobody = format!("{}://127.0.0.1:1", store.declared.schemes[0]);
    let ran = Storebench::new(&["check", &nobody]).expect_exit(2);
    assert!(ran.stdout.contains("cannot be used"), "{}", ran.stdout);
}
