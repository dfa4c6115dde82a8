//! Rows of a reply as rows of an operation. Items of tables of their own are put together in `children/items.rs`.

use std::error::Error;

use compact_str::CompactString;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::binary::{broken, decode_value, eight, text};
use super::children::decode_items;
use super::failure::failure;
use crate::sql::outcome::RowColumns;
use crate::{Failure, Fields, Key, KeyKind, Kind, Value};

impl RowColumns<'_> {
    /// The key and the values of a row.
    pub(super) fn decode_row(self, row: &Row) -> Result<(Key, Vec<Value>), Failure> {
        let width = row.len();
        let mut values = Vec::with_capacity(width.saturating_sub(1));
        match self {
            RowColumns::Fields { key, declared, selected } => {
                for at in 1..width {
                    let field = match selected {
                        Fields::All => declared.get(at - 1),
                        Fields::Some(positions) => positions.get(at - 1).and_then(|at| declared.get(*at)),
                    };
                    let field = field.ok_or_else(|| broken("more columns than were asked for"))?;
                    values.push(value(row, at, &field.kind)?);
                }
                Ok((self::key(row, key)?, values))
            }
            RowColumns::Point => {
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
        // A reply says itself how items come.
        Kind::Items(fields) if *row.columns()[at].type_() == Type::RECORD => decode_items(bytes, fields),
        _ => decode_value(bytes, kind),
    }
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
