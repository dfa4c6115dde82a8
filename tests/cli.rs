//! The real binary, end to end: what it writes, what it prints, and how it refuses.

mod common;

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use common::{Ran, Storebench, ns, read_record};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use storebench::workload::Workload;

/// Enough of a run to be real, short enough to have many.
const SHORT: [&str; 6] = ["--warmup", "200ms", "--duration", "1s", "--records", "500"];

fn short(workload: &str, store: &str) -> Ran {
    Storebench::run(&[workload]).args(&SHORT).store(store).expect_exit(0)
}

#[test]
fn a_run_leaves_the_files_of_the_contract() {
    let ran = short("oltp", "libsql");
    for file in ["experiment.json", "summary.csv", "timeline.csv", "report.md", "hlog/oltp-libsql-1.hlog"] {
        assert!(ran.path("out").join(file).exists(), "{file} is missing");
    }
    let charts: Vec<String> = std::fs::read_dir(ran.path("out/charts"))
        .expect("charts")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    for kind in ["svg", "png"] {
        assert!(charts.iter().filter(|name| name.ends_with(kind)).count() >= 3, "{charts:?}");
    }
    assert!(ran.stdout.contains("durable"), "the tier is in the table: {}", ran.stdout);
}

#[test]
fn the_record_holds_what_the_contract_promises() {
    let ran = short("oltp", "libsql");
    let record = ran.record();
    for key in ["schema", "tool", "host", "command", "seed", "runs"] {
        assert!(!record[key].is_null(), "{key}");
    }
    let run = &record["runs"][0];
    for pointer in [
        "/workload/name",
        "/workload/hash",
        "/workload/stream_hash",
        "/store/name",
        "/store/driver",
        "/store/version",
        "/store/guarantees/durability",
        "/store/settings/journal_mode",
        "/store/bindings/place-order",
        "/load/mode",
        "/load/clients",
        "/throughput_per_s",
        "/operations/place-order/ok",
        "/operations/place-order/response_ns/max",
        "/operations/place-order/response_ns/intervals/p999/above",
        "/operations/place-order/response_ns/histogram",
        "/total/service_ns/p50",
        "/timeline/0/at_s",
        "/client/cpu_ns_per_op",
        "/footprint/after_load/disk_bytes",
        "/checks/0/passed",
        "/verdict/valid",
    ] {
        assert!(run.pointer(pointer).is_some_and(|value| !value.is_null()), "{pointer} in {run}");
    }
    assert_eq!(run["store"]["guarantees"]["durability"], "durable");
    ran.counts_add_up();
}

#[test]
fn every_headline_workload_runs_and_reconciles_on_the_stores_of_the_suite() {
    for store in ["memory", "sim?latency=50us"] {
        let ran = Storebench::run(&["read-heavy", "oltp", "append-only", "time-series"])
            .args(&["--warmup", "100ms", "--duration", "700ms", "--records", "400"])
            .store(store)
            .expect_exit(0);
        for run in ran.record()["runs"].as_array().expect("runs") {
            let checks = run["checks"].as_array().expect("checks");
            assert!(!checks.is_empty(), "{}: nothing was checked", run["id"]);
            assert!(checks.iter().all(|check| check["passed"] == true), "{}: {checks:?}", run["id"]);
            assert!(ns(&run["counts"]["succeeded"]) > 0);
        }
        ran.counts_add_up();
    }
}

#[test]
fn every_standard_workload_runs_on_libsql() {
    let standard: Vec<&str> = Workload::names().filter(|name| !Workload::HEADLINE.contains(name)).collect();
    let ran = Storebench::run(&standard)
        .args(&["--warmup", "0", "--ops", "400", "--records", "1000"])
        .store("libsql")
        .expect_exit(0);
    let record = ran.record();
    for run in record["runs"].as_array().expect("runs") {
        assert_eq!(ns(&run["counts"]["succeeded"]), 400, "{}", run["id"]);
        assert_eq!(ns(&run["counts"]["failed"]), 0, "{}: {}", run["id"], run["total"]["messages"]);
    }
    let modify = &record["runs"][5]["operations"]["read-modify-write"];
    assert!(ns(&modify["ok"]) > 100, "F counts each read-modify-write once: {modify}");
    ran.counts_add_up();
}

