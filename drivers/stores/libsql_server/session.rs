//! One stream of the server as a session: what is sent for an operation, and what its answers mean.
//!
//! Which statements an operation becomes is in `plan.rs`. Nothing is retried here.

use std::fmt;
use std::sync::Arc;

use super::hrana::{Columns, HranaOutcome, Refusal, Reply, unexpected};
use super::plan::{self, Added, Group, Place};
use super::stream::{Stream, patiently};
use crate::seam::op::OpSubject;
use crate::sql::sqlite::sql::{self, Shape};
use crate::sql::sqlite::values::{Answer, key, number, value};
use crate::{Dataset, Failure, FailureKind, Fields, Key, KeyKind, Kind, Op, Outcome, Part, Row, Rows, Session, Value};

/// One logical client.
pub struct LibsqlServerSession {
    /// As it was declared.
    dataset: Arc<Dataset>,
    /// With the names that tables have on the server.
    named: Arc<Dataset>,
    stream: Stream,
}

impl Session for LibsqlServerSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        match op {
            Op::Batch(ops) | Op::Transact(ops) => {
                let atomic = matches!(op, Op::Transact(_));
                let fits =
                    |op: &&Op| if atomic { op.transacts() } else { !matches!(op, Op::Batch(_) | Op::Transact(_)) };
                match (ops.iter().find(|op| !fits(op)), &ops[..]) {
                    (Some(misplaced), _) => Err(Failure::misplaced(misplaced)),
                    (None, []) => Ok(Outcome::Applied),
                    // A statement is a transaction by itself.
                    (None, [one]) => self.one(one, rows).await,
                    (None, _) => self.group(ops, atomic, rows).await,
                }
            }
            _ => self.one(op, rows).await,
        }
    }

    /// In transactions of about a megabyte, and with as many rows a statement as one takes.
    async fn load(&mut self, op: &Op) -> Result<Outcome, Failure> {
        const REQUEST_BYTES: u64 = 1 << 20;
        let ops = match op {
            Op::Batch(ops) => ops,
            _ => std::slice::from_ref(op),
        };
        if !ops.iter().all(|op| matches!(op, Op::Insert { .. } | Op::Append { .. } | Op::InsertPoints { .. })) {
            return self.execute(op, &mut Rows::default()).await;
        }
        let (mut added, mut bytes) = (Added::default(), 0);
        for op in ops {
            added.add(&self.dataset, op)?;
            bytes += weight(op);
            if bytes >= REQUEST_BYTES {
                self.add(std::mem::take(&mut added)).await?;
                bytes = 0;
            }
        }
        self.add(added).await.map(|()| Outcome::Applied)
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let answer = match part {
            Part::Table(at) => fields(self.dataset.tables[at].key, &self.dataset.tables[at].fields, &Fields::All),
            Part::Log(at) => fields(self.dataset.logs[at].stream, &self.dataset.logs[at].fields, &Fields::All),
            Part::Series(_) => Answer::Point,
        };
        let sql = sql::text(&self.named, Shape::Export(part), &Fields::All);
        let mut take = |columns: Columns<'_>| {
            let (key, values) = decode(answer, columns)?;
            sink(Row { key, values });
            Ok(())
        };
        self.stream.go_through(&sql, &mut take).await
    }
}

impl LibsqlServerSession {
    pub(super) fn new(stream: Stream, dataset: Arc<Dataset>, named: Arc<Dataset>) -> Self {
        LibsqlServerSession { dataset, named, stream }
    }

    /// An operation by itself.
    async fn one(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut steps = plan::steps(&self.dataset, op)?;
        let step = match (steps.pop(), steps.is_empty()) {
            (None, _) => return Ok(Outcome::Applied),
            (Some(step), true) => step,
            _ => return self.group(std::slice::from_ref(op), true, rows).await,
        };
        let reply = self.stream.execute(&step, &OpSubject(&self.dataset, op)).await?;
        if self.take(op, &reply, rows)? {
            return Ok(Outcome::Applied);
        }
        match op {
            Op::Increment { table, key, field, .. } if plan::doubtful(&self.dataset, op) => {
                let probe = plan::probe(*table, key, *field);
                let held = self.stream.execute(&probe, &OpSubject(&self.dataset, op)).await?;
                self.why_unbumped(op, &held)
            }
            _ => Err(Failure::missing(OpSubject(&self.dataset, op))),
        }
    }

