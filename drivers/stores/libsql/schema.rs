//! Making, indexing and removing a dataset's tables.
//!
//! In a file that the user gave there may be tables of others. What is made here is marked
//! (`sql/sqlite/marks.rs`), and only what is marked is ever dropped. What else a run changes in the file was written down
//! beside the marks by the run that made the first table, and is set back with the last one, even after a crash: its
//! journal mode, the tables of statistics and, as far as SQLite can without rewriting the tables of others, its size.

use libsql::Connection;

use super::connection::{atomically, run, text, texts};
use super::failure::failure;
use crate::sql::dialect::Dialect;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::sqlite::marks;
use crate::{Dataset, Failure, FailureKind, Leftover};

/// The file as it was, in the transaction that makes the first table in it.
const REMEMBER: &str = "CREATE TABLE IF NOT EXISTS storebench_before \
                        (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT";
const ADD_BEFORE: &str = "INSERT OR IGNORE INTO storebench_before VALUES (?, ?)";
const BEFORE: &str = "SELECT value FROM storebench_before WHERE name = ?";
const FORGET: &str = "DROP TABLE storebench_before";

/// What ANALYZE makes (sqlite.org/fileformat2.html, sections 2.6.3 to 2.6.6).
const STATISTICS: [&str; 2] = ["sqlite_stat1", "sqlite_stat4"];

/// Makes the dataset's tables, empty, in place of those that this workload made before. Their indexes come later:
/// building one from rows that are there is quicker than keeping it while they come.
pub(super) async fn create(connection: &Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    atomically(connection, async {
        refuse_foreign(connection, layout).await?;
        remember(connection).await?;
        run(connection, marks::MAKE, ()).await?;
        drop_marked(connection, layout).await?;
        for table in layout.parts().flat_map(|part| layout.tables(part)) {
            run(connection, &table.create, ()).await?;
            run(connection, marks::ADD, [table.name.as_str(), layout.name.as_str()]).await?;
        }
        Ok(())
    })
    .await
}

/// Builds the secondary indexes, gathers what the planner wants to know, and moves the log into the file.
pub(super) async fn after_load(connection: &Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    for part in layout.parts() {
        for index in layout.indexes(part) {
            run(connection, &index.create, ()).await?;
        }
        run(connection, &format!("ANALYZE {}", layout.dialect.table_name(layout.name_of(part))), ()).await?;
    }
    // It answers (busy, pages in the log, pages moved).
    match text(connection, "PRAGMA wal_checkpoint(TRUNCATE)").await?.as_str() {
        "0" => Ok(()),
        _ => Err(Failure::new(FailureKind::Conflict, "libsql: another connection kept the log from being moved")),
    }
}

/// Removes what was made with its marker, and the tables of marks and markers with the last of it: then answers what the
/// file was before the first. Tables that the user has replaced are left alone and returned.
pub(super) async fn drop_own(
    connection: &Connection,
    layout: &SqliteLayout,
) -> Result<(Option<Before>, Vec<String>), Failure> {
    let (mut before, mut replaced) = (None, Vec::new());
    atomically(connection, async {
        if is_there(connection, marks::MARKS).await? {
            replaced = texts(connection, marks::REPLACED, [layout.name.as_str()]).await?;
            drop_marked(connection, layout).await?;
            if texts(connection, marks::ANY, ()).await?.is_empty() {
                run(connection, marks::DROP, ()).await?;
            }
        }
        if is_there(connection, marks::MARKERS).await? {
            run(connection, marks::REMOVE_MARKER, [layout.name.as_str()]).await?;
            if texts(connection, marks::ANY_MARKER, ()).await?.is_empty() {
                run(connection, marks::DROP_MARKERS, ()).await?;
            }
        }
        if !is_there(connection, marks::MARKS).await? && !is_there(connection, marks::MARKERS).await? {
            before = forget(connection).await?;
        }
        Ok(())
    })
    .await?;
    Ok((before, replaced))
}

/// What a file was before the first table of ours.
pub(super) struct Before {
    journal_mode: String,
    free_pages: u64,
}

pub(super) async fn remember(connection: &Connection) -> Result<(), Failure> {
    // Read first: the table itself may take a free page.
    let journal_mode = text(connection, "PRAGMA journal_mode").await?;
    let free_pages = text(connection, "PRAGMA freelist_count").await?;
    let mut were_there = Vec::new();
    for name in STATISTICS {
        let is_there = !texts(connection, marks::NAMED, [name]).await?.is_empty();
        were_there.push((name, is_there.to_string()));
    }
    run(connection, REMEMBER, ()).await?;
    for (name, value) in were_there.into_iter().chain([("journal_mode", journal_mode), ("free_pages", free_pages)]) {
        run(connection, ADD_BEFORE, [name, value.as_str()]).await?;
    }
    Ok(())
}

