//! One logical client: single operations, batches and transactions. Operations of one kind that stand side by side
//! share a command.

use std::sync::Arc;

use super::commands::share_command;
use super::connection::Connection;
use super::durability::WriteConcern;
use super::executor::{BatchError, Executor};
use super::layout::Layout;
use crate::{Durability, Failure, FailureKind, Op, Outcome, Part, Row, Rows, Session};

/// A session of the server, on a connection of its own.
pub struct MongodbSession {
    executor: Executor,
}

/// While data is loaded, a write need not be journaled by itself: `after_load` waits for all of them.
const LOADING: WriteConcern = WriteConcern::for_tier(Durability::Memory);

impl Session for MongodbSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        let outcome = match op {
            _ if self.executor.snapshot_at.is_some() && !op.reads_in_snapshot() => Err(Failure::not_in_snapshot(op)),
            Op::Transact(ops) | Op::Interactive(ops) => match ops.iter().find(|op| !op.transacts()) {
                Some(misplaced) => Err(Failure::misplaced(misplaced)),
                None if ops.is_empty() => Ok(Outcome::Applied),
                None if matches!(op, Op::Interactive(_)) => self.interact(ops, rows).await,
                None => self.transact(ops, rows).await,
            },
            _ => self.without_transaction(op, rows).await,
        };
        if outcome.is_err() {
            rows.clear();
        }
        outcome.map_err(|failure| self.executor.of_snapshot(failure))
    }

    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        let usual = std::mem::replace(&mut self.executor.write_concern, LOADING);
        let outcome = self.execute(op, &mut Rows::default()).await;
        self.executor.write_concern = usual;
        outcome
    }

    /// All reads are at one cluster time, without a transaction, which the server would end after 60 s
    /// (`transactionLifetimeLimitSeconds`). It keeps what was there for 300 s (`minSnapshotHistoryWindowInSeconds`), and
    /// later reads fail.
    async fn begin_snapshot(&mut self) -> Result<bool, Failure> {
        self.end_snapshot().await?;
        self.executor.snapshot_at = self.executor.connection.snapshot_time().await?;
        Ok(self.executor.snapshot_at.is_some())
    }

    async fn end_snapshot(&mut self) -> Result<(), Failure> {
        self.executor.snapshot_at = None;
        Ok(())
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.executor.export(part, sink).await.map_err(|failure| self.executor.of_snapshot(failure))
    }
}

impl MongodbSession {
    pub(super) fn new(layout: Arc<Layout>, connection: Connection, write_concern: WriteConcern) -> Self {
        MongodbSession {
            executor: Executor { layout, connection, write_concern, in_transaction: false, snapshot_at: None },
        }
    }

    /// The engine tries again what lost a conflict, so nothing that has changed something may fail with one.
    async fn without_transaction(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        self.executor.connection.has_changed = false;
        let outcome = match op {
            Op::Batch(ops) => self.batch(ops, rows).await,
            _ => self.executor.execute(std::slice::from_ref(op), rows).await.map_err(BatchError::into_failure),
        };
        outcome.map_err(|failure| match failure.kind {
            FailureKind::Conflict if self.executor.connection.has_changed => {
                let message = format!("{}; a part of the operation was applied before", failure.message);
                Failure { kind: FailureKind::Broken, message, ..failure }
            }
            _ => failure,
        })
    }

    async fn batch(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::Applied;
        for run in ops.chunk_by(share_command) {
            if self.executor.execute(run, rows).await.map_err(BatchError::into_failure)? == Outcome::Refused {
                outcome = Outcome::Refused;
            }
        }
        Ok(outcome)
    }

    async fn transact(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        match self.attempt(ops.chunk_by(share_command), rows).await {
            Err(BatchError::Undecided) => {
                rows.clear();
                self.interact(ops, rows).await
            }
            outcome => outcome.map_err(BatchError::into_failure),
        }
    }

    /// Each operation with a command of its own.
    async fn interact(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        self.attempt(ops.chunks(1), rows).await.map_err(BatchError::into_failure)
    }

    /// The runs as one transaction, which is aborted unless all of them are applied.
    async fn attempt<'o>(
        &mut self,
        runs: impl Iterator<Item = &'o [Op]>,
        rows: &mut Rows,
    ) -> Result<Outcome, BatchError> {
        let transaction = self.executor.connection.begin().await?;
        self.executor.in_transaction = true;
        let mut outcome = Ok(Outcome::Applied);
        for run in runs {
            outcome = self.executor.execute(run, rows).await;
            if !matches!(outcome, Ok(Outcome::Applied)) {
                break;
            }
        }
        self.executor.in_transaction = false;
        match outcome {
            Ok(Outcome::Applied) => {
                let commit = self.executor.connection.commit().await;
                outcome = commit.map(|()| Outcome::Applied).map_err(BatchError::Failed);
            }
            // The server is not waited for a second time.
            Err(BatchError::Failed(ref failure)) if failure.kind == FailureKind::Unavailable => {}
            _ => {
                rows.clear();
                self.executor.connection.abort().await;
            }
        }
        // After any other failure the session goes on, and its next transaction ends this one.
        let is_lost = |failure: &Failure| matches!(failure.kind, FailureKind::Timeout | FailureKind::Unavailable);
        if !matches!(&outcome, Err(BatchError::Failed(failure)) if is_lost(failure)) {
            transaction.finish();
        }
        outcome
    }
}
