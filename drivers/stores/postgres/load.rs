//! The bulk paths: COPY in the binary format for the load, one streamed query for the export.

use std::pin::pin;

use futures_util::TryStreamExt;

use super::binary::PgParameter;
use super::copy::{Copy, EncodedRows};
use super::dialect::{PostgresLayout, TableId};
use super::executor::Executor;
use super::failure::{failure, statement_failure};
use super::statement::PgStatement;
use crate::sql::outcome::RowColumns;
use crate::sql::statement::{Statement, record_row};
use crate::{Failure, Op, Outcome, Part, Row, Rows};

/// Items for a table of their own wait for this many bytes: a change from one copy to another and back takes four round
/// trips, and here comes once in some ten thousand rows.
const ITEMS_BYTES: usize = 1 << 20;

/// A load under way: one transaction for all of it, and the copy of one table open in it from call to call.
#[derive(Default)]
pub(super) struct BulkLoad {
    /// Whether the server is worth the trouble of copying rows frozen.
    freezes: bool,
    /// What lifts the limits of time, which are for operations: bulk work lasts as long as the data is large.
    unlimited: String,
    open: bool,
    /// Whether rows are copied frozen.
    frozen: bool,
    copy: Option<Copy>,
    /// Items of records that were copied, by the table that they are for.
    items: Vec<(TableId, EncodedRows)>,
}

