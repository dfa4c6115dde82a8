//! PostgreSQL's dialect of SQL, and how a dataset lies in it.
//!
//! A field is a column; lists and maps are `jsonb`, and items are what their layout says (`items_layout.rs`). Instants are
//! `bigint` milliseconds: `timestamptz` ends in the year 294276 and would not give every 64-bit instant back. Every table is
//! named with its schema: a search path is a setting of the session, and where it is lost, a bare name may be the
//! user's own table.

use std::sync::Arc;

use super::items_layout::{ItemsLayout, ItemsTable, RecordTable};
use super::names::{identifier, quoted, schema_name};
use super::types::type_name;
use crate::sql::dialect::{ColumnType, Definition, Dialect};
use crate::sql::layout::SqlLayout;
use crate::{Dataset, Field, Kind, Log, Part, Table};

/// PostgreSQL's dialect, for the tables of a dataset.
#[derive(Debug)]
pub(super) struct PostgresDialect {
    /// The dataset's schema, quoted.
    schema: String,
    pub(super) items: &'static dyn ItemsLayout,
}

/// A dataset in it.
pub(super) type PostgresLayout = SqlLayout<PostgresDialect>;

/// A table, of a part or of a field's items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum TableId {
    Part(Part),
    Items { table: usize, field: usize },
}

/// A dataset with its items kept so.
pub(super) fn layout(dataset: Arc<Dataset>, items: &'static dyn ItemsLayout) -> PostgresLayout {
    let schema = quoted(&schema_name(&dataset.name));
    SqlLayout::new(dataset, PostgresDialect { schema, items })
}

impl PostgresDialect {
    /// A table of ours with its schema.
    pub(super) fn qualified(&self, name: &str) -> String {
        format!("{}.{}", self.schema, quoted(name))
    }

    fn records<'a>(&'a self, table: &'a Table) -> RecordTable<'a> {
        RecordTable { schema: &self.schema, table }
    }

    /// The tables of a part's items; logs and series have none.
    fn items_tables(&self, dataset: &Dataset, part: Part) -> Vec<ItemsTable> {
        match part {
            Part::Table(at) => self.items.tables(self.records(&dataset.tables[at])),
            Part::Log(_) | Part::Series(_) => Vec::new(),
        }
    }
}

impl SqlLayout<PostgresDialect> {
    /// The table of records at this position.
    pub(super) fn records(&self, table: usize) -> RecordTable<'_> {
        self.dialect.records(&self.tables[table])
    }

    /// All tables: each part's, followed by those of its items.
    pub(super) fn table_ids(&self) -> impl Iterator<Item = TableId> {
        self.parts().flat_map(|part| {
            let items = self.dialect.items_tables(self, part).into_iter().filter_map(move |items| match part {
                Part::Table(table) => Some(TableId::Items { table, field: items.field }),
                Part::Log(_) | Part::Series(_) => None,
            });
            std::iter::once(TableId::Part(part)).chain(items)
        })
    }

    /// The name of a table.
    pub(super) fn table_name(&self, id: TableId) -> String {
        match id {
            TableId::Part(part) => self.name_of(part).to_owned(),
            TableId::Items { table, field } => {
                self.items_table(table, field).map(|items| items.definition.name).unwrap_or_default()
            }
        }
    }

    /// The columns of a table in the order in which rows are written, with their types.
    pub(super) fn columns(&self, id: TableId) -> (Vec<String>, Vec<ColumnType>) {
        match id {
            TableId::Part(Part::Table(at)) => {
                (self.record_columns(&self.tables[at]), self.record_types(&self.tables[at]))
            }
            TableId::Part(Part::Log(at)) => (self.event_columns(&self.logs[at]), self.event_types(&self.logs[at])),
            TableId::Part(Part::Series(at)) => {
                (self.point_columns(&self.series[at]), self.point_types(&self.series[at]))
            }
            TableId::Items { table, field } => {
                self.items_table(table, field).map(|items| items.columns).unwrap_or_default()
            }
        }
    }

    fn items_table(&self, table: usize, field: usize) -> Option<ItemsTable> {
        self.dialect.items.tables(self.records(table)).into_iter().find(|items| items.field == field)
    }
}

impl Dialect for PostgresDialect {
    fn placeholder(number: usize, _: bool) -> String {
        format!("${number}")
    }

    fn type_name(kind: ColumnType) -> &'static str {
        type_name(kind)
    }

    fn begin(_: bool) -> &'static str {
        "BEGIN"
    }

    fn quoted(&self, name: &str) -> String {
        quoted(name)
    }

    fn name(&self, part: &str) -> String {
        identifier(part)
    }

    fn table_name(&self, part: &str) -> String {
        self.qualified(part)
    }

    fn items_type(&self) -> ColumnType {
        self.items.column_type()
    }

    fn selected(&self, table: &Table, field: usize) -> String {
        match &table.fields[field] {
            Field { kind: Kind::Items(_), .. } => self.items.selected(self.records(table), field),
            field => quoted(&field.name),
        }
    }

    fn export_order(&self, log: &Log) -> String {
        format!("{}, {}", self.stream_column(log), self.seq_column(log))
    }

    fn key_definition(&self, table: &Table) -> String {
        format!("{} {} NOT NULL", self.key_column(table), type_name(table.key.into()))
    }

    /// The place is taken when an event is inserted: of two appends that overlap either may be the first, and one that began
    /// after another was acknowledged comes after it.
    fn event_key_definitions(&self, log: &Log) -> String {
        let (stream, seq) = (self.stream_column(log), self.seq_column(log));
        format!("{stream} {} NOT NULL, {seq} bigint GENERATED ALWAYS AS IDENTITY", type_name(log.stream.into()))
    }

    fn nested_tables(&self, dataset: &Dataset, part: Part) -> Vec<Definition> {
        self.items_tables(dataset, part).into_iter().map(|items| items.definition).collect()
    }

    /// Primary keys are among them. Their names contain a dot, as no declared name does.
    fn indexes(&self, dataset: &Dataset, part: Part) -> Vec<Definition> {
        let (plain, table) = (dataset.name_of(part), self.table_name(dataset.name_of(part)));
        let key = |columns: &str| {
            let name = identifier(&format!("{plain}.key"));
            let create = format!("ALTER TABLE {table} ADD CONSTRAINT {} PRIMARY KEY ({columns})", quoted(&name));
            Definition { name, create }
        };
        let index = |over: &str, columns: &str| {
            let name = identifier(&format!("{plain}.{over}"));
            Definition { create: format!("CREATE INDEX {} ON {table} ({columns})", quoted(&name)), name }
        };
        let mut indexes = match part {
            Part::Table(at) => {
                let key_column = self.key_column(&dataset.tables[at]);
                // Ends with the key, because ties are answered in its order.
                let secondary = dataset.tables[at].indexes.iter().map(|field| {
                    let field = &dataset.tables[at].fields[*field].name;
                    index(&format!("by.{field}"), &format!("{}, {key_column}", quoted(field)))
                });
                dataset.tables[at].is_keyed.then(|| key(&key_column)).into_iter().chain(secondary).collect()
            }
            Part::Log(at) => vec![key(&self.export_order(&dataset.logs[at]))],
            // In the order in which `above` answers, so that it stops at its limit without sorting. One by metric would
            // find a rare excess sooner, but every point would pay for every metric.
            Part::Series(at) => {
                let series = &dataset.series[at];
                vec![index("by.at", &format!("{} DESC, {}", self.at_column(series), self.entity_column(series)))]
            }
        };
        indexes.extend(self.items_tables(dataset, part).into_iter().flat_map(|items| items.indexes));
        indexes
    }
}
