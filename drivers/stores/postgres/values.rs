//! Values and keys to and from PostgreSQL's binary format: one column a field, `jsonb` for lists, maps and items. Items of
//! tables of their own are taken apart in `items.rs`.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use compact_str::CompactString;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, Kind as TypeKind, ToSql, Type, to_sql_checked};

use super::failure::failure;
use super::items;
use crate::support::json;
use crate::{Failure, Field, Fields, Key, KeyKind, Kind, Value};

/// A parameter of a statement or a column of a copied row. Texts and bytes are those of the operation.
#[derive(Debug)]
pub(super) enum Param<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A list, a map or items: JSON in a column of JSON, their number in one of integers.
    Nested(&'a Value),
    /// A text that is not the operation's.
    Made(String),
    Array(Vec<Param<'a>>),
}

impl<'a> Param<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Param::Null,
            Value::Bool(flag) => Param::Bool(*flag),
            Value::Int(number) | Value::Time(number) => Param::Int(*number),
            Value::Float(number) => Param::Float(*number),
            Value::Text(text) => Param::Text(text),
            Value::Bytes(bytes) => Param::Bytes(bytes),
            Value::List(_) | Value::Map(_) => Param::Nested(value),
        }
    }

    pub(super) fn key(key: &'a Key) -> Self {
        match key {
            Key::Int(number) => Param::Int(*number),
            Key::Text(text) => Param::Text(text),
        }
    }

    /// There are fewer rows than the largest integer, so a larger limit means the same.
    pub(super) fn limit(limit: usize) -> Self {
        Param::Int(i64::try_from(limit).unwrap_or(i64::MAX))
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self, kind) {
            (Param::Null, _) => return Ok(IsNull::Yes),
            (Param::Bool(flag), &Type::BOOL) => out.put_u8(u8::from(*flag)),
            (Param::Int(number), &Type::INT8) => out.put_i64(*number),
            (Param::Int(number), &Type::INT4) => out.put_i32(i32::try_from(*number)?),
            (Param::Float(number), &Type::FLOAT8) => out.put_f64(*number),
            (Param::Int(number), &Type::FLOAT8) => out.put_f64(*number as f64),
            (Param::Text(text), &Type::TEXT) => out.put_slice(text.as_bytes()),
            (Param::Bytes(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (Param::Made(text), &Type::TEXT) => out.put_slice(text.as_bytes()),
            (Param::Nested(value), &Type::JSONB) => {
                out.put_u8(JSONB_VERSION);
                out.put_slice(json::encode(value)?.as_bytes());
            }
            (Param::Nested(Value::List(items)), &Type::INT4) => out.put_i32(i32::try_from(items.len())?),
            (Param::Array(elements), kind) if matches!(kind.kind(), TypeKind::Array(_)) => {
                return elements.as_slice().to_sql(kind, out);
            }
            (value, kind) => return Err(format!("{value:?} is no value of type {kind}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The first byte of a `jsonb` in the binary format.
const JSONB_VERSION: u8 = 1;

/// How a row's columns are to be understood: a key, and then these.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer<'a> {
    /// The asked ones of these fields.
    Fields { key: KeyKind, declared: &'a [Field], asked: &'a Fields },
    /// An instant and numbers.
    Point,
}

impl Answer<'_> {
    /// The key and the values of a row.
    pub(super) fn decode(self, row: &Row) -> Result<(Key, Vec<Value>), Failure> {
        let width = row.len();
        let mut values = Vec::with_capacity(width.saturating_sub(1));
        match self {
            Answer::Fields { key, declared, asked } => {
                for at in 1..width {
                    let field = match asked {
                        Fields::All => declared.get(at - 1),
                        Fields::Some(positions) => positions.get(at - 1).and_then(|at| declared.get(*at)),
                    };
                    let field = field.ok_or_else(|| broken("more columns than were asked for"))?;
                    values.push(value(row, at, &field.kind)?);
                }
                Ok((self::key(row, key)?, values))
            }
            Answer::Point => {
                for at in 1..width {
                    values.push(if at == 1 { Value::Time(integer(row, at)?) } else { number(row, at)? });
                }
                Ok((Key::Int(integer(row, 0)?), values))
            }
        }
    }
}

fn value(row: &Row, at: usize, kind: &Kind) -> Result<Value, Failure> {
    let Some(bytes) = column(row, at)? else { return Ok(Value::Null) };
    match kind {
        Kind::Items(fields) if *row.columns()[at].type_() == Type::RECORD => items::decode(bytes, fields),
        _ => of_column(bytes, kind),
    }
}

/// The value in a column of its own.
pub(super) fn of_column(bytes: &[u8], kind: &Kind) -> Result<Value, Failure> {
    Ok(match kind {
        Kind::Bool => match bytes {
            [flag] => Value::Bool(*flag != 0),
            _ => return Err(broken("a flag that is not one byte")),
        },
        Kind::Int => Value::Int(i64::from_be_bytes(eight(bytes)?)),
        Kind::Time => Value::Time(i64::from_be_bytes(eight(bytes)?)),
        Kind::Float => Value::Float(f64::from_be_bytes(eight(bytes)?)),
        Kind::Text => Value::Text(text(bytes)?.to_owned()),
        Kind::Bytes => Value::Bytes(bytes.to_vec()),
        Kind::List(_) | Kind::Map | Kind::Items(_) => match bytes {
            [JSONB_VERSION, json @ ..] => json::decode(text(json)?, kind)?,
            _ => return Err(broken("a jsonb of another version")),
        },
    })
}

fn key(row: &Row, kind: KeyKind) -> Result<Key, Failure> {
    let bytes = column(row, 0)?.ok_or_else(|| broken("a null for a key"))?;
    Ok(match kind {
        KeyKind::Int => Key::Int(i64::from_be_bytes(eight(bytes)?)),
        KeyKind::Text => Key::Text(CompactString::from(text(bytes)?)),
    })
}

fn integer(row: &Row, at: usize) -> Result<i64, Failure> {
    let bytes = column(row, at)?.ok_or_else(|| broken("a null for a number"))?;
    Ok(i64::from_be_bytes(eight(bytes)?))
}

/// A metric, or a fold of one: all are floats but for a count.
fn number(row: &Row, at: usize) -> Result<Value, Failure> {
    match *row.columns()[at].type_() {
        Type::INT8 => integer(row, at).map(Value::Int),
        _ => {
            let bytes = column(row, at)?.ok_or_else(|| broken("a null for a number"))?;
            Ok(Value::Float(f64::from_be_bytes(eight(bytes)?)))
        }
    }
}

/// A column as it came.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn column(row: &Row, at: usize) -> Result<Option<&[u8]>, Failure> {
    let raw: Option<Raw<'_>> = row.try_get(at).map_err(|error| failure(error, &"a column"))?;
    Ok(raw.map(|raw| raw.0))
}

fn eight(bytes: &[u8]) -> Result<[u8; 8], Failure> {
    bytes.try_into().map_err(|_| broken("a number that is not 8 bytes"))
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| broken("a text that is not UTF-8"))
}

pub(super) fn broken(what: &str) -> Failure {
    Failure::broken(format!("postgres answered {what}"))
}
