//! One stream of the server as a session: what is sent for an operation, and what its answers mean.
//!
//! Which statements an operation becomes is in `steps.rs`. Nothing is retried here.

use std::fmt;
use std::sync::Arc;

use super::connection::{Connection, retrying};
use super::hrana::{Columns, Condition, ServerError, StatementReply, StepResult, unexpected};
use super::steps::{BatchStep, Inserts, StepPositions, TransactionSteps, steps};
use crate::seam::op::OpSubject;
use crate::sql::outcome::{Expected, RowColumns, unchanged};
use crate::sql::render::render;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::sqlite::ownership::AdminConnection;
use crate::sql::sqlite::values::SqliteValue;
use crate::sql::statement::Statement;
use crate::{Failure, FailureKind, Op, Outcome, Part, Row, Rows, Session, Value};

/// One logical client, on one stream.
pub struct LibsqlServerSession {
    layout: Arc<SqliteLayout>,
    connection: Connection,
    /// Whether all reads are to be part of one transaction, which is open already.
    in_snapshot: bool,
}

impl Session for LibsqlServerSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        match op {
            _ if self.in_snapshot => self.execute_in_snapshot(op, rows).await,
            Op::Interactive(ops) => match ops.iter().find(|op| !op.transacts()) {
                Some(misplaced) => Err(Failure::misplaced(misplaced)),
                None if ops.is_empty() => Ok(Outcome::Applied),
                None => self.interact(ops, rows).await,
            },
            Op::Batch(ops) | Op::Transact(ops) => {
                let atomic = matches!(op, Op::Transact(_));
                let is_group = |op: &Op| matches!(op, Op::Batch(_) | Op::Transact(_) | Op::Interactive(_));
                let fits = |op: &&Op| if atomic { op.transacts() } else { !is_group(op) };
                match (ops.iter().find(|op| !fits(op)), &ops[..]) {
                    (Some(misplaced), _) => Err(Failure::misplaced(misplaced)),
                    (None, []) => Ok(Outcome::Applied),
                    // A statement is a transaction by itself.
                    (None, [op]) => self.single(op, rows).await,
                    (None, _) => self.transaction(ops, atomic, rows).await,
                }
            }
            _ => self.single(op, rows).await,
        }
    }

    /// In transactions of about a megabyte, and with as many rows a statement as one takes.
    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        const REQUEST_BYTES: u64 = 1 << 20;
        if self.in_snapshot {
            return Err(Failure::not_in_snapshot(op));
        }
        let ops = match op {
            Op::Batch(ops) => ops,
            _ => std::slice::from_ref(op),
        };
        if !ops.iter().all(|op| matches!(op, Op::Insert { .. } | Op::Append { .. } | Op::InsertPoints { .. })) {
            return self.execute(op, &mut Rows::default()).await;
        }
        let (mut inserts, mut bytes) = (Inserts::default(), 0);
        for op in ops {
            inserts.add(&self.layout, op)?;
            bytes += weight(op);
            if bytes >= REQUEST_BYTES {
                self.insert(std::mem::take(&mut inserts)).await?;
                bytes = 0;
            }
        }
        self.insert(inserts).await.map(|()| Outcome::Applied)
    }

    /// A transaction that reads sees one instant, that of its first read (sqlite.org/isolation.html): so it reads at once.
    /// The 5 s after which sqld ends a transaction are those of the write lock, which this one does not take. Checkpoints
    /// wait for it, and writers for them: of 135 transactions of another session in 12 s, 90 met a conflict.
    async fn begin_snapshot(&mut self) -> Result<bool, Failure> {
        self.end_snapshot().await?;
        self.connection.run("BEGIN", &[]).await?;
        self.in_snapshot = true;
        match self.connection.texts("SELECT count(*) FROM sqlite_schema", &[]).await {
            Ok(_) => Ok(true),
            Err(failure) => self.end_snapshot().await.and(Err(failure)),
        }
    }

    async fn end_snapshot(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.in_snapshot) {
            return Ok(());
        }
        // The server itself has already ended the transaction after some failures.
        match &mut self.connection.batch(&[BatchStep::rollback()]).await?[..] {
            [StepResult::Skipped] => Ok(()),
            [rolled_back] => reply(rolled_back, &"the end of a snapshot").map(|_| ()),
            _ => Err(unexpected()),
        }
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let columns_of = RowColumns::of_part(&self.layout, part);
        let sql = render(&self.layout, &Statement::Export(part)).text;
        let mut take = |columns: Columns<'_>| {
            let (key, values) = columns_of.decode_columns(columns)?;
            sink(Row { key, values });
            Ok(())
        };
        let condition = if self.in_snapshot { Condition::InTransaction } else { Condition::Always };
        self.connection.go_through(&sql, condition, &mut take).await
    }
}

impl LibsqlServerSession {
    pub(super) fn new(connection: Connection, layout: Arc<SqliteLayout>) -> Self {
        LibsqlServerSession { layout, connection, in_snapshot: false }
    }

