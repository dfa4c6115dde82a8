//! The bulk paths: COPY in the binary format for the load, one streamed query for the export.

use std::pin::{Pin, pin};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::CopyInSink;
use tokio_postgres::types::{IsNull, ToSql, Type};

use super::failure::failure;
use super::sql::{Shape, sql};
use super::talk::Talk;
use super::values::{Answer, Param};
use crate::named::Named;
use crate::{Done, Failure, Fields, Op, Part, Row, Rows};

/// What every binary copy begins with: signature, no flags, no extension
/// (postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4).
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A copy is handed on in pieces of about this size, so that the server reads one while the next is written.
const PIECE_BYTES: usize = 64 << 10;

/// A load under way: one transaction for all of it, and the copy of one part open in it from call to call.
#[derive(Default)]
pub(super) struct Load {
    begun: bool,
    copy: Option<Copy>,
}

impl Load {
    pub(super) fn is_open(&self) -> bool {
        self.begun
    }
}

impl Talk<'_> {
    /// Adds records, events or points. What a failed load had not ended is undone.
    pub(super) async fn load(&mut self, load: &mut Load, op: &Op) -> Result<Done, Failure> {
        if !load.begun {
            // The time limit is for operations; a copy lasts as long as the data is large.
            let begin = "BEGIN; SET LOCAL statement_timeout = 0";
            self.client.batch_execute(begin).await.map_err(|error| failure(error, &begin))?;
            load.begun = true;
        }
        let taken = self.take(load, op).await;
        if taken.is_err() {
            load.copy = None;
            load.begun = false;
            // Should this fail, the connection is gone and the transaction with it.
            let _ = self.say(Shape::Rollback).await;
        }
        taken
    }

    /// Ends the load.
    pub(super) async fn loaded(&mut self, load: &mut Load) -> Result<(), Failure> {
        if !std::mem::take(&mut load.begun) {
            return Ok(());
        }
        match self.end_copy(load).await {
            Ok(()) => self.say(Shape::Commit).await,
            failed => {
                let _ = self.say(Shape::Rollback).await;
                failed
            }
        }
    }

    async fn take(&mut self, load: &mut Load, op: &Op) -> Result<Done, Failure> {
        match op {
            Op::Batch(ops) if ops.iter().all(|op| copied_part(op).is_some()) => {
                for op in ops {
                    self.copy(load, op).await?;
                }
                Ok(Done::Applied)
            }
            Op::Append { .. } => self.copy(load, op).await.map(|()| Done::Applied),
            // A point that is there is to be replaced, which a copy cannot.
            Op::Ingest { .. } => {
                self.end_copy(load).await?;
                self.execute(op, &mut Rows::default()).await
            }
            _ => {
                self.loaded(load).await?;
                self.execute(op, &mut Rows::default()).await
            }
        }
    }

    /// Adds an operation's rows to the copy of their part.
    async fn copy(&mut self, load: &mut Load, op: &Op) -> Result<(), Failure> {
        let Some(part) = copied_part(op) else { return Err(Failure::misplaced(op)) };
        if load.copy.as_ref().is_none_or(|copy| copy.part != part) {
            self.end_copy(load).await?;
            load.copy = Some(self.begin_copy(part).await?);
        }
        let Some(copy) = &mut load.copy else { return Ok(()) };
        match op {
            Op::Insert { key, record, .. } => copy.row(Param::key(key), record.iter().map(Param::of))?,
            Op::Append { stream, events, .. } => {
                for event in events {
                    copy.row(Param::key(stream), event.iter().map(Param::of))?;
                }
            }
            _ => {}
        }
        if copy.rows.len() < PIECE_BYTES {
            return Ok(());
        }
        let name = self.dataset.name_of(part);
        copy.sink.send(copy.rows.split().freeze()).await.map_err(|error| failure(error, &name))
    }

    async fn begin_copy(&mut self, part: Part) -> Result<Copy, Failure> {
        let (dataset, client) = (self.dataset, self.client);
        let statement = self.statements.get(client, Shape::Copy(part), Named::All).await?;
        let sink = client.copy_in(&statement).await.map_err(|error| failure(error, &dataset.name_of(part)))?;
        let mut rows = BytesMut::with_capacity(2 * PIECE_BYTES);
        rows.put_slice(HEADER);
        let types = sql(dataset, Shape::Copy(part), &Fields::All).types;
        Ok(Copy { part, sink: Box::pin(sink), types, rows, count: 0 })
    }

    async fn end_copy(&mut self, load: &mut Load) -> Result<(), Failure> {
        let Some(mut copy) = load.copy.take() else { return Ok(()) };
        let name = self.dataset.name_of(copy.part);
        copy.rows.put_i16(-1);
        let ended = async {
            copy.sink.send(copy.rows.split().freeze()).await?;
            copy.sink.as_mut().finish().await
        };
        let taken = ended.await.map_err(|error| failure(error, &name))?;
        if taken != copy.count {
            return Err(Failure::broken(format!("postgres: {name}: took {taken} of {} rows", copy.count)));
        }
        Ok(())
    }

    /// Hands over all rows of a part as they come.
    pub(super) async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let answer = match part {
            Part::Table(at) => {
                let table = &self.dataset.tables[at];
                Answer::Fields { key: table.key, declared: &table.fields, asked: &Fields::All }
            }
            Part::Log(at) => {
                let log = &self.dataset.logs[at];
                Answer::Fields { key: log.stream, declared: &log.fields, asked: &Fields::All }
            }
            Part::Series(_) => Answer::Point,
        };
        let name = self.dataset.name_of(part);
        let failed = |error| failure(error, &name);
        let statement = self.statements.get(self.client, Shape::Export(part), Named::All).await?;
        // The time limit is for operations; this may last as long as the data is large.
        self.client.batch_execute("BEGIN READ ONLY; SET LOCAL statement_timeout = 0").await.map_err(failed)?;
        let mut rows = pin!(self.client.query_raw::<_, Param<'_>, _>(&statement, []).await.map_err(failed)?);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let (key, values) = answer.decode(&row)?;
            sink(Row { key, values });
        }
        self.client.batch_execute("COMMIT").await.map_err(failed)
    }
}

