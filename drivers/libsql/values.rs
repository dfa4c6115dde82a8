//! Values and keys to and from the crate's own. What they become is in `sqlite/values.rs`.

use std::borrow::Cow;

use compact_str::CompactString;
use libsql::Value as Column;

use super::failure;
use crate::sqlite::values::{self, Answer};
use crate::{Failure, Fields, Key, KeyKind, Kind, Value};

/// A value as a parameter.
pub(super) fn column(value: &Value) -> Result<Column, Failure> {
    owned(values::column(value)?)
}

/// A key as a parameter.
pub(super) fn key_column(key: &Key) -> Result<Column, Failure> {
    owned(values::key_column(key))
}

fn owned(column: values::Column<'_>) -> Result<Column, Failure> {
    Ok(match column {
        values::Column::Null => Column::Null,
        values::Column::Integer(number) => Column::Integer(number),
        values::Column::Real(number) => Column::Real(number),
        values::Column::Text(text) => Column::Text(whole(text)?.into_owned()),
        values::Column::Blob(bytes) => Column::Blob(bytes.into_owned()),
    })
}

/// A key and all values of a record or event as parameters.
pub(super) fn columns(key: &Key, record: &[Value]) -> Result<Vec<Column>, Failure> {
    let mut columns = Vec::with_capacity(1 + record.len());
    columns.push(key_column(key)?);
    for value in record {
        columns.push(column(value)?);
    }
    Ok(columns)
}

impl Answer<'_> {
    /// The key and the values of a row.
    pub(super) fn decode(self, row: &libsql::Row) -> Result<(Key, Vec<Value>), Failure> {
        let get = |at: usize| row.get_value(at as i32).map_err(|error| failure(error, &"a column"));
        let width = row.column_count() as usize;
        let mut values = Vec::with_capacity(width - 1);
        match self {
            Answer::Fields { key, declared, asked } => {
                for at in 1..width {
                    let field = match asked {
                        Fields::All => &declared[at - 1],
                        Fields::Some(positions) => &declared[positions[at - 1]],
                    };
                    values.push(value(get(at)?, &field.kind)?);
                }
                Ok((self::key(row, key)?, values))
            }
            Answer::Point => {
                values.push(value(get(1)?, &Kind::Time)?);
                for at in 2..width {
                    values.push(number(get(at)?)?);
                }
                Ok((key(row, KeyKind::Int)?, values))
            }
        }
    }
}

fn key(row: &libsql::Row, kind: KeyKind) -> Result<Key, Failure> {
    let key = match kind {
        KeyKind::Int => row.get(0).map(Key::Int),
        KeyKind::Text => row.get_str(0).map(|text| Key::Text(CompactString::from(text))),
    };
    key.map_err(|error| failure(error, &"a key"))
}

fn value(column: Column, kind: &Kind) -> Result<Value, Failure> {
    values::value(shared(column), kind)
}

fn number(column: Column) -> Result<Value, Failure> {
    values::number(shared(column))
}

fn shared(column: Column) -> values::Column<'static> {
    match column {
        Column::Null => values::Column::Null,
        Column::Integer(number) => values::Column::Integer(number),
        Column::Real(number) => values::Column::Real(number),
        Column::Text(text) => values::Column::Text(text.into()),
        Column::Blob(bytes) => values::Column::Blob(bytes.into()),
    }
}

/// The crate reads texts as C strings: one with a NUL would come back cut, so it is refused when it is written.
fn whole(text: Cow<'_, str>) -> Result<Cow<'_, str>, Failure> {
    if text.as_bytes().contains(&0) {
        return Err(Failure::broken("libsql: its client cuts a text at a NUL character, so such a text is not stored"));
    }
    Ok(text)
}
