//! Prepared statements: each is prepared once for a session and kept.
//!
//! The one trap of this crate is closed here. A statement that is run again without `reset` answers success and
//! silently keeps its first parameters; and one that has not been reset holds its read transaction open. A [`Lease`]
//! resets its statement when it ends, whatever happened, so a statement at rest is always ready.

use std::sync::Arc;

use libsql::params::Params;
use libsql::{Connection, Statement, Value};

use super::failure;
use crate::sql::named::Named;
use crate::sql::sqlite::sql::{self, Shape};
use crate::{Dataset, Failure, Fields};

/// The statements of one session.
pub(super) struct Statements {
    connection: Connection,
    dataset: Arc<Dataset>,
    prepared: Vec<Prepared>,
}

struct Prepared {
    shape: Shape,
    fields: Fields,
    statement: Statement,
}

impl Statements {
    pub(super) fn new(connection: Connection, dataset: Arc<Dataset>) -> Self {
        Statements { connection, dataset, prepared: Vec::new() }
    }

    /// The statement of this shape. A workload has a few dozen of them, which a search compares quicker than it could
    /// compute one hash.
    pub(super) async fn lease(&mut self, shape: Shape, named: Named<'_>) -> Result<Lease<'_>, Failure> {
        let known = self.prepared.iter().position(|one| one.shape == shape && named.are(&one.fields));
        let at = match known {
            Some(at) => at,
            None => self.prepare(shape, named.to_fields()).await?,
        };
        Ok(Lease(&self.prepared[at].statement))
    }

    async fn prepare(&mut self, shape: Shape, fields: Fields) -> Result<usize, Failure> {
        let text = sql::text(&self.dataset, shape, &fields);
        let statement = self.connection.prepare(&text).await.map_err(|error| failure(error, &text))?;
        self.prepared.push(Prepared { shape, fields, statement });
        Ok(self.prepared.len() - 1)
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

/// A statement in use.
pub(super) struct Lease<'a>(&'a Statement);

impl Lease<'_> {
    /// Runs it and answers how many rows changed.
    pub(super) async fn execute(&self, parameters: Vec<Value>) -> libsql::Result<usize> {
        self.0.execute(Params::Positional(parameters)).await
    }

    /// Runs it up to its first row. The rows end with the lease.
    pub(super) async fn query(&self, parameters: Vec<Value>) -> libsql::Result<libsql::Rows> {
        self.0.query(Params::Positional(parameters)).await
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.0.reset();
    }
}
