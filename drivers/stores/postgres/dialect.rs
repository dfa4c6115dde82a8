//! PostgreSQL's dialect of SQL, and how a dataset lies in it.
//!
//! A field is a column; lists, maps and items are `jsonb`, or items are tables of their own (`children/`). Instants are
//! `bigint` milliseconds: `timestamptz` ends in the year 294276 and would not give every 64-bit instant back. Every table is
//! named with its schema: a search path is a setting of the session, and where it is lost, a bare name may be the
//! user's own table.

use std::sync::Arc;

use super::children::Child;
use super::names::{identifier, quoted, schema_name};
use super::types::type_name;
use crate::sql::dialect::{ColumnType, Definition, Dialect};
use crate::sql::layout::SqlLayout;
use crate::{Dataset, Kind, Log, Part, Table};

/// How nested values are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NestedLayout {
    /// Each in a `jsonb` column of its record.
    #[default]
    Jsonb,
    /// The items of a record as rows of a table of their own; lists and maps, and the items of events, as `jsonb`. The same
    /// as the other for tables without items.
    Children,
}

impl NestedLayout {
    /// The word for it in addresses and settings.
    pub(super) fn name(self) -> &'static str {
        match self {
            NestedLayout::Jsonb => "jsonb",
            NestedLayout::Children => "children",
        }
    }
}

/// PostgreSQL's dialect, for the tables of a dataset.
#[derive(Debug)]
pub(super) struct PostgresDialect {
    /// The dataset's schema, quoted.
    schema: String,
    pub(super) nested: NestedLayout,
}

/// A dataset in it.
pub(super) type PostgresLayout = SqlLayout<PostgresDialect>;

/// A table, of a part or of a field's items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum TableId {
    Part(Part),
    Items { table: usize, field: usize },
}

/// A dataset with its nested values kept so.
pub(super) fn layout(dataset: Arc<Dataset>, nested: NestedLayout) -> PostgresLayout {
    let schema = quoted(&schema_name(&dataset.name));
    SqlLayout::new(dataset, PostgresDialect { schema, nested })
}

impl PostgresDialect {
    /// A table of ours with its schema.
    pub(super) fn qualified(&self, name: &str) -> String {
        format!("{}.{}", self.schema, quoted(name))
    }

    /// The field at this position of a table, if its items lie in a table of their own.
    fn child<'a>(&'a self, parent: &'a Table, field: usize) -> Option<Child<'a>> {
        match &parent.fields.get(field)?.kind {
            Kind::Items(items) if self.nested == NestedLayout::Children => {
                Some(Child { schema: &self.schema, parent, field, items })
            }
            _ => None,
        }
    }

    /// All such fields of a table.
    fn children<'a>(&'a self, parent: &'a Table) -> impl Iterator<Item = Child<'a>> {
        let fields = match self.nested {
            NestedLayout::Jsonb => 0,
            NestedLayout::Children => parent.fields.len(),
        };
        (0..fields).filter_map(move |field| self.child(parent, field))
    }

    /// The same for any part; logs and series have none.
    fn children_of<'a>(&'a self, dataset: &'a Dataset, part: Part) -> impl Iterator<Item = Child<'a>> {
        let table = if let Part::Table(at) = part { Some(&dataset.tables[at]) } else { None };
        table.into_iter().flat_map(|table| self.children(table))
    }
}

impl SqlLayout<PostgresDialect> {
    /// The field at this position of a table, if its items lie in a table of their own.
    pub(super) fn child(&self, table: usize, field: usize) -> Option<Child<'_>> {
        self.dialect.child(&self.tables[table], field)
    }

    /// All such fields of a table.
    pub(super) fn children(&self, table: usize) -> impl Iterator<Item = Child<'_>> {
        self.dialect.children(&self.tables[table])
    }

    /// All tables: each part's, followed by those of its items.
    pub(super) fn table_ids(&self) -> impl Iterator<Item = TableId> {
        self.parts().flat_map(|part| {
            let items = match part {
                Part::Table(table) => Some(self.children(table).map(move |child| (table, child.field))),
                Part::Log(_) | Part::Series(_) => None,
            };
            let items = items.into_iter().flatten().map(|(table, field)| TableId::Items { table, field });
            std::iter::once(TableId::Part(part)).chain(items)
        })
    }

    /// The name of a table.
    pub(super) fn table_name(&self, id: TableId) -> String {
        match id {
            TableId::Part(part) => self.name_of(part).to_owned(),
            TableId::Items { table, field } => self.child(table, field).map(|child| child.name()).unwrap_or_default(),
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
                self.child(table, field).map(|child| child.columns()).unwrap_or_default()
            }
        }
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

    /// The number of items, if these have a table of their own.
    fn items_type(&self) -> ColumnType {
        match self.nested {
            NestedLayout::Jsonb => ColumnType::Json,
            NestedLayout::Children => ColumnType::Count,
        }
    }

    fn selected(&self, table: &Table, field: usize) -> String {
        match self.child(table, field) {
            Some(child) => child.selected(),
            None => quoted(&table.fields[field].name),
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
        self.children_of(dataset, part).map(|child| child.table()).collect()
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
                std::iter::once(key(&key_column)).chain(secondary).collect()
            }
            Part::Log(at) => vec![key(&self.export_order(&dataset.logs[at]))],
            // In the order in which `above` answers, so that it stops at its limit without sorting. One by metric would
            // find a rare excess sooner, but every point would pay for every metric.
            Part::Series(at) => {
                let series = &dataset.series[at];
                vec![index("by.at", &format!("{} DESC, {}", self.at_column(series), self.entity_column(series)))]
            }
        };
        indexes.extend(self.children_of(dataset, part).flat_map(|child| child.indexes()));
        indexes
    }
}
