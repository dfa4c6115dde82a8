//! The bulk paths: COPY in the binary format for the load, one streamed query for the export.

use std::pin::pin;

use futures_util::TryStreamExt;

use super::children::Child;
use super::copy::{Copy, Encoded, uneven};
use super::failure::failure;
use super::items;
use super::laid::{Laid, Place};
use super::layout::quoted;
use super::sql::Shape;
use super::talk::Talk;
use super::values::{Answer, Param};
use crate::named::Named;
use crate::{Done, Failure, Fields, Key, Op, Part, Record, Row, Rows};

/// Items for a table of their own wait for this many bytes: a change from one copy to another and back takes four round
/// trips, and here comes once in some ten thousand rows.
const ITEMS_BYTES: usize = 1 << 20;

/// A load under way: one transaction for all of it, and the copy of one table open in it from call to call.
#[derive(Default)]
pub(super) struct Load {
    /// Whether the server is worth the trouble of copying rows frozen.
    freezes: bool,
    begun: bool,
    /// Whether rows are copied frozen.
    frozen: bool,
    copy: Option<Copy>,
    /// Items of records that were copied, by the table that they are for.
    items: Vec<(Place, Encoded)>,
}

impl Load {
    pub(super) fn new(freezes: bool) -> Self {
        Load { freezes, ..Load::default() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.begun
    }
}

impl Talk<'_> {
    /// Adds records, events or points. What a failed load had not ended is undone.
    pub(super) async fn load(&mut self, load: &mut Load, op: &Op) -> Result<Done, Failure> {
        if !load.begun {
            self.begin(load).await?;
        }
        let taken = self.take(load, op).await;
        if taken.is_err() {
            *load = Load::new(load.freezes);
            // Should this fail, the connection is gone and the transaction with it.
            let _ = self.say(Shape::Rollback).await;
        }
        taken
    }

    /// Begins the transaction. If all tables are empty, they are locked and truncated in it, which is what the server asks
    /// for before rows may be copied frozen: as if a vacuum had seen them, so that the one after the load finds little to do.
    /// Nobody else can see such rows before their time, because nobody else can look.
    async fn begin(&mut self, load: &mut Load) -> Result<(), Failure> {
        let run = async |statements: &str| {
            let run = self.client.batch_execute(statements).await;
            run.map_err(|error| failure(error, &statements))
        };
        // The time limit is for operations; a copy lasts as long as the data is large.
        run("BEGIN; SET LOCAL statement_timeout = 0").await?;
        load.begun = true;
        let tables: Vec<String> = self.laid.places().map(|place| quoted(&self.laid.name_at(place))).collect();
        if !load.freezes || tables.is_empty() {
            return Ok(());
        }
        run(&format!("LOCK TABLE {}", tables.join(", "))).await?;
        let filled: Vec<String> = tables.iter().map(|table| format!("EXISTS (SELECT FROM {table})")).collect();
        let filled = format!("SELECT {}", filled.join(" OR "));
        let row = self.client.query_one(&filled, &[]).await.map_err(|error| failure(error, &filled))?;
        load.frozen = !row.try_get(0).map_err(|error| failure(error, &filled))?;
        if load.frozen { run(&format!("TRUNCATE {}", tables.join(", "))).await } else { Ok(()) }
    }

    /// Ends the load.
    pub(super) async fn loaded(&mut self, load: &mut Load) -> Result<(), Failure> {
        if !std::mem::take(&mut load.begun) {
            return Ok(());
        }
        match self.copy_items(load).await {
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
                self.copy_items(load).await?;
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
        let copy = self.copy_of(load, Place::Part(part)).await?;
        match op {
            Op::Insert { key, record, .. } => copy.rows.row(Param::key(key), record.iter().map(Param::of))?,
            Op::Append { stream, events, .. } => {
                for event in events {
                    copy.rows.row(Param::key(stream), event.iter().map(Param::of))?;
                }
            }
            _ => {}
        }
        copy.send_pieces().await?;
        if let Op::Insert { table, key, record } = op {
            for child in self.laid.children(*table) {
                keep_items(load, self.laid, &child, key, record)?;
            }
        }
        // After their records, which a foreign key would miss.
        if load.items.iter().any(|(_, rows)| rows.len() >= ITEMS_BYTES) { self.copy_items(load).await } else { Ok(()) }
    }

    /// Copies the items that wait, after what is being copied.
    async fn copy_items(&mut self, load: &mut Load) -> Result<(), Failure> {
        for (place, rows) in std::mem::take(&mut load.items) {
            self.copy_of(load, place).await?.rows.append(rows);
        }
        self.end_copy(load).await
    }

    /// The open copy into a table.
    async fn copy_of<'l>(&mut self, load: &'l mut Load, into: Place) -> Result<&'l mut Copy, Failure> {
        if load.copy.as_ref().is_none_or(|copy| copy.into != into) {
            self.end_copy(load).await?;
        }
        match &mut load.copy {
            Some(copy) => Ok(copy),
            none => Ok(none.insert(self.begin_copy(into, load.frozen).await?)),
        }
    }

    async fn begin_copy(&mut self, into: Place, frozen: bool) -> Result<Copy, Failure> {
        let statement = self.statements.get(self.client, Shape::Copy { into, frozen }, Named::All).await?;
        Copy::begin(self.client, &statement, self.laid, into).await
    }

    async fn end_copy(&mut self, load: &mut Load) -> Result<(), Failure> {
        match load.copy.take() {
            Some(copy) => copy.end().await,
            None => Ok(()),
        }
    }

    /// Hands over all rows of a part as they come.
    pub(super) async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let answer = match part {
            Part::Table(at) => {
                let table = &self.laid.tables[at];
                Answer::Fields { key: table.key, declared: &table.fields, asked: &Fields::All }
            }
            Part::Log(at) => {
                let log = &self.laid.logs[at];
                Answer::Fields { key: log.stream, declared: &log.fields, asked: &Fields::All }
            }
            Part::Series(_) => Answer::Point,
        };
        let name = self.laid.name_of(part);
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

/// Encodes the items of a record that is copied.
fn keep_items(load: &mut Load, laid: &Laid, child: &Child<'_>, key: &Key, record: &Record) -> Result<(), Failure> {
    let into = Place::Items { table: child.table, field: child.field };
    let at = load.items.iter().position(|(kept, _)| *kept == into).unwrap_or_else(|| {
        load.items.push((into, Encoded::of(laid, into)));
        load.items.len() - 1
    });
    let items = items::given(record.get(child.field).ok_or_else(uneven)?)?;
    for (position, item) in (1..).zip(items) {
        let row = std::iter::once(Param::Int(position)).chain(items::row(child.items, item)?);
        load.items[at].1.row(Param::key(key), row)?;
    }
    Ok(())
}
