//! One connection of libSQL as a session: each operation as its statements.
//!
//! The statements are those of `sql/statement.rs`, prepared in `prepared.rs`. Nothing is retried here.

use std::path::PathBuf;
use std::sync::Arc;

use libsql::Value as LibsqlValue;

use super::connection::text;
use super::encode::{encode, encode_row};
use super::explain::is_grouped;
use super::failure::failure;
use super::load::BulkLoad;
use super::prepared::PreparedStatements;
use super::writers::Turns;
use crate::seam::op::OpSubject;
use crate::sql::outcome::{Expected, RowColumns, needs_probe, unchanged};
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::statement::{Parameter, Statement, parameters, point_row, record_row};
use crate::{Failure, Op, Outcome, Part, Row, Rows, Session};

/// One logical client: a connection with its prepared statements.
pub struct LibsqlSession {
    layout: Arc<SqliteLayout>,
    prepared: PreparedStatements,
    log: PathBuf,
    turns: Turns,
    /// A load under way.
    bulk_load: Option<BulkLoad>,
    /// Whether all reads are to be part of one transaction, which is open already.
    in_snapshot: bool,
}

impl Session for LibsqlSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        let _turn = self.turns.wait(op).await;
        match op {
            _ if self.in_snapshot => self.execute_in_snapshot(op, rows).await,
            Op::Batch(ops) => self.batch(op, ops, rows).await,
            // Without a network between them, statements are sent one by one anyway.
            Op::Transact(ops) | Op::Interactive(ops) => match ops.iter().find(|op| !op.transacts()) {
                Some(misplaced) => Err(Failure::misplaced(misplaced)),
                None => self.transact(op, ops, rows).await,
            },
            _ if is_grouped(op) => self.transact(op, std::slice::from_ref(op), rows).await,
            _ => self.step(op, rows).await,
        }
    }

    /// Many loads are one transaction, see `load.rs`.
    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        if self.in_snapshot {
            return Err(Failure::not_in_snapshot(op));
        }
        if self.bulk_load.is_none() {
            self.bulk_load = Some(BulkLoad::begin(self.prepared.connection(), &self.log).await?);
        }
        if !self.prepared.in_transaction() {
            self.control(Statement::Begin { writes: true }).await?;
        }
        let mut done = Ok(Outcome::Applied);
        let ops = if let Op::Batch(ops) = op { &ops[..] } else { std::slice::from_ref(op) };
        for op in ops {
            done = self.step(op, &mut Rows::default()).await;
            if done.is_err() {
                // What came before a failure stays.
                self.finish_load().await?;
                break;
            }
        }
        if self.bulk_load.as_ref().is_some_and(BulkLoad::is_due) {
            self.commit().await?;
            if let Some(bulk) = &mut self.bulk_load {
                bulk.checkpoint(self.prepared.connection()).await?;
            }
        }
        done
    }

    async fn finish_load(&mut self) -> Result<(), Failure> {
        let Some(bulk) = self.bulk_load.take() else { return Ok(()) };
        // Some failures, a full disk for one, have already ended the transaction.
        let committed = if self.prepared.in_transaction() { self.commit().await } else { Ok(()) };
        let finished = bulk.end(self.prepared.connection()).await;
        committed.and(finished)
    }

    /// A transaction that reads sees one instant, that of its first read (sqlite.org/isolation.html): so it reads at once.
    /// Statements are reset when they end, so none of them keeps the instant beyond the transaction.
    async fn begin_snapshot(&mut self) -> Result<bool, Failure> {
        self.finish_load().await?;
        self.end_snapshot().await?;
        self.control(Statement::Begin { writes: false }).await?;
        self.in_snapshot = true;
        match text(self.prepared.connection(), "SELECT count(*) FROM sqlite_schema").await {
            Ok(_) => Ok(true),
            Err(failure) => self.end_snapshot().await.and(Err(failure)),
        }
    }

    async fn end_snapshot(&mut self) -> Result<(), Failure> {
        if std::mem::take(&mut self.in_snapshot) { self.roll_back().await } else { Ok(()) }
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        self.is_whole()?;
        let columns = RowColumns::of_part(&self.layout, part);
        let take = |found: &libsql::Row| {
            let mut row = Row::default();
            columns.decode(found, &mut row).map(|()| sink(row))
        };
        let name = self.layout.name_of(part);
        self.prepared.query(Statement::Export(part), Vec::new(), &name, take).await
    }
}

