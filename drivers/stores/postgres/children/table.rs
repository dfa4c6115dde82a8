//! The table of a field's items, and the parts of statements on it. Names of ours in a statement are chosen so that no
//! declared name can be taken for one.

use tokio_postgres::types::Type;

use crate::sql::dialect::{ColumnType, Definition};
use crate::sql::names::{free_name, key_name};
use crate::stores::postgres::items_layout::{ItemsTable, RecordTable};
use crate::stores::postgres::names::{identifier, quoted};
use crate::stores::postgres::types::{TypedSql, array_of, type_name, type_of};
use crate::{Field, Kind};

/// The table of a field's items.
#[derive(Clone, Copy)]
pub(super) struct Child<'a> {
    pub(super) records: RecordTable<'a>,
    /// The field's position in it.
    pub(super) field: usize,
}

impl Child<'_> {
    pub(super) fn table(&self) -> ItemsTable {
        let (definition, indexes) = (self.definition(), self.indexes().into());
        ItemsTable { field: self.field, definition, indexes, columns: (self.columns(), self.types().collect()) }
    }

    /// Contains a slash, as no other table's name does.
    fn name(&self) -> String {
        identifier(&format!("{}/{}", self.records.table.name, self.field_name()))
    }

    fn definition(&self) -> Definition {
        let key = format!("{} {} NOT NULL", self.key(), type_name(self.records.table.key.into()));
        let position = format!("{} {} NOT NULL", self.position(), type_name(ColumnType::Count));
        let own =
            self.own_columns().zip(self.own_types()).map(|(column, kind)| format!("{column} {}", type_name(kind)));
        let columns: Vec<String> = [key, position].into_iter().chain(own).collect();
        Definition { name: self.name(), create: format!("CREATE TABLE {} ({})", self.qualified(), columns.join(", ")) }
    }

    fn indexes(&self) -> [Definition; 2] {
        let add = |word: &str, constraint: &str| {
            let name = identifier(&format!("{}.{word}", self.name()));
            let create = format!("ALTER TABLE {} ADD CONSTRAINT {} {constraint}", self.qualified(), quoted(&name));
            Definition { name, create }
        };
        let (key, position, parent) = (self.key(), self.position(), self.parent());
        let of = format!("FOREIGN KEY ({key}) REFERENCES {parent} ON DELETE CASCADE");
        [add("key", &format!("PRIMARY KEY ({key}, {position})")), add("of", &of)]
    }

    fn columns(&self) -> Vec<String> {
        [self.key(), self.position()].into_iter().chain(self.own_columns()).collect()
    }

    fn types(&self) -> impl Iterator<Item = ColumnType> {
        [self.records.table.key.into(), ColumnType::Count].into_iter().chain(self.own_types())
    }

    /// In a SELECT from the record's table, one value for all items: their number as the record has it, then an array for
    /// each column. Absent items are NULL. The order of a subquery's rows is that in which they are aggregated
    /// (postgresql.org/docs/current/functions-aggregate.html), and its index gives them in this order.
    ///
    /// Chosen among the ways to one statement and one snapshot, for a record with ten items of three fields (PostgreSQL 15,
    /// CPU of the server): this takes 39 us, of which `lacks` takes 1; a join 34 us, but it sends the record ten times, and a
    /// LIMIT would count items; a subquery for each column 60 us, because each searches; the record as one `jsonb`, 17 us.
    pub(super) fn selected(&self) -> String {
        let record = quoted(&self.records.table.name);
        let number = quoted(self.field_name());
        let arrays: Vec<String> = self.own_columns().map(|column| format!("array_agg({column})")).collect();
        let (name, of, key, position) =
            (self.quoted(), self.key(), quoted(&key_name(self.records.table)), self.position());
        let rows = format!("SELECT * FROM {} WHERE {of} = {record}.{key} ORDER BY {position}", self.qualified());
        let items = format!("(SELECT ROW({record}.{number}, {}) FROM ({rows}) AS {name})", arrays.join(", "));
        if self.records.table.fields[self.field].optional {
            format!("CASE WHEN {number} IS NOT NULL THEN {items} END AS {number}")
        } else {
            format!("{items} AS {number}")
        }
    }

    /// Adds an INSERT of items of the record whose key is `$1`, from an array for each column.
    pub(super) fn push_insert(&self, sql: &mut TypedSql) {
        let names: Vec<String> = (1..=self.own_types().count()).map(|number| format!("f{number}")).collect();
        let (names, table, columns) = (names.join(", "), self.qualified(), self.columns().join(", "));
        sql.push(&format!("INSERT INTO {table} ({columns}) SELECT $1, n, {names} FROM unnest("));
        sql.bind(self.own_types().map(array_of));
        sql.push(&format!(") WITH ORDINALITY AS given ({names}, n)"));
    }

    /// The statement that removes the items of a record that this transaction has changed.
    pub(super) fn delete(&self) -> TypedSql {
        let text = format!("DELETE FROM {} WHERE {} = $1 AND {}", self.qualified(), self.key(), self.changed());
        TypedSql::new(text, vec![self.key_type()])
    }

    /// The statement that adds items to a record that this transaction has changed.
    pub(super) fn insert(&self) -> TypedSql {
        let mut sql = TypedSql::new("", vec![self.key_type()]);
        self.push_insert(&mut sql);
        sql.push(&format!(" WHERE {}", self.changed()));
        sql
    }

    /// Whether this transaction has changed the record with key `$1`, and so locked it. An update that finds its record
    /// deleted changes nothing, and by the next statement somebody may have inserted another record with that key and items
    /// of its own.
    fn changed(&self) -> String {
        let (record, key) = (self.parent(), quoted(&key_name(self.records.table)));
        let own = "xmin = pg_current_xact_id_if_assigned()::xid";
        format!("EXISTS (SELECT FROM {record} WHERE {key} = $1 AND {own})")
    }

    /// Its name within a statement, where no schema can stand.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.name())
    }

    fn qualified(&self) -> String {
        format!("{}.{}", self.records.schema, self.quoted())
    }

    /// The table of the records, with its schema.
    fn parent(&self) -> String {
        format!("{}.{}", self.records.schema, quoted(&self.records.table.name))
    }

    /// The fields of an item.
    fn items(&self) -> &[Field] {
        match &self.records.table.fields[self.field].kind {
            Kind::Items(items) => items,
            _ => &[],
        }
    }

    fn field_name(&self) -> &str {
        &self.records.table.fields[self.field].name
    }

    /// Those of an item's fields, and ours.
    fn own_columns(&self) -> impl Iterator<Item = String> {
        self.items().iter().map(|field| quoted(&field.name)).chain([self.lacks()])
    }

    fn own_types(&self) -> impl Iterator<Item = ColumnType> {
        self.items().iter().map(|field| (&field.kind).into()).chain([ColumnType::Text])
    }

    fn key_type(&self) -> Type {
        type_of(self.records.table.key.into())
    }

    fn key(&self) -> String {
        self.free("key")
    }

    fn position(&self) -> String {
        self.free("position")
    }

    fn lacks(&self) -> String {
        self.free("lacks")
    }

    fn free(&self, wanted: &str) -> String {
        quoted(&free_name(wanted, self.items().iter().map(|field| field.name.as_str())))
    }
}
