//! Values and keys to and from libSQL's own: one column a field, JSON text for lists, maps and items.

use libsql::Value as Column;

use super::failure;
use crate::{Failure, Field, Fields, Key, KeyKind, Kind, Row, Value, json};

/// A value as a parameter.
pub(super) fn column(value: &Value) -> Result<Column, Failure> {
    Ok(match value {
        Value::Null => Column::Null,
        Value::Bool(flag) => Column::Integer(i64::from(*flag)),
        Value::Int(number) | Value::Time(number) => Column::Integer(*number),
        Value::Float(number) => Column::Real(*number),
        Value::Text(text) => Column::Text(whole(text)?.to_owned()),
        Value::Bytes(bytes) => Column::Blob(bytes.clone()),
        Value::List(_) | Value::Map(_) => Column::Text(json::encode(value)?),
    })
}

/// A key as a parameter.
pub(super) fn key_column(key: &Key) -> Result<Column, Failure> {
    Ok(match key {
        Key::Int(number) => Column::Integer(*number),
        Key::Text(text) => Column::Text(whole(text)?.to_owned()),
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

/// How a statement's columns are to be understood: a key, and then these.
#[derive(Clone, Copy)]
pub(super) enum Answer<'a> {
    /// The asked ones of these fields.
    Fields { key: KeyKind, declared: &'a [Field], asked: &'a Fields },
    /// An instant and numbers.
    Point,
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
    Ok(match (column, kind) {
        (Column::Null, _) => Value::Null,
        (Column::Integer(number), Kind::Bool) => Value::Bool(number != 0),
        (Column::Integer(number), Kind::Int) => Value::Int(number),
        (Column::Integer(number), Kind::Time) => Value::Time(number),
        (Column::Real(number), Kind::Float) => Value::Float(number),
        (Column::Blob(bytes), Kind::Bytes) => Value::Bytes(bytes),
        (Column::Text(text), Kind::List(_) | Kind::Map | Kind::Items(_)) => json::decode(&text, kind)?,
        (column, kind) => return Err(Failure::broken(format!("libsql answered {column:?} for a field {kind:?}"))),
    })
}

fn number(column: Column) -> Result<Value, Failure> {
    match column {
        Column::Real(number) => Ok(Value::Float(number)),
        Column::Integer(number) => Ok(Value::Int(number)),
        other => Err(Failure::broken(format!("libsql answered {other:?} for a number"))),
    }
}

/// The crate reads texts as C strings: one with a NUL would come back cut, so it is refused when it is written.
fn whole(text: &str) -> Result<&str, Failure> {
    if text.as_bytes().contains(&0) {
        return Err(Failure::broken("libsql: its client cuts a text at a NUL character, so such a text is not stored"));
    }
    Ok(text)
}
