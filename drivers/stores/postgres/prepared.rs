//! Prepared statements: each is prepared once for a session and kept, with its parameters' types stated.

use std::sync::Arc;

use tokio_postgres::{Client, Statement};

use super::dialect::PostgresLayout;
use super::failure::statement_failure;
use super::statement::PgStatement;
use crate::Failure;

/// The prepared statements of one session.
pub(super) struct PreparedStatements {
    layout: Arc<PostgresLayout>,
    statements: Vec<(PgStatement<'static>, Statement)>,
}

impl PreparedStatements {
    pub(super) fn new(layout: Arc<PostgresLayout>) -> Self {
        PreparedStatements { layout, statements: Vec::new() }
    }

    /// A statement, prepared. A linear search over a few dozen is faster than hashing.
    pub(super) async fn get(&mut self, client: &Client, statement: PgStatement<'_>) -> Result<Statement, Failure> {
        match self.statements.iter().find(|(known, _)| *known == statement) {
            Some((_, prepared)) => Ok(prepared.clone()),
            None => self.prepare(client, statement.into_static()).await,
        }
    }

    async fn prepare(&mut self, client: &Client, statement: PgStatement<'static>) -> Result<Statement, Failure> {
        let sql = statement.sql(&self.layout);
        let prepared = client.prepare_typed(&sql.text, &sql.types).await;
        let prepared = prepared.map_err(|error| statement_failure(error, &sql.text))?;
        self.statements.push((statement, prepared.clone()));
        Ok(prepared)
    }
}
