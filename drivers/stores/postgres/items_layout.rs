//! What a layout of items has to say: how the items of records are kept. Everything else is the same in all layouts.
//!
//! One is `jsonb.rs`, the other `children/`.

use std::fmt;

use super::binary::PgParameter;
use super::types::TypedSql;
use crate::sql::dialect::{ColumnType, Definition};
use crate::{Dataset, Failure, Key, Op, Record, Table};

/// How the items of records are kept. Those of events are `jsonb` in every layout.
pub(super) trait ItemsLayout: fmt::Debug + Sync {
    /// The word for it in addresses and settings.
    fn name(&self) -> &'static str;

    /// The type of the column that a record has for items.
    fn column_type(&self) -> ColumnType;

    /// What a SELECT of records answers for the items at this position.
    fn selected(&self, records: RecordTable<'_>, field: usize) -> String;

    /// The tables of items beside that of their records, in the order of the fields.
    fn tables(&self, records: RecordTable<'_>) -> Vec<ItemsTable>;

    /// The INSERT of a record with its items, from that of its own columns, whose parameters come first.
    fn insert(&self, records: RecordTable<'_>, own: TypedSql) -> TypedSql;

    /// Adds the parameters that follow those of the record's own columns.
    fn push_parameters<'a>(
        &self,
        table: &Table,
        record: &'a Record,
        parameters: &mut Vec<PgParameter<'a>>,
    ) -> Result<(), Failure>;

    /// What a DELETE of a record does beside what it says, to be shown after it.
    fn delete_comment(&self, table: &Table) -> &'static str;

    /// Whether statements on items follow that of an operation, in one transaction with it.
    fn has_follow_ups(&self, dataset: &Dataset, op: &Op) -> bool;

    /// These statements in order.
    fn follow_ups<'a>(&self, dataset: &Dataset, op: &'a Op) -> Result<Vec<FollowUp<'a>>, Failure>;

    /// The text of one.
    fn sql(&self, records: RecordTable<'_>, statement: ItemsStatement) -> TypedSql;

    /// Hands over the rows that a copied record has in tables of items, each with the position of its field.
    fn copy(&self, table: &Table, key: &Key, record: &Record, add: &mut ItemSink<'_>) -> Result<(), Failure>;
}

/// Takes rows of tables of items, one at a time.
pub(super) type ItemSink<'a> = dyn FnMut(usize, &mut dyn Iterator<Item = PgParameter<'_>>) -> Result<(), Failure> + 'a;

/// A table of records.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordTable<'a> {
    /// The schema of the dataset, quoted.
    pub(super) schema: &'a str,
    pub(super) table: &'a Table,
}

/// A table of the items of one field.
pub(super) struct ItemsTable {
    /// The field's position among those of the records.
    pub(super) field: usize,
    pub(super) definition: Definition,
    /// Its keys, which are built when the rows are there.
    pub(super) indexes: Vec<Definition>,
    /// The columns in the order in which rows are written, with their types.
    pub(super) columns: (Vec<String>, Vec<ColumnType>),
}

/// A statement that follows that of a record's operation.
pub(super) struct FollowUp<'a> {
    pub(super) statement: ItemsStatement,
    pub(super) parameters: Vec<PgParameter<'a>>,
}

/// A statement on the items that a record has in one field, apart from its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ItemsStatement {
    pub(super) table: usize,
    pub(super) field: usize,
    pub(super) change: ItemsChange,
}

/// What a statement does with items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ItemsChange {
    Delete,
    Insert,
}