#[test]
fn every_store_gets_the_same_operations_and_holds_the_same_data() {
    let runs: Vec<Value> =
        ["libsql", "memory", "sim?latency=20us"].iter().map(|store| short("read-heavy", store).first_run()).collect();
    for run in &runs[1..] {
        assert_eq!(run["workload"]["stream_hash"], runs[0]["workload"]["stream_hash"]);
        assert_eq!(run["loading"]["digests"], runs[0]["loading"]["digests"]);
    }
    let other = Storebench::run(&["read-heavy", "--seed", "7"]).args(&SHORT).store("memory").expect_exit(0);
    assert_ne!(other.first_run()["workload"]["stream_hash"], runs[0]["workload"]["stream_hash"]);
    assert_ne!(other.first_run()["loading"]["digests"], runs[0]["loading"]["digests"]);
}

#[test]
fn several_stores_and_repetitions_are_interleaved_by_the_seed() {
    let ran = Storebench::run(&["ycsb-c", "--runs", "3", "--warmup", "0", "--ops", "200", "--records", "100"])
        .args(&["--store", "libsql", "--store", "memory"])
        .expect_exit(0);
    let record = ran.record();
    let mut runs: Vec<(&str, &str)> = Vec::new();
    for run in record["runs"].as_array().expect("runs") {
        runs.push((run["started_at"].as_str().expect("an instant"), run["id"].as_str().expect("an id")));
    }
    let asked = |repetition| ["libsql", "memory"].map(|store| format!("ycsb-c-{store}-{repetition}"));
    let ids: Vec<&str> = runs.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids, (1..=3).flat_map(asked).collect::<Vec<_>>(), "listed as asked for");
    runs.sort_unstable();
    let repetitions: Vec<char> = runs.iter().filter_map(|(_, id)| id.chars().last()).collect();
    assert_eq!(repetitions, ['1', '1', '2', '2', '3', '3'], "{runs:?}");
    let first: std::collections::BTreeSet<&str> = runs.iter().step_by(2).map(|(_, id)| &id[..13]).collect();
    assert_eq!(first.len(), 2, "neither store always comes first: {runs:?}");
}

#[test]
fn a_report_is_rebuilt_byte_for_byte() {
    let ran = short("read-heavy", "libsql");
    let files = ["summary.csv", "timeline.csv", "report.md", "charts/latency.svg", "charts/latency.png"];
    let read = |file: &str| std::fs::read(ran.path("out").join(file)).expect(file);
    let before = files.map(read);
    std::fs::remove_dir_all(ran.path("out/charts")).expect("removed");
    let out = ran.path("out").display().to_string();
    let again = Storebench::new(&["report", &out]).expect_exit(0);
    assert!(again.stdout.contains("read-heavy"));
    for (file, before) in files.into_iter().zip(before) {
        assert!(read(file) == before, "{file} differs");
    }
}

#[test]
fn a_custom_workload_needs_no_rust() {
    let toml = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let start = toml.find("```toml\n").expect("the README shows a custom workload") + 8;
    let toml = &toml[start..start + toml[start..].find("```").expect("its end")];
    assert!(toml.lines().count() <= 25, "an example is short: {toml}");
    let ran = Storebench::run(&["sessions.toml", "--warmup", "0", "--ops", "500"])
        .file("sessions.toml", toml)
        .store("libsql")
        .expect_exit(0);
    assert_eq!(ns(&ran.first_run()["counts"]["succeeded"]), 500);
}

#[test]
fn a_stock_ycsb_file_runs_and_says_what_it_does_not_honour() {
    let properties = "recordcount=500\noperationcount=300\nworkload=site.ycsb.workloads.CoreWorkload\n\
                      readallfields=true\nreadproportion=0.5\nupdateproportion=0.5\nscanproportion=0\n\
                      insertproportion=0\nrequestdistribution=zipfian\nstatus.interval=5\nno.such.key=1\n";
    let ran = Storebench::run(&["workloada.properties", "--warmup", "0"])
        .file("workloada.properties", properties)
        .store("libsql")
        .expect_exit(0);
    assert_eq!(ns(&ran.first_run()["counts"]["succeeded"]), 300);
    for named in ["status.interval", "no.such.key"] {
        assert!(ran.stderr.contains(named), "{named} is answered: {}", ran.stderr);
    }
}

