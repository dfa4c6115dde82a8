//! Values and keys to and from the crate's own. What they become is in `sql/sqlite/values.rs`.

use std::borrow::Cow;

use libsql::Value as Column;

use super::failure;
use crate::sql::sqlite::values::{self, Answer};
use crate::{Failure, Fields, Key, KeyKind, Kind, Row, Value};

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
    /// Writes the key and the values of a row over those of another.
    pub(super) fn decode(self, from: &libsql::Row, into: &mut Row) -> Result<(), Failure> {
        let get = |at: usize| from.get_value(at as i32).map_err(|error| failure(error, &"a column"));
        into.values.resize_with(from.column_count() as usize - 1, Value::default);
        match self {
            Answer::Fields { key: kind, declared, asked } => {
                key(from, kind, &mut into.key)?;
                for (at, out) in into.values.iter_mut().enumerate() {
                    let field = match asked {
                        Fields::All => &declared[at],
                        Fields::Some(positions) => &declared[positions[at]],
                    };
                    match field.kind {
                        Kind::Text => text(from, at + 1, out)?,
                        _ => *out = value(get(at + 1)?, &field.kind)?,
                    }
                }
            }
            Answer::Point => {
                key(from, KeyKind::Int, &mut into.key)?;
                for (at, out) in into.values.iter_mut().enumerate() {
                    *out = if at == 0 { value(get(1)?, &Kind::Time)? } else { number(get(at + 1)?)? };
                }
            }
        }
        Ok(())
    }
}

fn key(from: &libsql::Row, kind: KeyKind, out: &mut Key) -> Result<(), Failure> {
    let read = match (kind, out) {
        (KeyKind::Int, out) => from.get(0).map(|number| *out = Key::Int(number)),
        (KeyKind::Text, Key::Text(out)) => from.get_str(0).map(|text| {
            out.clear();
            out.push_str(text);
        }),
        (KeyKind::Text, out) => from.get_str(0).map(|text| *out = Key::Text(text.into())),
    };
    read.map_err(|error| failure(error, &"a key"))
}

/// Writes a text over another. Every column of texts is `STRICT`, so there is a text in it or nothing.
fn text(from: &libsql::Row, at: usize, out: &mut Value) -> Result<(), Failure> {
    match (from.get_str(at as i32), out) {
        (Ok(text), Value::Text(out)) => {
            out.clear();
            out.push_str(text);
        }
        (Ok(text), out) => *out = Value::Text(text.to_owned()),
        (Err(libsql::Error::NullValue), out) => *out = Value::Null,
        (Err(error), _) => return Err(failure(error, &"a column")),
    }
    Ok(())
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
