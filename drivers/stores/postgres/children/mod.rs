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
//! The tables and the parts of statements are in `table.rs`, what is made of an item's value, and back, in `items.rs`.

mod items;
mod table;

pub(super) use items::decode as decode_items;

use self::items::{arrays, list, row};
use self::table::Child;
use super::binary::PgParameter;
use super::items_layout::{FollowUp, ItemSink, ItemsChange, ItemsLayout, ItemsStatement, ItemsTable, RecordTable};
use super::types::TypedSql;
use crate::sql::dialect::ColumnType;
use crate::sql::statement::Parameter;
use crate::{Change, Dataset, Failure, Field, Key, Kind, Op, Record, Table};

#[derive(Debug)]
pub(super) struct ChildrenLayout;

impl ItemsLayout for ChildrenLayout {
    fn name(&self) -> &'static str {
        "children"
    }

    /// The number of items.
    fn column_type(&self) -> ColumnType {
        ColumnType::Count
    }

    fn selected(&self, records: RecordTable<'_>, field: usize) -> String {
        Child { records, field }.selected()
    }

    fn tables(&self, records: RecordTable<'_>) -> Vec<ItemsTable> {
        children(records).map(|child| child.table()).collect()
    }

    /// In one statement.
    fn insert(&self, records: RecordTable<'_>, own: TypedSql) -> TypedSql {
        let mut sql = TypedSql::new("", own.types);
        for (nth, child) in children(records).enumerate() {
            sql.push(if nth == 0 { "WITH " } else { ", " }).push(&format!("{} AS (", child.quoted()));
            child.push_insert(&mut sql);
            sql.push(")");
        }
        sql.push(if sql.text.is_empty() { "" } else { " " }).push(&own.text);
        sql
    }

    fn push_parameters<'a>(
        &self,
        table: &Table,
        record: &'a Record,
        parameters: &mut Vec<PgParameter<'a>>,
    ) -> Result<(), Failure> {
        for (field, items) in fields_of_items(table) {
            parameters.extend(arrays(items, &record[field])?);
        }
        Ok(())
    }

    fn delete_comment(&self, table: &Table) -> &'static str {
        match fields_of_items(table).next() {
            Some(_) => " -- with its items, by their foreign key",
            None => "",
        }
    }

    fn has_follow_ups(&self, dataset: &Dataset, op: &Op) -> bool {
        replaced(dataset, op).next().is_some()
    }

    /// Deletes the old items and inserts the new ones, if the record has been changed.
    ///
    /// One statement for these and the record would see the items as they were before it waited for the lock on the record,
    /// and so miss those that the transaction which held it has inserted.
    fn follow_ups<'a>(&self, dataset: &Dataset, op: &'a Op) -> Result<Vec<FollowUp<'a>>, Failure> {
        let mut follow_ups = Vec::new();
        for Replaced { table, key, change: Change { field, value }, items } in replaced(dataset, op) {
            let mut new = vec![Parameter::Key(key).into()];
            new.extend(arrays(items, value)?);
            let old = vec![Parameter::Key(key).into()];
            for (change, parameters) in [(ItemsChange::Delete, old), (ItemsChange::Insert, new)] {
                follow_ups.push(FollowUp { statement: ItemsStatement { table, field: *field, change }, parameters });
            }
        }
        Ok(follow_ups)
    }

    fn sql(&self, records: RecordTable<'_>, statement: ItemsStatement) -> TypedSql {
        let child = Child { records, field: statement.field };
        match statement.change {
            ItemsChange::Delete => child.delete(),
            ItemsChange::Insert => child.insert(),
        }
    }

    fn copy(&self, table: &Table, key: &Key, record: &Record, add: &mut ItemSink<'_>) -> Result<(), Failure> {
        for (field, items) in fields_of_items(table) {
            for (position, item) in (1..).zip(list(&record[field])?) {
                let keys = [Parameter::Key(key), Parameter::Int(position)].map(PgParameter::from);
                add(field, &mut keys.into_iter().chain(row(items, item)?))?;
            }
        }
        Ok(())
    }
}

/// The fields of items, by their positions, with the fields of an item.
fn fields_of_items(table: &Table) -> impl Iterator<Item = (usize, &[Field])> {
    table.fields.iter().enumerate().filter_map(|(at, field)| match &field.kind {
        Kind::Items(items) => Some((at, items.as_slice())),
        _ => None,
    })
}

fn children<'a>(records: RecordTable<'a>) -> impl Iterator<Item = Child<'a>> {
    fields_of_items(records.table).map(move |(field, _)| Child { records, field })
}

/// Items that an operation replaces.
struct Replaced<'d, 'a> {
    table: usize,
    key: &'a Key,
    change: &'a Change,
    /// The fields of an item.
    items: &'d [Field],
}

fn replaced<'d, 'a>(dataset: &'d Dataset, op: &'a Op) -> impl Iterator<Item = Replaced<'d, 'a>> {
    let update = if let Op::Update { table, key, changes } = op { Some((*table, key, changes)) } else { None };
    update.into_iter().flat_map(move |(table, key, changes)| {
        changes.iter().filter_map(move |change| match &dataset.tables[table].fields[change.field].kind {
            Kind::Items(items) => Some(Replaced { table, key, change, items }),
            _ => None,
        })
    })
}
