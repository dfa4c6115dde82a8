//! How values lie in SQLite's columns: one column a field, JSON text for lists, maps and items.

use std::borrow::Cow;

use crate::KeyKind;
use crate::sql::statement::Parameter;
use crate::support::json;
use crate::{Failure, Key, Kind, Value};

/// One of SQLite's own values.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // They are SQLite's five storage classes.
pub(crate) enum SqliteValue<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
}

/// A parameter as it is sent.
pub(crate) fn encode(parameter: Parameter<'_>) -> Result<SqliteValue<'_>, Failure> {
    Ok(match parameter {
        Parameter::Null => SqliteValue::Null,
        Parameter::Int(number) => SqliteValue::Integer(number),
        Parameter::Key(key) => encode_key(key),
        Parameter::Float(number) => SqliteValue::Real(number),
        Parameter::Value(value) => match value {
            Value::Null => SqliteValue::Null,
            Value::Bool(flag) => SqliteValue::Integer(i64::from(*flag)),
            Value::Int(number) | Value::Time(number) => SqliteValue::Integer(*number),
            Value::Float(number) => SqliteValue::Real(*number),
            Value::Text(text) => SqliteValue::Text(text.into()),
            Value::Bytes(bytes) => SqliteValue::Blob(bytes.into()),
            Value::List(_) | Value::Map(_) => SqliteValue::Text(json::encode(value)?.into()),
        },
    })
}

/// A key as it is sent.
pub(crate) fn encode_key(key: &Key) -> SqliteValue<'_> {
    match key {
        Key::Int(number) => SqliteValue::Integer(*number),
        Key::Text(text) => SqliteValue::Text(text.as_str().into()),
    }
}

/// The value of a field in a column.
pub(crate) fn value(column: SqliteValue<'_>, kind: &Kind) -> Result<Value, Failure> {
    Ok(match (column, kind) {
        (SqliteValue::Null, _) => Value::Null,
        (SqliteValue::Integer(number), Kind::Bool) => Value::Bool(number != 0),
        (SqliteValue::Integer(number), Kind::Int) => Value::Int(number),
        (SqliteValue::Integer(number), Kind::Time) => Value::Time(number),
        (SqliteValue::Real(number), Kind::Float) => Value::Float(number),
        (SqliteValue::Text(text), Kind::Text) => Value::Text(text.into_owned()),
        (SqliteValue::Blob(bytes), Kind::Bytes) => Value::Bytes(bytes.into_owned()),
        (SqliteValue::Text(text), Kind::List(_) | Kind::Map | Kind::Items(_)) => json::decode(&text, kind)?,
        (column, kind) => return Err(Failure::broken(format!("the store answered {column:?} for a field {kind:?}"))),
    })
}

/// The number in a column: a metric, or a fold of metrics.
pub(crate) fn number(column: SqliteValue<'_>) -> Result<Value, Failure> {
    match column {
        SqliteValue::Real(number) => Ok(Value::Float(number)),
        SqliteValue::Integer(number) => Ok(Value::Int(number)),
        other => Err(Failure::broken(format!("the store answered {other:?} for a number"))),
    }
}

/// The key in a column.
pub(crate) fn key(column: SqliteValue<'_>, kind: KeyKind) -> Result<Key, Failure> {
    match (column, kind) {
        (SqliteValue::Integer(number), KeyKind::Int) => Ok(Key::Int(number)),
        (SqliteValue::Text(text), KeyKind::Text) => Ok(Key::Text(text.into())),
        (other, _) => Err(Failure::broken(format!("the store answered {other:?} for a key"))),
    }
}
