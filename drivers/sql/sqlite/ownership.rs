//! Which tables are ours. What is made is written down in `storebench_made`, with the statement by which the schema
//! knows it, and only what still stands in the schema with the same statement is ever dropped. Which run uses a
//! workload's tables stands in `storebench_marker`.

use std::collections::BTreeSet;

use super::dialect::SqliteLayout;
use crate::sql::dialect::Dialect;
use crate::{Failure, Leftover};

/// A connection on which tables are made and removed, outside operations.
pub(crate) trait AdminConnection {
    /// Runs a statement and ignores its rows.
    async fn run(&mut self, sql: &str, parameters: &[&str]) -> Result<(), Failure>;

    /// The first column of all rows that a statement answers, as text.
    async fn texts(&mut self, sql: &str, parameters: &[&str]) -> Result<Vec<String>, Failure>;
}

/// The words about a marked table that the user has replaced since; the place's name comes before them.
pub(crate) fn left_alone(table: &str) -> String {
    format!("holds a `{table}` that is no longer the one that was made here: it was left alone")
}

/// The name of a part's table that is there and not marked as made for this workload: it is not ours.
pub(crate) async fn foreign_table(
    connection: &mut impl AdminConnection,
    layout: &SqliteLayout,
) -> Result<Option<String>, Failure> {
    let own = match is_there(connection, MARKS).await? {
        true => connection.texts(OF_WORKLOAD, &[&layout.name]).await?,
        false => Vec::new(),
    };
    for name in layout.parts().map(|part| layout.dialect.name(layout.name_of(part))) {
        if !own.iter().any(|own| own.eq_ignore_ascii_case(&name)) && is_there(connection, &name).await? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Makes the dataset's tables, empty, in place of those that this workload made before. Their indexes come later:
/// building one from rows that are there is quicker than keeping it while they come.
pub(crate) async fn create_tables(connection: &mut impl AdminConnection, layout: &SqliteLayout) -> Result<(), Failure> {
    connection.run(MAKE, &[]).await?;
    drop_marked(connection, layout).await?;
    for table in layout.parts().flat_map(|part| layout.tables(part)) {
        connection.run(&table.create, &[]).await?;
        connection.run(ADD, &[&table.name, &layout.name]).await?;
    }
    Ok(())
}

/// Removes what was made with its marker, and the tables of marks and markers with the last of it. Tables that the user has
/// replaced are left alone and returned.
pub(crate) async fn drop_own(
    connection: &mut impl AdminConnection,
    layout: &SqliteLayout,
) -> Result<Vec<String>, Failure> {
    let mut replaced = Vec::new();
    if is_there(connection, MARKS).await? {
        replaced = connection.texts(REPLACED, &[&layout.name]).await?;
        drop_marked(connection, layout).await?;
        if connection.texts(ANY, &[]).await?.is_empty() {
            connection.run(DROP, &[]).await?;
        }
    }
    if is_there(connection, MARKERS).await? {
        connection.run(REMOVE_MARKER, &[&layout.name]).await?;
        if connection.texts(ANY_MARKER, &[]).await?.is_empty() {
            connection.run(DROP_MARKERS, &[]).await?;
        }
    }
    Ok(replaced)
}

async fn drop_marked(connection: &mut impl AdminConnection, layout: &SqliteLayout) -> Result<(), Failure> {
    for table in connection.texts(OF_WORKLOAD, &[&layout.name]).await? {
        connection.run(&format!("DROP TABLE {}", layout.dialect.quoted(&table)), &[]).await?;
    }
    connection.run(REMOVE, &[&layout.name]).await
}

/// Whether nothing is left of any workload.
pub(crate) async fn has_nothing(connection: &mut impl AdminConnection) -> Result<bool, Failure> {
    Ok(!is_there(connection, MARKS).await? && !is_there(connection, MARKERS).await?)
}

/// Whether a workload has marked tables.
pub(crate) async fn has_marked(connection: &mut impl AdminConnection, workload: &str) -> Result<bool, Failure> {
    let is_it = |marked: &String| marked == workload;
    Ok(is_there(connection, MARKS).await? && connection.texts(WORKLOADS, &[]).await?.iter().any(is_it))
}

/// The marker beside a workload's tables.
pub(crate) async fn read_marker(
    connection: &mut impl AdminConnection,
    workload: &str,
) -> Result<Option<String>, Failure> {
    if !is_there(connection, MARKERS).await? {
        return Ok(None);
    }
    Ok(connection.texts(MARKER, &[workload]).await?.pop())
}

/// Writes the first marker of a workload, or another one.
pub(crate) async fn write_marker(
    connection: &mut impl AdminConnection,
    workload: &str,
    new: &str,
    is_first: bool,
) -> Result<(), Failure> {
    if !is_first {
        return connection.run(CHANGE_MARKER, &[workload, new]).await;
    }
    connection.run(MAKE_MARKERS, &[]).await?;
    connection.run(ADD_MARKER, &[workload, new]).await
}

/// What is left of workloads that have marks or markers.
pub(crate) async fn leftovers(connection: &mut impl AdminConnection) -> Result<Vec<Leftover>, Failure> {
    let mut names = BTreeSet::new();
    for (table, workloads) in [(MARKS, WORKLOADS), (MARKERS, MARKED)] {
        if is_there(connection, table).await? {
            names.extend(connection.texts(workloads, &[]).await?);
        }
    }
    let leftover = |dataset: String| Leftover { what: format!("tables of {dataset}"), dataset, is_marked: true };
    Ok(names.into_iter().map(leftover).collect())
}

/// Whether something has this name, in upper case or lower.
pub(crate) async fn is_there(connection: &mut impl AdminConnection, name: &str) -> Result<bool, Failure> {
    Ok(!connection.texts(NAMED, &[name]).await?.is_empty())
}

/// Makes the table of marks.
const MAKE: &str = "CREATE TABLE IF NOT EXISTS storebench_made \
                               (\"table\" TEXT NOT NULL PRIMARY KEY, workload TEXT NOT NULL, sql TEXT NOT NULL) STRICT";
const MARKS: &str = "storebench_made";
/// Marks a table that was just made for a workload, with the statement that the schema has of it: the table and the
/// workload are parameters.
const ADD: &str = "INSERT INTO storebench_made SELECT name, ?2, sql FROM sqlite_schema WHERE name = ?1";
/// The tables of a workload, which is the parameter, that are still those that were made.
const OF_WORKLOAD: &str = "SELECT \"table\" FROM storebench_made AS made JOIN sqlite_schema AS there \
                                      ON there.name = \"table\" AND there.sql = made.sql WHERE workload = ?";
/// The tables of a workload, which is the parameter, that were replaced or altered since: the schema has the name with
/// another statement.
const REPLACED: &str = "SELECT \"table\" FROM storebench_made AS made JOIN sqlite_schema AS there \
                                ON there.name = \"table\" COLLATE NOCASE AND there.sql IS NOT made.sql \
                                WHERE workload = ?";
/// The workloads that have marks.
const WORKLOADS: &str = "SELECT DISTINCT workload FROM storebench_made ORDER BY 1";
/// Removes the marks of a workload, which is the parameter.
const REMOVE: &str = "DELETE FROM storebench_made WHERE workload = ?";
/// A mark, if there is one left.
const ANY: &str = "SELECT \"table\" FROM storebench_made LIMIT 1";
/// Drops the table of marks.
const DROP: &str = "DROP TABLE storebench_made";
/// Whatever has a name, which is the parameter.
const NAMED: &str = "SELECT name FROM sqlite_schema WHERE name = ? COLLATE NOCASE";

/// Makes the table of markers.
const MAKE_MARKERS: &str = "CREATE TABLE IF NOT EXISTS storebench_marker \
                                       (workload TEXT NOT NULL PRIMARY KEY, marker TEXT NOT NULL) STRICT";
const MARKERS: &str = "storebench_marker";
/// The marker of a workload, which is the parameter.
const MARKER: &str = "SELECT marker FROM storebench_marker WHERE workload = ?";
/// The first marker of a workload: both are parameters.
const ADD_MARKER: &str = "INSERT INTO storebench_marker VALUES (?, ?)";
/// Another marker of a workload: both are parameters.
const CHANGE_MARKER: &str = "UPDATE storebench_marker SET marker = ?2 WHERE workload = ?1";
/// Removes the marker of a workload, which is the parameter.
const REMOVE_MARKER: &str = "DELETE FROM storebench_marker WHERE workload = ?";
/// The workloads that have markers.
const MARKED: &str = "SELECT workload FROM storebench_marker ORDER BY 1";
/// A marker, if there is one left.
const ANY_MARKER: &str = "SELECT workload FROM storebench_marker LIMIT 1";
/// Drops the table of markers.
const DROP_MARKERS: &str = "DROP TABLE storebench_marker";
