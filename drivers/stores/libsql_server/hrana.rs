//! Hrana 3, as far as it is used here: the fields of its messages, the parts of its answers and what its errors mean.
//!
//! github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md; numbers are those of its Protocol Buffers schema.

use std::borrow::Cow;
use std::fmt::Display;

use tokio_tungstenite::tungstenite::Bytes;

use super::wire::{Field, Reader, Writer};
use crate::sql::sqlite::values::Column;
use crate::{Failure, FailureKind};

/// The WebSocket subprotocol.
pub(super) const SUBPROTOCOL: &str = "hrana3-protobuf";
/// The one SQL stream of a connection.
pub(super) const STREAM: u32 = 1;
/// The one cursor of a stream.
pub(super) const CURSOR: u32 = 1;
/// How many SQL texts a server keeps for a connection. sqld takes 150; beyond these, texts are sent each time.
pub(super) const STORED_TEXTS: usize = 100;

/// What a request is for: the number of its field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Request {
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
    let mut out = Writer::default();
    out.message(1, |out| token.into_iter().for_each(|token| out.bytes(1, token.as_bytes())));
    out.0
}

/// A request with its number.
pub(super) fn request(number: u32, request: Request, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    out.message(2, |out| {
        out.number(1, number);
        out.message(request as u8, write);
    });
    out.0
}

/// The text of a statement: sent with it, or stored by the server under a number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'a> {
    Sent(&'a str),
    Stored(u32),
}