    /// Several in one round trip, as one transaction.
    async fn group(&mut self, ops: &[Op], atomic: bool, rows: &mut Rows) -> Result<Outcome, Failure> {
        let group = Group::new(&self.dataset, ops, atomic)?;
        let mut outcomes = self.stream.batch(&group.steps).await?;
        begun(&mut outcomes[0])?;
        let mut done = Ok(Outcome::Applied);
        for (op, place) in ops.iter().zip(&group.places) {
            match self.conclude(op, place, &mut outcomes, rows) {
                Ok(Outcome::Applied) => {}
                Ok(Outcome::Refused) if !atomic => done = Ok(Outcome::Refused),
                ended => {
                    done = ended;
                    break;
                }
            }
        }
        if atomic && !matches!(done, Ok(Outcome::Applied)) {
            rows.clear();
            return match ended(&mut outcomes) {
                Ok(()) if ops.iter().any(Op::writes) => {
                    Err(Failure::broken("libsql-server: a transaction that did not succeed was committed"))
                }
                _ => done,
            };
        }
        let commits = !matches!(outcomes[outcomes.len() - 2], HranaOutcome::Skipped);
        match ended(&mut outcomes) {
            Ok(()) => done,
            Err(uncommitted) if commits => Err(uncommitted),
            // A step has undone everything, perhaps one after an operation that merely found nothing.
            Err(uncommitted) => self.untold(ops, &group.places, &mut outcomes).and(done).and(Err(uncommitted)),
        }
    }

    /// The failure of a step that was not looked at.
    fn untold(&self, ops: &[Op], places: &[Place], outcomes: &mut [HranaOutcome]) -> Result<(), Failure> {
        for (op, place) in ops.iter().zip(places) {
            for outcome in &mut outcomes[place.steps.clone()] {
                if let HranaOutcome::Failed(refusal) = std::mem::take(outcome) {
                    return Err(refusal.failure(&OpSubject(&self.dataset, op)));
                }
            }
        }
        Ok(())
    }

    /// What an operation of a group came to.
    fn conclude(
        &self,
        op: &Op,
        place: &Place,
        outcomes: &mut [HranaOutcome],
        rows: &mut Rows,
    ) -> Result<Outcome, Failure> {
        let subject = OpSubject(&self.dataset, op);
        let mut found = true;
        for outcome in &mut outcomes[place.steps.clone()] {
            found &= self.take(op, &done(outcome, &subject)?, rows)?;
        }
        let guard = place.guard.map(|guard| std::mem::take(&mut outcomes[guard]));
        match (found, guard, place.probe) {
            (true, None | Some(HranaOutcome::Outcome(_)), _) => Ok(Outcome::Applied),
            (true, Some(HranaOutcome::Failed(refusal)), _) => Err(refusal.failure(&subject)),
            (false, None | Some(HranaOutcome::Failed(_)), Some(probe)) => {
                self.why_unbumped(op, &done(&mut outcomes[probe], &subject)?)
            }
            (false, None | Some(HranaOutcome::Failed(_)), None) => Err(Failure::missing(subject)),
            _ => Err(unexpected()),
        }
    }

    async fn add(&mut self, added: Added<'_>) -> Result<(), Failure> {
        if added.steps.is_empty() {
            return Ok(());
        }
        let group = Group::adding(added);
        patiently(async || {
            let mut outcomes = self.stream.batch(&group.steps).await?;
            begun(&mut outcomes[0])?;
            let steps = outcomes.len() - 2;
            for outcome in &mut outcomes[1..steps] {
                done(outcome, &"a record to be loaded")?;
            }
            ended(&mut outcomes)
        })
        .await
    }

