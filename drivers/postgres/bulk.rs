//! The bulk paths: COPY in the binary format for the load, one streamed query for the export.

use std::pin::pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::types::{IsNull, ToSql, Type};

use super::failure::failure;
use super::sql::{Shape, sql};
use super::statements::Named;
use super::talk::Talk;
use super::values::{Answer, Param};
use crate::{Done, Failure, FailureKind, Fields, Op, Part, Point, Row, Rows};

/// What every binary copy begins with: signature, no flags, no extension
/// (postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4).
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A copy is handed on in pieces of about this size, so that the server reads one while the next is written.
const PIECE_BYTES: usize = 64 << 10;

impl Talk<'_> {
    /// Adds records, events or points.
    pub(super) async fn load(&mut self, op: &Op) -> Result<Done, Failure> {
        match op {
            Op::Batch(ops) => {
                if !ops.iter().all(|op| matches!(op, Op::Insert { .. } | Op::Append { .. })) {
                    return self.execute(op, &mut Rows::default()).await;
                }
                for run in ops.chunk_by(|one, next| part_of(one) == part_of(next)) {
                    self.copy(run).await?;
                }
            }
            Op::Ingest { .. } => match self.copy(std::slice::from_ref(op)).await {
                // A point that is there is to be replaced, which a copy cannot.
                Err(failure) if failure.kind == FailureKind::Exists => {
                    return self.execute(op, &mut Rows::default()).await;
                }
                copied => copied?,
            },
            Op::Append { .. } => self.copy(std::slice::from_ref(op)).await?,
            _ => return self.execute(op, &mut Rows::default()).await,
        }
        Ok(Done::Applied)
    }

    /// Copies the rows of operations on one part.
    async fn copy(&mut self, ops: &[Op]) -> Result<(), Failure> {
        let Some(part) = ops.first().and_then(part_of) else { return Ok(()) };
        let (dataset, client) = (self.dataset, self.client);
        let name = dataset.name_of(part);
        let failed = |error| failure(error, &name);
        let statement = self.statements.get(client, Shape::Copy(part), Named::All).await?;
        let mut sink = pin!(client.copy_in::<_, Bytes>(&statement).await.map_err(failed)?);
        let mut copy = Copy::new(sql(dataset, Shape::Copy(part), &Fields::All).types);
        let mut rows = 0;
        for op in ops {
            match op {
                Op::Insert { key, record, .. } => copy.row(Param::key(key), record.iter().map(Param::of))?,
                Op::Append { stream, events, .. } => {
                    for event in events {
                        copy.row(Param::key(stream), event.iter().map(Param::of))?;
                        if copy.rows.len() >= PIECE_BYTES {
                            sink.send(copy.rows.split().freeze()).await.map_err(failed)?;
                        }
                    }
                }
                Op::Ingest { points, .. } => {
                    for point in points {
                        copy.row(Param::Int(point.entity), point_values(point))?;
                    }
                }
                _ => return Err(Failure::misplaced(op)),
            }
            if copy.rows.len() >= PIECE_BYTES {
                sink.send(copy.rows.split().freeze()).await.map_err(failed)?;
            }
            rows += rows_of(op);
        }
        sink.send(copy.end()).await.map_err(failed)?;
        let taken = sink.finish().await.map_err(failed)?;
        if taken != rows {
            return Err(Failure::broken(format!("postgres: {name}: took {taken} of {rows} rows")));
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

fn part_of(op: &Op) -> Option<Part> {
    match op {
        Op::Insert { table, .. } => Some(Part::Table(*table)),
        Op::Append { log, .. } => Some(Part::Log(*log)),
        Op::Ingest { series, .. } => Some(Part::Series(*series)),
        _ => None,
    }
}

fn rows_of(op: &Op) -> u64 {
    match op {
        Op::Append { events, .. } => events.len() as u64,
        Op::Ingest { points, .. } => points.len() as u64,
        _ => 1,
    }
}

fn point_values(point: &Point) -> impl Iterator<Item = Result<Param<'_>, Failure>> {
    std::iter::once(point.at_ms).map(Param::Int).chain(point.metrics.iter().copied().map(Param::Float)).map(Ok)
}

/// Rows in the binary copy format.
struct Copy {
    types: Vec<Type>,
    rows: BytesMut,
}

impl Copy {
    fn new(types: Vec<Type>) -> Self {
        let mut rows = BytesMut::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
        rows.put_slice(HEADER);
        Copy { types, rows }
    }

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
        if written == self.types.len() { Ok(()) } else { Err(uneven()) }
    }

    fn end(mut self) -> Bytes {
        self.rows.put_i16(-1);
        self.rows.freeze()
    }
}

fn uneven() -> Failure {
    Failure::broken("postgres: a row with more or fewer values than columns")
}