#[test]
fn a_ycsb_file_runs_as_people_have_it() {
    let core =
        "workload=core\nrecordcount=100\noperationcount=300\ninsertproportion=0.1\nrequestdistribution=zipfian\n";
    let ran = Storebench::run(&["workloadx", "--store", "memory"]).file("workloadx", core).expect_exit(0);
    let run = ran.first_run();
    assert_eq!((ns(&run["counts"]["succeeded"]), &run["load"]["warmup_s"]), (300, &json!(0.0)));
    assert!(run["verdict"]["notes"].to_string().contains("no warm-up, as in YCSB"), "{}", run["verdict"]);
    assert!(ran.stdout.contains(" without warm-up"), "{}", ran.stdout);

    let flags = ["-P", "a", "-P", "b", "-p", "operationcount=50", "-p", "redis.password=hunter2", "--warmup", "50ms"];
    let run = Storebench::run(&flags).file("a", core).file("b", "recordcount=70\ntarget=500\n").store("memory");
    let ran = run.ran();
    // An open loop on a busy machine may be shaped by the client, and so invalid: what was measured is to be seen all the same.
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    let (record, run) = (ran.record(), ran.first_run());
    assert_eq!((ns(&run["workload"]["rows"]), ns(&run["counts"]["succeeded"])), (70, 50));
    assert_eq!((&run["load"]["mode"], &run["load"]["rate_per_s"]), (&json!("open"), &json!(500.0)));
    let notes = run["verdict"]["notes"].to_string();
    for note in ["key `target`: an open loop", "what this one wrote is in the data"] {
        assert!(notes.contains(note) && ran.stderr.contains(note), "{note}: {notes} {}", ran.stderr);
    }
    let shown = [ran.stderr.as_str(), &ran.stdout, &record.to_string()].concat();
    assert!(!shown.contains("hunter2"), "{shown}");

    // A flag that sets aside what the file says sets aside what would be noted of it, too.
    let run = Storebench::run(&["-P", "a", "-p", "target=500", "--closed"]).file("a", core).store("memory");
    assert!(!run.expect_exit(0).first_run()["verdict"]["notes"].to_string().contains("target"));
}

#[test]
fn a_ycsb_file_without_a_size_loads_nothing() {
    let refused = |content: &str, flags: &[&str]| {
        let run = Storebench::run(&["./workloadx"]).args(flags).file("workloadx", content).store("memory");
        let ran = run.expect_exit(2);
        assert!(!ran.path("out").exists(), "nothing was started");
        ran.stderr
    };
    for content in ["readproportion=1\n", "recordcount=0\nreadproportion=1\n"] {
        let answer = refused(content, &[]);
        assert!(answer.contains("workloadx:1: key `recordcount`: it is missing or 0"), "{answer}");
        assert!(answer.contains("recordcount=1000000") && answer.contains("--records"), "{answer}");
        let run = Storebench::run(&["./workloadx", "--records", "1_00", "--ops", "0.1k"]).file("workloadx", content);
        assert_eq!(ns(&run.store("memory").expect_exit(0).first_run()["workload"]["rows"]), 100);
    }
    let answer = refused("readproportion=1\n", &["-p", "recordcount=-1"]);
    assert!(answer.contains("-p recordcount: \"-1\" is not a number from 1"), "{answer}");
    let neither = refused("hello\n", &[]);
    assert!(neither.contains("./workloadx is no workload") && neither.lines().count() == 1, "{neither}");
}

#[test]
fn an_address_and_what_the_system_says_are_named_once() {
    for url in ["redis://127.0.0.1:1", "postgres://127.0.0.1:1/x", "http://127.0.0.1:1"] {
        let run = Storebench::run(&["ycsb-c", "--records", "10", "--ops", "10"]).store(url).expect_exit(2);
        let check = Storebench::new(&["check", url]).expect_exit(2);
        for said in [run.stderr.as_str(), &check.stdout] {
            let said = said.lines().find(|line| line.contains("refused")).unwrap_or_else(|| panic!("{said}"));
            assert_eq!(said.matches("127.0.0.1:1").count(), 1, "{said}");
            assert_eq!(said.matches("refused").count(), 1, "{said}");
        }
        let clean = Storebench::new(&["clean", url]).ran().stderr;
        assert_eq!(clean.matches("refused").count(), 1, "{clean}");
        assert!(!clean.contains("(os error"), "{clean}");
    }
}

