//! How a dataset lies in a SQL database: a table a part, a column a field. What tables and columns are called and how they
//! are made; the statements on them are in `render.rs`.

use std::ops::Deref;
use std::sync::Arc;

use super::dialect::{ColumnType, Definition, Dialect};
use crate::{Dataset, Field, Kind, Log, Part, Series, Table};

/// A dataset in a dialect.
#[derive(Debug)]
pub(crate) struct SqlLayout<D> {
    dataset: Arc<Dataset>,
    pub(crate) dialect: D,
}

impl<D> Deref for SqlLayout<D> {
    type Target = Dataset;

    fn deref(&self) -> &Dataset {
        &self.dataset
    }
}

impl<D: Dialect> SqlLayout<D> {
    pub(crate) fn new(dataset: Arc<Dataset>, dialect: D) -> Self {
        SqlLayout { dataset, dialect }
    }

    /// The tables of a part, its own first.
    pub(crate) fn tables(&self, part: Part) -> Vec<Definition> {
        let own = Definition { name: self.dialect.name(self.name_of(part)), create: self.create_table(part) };
        std::iter::once(own).chain(self.dialect.nested_tables(self, part)).collect()
    }

    /// The indexes of a part that are built after the load.
    pub(crate) fn indexes(&self, part: Part) -> Vec<Definition> {
        self.dialect.indexes(self, part)
    }

    /// For each part the statements that make it.
    pub(crate) fn describe(&self) -> Vec<String> {
        let describe = |part| {
            let made = self.tables(part).into_iter().chain(self.indexes(part)).map(|made| made.create);
            format!("{}: {}", self.name_of(part), made.collect::<Vec<_>>().join("; "))
        };
        self.parts().map(describe).collect()
    }

    fn create_table(&self, part: Part) -> String {
        let dialect = &self.dialect;
        let definition = |field: &Field, kind| {
            let null = if field.optional { "" } else { " NOT NULL" };
            format!("{} {}{null}", dialect.quoted(&field.name), D::type_name(kind))
        };
        let mut columns = Vec::new();
        match part {
            Part::Table(at) => {
                let table = &self.tables[at];
                columns.push(dialect.key_definition(table));
                columns.extend(table.fields.iter().map(|field| definition(field, self.field_type(field))));
            }
            Part::Log(at) => {
                let log = &self.logs[at];
                columns.push(dialect.event_key_definitions(log));
                columns.extend(log.fields.iter().map(|field| definition(field, (&field.kind).into())));
            }
            Part::Series(at) => {
                let series = &self.series[at];
                let key = self.point_key(series);
                columns.extend(
                    self.point_columns(series)
                        .into_iter()
                        .zip(self.point_types(series))
                        .map(|(column, kind)| format!("{column} {} NOT NULL", D::type_name(kind))),
                );
                // There from the start, unlike other keys: the load may meet a point twice, and the later one has to win.
                columns.push(format!("PRIMARY KEY ({key})"));
            }
        }
        let (table, options) = (dialect.table_name(self.name_of(part)), dialect.table_options(self, part));
        format!("CREATE TABLE {table} ({}){options}", columns.join(", "))
    }

    /// Key and fields of a record.
    pub(crate) fn record_columns(&self, table: &Table) -> Vec<String> {
        let fields = table.fields.iter().map(|field| self.dialect.quoted(&field.name));
        std::iter::once(self.dialect.key_column(table)).chain(fields).collect()
    }

    pub(crate) fn record_types(&self, table: &Table) -> Vec<ColumnType> {
        std::iter::once(table.key.into()).chain(table.fields.iter().map(|field| self.field_type(field))).collect()
    }

    /// Stream and fields of an event; the database adds its place.
    pub(crate) fn event_columns(&self, log: &Log) -> Vec<String> {
        let fields = log.fields.iter().map(|field| self.dialect.quoted(&field.name));
        std::iter::once(self.dialect.stream_column(log)).chain(fields).collect()
    }

    pub(crate) fn event_types(&self, log: &Log) -> Vec<ColumnType> {
        std::iter::once(log.stream.into()).chain(log.fields.iter().map(|field| (&field.kind).into())).collect()
    }

    /// Entity, instant and metrics of a point.
    pub(crate) fn point_columns(&self, series: &Series) -> Vec<String> {
        let metrics = series.metrics.iter().map(|metric| self.dialect.quoted(metric));
        [self.dialect.entity_column(series), self.dialect.at_column(series)].into_iter().chain(metrics).collect()
    }

    pub(crate) fn point_types(&self, series: &Series) -> Vec<ColumnType> {
        let metrics = series.metrics.iter().map(|_| ColumnType::Float);
        [ColumnType::Int, ColumnType::Int].into_iter().chain(metrics).collect()
    }

    /// The columns by which a point is found.
    pub(crate) fn point_key(&self, series: &Series) -> String {
        format!("{}, {}", self.dialect.entity_column(series), self.dialect.at_column(series))
    }

    /// The type of the column of a record's field.
    pub(crate) fn field_type(&self, field: &Field) -> ColumnType {
        match &field.kind {
            Kind::Items(_) => self.dialect.items_type(),
            kind => kind.into(),
        }
    }
}
