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
    /// Whether all reads are to be part of one transaction, which is open already.
    in_snapshot: bool,
}

impl PostgresSession {
    pub(super) fn new(connection: Connection, layout: Arc<PostgresLayout>, load: BulkLoad) -> Self {
        let prepared = PreparedStatements::new(layout.clone());
        PostgresSession { layout, connection, prepared, load, in_snapshot: false }
    }

    /// The session in the parts that are borrowed separately.
    fn parts(&mut self) -> (Executor<'_>, &mut ConnectionIo, &mut BulkLoad) {
        let PostgresSession { layout, connection: Connection { client, io, .. }, prepared, load, .. } = self;
        (Executor { layout, client, prepared }, io, load)
    }
}

impl Session for PostgresSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        if self.in_snapshot && !op.reads_in_snapshot() {
            return Err(Failure::not_in_snapshot(op));
        }
        if self.load.is_open() {
            self.finish_load().await?;
        }
        let (mut executor, io, _) = self.parts();
        io.drive(executor.execute(op, rows)).await.map_err(|failure| io.with_cause(failure))
    }

    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        if self.in_snapshot {
            return Err(Failure::not_in_snapshot(op));
        }
        let (mut executor, io, load) = self.parts();
        io.drive(executor.load(load, op)).await.map_err(|failure| io.with_cause(failure))
    }

    async fn finish_load(&mut self) -> Result<(), Failure> {
        let (mut executor, io, load) = self.parts();
        io.drive(executor.finish_load(load)).await.map_err(|failure| io.with_cause(failure))
    }

    /// The instant is that of the first query in the transaction, and not of BEGIN
    /// (postgresql.org/docs/current/transaction-iso.html): so there is one at once.
    async fn begin_snapshot(&mut self) -> Result<bool, Failure> {
        self.finish_load().await?;
        self.end_snapshot().await?;
        self.in_snapshot = true;
        let level = "ISOLATION LEVEL REPEATABLE READ READ ONLY";
        match self.connection.run(&format!("BEGIN {level}; {}; SELECT", self.load.unlimited())).await {
            Ok(()) => Ok(true),
            Err(failure) => {
                // Should this fail, the connection is gone and the transaction with it.
                let _ = self.end_snapshot().await;
                Err(failure)
            }
        }
    }

    /// Also of a transaction that a failure has aborted, which takes no other statement.
    async fn end_snapshot(&mut self) -> Result<(), Failure> {
        if std::mem::take(&mut self.in_snapshot) { self.connection.run("ROLLBACK").await } else { Ok(()) }
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.finish_load().await?;
        let in_snapshot = self.in_snapshot;
        let (mut executor, io, load) = self.parts();
        let export = async {
            if in_snapshot { executor.export_rows(part, sink).await } else { executor.export(load, part, sink).await }
        };
        io.drive(export).await.map_err(|failure| io.with_cause(failure))
    }
}
