//! Carries out operations that share a command, most often a single one: sends the command, in several messages if one
//! does not take it all, and works out what the counts and errors in the replies mean.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mongodb::bson::Timestamp;

use super::commands::{CommandBuilder, record_key};
use super::connection::Connection;
use super::decode;
use super::durability::WriteConcern;
use super::layout::Layout;
use super::write_commands::{NewDocument, statement_count};
use crate::{Failure, FailureKind, Fields, Key, Op, Outcome, Part, Point, Row, Rows, Value};

/// The operations of one session.
pub(super) struct Executor {
    pub(super) layout: Arc<Layout>,
    pub(super) connection: Connection,
    /// The concern of a write outside of transactions.
    pub(super) write_concern: WriteConcern,
    pub(super) in_transaction: bool,
    /// The cluster time of the snapshot that is read, if there is one.
    pub(super) snapshot_at: Option<Timestamp>,
}

/// Why operations that share a command were not applied.
pub(super) enum BatchError {
    Failed(Failure),
    /// They are part of a transaction, and it is not known which of them failed first. Each with a command of its own
    /// will tell.
    Undecided,
}

impl From<Failure> for BatchError {
    fn from(failure: Failure) -> Self {
        BatchError::Failed(failure)
    }
}

impl BatchError {
    pub(super) fn into_failure(self) -> Failure {
        match self {
            BatchError::Failed(failure) => failure,
            BatchError::Undecided => {
                Failure::broken("mongodb: statements with commands of their own were left undecided")
            }
        }
    }
}

impl Executor {
    /// The operations of a run are of one kind, and a single one if it is a query.
    pub(super) async fn execute(&mut self, run: &[Op], rows: &mut Rows) -> Result<Outcome, BatchError> {
        let Some(op) = run.first() else { return Ok(Outcome::Applied) };
        match op {
            Op::Insert { .. } | Op::Append { .. } => self.insert(run).await?,
            Op::InsertPoints { series, .. } => self.insert_points(*series, run).await?,
            Op::Update { table, .. } | Op::Increment { table, .. } => return self.update(*table, run).await,
            Op::Delete { table, .. } => self.delete(*table, run).await?,
            Op::Read { table, fields, .. } => self.read(*table, fields, run, rows).await?,
            Op::Batch(_) | Op::Transact(_) | Op::Interactive(_) => return Err(Failure::misplaced(op).into()),
            _ => self.query(op, rows).await?,
        }
        Ok(Outcome::Applied)
    }