/// The part to which an operation's rows can be copied.
fn copied_part(op: &Op) -> Option<Part> {
    match op {
        Op::Insert { table, .. } => Some(Part::Table(*table)),
        Op::Append { log, .. } => Some(Part::Log(*log)),
        _ => None,
    }
}

/// An open copy.
struct Copy {
    part: Part,
    sink: Pin<Box<CopyInSink<Bytes>>>,
    types: Vec<Type>,
    /// Rows in the binary copy format that are not sent yet.
    rows: BytesMut,
    count: u64,
}

impl Copy {
    fn row<'a>(
        &mut self,
        key: Param<'a>,
        values: impl Iterator<Item = Result<Param<'a>, Failure>>,
    ) -> Result<(), Failure> {
        self.rows.put_i16(self.types.len() as i16);
        let mut written = 0;
        for value in std::iter::once(Ok(key)).chain(values) {
            let kind = self.types.get(written).ok_or_else(uneven)?;
            let at = self.rows.len();
            self.rows.put_i32(-1);
            let unfit = |error| Failure::broken("postgres: a value that cannot be copied").caused_by(error);
            if matches!(value?.to_sql(kind, &mut self.rows).map_err(unfit)?, IsNull::No) {
                let length = i32::try_from(self.rows.len() - at - 4).map_err(|error| unfit(error.into()))?;
                self.rows[at..at + 4].copy_from_slice(&length.to_be_bytes());
            }
            written += 1;
        }
        self.count += 1;
        if written == self.types.len() { Ok(()) } else { Err(uneven()) }
    }
}

fn uneven() -> Failure {
    Failure::broken("postgres: a row with more or fewer values than columns")
}
