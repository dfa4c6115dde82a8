//! A session: one connection with its prepared statements.

use std::sync::Arc;

use super::connection::{Connection, ConnectionIo};
use super::dialect::PostgresLayout;
use super::executor::Executor;
use super::load::BulkLoad;
use super::prepared::PreparedStatements;
use crate::{Failure, Op, Outcome, Part, Row, Rows, Session};

/// One logical client, on one connection.
pub struct PostgresSession {
    layout: Arc<PostgresLayout>,
    connection: Connection,
    prepared: PreparedStatements,
    load: BulkLoad,
}

impl PostgresSession {
    pub(super) fn new(connection: Connection, layout: Arc<PostgresLayout>, load: BulkLoad) -> Self {
        let prepared = PreparedStatements::new(layout.clone());
        PostgresSession { layout, connection, prepared, load }
    }

    /// The session in the parts that are borrowed separately.
    fn parts(&mut self) -> (Executor<'_>, &mut ConnectionIo, &mut BulkLoad) {
        let PostgresSession { layout, connection: Connection { client, io, .. }, prepared, load } = self;
        (Executor { layout, client, prepared }, io, load)
    }
}

impl Session for PostgresSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        if self.load.is_open() {
            self.finish_load().await?;
        }
        let (mut executor, io, _) = self.parts();
        io.drive(executor.execute(op, rows)).await.map_err(|failure| io.with_cause(failure))
    }

    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        let (mut executor, io, load) = self.parts();
        io.drive(executor.load(load, op)).await.map_err(|failure| io.with_cause(failure))
    }

    async fn finish_load(&mut self) -> Result<(), Failure> {
        let (mut executor, io, load) = self.parts();
        io.drive(executor.finish_load(load)).await.map_err(|failure| io.with_cause(failure))
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.finish_load().await?;
        let (mut executor, io, load) = self.parts();
        io.drive(executor.export(load, part, sink)).await.map_err(|failure| io.with_cause(failure))
    }
}
