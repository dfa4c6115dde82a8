//! Statements that are run once on a connection of the crate's, outside operations.

use libsql::Connection;
use libsql::params::IntoParams;

use super::failure::failure;
use crate::Failure;
use crate::sql::sqlite::ownership::AdminConnection;

/// The first column of the first row that a statement answers, as text.
pub(super) async fn text(connection: &Connection, statement: &str) -> Result<String, Failure> {
    let rows = texts(connection, statement, ()).await?;
    rows.into_iter().next().ok_or_else(|| Failure::broken(format!("libsql answers nothing to `{statement}`")))
}

/// The first column of all rows that a statement answers, as text.
pub(super) async fn texts(
    connection: &Connection,
    statement: &str,
    parameters: impl IntoParams,
) -> Result<Vec<String>, Failure> {
    let mut rows = connection.query(statement, parameters).await.map_err(|error| failure(error, &statement))?;
    let mut texts = Vec::new();
    while let Some(row) = rows.next().await.map_err(|error| failure(error, &statement))? {
        texts.push(row.get_str(0).map_err(|error| failure(error, &statement))?.to_owned());
    }
    Ok(texts)
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

pub(super) async fn run(connection: &Connection, statement: &str, parameters: impl IntoParams) -> Result<(), Failure> {
    connection.execute(statement, parameters).await.map_err(|error| failure(error, &statement)).map(|_| ())
}

impl AdminConnection for &Connection {
    async fn run(&mut self, sql: &str, parameters: &[&str]) -> Result<(), Failure> {
        run(self, sql, parameters.to_vec()).await
    }

    async fn texts(&mut self, sql: &str, parameters: &[&str]) -> Result<Vec<String>, Failure> {
        texts(self, sql, parameters.to_vec()).await
    }
}
