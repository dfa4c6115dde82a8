//! Making, indexing and removing a dataset's tables.
//!
//! In a file that the user gave there may be tables of others. What is made here is marked
//! (`sql/sqlite/ownership.rs`), and only what is marked is ever dropped. What else a run changes in the file was written down
//! beside the marks by the run that made the first table, and is set back with the last one, even after a crash: its
//! journal mode, the tables of statistics and, as far as SQLite can without rewriting the tables of others, its size.

use libsql::Connection;

use super::connection::{atomically, run, text, texts};
use super::failure::failure;
use crate::sql::dialect::Dialect;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::sqlite::ownership::{self, is_there};
use crate::{Failure, FailureKind};

/// The file as it was, in the transaction that makes the first table in it.
const REMEMBER: &str = "CREATE TABLE IF NOT EXISTS storebench_before \
                        (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT";
const ADD_BEFORE: &str = "INSERT OR IGNORE INTO storebench_before VALUES (?, ?)";
const BEFORE: &str = "SELECT value FROM storebench_before WHERE name = ?";
const FORGET: &str = "DROP TABLE storebench_before";

/// What ANALYZE makes (sqlite.org/fileformat2.html, sections 2.6.3 to 2.6.6).
const STATISTICS: [&str; 2] = ["sqlite_stat1", "sqlite_stat4"];

/// Makes the dataset's tables, empty, in place of those that this workload made before.
pub(super) async fn create(mut connection: &Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    atomically(connection, async {
        refuse_foreign(connection, layout).await?;
        remember(connection).await?;
        ownership::create_tables(&mut connection, layout).await
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

/// Removes what was made, with its marker: then answers what the file was before the first of it. Tables that the user has
/// replaced are left alone and returned.
pub(super) async fn drop_own(
    mut connection: &Connection,
    layout: &SqliteLayout,
) -> Result<(Option<Before>, Vec<String>), Failure> {
    let (mut before, mut replaced) = (None, Vec::new());
    atomically(connection, async {
        replaced = ownership::drop_own(&mut connection, layout).await?;
        if ownership::has_nothing(&mut connection).await? {
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

pub(super) async fn remember(mut connection: &Connection) -> Result<(), Failure> {
    // Read first: the table itself may take a free page.
    let journal_mode = text(connection, "PRAGMA journal_mode").await?;
    let free_pages = text(connection, "PRAGMA freelist_count").await?;
    let mut were_there = Vec::new();
    for name in STATISTICS {
        were_there.push((name, is_there(&mut connection, name).await?.to_string()));
    }
    run(connection, REMEMBER, ()).await?;
    for (name, value) in were_there.into_iter().chain([("journal_mode", journal_mode), ("free_pages", free_pages)]) {
        run(connection, ADD_BEFORE, [name, value.as_str()]).await?;
    }
    Ok(())
}

/// Drops the tables of statistics that were not there and now are empty (the rows of a table go with it), and what was
/// remembered. None if nothing was.
async fn forget(mut connection: &Connection) -> Result<Option<Before>, Failure> {
    if !is_there(&mut connection, "storebench_before").await? {
        return Ok(None);
    }
    for name in STATISTICS {
        let was_there = texts(connection, BEFORE, [name]).await?.first().is_none_or(|there| there != "false");
        if !was_there
            && is_there(&mut connection, name).await?
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

/// Whether nothing is in the file but what the engine itself keeps there.
pub(super) async fn is_empty(connection: &Connection) -> Result<bool, Failure> {
    const OF_OTHERS: &str = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' LIMIT 1";
    Ok(texts(connection, OF_OTHERS, ()).await?.is_empty())
}

/// What has the name of a table and is not marked as made for this workload is not ours.
pub(super) async fn refuse_foreign(mut connection: &Connection, layout: &SqliteLayout) -> Result<(), Failure> {
    match ownership::foreign_table(&mut connection, layout).await? {
        Some(name) => Err(Failure::broken(format!(
            "libsql: the file already holds a `{name}` that this workload did not make; give another file"
        ))),
        None => Ok(()),
    }
}
