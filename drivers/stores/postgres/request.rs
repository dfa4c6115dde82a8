//! One operation as one statement with its parameters, and what its reply has to be.

use std::fmt;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::{Client, Error, RowStream, Statement};

use super::children::Child;
use super::failure::{failure, too_long};
use super::laid::Laid;
use super::parameters::last_of_each;
use super::sql::Shape;
use super::values::{Answer, Param};
use crate::seam::failure::LONGEST_REPLY_BYTES;
use crate::seam::op::OpSubject;
use crate::sql::named::Named;
use crate::{Dataset, Failure, Fields, Key, Matching, Op, Rows, Value};

/// A statement to be sent.
pub(super) struct Request<'a> {
    pub(super) statement: Statement,
    pub(super) parameters: Vec<Param<'a>>,
    pub(super) expects: Expects<'a>,
    pub(super) subject: Subject<'a>,
}

/// What a reply has to be.
#[derive(Clone, Copy)]
pub(super) enum Expects<'a> {
    /// Success.
    Outcome,
    /// So many changed rows: fewer are not a success.
    Changed(u64),
    /// One changed row, if there was one to change.
    One,
    /// Rows; at least one, if what they are about is there.
    Rows { answer: Answer<'a>, some: bool },
    /// The integer in the second column of one row, to tell why a bump changed nothing.
    Held,
}

/// What a reply was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reply {
    /// What was expected.
    Applied,
    /// The statement found nothing to change or to answer.
    Nothing,
    /// The record is there and holds this.
    Held(Option<i64>),
}

/// What a statement is about, for messages.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Op(&'a Dataset, &'a Op),
    Control(&'static str),
}

/// The shape of the statement of a single operation, and the fields that it names. None if there is nothing to send: no
/// events, no points.
pub(super) fn shape(op: &Op) -> Result<Option<(Shape, Named<'_>)>, Failure> {
    Ok(Some(match op {
        Op::Insert { table, .. } => (Shape::Insert(*table), Named::All),
        Op::Read { table, fields, .. } => (Shape::Read(*table), Named::Fields(fields)),
        Op::Update { table, changes, .. } => (Shape::Update(*table), Named::Changed(changes)),
        Op::Delete { table, .. } => (Shape::Delete(*table), Named::All),
        Op::Increment { table, field, floor, .. } => {
            (Shape::Bump { table: *table, field: *field, floored: floor.is_some() }, Named::All)
        }
        Op::Scan { table, fields, .. } => (Shape::Scan(*table), Named::Fields(fields)),
        Op::Find { table, field, matching, order, fields, .. } => {
            let equal = matches!(matching, Matching::Equal(_));
            (Shape::Find { table: *table, field: *field, equal, order: *order }, Named::Fields(fields))
        }
        Op::Append { events, .. } if events.is_empty() => return Ok(None),
        Op::Append { log, events, .. } => (Shape::Append { log: *log, many: events.len() > 1 }, Named::All),
        Op::Tail { log, .. } => (Shape::Tail(*log), Named::All),
        Op::InsertPoints { points, .. } if points.is_empty() => return Ok(None),
        Op::InsertPoints { series, points } => (Shape::Ingest { series: *series, many: points.len() > 1 }, Named::All),
        Op::LastPoint { series, .. } => (Shape::Last(*series), Named::All),
        Op::PointRange { series, .. } => (Shape::Range(*series), Named::All),
        Op::Window { series, metric, fold, .. } => {
            (Shape::Window { series: *series, metric: *metric, fold: *fold }, Named::All)
        }
        Op::PointsAbove { series, metric, .. } => (Shape::Above { series: *series, metric: *metric }, Named::All),
        Op::Batch(_) | Op::Transact(_) => return Err(Failure::misplaced(op)),
    }))
}