impl LibsqlSession {
    pub(super) fn new(connection: libsql::Connection, layout: Arc<SqliteLayout>, log: PathBuf, turns: Turns) -> Self {
        let prepared = PreparedStatements::new(connection, layout.clone());
        LibsqlSession { prepared, layout, log, turns, bulk_load: None, in_snapshot: false }
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &libsql::Connection {
        self.prepared.connection()
    }

    /// Each operation as a part of the transaction that is open.
    async fn execute_in_snapshot(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        if !op.reads_in_snapshot() {
            return Err(Failure::not_in_snapshot(op));
        }
        for op in if let Op::Batch(ops) = op { &ops[..] } else { std::slice::from_ref(op) } {
            self.is_whole()?;
            self.step(op, rows).await?;
        }
        Ok(Outcome::Applied)
    }

    /// That a snapshot has not lost its transaction, without which a read would see another instant.
    fn is_whole(&self) -> Result<(), Failure> {
        if self.in_snapshot && !self.prepared.in_transaction() {
            return Err(Failure::broken("libsql: a failure has ended the snapshot; begin another one"));
        }
        Ok(())
    }

    /// One operation, by itself or within a transaction.
    async fn step(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        let LibsqlSession { layout, prepared, .. } = self;
        let subject = OpSubject(layout, op);
        match op {
            Op::Append { log, stream, events } => {
                for event in events {
                    let row = encode_row(1 + event.len(), record_row(stream, event))?;
                    prepared.execute(Statement::Append { log: *log, rows: 1 }, row, &subject).await?;
                }
                return Ok(Outcome::Applied);
            }
            Op::InsertPoints { series, points } => {
                for point in points {
                    let row = encode_row(2 + point.metrics.len(), point_row(point))?;
                    prepared.execute(Statement::InsertPoints { series: *series, rows: 1 }, row, &subject).await?;
                }
                return Ok(Outcome::Applied);
            }
            _ => {}
        }
        let (statement, parameters) = (Statement::of(op)?, parameters(op, encode)?);
        match Expected::of(layout, op)? {
            Expected::Row(columns) => {
                let take = |found: &libsql::Row| rows.refill(|row| columns.decode(found, row));
                let found = prepared.query_one(statement, parameters, &subject, take).await?;
                found.map(|()| Outcome::Applied).ok_or_else(|| Failure::missing(subject))
            }
            Expected::Rows(columns) => {
                let take = |found: &libsql::Row| rows.refill(|row| columns.decode(found, row));
                prepared.query(statement, parameters, &subject, take).await.map(|()| Outcome::Applied)
            }
            Expected::Added(_) => prepared.execute(statement, parameters, &subject).await.map(|_| Outcome::Applied),
            Expected::Changed => match prepared.execute(statement, parameters, &subject).await? {
                0 if needs_probe(layout, op) => self.why_unchanged(op).await,
                0 => Err(Failure::missing(subject)),
                _ => Ok(Outcome::Applied),
            },
        }
    }

    /// No row changed: because there is none, because it holds no number, or because of the floor.
    async fn why_unchanged(&mut self, op: &Op) -> Result<Outcome, Failure> {
        let LibsqlSession { layout, prepared, .. } = self;
        let Some((probe, key)) = Statement::probe(op) else { return Err(Failure::misplaced(op)) };
        let held = |row: &libsql::Row| {
            let value = row.get_value(1).map_err(|error| failure(error, &"the held value"))?;
            Ok(if let LibsqlValue::Integer(held) = value { Some(held) } else { None })
        };
        let key = vec![encode(Parameter::Key(key))?];
        let found = prepared.query_one(probe, key, &OpSubject(layout, op), held).await?;
        unchanged("libsql", layout, op, found)
    }

    async fn transact(&mut self, whole: &Op, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        self.control(Statement::Begin { writes: whole.writes() }).await?;
        let mut done = Ok(Outcome::Applied);
        for op in ops {
            done = self.step(op, rows).await;
            if !matches!(done, Ok(Outcome::Applied)) {
                break;
            }
        }
        if matches!(done, Ok(Outcome::Applied)) {
            done = self.control(Statement::Commit).await.map(|()| Outcome::Applied);
        }
        if !matches!(done, Ok(Outcome::Applied)) {
            rows.clear();
            self.roll_back().await?;
        }
        done
    }

    /// One transaction because that is how this store takes bulk; what came before a failure is committed all the same.
    async fn batch(&mut self, whole: &Op, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        self.control(Statement::Begin { writes: whole.writes() }).await?;
        let mut done = Ok(Outcome::Applied);
        for op in ops {
            match self.step(op, rows).await {
                Ok(Outcome::Applied) => {}
                Ok(Outcome::Refused) => done = Ok(Outcome::Refused),
                Err(failure) => {
                    done = Err(failure);
                    break;
                }
            }
        }
        // Some failures, a full disk for one, have already ended the transaction.
        if done.is_err() && !self.prepared.in_transaction() {
            return done;
        }
        self.commit().await?;
        done
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        if let Err(uncommitted) = self.control(Statement::Commit).await {
            self.roll_back().await?;
            return Err(uncommitted);
        }
        Ok(())
    }

    async fn control(&mut self, statement: Statement<'_>) -> Result<(), Failure> {
        self.prepared.execute(statement, Vec::new(), &"a transaction").await.map(|_| ())
    }

    /// The store itself has already ended the transaction after some failures, a full disk for one.
    async fn roll_back(&mut self) -> Result<(), Failure> {
        if self.prepared.in_transaction() { self.control(Statement::Rollback).await } else { Ok(()) }
    }
}
