//! Which tables are ours. What is made is written down in `storebench_made`, with the statement by which the schema
//! knows it, and only what still stands in the schema with the same statement is ever dropped. Which run uses a
//! workload's tables stands in `storebench_marker`.

use std::collections::BTreeSet;

use crate::Leftover;

/// The words about a marked table that the user has replaced since; the place's name comes before them.
pub(crate) fn left_alone(table: &str) -> String {
    format!("holds a `{table}` that is no longer the one that was made here: it was left alone")
}

/// What is left of these workloads, which have marks, and of those, which have markers.
pub(crate) fn leftovers(marked: Vec<String>, markers: Vec<String>) -> Vec<Leftover> {
    let names: BTreeSet<String> = marked.into_iter().chain(markers).collect();
    let leftover = |dataset: String| Leftover { what: format!("tables of {dataset}"), dataset, is_marked: true };
    names.into_iter().map(leftover).collect()
}

/// Makes the table of marks.
pub(crate) const MAKE: &str = "CREATE TABLE IF NOT EXISTS storebench_made \
                               (\"table\" TEXT NOT NULL PRIMARY KEY, workload TEXT NOT NULL, sql TEXT NOT NULL) STRICT";
/// Its name.
pub(crate) const MARKS: &str = "storebench_made";
/// Marks a table that was just made for a workload, with the statement that the schema has of it: the table and the
/// workload are parameters.
pub(crate) const ADD: &str = "INSERT INTO storebench_made SELECT name, ?2, sql FROM sqlite_schema WHERE name = ?1";
/// The tables of a workload, which is the parameter, that are still those that were made.
pub(crate) const OF_WORKLOAD: &str = "SELECT \"table\" FROM storebench_made AS made JOIN sqlite_schema AS there \
                                      ON there.name = \"table\" AND there.sql = made.sql WHERE workload = ?";
/// The tables of a workload, which is the parameter, that were replaced or altered since: the schema has the name with
/// another statement.
pub(crate) const REPLACED: &str = "SELECT \"table\" FROM storebench_made AS made JOIN sqlite_schema AS there \
                                ON there.name = \"table\" COLLATE NOCASE AND there.sql IS NOT made.sql \
                                WHERE workload = ?";
/// The workloads that have marks.
pub(crate) const WORKLOADS: &str = "SELECT DISTINCT workload FROM storebench_made ORDER BY 1";
/// Removes the marks of a workload, which is the parameter.
pub(crate) const REMOVE: &str = "DELETE FROM storebench_made WHERE workload = ?";
/// A mark, if there is one left.
pub(crate) const ANY: &str = "SELECT \"table\" FROM storebench_made LIMIT 1";
/// Drops the table of marks.
pub(crate) const DROP: &str = "DROP TABLE storebench_made";
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
