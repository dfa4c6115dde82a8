//! One statement with its parameters, and what its reply has to be.

use std::fmt;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::{Client, Error, RowStream, Statement};

use super::binary::PgParameter;
use super::encode::last_of_each;
use super::failure::{failure, too_long};
use crate::seam::failure::LONGEST_REPLY_BYTES;
use crate::seam::op::OpSubject;
use crate::sql::outcome::Expected;
use crate::{Dataset, Failure, Op, Rows};

/// A statement to be sent.
pub(super) struct StatementRequest<'a> {
    pub(super) statement: Statement,
    pub(super) parameters: Vec<PgParameter<'a>>,
    pub(super) expected: ExpectedReply<'a>,
    pub(super) subject: RequestSubject<'a>,
}

/// What a reply has to be.
#[derive(Clone, Copy)]
pub(super) enum ExpectedReply<'a> {
    /// That of an operation's statement.
    Operation(Expected<'a>),
    Success,
    /// The integer in the second column of one row, to tell why an increment changed nothing.
    Held,
}

/// What a reply was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reply {
    Applied,
    /// The statement found nothing to change or to answer.
    Nothing,
    /// The record is there and holds this.
    Held(Option<i64>),
}

/// What a statement is about, for messages.
#[derive(Clone, Copy)]
pub(super) enum RequestSubject<'a> {
    Operation(OpSubject<'a>),
    Control(&'static str),
}

/// What the reply to a single operation's statement has to be.
pub(super) fn expected<'a>(dataset: &'a Dataset, op: &'a Op) -> Result<ExpectedReply<'a>, Failure> {
    Ok(ExpectedReply::Operation(match op {
        Op::InsertPoints { points, .. } => Expected::Added(last_of_each(points).len()),
        _ => Expected::of(dataset, op)?,
    }))
}

impl StatementRequest<'_> {
    /// Sends it and waits until the server begins to answer. It is sent when this is first polled.
    pub(super) async fn send(&self, client: &Client) -> Result<RowStream, Error> {
        client.query_raw(&self.statement, &self.parameters).await
    }

    /// Reads the whole reply, from where `send` has left it.
    pub(super) async fn receive(&self, sent: Result<RowStream, Error>, rows: &mut Rows) -> Result<Reply, Failure> {
        let failed = |error| failure(error, &self.subject);
        let mut stream = pin!(sent.map_err(failed)?);
        let (mut answered, mut bytes, mut held) = (0, 0, None);
        while let Some(row) = stream.try_next().await.map_err(failed)? {
            bytes += row.raw_size_bytes();
            if bytes > LONGEST_REPLY_BYTES {
                return Err(too_long(&self.subject));
            }
            match self.expected {
                ExpectedReply::Operation(Expected::Row(columns) | Expected::Rows(columns)) => {
                    let (key, values) = columns.decode_row(&row)?;
                    rows.push(key, values);
                }
                ExpectedReply::Held => held = row.try_get(1).map_err(failed)?,
                ExpectedReply::Operation(_) | ExpectedReply::Success => {}
            }
            answered += 1;
        }
        let changed = stream.rows_affected().unwrap_or(0);
        match self.expected {
            ExpectedReply::Operation(Expected::Row(_)) | ExpectedReply::Held if answered == 0 => Ok(Reply::Nothing),
            ExpectedReply::Held => Ok(Reply::Held(held)),
            ExpectedReply::Operation(Expected::Changed) if changed == 0 => Ok(Reply::Nothing),
            ExpectedReply::Operation(Expected::Added(expected)) if changed != expected as u64 => {
                Err(Failure::broken(format!("postgres: {}: took {changed} of {expected} rows", self.subject)))
            }
            ExpectedReply::Operation(_) | ExpectedReply::Success => Ok(Reply::Applied),
        }
    }
}

impl fmt::Display for RequestSubject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestSubject::Operation(subject) => subject.fmt(f),
            RequestSubject::Control(statement) => f.write_str(statement),
        }
    }
}
