//! Items in a `jsonb` column of their record, where the statements of every dialect find them.

use super::binary::PgParameter;
use super::items_layout::{FollowUp, ItemSink, ItemsLayout, ItemsStatement, ItemsTable, RecordTable};
use super::names::quoted;
use super::types::TypedSql;
use crate::sql::dialect::ColumnType;
use crate::{Dataset, Failure, Key, Op, Record, Table};

#[derive(Debug)]
pub(super) struct JsonbLayout;

impl ItemsLayout for JsonbLayout {
    fn name(&self) -> &'static str {
        "jsonb"
    }

    fn column_type(&self) -> ColumnType {
        ColumnType::Json
    }

    fn selected(&self, records: RecordTable<'_>, field: usize) -> String {
        quoted(&records.table.fields[field].name)
    }

    fn tables(&self, _: RecordTable<'_>) -> Vec<ItemsTable> {
        Vec::new()
    }

    fn insert(&self, _: RecordTable<'_>, own: TypedSql) -> TypedSql {
        own
    }

    fn push_parameters<'a>(&self, _: &Table, _: &'a Record, _: &mut Vec<PgParameter<'a>>) -> Result<(), Failure> {
        Ok(())
    }

    fn delete_comment(&self, _: &Table) -> &'static str {
        ""
    }

    fn has_follow_ups(&self, _: &Dataset, _: &Op) -> bool {
        false
    }

    fn follow_ups<'a>(&self, _: &Dataset, _: &'a Op) -> Result<Vec<FollowUp<'a>>, Failure> {
        Ok(Vec::new())
    }

    fn sql(&self, _: RecordTable<'_>, _: ItemsStatement) -> TypedSql {
        unreachable!("`follow_ups` names no statement")
    }

    fn copy(&self, _: &Table, _: &Key, _: &Record, _: &mut ItemSink<'_>) -> Result<(), Failure> {
        Ok(())
    }
}
