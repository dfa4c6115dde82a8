//! Rows of an answer as rows of an operation.

use super::hrana::Columns;
use crate::sql::outcome::RowColumns;
use crate::sql::sqlite::values::{key, number, value};
use crate::{Failure, Fields, Key, KeyKind, Kind, Value};

impl RowColumns<'_> {
    /// The key and the values of a row.
    pub(super) fn decode_columns(self, mut columns: Columns<'_>) -> Result<(Key, Vec<Value>), Failure> {
        match self {
            RowColumns::Fields { key: kind, declared, selected } => {
                let key = key(columns.column()?, kind)?;
                let values: Result<Vec<Value>, Failure> = match selected {
                    Fields::All => declared.iter().map(|field| value(columns.column()?, &field.kind)).collect(),
                    Fields::Some(selected) => {
                        selected.iter().map(|field| value(columns.column()?, &declared[*field].kind)).collect()
                    }
                };
                Ok((key, values?))
            }
            RowColumns::Point => {
                let key = key(columns.column()?, KeyKind::Int)?;
                let at = value(columns.column()?, &Kind::Time);
                let values: Result<Vec<Value>, Failure> =
                    std::iter::once(at).chain(columns.map(|metric| number(metric?))).collect();
                Ok((key, values?))
            }
        }
    }
}
