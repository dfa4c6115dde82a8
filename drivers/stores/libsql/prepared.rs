//! Prepared statements: each is prepared once for a session and kept.
//!
//! The one trap of this crate is closed here. A statement that is run again without `reset` answers success and
//! silently keeps its first parameters; and one that has not been reset holds its read transaction open. A [`ResetOnDrop`]
//! resets its statement when it ends, whatever happened, so a statement at rest is always ready.

use std::fmt::Display;
use std::sync::Arc;

use libsql::params::Params;
use libsql::{Connection, Row, Value};

use super::failure::failure;
use crate::Failure;
use crate::sql::render::render;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::statement::Statement;

/// The prepared statements of one session.
pub(super) struct PreparedStatements {
    connection: Connection,
    layout: Arc<SqliteLayout>,
    statements: Vec<(Statement<'static>, libsql::Statement)>,
}

impl PreparedStatements {
    pub(super) fn new(connection: Connection, layout: Arc<SqliteLayout>) -> Self {
        PreparedStatements { connection, layout, statements: Vec::new() }
    }

    /// Runs a statement and answers how many rows it has changed. What it is about is for messages.
    pub(super) async fn execute(
        &mut self,
        statement: Statement<'_>,
        parameters: Vec<Value>,
        subject: &dyn Display,
    ) -> Result<usize, Failure> {
        let lease = self.lease(statement).await?;
        lease.0.execute(Params::Positional(parameters)).await.map_err(|error| failure(error, subject))
    }

    /// Runs a query and hands over every row.
    pub(super) async fn query(
        &mut self,
        statement: Statement<'_>,
        parameters: Vec<Value>,
        subject: &dyn Display,
        mut take: impl FnMut(&Row) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let lease = self.lease(statement).await?;
        let failed = |error| failure(error, subject);
        let mut found = lease.0.query(Params::Positional(parameters)).await.map_err(failed)?;
        while let Some(row) = found.next().await.map_err(failed)? {
            take(&row)?;
        }
        Ok(())
    }

    /// Runs a query that finds one row at most, and answers what is made of it. That there is no second one is not asked,
    /// which would cost another step.
    pub(super) async fn query_one<T>(
        &mut self,
        statement: Statement<'_>,
        parameters: Vec<Value>,
        subject: &dyn Display,
        take: impl FnOnce(&Row) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let lease = self.lease(statement).await?;
        let failed = |error| failure(error, subject);
        let mut found = lease.0.query(Params::Positional(parameters)).await.map_err(failed)?;
        found.next().await.map_err(failed)?.map(|row| take(&row)).transpose()
    }

    /// A workload has a few dozen statements, which a search compares quicker than it could compute one hash.
    async fn lease(&mut self, statement: Statement<'_>) -> Result<ResetOnDrop<'_>, Failure> {
        let known = self.statements.iter().position(|(known, _)| *known == statement);
        let at = match known {
            Some(at) => at,
            None => self.prepare(statement.into_static()).await?,
        };
        Ok(ResetOnDrop(&self.statements[at].1))
    }

    async fn prepare(&mut self, statement: Statement<'static>) -> Result<usize, Failure> {
        let text = render(&self.layout, &statement).text;
        let prepared = self.connection.prepare(&text).await.map_err(|error| failure(error, &text))?;
        self.statements.push((statement, prepared));
        Ok(self.statements.len() - 1)
    }

    /// The connection, for its settings.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }
}

/// A statement in use. Rows of a query end with it.
struct ResetOnDrop<'a>(&'a libsql::Statement);

impl Drop for ResetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.reset();
    }
}