#[test]
fn what_is_wrong_is_said_in_one_sentence_with_its_place() {
    let noise: Vec<u8> = (0..10_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let head = "about = \"x\"\n[tables.t]\nrecords = 10\n[tables.t.fields]\na = { int = [0, 9] }\n[operations.r]\n";
    let with = |operation: &str| format!("{head}do = \"read\"\n{operation}").into_bytes();
    let cases: [(&str, Vec<u8>, &[&str]); 9] = [
        ("key.toml", format!("colour = 1\n{head}weight = 1\n").into(), &["key.toml:1", "colour"]),
        ("weight.toml", with("weight = -1\ntable = \"t\"\nkey = \"uniform\"\n"), &["weight.toml:8", "weight"]),
        ("table.toml", with("weight = 1\ntable = \"tt\"\nkey = \"uniform\"\n"), &["table.toml:9", "tt"]),
        (
            "field.toml",
            with("weight = 1\ntable = \"t\"\nkey = \"uniform\"\nfields = [\"b\"]\n"),
            &["field.toml:11", "fields"],
        ),
        (
            "skew.toml",
            with("weight = 1\ntable = \"t\"\nkey = { choose = \"zipfian\", exponent = -1 }\n"),
            &["skew.toml:10", "exponent"],
        ),
        ("none.toml", head.replace("[operations.r]\n", "").into(), &["operation"]),
        ("syntax.toml", "[tables\n".into(), &["syntax.toml:1"]),
        ("noise.toml", noise, &["noise.toml"]),
        ("empty.toml", Vec::new(), &["empty.toml"]),
    ];
    for (name, content, says) in cases {
        let ran = Storebench::run(&[name]).file(name, content).store("memory").expect_exit(2);
        assert!(ran.stderr.starts_with("error: "), "{name}: {}", ran.stderr);
        assert!(ran.stderr.trim_end().lines().count() <= 2, "{name}: one sentence, not {}", ran.stderr);
        assert!(says.iter().all(|part| ran.stderr.contains(part)), "{name}: {}", ran.stderr);
        assert!(!ran.path("out").join("experiment.json").exists(), "nothing was started");
    }
}

#[test]
fn a_wrong_command_line_is_refused_before_anything_starts() {
    let cases: [(&[&str], &str); 43] = [
        (&["run", "no-such-workload"], "no-such-workload"),
        (&["run", "otlp"], "did you mean `oltp`?"),
        (&["run", "--store", "postgresql"], "did you mean `postgres`"),
        (&["run", "--store", "sqlite"], "did you mean `libsql` (libSQL embedded: SQLite's fork"),
        (&["run", "--store", "sqlite:shop.db"], "did you mean `libsql`"),
        (&["run", "--store", "mongo"], "did you mean `mongodb`"),
        (&["run", "--store", "reddis"], "did you mean `redis`"),
        (&["run", "--store", "valkey"], "did you mean `redis`"),
        (&["run", "--store", "oracle"], "it has libsql,"),
        (&["run", "--rate", "2,000"], "2_000 or 1.5k"),
        (&["run", "--rate", "1kk"], "2_000 or 1.5k"),
        (&["run", "--records", "2,000"], "2_000 or 5k"),
        (&["run", "--records", "-5"], "2_000 or 5k"),
        (&["run", "--clients", "20k"], "from 1 to 10000"),
        (&["run", "--ops", "many"], "2_000 or 5k"),
        (&["run", "--runs", "1.5"], "from 1 to 1000"),
        (&["run", "--max-retries", "x"], "2_000 or 5k"),
        (&["run", "--prices", "no-such.toml"], "error: cannot read no-such.toml: No such file or directory\n"),
        (&["run", "--targets", "no-such.toml"], "error: cannot read no-such.toml: No such file or directory\n"),
        (&["run", "./no-such"], "error: cannot read ./no-such: No such file or directory\n"),
        (&["run", "-P", "no-such"], "error: cannot read no-such: No such file or directory\n"),
        (&["run", "-p", "recordcount=5"], "give the file too, with -P"),
        (&["run", "oltp", "-p", "recordcount=5"], "oltp is none"),
        (&["run", "oltp", "--skip-after", "1s"], "--rate"),
        (&["run", "oltp", "--arrivals", "constant"], "--rate"),
        (&["run", "oltp", "--closed", "--rate", "5"], "--closed"),
        (&["run", "no/such/file.toml"], "no/such/file.toml"),
        (&["run", "--store", "oracle"], "oracle"),
        (&["run", "--store", "sim?latency=fast"], "latency"),
        (&["run", "--store", "libsql?cash=1"], "cash"),
        (&["run", "--clients", "0"], "--clients"),
        (&["run", "--rate", "-5"], "--rate"),
        (&["run", "ycsb-c", "--rate", "5,5"], "the level 5/s is named twice"),
        (&["run", "ycsb-c", "--rate", "5", "--clients", "1,2"], "--clients"),
        (&["sweep", "ycsb-c", "--slo", "p95 < 3ms"], "p95"),
        (&["sweep", "ycsb-c", "--slo", "write p99 < 3ms"], "no operation `write`"),
        (&["sweep", "ycsb-c", "--budget", "30s"], "--budget"),
        (&["run", "--duration", "soon"], "--duration"),
        (&["run", "--duration", "1s", "--ops", "5"], "--ops"),
        (&["run", "--records", "0"], "--records"),
        (&["run", "--store", "memory", "--durability", "durable"], "--durability"),
        (&["run", "--store", "memory", "--store", "memory"], "named twice"),
        (&["report", "no-such-folder"], "no-such-folder"),
    ];
    for (args, says) in cases {
        let ran = Storebench::new(args).expect_exit(2);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("(os error"), "{args:?}: {}", ran.stderr);
        assert!(!ran.path("results").exists(), "{args:?} left a folder behind");
    }
}

