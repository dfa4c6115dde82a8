//! Items in tables of their own: a table for each field of items, with a row an item and a column for each of its fields.
//!
//! In the record's own table the field is the number of its items, and NULL if it is absent. A row's primary key is the
//! record's key and the item's position, from 1. A column of a row may be NULL whatever the field's declaration, because an
//! item may come without one of its fields; those are named in a column of ours, `lacks`, which is NULL in every usual row.
//!
//! The record's key is a foreign key with ON DELETE CASCADE, as an expert would declare it for rows that are nothing
//! without their record. It keeps a deletion one statement, and a correct one: the server looks for the rows once it has
//! locked the record, and so also removes those of a replacement that it waited for; `WITH ... DELETE` would see only the
//! rows from before it waited. Its price is a look-up of the record for each inserted item.
//!
//! Here are the tables and the parts of statements. Names of ours in a statement are chosen so that no declared name can be
//! taken for one. What is made of an item's value, and back, is in `items.rs`.

use tokio_postgres::types::Type;

use super::layout::{Index, array_type, free, identifier, key_column, key_type, not_null, nullable, quoted, type_of};
use super::sql::Sql;
use crate::{Field, Table};

/// A field of items that lie in a table of their own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child<'a> {
    /// That of the tables, quoted.
    pub(super) schema: &'a str,
    /// The table of the records.
    pub(super) parent: &'a Table,
    /// Its position in the dataset.
    pub(super) table: usize,
    /// The field's position in it.
    pub(super) field: usize,
    /// The fields of an item.
    pub(super) items: &'a [Field],
}

impl Child<'_> {
    /// Contains a slash, as no other table's name does.
    pub(super) fn name(&self) -> String {
        identifier(&format!("{}/{}", self.parent.name, self.field_name()))
    }

    /// The statement that makes the table.
    pub(super) fn make(&self) -> String {
        let key = not_null(&self.key(), key_type(self.parent.key));
        let fields = self.items.iter().map(|field| nullable(&quoted(&field.name), type_of(&field.kind)));
        let columns = [key, not_null(&self.position(), Type::INT4)].into_iter().chain(fields);
        let columns: Vec<String> = columns.chain([nullable(&self.lacks(), Type::TEXT)]).collect();
        format!("CREATE TABLE {} ({})", self.qualified(), columns.join(", "))
    }

    /// Its keys, which are built when the rows are there.
    pub(super) fn indexes(&self) -> [Index; 2] {
        let add = |word: &str, constraint: &str| {
            let name = identifier(&format!("{}.{word}", self.name()));
            Index {
                make: format!("ALTER TABLE {} ADD CONSTRAINT {} {constraint}", self.qualified(), quoted(&name)),
                name,
            }
        };
        let (key, position, parent) = (self.key(), self.position(), self.parent());
        let of = format!("FOREIGN KEY ({key}) REFERENCES {parent} ON DELETE CASCADE");
        [add("key", &format!("PRIMARY KEY ({key}, {position})")), add("of", &of)]
    }

    /// The columns in the order in which rows are written, with their types.
    pub(super) fn columns(&self) -> (String, Vec<Type>) {
        let names = [self.key(), self.position()].into_iter().chain(self.own_columns());
        let types = [key_type(self.parent.key), Type::INT4].into_iter().chain(self.own_types());
        (names.collect::<Vec<_>>().join(", "), types.collect())
    }

    /// In a SELECT from the record's table, one value for all items: their number as the record has it, then an array for
    /// each column. Absent items are NULL. The order of a subquery's rows is that in which they are aggregated
    /// (postgresql.org/docs/current/functions-aggregate.html), and its index gives them in this order.
    ///
    /// Chosen among the ways to one statement and one snapshot, for a record with ten items of three fields (PostgreSQL 15,
    /// CPU of the server): this takes 39 us, of which `lacks` takes 1; a join 34 us, but it sends the record ten times, and a
    /// LIMIT would count items; a subquery for each column 60 us, because each searches; the record as one `jsonb`, 17 us.
    pub(super) fn answered(&self) -> String {
        let record = quoted(&self.parent.name);
        let number = quoted(self.field_name());
        let arrays: Vec<String> = self.own_columns().map(|column| format!("array_agg({column})")).collect();
        let (name, of, key, position) = (self.quoted(), self.key(), key_column(self.parent), self.position());
        let rows = format!("SELECT * FROM {} WHERE {of} = {record}.{key} ORDER BY {position}", self.qualified());
        let items = format!("(SELECT ROW({record}.{number}, {}) FROM ({rows}) AS {name})", arrays.join(", "));
        if self.parent.fields[self.field].optional {
            format!("CASE WHEN {number} IS NOT NULL THEN {items} END AS {number}")
        } else {
            format!("{items} AS {number}")
        }
    }

    /// Adds an INSERT of items of the record whose key is `$1`, from an array for each column.
    pub(super) fn push_insert(&self, sql: &mut Sql) {
        let names: Vec<String> = (1..=self.own_types().count()).map(|number| format!("f{number}")).collect();
        let names = names.join(", ");
        sql.push(&format!(
            "INSERT INTO {} ({}) SELECT $1, n, {names} FROM unnest(",
            self.qualified(),
            self.columns().0
        ));
        sql.bind_all(self.own_types().map(array_type));
        sql.push(&format!(") WITH ORDINALITY AS given ({names}, n)"));
    }

    /// The items of a record that this transaction has changed, gone.
    pub(super) fn clear(&self) -> Sql {
        let text = format!("DELETE FROM {} WHERE {} = $1 AND {}", self.qualified(), self.key(), self.changed());
        Sql { text, types: vec![key_type(self.parent.key)] }
    }

    /// Items for a record that this transaction has changed.
    pub(super) fn fill(&self) -> Sql {
        let mut sql = Sql { text: String::new(), types: vec![key_type(self.parent.key)] };
        self.push_insert(&mut sql);
        sql.push(&format!(" WHERE {}", self.changed()));
        sql
    }

    /// Whether this transaction has changed the record with key `$1`, and so locked it. An update that finds its record
    /// deleted changes nothing, and by the next statement somebody may have inserted another record with that key and items
    /// of its own.
    fn changed(&self) -> String {
        let (record, key) = (self.parent(), key_column(self.parent));
        let own = "xmin = pg_current_xact_id_if_assigned()::xid";
        format!("EXISTS (SELECT FROM {record} WHERE {key} = $1 AND {own})")
    }

    /// Its name within a statement, where no schema can stand.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.name())
    }

    fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.quoted())
    }

    /// The table of the records, with its schema.
    fn parent(&self) -> String {
        format!("{}.{}", self.schema, quoted(&self.parent.name))
    }

    fn field_name(&self) -> &str {
        &self.parent.fields[self.field].name
    }

    /// Those of an item's fields, and ours.
    fn own_columns(&self) -> impl Iterator<Item = String> {
        self.items.iter().map(|field| quoted(&field.name)).chain([self.lacks()])
    }

    fn own_types(&self) -> impl Iterator<Item = Type> {
        self.items.iter().map(|field| type_of(&field.kind)).chain([Type::TEXT])
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
        free(wanted, self.items.iter().map(|field| field.name.as_str()))
    }
}
