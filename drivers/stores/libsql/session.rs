//! One connection of libSQL as a session: each operation as its statements.
//!
//! The texts are in `sql/sqlite/sql.rs`, their preparation in `statements.rs`. Nothing is retried here.

use std::path::PathBuf;
use std::sync::Arc;

use libsql::Value as Column;

use super::bulk::Bulk;
use super::statements::Statements;
use super::values::{column, columns, key_column};
use super::{binding, failure};
use crate::sql::named::Named;
use crate::sql::sqlite::sql::Shape;
use crate::sql::sqlite::values::Answer;
use crate::{
    Change, Dataset, Failure, FailureKind, Fields, Key, Matching, Op, Outcome, Part, Point, Row, Rows, Session, Value,
};

/// One logical client: a connection with its prepared statements.
pub struct LibsqlSession {
    dataset: Arc<Dataset>,
    statements: Statements,
    log: PathBuf,
    /// A load under way.
    bulk: Option<Bulk>,
}

impl Session for LibsqlSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        match op {
            Op::Batch(ops) => self.batch(op, ops, rows).await,
            Op::Transact(ops) => match ops.iter().find(|op| !op.transacts()) {
                Some(misplaced) => Err(Failure::misplaced(misplaced)),
                None => self.transact(op, ops, rows).await,
            },
            _ if binding::begins(op) => self.transact(op, std::slice::from_ref(op), rows).await,
            _ => self.step(op, rows).await,
        }
    }

    /// Many loads are one transaction, see `bulk.rs`.
    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        if self.bulk.is_none() {
            self.bulk = Some(Bulk::begin(self.statements.connection(), &self.log).await?);
        }
        if !self.statements.in_transaction() {
            self.control(Shape::Begin { writes: true }).await?;
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
        if self.bulk.as_ref().is_some_and(Bulk::is_due) {
            self.commit().await?;
            if let Some(bulk) = &mut self.bulk {
                bulk.checkpoint(self.statements.connection()).await?;
            }
        }
        done
    }

    async fn finish_load(&mut self) -> Result<(), Failure> {
        let Some(bulk) = self.bulk.take() else { return Ok(()) };
        // Some failures, a full disk for one, have already ended the transaction.
        let committed = if self.statements.in_transaction() { self.commit().await } else { Ok(()) };
        let ended = bulk.end(self.statements.connection()).await;
        committed.and(ended)
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let answer = match part {
            Part::Table(at) => Answer::Fields {
                key: self.dataset.tables[at].key,
                declared: &self.dataset.tables[at].fields,
                asked: &Fields::All,
            },
            Part::Log(at) => Answer::Fields {
                key: self.dataset.logs[at].stream,
                declared: &self.dataset.logs[at].fields,
                asked: &Fields::All,
            },
            Part::Series(_) => Answer::Point,
        };
        let mut take = |found: &libsql::Row| {
            let mut row = Row::default();
            answer.decode(found, &mut row).map(|()| sink(row))
        };
        query(&mut self.statements, Shape::Export(part), Named::All, Vec::new(), &mut take).await.map(|_| ())
    }
}