    #[cfg(test)]
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Each operation as a part of the transaction that is open. One that is not any more must not pass unnoticed: a read
    /// would see another instant.
    async fn execute_in_snapshot(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        if !op.reads_in_snapshot() {
            return Err(Failure::not_in_snapshot(op));
        }
        for op in if let Op::Batch(ops) = op { &ops[..] } else { std::slice::from_ref(op) } {
            let ended = || Failure::broken("libsql-server: the server has ended the snapshot; begin another one");
            if !self.in_transaction(op, rows, ended).await? {
                return Err(Failure::missing(OpSubject(&self.layout, op)));
            }
        }
        Ok(Outcome::Applied)
    }

    /// An operation as a part of the transaction that is open, and what it means if none is. False if it found nothing.
    async fn in_transaction(&mut self, op: &Op, rows: &mut Rows, ended: fn() -> Failure) -> Result<bool, Failure> {
        let mut steps = steps(&self.layout, op)?;
        steps.iter_mut().for_each(|step| step.condition = Condition::InTransaction);
        let mut found = true;
        for mut result in self.connection.batch(&steps).await? {
            if matches!(result, StepResult::Skipped) {
                return Err(ended());
            }
            found &= self.take(op, &reply(&mut result, &OpSubject(&self.layout, op))?, rows)?;
        }
        Ok(found)
    }

    /// A transaction whose statements are each sent when the one before is answered. The server ends one that keeps the
    /// write lock for 5 s; what comes after must not be done without it.
    async fn interact(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let begin = BatchStep::control(Statement::Begin { writes: ops.iter().any(Op::writes) });
        self.connection.execute(&begin, &"the beginning of a transaction").await?;
        let done = self.interact_with_open(ops, rows).await;
        if !matches!(done, Ok(Outcome::Applied)) {
            rows.clear();
            // Should this fail, the stream is gone and the transaction with it.
            let _ = self.connection.batch(&[BatchStep::rollback()]).await;
        }
        done
    }

    async fn interact_with_open(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        for op in ops {
            if self.in_transaction(op, rows, ended_transaction).await? {
                continue;
            }
            let subject = OpSubject(&self.layout, op);
            let Some(probe) = BatchStep::probe(&self.layout, op) else { return Err(Failure::missing(subject)) };
            let held = self.connection.execute(&probe, &subject).await?;
            return self.why_unchanged(op, &held);
        }
        let commit = BatchStep { condition: Condition::InTransaction, ..BatchStep::control(Statement::Commit) };
        match &mut self.connection.batch(&[commit]).await?[..] {
            [StepResult::Skipped] => Err(ended_transaction()),
            [committed] => reply(committed, &"the end of a transaction").map(|_| Outcome::Applied),
            _ => Err(unexpected()),
        }
    }

    /// An operation by itself.
    async fn single(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut steps = steps(&self.layout, op)?;
        let step = match (steps.pop(), steps.is_empty()) {
            (None, _) => return Ok(Outcome::Applied),
            (Some(step), true) => step,
            _ => return self.transaction(std::slice::from_ref(op), true, rows).await,
        };
        let reply = self.connection.execute(&step, &OpSubject(&self.layout, op)).await?;
        if self.take(op, &reply, rows)? {
            return Ok(Outcome::Applied);
        }
        match BatchStep::probe(&self.layout, op) {
            Some(probe) => {
                let held = self.connection.execute(&probe, &OpSubject(&self.layout, op)).await?;
                self.why_unchanged(op, &held)
            }
            None => Err(Failure::missing(OpSubject(&self.layout, op))),
        }
    }

    /// Several in one round trip, as one transaction.
    async fn transaction(&mut self, ops: &[Op], atomic: bool, rows: &mut Rows) -> Result<Outcome, Failure> {
        let transaction = TransactionSteps::new(&self.layout, ops, atomic)?;
        let mut results = self.connection.batch(&transaction.steps).await?;
        reply_of_begin(&mut results[0])?;
        let mut done = Ok(Outcome::Applied);
        for (op, position) in ops.iter().zip(&transaction.positions) {
            match self.conclude(op, position, &mut results, rows) {
                Ok(Outcome::Applied) => {}
                Ok(Outcome::Refused) if !atomic => done = Ok(Outcome::Refused),
                result => {
                    done = result;
                    break;
                }
            }
        }
        if atomic && !matches!(done, Ok(Outcome::Applied)) {
            rows.clear();
            return match is_committed(&mut results) {
                Ok(()) if ops.iter().any(Op::writes) => {
                    Err(Failure::broken("libsql-server: a transaction that did not succeed was committed"))
                }
                _ => done,
            };
        }
        let commits = !matches!(results[results.len() - 2], StepResult::Skipped);
        match is_committed(&mut results) {
            Ok(()) => done,
            Err(uncommitted) if commits => Err(uncommitted),
            // A step has undone everything, perhaps one after an operation that merely found nothing.
            Err(uncommitted) => {
                self.first_failure(ops, &transaction.positions, &mut results).and(done).and(Err(uncommitted))
            }
        }
    }