#[test]
fn a_run_is_priced_and_offers_are_compared() {
    let ran = short("oltp", "libsql");
    let cost = &ran.first_run()["cost"];
    assert!(cost["estimates"][0]["usd_per_million"].as_f64().is_some_and(|usd| usd > 0.0), "{cost}");
    let folder = ran.path("out").display().to_string();
    let compare = |offers: &str| Storebench::new(&["cost", &folder, "--offers", offers]);
    let table = compare("rds.db.m7g.large,ec2.m7g.large").expect_exit(0).stdout;
    assert!(table.contains("1x = ") && table.contains("100x = ") && table.contains("STALE"), "{table}");
    let refused = compare("rds.db.m7g.huge").expect_exit(2).stderr;
    assert!(refused.contains("--offers") && refused.contains("rds.db.m7g.large"), "{refused}");
    let prices =
        Storebench::new(&["cost", &folder, "--prices", "mine.toml"]).file("mine.toml", "[[list]]\nprise = 1\n");
    assert!(prices.expect_exit(2).stderr.contains("mine.toml:2: key `prise`"));
}

#[test]
fn a_store_without_a_result_is_missing_from_no_report() {
    let run = Storebench::run(&["ycsb-c"]).args(&SHORT).args(&["--store", "memory"]);
    let ran = run.store("redis://127.0.0.1:1").expect_exit(3);
    let record = ran.record();
    assert_eq!(record["missing"][0]["id"], "ycsb-c-redis-1", "{}", record["missing"]);
    assert!(ran.stdout.contains("no result: ycsb-c-redis-1: "), "{}", ran.stdout);
    let folder = ran.path("out");
    let report = std::fs::read_to_string(folder.join("report.md")).expect("the report");
    assert!(report.contains("1 of 2 runs came to NO RESULT"), "{report}");
    let again = Storebench::new(&["report", &folder.display().to_string()]).expect_exit(3);
    assert!(again.stdout.contains("no result: ycsb-c-redis-1: "), "{}", again.stdout);
}

#[test]
fn results_are_never_overwritten() {
    let ran = short("ycsb-c", "memory");
    let out = ran.path("out").display().to_string();
    let again = Storebench::new(&["run", "ycsb-c", "--ops", "10", "--store", "memory", "--out", &out]).expect_exit(2);
    assert!(again.stderr.contains("holds an experiment already"), "{}", again.stderr);
}

#[test]
fn list_shows_what_there_is_and_prints_what_can_be_edited() {
    let all = Storebench::new(&["list"]).expect_exit(0).stdout;
    for name in ["read-heavy", "oltp", "append-only", "time-series", "ycsb-f", "tpcb", "libsql", "memory", "sim"] {
        assert!(all.contains(name), "{name}: {all}");
    }
    let toml = Storebench::new(&["list", "oltp", "--toml"]).expect_exit(0).stdout;
    let ran = Storebench::run(&["mine.toml", "--warmup", "0", "--ops", "100", "--records", "200"])
        .file("mine.toml", &toml)
        .store("memory")
        .expect_exit(0);
    assert_eq!(ns(&ran.first_run()["counts"]["succeeded"]), 100);
}

/// A run of a minute on embedded libSQL, a second and a half into its measurement.
struct Underway {
    run: Storebench,
    child: Child,
    /// Where its database is, in a folder of its own.
    scratch: tempfile::TempDir,
}

