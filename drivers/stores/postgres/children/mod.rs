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

pub(super) mod items;
mod table;

pub(super) use table::Child;
