//! What a new store touches: its folder, its lines in `drivers/Cargo.toml`, one line in the list of `drivers/stores/mod.rs`, a
//! client that corrupts it in `tests/corruption/`, and documentation, which is held to the list here. Nothing else in the workspace names a store, but for the exceptions
//! below, none of which grows with a store.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use drivers::{Declaration, Durability, STORES};

/// What names stores though it is no place of theirs, and why. A path stands for all below it.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("benches/gate.rs", "changes are planted in real stores, each with what that store has"),
    ("benches/sweep.rs", "real stores are swept, those that every machine has"),
    ("benches/libsql.rs", "a bench compares storebench with a client of one store"),
    ("benches/openloop", "the same"),
    ("benches/openloop.rs", "the same"),
    ("benches/postgres.rs", "the same"),
    ("benches/tpcb.rs", "it is compared with one store's own program"),
    (
        "drivers/seam/redaction.rs",
        "a password is hidden in every build, also in one without the store that takes it alone",
    ),
    ("drivers/sql", "which dialect of SQL serves whom"),
    ("src/cli.rs", "examples"),
    ("src/cli/shared.rs", "the store that is measured if none is named"),
    ("src/report", "runs in the fixtures of its tests are of some stores"),
    (
        "src/workload/parse/fields.rs",
        "names that a store keeps for itself are refused for all, so that a workload runs on each",
    ),
    ("drivers/tests/addresses.rs", "addresses as each store's own clients and providers write them"),
    ("tests/addresses.rs", "addresses as each store's own clients and providers write them"),
    ("tests/cli.rs", "the store that is measured if none is named, and passwords in addresses"),
    ("tests/corruption.rs", "one store keeps its indexes beside its records, where they can be removed alone"),
    ("tests/faults.rs", "where any server would do, the one that starts quickest"),
    ("tests/gate.rs", "where any store would do, the one that needs no server, and one that has settings to compare"),
    ("tests/instrument.rs", "the proxy that records what it sees speaks one protocol"),
    ("tests/kills.rs", "one server writes over its environment; where any would do, the one that starts quickest"),
    ("tests/ownership.rs", "how each store tells our data from that of others is its own, and is tested for each"),
    ("tests/pgbench.rs", "a benchmark of one store's own is compared with ours"),
    ("tests/places.rs", "the paths of this list"),
    ("tests/report_html.rs", "a page of some stores"),
    ("tests/sweep.rs", "where any server would do, the one that starts quickest"),
    ("tests/results.rs", "a server that is not there, and passwords in addresses"),
];

/// The stores that are no part of the suite.
fn real_stores() -> impl Iterator<Item = &'static Declaration> {
    STORES.iter().filter(|store| store.best_durability > Durability::Memory)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the repository")
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        let relative = path.strip_prefix(root()).expect("a path of ours").to_owned();
        if path.is_dir() {
            files.extend(rust_files(&relative.to_string_lossy()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(relative);
        }
    }
    files.sort();
    files
}

/// Without comments and, in the crates, without unit tests: what these say of a store is an example.
fn code_of(path: &Path) -> String {
    let text = read(path);
    let is_of_a_crate = path.starts_with("src") || path.starts_with("drivers") && !path.starts_with("drivers/tests");
    let text = if is_of_a_crate { text.split("\nmod tests {").next().unwrap_or_default() } else { &text };
    let lines = text.lines().map(|line| match line.trim_start().starts_with("//") {
        true => "",
        false => line.split(" // ").next().unwrap_or_default(),
    });
    lines.collect::<Vec<_>>().join("\n").to_lowercase()
}

fn is_unit_test(path: &Path) -> bool {
    let is_of_a_crate = path.starts_with("src") || path.starts_with("drivers") && !path.starts_with("drivers/tests");
    is_of_a_crate && path.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// The words for stores that a file uses.
fn named_in(path: &Path) -> BTreeSet<&'static str> {
    let code = code_of(path);
    let words = real_stores().flat_map(|store| [Some(store.name), store.program.map(|program| program.binary)]);
    words.flatten().filter(|word| code.contains(&word.replace('-', "_")) || code.contains(word)).collect()
}

#[test]
fn nothing_names_a_store_but_its_own_places() {
    let is_place = |path: &PathBuf| path.starts_with("drivers/stores") || path.starts_with("tests/corruption");
    let files = ["src", "drivers", "tests", "benches"].iter().flat_map(|folder| rust_files(folder));
    let mut wrong = Vec::new();
    for path in files.filter(|path| !is_place(path) && !is_unit_test(path)) {
        let named = named_in(&path);
        if named.is_empty() {
            continue;
        }
        if !EXCEPTIONS.iter().any(|(excepted, _)| path.starts_with(excepted)) {
            wrong.push(format!("{} names {named:?}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "a new store would touch them, too:\n{}", wrong.join("\n"));
    for (path, reason) in EXCEPTIONS {
        assert!(root().join(path).exists(), "{path} is not there any more: {reason}");
    }
}

/// The rows of the table of which the head begins so, as their first cell.
fn first_cells(text: &str, head: &str) -> Vec<String> {
    let rows = text.lines().skip_while(|line| !line.starts_with(head)).skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('|').nth(1)).map(|cell| cell.trim().to_owned()).collect()
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// A row for each store, and all of its addresses and layouts.
#[test]
fn the_table_of_stores_in_the_readme_is_what_drivers_declare() {
    let readme = read("README.md");
    let cells = first_cells(&readme, "| store | what it is |");
    let name_of = |address: &str| {
        let address: drivers::Address = address.parse().unwrap_or_else(|error| panic!("README.md: {error}"));
        address.store
    };
    for cell in &cells {
        let stores: BTreeSet<String> = quoted(cell).map(name_of).collect();
        assert_eq!(stores.len(), 1, "README.md: a row is of one store: {cell}");
    }
    let mut rows: Vec<String> = cells.iter().filter_map(|cell| quoted(cell).next()).map(name_of).collect();
    rows.sort();
    assert!(rows.iter().eq(STORES.iter().map(|store| store.name)), "README.md has rows of {rows:?}");
    for store in STORES {
        let urls = store.schemes.iter().map(|scheme| format!("{scheme}://"));
        let layouts = store.layouts.iter().map(ToString::to_string);
        for what in urls.chain(layouts) {
            assert!(readme.contains(&what), "README.md says nothing of {what}, which {} declares", store.name);
        }
    }
}

#[test]
fn the_table_of_stores_in_the_guide_to_the_architecture_names_each_folder() {
    let guide = read("ARCHITECTURE.md");
    let rows = first_cells(&guide, "| store | folder |").len();
    assert_eq!(rows, STORES.len(), "ARCHITECTURE.md has {rows} stores");
    for store in STORES {
        let name = store.name.replace('-', "_");
        let is_named = [format!("`drivers/stores/{name}/`"), format!("`drivers/stores/{name}.rs`")];
        assert!(is_named.iter().any(|path| guide.contains(path)), "ARCHITECTURE.md says nothing of {name}");
    }
}
