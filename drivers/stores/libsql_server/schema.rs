//! Making, indexing and removing a dataset's tables, and the marker beside them.
//!
//! A server has one database, in which there may be tables of others. Ours have names of their own
//! (`storebench_<dataset>_<table>`) and are marked (`sql/sqlite/ownership.rs`); only what is marked is ever dropped.

use super::connection::Connection;
use crate::sql::dialect::Dialect;
use crate::sql::sqlite::dialect::{SqliteDialect, SqliteLayout};
use crate::sql::sqlite::ownership::{self, AdminConnection};
use crate::{Dataset, Failure};

/// The dialect with what the names of a dataset's tables begin with. A dataset's name holds no underscore, so no two datasets
/// share a name.
pub(super) fn dialect(dataset: &Dataset) -> SqliteDialect {
    SqliteDialect { prefix: format!("storebench_{}_", dataset.name) }
}

/// Makes the dataset's tables, empty, in place of those that this workload made before.
pub(super) async fn create(connection: &mut Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    connection.run("BEGIN IMMEDIATE", &[]).await?;
    refuse_foreign(connection, layout).await?;
    ownership::create_tables(connection, layout).await?;
    connection.run("COMMIT", &[]).await
}

/// Builds the secondary indexes. sqld allows neither ANALYZE nor a checkpoint.
pub(super) async fn after_load(connection: &mut Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    for index in layout.parts().flat_map(|part| layout.indexes(part)) {
        connection.run(&index.create, &[]).await?;
    }
    Ok(())
}

/// Removes what was made, with its marker. Tables that the user has replaced are left alone and returned.
pub(super) async fn drop_own(connection: &mut Connection, layout: &SqliteLayout) -> Result<Vec<String>, Failure> {
    connection.run("BEGIN IMMEDIATE", &[]).await?;
    let replaced = ownership::drop_own(connection, layout).await?;
    connection.run("COMMIT", &[]).await.map(|()| replaced)
}

/// Puts a marker in the place of the expected one, if that is what is there: within a transaction of the only writer.
pub(super) async fn swap_marker(
    connection: &mut Connection,
    layout: &SqliteLayout,
    expected: Option<&str>,
    new: &str,
) -> Result<bool, Failure> {
    connection.run("BEGIN IMMEDIATE", &[]).await?;
    if ownership::read_marker(connection, &layout.name).await?.as_deref() != expected {
        connection.run("ROLLBACK", &[]).await?;
        return Ok(false);
    }
    if expected.is_none() {
        refuse_foreign(connection, layout).await?;
    }
    ownership::write_marker(connection, &layout.name, new, expected.is_none()).await?;
    connection.run("COMMIT", &[]).await.map(|()| true)
}

/// What our tables and their indexes take in the database's file, log not counted.
pub(super) async fn bytes(connection: &mut Connection, layout: &SqliteLayout) -> Result<u64, Failure> {
    // sqlite.org/dbstat.html: with `aggregate` one row a table or index.
    const BYTES: &str = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name IN \
                         (SELECT name FROM sqlite_schema WHERE tbl_name = ?)";
    let mut sum = 0;
    for part in layout.parts() {
        let table = layout.dialect.name(layout.name_of(part));
        let bytes = connection.texts(BYTES, &[&table]).await?;
        sum += bytes.first().and_then(|bytes| bytes.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(sum)
}

/// Refuses a database that holds something with a name of ours that this workload did not make.
async fn refuse_foreign(connection: &mut Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    let Some(name) = ownership::foreign_table(connection, layout).await? else { return Ok(()) };
    let problem = format!("libsql-server: the database holds a `{name}` that this workload did not make");
    Err(Failure::broken(format!("{problem}; rename it or give another server")))
}
