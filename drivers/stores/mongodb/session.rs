//! One logical client: operations and groups of them, and what is read. What is changed is in `applying.rs`; commands
//! are written in `commands.rs` and `changes.rs`, and sent in `line.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::RawDocumentBuf;

use super::changes::share;
use super::commands::{Acknowledged, Commands};
use super::layout::Layout;
use super::line::Line;
use super::values::{self, Shape};
use crate::{Failure, FailureKind, Fields, Key, Op, Outcome, Part, Row, Rows, Session, Value};

/// A session.
pub struct MongodbSession {
    pub(super) layout: Arc<Layout>,
    pub(super) line: Line,
    /// What acknowledges a write outside of transactions.
    acknowledged: Acknowledged,
    pub(super) transacting: bool,
}

/// Why a run of operations did not apply.
pub(super) enum Trouble {
    Failed(Failure),
    /// Several statements shared a command within a transaction, and it is not known which of them came to nothing
    /// first.
    Undecided,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Failed(failure)
    }
}

/// While data is loaded, a write need not be journaled by itself: `settle` waits for all of them.
const LOADING: Acknowledged = Acknowledged { majority: false, journal: false };

impl Session for MongodbSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        let done = match op {
            Op::Transact(ops) => self.transact(ops, rows).await,
            _ => self.alone(op, rows).await,
        };
        if done.is_err() {
            rows.clear();
        }
        done
    }

    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        let asked = std::mem::replace(&mut self.acknowledged, LOADING);
        let done = self.execute(op, &mut Rows::default()).await;
        self.acknowledged = asked;
        done
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let command = self.commands().export(part)?;
        let layout = &self.layout;
        let take = |document: &_| {
            let (key, values) = match part {
                Part::Table(at) => table_shape(layout, at, &Fields::All).decode(document)?,
                Part::Log(at) => log_shape(layout, at).decode(document)?,
                Part::Series(at) => layout.series[at].decode(document)?,
            };
            sink(Row { key, values });
            Ok(())
        };
        self.line.ask(command, take).await
    }
}

impl MongodbSession {
    pub(super) fn new(layout: Arc<Layout>, line: Line, acknowledged: Acknowledged) -> Self {
        MongodbSession { layout, line, acknowledged, transacting: false }
    }