impl Underway {
    fn new() -> Self {
        let run = Storebench::run(&["ycsb-a", "--warmup", "0", "--duration", "60s", "--records", "100", "--seed", "7"]);
        let run = run.store("libsql?busy_timeout_ms=60000");
        let scratch = tempfile::tempdir_in("/var/tmp").expect("a folder");
        let mut command = run.command();
        command.env("TMPDIR", scratch.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the binary starts");
        let underway = Underway { run, child, scratch };
        while !underway.out().join("hlog/ycsb-a-libsql-1.hlog").exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(1_500));
        underway
    }

    fn out(&self) -> PathBuf {
        self.run.command().get_current_dir().expect("a folder").join("out")
    }

    fn signal(&self, signal: Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        nix::sys::signal::kill(pid, signal).expect("the signal is sent");
    }

    /// Its exit code, and that nothing of its own is left.
    fn ended(&mut self) -> Option<i32> {
        let code = self.child.wait().expect("the binary ends").code();
        let left: Vec<_> = std::fs::read_dir(self.scratch.path()).expect("the folder").collect();
        assert!(left.is_empty(), "{left:?}");
        code
    }
}

/// Whether whoever started these tests ignores SIGHUP, as `nohup` does: programs that they start then ignore it too.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("the tests run on Linux");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask");
    u64::from_str_radix(mask.trim(), 16).expect("a mask") & 1 != 0
}

#[test]
fn a_signal_keeps_what_was_measured_and_says_so() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut underway = Underway::new();
        underway.signal(signal);
        // As `timeout` does: once to the process and once to its group.
        underway.signal(signal);
        let code = underway.ended();
        if signal == Signal::SIGHUP && hangups_are_ignored() {
            assert_eq!(code, Some(0), "under nohup a run goes on");
            continue;
        }
        assert_eq!(code, Some(3), "{signal}");
        let record = read_record(&underway.out());
        assert_eq!(record["interrupted"], true, "{signal}");
        let run = &record["runs"][0];
        assert_eq!(run["verdict"]["valid"], false);
        assert!(run["verdict"]["reasons"].to_string().contains("interrupted"), "{}", run["verdict"]);
        assert!(ns(&run["counts"]["succeeded"]) > 0, "what was measured is kept");
    }
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_leaves_nothing() {
    let mut underway = Underway::new();
    let folder =
        std::fs::read_dir(underway.scratch.path()).expect("the folder").next().expect("its own").expect("an entry");
    // Whoever holds the lock of the database keeps the run from coming to its end.
    let database = libsql::Builder::new_local(folder.path().join("storebench.db")).build().await.expect("a database");
    let holder = database.connect().expect("a connection");
    holder.execute_batch("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").await.expect("the lock");
    underway.signal(Signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(1_000));
    assert!(underway.child.try_wait().expect("a child").is_none(), "it waits for the lock");
    underway.signal(Signal::SIGTERM);
    assert_eq!(underway.ended(), Some(130));
}

#[test]
fn what_nobody_reads_is_measured_and_saved_all_the_same() {
    let run = Storebench::run(&["ycsb-c", "--warmup", "0", "--ops", "200", "--records", "100"]).store("memory");
    let closed = || Stdio::from(std::io::pipe().expect("a pipe").1);
    let ended = |mut command: std::process::Command| {
        command.stdout(closed()).stderr(closed()).status().expect("the binary ends").code()
    };
    assert_eq!(ended(run.command()), Some(0));
    let out = run.command().get_current_dir().expect("a folder").join("out");
    assert_eq!(read_record(&out)["runs"][0]["verdict"]["valid"], true);
    let out = out.display().to_string();
    let twice: &[&[&str]] =
        &[&["report", &out], &["report", "--adr", &out], &["cost", &out], &["check", "memory"], &["list"]];
    for args in twice {
        assert_eq!(ended(Storebench::new(args).command()), Some(0), "{args:?}");
    }
    assert_eq!(
        ended(Storebench::new(&["report", "no-such-folder"]).command()),
        Some(2),
        "the exit code is right all the same"
    );
}