    /// Takes over the answer to a statement. False if it should have found something and did not.
    fn take(&self, op: &Op, reply: &Reply, rows: &mut Rows) -> Result<bool, Failure> {
        let answer = match op {
            Op::Read { table, fields: asked, .. }
            | Op::Scan { table, fields: asked, .. }
            | Op::Find { table, fields: asked, .. } => {
                let table = &self.dataset.tables[*table];
                fields(table.key, &table.fields, asked)
            }
            Op::Tail { log, .. } => {
                let log = &self.dataset.logs[*log];
                fields(log.stream, &log.fields, &Fields::All)
            }
            Op::LastPoint { .. } | Op::PointRange { .. } | Op::Window { .. } | Op::PointsAbove { .. } => Answer::Point,
            _ => return Ok(reply.changed()? > 0),
        };
        let mut found = !matches!(op, Op::Read { .. } | Op::LastPoint { .. });
        for columns in reply.rows() {
            let (key, values) = decode(answer, columns?)?;
            rows.push(key, values);
            found = true;
        }
        Ok(found)
    }

    /// No row changed: because there is none, because it holds no number, or because of the floor.
    fn why_unbumped(&self, op: &Op, held: &Reply) -> Result<Outcome, Failure> {
        let Op::Increment { table, field, by, floor, .. } = op else { return Err(unexpected()) };
        let subject = OpSubject(&self.dataset, op);
        let mut columns = held.rows().next().ok_or_else(|| Failure::missing(subject))??;
        columns.column()?;
        match (value(columns.column()?, &self.dataset.tables[*table].fields[*field].kind)?, floor) {
            (Value::Int(held), Some(floor)) if i128::from(held) + i128::from(*by) < i128::from(*floor) => {
                Ok(Outcome::Refused)
            }
            (Value::Int(_), _) => {
                let message = format!("libsql-server: {subject} changed while it was bumped");
                Err(Failure::new(FailureKind::Conflict, message))
            }
            _ => Err(Failure::broken(format!("libsql-server: {subject}: a field without an integer cannot be bumped"))),
        }
    }
}

fn fields<'a>(key: KeyKind, declared: &'a [crate::Field], asked: &'a Fields) -> Answer<'a> {
    Answer::Fields { key, declared, asked }
}

/// The key and the values of a row.
fn decode(answer: Answer<'_>, mut columns: Columns<'_>) -> Result<(Key, Vec<Value>), Failure> {
    match answer {
        Answer::Fields { key: kind, declared, asked } => {
            let key = key(columns.column()?, kind)?;
            let values: Result<Vec<Value>, Failure> = match asked {
                Fields::All => declared.iter().map(|field| value(columns.column()?, &field.kind)).collect(),
                Fields::Some(asked) => {
                    asked.iter().map(|field| value(columns.column()?, &declared[*field].kind)).collect()
                }
            };
            Ok((key, values?))
        }
        Answer::Point => {
            let key = key(columns.column()?, KeyKind::Int)?;
            let at = value(columns.column()?, &Kind::Time);
            let values: Result<Vec<Value>, Failure> =
                std::iter::once(at).chain(columns.map(|metric| number(metric?))).collect();
            Ok((key, values?))
        }
    }
}

/// The answer to a step that must have been carried out.
fn done(outcome: &mut HranaOutcome, subject: &dyn fmt::Display) -> Result<Reply, Failure> {
    match std::mem::take(outcome) {
        HranaOutcome::Outcome(reply) => Ok(reply),
        HranaOutcome::Failed(refusal) => Err(refusal.failure(subject)),
        HranaOutcome::Skipped => Err(Failure::broken(format!("libsql-server: {subject}: it was not carried out"))),
    }
}

fn begun(begin: &mut HranaOutcome) -> Result<(), Failure> {
    done(begin, &"the beginning of a transaction").map(|_| ())
}

/// Whether a transaction was committed. One that was neither committed nor undone would still keep the write lock.
fn ended(outcomes: &mut [HranaOutcome]) -> Result<(), Failure> {
    let [.., commit, rollback] = outcomes else { return Err(unexpected()) };
    if let HranaOutcome::Failed(Refusal { message, .. }) = rollback {
        let message = format!("libsql-server: a transaction could not be undone: {message}");
        return Err(Failure::new(FailureKind::Unavailable, message));
    }
    done(commit, &"the end of a transaction").map(|_| ())
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
