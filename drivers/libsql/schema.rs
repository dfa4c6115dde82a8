//! Making, settling and removing a dataset's tables.
//!
//! In a file that the user gave there may be tables of others. What is made here is marked
//! (`sqlite/marks.rs`), and only what is marked is ever dropped.

use libsql::Connection;

use super::{failure, text, texts};
use crate::sqlite::{marks, sql};
use crate::{Dataset, Failure, FailureKind};

/// Makes the dataset's tables, empty, in place of those that this workload made before. Their indexes come later:
/// building one from rows that are there is quicker than keeping it while they come.
pub(super) async fn create(connection: &Connection, dataset: &Dataset) -> Result<(), Failure> {
    atomically(connection, async {
        run(connection, marks::MAKE, ()).await?;
        drop_marked(connection, dataset).await?;
        for part in dataset.parts() {
            let name = dataset.name_of(part);
            refuse_foreign(connection, name).await?;
            run(connection, &sql::table(dataset, part), ()).await?;
            run(connection, marks::ADD, [name, dataset.name.as_str()]).await?;
        }
        Ok(())
    })
    .await
}

/// Builds the secondary indexes, gathers what the planner wants to know, and moves the log into the file.
pub(super) async fn settle(connection: &Connection, dataset: &Dataset) -> Result<(), Failure> {
    for part in dataset.parts() {
        for index in sql::indexes(dataset, part) {
            run(connection, &index, ()).await?;
        }
        run(connection, &format!("ANALYZE {}", sql::quoted(dataset.name_of(part))), ()).await?;
    }
    // It answers (busy, pages in the log, pages moved).
    match text(connection, "PRAGMA wal_checkpoint(TRUNCATE)").await?.as_str() {
        "0" => Ok(()),
        _ => Err(Failure::new(FailureKind::Conflict, "libsql: another connection kept the log from being moved")),
    }
}

/// Removes what was made, and the marks with the last of it.
pub(super) async fn drop_own(connection: &Connection, dataset: &Dataset) -> Result<(), Failure> {
    atomically(connection, async {
        run(connection, marks::MAKE, ()).await?;
        drop_marked(connection, dataset).await?;
        if texts(connection, marks::ANY, ()).await?.is_empty() {
            run(connection, marks::DROP, ()).await?;
        }
        Ok(())
    })
    .await
}

/// Whether nothing is in the file but what the engine itself keeps there.
pub(super) async fn is_empty(connection: &Connection) -> Result<bool, Failure> {
    const OF_OTHERS: &str = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' LIMIT 1";
    Ok(texts(connection, OF_OTHERS, ()).await?.is_empty())
}

/// For each part the statements that make it.
pub(super) fn layout(dataset: &Dataset) -> Vec<String> {
    let part = |part| [vec![sql::table(dataset, part)], sql::indexes(dataset, part)].concat().join("; ");
    dataset.parts().map(|one| format!("{}: {}", dataset.name_of(one), part(one))).collect()
}

async fn drop_marked(connection: &Connection, dataset: &Dataset) -> Result<(), Failure> {
    for table in texts(connection, marks::OF_WORKLOAD, [dataset.name.as_str()]).await? {
        run(connection, &format!("DROP TABLE IF EXISTS {}", sql::quoted(&table)), ()).await?;
    }
    run(connection, marks::REMOVE, [dataset.name.as_str()]).await
}

/// After our own are dropped, whatever still has the name is not ours.
async fn refuse_foreign(connection: &Connection, name: &str) -> Result<(), Failure> {
    if texts(connection, marks::NAMED, [name]).await?.is_empty() {
        return Ok(());
    }
    Err(Failure::broken(format!(
        "libsql: the file already holds a `{name}` that this workload did not make; give another file"
    )))
}

/// Runs the changes in one transaction, which is undone if one of them fails.
async fn atomically(
    connection: &Connection,
    changes: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    run(connection, "BEGIN IMMEDIATE", ()).await?;
    let done = match changes.await {
        Ok(()) => run(connection, "COMMIT", ()).await,
        failed => failed,
    };
    if done.is_err() && !connection.is_autocommit() {
        run(connection, "ROLLBACK", ()).await?;
    }
    done
}

async fn run(
    connection: &Connection,
    statement: &str,
    parameters: impl libsql::params::IntoParams,
) -> Result<(), Failure> {
    connection.execute(statement, parameters).await.map_err(|error| failure(error, &statement)).map(|_| ())
}
