//! Hrana 3, as far as it is used here: the fields of its messages, the parts of its answers and what its errors mean.
//!
//! github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md; numbers are those of its Protocol Buffers schema.

use std::borrow::Cow;
use std::fmt::Display;

use tokio_tungstenite::tungstenite::Bytes;

use super::wire::{ProtobufField, ProtobufReader, ProtobufWriter};
use crate::sql::sqlite::values::SqliteValue;
use crate::{Failure, FailureKind};

pub(super) const SUBPROTOCOL: &str = "hrana3-protobuf";
/// The one SQL stream of a connection.
pub(super) const STREAM: u32 = 1;
/// The one cursor of a stream.
pub(super) const CURSOR: u32 = 1;
/// How many SQL texts a server keeps for a connection. sqld takes 150; beyond these, texts are sent each time.
pub(super) const STORED_TEXTS: usize = 100;

/// What a request is for: the number of its field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RequestKind {
    OpenStream = 2,
    Execute = 4,
    Batch = 5,
    OpenCursor = 6,
    CloseCursor = 7,
    FetchCursor = 8,
    StoreSql = 11,
}

/// The first message of a connection.
pub(super) fn hello(token: Option<&str>) -> Vec<u8> {
    let mut out = ProtobufWriter::default();
    out.message(1, |out| token.into_iter().for_each(|token| out.bytes(1, token.as_bytes())));
    out.0
}

/// A request with its number.
pub(super) fn request(number: u32, request: RequestKind, write: impl FnOnce(&mut ProtobufWriter)) -> Vec<u8> {
    let mut out = ProtobufWriter::default();
    out.message(2, |out| {
        out.number(1, number);
        out.message(request as u8, write);
    });
    out.0
}

/// The text of a statement: sent with it, or stored by the server under a number.
#[derive(Debug, Clone, Copy)]
pub(super) enum SqlText<'a> {
    Sent(&'a str),
    Stored(u32),
}

pub(super) fn statement(out: &mut ProtobufWriter, text: SqlText<'_>, arguments: &[SqliteValue<'_>], wants_rows: bool) {
    match text {
        SqlText::Sent(sql) => out.bytes(1, sql.as_bytes()),
        SqlText::Stored(number) => out.number(2, number),
    }
    for argument in arguments {
        out.message(3, |out| match argument {
            SqliteValue::Null => out.bytes(1, &[]),
            SqliteValue::Integer(number) => out.signed(2, *number),
            SqliteValue::Real(number) => out.float(3, *number),
            SqliteValue::Text(text) => out.bytes(4, text.as_bytes()),
            SqliteValue::Blob(bytes) => out.bytes(5, bytes),
        });
    }
    out.number(5, u32::from(wants_rows));
}

/// When a step of a batch is carried out. Steps are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Condition {
    Always,
    /// When this step was carried out and did not fail.
    Succeeded(usize),
    /// When this step was carried out and failed.
    Failed(usize),
    /// When a transaction is open.
    InTransaction,
}

pub(super) fn condition(out: &mut ProtobufWriter, condition: Condition) {
    match condition {
        Condition::Always => {}
        Condition::Succeeded(step) => out.message(1, |out| out.number(1, step as u32)),
        Condition::Failed(step) => out.message(1, |out| out.number(2, step as u32)),
        Condition::InTransaction => out.message(1, |out| out.message(3, |out| out.bytes(6, &[]))),
    }
}

/// A message of the server.
#[derive(Debug)]
pub(super) enum HranaMessage {
    /// The connection is accepted, or not.
    Hello(Result<(), ServerError>),
    /// The answer to a request of this number.
    Answer(u32, Result<Bytes, ServerError>),
}

