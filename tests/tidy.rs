//! Rules of the house that can be checked, checked: imports run one way, and every file says what it is.

#[path = "tidy/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sources::{Sources, is_test, rust_files};

/// From top to bottom: a module may import from those in its list and from itself, never upward.
const ARROWS: [(&str, &[&str]); 20] = [
    ("host", &["record"]),
    ("cli", &["workload", "sweep", "record", "gate"]),
    (
        "commands",
        &[
            "cli",
            "load",
            "request",
            "report",
            "gate",
            "cost",
            "record",
            "workload",
            "generate",
            "draw",
            "host",
            "spelling",
            "units",
            "sweep",
            "stats",
            "percentile",
        ],
    ),
    (
        "load",
        &[
            "request", "evidence", "audit", "generate", "measure", "host", "workload", "draw", "record", "stats",
            "units",
        ],
    ),
    ("evidence", &["request", "generate", "measure", "host", "workload", "record", "stats", "percentile", "units"]),
    ("request", &["generate", "workload"]),
    ("sweep", &["record", "stats", "measure", "percentile"]),
    ("audit", &["generate", "workload", "draw", "record"]),
    ("generate", &["workload", "draw"]),
    ("workload", &["draw", "percentile", "spelling", "units"]),
    ("draw", &[]),
    ("report", &["gate", "sweep", "cost", "record", "stats", "measure", "percentile", "units"]),
    ("gate", &["record", "draw", "stats", "percentile", "units"]),
    ("cost", &["record", "stats", "units"]),
    ("stats", &["record", "measure", "percentile"]),
    ("measure", &["record"]),
    ("record", &["draw", "percentile"]),
    ("percentile", &[]),
    ("spelling", &[]),
    ("units", &[]),
];

/// The same in `drivers/`. What its root names anew (`crate::Failure`) is the seam, and the trait of a store.
const DRIVERS: [(&str, &[&str]); 6] = [
    ("launch", &["seam", "store", "support"]),
    ("stores", &["seam", "store", "support", "sql", "launch"]),
    ("store", &["seam", "support"]),
    ("sql", &["seam", "support"]),
    ("support", &["seam"]),
    ("seam", &[]),
];

/// `src/load/lane.rs` is of module `load`, `src/record.rs` of `record`.
fn module(folder: &str, path: &Path) -> String {
    let relative = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("a file of it");
    let first = relative.iter().next().expect("a name").to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of this crate that a file names in `use crate::…` or in a path; `{`, if it groups several.
fn imported(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let names = code
        .split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || "_{".contains(*c)).collect::<String>());
    names.filter(|name| !name.is_empty()).collect()
}

fn upward(folder: &str, arrows: &[(&str, &[&str])], of_root: &str) -> Vec<String> {
    let mut upward = Vec::new();
    for path in rust_files(folder) {
        let from = module(folder, &path);
        if ["main", "lib", "tests"].contains(&&*from) {
            continue;
        }
        let allowed = arrows.iter().find(|(name, _)| *name == from).map(|(_, list)| *list);
        let allowed = allowed.unwrap_or_else(|| panic!("module `{from}` has no line in the list of arrows"));
        let text = fs::read_to_string(&path).expect("a source file");
        for to in imported(&text) {
            if to != from && to != of_root && !allowed.contains(&to.as_str()) {
                upward.push(format!("{}: {from} imports {to}", path.display()));
            }
        }
    }
    upward
}

#[test]
fn imports_run_one_way() {
    let upward = upward("src", &ARROWS, "");
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

#[test]
fn imports_of_drivers_run_one_way() {
    let mut upward = upward("drivers", &DRIVERS, "{");
    for path in ["seam", "support", "sql"].iter().flat_map(|folder| rust_files(&format!("drivers/{folder}"))) {
        let text = fs::read_to_string(&path).expect("a source file");
        let imports = text.lines().filter(|line| line.trim_start().starts_with("use crate::"));
        let words = imports.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()));
        if words.into_iter().any(|word| ["Store", "Session", "Opening", "Visitor"].contains(&word)) {
            upward.push(format!("{}: knows what a store is", path.display()));
        }
    }
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

/// Two files that import each other, directly or through others, can only be read and changed together.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for folder in ["src", "drivers"] {
        for circle in Sources::read(folder).circles() {
            let names: Vec<String> = circle.iter().map(|path| path.display().to_string()).collect();
            circles.push(names.join("\n  "));
        }
    }
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n\n"));
}