#[test]
fn a_folder_may_have_any_name() {
    use std::os::unix::ffi::OsStrExt;
    let run =
        Storebench::new(&["run", "ycsb-c", "--warmup", "0", "--ops", "100", "--records", "100", "--store", "memory"]);
    let mut command = run.command();
    let name = std::ffi::OsStr::from_bytes(b"out\xff");
    let output = command.arg("--out").arg(name).output().expect("the binary ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record = read_record(&command.get_current_dir().expect("a folder").join(name));
    assert!(
        record["command"].as_str().is_some_and(|words| words.ends_with("--out out\u{fffd}")),
        "{}",
        record["command"]
    );
}

#[test]
fn the_old_word_of_a_flag_works_with_a_notice() {
    let with = |word: &str| {
        let flags = ["--warmup", "0", "--ops", "100", "--records", "100", "--on-error", word];
        Storebench::run(&["ycsb-c"]).args(&flags).store("memory")
    };
    let ran = with("go-on").expect_exit(0);
    let notices: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("notice: ")).collect();
    assert_eq!(notices, ["notice: `--on-error go-on` is now called `--on-error continue`"]);
    assert_eq!(ns(&ran.first_run()["counts"]["succeeded"]), 100);
    assert!(!with("continue").expect_exit(0).stderr.contains("notice"));
    let refused = with("go").expect_exit(2).stderr;
    assert!(refused.contains("give continue or stop"), "{refused}");
}

/// A workload whose operations arrive at a rate of its own.
fn open_loop(flags: &[&str]) -> Storebench {
    let toml = Storebench::new(&["list", "ycsb-c", "--toml"]).expect_exit(0).stdout;
    let run = Storebench::run(&["open.toml", "--warmup", "0", "--duration", "1s", "--records", "100"]).args(flags);
    run.file("open.toml", format!("{toml}\n[load]\nrate_per_s = 500\n")).store("memory")
}

#[test]
fn a_rate_of_the_workload_is_a_rate() {
    let flags = ["--arrivals", "constant", "--skip-after", "5s"];
    let load = &open_loop(&flags).expect_exit(0).first_run()["load"];
    assert_eq!((&load["mode"], &load["rate_per_s"]), (&json!("open"), &json!(500.0)), "{load}");
    assert_eq!((&load["arrivals"], &load["skip_after_s"]), (&json!("constant"), &json!(5.0)), "{load}");
    let load = &open_loop(&["--closed"]).expect_exit(0).first_run()["load"];
    assert_eq!((&load["mode"], &load["rate_per_s"]), (&json!("closed"), &Value::Null), "{load}");
}