impl HranaMessage {
    pub(super) fn read(message: &Bytes) -> Result<HranaMessage, Failure> {
        let (field, body) = ProtobufReader(message).next().ok_or_else(unexpected)??;
        let body = part(message, body)?;
        let (mut number, mut answer) = (0, Bytes::new());
        for inner in ProtobufReader(&body) {
            match inner? {
                (1, ProtobufField::Number(of_request)) => number = of_request as u32,
                (_, inner @ ProtobufField::Bytes(_)) => answer = part(&body, inner)?,
                _ => {}
            }
        }
        match field {
            1 => Ok(HranaMessage::Hello(Ok(()))),
            2 => Ok(HranaMessage::Hello(Err(ServerError::read(&answer)?))),
            3 => Ok(HranaMessage::Answer(number, Ok(answer))),
            4 => Ok(HranaMessage::Answer(number, Err(ServerError::read(&answer)?))),
            _ => Err(unexpected()),
        }
    }
}

/// What the server says against a request or a statement.
#[derive(Debug)]
pub(super) struct ServerError {
    pub(super) code: String,
    pub(super) message: String,
}

impl ServerError {
    fn read(error: &[u8]) -> Result<ServerError, Failure> {
        let mut refusal = ServerError { code: String::new(), message: String::new() };
        for field in ProtobufReader(error) {
            match field? {
                (1, text) => refusal.message = text.text().unwrap_or_default().into(),
                (2, text) => refusal.code = text.text().unwrap_or_default().into(),
                _ => {}
            }
        }
        Ok(refusal)
    }

    /// What it means for `what` was asked of. Codes are those of sqld's `hrana/stmt.rs`, which tells constraints apart
    /// in words only.
    pub(super) fn failure(self, what: &dyn Display) -> Failure {
        let ServerError { code, message } = self;
        let kind = match code.as_str() {
            "SQLITE_CONSTRAINT" if message.contains("UNIQUE constraint failed") => return Failure::exists(what),
            // A transaction that waited for the write lock, or kept it for 5 s while others waited: it was rolled back.
            "SQLITE_BUSY" | "SQLITE_LOCKED" | "TRANSACTION_BUSY" | "TRANSACTION_TIMEOUT" => FailureKind::Conflict,
            "SQLITE_FULL" | "SQLITE_NOMEM" => FailureKind::Overload,
            "BLOCKED" | "SQLITE_AUTH" | "SQLITE_PERM" | "SQLITE_READONLY" => FailureKind::Denied,
            code if code.starts_with("AUTH") => FailureKind::Denied,
            _ => FailureKind::Broken,
        };
        Failure::new(kind, format!("libsql-server: {what}: {message}"))
    }
}

/// What became of a step of a batch.
#[derive(Debug, Default)]
pub(super) enum StepResult {
    /// Its condition was not met.
    #[default]
    Skipped,
    Reply(StatementReply),
    Failed(ServerError),
}

impl StepResult {
    /// The outcomes of so many steps.
    pub(super) fn read_all(answer: &Bytes, steps: usize) -> Result<Vec<StepResult>, Failure> {
        let result = ProtobufReader(answer).next().ok_or_else(unexpected)??;
        let result = part(answer, result.1)?;
        let mut outcomes: Vec<StepResult> = (0..steps).map(|_| StepResult::Skipped).collect();
        for entry in ProtobufReader(&result) {
            let (kind @ (1 | 2), entry) = entry? else { continue };
            let entry = part(&result, entry)?;
            let (mut step, mut body) = (0, Bytes::new());
            for field in ProtobufReader(&entry) {
                match field? {
                    (1, ProtobufField::Number(number)) => step = number as usize,
                    (2, field) => body = part(&entry, field)?,
                    _ => {}
                }
            }
            let outcome = if kind == 1 {
                StepResult::Reply(StatementReply(body))
            } else {
                StepResult::Failed(ServerError::read(&body)?)
            };
            *outcomes.get_mut(step).ok_or_else(unexpected)? = outcome;
        }
        Ok(outcomes)
    }
}

/// What a statement answered.
#[derive(Debug, Default)]
pub(super) struct StatementReply(Bytes);