/// The items that an operation replaces in tables of their own, by statements that follow the record's own.
///
/// One statement for both would see the items as they were before it waited for the lock on the record, and so miss those
/// that the transaction which held it has inserted.
pub(super) fn replaced<'a>(laid: &'a Laid, op: &'a Op) -> impl Iterator<Item = (Child<'a>, &'a Key, &'a Value)> {
    let update = if let Op::Update { table, key, changes } = op { Some((*table, key, changes)) } else { None };
    update.into_iter().flat_map(move |(table, key, changes)| {
        let replaced = move |field| laid.child(table, field);
        changes.iter().filter_map(move |change| Some((replaced(change.field)?, key, &change.value)))
    })
}

/// What the reply to a single operation's statement has to be.
pub(super) fn expects<'a>(dataset: &'a Dataset, op: &'a Op) -> Expects<'a> {
    let records = |table: usize, asked: &'a Fields, some| {
        let table = &dataset.tables[table];
        Expects::Rows { answer: Answer::Fields { key: table.key, declared: &table.fields, asked }, some }
    };
    match op {
        Op::Insert { .. } => Expects::Changed(1),
        Op::Update { .. } | Op::Delete { .. } | Op::Increment { .. } => Expects::One,
        Op::Read { table, fields, .. } => records(*table, fields, true),
        Op::Scan { table, fields, .. } | Op::Find { table, fields, .. } => records(*table, fields, false),
        Op::Append { events, .. } => Expects::Changed(events.len() as u64),
        Op::Tail { log, .. } => {
            let log = &dataset.logs[*log];
            let answer = Answer::Fields { key: log.stream, declared: &log.fields, asked: &Fields::All };
            Expects::Rows { answer, some: false }
        }
        Op::InsertPoints { points, .. } => Expects::Changed(last_of_each(points).len() as u64),
        Op::LastPoint { .. } => Expects::Rows { answer: Answer::Point, some: true },
        Op::PointRange { .. } | Op::Window { .. } | Op::PointsAbove { .. } => {
            Expects::Rows { answer: Answer::Point, some: false }
        }
        Op::Batch(_) | Op::Transact(_) => Expects::Outcome,
    }
}

impl Request<'_> {
    /// Sends it and waits until the server begins to answer. It is sent when this is first polled.
    pub(super) async fn send(&self, client: &Client) -> Result<RowStream, Error> {
        client.query_raw(&self.statement, &self.parameters).await
    }

    /// Reads the whole reply, which was begun.
    pub(super) async fn receive(&self, begun: Result<RowStream, Error>, rows: &mut Rows) -> Result<Reply, Failure> {
        let failed = |error| failure(error, &self.subject);
        let mut stream = pin!(begun.map_err(failed)?);
        let (mut answered, mut bytes, mut held) = (0, 0, None);
        while let Some(row) = stream.try_next().await.map_err(failed)? {
            bytes += row.raw_size_bytes();
            if bytes > LONGEST_REPLY_BYTES {
                return Err(too_long(&self.subject));
            }
            match self.expects {
                Expects::Rows { answer, .. } => {
                    let (key, values) = answer.decode(&row)?;
                    rows.push(key, values);
                }
                Expects::Held => held = row.try_get(1).map_err(failed)?,
                _ => {}
            }
            answered += 1;
        }
        let changed = stream.rows_affected().unwrap_or(0);
        match self.expects {
            Expects::Rows { some: true, .. } | Expects::Held if answered == 0 => Ok(Reply::Nothing),
            Expects::Held => Ok(Reply::Held(held)),
            Expects::One if changed == 0 => Ok(Reply::Nothing),
            Expects::Changed(expected) if changed != expected => {
                Err(Failure::broken(format!("postgres: {}: took {changed} of {expected} rows", self.subject)))
            }
            _ => Ok(Reply::Applied),
        }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Control(statement) => f.write_str(statement),
            Subject::Op(dataset, op) => OpSubject(dataset, op).fmt(f),
        }
    }
}
