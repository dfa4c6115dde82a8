//! Making, settling and removing a dataset's tables.
//!
//! In a file that the user gave there may be tables of others. What is made here is marked
//! (`sqlite/marks.rs`), and only what is marked is ever dropped.

use libsql::Connection;

use super::{failure, text, texts};
use crate::sqlite::{marks, sql};
use crate::{Dataset, Failure, FailureKind, Leftover};

/// Makes the dataset's tables, empty, in place of those that this workload made before. Their indexes come later:
/// building one from rows that are there is quicker than keeping it while they come.
pub(super) async fn create(connection: &Connection, dataset: &Dataset) -> Result<(), Failure> {
    atomically(connection, async {
        refuse_foreign(connection, dataset).await?;
        run(connection, marks::MAKE, ()).await?;
        drop_marked(connection, dataset).await?;
        for part in dataset.parts() {
            let name = dataset.name_of(part);
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

/// Removes what was made with its marker, and the tables of marks and markers with the last of it.
pub(super) async fn drop_own(connection: &Connection, dataset: &Dataset) -> Result<(), Failure> {
    let name = dataset.name.as_str();
    atomically(connection, async {
        if is_there(connection, marks::MARKS).await? {
            drop_marked(connection, dataset).await?;
            if texts(connection, marks::ANY, ()).await?.is_empty() {
                run(connection, marks::DROP, ()).await?;
            }
        }
        if is_there(connection, marks::MARKERS).await? {
            run(connection, marks::REMOVE_MARKER, [name]).await?;
            if texts(connection, marks::ANY_MARKER, ()).await?.is_empty() {
                run(connection, marks::DROP_MARKERS, ()).await?;
            }
        }
        Ok(())
    })
    .await
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

/// Refuses a file that holds something with a name of ours that this workload did not make.
pub(super) async fn refuse_foreign(connection: &Connection, dataset: &Dataset) -> Result<(), Failure> {
    let own = match is_there(connection, marks::MARKS).await? {
        true => texts(connection, marks::OF_WORKLOAD, [dataset.name.as_str()]).await?,
        false => Vec::new(),
    };
    for name in dataset.parts().map(|part| dataset.name_of(part)) {
        if !own.iter().any(|own| own.eq_ignore_ascii_case(name)) && is_there(connection, name).await? {
            return Err(Failure::broken(format!(
                "libsql: the file already holds a `{name}` that this workload did not make; give another file"
            )));
        }
    }
    Ok(())
}

async fn is_there(connection: &Connection, name: &str) -> Result<bool, Failure> {
    Ok(!texts(connection, marks::NAMED, [name]).await?.is_empty())
}

/// Runs the changes in one transaction, which is undone if one of them fails.
pub(super) async fn atomically(
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

pub(super) async fn run(
    connection: &Connection,
    statement: &str,
    parameters: impl libsql::params::IntoParams,
) -> Result<(), Failure> {
    connection.execute(statement, parameters).await.map_err(|error| failure(error, &statement)).map(|_| ())
}