impl StatementReply {
    /// Of the answer to `Execute`.
    pub(super) fn read(answer: &Bytes) -> Result<StatementReply, Failure> {
        let (_, result) = ProtobufReader(answer).next().ok_or_else(unexpected)??;
        Ok(StatementReply(part(answer, result)?))
    }

    /// How many rows it changed.
    pub(super) fn changed(&self) -> Result<u64, Failure> {
        for field in ProtobufReader(&self.0) {
            if let (3, ProtobufField::Number(changed)) = field? {
                return Ok(changed);
            }
        }
        Ok(0)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Result<Columns<'_>, Failure>> {
        ProtobufReader(&self.0).filter_map(|field| match field {
            Ok((2, ProtobufField::Bytes(row))) => Some(Ok(Columns(ProtobufReader(row)))),
            Ok(_) => None,
            Err(failure) => Some(Err(failure)),
        })
    }
}

/// The columns of a row, in order.
pub(super) struct Columns<'a>(ProtobufReader<'a>);

impl<'a> Columns<'a> {
    /// The next one, which must be there.
    pub(super) fn column(&mut self) -> Result<SqliteValue<'a>, Failure> {
        self.next().ok_or_else(|| Failure::broken("the libSQL server answered too few columns"))?
    }
}

impl<'a> Iterator for Columns<'a> {
    type Item = Result<SqliteValue<'a>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|field| match field?.1 {
            ProtobufField::Bytes(value) => match ProtobufReader(value).next().ok_or_else(unexpected)?? {
                (1, _) => Ok(SqliteValue::Null),
                (2, number) => number.signed().map(SqliteValue::Integer).ok_or_else(unexpected),
                (3, ProtobufField::Float(number)) => Ok(SqliteValue::Real(number)),
                (4, text) => text.text().map(|text| SqliteValue::Text(Cow::Borrowed(text))).ok_or_else(unexpected),
                (5, ProtobufField::Bytes(bytes)) => Ok(SqliteValue::Blob(Cow::Borrowed(bytes))),
                _ => Err(unexpected()),
            },
            _ => Err(unexpected()),
        })
    }
}

/// The next part of what a cursor goes through, handed over row by row. True when it is at its end.
pub(super) fn read_cursor(
    answer: &Bytes,
    what: &dyn Display,
    take: &mut dyn FnMut(Columns<'_>) -> Result<(), Failure>,
) -> Result<Fetched, Failure> {
    let mut fetched = Fetched::default();
    for field in ProtobufReader(answer) {
        match field? {
            (1, ProtobufField::Bytes(entry)) => match ProtobufReader(entry).next().ok_or_else(unexpected)?? {
                (2, _) => fetched.complete = true,
                (3, ProtobufField::Bytes(error)) => {
                    let inner = ProtobufReader(error).find_map(|field| match field {
                        Ok((2, ProtobufField::Bytes(inner))) => Some(inner),
                        _ => None,
                    });
                    return Err(ServerError::read(inner.unwrap_or_default())?.failure(what));
                }
                (4, ProtobufField::Bytes(row)) => take(Columns(ProtobufReader(row)))?,
                (5, ProtobufField::Bytes(error)) => return Err(ServerError::read(error)?.failure(what)),
                _ => {}
            },
            (2, ProtobufField::Number(done)) => fetched.done = done != 0,
            _ => {}
        }
    }
    Ok(fetched)
}

/// How far a cursor came.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    pub(super) done: bool,
    /// The statement came to its end.
    pub(super) complete: bool,
}

/// The part of a message that a field is, sharing its memory.
fn part(of: &Bytes, field: ProtobufField<'_>) -> Result<Bytes, Failure> {
    match field {
        ProtobufField::Bytes(bytes) => Ok(of.slice_ref(bytes)),
        _ => Err(unexpected()),
    }
}

pub(super) fn unexpected() -> Failure {
    Failure::broken("the libSQL server answered something else than was asked")
}
