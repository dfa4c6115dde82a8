//! One COPY into a table: rows encoded in the binary format, and handed on in pieces. Which rows go into which copy, and
//! when, is in `load.rs`.

use std::pin::Pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::types::{IsNull, ToSql, Type};
use tokio_postgres::{Client, CopyInSink, Statement};

use super::binary::PgParameter;
use super::dialect::{PostgresLayout, TableId};
use super::failure::failure;
use super::types::type_of;
use crate::Failure;

/// What every binary copy begins with: signature, no flags, no extension
/// (postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4).
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A copy is handed on in pieces of about this size, so that the server reads one while the next is written. It takes a
/// piece whole before it looks at its rows, and as many bytes at a time: with 64 KiB a load was 4 % slower.
const PIECE_BYTES: usize = 8 << 10;

/// A `COPY … FROM STDIN` that is being sent.
pub(super) struct Copy {
    pub(super) into: TableId,
    /// That of its table.
    name: String,
    sink: Pin<Box<CopyInSink<Bytes>>>,
    /// What is not sent yet, but for the count.
    pub(super) rows: EncodedRows,
}

impl Copy {
    pub(super) async fn begin(
        client: &Client,
        copy: &Statement,
        layout: &PostgresLayout,
        into: TableId,
    ) -> Result<Self, Failure> {
        let name = layout.table_name(into);
        let sink = client.copy_in(copy).await.map_err(|error| failure(error, &name))?;
        let mut rows = EncodedRows::new(layout, into);
        rows.bytes.put_slice(HEADER);
        Ok(Copy { into, name, sink: Box::pin(sink), rows })
    }

    /// Ends it, and checks that the server took all of its rows.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        self.rows.bytes.put_i16(-1);
        let finished = async {
            self.sink.send(self.rows.bytes.split().freeze()).await?;
            self.sink.as_mut().finish().await
        };
        let copied = finished.await.map_err(|error| failure(error, &self.name))?;
        if copied != self.rows.count {
            return Err(Failure::broken(format!("postgres: {}: took {copied} of {} rows", self.name, self.rows.count)));
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
pub(super) struct EncodedRows {
    types: Vec<Type>,
    bytes: BytesMut,
    count: u64,
}

impl EncodedRows {
    pub(super) fn new(layout: &PostgresLayout, into: TableId) -> Self {
        let types = layout.columns(into).1.into_iter().map(type_of).collect();
        EncodedRows { types, bytes: BytesMut::with_capacity(2 * PIECE_BYTES), count: 0 }
    }

    /// How many bytes are not sent yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn append(&mut self, rows: EncodedRows) {
        self.bytes.unsplit(rows.bytes);
        self.count += rows.count;
    }

    /// Adds a row, a value for each column.
    pub(super) fn add<'a>(&mut self, row: impl Iterator<Item = PgParameter<'a>>) -> Result<(), Failure> {
        self.bytes.put_i16(self.types.len() as i16);
        let mut written = 0;
        for value in row {
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

fn uneven() -> Failure {
    Failure::broken("postgres: a row with more or fewer values than columns")
}
