//! Prepared statements: each is prepared once for a session and kept, with its parameters' types stated.

use std::sync::Arc;

use tokio_postgres::{Client, Statement};

use super::failure::statement_failure;
use super::laid::Laid;
use super::sql::{self, Shape};
use crate::sql::named::Named;
use crate::{Failure, Fields};

/// The statements of one session.
pub(super) struct Statements {
    laid: Arc<Laid>,
    prepared: Vec<Prepared>,
}

struct Prepared {
    shape: Shape,
    fields: Fields,
    statement: Statement,
}

impl Statements {
    pub(super) fn new(laid: Arc<Laid>) -> Self {
        Statements { laid, prepared: Vec::new() }
    }

    /// The statement of this shape. A linear search over a few dozen is faster than hashing.
    pub(super) async fn get(&mut self, client: &Client, shape: Shape, named: Named<'_>) -> Result<Statement, Failure> {
        match self.prepared.iter().find(|one| one.shape == shape && named.are(&one.fields)) {
            Some(known) => Ok(known.statement.clone()),
            None => self.prepare(client, shape, named.to_fields()).await,
        }
    }

    async fn prepare(&mut self, client: &Client, shape: Shape, fields: Fields) -> Result<Statement, Failure> {
        let mut sql = sql::sql(&self.laid, shape, &fields);
        if matches!(shape, Shape::Copy { .. }) {
            sql.types.clear(); // These are the types of its columns; it has no parameters.
        }
        let prepared = client.prepare_typed(&sql.text, &sql.types).await;
        let statement = prepared.map_err(|error| statement_failure(error, &sql.text))?;
        self.prepared.push(Prepared { shape, fields, statement: statement.clone() });
        Ok(statement)
    }
}
