//! Whether two sweeps of one store agree. `cargo bench --bench sweep`, or with `-- redis mongodb` some of the stores; it starts
//! the servers, takes a quarter of an hour for each store and wants an idle machine.
//!
//! Two sweeps agree where their intervals overlap, each widened by the noise of a level: by how much the throughput of one
//! closed-loop probe differed from that of the others. Four of five pairs have to.

use std::process::Command;

use serde_json::Value;

const STORES: [&str; 4] = ["postgres", "redis", "mongodb", "libsql"];
const PAIRS: usize = 5;
const ASKED: [&str; 9] = ["ycsb-c", "--records", "1000", "--slo", "p99 < 5ms", "--budget", "75s", "--out", "sweep"];

/// What a sweep found.
struct Found {
    low_per_s: Option<f64>,
    high_per_s: Option<f64>,
    probe_per_s: f64,
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for store in STORES.iter().filter(|store| asked.is_empty() || asked.iter().any(|one| one == *store)) {
        let found: Vec<Found> = (0..2 * PAIRS).map(|at| sweep(store, at)).collect();
        let probes = found.iter().map(|one| one.probe_per_s);
        let noise = probes.clone().fold(0.0, f64::max) / probes.fold(f64::INFINITY, f64::min);
        // Half of what the probes range over, to either side.
        let noise = noise.sqrt();
        let agree = found.chunks(2).filter(|pair| overlap(&pair[0], &pair[1], noise)).count();
        println!("{store}: {agree} of {PAIRS} pairs agree, intervals widened by {:.1} %", 100.0 * (noise - 1.0));
    }
}

fn overlap(a: &Found, b: &Found, noise: f64) -> bool {
    let ends = |one: &Found| (one.low_per_s.unwrap_or(0.0) / noise, one.high_per_s.unwrap_or(f64::INFINITY) * noise);
    let ((a_low, a_high), (b_low, b_high)) = (ends(a), ends(b));
    a_low <= b_high && b_low <= a_high
}

fn sweep(store: &str, at: usize) -> Found {
    let folder = tempfile::tempdir().expect("a folder");
    let seed = (at + 1).to_string();
    Command::new(env!("CARGO_BIN_EXE_storebench"))
        .args(["sweep", "--quiet", "--store", store, "--seed", &seed])
        .args(ASKED)
        .current_dir(folder.path())
        .stdout(std::process::Stdio::null())
        .status()
        .expect("the binary runs");
    let text = std::fs::read(folder.path().join("sweep/sweep.json")).expect("a record");
    let record: Value = serde_json::from_slice(&text).expect("JSON");
    let answer = &record["answers"][0];
    let end = |name: &str| answer["rate_per_s"][name].as_f64();
    let probe = answer["levels"][0]["completed_per_s"].as_f64().unwrap_or_default();
    let found = Found { low_per_s: end("low"), high_per_s: end("high"), probe_per_s: probe };
    let shown = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), |per_s| format!("{per_s:.0}"));
    println!("  {store} {}: [{}, {}), probe {probe:.0}/s", at + 1, shown(found.low_per_s), shown(found.high_per_s));
    found
}
