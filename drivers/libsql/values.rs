//! Values and keys to and from libSQL's own: one column a field, JSON text for lists, maps and items.

use compact_str::CompactString;
use libsql::Value as Column;

use super::failure;
use crate::{Failure, Field, Fields, Key, KeyKind, Kind, Value, json};

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
    Ok(match (column, kind) {
        (Column::Null, _) => Value::Null,
        (Column::Integer(number), Kind::Bool) => Value::Bool(number != 0),
        (Column::Integer(number), Kind::Int) => Value::Int(number),
        (Column::Integer(number), Kind::Time) => Value::Time(number),
        (Column::Real(number), Kind::Float) => Value::Float(number),
        (Column::Text(text), Kind::Text) => Value::Text(text),
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