    pub(super) async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let command = self.commands().export(part)?;
        let layout = &self.layout;
        let export = |document: &_| {
            let (key, values) = match part {
                Part::Table(at) => layout.table_decoder(at, &Fields::All).decode(document)?,
                Part::Log(at) => layout.log_decoder(at).decode(document)?,
                Part::Series(at) => layout.series[at].decode(document)?,
            };
            sink(Row { key, values });
            Ok(())
        };
        self.connection.query(command, export).await
    }

    /// A failure in a snapshot. One that is gone does not come back, so the same operation is not tried again.
    pub(super) fn of_snapshot(&self, failure: Failure) -> Failure {
        if self.snapshot_at.is_none() || failure.kind != FailureKind::Conflict {
            return failure;
        }
        let message = format!(
            "{}; the server keeps a snapshot for minSnapshotHistoryWindowInSeconds (300 unless set), and while no \
             collection of it is changed",
            failure.message
        );
        Failure { kind: FailureKind::Broken, message, ..failure }
    }

    fn commands(&self) -> CommandBuilder<'_> {
        let write_concern = (!self.in_transaction).then_some(self.write_concern);
        CommandBuilder { layout: &self.layout, write_concern, snapshot_at: self.snapshot_at, has_placeholders: false }
    }

    async fn insert(&mut self, run: &[Op]) -> Result<(), Failure> {
        let (total, mut sent) = (statement_count(run), 0);
        while sent < total {
            let (command, count) = self.commands().write(run, sent)?;
            let reply = self.connection.write(command).await.map_err(|failure| self.with_name(failure, run))?;
            if let Some(error) = reply.errors.first() {
                let document = NewDocument::list(run).nth(sent + error.at);
                return Err(error.failure(&document.map(|document| self.name(document)).unwrap_or_default()));
            }
            expect(reply.count, count)?;
            sent += count;
        }
        Ok(())
    }

    /// Points are inserted, which is several times quicker than looking for each first; those whose instant the server
    /// reports as taken then replace the former ones, in their order.
    async fn insert_points(&mut self, series: usize, run: &[Op]) -> Result<(), Failure> {
        let is_unique = self.layout.series[series].is_unique();
        let (total, mut sent) = (statement_count(run), 0);
        while sent < total {
            let (command, count) = self.commands().write(run, sent)?;
            let reply = self.connection.write(command).await?;
            if let Some(error) = reply.errors.iter().find(|error| !(is_unique && error.is_duplicate_key())) {
                return Err(error.failure(&self.layout.dataset.series[series].name));
            }
            expect(reply.count + reply.errors.len(), count)?;
            if !reply.errors.is_empty() {
                let taken: HashSet<usize> = reply.errors.iter().map(|error| error.at).collect();
                let documents = NewDocument::list(run).skip(sent).take(count).enumerate();
                let points =
                    documents.filter(|(at, _)| taken.contains(at)).filter_map(|(_, document)| match document {
                        NewDocument::Point { point, .. } => Some(point),
                        _ => None,
                    });
                self.replace(series, points).await?;
            }
            sent += count;
        }
        Ok(())
    }

    async fn replace<'p>(&mut self, series: usize, points: impl Iterator<Item = &'p Point>) -> Result<(), Failure> {
        let mut points = points.peekable();
        while points.peek().is_some() {
            let (command, count) = self.commands().replace(series, &mut points)?;
            let reply = self.connection.write(command).await?;
            if let Some(error) = reply.errors.first() {
                return Err(error.failure(&self.layout.dataset.series[series].name));
            }
            expect(reply.count, count)?;
        }
        Ok(())
    }

    async fn update(&mut self, table: usize, run: &[Op]) -> Result<Outcome, BatchError> {
        let (mut outcome, mut sent) = (Outcome::Applied, 0);
        while sent < run.len() {
            let (command, count) = self.commands().write(run, sent)?;
            let ops = &run[sent..sent + count];
            sent += count;
            let reply = match self.connection.write(command).await {
                Ok(reply) => reply,
                Err(failure) if self.in_transaction && count > 1 && failure.kind == FailureKind::Broken => {
                    return Err(BatchError::Undecided);
                }
                Err(failure) => return Err(self.with_name(failure, ops).into()),
            };
            let tried = reply.errors.first().map_or(count, |error| error.at);
            if reply.count < tried {
                // The error has ended the transaction, in which nothing can be read any more.
                if self.in_transaction && tried < count {
                    return Err(BatchError::Undecided);
                }
                outcome = self.explain_unmatched(table, &ops[..tried], tried - reply.count).await?;
            }
            if let Some(error) = reply.errors.first() {
                return Err(error.failure(&self.record_name(table, record_key(&ops[tried]))).into());
            }
        }
        Ok(outcome)
    }

    /// Why some of these updates and increments matched nothing: the record or a number in it is missing, or the floor
    /// refused it.
    async fn explain_unmatched(&mut self, table: usize, ops: &[Op], unmatched: usize) -> Result<Outcome, BatchError> {
        let incremented = |op: &Op| if let Op::Increment { field, .. } = op { Some(*field) } else { None };
        let fields: Vec<usize> = ops.iter().filter_map(incremented).collect();
        let records = self.records(table, ops, &Fields::Some(fields.clone())).await?;
        let mut failures = ops.iter().filter_map(|op| {
            let name = || self.record_name(table, record_key(op));
            let Some(values) = records.get(record_key(op)) else { return Some(Failure::missing(name())) };
            let value_of = |field| fields.iter().position(|other| *other == field).map(|at| &values[at]);
            match incremented(op).map(value_of) {
                None | Some(Some(Value::Int(_))) => None,
                _ => Some(Failure::broken(format!("mongodb: {}: a field without an integer cannot be bumped", name()))),
            }
        });
        if let Some(first) = failures.next() {
            let is_undecided = self.in_transaction && 1 + failures.count() < unmatched;
            return Err(if is_undecided { BatchError::Undecided } else { first.into() });
        }
        // Everything is there now. With a floor it was there before as well, and the floor refused it, whatever has
        // been done since; otherwise the record has come since.
        if ops.iter().any(|op| matches!(op, Op::Increment { floor: Some(_), .. })) {
            return Ok(Outcome::Refused);
        }
        Err(Failure::missing(self.record_name(table, record_key(&ops[0]))).into())
    }

    async fn delete(&mut self, table: usize, run: &[Op]) -> Result<(), Failure> {
        let mut sent = 0;
        while sent < run.len() {
            let (command, count) = self.commands().write(run, sent)?;
            let reply = self.connection.write(command).await?;
            let name = &self.layout.dataset.tables[table].name;
            if let Some(error) = reply.errors.first() {
                return Err(error.failure(name));
            }
            match run {
                _ if reply.count == count => {}
                [op] => return Err(Failure::missing(self.record_name(table, record_key(op)))),
                _ => return Err(Failure::missing(format_args!("one of {count} {name}"))),
            }
            sent += count;
        }
        Ok(())
    }

    async fn read(&mut self, table: usize, fields: &Fields, run: &[Op], rows: &mut Rows) -> Result<(), Failure> {
        if let [op] = run {
            let (command, before) = (self.commands().read(table, run, fields)?, rows.len());
            let decoder = self.layout.table_decoder(table, fields);
            self.connection.query(command, |document| push(decoder.decode(document)?, rows)).await?;
            let is_found = rows.len() > before && rows.last().is_some_and(|row| row.key == *record_key(op));
            return if is_found { Ok(()) } else { Err(Failure::missing(self.record_name(table, record_key(op)))) };
        }
        let records = self.records(table, run, fields).await?;
        for key in run.iter().map(record_key) {
            let values = records.get(key).ok_or_else(|| Failure::missing(self.record_name(table, key)))?;
            rows.push(key.clone(), values.clone());
        }
        Ok(())
    }

    /// The records of several operations that are there.
    async fn records(
        &mut self,
        table: usize,
        ops: &[Op],
        fields: &Fields,
    ) -> Result<HashMap<Key, Vec<Value>>, Failure> {
        let command = self.commands().read(table, ops, fields)?;
        let decoder = self.layout.table_decoder(table, fields);
        let mut records = HashMap::with_capacity(ops.len());
        let collect = |document: &_| {
            let (key, values) = decoder.decode(document)?;
            records.insert(key, values);
            Ok(())
        };
        self.connection.query(command, collect).await?;
        Ok(records)
    }

    /// To this store a limit of 0 is no limit, so nothing is sent then.
    async fn query(&mut self, op: &Op, rows: &mut Rows) -> Result<(), Failure> {
        let limit = match op {
            Op::Scan { limit, .. } | Op::Find { limit, .. } | Op::Tail { limit, .. } => *limit,
            Op::PointsAbove { limit, .. } => *limit,
            _ => usize::MAX,
        };
        if limit == 0 {
            return Ok(());
        }
        let command = self.commands().query(op)?;
        let (layout, connection) = (&self.layout, &mut self.connection);
        match op {
            Op::Scan { table, fields, .. } | Op::Find { table, fields, .. } => {
                let decoder = layout.table_decoder(*table, fields);
                connection.query(command, |document| push(decoder.decode(document)?, rows)).await
            }
            Op::Tail { log, .. } => {
                let decoder = layout.log_decoder(*log);
                connection.query(command, |document| push(decoder.decode(document)?, rows)).await
            }
            Op::Window { entity, .. } => {
                let key = Key::Int(*entity);
                connection.query(command, |document| push((key.clone(), decode::bucket(document)?), rows)).await
            }
            Op::LastPoint { series, .. } | Op::PointRange { series, .. } | Op::PointsAbove { series, .. } => {
                let (points, before) = (&layout.series[*series], rows.len());
                connection.query(command, |document| push(points.decode(document)?, rows)).await?;
                match op {
                    Op::LastPoint { entity, .. } if rows.len() == before => {
                        Err(Failure::missing(format_args!("{} {entity}", layout.dataset.series[*series].name)))
                    }
                    _ => Ok(()),
                }
            }
            _ => Err(Failure::misplaced(op)),
        }
    }

    /// A failure of a whole command, where the taken key is that of its only document.
    fn with_name(&self, failure: Failure, run: &[Op]) -> Failure {
        match (failure.kind, NewDocument::list(run).next()) {
            (FailureKind::Exists, Some(document)) => Failure::exists(self.name(document)),
            _ => failure,
        }
    }

    fn name(&self, document: NewDocument<'_>) -> String {
        match document {
            NewDocument::Record { table, key, .. } => self.record_name(table, key),
            other => self.layout.dataset.name_of(other.part()).to_owned(),
        }
    }

    fn record_name(&self, table: usize, key: &Key) -> String {
        format!("{} {key}", self.layout.dataset.tables[table].name)
    }
}

fn push((key, values): (Key, Vec<Value>), rows: &mut Rows) -> Result<(), Failure> {
    rows.push(key, values);
    Ok(())
}

fn expect(count: usize, expected: usize) -> Result<(), Failure> {
    if count == expected {
        return Ok(());
    }
    Err(Failure::broken(format!("mongodb: {count} of {expected} statements were carried out, without any error")))
}