impl LibsqlSession {
    pub(super) fn new(connection: libsql::Connection, dataset: Arc<Dataset>, log: PathBuf) -> Self {
        LibsqlSession { statements: Statements::new(connection, dataset.clone()), dataset, log, bulk: None }
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &libsql::Connection {
        self.statements.connection()
    }

    /// One operation, by itself or within a transaction.
    async fn step(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        match op {
            Op::Insert { table, key, record } => self.insert(*table, key, record).await?,
            Op::Read { table, key, fields } => self.read(*table, key, fields, rows).await?,
            Op::Update { table, key, changes } => self.update(*table, key, changes).await?,
            Op::Delete { table, key } => self.delete(*table, key).await?,
            Op::Increment { table, key, field, by, floor } => return self.bump(*table, key, *field, *by, *floor).await,
            Op::Scan { table, from, limit, fields } => {
                let parameters = vec![key_column(from)?, limited(*limit)];
                self.records(Shape::Scan(*table), *table, fields, parameters, rows).await?;
            }
            Op::Find { table, field, matching, order, limit, fields } => {
                let (equal, mut parameters) = match matching {
                    Matching::Equal(value) => (true, vec![column(value)?]),
                    Matching::Between(low, high) => (false, vec![column(low)?, column(high)?]),
                };
                parameters.push(limited(*limit));
                let shape = Shape::Find { table: *table, field: *field, equal, order: *order };
                self.records(shape, *table, fields, parameters, rows).await?;
            }
            Op::Append { log, stream, events } => self.append(*log, stream, events).await?,
            Op::Tail { log, stream, limit } => self.tail(*log, stream, *limit, rows).await?,
            Op::InsertPoints { series, points } => self.ingest(*series, points).await?,
            Op::LastPoint { series, entity } => {
                let points = self.points(Shape::Last(*series), vec![Column::Integer(*entity)], rows).await?;
                if points == 0 {
                    return Err(Failure::missing(format_args!("{} {entity}", self.dataset.series[*series].name)));
                }
            }
            Op::PointRange { series, entity, from_ms, to_ms } => {
                let parameters = [*entity, *from_ms, *to_ms].map(Column::Integer).to_vec();
                self.points(Shape::Range(*series), parameters, rows).await?;
            }
            Op::Window { series, entity, metric, from_ms, to_ms, every_ms, fold } => {
                let parameters = [*entity, *from_ms, *to_ms, *every_ms].map(Column::Integer).to_vec();
                self.points(Shape::Window { series: *series, metric: *metric, fold: *fold }, parameters, rows).await?;
            }
            Op::PointsAbove { series, metric, threshold, from_ms, to_ms, limit } => {
                let (from, to) = (Column::Integer(*from_ms), Column::Integer(*to_ms));
                let parameters = vec![from, to, Column::Real(*threshold), limited(*limit)];
                self.points(Shape::Above { series: *series, metric: *metric }, parameters, rows).await?;
            }
            Op::Batch(_) | Op::Transact(_) => return Err(Failure::misplaced(op)),
        }
        Ok(Outcome::Applied)
    }

    /// All or nothing.
    async fn transact(&mut self, whole: &Op, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        self.control(Shape::Begin { writes: whole.writes() }).await?;
        let mut done = Ok(Outcome::Applied);
        for op in ops {
            done = self.step(op, rows).await;
            if !matches!(done, Ok(Outcome::Applied)) {
                break;
            }
        }
        if matches!(done, Ok(Outcome::Applied)) {
            done = self.control(Shape::Commit).await.map(|()| Outcome::Applied);
        }
        if !matches!(done, Ok(Outcome::Applied)) {
            rows.clear();
            self.roll_back().await?;
        }
        done
    }

    /// One transaction because that is how this store takes bulk; what came before a failure is committed all the same.
    async fn batch(&mut self, whole: &Op, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        self.control(Shape::Begin { writes: whole.writes() }).await?;
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
        if done.is_err() && !self.statements.in_transaction() {
            return done;
        }
        self.commit().await?;
        done
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        if let Err(uncommitted) = self.control(Shape::Commit).await {
            self.roll_back().await?;
            return Err(uncommitted);
        }
        Ok(())
    }

    async fn control(&mut self, shape: Shape) -> Result<(), Failure> {
        let lease = self.statements.lease(shape, Named::All).await?;
        lease.execute(Vec::new()).await.map_err(|error| failure(error, &"a transaction")).map(|_| ())
    }

    /// The store itself has already ended the transaction after some failures, a full disk for one.
    async fn roll_back(&mut self) -> Result<(), Failure> {
        if self.statements.in_transaction() { self.control(Shape::Rollback).await } else { Ok(()) }
    }

    async fn insert(&mut self, table: usize, key: &Key, record: &[Value]) -> Result<(), Failure> {
        let parameters = columns(key, record)?;
        let lease = self.statements.lease(Shape::Insert(table), Named::All).await?;
        let inserted = lease.execute(parameters).await;
        inserted.map_err(|error| failure(error, &record_name(&self.dataset, table, key))).map(|_| ())
    }

    async fn read(&mut self, table: usize, key: &Key, fields: &Fields, rows: &mut Rows) -> Result<(), Failure> {
        match self.records(Shape::Read(table), table, fields, vec![key_column(key)?], rows).await? {
            0 => Err(Failure::missing(record_name(&self.dataset, table, key))),
            _ => Ok(()),
        }
    }

    async fn update(&mut self, table: usize, key: &Key, changes: &[Change]) -> Result<(), Failure> {
        let mut parameters = Vec::with_capacity(changes.len() + 1);
        for change in changes {
            parameters.push(column(&change.value)?);
        }
        parameters.push(key_column(key)?);
        self.change_one(Shape::Update(table), Named::Changed(changes), parameters, table, key).await
    }

    async fn delete(&mut self, table: usize, key: &Key) -> Result<(), Failure> {
        self.change_one(Shape::Delete(table), Named::All, vec![key_column(key)?], table, key).await
    }

    /// Runs a statement that changes the record of a key, which must be there.
    async fn change_one(
        &mut self,
        shape: Shape,
        named: Named<'_>,
        parameters: Vec<Column>,
        table: usize,
        key: &Key,
    ) -> Result<(), Failure> {
        let lease = self.statements.lease(shape, named).await?;
        match lease.execute(parameters).await {
            Ok(0) => Err(Failure::missing(record_name(&self.dataset, table, key))),
            Ok(_) => Ok(()),
            Err(error) => Err(failure(error, &record_name(&self.dataset, table, key))),
        }
    }

    async fn bump(
        &mut self,
        table: usize,
        key: &Key,
        field: usize,
        by: i64,
        floor: Option<i64>,
    ) -> Result<Outcome, Failure> {
        let mut parameters = vec![Column::Integer(by), key_column(key)?];
        parameters.extend(floor.map(Column::Integer));
        let lease = self.statements.lease(Shape::Bump { table, field, floored: floor.is_some() }, Named::All).await?;
        let changed = lease.execute(parameters).await;
        let name = || record_name(&self.dataset, table, key);
        if changed.map_err(|error| failure(error, &name()))? > 0 {
            return Ok(Outcome::Applied);
        }
        drop(lease);
        self.why_unbumped(table, key, field, by, floor).await
    }

    /// No row changed: because there is none, because it holds no number, or because of the floor.
    async fn why_unbumped(
        &mut self,
        table: usize,
        key: &Key,
        field: usize,
        by: i64,
        floor: Option<i64>,
    ) -> Result<Outcome, Failure> {
        let mut held = Rows::default();
        self.read(table, key, &Fields::Some(vec![field]), &mut held).await?;
        let name = record_name(&self.dataset, table, key);
        match (held.first().and_then(|row| row.values.first()), floor) {
            (Some(Value::Int(held)), Some(floor)) if i128::from(*held) + i128::from(by) < i128::from(floor) => {
                Ok(Outcome::Refused)
            }
            (Some(Value::Int(_)), _) => {
                Err(Failure::new(FailureKind::Conflict, format!("libsql: {name} changed while it was bumped")))
            }
            _ => Err(Failure::broken(format!("libsql: {name}: a field without an integer cannot be bumped"))),
        }
    }

    async fn append(&mut self, log: usize, stream: &Key, events: &[Vec<Value>]) -> Result<(), Failure> {
        for event in events {
            let parameters = columns(stream, event)?;
            let lease = self.statements.lease(Shape::Append(log), Named::All).await?;
            lease.execute(parameters).await.map_err(|error| failure(error, &self.dataset.logs[log].name))?;
        }
        Ok(())
    }

    async fn tail(&mut self, log: usize, stream: &Key, limit: usize, rows: &mut Rows) -> Result<(), Failure> {
        let shape = &self.dataset.logs[log];
        let answer = Answer::Fields { key: shape.stream, declared: &shape.fields, asked: &Fields::All };
        let parameters = vec![key_column(stream)?, limited(limit)];
        let mut take = |found: &libsql::Row| rows.refill(|row| answer.decode(found, row));
        query(&mut self.statements, Shape::Tail(log), Named::All, parameters, &mut take).await.map(|_| ())
    }

    async fn ingest(&mut self, series: usize, points: &[Point]) -> Result<(), Failure> {
        for point in points {
            let keys = [point.entity, point.at_ms].map(Column::Integer);
            let parameters = keys.into_iter().chain(point.metrics.iter().map(|metric| Column::Real(*metric))).collect();
            let lease = self.statements.lease(Shape::Ingest(series), Named::All).await?;
            lease.execute(parameters).await.map_err(|error| failure(error, &self.dataset.series[series].name))?;
        }
        Ok(())
    }

    async fn records(
        &mut self,
        shape: Shape,
        table: usize,
        fields: &Fields,
        parameters: Vec<Column>,
        rows: &mut Rows,
    ) -> Result<usize, Failure> {
        let table = &self.dataset.tables[table];
        let answer = Answer::Fields { key: table.key, declared: &table.fields, asked: fields };
        let mut take = |found: &libsql::Row| rows.refill(|row| answer.decode(found, row));
        query(&mut self.statements, shape, Named::Fields(fields), parameters, &mut take).await
    }

    async fn points(&mut self, shape: Shape, parameters: Vec<Column>, rows: &mut Rows) -> Result<usize, Failure> {
        let mut take = |found: &libsql::Row| rows.refill(|row| Answer::Point.decode(found, row));
        query(&mut self.statements, shape, Named::All, parameters, &mut take).await
    }
}

/// Runs a query, hands over every row and answers their number.
async fn query(
    statements: &mut Statements,
    shape: Shape,
    named: Named<'_>,
    parameters: Vec<Column>,
    take: &mut dyn FnMut(&libsql::Row) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let lease = statements.lease(shape, named).await?;
    let mut found = lease.query(parameters).await.map_err(|error| failure(error, &"a query"))?;
    let mut number = 0;
    while let Some(row) = found.next().await.map_err(|error| failure(error, &"a query"))? {
        take(&row)?;
        number += 1;
        if shape.answers_one_row() {
            break;
        }
    }
    Ok(number)
}

fn record_name(dataset: &Dataset, table: usize, key: &Key) -> String {
    format!("{} {key}", dataset.tables[table].name)
}

/// A limit as a parameter. There are fewer rows than the largest integer, so a larger limit means the same.
fn limited(limit: usize) -> Column {
    Column::Integer(i64::try_from(limit).unwrap_or(i64::MAX))
}
