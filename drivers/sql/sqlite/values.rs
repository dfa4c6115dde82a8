//! How values lie in SQLite's columns: one column a field, JSON text for lists, maps and items.

use std::borrow::Cow;

use crate::support::json;
use crate::{Failure, Field, Fields, Key, KeyKind, Kind, Value};

/// One of SQLite's own values.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // They are SQLite's five storage classes.
pub(crate) enum Column<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
}

/// A value as a parameter.
pub(crate) fn column(value: &Value) -> Result<Column<'_>, Failure> {
    Ok(match value {
        Value::Null => Column::Null,
        Value::Bool(flag) => Column::Integer(i64::from(*flag)),
        Value::Int(number) | Value::Time(number) => Column::Integer(*number),
        Value::Float(number) => Column::Real(*number),
        Value::Text(text) => Column::Text(text.into()),
        Value::Bytes(bytes) => Column::Blob(bytes.into()),
        Value::List(_) | Value::Map(_) => Column::Text(json::encode(value)?.into()),
    })
}

/// A key as a parameter.
pub(crate) fn key_column(key: &Key) -> Column<'_> {
    match key {
        Key::Int(number) => Column::Integer(*number),
        Key::Text(text) => Column::Text(text.as_str().into()),
    }
}

/// How a statement's columns are to be understood: a key, and then these.
#[derive(Clone, Copy)]
pub(crate) enum Answer<'a> {
    /// The asked ones of these fields.
    Fields { key: KeyKind, declared: &'a [Field], asked: &'a Fields },
    /// An instant and numbers.
    Point,
}

/// The value of a field in a column.
pub(crate) fn value(column: Column<'_>, kind: &Kind) -> Result<Value, Failure> {
    Ok(match (column, kind) {
        (Column::Null, _) => Value::Null,
        (Column::Integer(number), Kind::Bool) => Value::Bool(number != 0),
        (Column::Integer(number), Kind::Int) => Value::Int(number),
        (Column::Integer(number), Kind::Time) => Value::Time(number),
        (Column::Real(number), Kind::Float) => Value::Float(number),
        (Column::Text(text), Kind::Text) => Value::Text(text.into_owned()),
        (Column::Blob(bytes), Kind::Bytes) => Value::Bytes(bytes.into_owned()),
        (Column::Text(text), Kind::List(_) | Kind::Map | Kind::Items(_)) => json::decode(&text, kind)?,
        (column, kind) => return Err(Failure::broken(format!("the store answered {column:?} for a field {kind:?}"))),
    })
}

/// The number in a column: a metric, or a fold of metrics.
pub(crate) fn number(column: Column<'_>) -> Result<Value, Failure> {
    match column {
        Column::Real(number) => Ok(Value::Float(number)),
        Column::Integer(number) => Ok(Value::Int(number)),
        other => Err(Failure::broken(format!("the store answered {other:?} for a number"))),
    }
}

/// The key in a column.
#[cfg(feature = "libsql-server")]
pub(crate) fn key(column: Column<'_>, kind: KeyKind) -> Result<Key, Failure> {
    match (column, kind) {
        (Column::Integer(number), KeyKind::Int) => Ok(Key::Int(number)),
        (Column::Text(text), KeyKind::Text) => Ok(Key::Text(text.into())),
        (other, _) => Err(Failure::broken(format!("the store answered {other:?} for a key"))),
    }
}
