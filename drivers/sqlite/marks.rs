//! Which tables are ours. What is made is written down in `storebench_mark`, and only what stands there is ever
//! dropped. Which run uses a workload's tables stands in `storebench_marker`.

use std::collections::BTreeSet;

use crate::Leftover;

/// What is left of these workloads, which have marks, and of those, which have markers.
pub(crate) fn leftovers(marked: Vec<String>, markers: Vec<String>) -> Vec<Leftover> {
    let names: BTreeSet<String> = marked.into_iter().chain(markers).collect();
    let leftover = |dataset: String| Leftover { what: format!("tables of {dataset}"), dataset, is_marked: true };
    names.into_iter().map(leftover).collect()
}

/// Makes the table of marks.
pub(crate) const MAKE: &str = "CREATE TABLE IF NOT EXISTS storebench_mark \
                               (\"table\" TEXT NOT NULL PRIMARY KEY, workload TEXT NOT NULL) STRICT";
/// Its name.
pub(crate) const MARKS: &str = "storebench_mark";
/// Marks a table as made for a workload: both are parameters.
pub(crate) const ADD: &str = "INSERT INTO storebench_mark VALUES (?, ?)";
/// The tables of a workload, which is the parameter.
pub(crate) const OF_WORKLOAD: &str = "SELECT \"table\" FROM storebench_mark WHERE workload = ?";
/// The workloads that have marks.
pub(crate) const WORKLOADS: &str = "SELECT DISTINCT workload FROM storebench_mark ORDER BY 1";
/// Removes the marks of a workload, which is the parameter.
pub(crate) const REMOVE: &str = "DELETE FROM storebench_mark WHERE workload = ?";
/// A mark, if there is one left.
pub(crate) const ANY: &str = "SELECT \"table\" FROM storebench_mark LIMIT 1";
/// Drops the table of marks.
pub(crate) const DROP: &str = "DROP TABLE storebench_mark";
/// Whatever has a name, which is the parameter.
pub(crate) const NAMED: &str = "SELECT name FROM sqlite_schema WHERE name = ? COLLATE NOCASE";

/// Makes the table of markers.
pub(crate) const MAKE_MARKERS: &str = "CREATE TABLE IF NOT EXISTS storebench_marker \
                                       (workload TEXT NOT NULL PRIMARY KEY, marker TEXT NOT NULL) STRICT";
/// Its name.
pub(crate) const MARKERS: &str = "storebench_marker";
/// The marker of a workload, which is the parameter.
pub(crate) const MARKER: &str = "SELECT marker FROM storebench_marker WHERE workload = ?";
/// The first marker of a workload: both are parameters.
pub(crate) const ADD_MARKER: &str = "INSERT INTO storebench_marker VALUES (?, ?)";
/// Another marker of a workload: both are parameters.
pub(crate) const CHANGE_MARKER: &str = "UPDATE storebench_marker SET marker = ?2 WHERE workload = ?1";
/// Removes the marker of a workload, which is the parameter.
pub(crate) const REMOVE_MARKER: &str = "DELETE FROM storebench_marker WHERE workload = ?";
/// The workloads that have markers.
pub(crate) const MARKED: &str = "SELECT workload FROM storebench_marker ORDER BY 1";
/// A marker, if there is one left.
pub(crate) const ANY_MARKER: &str = "SELECT workload FROM storebench_marker LIMIT 1";
/// Drops the table of markers.
pub(crate) const DROP_MARKERS: &str = "DROP TABLE storebench_marker";