    /// The failure of a step that was not looked at.
    fn first_failure(
        &self,
        ops: &[Op],
        positions: &[StepPositions],
        results: &mut [StepResult],
    ) -> Result<(), Failure> {
        for (op, position) in ops.iter().zip(positions) {
            for result in &mut results[position.own.clone()] {
                if let StepResult::Failed(error) = std::mem::take(result) {
                    return Err(error.failure(&OpSubject(&self.layout, op)));
                }
            }
        }
        Ok(())
    }

    /// What an operation of a group came to.
    fn conclude(
        &self,
        op: &Op,
        position: &StepPositions,
        results: &mut [StepResult],
        rows: &mut Rows,
    ) -> Result<Outcome, Failure> {
        let subject = OpSubject(&self.layout, op);
        let mut found = true;
        for result in &mut results[position.own.clone()] {
            found &= self.take(op, &reply(result, &subject)?, rows)?;
        }
        let guard = position.guard.map(|guard| std::mem::take(&mut results[guard]));
        match (found, guard, position.probe) {
            (true, None | Some(StepResult::Reply(_)), _) => Ok(Outcome::Applied),
            (true, Some(StepResult::Failed(error)), _) => Err(error.failure(&subject)),
            (false, None | Some(StepResult::Failed(_)), Some(probe)) => {
                self.why_unchanged(op, &reply(&mut results[probe], &subject)?)
            }
            (false, None | Some(StepResult::Failed(_)), None) => Err(Failure::missing(subject)),
            _ => Err(unexpected()),
        }
    }

    async fn insert(&mut self, inserts: Inserts<'_>) -> Result<(), Failure> {
        if inserts.steps.is_empty() {
            return Ok(());
        }
        let transaction = TransactionSteps::inserting(inserts);
        retrying(async || {
            let mut results = self.connection.batch(&transaction.steps).await?;
            reply_of_begin(&mut results[0])?;
            let steps = results.len() - 2;
            for result in &mut results[1..steps] {
                reply(result, &"a record to be loaded")?;
            }
            is_committed(&mut results)
        })
        .await
    }

    /// Takes over the answer to a statement. False if it should have found something and did not.
    fn take(&self, op: &Op, reply: &StatementReply, rows: &mut Rows) -> Result<bool, Failure> {
        let (columns_of, mut found) = match Expected::of(&self.layout, op)? {
            Expected::Row(columns) => (columns, false),
            Expected::Rows(columns) => (columns, true),
            Expected::Added(_) | Expected::Changed => return Ok(reply.changed()? > 0),
        };
        for columns in reply.rows() {
            let (key, values) = columns_of.decode_columns(columns?)?;
            rows.push(key, values);
            found = true;
        }
        Ok(found)
    }

    /// No row changed: because there is none, because it holds no number, or because of the floor.
    fn why_unchanged(&self, op: &Op, found: &StatementReply) -> Result<Outcome, Failure> {
        let held = |mut columns: Columns<'_>| {
            columns.column()?;
            Ok(if let SqliteValue::Integer(held) = columns.column()? { Some(held) } else { None })
        };
        let found = found.rows().next().map(|columns| held(columns?)).transpose()?;
        unchanged("libsql-server", &self.layout, op, found)
    }
}

fn ended_transaction() -> Failure {
    let message = "libsql-server: the server has ended the transaction, to let another one write";
    Failure::new(FailureKind::Conflict, message)
}

/// The answer to a step that must have been carried out.
fn reply(result: &mut StepResult, subject: &dyn fmt::Display) -> Result<StatementReply, Failure> {
    match std::mem::take(result) {
        StepResult::Reply(reply) => Ok(reply),
        StepResult::Failed(error) => Err(error.failure(subject)),
        StepResult::Skipped => Err(Failure::broken(format!("libsql-server: {subject}: it was not carried out"))),
    }
}

fn reply_of_begin(begin: &mut StepResult) -> Result<(), Failure> {
    reply(begin, &"the beginning of a transaction").map(|_| ())
}

/// Whether a transaction was committed. One that was neither committed nor undone would still keep the write lock.
fn is_committed(results: &mut [StepResult]) -> Result<(), Failure> {
    let [.., commit, rollback] = results else { return Err(unexpected()) };
    if let StepResult::Failed(ServerError { message, .. }) = rollback {
        let message = format!("libsql-server: a transaction could not be undone: {message}");
        return Err(Failure::new(FailureKind::Unavailable, message));
    }
    reply(commit, &"the end of a transaction").map(|_| ())
}

/// About what an operation takes on the wire.
fn weight(op: &Op) -> u64 {
    let values = |values: &[Value]| values.iter().map(|value| value.size_bytes() + 8).sum::<u64>();
    match op {
        Op::Insert { record, .. } => values(record),
        Op::Append { events, .. } => events.iter().map(|event| values(event)).sum(),
        Op::InsertPoints { points, .. } => points.iter().map(|point| 16 + 16 * point.metrics.len() as u64).sum(),
        _ => 0,
    }
}
