//! Making, settling and removing a dataset's tables, and the marker beside them.
//!
//! A server has one database, in which there may be tables of others. Ours have names of their own
//! (`storebench_<dataset>_<table>`) and are marked (`sql/sqlite/marks.rs`); only what is marked is ever dropped.

use std::sync::Arc;

use super::stream::Stream;
use crate::sql::sqlite::values::Column;
use crate::sql::sqlite::{marks, sql};
use crate::{Dataset, Failure, Leftover};

/// The dataset with the names that its parts have on the server. A dataset's name holds no underscore, so no two
/// datasets share a name.
pub(super) fn named(dataset: &Dataset) -> Arc<Dataset> {
    let mut named = dataset.clone();
    let prefix = format!("storebench_{}_", dataset.name);
    let tables = named.tables.iter_mut().map(|table| &mut table.name);
    let logs = named.logs.iter_mut().map(|log| &mut log.name);
    let series = named.series.iter_mut().map(|series| &mut series.name);
    tables.chain(logs).chain(series).for_each(|name| name.insert_str(0, &prefix));
    Arc::new(named)
}

/// Makes the dataset's tables, empty, in place of those that this workload made before. Their indexes come later:
/// building one from rows that are there is quicker than keeping it while they come.
pub(super) async fn create(stream: &mut Stream, named: &Dataset) -> Result<(), Failure> {
    stream.run("BEGIN IMMEDIATE", &[]).await?;
    refuse_foreign(stream, named).await?;
    stream.run(marks::MAKE, &[]).await?;
    drop_marked(stream, named).await?;
    for part in named.parts() {
        let name = named.name_of(part);
        stream.run(&sql::table(named, part), &[]).await?;
        stream.run(marks::ADD, &[text(name), text(&named.name)]).await?;
    }
    stream.run("COMMIT", &[]).await.map(|_| ())
}

/// Builds the secondary indexes. sqld allows neither ANALYZE nor a checkpoint.
pub(super) async fn settle(stream: &mut Stream, named: &Dataset) -> Result<(), Failure> {
    for index in indexes(named) {
        stream.run(&index, &[]).await?;
    }
    Ok(())
}

/// Removes what was made with its marker, and the tables of marks and markers with the last of it. Tables that the
/// user has replaced are left alone and returned.
pub(super) async fn drop_own(stream: &mut Stream, named: &Dataset) -> Result<Vec<String>, Failure> {
    let mut taken = Vec::new();
    stream.run("BEGIN IMMEDIATE", &[]).await?;
    if is_there(stream, marks::MARKS).await? {
        taken = stream.texts(marks::TAKEN, &[text(&named.name)]).await?;
        drop_marked(stream, named).await?;
        if stream.texts(marks::ANY, &[]).await?.is_empty() {
            stream.run(marks::DROP, &[]).await?;
        }
    }
    if is_there(stream, marks::MARKERS).await? {
        stream.run(marks::REMOVE_MARKER, &[text(&named.name)]).await?;
        if stream.texts(marks::ANY_MARKER, &[]).await?.is_empty() {
            stream.run(marks::DROP_MARKERS, &[]).await?;
        }
    }
    stream.run("COMMIT", &[]).await.map(|_| taken)
}

/// The marker beside the tables.
pub(super) async fn read_marker(stream: &mut Stream, named: &Dataset) -> Result<Option<String>, Failure> {
    if !is_there(stream, marks::MARKERS).await? {
        return Ok(None);
    }
    Ok(stream.texts(marks::MARKER, &[text(&named.name)]).await?.pop())
}

/// Puts a marker in the place of the expected one, if that is what is there: within a transaction of the only writer.
pub(super) async fn swap_marker(
    stream: &mut Stream,
    named: &Dataset,
    expected: Option<&str>,
    new: &str,
) -> Result<bool, Failure> {
    stream.run("BEGIN IMMEDIATE", &[]).await?;
    if read_marker(stream, named).await?.as_deref() != expected {
        stream.run("ROLLBACK", &[]).await?;
        return Ok(false);
    }
    if expected.is_none() {
        refuse_foreign(stream, named).await?;
        stream.run(marks::MAKE_MARKERS, &[]).await?;
    }
    let write = if expected.is_some() { marks::CHANGE_MARKER } else { marks::ADD_MARKER };
    stream.run(write, &[text(&named.name), text(new)]).await?;
    stream.run("COMMIT", &[]).await.map(|_| true)
}

/// What our own tables say that there is.
pub(super) async fn leftovers(stream: &mut Stream) -> Result<Vec<Leftover>, Failure> {
    let mut lists = [Vec::new(), Vec::new()];
    for (list, (table, workloads)) in
        lists.iter_mut().zip([(marks::MARKS, marks::WORKLOADS), (marks::MARKERS, marks::MARKED)])
    {
        if is_there(stream, table).await? {
            *list = stream.texts(workloads, &[]).await?;
        }
    }
    let [marked, markers] = lists;
    Ok(marks::leftovers(marked, markers))
}

/// What our tables and their indexes take in the database's file, log not counted.
pub(super) async fn bytes(stream: &mut Stream, named: &Dataset) -> Result<u64, Failure> {
    // sqlite.org/dbstat.html: with `aggregate` one row a table or index.
    const BYTES: &str = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name IN \
                         (SELECT name FROM sqlite_schema WHERE tbl_name = ?)";
    let mut sum = 0;
    for part in named.parts() {
        let bytes = stream.texts(BYTES, &[text(named.name_of(part))]).await?;
        sum += bytes.first().and_then(|bytes| bytes.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(sum)
}

/// For each part the statements that make it.
pub(super) fn layout(dataset: &Dataset, named: &Dataset) -> Vec<String> {
    let part = |part| [vec![sql::table(named, part)], sql::indexes(named, part)].concat().join("; ");
    dataset.parts().map(|one| format!("{}: {}", dataset.name_of(one), part(one))).collect()
}

fn indexes(named: &Dataset) -> impl Iterator<Item = String> {
    named.parts().flat_map(|part| sql::indexes(named, part))
}

async fn drop_marked(stream: &mut Stream, named: &Dataset) -> Result<(), Failure> {
    for table in stream.texts(marks::OF_WORKLOAD, &[text(&named.name)]).await? {
        stream.run(&format!("DROP TABLE {}", sql::quoted(&table)), &[]).await?;
    }
    stream.run(marks::REMOVE, &[text(&named.name)]).await.map(|_| ())
}

/// Refuses a database that holds something with a name of ours that this workload did not make.
async fn refuse_foreign(stream: &mut Stream, named: &Dataset) -> Result<(), Failure> {
    let own = match is_there(stream, marks::MARKS).await? {
        true => stream.texts(marks::OF_WORKLOAD, &[text(&named.name)]).await?,
        false => Vec::new(),
    };
    for name in named.parts().map(|part| named.name_of(part)) {
        if !own.iter().any(|own| own == name) && is_there(stream, name).await? {
            let problem = format!("libsql-server: the database holds a `{name}` that this workload did not make");
            return Err(Failure::broken(format!("{problem}; rename it or give another server")));
        }
    }
    Ok(())
}

async fn is_there(stream: &mut Stream, name: &str) -> Result<bool, Failure> {
    Ok(!stream.texts(marks::NAMED, &[text(name)]).await?.is_empty())
}

fn text(text: &str) -> Column<'_> {
    Column::Text(text.into())
}