impl BulkLoad {
    pub(super) fn new(freezes: bool, unlimited: String) -> Self {
        BulkLoad { freezes, unlimited, ..BulkLoad::default() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// What lifts the limits of time in a transaction.
    pub(super) fn unlimited(&self) -> &str {
        &self.unlimited
    }

    /// The rows that wait for a table of items.
    fn waiting(&mut self, layout: &PostgresLayout, into: TableId) -> &mut EncodedRows {
        let at = self.items.iter().position(|(waiting, _)| *waiting == into).unwrap_or_else(|| {
            self.items.push((into, EncodedRows::new(layout, into)));
            self.items.len() - 1
        });
        &mut self.items[at].1
    }
}

impl Executor<'_> {
    /// Adds records, events or points. What a failed load had not ended is undone.
    pub(super) async fn load(&mut self, load: &mut BulkLoad, op: &Op) -> Result<Outcome, Failure> {
        let added = async {
            if !load.open {
                self.begin(load).await?;
            }
            self.add(load, op).await
        };
        let added = added.await;
        if added.is_err() {
            *load = BulkLoad::new(load.freezes, std::mem::take(&mut load.unlimited));
            // Should this fail, the connection is gone and the transaction with it.
            let _ = self.run_control(Statement::Rollback).await;
        }
        added
    }

    async fn begin(&mut self, load: &mut BulkLoad) -> Result<(), Failure> {
        self.run(&format!("BEGIN; {}", load.unlimited)).await?;
        load.open = true;
        let tables: Vec<String> =
            self.layout.table_ids().map(|id| self.layout.dialect.qualified(&self.layout.table_name(id))).collect();
        load.frozen = load.freezes && !tables.is_empty() && self.freeze(&tables).await?;
        Ok(())
    }

    /// Makes ready for frozen rows, as if a vacuum had seen them, so that the one after the load finds little to do. It is
    /// an optimisation, so whatever prevents it is undone and no failure: filled tables, a reader that does not end, a
    /// missing privilege.
    async fn freeze(&self, tables: &[String]) -> Result<bool, Failure> {
        self.run("SAVEPOINT unfrozen").await?;
        if let Ok(true) = self.truncate_if_empty(tables).await {
            self.run("RELEASE SAVEPOINT unfrozen; SET LOCAL lock_timeout TO DEFAULT").await?;
            return Ok(true);
        }
        // This releases the locks, too.
        self.run("ROLLBACK TO SAVEPOINT unfrozen; RELEASE SAVEPOINT unfrozen").await?;
        Ok(false)
    }

    /// The server asks for a truncation in the same transaction before it takes frozen rows. Nobody else can see such rows
    /// before their time, because the lock keeps everybody else out; those who came first are waited for briefly, because
    /// everybody who comes later waits behind us.
    async fn truncate_if_empty(&self, tables: &[String]) -> Result<bool, Failure> {
        self.run(&format!("SET LOCAL lock_timeout = '100ms'; LOCK TABLE {}", tables.join(", "))).await?;
        let filled: Vec<String> = tables.iter().map(|table| format!("EXISTS (SELECT FROM {table})")).collect();
        let filled = format!("SELECT {}", filled.join(" OR "));
        let failed = |error| statement_failure(error, &filled);
        let is_filled: bool =
            self.client.query_one(&filled, &[]).await.and_then(|row| row.try_get(0)).map_err(failed)?;
        if !is_filled {
            self.run(&format!("TRUNCATE {}", tables.join(", "))).await?;
        }
        Ok(!is_filled)
    }

    async fn run(&self, statements: &str) -> Result<(), Failure> {
        self.client.batch_execute(statements).await.map_err(|error| statement_failure(error, statements))
    }

    /// Ends the open copy and commits what was loaded.
    pub(super) async fn finish_load(&mut self, load: &mut BulkLoad) -> Result<(), Failure> {
        if !std::mem::take(&mut load.open) {
            return Ok(());
        }
        match self.copy_items(load).await {
            Ok(()) => self.run_control(Statement::Commit).await,
            failed => {
                let _ = self.run_control(Statement::Rollback).await;
                failed
            }
        }
    }

    async fn add(&mut self, load: &mut BulkLoad, op: &Op) -> Result<Outcome, Failure> {
        match op {
            Op::Batch(ops) if ops.iter().all(|op| copied_part(op).is_some()) => {
                for op in ops {
                    self.copy(load, op).await?;
                }
                Ok(Outcome::Applied)
            }
            Op::Append { .. } => self.copy(load, op).await.map(|()| Outcome::Applied),
            // COPY cannot replace points that are already there.
            Op::InsertPoints { .. } => {
                self.copy_items(load).await?;
                self.execute(op, &mut Rows::default()).await
            }
            _ => {
                self.finish_load(load).await?;
                self.execute(op, &mut Rows::default()).await
            }
        }
    }

    /// Adds an operation's rows to the copy of their part.
    async fn copy(&mut self, load: &mut BulkLoad, op: &Op) -> Result<(), Failure> {
        let Some(part) = copied_part(op) else { return Err(Failure::misplaced(op)) };
        let copy = self.copy_into(load, TableId::Part(part)).await?;
        match op {
            Op::Insert { key, record, .. } => copy.rows.add(record_row(key, record).map(PgParameter::from))?,
            Op::Append { stream, events, .. } => {
                for event in events {
                    copy.rows.add(record_row(stream, event).map(PgParameter::from))?;
                }
            }
            _ => {}
        }
        copy.send_pieces().await?;
        if let Op::Insert { table, key, record } = op {
            self.layout.dialect.items.copy(&self.layout.tables[*table], key, record, &mut |field, row| {
                load.waiting(self.layout, TableId::Items { table: *table, field }).add(row)
            })?;
        }
        // After their records, because of the foreign key.
        if load.items.iter().any(|(_, rows)| rows.len() >= ITEMS_BYTES) { self.copy_items(load).await } else { Ok(()) }
    }

    /// Copies the waiting items, once the open copy is ended.
    async fn copy_items(&mut self, load: &mut BulkLoad) -> Result<(), Failure> {
        for (place, rows) in std::mem::take(&mut load.items) {
            self.copy_into(load, place).await?.rows.append(rows);
        }
        self.end_copy(load).await
    }

    /// The open copy into a table.
    async fn copy_into<'l>(&mut self, load: &'l mut BulkLoad, into: TableId) -> Result<&'l mut Copy, Failure> {
        if load.copy.as_ref().is_none_or(|copy| copy.into != into) {
            self.end_copy(load).await?;
        }
        match &mut load.copy {
            Some(copy) => Ok(copy),
            none => Ok(none.insert(self.begin_copy(into, load.frozen).await?)),
        }
    }

    async fn begin_copy(&mut self, into: TableId, frozen: bool) -> Result<Copy, Failure> {
        let statement = self.prepared.get(self.client, PgStatement::Copy { into, frozen }).await?;
        Copy::begin(self.client, &statement, self.layout, into).await
    }

    async fn end_copy(&mut self, load: &mut BulkLoad) -> Result<(), Failure> {
        match load.copy.take() {
            Some(copy) => copy.end().await,
            None => Ok(()),
        }
    }

    /// Hands over all rows of a part as they come, however long it takes.
    pub(super) async fn export(
        &mut self,
        load: &BulkLoad,
        part: Part,
        sink: &mut dyn FnMut(Row),
    ) -> Result<(), Failure> {
        self.run(&format!("BEGIN READ ONLY; {}", load.unlimited)).await?;
        let exported = self.export_rows(part, sink).await;
        // After a failure it rolls back. Should it fail, the connection is gone and the transaction with it.
        let ended = self.run("COMMIT").await;
        exported.and(ended)
    }

    /// The same in the transaction that is open.
    pub(super) async fn export_rows(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let columns = RowColumns::of_part(self.layout, part);
        let name = self.layout.name_of(part);
        let failed = |error| failure(error, &name);
        let statement = self.prepared.get(self.client, Statement::Export(part).into()).await?;
        let mut rows = pin!(self.client.query_raw::<_, PgParameter<'_>, _>(&statement, []).await.map_err(failed)?);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let (key, values) = columns.decode_row(&row)?;
            sink(Row { key, values });
        }
        Ok(())
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
