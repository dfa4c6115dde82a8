//! Whether a run finds out what happens behind its back: real stores, the real binary, and a client that the suite does not
//! know, which corrupts one thing after another in mid-run.
//!
//! A store has one run with many parts. Each is corrupted in the one way that its name says and has a twin that is not; a
//! part is found to be wrong where a check of it fails, an operation on it fails, or a reason of the verdict names it. So a
//! trial is a kind of corruption in a store, `redis::index_entry_removed`. What is not found is in [`LIMITS`], which is what
//! README.md shows. Run by scripts/test.

#[path = "corruption/backdoors.rs"]
mod backdoors;
mod common;
#[path = "common/servers.rs"]
mod servers;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use backdoors::kinds::{KINDS, Kind, twin, workload};
use backdoors::{Corrupted, RedisClient};
use common::Storebench;
use drivers::server::Server;
use drivers::{Durability, Placement};
use libtest_mimic::Arguments;
use serde_json::Value;
use servers::{Candidate, candidates, started, trial};

/// What no run finds, in no store. README.md says the same, with the reasons.
const LIMITS: &[&str] = &["counter_and_value_raised"];

/// How long a run measures: it begins a second before it is corrupted, and has to go on for a while after that.
const LENGTH: Duration = Duration::from_secs(5);
/// How long there may be nothing yet that could be corrupted, such as an inserted record.
const PATIENCE: Duration = Duration::from_secs(2);

/// The workload of all runs, which names the dataset.
const NAME: &str = "corruption";

/// The corrupted run of a store, made once for all of its trials.
type SharedRun = Arc<OnceLock<Result<Audited, String>>>;