#[test]
fn a_password_that_hides_the_host_is_refused_and_not_shown() {
    for store in ["postgres://ada:hun/ter2@db/app", "redis://:hun?ter2@db", "mongodb://ada:hun#ter2@db"] {
        let ran = Storebench::run(&["ycsb-c"]).store(store).expect_exit(2);
        assert!(ran.stderr.contains("percent-encode"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hun") && !ran.stderr.contains("ter2"), "{}", ran.stderr);
    }
    let misplaced = Storebench::run(&["postgres://ada:hunter2@db"]).expect_exit(2).stderr;
    assert!(misplaced.contains("--store") && !misplaced.contains("hunter2"), "{misplaced}");
}

#[test]
fn what_the_system_does_not_grant_is_reported_with_the_limit() {
    let run = Storebench::run(&["ycsb-c", "--clients", "200", "--ops", "1000", "--records", "100"]).store("memory");
    let command = run.command();
    let limited = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 100; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().expect("a folder"))
        .output();
    let stderr = String::from_utf8_lossy(&limited.expect("it ends").stderr).into_owned();
    for part in ["Too many open files", "--clients", "ulimit -n"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
}

#[test]
fn levels_of_load_are_runs_of_one_experiment_and_joined_in_its_report() {
    let ran =
        Storebench::run(&["ycsb-c", "--rate", "200,50,100", "--warmup", "0", "--duration", "2s", "--records", "100"])
            .store("memory")
            .ran();
    // On a busy machine a run may be shaped by the client, and so invalid.
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    assert!(ran.stderr.contains("levels of load: 3 runs, 6 s of load"), "{}", ran.stderr);
    let record = ran.record();
    let rates: Vec<f64> =
        record["runs"].as_array().expect("runs").iter().filter_map(|run| run["load"]["rate_per_s"].as_f64()).collect();
    assert_eq!(rates, [200.0, 50.0, 100.0], "in the order in which they were named");
    assert_eq!(record["runs"][1]["id"], "ycsb-c-memory-50-per-s-1");
    assert!(ran.stdout.contains("All memory stores, open loop:"), "one table: {}", ran.stdout);
    assert!(ran.path("out/charts/load-ycsb-c.svg").exists() || ran.code == 3);
}

#[test]
fn the_histogram_log_opens_in_somebody_elses_reader() {
    let python = std::env::var("STOREBENCH_TEST_PYTHON")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/target/hdr/bin/python").to_owned());
    let ran = Storebench::run(&["ycsb-a", "--rate", "2000", "--warmup", "1s", "--duration", "3s", "--records", "500"])
        .store("memory")
        .ran();
    // On a busy machine the run may be shaped by the client, and so invalid: its log is to be read all the same.
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    let script = r#"
import sys
from hdrh.log import HistogramLogReader
from hdrh.histogram import HdrHistogram
total = HdrHistogram(1, 3600 * 10**9, 3)
reader = HistogramLogReader(sys.argv[1], total)
sums, starts = {}, []
while True:
    histogram = reader.get_next_interval_histogram()
    if histogram is None:
        break
    # Late operations of an open loop finish in the drain; they belong to the measurement.
    tag = histogram.get_tag().replace(":drain:", ":measure:")
    into = sums.setdefault(tag, HdrHistogram(1, 3600 * 10**9, 3))
    into.add(histogram)
    starts.append(histogram.get_start_time_stamp())
for tag, histogram in sorted(sums.items()):
    print(tag, histogram.get_total_count(), histogram.get_max_value())
print("span", (max(starts) - min(starts)) / 1000)
"#;
    let output = std::process::Command::new(&python)
        .args(["-c", script])
        .arg(ran.path("out/hlog/ycsb-a-memory-1.hlog"))
        .output()
        .unwrap_or_else(|error| panic!("cannot start {python} ({error}): run scripts/test, which installs the reader"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let run = ran.first_run();
    for operation in ["read", "update"] {
        let line = printed.lines().find(|line| line.starts_with(&format!("{operation}:measure:response ")));
        let words: Vec<&str> = line.unwrap_or_else(|| panic!("no {operation} in {printed}")).split(' ').collect();
        let response = &run["operations"][operation]["response_ns"];
        assert_eq!(words[1], response["count"].to_string(), "{printed}");
        // The maximum, because that reader rounds the rank of a percentile where HdrHistogram's authors round it up.
        assert_eq!(words[2], response["max"].to_string(), "{printed}");
    }
    assert!(printed.contains("read:warmup:service"), "{printed}");
}

#[test]
fn what_operations_move_is_counted_and_the_same_each_time() {
    let ran = || {
        let fixed = ["--ops", "20000", "--warmup", "0", "--records", "500", "--seed", "7"];
        Storebench::run(&["ycsb-f"]).args(&fixed).store("memory").expect_exit(0).record()
    };
    let record = ran();
    let run = &record["runs"][0];
    let changed = &run["operations"]["read-modify-write"];
    assert_eq!((&changed["work"]["reads"], &changed["work"]["rows_written"]), (&json!(1.0), &json!(1.0)), "{changed}");
    assert!(changed["work"]["bytes_read"].as_f64() > Some(1_000.0), "ten fields of 100 B, whole: {changed}");
    let sampled = changed["work"]["sampled"].as_u64().expect("a number");
    assert!(sampled.abs_diff(changed["ok"].as_u64().expect("a number") / 64) <= 2, "{sampled}");
    assert_eq!(run["operations"]["read-modify-write.read"]["is_step"], true);
    let written = run["total"]["work"]["rows_written"].as_f64().expect("a number");
    assert!((0.45..0.55).contains(&written), "half of the operations write: {written}");
    assert!(
        run["cost"]["units"]["rows"].as_f64() > Some(1.4),
        "steps are not counted twice over: {}",
        run["cost"]["units"]
    );
    assert_eq!(ran()["runs"][0]["operations"]["read"]["work"], run["operations"]["read"]["work"]);
}

#[test]
fn every_success_of_a_second_is_in_its_bands() {
    let record = short("oltp", "memory").record();
    for second in record["runs"][0]["timeline"].as_array().expect("seconds") {
        let bands = second["response_bands"].as_str().expect("a text");
        let count =
            |pair: &str| pair.split_once(':').and_then(|(_, count)| count.parse::<u64>().ok()).expect("a count");
        assert_eq!(bands.split(' ').filter(|pair| !pair.is_empty()).map(count).sum::<u64>(), second["ok"], "{bands}");
    }
}
