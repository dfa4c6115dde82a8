//! Rows of the crate's as rows of an answer, written over those of an earlier one.

use libsql::Value as LibsqlValue;

use super::failure::failure;
use crate::sql::outcome::RowColumns;
use crate::sql::sqlite::values;
use crate::{Failure, Fields, Key, KeyKind, Kind, Row, Value};

impl RowColumns<'_> {
    /// Writes the key and the values of a row over those of another.
    pub(super) fn decode(self, from: &libsql::Row, into: &mut Row) -> Result<(), Failure> {
        let get = |at: usize| from.get_value(at as i32).map_err(|error| failure(error, &"a column"));
        into.values.resize_with(from.column_count() as usize - 1, Value::default);
        match self {
            RowColumns::Fields { key: kind, declared, selected } => {
                key(from, kind, &mut into.key)?;
                for (at, out) in into.values.iter_mut().enumerate() {
                    let field = match selected {
                        Fields::All => &declared[at],
                        Fields::Some(positions) => &declared[positions[at]],
                    };
                    match field.kind {
                        Kind::Text => text(from, at + 1, out)?,
                        _ => *out = value(get(at + 1)?, &field.kind)?,
                    }
                }
            }
            RowColumns::Point => {
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

fn value(column: LibsqlValue, kind: &Kind) -> Result<Value, Failure> {
    values::value(shared(column), kind)
}

fn number(column: LibsqlValue) -> Result<Value, Failure> {
    values::number(shared(column))
}

fn shared(column: LibsqlValue) -> values::SqliteValue<'static> {
    match column {
        LibsqlValue::Null => values::SqliteValue::Null,
        LibsqlValue::Integer(number) => values::SqliteValue::Integer(number),
        LibsqlValue::Real(number) => values::SqliteValue::Real(number),
        LibsqlValue::Text(text) => values::SqliteValue::Text(text.into()),
        LibsqlValue::Blob(bytes) => values::SqliteValue::Blob(bytes.into()),
    }
}