fn main() -> ExitCode {
    let mut stores = candidates();
    stores.retain(|store| store.declared.best_durability > Durability::Memory);
    let runs: Vec<SharedRun> = stores.iter().map(|_| SharedRun::default()).collect();
    let mut trials: Vec<_> =
        stores.iter().map(|store| store.trial("a_run_that_nobody_corrupts_is_valid", is_valid)).collect();
    // By kind and then by store, so that stores have their runs side by side.
    for kind in KINDS {
        for (store, run) in stores.iter().zip(&runs) {
            if backdoors::impossible(store).iter().any(|(name, _)| *name == kind.name) {
                continue;
            }
            let run = if kind.alone { SharedRun::default() } else { Arc::clone(run) };
            trials.push(store.trial(kind.name, move |store| is_found(store, kind, &run)));
        }
    }
    for (store, run) in stores.iter().zip(runs) {
        trials.push(store.trial("what_nobody_corrupted_passes", move |store| the_rest_passes(store, &run)));
    }
    trials.extend([
        trial("the_limits_are_those_of_the_readme", the_limits_are_those_of_the_readme),
        trial("what_cannot_happen_is_a_kind", what_cannot_happen_is_a_kind),
        trial(
            "redis::a_listing_without_its_index_is_not_fast_but_wrong",
            a_listing_without_its_index_is_not_fast_but_wrong,
        ),
        trial("redis::dashboards_without_their_points_are_wrong", dashboards_without_their_points_are_wrong),
    ]);
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// What a run says of itself, and what was done to it.
struct Audited {
    code: i32,
    record: Value,
    stdout: String,
    corrupted: BTreeMap<&'static str, Corrupted>,
}

/// A store of our own: a server that was started, or a file.
struct Place {
    address: String,
    _server: Option<Server>,
    _folder: Option<tempfile::TempDir>,
}

fn place(store: &Candidate) -> Place {
    let name = store.declared.name;
    if store.declared.program.is_some() && store.is_started() {
        let server = started(name, Durability::Memory);
        return Place { address: store.at(&server.address), _server: Some(server), _folder: None };
    }
    if store.declared.placement == Placement::Remote {
        return Place { address: store.address().to_owned(), _server: None, _folder: None };
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("{name}:{}", folder.path().join("data.db").display());
    Place { address: store.at(&file), _server: None, _folder: Some(folder) }
}

/// A run with parts for these kinds, some of which are corrupted.
fn run(store: &Candidate, kinds: &[&'static Kind], corrupts: impl Fn(&Kind) -> bool) -> Audited {
    let place = place(store);
    let run = Storebench::run(&["corruption.toml", "--clients", "4", "--warmup", "0s", "--durability", "memory"]);
    let run = run.file(&format!("{NAME}.toml"), workload(kinds.iter().copied()));
    let run = run.args(&["--duration", &format!("{}s", LENGTH.as_secs())]).store(&place.address);
    let mut corrupted = BTreeMap::new();
    let ran = run.troubled(|| {
        let began = Instant::now();
        let mut pending: Vec<&Kind> = kinds.iter().copied().filter(|kind| corrupts(kind)).collect();
        if pending.is_empty() {
            return;
        }
        let mut backdoor = backdoors::open(store, &place.address, NAME);
        while !pending.is_empty() {
            pending.retain(|kind| {
                let done = backdoor.corrupt(kind.name);
                let is_early = done == Ok(0) && began.elapsed() < PATIENCE;
                if !is_early {
                    corrupted.insert(kind.name, done);
                }
                is_early
            });
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(backdoor);
        let rest = LENGTH - Duration::from_secs(1);
        assert!(began.elapsed() < rest, "the run was over before it was corrupted: {:?}", began.elapsed());
    });
    assert!(ran.path("out/experiment.json").exists(), "{}: no record: {}", store.name, ran.stderr);
    Audited { code: ran.code, record: ran.first_run(), stdout: ran.stdout.clone(), corrupted }
}

/// The run of a store in which all that can be corrupted is.
fn corrupted_run<'a>(store: &Candidate, run_once: &'a SharedRun) -> &'a Audited {
    let impossible = backdoors::impossible(store);
    let is_possible = |kind: &Kind| impossible.iter().all(|(name, _)| *name != kind.name);
    let together: Vec<&Kind> = KINDS.iter().filter(|kind| !kind.alone).collect();
    shared(run_once, || run(store, &together, is_possible))
}

/// Makes a run once, even if it fails: each of its trials then fails for the same reason.
fn shared(run_once: &SharedRun, make: impl FnOnce() -> Audited) -> &Audited {
    let made = run_once.get_or_init(|| {
        catch_unwind(AssertUnwindSafe(make)).map_err(|panic| match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(_) => "the run could not be made".to_owned(),
        })
    });
    made.as_ref().unwrap_or_else(|problem| panic!("{problem}"))
}

impl Audited {
    /// What says that something is wrong with a part: failed checks, failed operations, and reasons of the verdict.
    fn evidence(&self, part: &str) -> Vec<String> {
        let list = |value: &Value| value.as_array().expect("a list").clone();
        let checks = list(&self.record["checks"]).into_iter().filter(|check| check["passed"] != true);
        let checks = checks.filter(|check| check["undecided"] != true).map(|check| check.to_string());
        let operations = self.record["operations"].as_object().expect("operations").iter();
        let operations = operations.filter(|(_, operation)| operation["failed"] != 0);
        let operations = operations.map(|(name, operation)| format!("{name}: {}", operation["messages"]));
        let reasons = list(&self.record["verdict"]["reasons"]).into_iter().map(|reason| reason.to_string());
        // Where a server has one database for all, the dataset's name is part of its tables' names.
        let plain = |text: &String| text.replace(&format!("storebench_{NAME}_"), "");
        checks.chain(operations).chain(reasons).filter(|text| names(&plain(text), part)).collect()
    }
}

/// Whether a text names a part, which may be the beginning of another part's name.
fn names(text: &str, part: &str) -> bool {
    let is_of_a_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    text.match_indices(part)
        .any(|(at, _)| !text[..at].ends_with(is_of_a_name) && !text[at + part.len()..].starts_with(is_of_a_name))
}

/// Exit code 0, every check passed, no operation failed.
fn is_valid(store: &Candidate) {
    let together: Vec<&Kind> = KINDS.iter().filter(|kind| !kind.alone).collect();
    let audited = run(store, &together, |_| false);
    for check in audited.record["checks"].as_array().expect("checks") {
        assert!(check["passed"] == true, "{}: {check}", store.name);
    }
    assert_eq!(audited.record["counts"]["failed"], 0, "{}: {}", store.name, audited.record["operations"]);
    assert_eq!(audited.code, 0, "{}: {}", store.name, audited.record["verdict"]);
}

fn is_found(store: &Candidate, kind: &'static Kind, run_once: &SharedRun) {
    let audited = match kind.alone {
        true => shared(run_once, || run(store, &[kind], |_| true)),
        false => corrupted_run(store, run_once),
    };
    let changed = audited.corrupted[kind.name].as_ref().unwrap_or_else(|problem| panic!("{}: {problem}", store.name));
    assert!(*changed > 0, "{}: there was nothing to corrupt", store.name);
    let evidence = audited.evidence(kind.name);
    if LIMITS.contains(&kind.name) {
        assert!(evidence.is_empty(), "the list of limits says that this is not found: {evidence:#?}");
        return;
    }
    let reasons = &audited.record["verdict"]["reasons"];
    assert!(!evidence.is_empty(), "{}: nothing says that {} is wrong, only {reasons}", store.name, kind.name);
    assert_eq!(audited.code, 3, "{}", audited.stdout);
    if kind.alone {
        assert_eq!(audited.evidence(&twin(kind.name)), [] as [String; 0], "{}: accused wrongly", store.name);
    }
}

/// All twins, and the parts of kinds that cannot happen in this store.
fn the_rest_passes(store: &Candidate, run_once: &SharedRun) {
    let audited = corrupted_run(store, run_once);
    let twins = KINDS.iter().map(|kind| twin(kind.name));
    let impossible = backdoors::impossible(store).into_iter().map(|(name, _)| name.to_owned());
    let accused: Vec<String> = twins.chain(impossible).flat_map(|part| audited.evidence(&part)).collect();
    assert!(accused.is_empty(), "{}: accused wrongly: {accused:#?}", store.name);
}

/// The kinds in the first cells of the table, in its order.
fn the_limits_are_those_of_the_readme() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md");
    let table = readme.lines().skip_while(|line| !line.starts_with("| not found |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    let kinds: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(kinds, LIMITS, "the table of README.md, and the list of this test");
}

fn what_cannot_happen_is_a_kind() {
    let mut stores = candidates();
    stores.retain(|store| store.declared.best_durability > Durability::Memory);
    for (name, reason) in stores.iter().flat_map(backdoors::impossible) {
        assert!(KINDS.iter().any(|kind| kind.name == name), "{name}, which cannot happen because {reason}");
    }
    for kind in KINDS {
        let happens = |store: &Candidate| backdoors::impossible(store).iter().all(|(name, _)| *name != kind.name);
        assert!(stores.iter().any(happens), "{} happens in no store", kind.name);
    }
}

/// A headline workload on Redis, from which a structure is removed in mid-run.
fn without(workload: &str, structures: impl Iterator<Item = String>) -> Audited {
    let server = started("redis", Durability::Memory);
    let run = Storebench::run(&[workload, "--records", "300", "--clients", "2", "--warmup", "0s"]);
    let run = run.args(&["--durability", "memory", "--duration", "3s"]).store(&server.address);
    let ran = run.troubled(|| {
        let mut client = RedisClient::open(&server.address, workload);
        let removed: u64 = structures.map(|name| client.unlink(&name).expect("removed")).sum();
        assert!(removed > 0, "there was nothing to remove");
    });
    Audited { code: ran.code, record: ran.first_run(), stdout: ran.stdout.clone(), corrupted: BTreeMap::new() }
}

fn is_invalid(audited: &Audited, operations: &[&str], part: &str) {
    assert_eq!(audited.code, 3, "{}", audited.stdout);
    assert_eq!(audited.record["verdict"]["valid"], false, "{}", audited.stdout);
    let of_operations = operations.iter().flat_map(|operation| audited.evidence(operation));
    let evidence: Vec<String> = of_operations.chain(audited.evidence(part)).collect();
    assert!(!evidence.is_empty(), "{}", audited.record["verdict"]);
}

fn a_listing_without_its_index_is_not_fast_but_wrong() {
    let audited = without("read-heavy", std::iter::once("products.category".to_owned()));
    is_invalid(&audited, &["category-page"], "products");
}

fn dashboards_without_their_points_are_wrong() {
    let audited = without("time-series", (1..=300).map(|entity| format!("readings:{entity}")));
    is_invalid(&audited, &["last", "minutes", "hours"], "readings");
}
