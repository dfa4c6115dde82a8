//! What differs between the dialects of SQL, as far as our statements and tables go. All else is in `render.rs` and
//! `layout.rs`, or is a default here.

use super::names::{at_name, entity_name, key_name, seq_name, stream_name};
use crate::{Dataset, KeyKind, Kind, Log, Part, Series, Table};

/// A dialect, with what a store chooses in it: where its tables are, and how it keeps nested values.
pub(crate) trait Dialect {
    /// The placeholder of a parameter, which are counted from 1. `by_number`: it may stand in other places, too.
    fn placeholder(number: usize, by_number: bool) -> String;

    /// The name of a column's type.
    fn type_name(kind: ColumnType) -> &'static str;

    /// The statement that begins a transaction.
    fn begin(writes: bool) -> &'static str;

    /// A name as an identifier, whatever it is.
    fn quoted(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// The name that the table of a part has in the database.
    fn name(&self, part: &str) -> String {
        part.to_owned()
    }

    /// The same as statements write it.
    fn table_name(&self, part: &str) -> String {
        self.quoted(&self.name(part))
    }

    /// The type of a record's column for nested items.
    fn items_type(&self) -> ColumnType {
        ColumnType::Json
    }

    /// What a SELECT from a table answers for the field at this position.
    fn selected(&self, table: &Table, field: usize) -> String {
        self.quoted(&table.fields[field].name)
    }

    /// The end of an INSERT that puts rows in the place of those with the same keys: these columns take their values.
    fn replace_existing(&self, keys: &str, columns: &[String]) -> String {
        let set: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        format!("ON CONFLICT ({keys}) DO UPDATE SET {}", set.join(", "))
    }

    /// The columns by which all events of a log are read in the order of each stream, as an index of it has them.
    fn export_order(&self, log: &Log) -> String;

    /// The definition of the column of a table's key.
    fn key_definition(&self, table: &Table) -> String;

    /// The definitions of the columns of an event's stream and of its place, which the database gives it.
    fn event_key_definitions(&self, log: &Log) -> String;

    /// What follows the columns of a part's table.
    fn table_options(&self, dataset: &Dataset, part: Part) -> &'static str {
        let _ = (dataset, part);
        ""
    }

    /// Tables for what of a part's rows does not lie in its own table.
    fn nested_tables(&self, dataset: &Dataset, part: Part) -> Vec<Definition> {
        let _ = (dataset, part);
        Vec::new()
    }

    /// The indexes that are built when a part's rows are there, which is quicker than keeping them while rows come.
    fn indexes(&self, dataset: &Dataset, part: Part) -> Vec<Definition>;

    fn key_column(&self, table: &Table) -> String {
        self.quoted(&key_name(table))
    }

    fn stream_column(&self, log: &Log) -> String {
        self.quoted(&stream_name(log))
    }

    fn seq_column(&self, log: &Log) -> String {
        self.quoted(&seq_name(log))
    }

    fn entity_column(&self, series: &Series) -> String {
        self.quoted(&entity_name(series))
    }

    fn at_column(&self, series: &Series) -> String {
        self.quoted(&at_name(series))
    }
}

/// The type of a column or a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ColumnType {
    Bool,
    /// Integers of 64 bits, and instants.
    Int,
    /// Integers of 32 bits: a number of items, or the position of one.
    Count,
    Float,
    Text,
    Bytes,
    /// Lists, maps and items.
    Json,
}

/// A table or an index, by the name that it has in the database and the statement that makes it.
#[derive(Debug, PartialEq)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) create: String,
}

impl From<&Kind> for ColumnType {
    fn from(kind: &Kind) -> Self {
        match kind {
            Kind::Bool => ColumnType::Bool,
            Kind::Int | Kind::Time => ColumnType::Int,
            Kind::Float => ColumnType::Float,
            Kind::Text => ColumnType::Text,
            Kind::Bytes => ColumnType::Bytes,
            Kind::List(_) | Kind::Map | Kind::Items(_) => ColumnType::Json,
        }
    }
}

impl From<KeyKind> for ColumnType {
    fn from(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Int => ColumnType::Int,
            KeyKind::Text => ColumnType::Text,
        }
    }
}