/// One name, one meaning. What every store has may have the same name in each store's folder, where it is in the file of
/// the same name: `Connection` in `connection.rs`.
#[test]
fn a_type_name_means_one_thing() {
    let (suite, drivers) = (Sources::read("src"), Sources::read("drivers"));
    let stores = Path::new(env!("CARGO_MANIFEST_DIR")).join("drivers/stores");
    let mut meanings: BTreeMap<&str, BTreeSet<PathBuf>> = BTreeMap::new();
    for (name, path) in suite.types().chain(drivers.types()) {
        let within_store = path.strip_prefix(&stores).map(|path| path.components().skip(1).collect());
        meanings.entry(name).or_default().insert(within_store.unwrap_or_else(|_| path.to_owned()));
    }
    meanings.retain(|_, files| files.len() > 1);
    assert!(meanings.is_empty(), "{} names with several meanings: {meanings:#?}", meanings.len());
}

/// Each path that it names is there, and each folder of the two crates is named.
#[test]
fn the_guide_to_the_architecture_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the guide");
    let quoted: Vec<&str> = guide.split('`').skip(1).step_by(2).collect();
    let is_path = |text: &&&str| text.contains('/') && !text.contains([' ', ':', '<']);
    let paths: Vec<&str> = quoted.iter().filter(is_path).copied().collect();
    assert!(paths.len() > 20, "{paths:?}");
    for path in &paths {
        assert!(root.join(path).exists(), "ARCHITECTURE.md names {path}");
    }
    for folder in ["src", "drivers", "drivers/stores"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root).expect("a path of ours").display().to_string();
            let is_named = paths.iter().any(|named| named.trim_end_matches('/') == name || named.starts_with(&name));
            assert!(!path.is_dir() || is_named, "ARCHITECTURE.md says nothing of {name}");
        }
    }
}

#[test]
fn drivers_and_reports_keep_to_themselves() {
    for path in rust_files("drivers") {
        let text = fs::read_to_string(&path).expect("a source file");
        assert!(!text.contains("storebench::"), "{} reaches into the suite", path.display());
        let is_test = path.iter().any(|part| part == "tests");
        assert!(is_test || !names_any(&text, &[&MACROS[..], &STREAMS].concat()), "{} prints", path.display());
    }
    for path in rust_files("src/report") {
        let text = fs::read_to_string(&path).expect("a source file");
        for forbidden in ["Session", "dyn Store", "impl Store", "fs::write", "File::create"] {
            assert!(!text.contains(forbidden), "{} knows `{forbidden}`", path.display());
        }
    }
}

/// The macros panic where nobody reads any more. `eprint!` is in `print!`.
const MACROS: [&str; 3] = ["print!(", "println!(", "dbg!("];
const STREAMS: [&str; 2] = ["stdout()", "stderr()"];

fn names_any(text: &str, ways: &[&str]) -> bool {
    ways.iter().any(|way| text.contains(way))
}

/// The line of progress asks whether standard error is a terminal and redraws it; all else goes through `terminal.rs`.
#[test]
fn one_file_prints_and_does_not_panic_where_nobody_reads() {
    let mut printers = Vec::new();
    for path in rust_files("src") {
        let text = fs::read_to_string(&path).expect("a source file");
        assert!(!names_any(&text, &MACROS), "{} prints by a macro; use print or eprint", path.display());
        if names_any(&text, &STREAMS) {
            printers.push(path);
        }
    }
    let known = ["src/commands/progress.rs", "src/commands/terminal.rs"];
    assert_eq!(printers, known.map(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path)));
}

/// Beside the stopwatch the clock is read when a limit of time may be over (`client.rs`) and to keep the seconds of a
/// server's use those of the timeline (`usage.rs`): neither between start and stop of an operation that is answered. The event
/// loop (`event_loop.rs`) reads it in its tests only; the counter itself it reads when the thread sleeps and wakes.
#[test]
fn the_stopwatch_is_in_one_file() {
    let readers: Vec<String> = rust_files("src/load")
        .into_iter()
        .filter(|path| fs::read_to_string(path).expect("a source file").contains("now_ns()"))
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        readers,
        ["client.rs", "event_loop.rs", "lane.rs", "pace.rs", "usage.rs"],
        "who reads the clock that `pace` defines?"
    );
}

#[test]
fn every_file_says_what_it_is() {
    for folder in ["src", "drivers", "tests", "benches"] {
        for path in rust_files(folder) {
            let text = fs::read_to_string(&path).expect("a source file");
            assert!(text.starts_with("//!"), "{} does not open with what it is", path.display());
        }
    }
}

#[test]
fn no_file_grows_beyond_one_idea() {
    for folder in ["src", "drivers"] {
        for path in rust_files(folder) {
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or("").lines().count();
            assert!(
                is_test(&path) || code <= 450,
                "{} has {code} lines: is there more than one idea in it?",
                path.display()
            );
        }
    }
}
