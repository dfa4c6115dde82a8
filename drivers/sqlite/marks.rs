//! Which tables are ours. What is made is written down in `storebench_mark`, and only what stands there is ever
//! dropped.

/// The table of marks.
#[cfg(feature = "libsql")]
pub(crate) const TABLE: &str = "storebench_mark";
/// Makes the table of marks.
pub(crate) const MAKE: &str = "CREATE TABLE IF NOT EXISTS storebench_mark \
                               (\"table\" TEXT NOT NULL PRIMARY KEY, workload TEXT NOT NULL) STRICT";
/// Marks a table as made for a workload: both are parameters.
pub(crate) const ADD: &str = "INSERT INTO storebench_mark VALUES (?, ?)";
/// The tables of a workload, which is the parameter.
pub(crate) const OF_WORKLOAD: &str = "SELECT \"table\" FROM storebench_mark WHERE workload = ?";
/// Removes the marks of a workload, which is the parameter.
pub(crate) const REMOVE: &str = "DELETE FROM storebench_mark WHERE workload = ?";
/// A mark, if there is one left.
pub(crate) const ANY: &str = "SELECT \"table\" FROM storebench_mark LIMIT 1";
/// Drops the table of marks.
pub(crate) const DROP: &str = "DROP TABLE storebench_mark";
/// Whatever has a name, which is the parameter.
pub(crate) const NAMED: &str = "SELECT name FROM sqlite_schema WHERE name = ? COLLATE NOCASE";
