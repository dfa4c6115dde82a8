//! Making, indexing and removing a dataset's tables, and the marker beside them.
//!
//! A server has one database, in which there may be tables of others. Ours have names of their own
//! (`storebench_<dataset>_<table>`) and are marked (`sql/sqlite/marks.rs`); only what is marked is ever dropped.

use super::connection::Connection;
use crate::sql::dialect::Dialect;
use crate::sql::sqlite::dialect::{SqliteDialect, SqliteLayout};
use crate::sql::sqlite::marks;
use crate::sql::sqlite::values::SqliteValue;
use crate::{Dataset, Failure, Leftover};

/// The dialect with what the names of a dataset's tables begin with. A dataset's name holds no underscore, so no two datasets
/// share a name.
pub(super) fn dialect(dataset: &Dataset) -> SqliteDialect {
    SqliteDialect { prefix: format!("storebench_{}_", dataset.name) }
}

/// Makes the dataset's tables, empty, in place of those that this workload made before. Their indexes come later:
/// building one from rows that are there is quicker than keeping it while they come.
pub(super) async fn create(connection: &mut Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    connection.run("BEGIN IMMEDIATE", &[]).await?;
    refuse_foreign(connection, layout).await?;
    connection.run(marks::MAKE, &[]).await?;
    drop_marked(connection, layout).await?;
    for table in layout.parts().flat_map(|part| layout.tables(part)) {
        connection.run(&table.create, &[]).await?;
        connection.run(marks::ADD, &[text(&table.name), text(&layout.name)]).await?;
    }
    connection.run("COMMIT", &[]).await.map(|_| ())
}

/// Builds the secondary indexes. sqld allows neither ANALYZE nor a checkpoint.
pub(super) async fn after_load(connection: &mut Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    for index in layout.parts().flat_map(|part| layout.indexes(part)) {
        connection.run(&index.create, &[]).await?;
    }
    Ok(())
}

/// Removes what was made with its marker, and the tables of marks and markers with the last of it. Tables that the
/// user has replaced are left alone and returned.
pub(super) async fn drop_own(connection: &mut Connection, layout: &SqliteLayout) -> Result<Vec<String>, Failure> {
    let mut replaced = Vec::new();
    connection.run("BEGIN IMMEDIATE", &[]).await?;
    if is_there(connection, marks::MARKS).await? {
        replaced = connection.texts(marks::REPLACED, &[text(&layout.name)]).await?;
        drop_marked(connection, layout).await?;
        if connection.texts(marks::ANY, &[]).await?.is_empty() {
            connection.run(marks::DROP, &[]).await?;
        }
    }
    if is_there(connection, marks::MARKERS).await? {
        connection.run(marks::REMOVE_MARKER, &[text(&layout.name)]).await?;
        if connection.texts(marks::ANY_MARKER, &[]).await?.is_empty() {
            connection.run(marks::DROP_MARKERS, &[]).await?;
        }
    }
    connection.run("COMMIT", &[]).await.map(|_| replaced)
}

/// The marker beside the tables.
pub(super) async fn read_marker(connection: &mut Connection, layout: &SqliteLayout) -> Result<Option<String>, Failure> {
    if !is_there(connection, marks::MARKERS).await? {
        return Ok(None);
    }
    Ok(connection.texts(marks::MARKER, &[text(&layout.name)]).await?.pop())
}

/// Puts a marker in the place of the expected one, if that is what is there: within a transaction of the only writer.
pub(super) async fn swap_marker(
    connection: &mut Connection,
    layout: &SqliteLayout,
    expected: Option<&str>,
    new: &str,
) -> Result<bool, Failure> {
    connection.run("BEGIN IMMEDIATE", &[]).await?;
    if read_marker(connection, layout).await?.as_deref() != expected {
        connection.run("ROLLBACK", &[]).await?;
        return Ok(false);
    }
    if expected.is_none() {
        refuse_foreign(connection, layout).await?;
        connection.run(marks::MAKE_MARKERS, &[]).await?;
    }
    let write = if expected.is_some() { marks::CHANGE_MARKER } else { marks::ADD_MARKER };
    connection.run(write, &[text(&layout.name), text(new)]).await?;
    connection.run("COMMIT", &[]).await.map(|_| true)
}

/// What our own tables say that there is.
pub(super) async fn leftovers(connection: &mut Connection) -> Result<Vec<Leftover>, Failure> {
    let mut lists = [Vec::new(), Vec::new()];
    for (list, (table, workloads)) in
        lists.iter_mut().zip([(marks::MARKS, marks::WORKLOADS), (marks::MARKERS, marks::MARKED)])
    {
        if is_there(connection, table).await? {
            *list = connection.texts(workloads, &[]).await?;
        }
    }
    let [marked, markers] = lists;
    Ok(marks::leftovers(marked, markers))
}

/// What our tables and their indexes take in the database's file, log not counted.
pub(super) async fn bytes(connection: &mut Connection, layout: &SqliteLayout) -> Result<u64, Failure> {
    // sqlite.org/dbstat.html: with `aggregate` one row a table or index.
    const BYTES: &str = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name IN \
                         (SELECT name FROM sqlite_schema WHERE tbl_name = ?)";
    let mut sum = 0;
    for part in layout.parts() {
        let table = layout.dialect.name(layout.name_of(part));
        let bytes = connection.texts(BYTES, &[text(&table)]).await?;
        sum += bytes.first().and_then(|bytes| bytes.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(sum)
}

async fn drop_marked(connection: &mut Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    for table in connection.texts(marks::OF_WORKLOAD, &[text(&layout.name)]).await? {
        connection.run(&format!("DROP TABLE {}", layout.dialect.quoted(&table)), &[]).await?;
    }
    connection.run(marks::REMOVE, &[text(&layout.name)]).await.map(|_| ())
}

/// Refuses a database that holds something with a name of ours that this workload did not make.
async fn refuse_foreign(connection: &mut Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    let own = match is_there(connection, marks::MARKS).await? {
        true => connection.texts(marks::OF_WORKLOAD, &[text(&layout.name)]).await?,
        false => Vec::new(),
    };
    for name in layout.parts().map(|part| layout.dialect.name(layout.name_of(part))) {
        if !own.contains(&name) && is_there(connection, &name).await? {
            let problem = format!("libsql-server: the database holds a `{name}` that this workload did not make");
            return Err(Failure::broken(format!("{problem}; rename it or give another server")));
        }
    }
    Ok(())
}

async fn is_there(connection: &mut Connection, name: &str) -> Result<bool, Failure> {
    Ok(!connection.texts(marks::NAMED, &[text(name)]).await?.is_empty())
}

fn text(text: &str) -> SqliteValue<'_> {
    SqliteValue::Text(text.into())
}