    pub(super) fn commands(&self) -> Commands<'_> {
        let acknowledged = (!self.transacting).then_some(self.acknowledged);
        Commands { layout: &self.layout, acknowledged, told: false }
    }

    /// Outside of a transaction. What lost a conflict is tried again, so nothing that has changed something ends so.
    async fn alone(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        self.line.has_changed = false;
        let done = match op {
            Op::Batch(ops) => self.batch(ops, rows).await,
            _ => self.step(std::slice::from_ref(op), rows).await.map_err(Trouble::failure),
        };
        done.map_err(|failure| match failure.kind {
            FailureKind::Conflict if self.line.has_changed => {
                let message = format!("{}; a part of the operation was applied before", failure.message);
                Failure { kind: FailureKind::Broken, message, ..failure }
            }
            _ => failure,
        })
    }

    /// Neighbours of one kind share a command, in order.
    async fn batch(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut done = Outcome::Applied;
        for run in ops.chunk_by(share) {
            if self.step(run, rows).await.map_err(Trouble::failure)? == Outcome::Refused {
                done = Outcome::Refused;
            }
        }
        Ok(done)
    }

    async fn transact(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        if let Some(misplaced) = ops.iter().find(|op| !op.transacts()) {
            return Err(Failure::misplaced(misplaced));
        }
        if ops.is_empty() {
            return Ok(Outcome::Applied);
        }
        match self.attempt(ops.chunk_by(share), rows).await {
            Err(Trouble::Undecided) => {
                rows.clear();
                self.attempt(ops.chunks(1), rows).await.map_err(Trouble::failure)
            }
            done => done.map_err(Trouble::failure),
        }
    }

    /// The runs as one transaction. What is not applied is aborted.
    async fn attempt<'o>(&mut self, runs: impl Iterator<Item = &'o [Op]>, rows: &mut Rows) -> Result<Outcome, Trouble> {
        let begun = self.line.begin().await?;
        self.transacting = true;
        let mut done = Ok(Outcome::Applied);
        for run in runs {
            done = self.step(run, rows).await;
            if !matches!(done, Ok(Outcome::Applied)) {
                break;
            }
        }
        self.transacting = false;
        match done {
            Ok(Outcome::Applied) => done = self.line.commit().await.map(|()| Outcome::Applied).map_err(Trouble::Failed),
            // The server is not waited for a second time.
            Err(Trouble::Failed(ref failure)) if failure.kind == FailureKind::Unavailable => {}
            _ => {
                rows.clear();
                self.line.abort().await;
            }
        }
        // After any other failure the session goes on, and its next transaction ends this one.
        let is_lost = |failure: &Failure| matches!(failure.kind, FailureKind::Timeout | FailureKind::Unavailable);
        if !matches!(&done, Err(Trouble::Failed(failure)) if is_lost(failure)) {
            begun.end();
        }
        done
    }

    /// Operations that share a command; most often a single one.
    async fn step(&mut self, run: &[Op], rows: &mut Rows) -> Result<Outcome, Trouble> {
        let Some(op) = run.first() else { return Ok(Outcome::Applied) };
        match op {
            Op::Insert { .. } | Op::Append { .. } => self.insert(run).await?,
            Op::InsertPoints { series, .. } => self.ingest(*series, run).await?,
            Op::Update { table, .. } | Op::Increment { table, .. } => return self.update(*table, run).await,
            Op::Delete { table, .. } => self.delete(*table, run).await?,
            Op::Read { table, fields, .. } => self.read(*table, fields, run, rows).await?,
            Op::Batch(_) | Op::Transact(_) => return Err(Failure::misplaced(op).into()),
            _ => self.query(op, rows).await?,
        }
        Ok(Outcome::Applied)
    }

    /// Operations that return any number of rows in the order of an index. To this store a limit of 0 is no limit,
    /// so nothing is sent then.
    async fn query(&mut self, op: &Op, rows: &mut Rows) -> Result<(), Failure> {
        match op {
            Op::Scan { limit: 0, .. } | Op::Find { limit: 0, .. } | Op::Tail { limit: 0, .. } => Ok(()),
            Op::PointsAbove { limit: 0, .. } => Ok(()),
            Op::Scan { table, from, limit, fields } => {
                let command = self.commands().scan(*table, from, *limit, fields)?;
                self.records(command, *table, fields, rows).await
            }
            Op::Find { table, field, matching, order, limit, fields } => {
                let command = self.commands().find(*table, *field, matching, *order, *limit, fields)?;
                self.records(command, *table, fields, rows).await
            }
            Op::Tail { log, stream, limit } => {
                let command = self.commands().tail(*log, stream, *limit)?;
                let shape = log_shape(&self.layout, *log);
                self.line.ask(command, |document| push(shape.decode(document)?, rows)).await
            }
            Op::LastPoint { series, entity } => {
                self.points(op, *series, rows).await?;
                let name = || Failure::missing(format_args!("{} {entity}", self.layout.dataset.series[*series].name));
                if rows.is_empty() { Err(name()) } else { Ok(()) }
            }
            Op::PointRange { series, .. } | Op::PointsAbove { series, .. } => self.points(op, *series, rows).await,
            Op::Window { entity, .. } => {
                let command = self.commands().points(op)?;
                let key = Key::Int(*entity);
                self.line.ask(command, |document| push((key.clone(), values::bucket(document)?), rows)).await
            }
            _ => Err(Failure::misplaced(op)),
        }
    }

    async fn read(&mut self, table: usize, fields: &Fields, run: &[Op], rows: &mut Rows) -> Result<(), Failure> {
        if let [op] = run {
            let command = self.commands().read(table, std::iter::once(key_of(op)), fields)?;
            self.records(command, table, fields, rows).await?;
            let found = rows.last().is_some_and(|row| row.key == *key_of(op));
            return if found { Ok(()) } else { Err(Failure::missing(self.record_name(table, key_of(op)))) };
        }
        let held = self.held(table, run, fields).await?;
        for key in run.iter().map(key_of) {
            let values = held.get(key).ok_or_else(|| Failure::missing(self.record_name(table, key)))?;
            rows.push(key.clone(), values.clone());
        }
        Ok(())
    }

    /// What is held under the keys of several operations.
    pub(super) async fn held(
        &mut self,
        table: usize,
        run: &[Op],
        fields: &Fields,
    ) -> Result<HashMap<Key, Vec<Value>>, Failure> {
        let command = self.commands().read(table, run.iter().map(key_of), fields)?;
        let shape = table_shape(&self.layout, table, fields);
        let mut held = HashMap::with_capacity(run.len());
        let take = |document: &_| {
            let (key, values) = shape.decode(document)?;
            held.insert(key, values);
            Ok(())
        };
        self.line.ask(command, take).await?;
        Ok(held)
    }

    async fn records(
        &mut self,
        command: RawDocumentBuf,
        table: usize,
        fields: &Fields,
        rows: &mut Rows,
    ) -> Result<(), Failure> {
        let shape = table_shape(&self.layout, table, fields);
        self.line.ask(command, |document| push(shape.decode(document)?, rows)).await
    }

    async fn points(&mut self, op: &Op, series: usize, rows: &mut Rows) -> Result<(), Failure> {
        let command = self.commands().points(op)?;
        let points = &self.layout.series[series];
        self.line.ask(command, |document| push(points.decode(document)?, rows)).await
    }

    pub(super) fn record_name(&self, table: usize, key: &Key) -> String {
        format!("{} {key}", self.layout.dataset.tables[table].name)
    }
}

impl Trouble {
    fn failure(self) -> Failure {
        match self {
            Trouble::Failed(failure) => failure,
            Trouble::Undecided => Failure::broken("mongodb: statements with commands of their own were left undecided"),
        }
    }
}

fn push((key, values): (Key, Vec<Value>), rows: &mut Rows) -> Result<(), Failure> {
    rows.push(key, values);
    Ok(())
}

fn table_shape<'a>(layout: &'a Layout, table: usize, asked: &'a Fields) -> Shape<'a> {
    Shape { key: "_id", names: &layout.tables[table], fields: &layout.dataset.tables[table].fields, asked }
}

fn log_shape(layout: &Layout, log: usize) -> Shape<'_> {
    let names = &layout.logs[log];
    let fields = &layout.dataset.logs[log].fields;
    Shape { key: &names.stream, names: &names.fields, fields, asked: &Fields::All }
}

/// The key of an operation on one record.
pub(super) fn key_of(op: &Op) -> &Key {
    static NONE: Key = Key::Int(0);
    match op {
        Op::Insert { key, .. }
        | Op::Read { key, .. }
        | Op::Update { key, .. }
        | Op::Delete { key, .. }
        | Op::Increment { key, .. } => key,
        _ => &NONE,
    }
}
