//! One COPY into a table: rows encoded in the binary format, and handed on in pieces. Which rows go into which copy, and
//! when, is in `bulk.rs`.

use std::pin::Pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::types::{IsNull, ToSql, Type};
use tokio_postgres::{Client, CopyInSink, Statement};

use super::failure::failure;
use super::laid::{Laid, Place};
use super::sql::{Shape, sql};
use super::values::Param;
use crate::{Failure, Fields};

/// What every binary copy begins with: signature, no flags, no extension
/// (postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4).
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A copy is handed on in pieces of about this size, so that the server reads one while the next is written. It takes a
/// piece whole before it looks at its rows, and as many bytes at a time: with 64 KiB a load was 4 % slower.
const PIECE_BYTES: usize = 8 << 10;

/// An open copy.
pub(super) struct Copy {
    pub(super) into: Place,
    /// That of its table.
    name: String,
    sink: Pin<Box<CopyInSink<Bytes>>>,
    /// What is not sent yet, but for the count.
    pub(super) rows: Encoded,
}

impl Copy {
    pub(super) async fn begin(client: &Client, copy: &Statement, laid: &Laid, into: Place) -> Result<Self, Failure> {
        let name = laid.name_at(into);
        let sink = client.copy_in(copy).await.map_err(|error| failure(error, &name))?;
        let mut rows = Encoded::of(laid, into);
        rows.bytes.put_slice(HEADER);
        Ok(Copy { into, name, sink: Box::pin(sink), rows })
    }

    /// Ends it, and finds all its rows taken.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        self.rows.bytes.put_i16(-1);
        let ended = async {
            self.sink.send(self.rows.bytes.split().freeze()).await?;
            self.sink.as_mut().finish().await
        };
        let taken = ended.await.map_err(|error| failure(error, &self.name))?;
        if taken != self.rows.count {
            return Err(Failure::broken(format!("postgres: {}: took {taken} of {} rows", self.name, self.rows.count)));
        }
        Ok(())
    }

    /// Hands on what is enough for a piece.
    pub(super) async fn send_pieces(&mut self) -> Result<(), Failure> {
        if self.rows.bytes.len() < PIECE_BYTES {
            return Ok(());
        }
        let sent = self.sink.send(self.rows.bytes.split().freeze()).await;
        sent.map_err(|error| failure(error, &self.name))
    }
}

/// Rows in the binary copy format.
pub(super) struct Encoded {
    types: Vec<Type>,
    bytes: BytesMut,
    count: u64,
}

impl Encoded {
    pub(super) fn of(laid: &Laid, into: Place) -> Self {
        let types = sql(laid, Shape::Copy { into, frozen: false }, &Fields::All).types;
        Encoded { types, bytes: BytesMut::with_capacity(2 * PIECE_BYTES), count: 0 }
    }

    /// How many bytes are not sent yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn append(&mut self, rows: Encoded) {
        self.bytes.unsplit(rows.bytes);
        self.count += rows.count;
    }

    pub(super) fn row<'a>(&mut self, key: Param<'a>, values: impl Iterator<Item = Param<'a>>) -> Result<(), Failure> {
        self.bytes.put_i16(self.types.len() as i16);
        let mut written = 0;
        for value in std::iter::once(key).chain(values) {
            let kind = self.types.get(written).ok_or_else(uneven)?;
            let at = self.bytes.len();
            self.bytes.put_i32(-1);
            let unfit = |error| Failure::broken("postgres: a value that cannot be copied").caused_by(error);
            if matches!(value.to_sql(kind, &mut self.bytes).map_err(unfit)?, IsNull::No) {
                let length = i32::try_from(self.bytes.len() - at - 4).map_err(|error| unfit(error.into()))?;
                self.bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
            }
            written += 1;
        }
        self.count += 1;
        if written == self.types.len() { Ok(()) } else { Err(uneven()) }
    }
}

pub(super) fn uneven() -> Failure {
    Failure::broken("postgres: a row with more or fewer values than columns")
}