pub(super) fn statement(out: &mut Writer, text: Text<'_>, arguments: &[Column<'_>], wants_rows: bool) {
    match text {
        Text::Sent(sql) => out.bytes(1, sql.as_bytes()),
        Text::Stored(number) => out.number(2, number),
    }
    for argument in arguments {
        out.message(3, |out| match argument {
            Column::Null => out.bytes(1, &[]),
            Column::Integer(number) => out.signed(2, *number),
            Column::Real(number) => out.float(3, *number),
            Column::Text(text) => out.bytes(4, text.as_bytes()),
            Column::Blob(bytes) => out.bytes(5, bytes),
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

pub(super) fn condition(out: &mut Writer, condition: Condition) {
    match condition {
        Condition::Always => {}
        Condition::Succeeded(step) => out.message(1, |out| out.number(1, step as u32)),
        Condition::Failed(step) => out.message(1, |out| out.number(2, step as u32)),
        Condition::InTransaction => out.message(1, |out| out.message(3, |out| out.bytes(6, &[]))),
    }
}

/// A message of the server.
#[derive(Debug)]
pub(super) enum Message {
    /// The connection is accepted, or not.
    Hello(Result<(), Refusal>),
    /// The answer to a request of this number.
    Answer(u32, Result<Bytes, Refusal>),
}

impl Message {
    pub(super) fn read(message: &Bytes) -> Result<Message, Failure> {
        let (field, body) = Reader(message).next().ok_or_else(unexpected)??;
        let body = part(message, body)?;
        let (mut number, mut answer) = (0, Bytes::new());
        for inner in Reader(&body) {
            match inner? {
                (1, Field::Number(of_request)) => number = of_request as u32,
                (_, inner @ Field::Bytes(_)) => answer = part(&body, inner)?,
                _ => {}
            }
        }
        match field {
            1 => Ok(Message::Hello(Ok(()))),
            2 => Ok(Message::Hello(Err(Refusal::read(&answer)?))),
            3 => Ok(Message::Answer(number, Ok(answer))),
            4 => Ok(Message::Answer(number, Err(Refusal::read(&answer)?))),
            _ => Err(unexpected()),
        }
    }
}

/// What the server says against a request or a statement.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    fn read(error: &[u8]) -> Result<Refusal, Failure> {
        let mut refusal = Refusal { code: String::new(), message: String::new() };
        for field in Reader(error) {
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
        let Refusal { code, message } = self;
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
pub(super) enum HranaOutcome {
    /// Its condition was not met.
    #[default]
    Skipped,
    Outcome(Reply),
    Failed(Refusal),
}

impl HranaOutcome {
    /// The outcomes of so many steps.
    pub(super) fn read_all(answer: &Bytes, steps: usize) -> Result<Vec<HranaOutcome>, Failure> {
        let result = Reader(answer).next().ok_or_else(unexpected)??;
        let result = part(answer, result.1)?;
        let mut outcomes: Vec<HranaOutcome> = (0..steps).map(|_| HranaOutcome::Skipped).collect();
        for entry in Reader(&result) {
            let (kind @ (1 | 2), entry) = entry? else { continue };
            let entry = part(&result, entry)?;
            let (mut step, mut body) = (0, Bytes::new());
            for field in Reader(&entry) {
                match field? {
                    (1, Field::Number(number)) => step = number as usize,
                    (2, field) => body = part(&entry, field)?,
                    _ => {}
                }
            }
            let outcome = if kind == 1 {
                HranaOutcome::Outcome(Reply(body))
            } else {
                HranaOutcome::Failed(Refusal::read(&body)?)
            };
            *outcomes.get_mut(step).ok_or_else(unexpected)? = outcome;
        }
        Ok(outcomes)
    }
}

/// What a statement answered.
#[derive(Debug, Default)]
pub(super) struct Reply(Bytes);

impl Reply {
    /// Of the answer to `Execute`.
    pub(super) fn read(answer: &Bytes) -> Result<Reply, Failure> {
        let (_, result) = Reader(answer).next().ok_or_else(unexpected)??;
        Ok(Reply(part(answer, result)?))
    }

    /// How many rows it changed.
    pub(super) fn changed(&self) -> Result<u64, Failure> {
        for field in Reader(&self.0) {
            if let (3, Field::Number(changed)) = field? {
                return Ok(changed);
            }
        }
        Ok(0)
    }

    /// Its rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = Result<Columns<'_>, Failure>> {
        Reader(&self.0).filter_map(|field| match field {
            Ok((2, Field::Bytes(row))) => Some(Ok(Columns(Reader(row)))),
            Ok(_) => None,
            Err(failure) => Some(Err(failure)),
        })
    }
}

/// The columns of a row, in order.
pub(super) struct Columns<'a>(Reader<'a>);

impl<'a> Columns<'a> {
    /// The next one, which must be there.
    pub(super) fn column(&mut self) -> Result<Column<'a>, Failure> {
        self.next().ok_or_else(|| Failure::broken("the libSQL server answered too few columns"))?
    }
}

impl<'a> Iterator for Columns<'a> {
    type Item = Result<Column<'a>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|field| match field?.1 {
            Field::Bytes(value) => match Reader(value).next().ok_or_else(unexpected)?? {
                (1, _) => Ok(Column::Null),
                (2, number) => number.signed().map(Column::Integer).ok_or_else(unexpected),
                (3, Field::Float(number)) => Ok(Column::Real(number)),
                (4, text) => text.text().map(|text| Column::Text(Cow::Borrowed(text))).ok_or_else(unexpected),
                (5, Field::Bytes(bytes)) => Ok(Column::Blob(Cow::Borrowed(bytes))),
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
    for field in Reader(answer) {
        match field? {
            (1, Field::Bytes(entry)) => match Reader(entry).next().ok_or_else(unexpected)?? {
                (2, _) => fetched.complete = true,
                (3, Field::Bytes(error)) => {
                    let inner = Reader(error).find_map(|field| match field {
                        Ok((2, Field::Bytes(inner))) => Some(inner),
                        _ => None,
                    });
                    return Err(Refusal::read(inner.unwrap_or_default())?.failure(what));
                }
                (4, Field::Bytes(row)) => take(Columns(Reader(row)))?,
                (5, Field::Bytes(error)) => return Err(Refusal::read(error)?.failure(what)),
                _ => {}
            },
            (2, Field::Number(done)) => fetched.done = done != 0,
            _ => {}
        }
    }
    Ok(fetched)
}

/// How far a cursor came.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Nothing follows.
    pub(super) done: bool,
    /// The statement came to its end.
    pub(super) complete: bool,
}

/// The part of a message that a field is, sharing its memory.
fn part(of: &Bytes, field: Field<'_>) -> Result<Bytes, Failure> {
    match field {
        Field::Bytes(bytes) => Ok(of.slice_ref(bytes)),
        _ => Err(unexpected()),
    }
}

pub(super) fn unexpected() -> Failure {
    Failure::broken("the libSQL server answered something else than was asked")
}
