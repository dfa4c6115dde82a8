//! A session: one connection with its prepared statements.

use std::sync::Arc;

use tokio_postgres::Client;

use super::link::{Link, Wire};
use super::statements::Statements;
use super::talk::Talk;
use crate::{Dataset, Done, Failure, Op, Part, Row, Rows, Session};

/// One logical client.
pub struct PostgresSession {
    dataset: Arc<Dataset>,
    client: Client,
    wire: Wire,
    statements: Statements,
}

impl PostgresSession {
    pub(super) fn new(link: Link, dataset: Arc<Dataset>) -> Self {
        let Link { client, wire } = link;
        PostgresSession { statements: Statements::new(dataset.clone()), dataset, client, wire }
    }

    /// What is to be said, and the wire by which it goes.
    fn parts(&mut self) -> (Talk<'_>, &mut Wire) {
        let PostgresSession { dataset, client, wire, statements } = self;
        (Talk { dataset, client, statements }, wire)
    }
}

impl Session for PostgresSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Done, Failure> {
        rows.clear();
        let (mut talk, wire) = self.parts();
        wire.drive(talk.execute(op, rows)).await.map_err(|failure| wire.explained(failure))
    }

    async fn load(&mut self, op: &Op) -> Result<Done, Failure> {
        let (mut talk, wire) = self.parts();
        wire.drive(talk.load(op)).await.map_err(|failure| wire.explained(failure))
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let (mut talk, wire) = self.parts();
        wire.drive(talk.export(part, sink)).await.map_err(|failure| wire.explained(failure))
    }
}