/// Drops the tables of statistics that were not there and now are empty (the rows of a table go with it), and what was
/// remembered. None if nothing was.
async fn forget(connection: &Connection) -> Result<Option<Before>, Failure> {
    if !is_there(connection, "storebench_before").await? {
        return Ok(None);
    }
    for name in STATISTICS {
        let was_there = texts(connection, BEFORE, [name]).await?.first().is_none_or(|there| there != "false");
        if !was_there
            && !texts(connection, marks::NAMED, [name]).await?.is_empty()
            && texts(connection, &format!("SELECT tbl FROM {name} LIMIT 1"), ()).await?.is_empty()
        {
            run(connection, &format!("DROP TABLE {name}"), ()).await?;
        }
    }
    let journal_mode = texts(connection, BEFORE, ["journal_mode"]).await?.pop().unwrap_or_default();
    let free_pages = texts(connection, BEFORE, ["free_pages"]).await?.pop().unwrap_or_default();
    run(connection, FORGET, ()).await?;
    Ok(Some(Before { journal_mode, free_pages: free_pages.parse().unwrap_or(0) }))
}

/// Answers what stays changed, each in words that follow the file's name.
pub(super) async fn set_back(connection: &Connection, before: &Before) -> Result<Vec<String>, Failure> {
    const INCREMENTAL: &str = "2";
    let mut changed = Vec::new();
    if before.journal_mode != "wal" {
        changed.extend(leave_wal_mode(connection).await?);
    }
    let more = number(connection, "PRAGMA freelist_count").await?.saturating_sub(before.free_pages);
    if more == 0 {
        return Ok(changed);
    }
    if is_empty(connection).await? {
        run(connection, "VACUUM", ()).await?;
    } else if text(connection, "PRAGMA auto_vacuum").await? == INCREMENTAL {
        // It frees a page a step, and this goes through all of them.
        let vacuum = format!("PRAGMA incremental_vacuum({more})");
        connection.execute_batch(&vacuum).await.map_err(|error| failure(error, &vacuum))?;
    } else {
        // VACUUM would rewrite the tables of others, and with them the rowids that are not declared as keys
        // (sqlite.org/lang_vacuum.html).
        let bytes = more * number(connection, "PRAGMA page_size").await?;
        changed.push(format!(
            "holds {more} free pages ({bytes} bytes) more than before the run, which the next rows fill; VACUUM gives \
             them back"
        ));
    }
    Ok(changed)
}

/// Moves the log into the file and removes it, which takes that nobody else has the file open.
pub(super) async fn leave_wal_mode(connection: &Connection) -> Result<Vec<String>, Failure> {
    match text(connection, "PRAGMA journal_mode = DELETE").await {
        Ok(mode) if mode != "wal" => Ok(Vec::new()),
        Err(failure) if failure.kind != FailureKind::Conflict => Err(failure),
        _ => Ok(vec![
            "stays in WAL mode, since another program has it open; `PRAGMA journal_mode = DELETE` ends it".to_owned(),
        ]),
    }
}

async fn number(connection: &Connection, statement: &str) -> Result<u64, Failure> {
    let number = text(connection, statement).await?;
    number.parse().map_err(|_| Failure::broken(format!("libsql: `{statement}` answers `{number}`")))
}

/// What our own tables say that there is.
pub(super) async fn leftovers(connection: &Connection) -> Result<Vec<Leftover>, Failure> {
    let mut lists = [Vec::new(), Vec::new()];
    for (list, (table, workloads)) in
        lists.iter_mut().zip([(marks::MARKS, marks::WORKLOADS), (marks::MARKERS, marks::MARKED)])
    {
        if is_there(connection, table).await? {
            *list = texts(connection, workloads, ()).await?;
        }
    }
    let [marked, markers] = lists;
    Ok(marks::leftovers(marked, markers))
}

/// Whether nothing is in the file but what the engine itself keeps there.
pub(super) async fn is_empty(connection: &Connection) -> Result<bool, Failure> {
    const OF_OTHERS: &str = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' LIMIT 1";
    Ok(texts(connection, OF_OTHERS, ()).await?.is_empty())
}

async fn drop_marked(connection: &Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    for table in texts(connection, marks::OF_WORKLOAD, [layout.name.as_str()]).await? {
        run(connection, &format!("DROP TABLE {}", layout.dialect.quoted(&table)), ()).await?;
    }
    run(connection, marks::REMOVE, [layout.name.as_str()]).await
}

/// What has the name of a table and is not marked as made for this workload is not ours.
pub(super) async fn refuse_foreign(connection: &Connection, dataset: &Dataset) -> Result<(), Failure> {
    let own = marked(connection, dataset).await?;
    for name in dataset.parts().map(|part| dataset.name_of(part)) {
        if !own.iter().any(|own| own.eq_ignore_ascii_case(name)) && is_there(connection, name).await? {
            return Err(Failure::broken(format!(
                "libsql: the file already holds a `{name}` that this workload did not make; give another file"
            )));
        }
    }
    Ok(())
}

/// Whether this workload has marks.
pub(super) async fn has_marked(connection: &Connection, dataset: &Dataset) -> Result<bool, Failure> {
    Ok(is_there(connection, marks::MARKS).await?
        && texts(connection, marks::WORKLOADS, ()).await?.contains(&dataset.name))
}

async fn marked(connection: &Connection, dataset: &Dataset) -> Result<Vec<String>, Failure> {
    match is_there(connection, marks::MARKS).await? {
        true => texts(connection, marks::OF_WORKLOAD, [dataset.name.as_str()]).await,
        false => Ok(Vec::new()),
    }
}

async fn is_there(connection: &Connection, name: &str) -> Result<bool, Failure> {
    Ok(!texts(connection, marks::NAMED, [name]).await?.is_empty())
}
