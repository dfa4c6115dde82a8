//! The page of the real binary in a real browser: `scripts/check-page` opens it in headless Chromium, light, dark and as
//! wide as a phone, and says what is wrong. Run in release by scripts/test, which installs the browser.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Ran, Storebench, read_record};
use serde_json::{Value, json};

/// Breaks out of HTML, attributes and script wherever it is not escaped.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

fn measured() -> Ran {
    Storebench::run(&["ycsb-a", "ycsb-c", "--runs", "2", "--ops", "2000", "--warmup", "0", "--records", "200"])
        .args(&["--store", "libsql", "--store", "memory"])
        .expect_exit(0)
}

/// Opens a page as its readers would.
fn expect_sound(page: &Path) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/check-page");
    let output = Command::new(script).arg(page).output().expect("scripts/check-page starts");
    let faults = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {faults}", page.display());
    serde_json::from_slice(&output.stdout).expect("facts about the page")
}

/// A results folder that holds this record and nothing else.
fn folder(beside: &Ran, name: &str, record: &Value) -> PathBuf {
    let folder = beside.path(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("experiment.json"), record.to_string()).expect("a record");
    folder
}

fn report(folders: &[&Path], more: &[&str]) -> Ran {
    let folders: Vec<&str> = folders.iter().map(|folder| folder.to_str().expect("a readable path")).collect();
    Storebench::new(&["report"]).args(&folders).args(more).expect_exit(0)
}

#[test]
fn a_run_leaves_a_page_without_faults() {
    let ran = measured();
    let facts = expect_sound(&ran.path("out/report.html"));
    assert_eq!(facts["heading"], "2 workloads on 2 stores");
    assert!(facts["charts"].as_u64() >= Some(8), "{facts}");
}

#[test]
fn foreign_text_stays_text_and_runs_no_script() {
    let ran = measured();
    let mut record = read_record(&ran.path("out"));
    for run in record["runs"].as_array_mut().expect("runs") {
        for pointer in ["/id", "/workload/name", "/workload/about", "/workload/text", "/store/name", "/store/version"] {
            let value = run.pointer_mut(pointer).expect(pointer);
            *value = json!(format!("{}{HOSTILE}", value.as_str().expect("a text")));
        }
        run["store"]["settings"][HOSTILE] = json!(HOSTILE);
        run["operations"][HOSTILE] = run["operations"]["read"].clone();
        run["verdict"]["notes"] = json!([HOSTILE]);
    }
    record["command"] = json!(HOSTILE);
    let folder = folder(&ran, "hostile", &record);
    report(&[&folder], &[]);
    expect_sound(&folder.join("report.html"));
}

#[test]
fn two_hundred_runs_are_rendered_in_time_and_shown() {
    let ran = measured();
    let mut record = read_record(&ran.path("out"));
    let first = record["runs"][0].clone();
    let numbered = |repetition: u32| {
        let mut run = first.clone();
        run["id"] = json!(format!("ycsb-a-libsql-{repetition}"));
        run["repetition"] = json!(repetition);
        run
    };
    record["runs"] = (1..=200).map(numbered).collect();
    let folder = folder(&ran, "many", &record);
    let began = Instant::now();
    report(&[&folder], &[]);
    let took = began.elapsed();
    assert!(cfg!(debug_assertions) || took < Duration::from_secs(20), "a second per ten runs, not {took:?}");
    expect_sound(&folder.join("report.html"));
}

#[test]
fn experiments_stand_side_by_side() {
    let ran = measured();
    let record = read_record(&ran.path("out"));
    let [before, after] = ["before", "after it"].map(|name| folder(&ran, name, &record));
    let out = ran.path("both");
    let reported = report(&[&before, &after], &["--out", out.to_str().expect("a readable path")]);
    assert!(
        reported.stdout.contains("before: libsql") && reported.stdout.contains("after it: libsql"),
        "{}",
        reported.stdout
    );
    let page = std::fs::read_to_string(out.join("report.html")).expect("the page");
    assert!(page.contains("href=\"../after%20it/experiment.json\""), "each is linked as seen from the page");
    expect_sound(&out.join("report.html"));
    assert!(!before.join("report.html").exists(), "the folders themselves are left alone");
}

#[test]
fn a_decision_record_is_written_and_printed_and_everything_is_rebuilt_byte_for_byte() {
    let ran = measured();
    let folder = ran.path("out");
    let printed = report(&[&folder], &["--adr"]).stdout;
    let files = ["report.html", "report.md", "adr.md", "summary.csv"];
    let read = || files.map(|file| std::fs::read_to_string(folder.join(file)).expect(file));
    let before = read();
    assert_eq!(printed, before[2]);
    for part in ["## Decision Drivers", "## Considered Options", "### Confirmation", "](charts/latency.svg)"] {
        assert!(printed.contains(part), "{part}");
    }
    report(&[&folder], &["--adr"]);
    assert_eq!(read(), before);
}
