//! Values in PostgreSQL's binary format, to and from: one column a field, `jsonb` for lists, maps and items.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, Kind as TypeKind, ToSql, Type, to_sql_checked};

use crate::sql::statement::Parameter;
use crate::support::json;
use crate::{Failure, Key, Kind, Value};

/// A parameter of a statement or a column of a copied row. Texts and bytes are those of the operation.
#[derive(Debug)]
pub(super) enum PgParameter<'a> {
    Common(Parameter<'a>),
    /// A text that is not the operation's.
    Text(String),
    /// A value for each row.
    Array(Vec<PgParameter<'a>>),
}

impl<'a> From<Parameter<'a>> for PgParameter<'a> {
    fn from(parameter: Parameter<'a>) -> Self {
        PgParameter::Common(parameter)
    }
}

impl ToSql for PgParameter<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            PgParameter::Common(parameter) => write(*parameter, kind, out),
            PgParameter::Text(text) if *kind == Type::TEXT => {
                out.put_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            PgParameter::Array(elements) if matches!(kind.kind(), TypeKind::Array(_)) => {
                elements.as_slice().to_sql(kind, out)
            }
            other => Err(format!("{other:?} is no value of type {kind}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn write(parameter: Parameter<'_>, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
    match (parameter, kind) {
        (Parameter::Null | Parameter::Value(Value::Null), _) => return Ok(IsNull::Yes),
        (Parameter::Value(Value::Bool(flag)), &Type::BOOL) => out.put_u8(u8::from(*flag)),
        (Parameter::Int(number), kind) => write_int(number, kind, out)?,
        (Parameter::Key(Key::Int(number)) | Parameter::Value(Value::Int(number) | Value::Time(number)), kind) => {
            write_int(*number, kind, out)?;
        }
        (Parameter::Float(number), &Type::FLOAT8) => out.put_f64(number),
        (Parameter::Value(Value::Float(number)), &Type::FLOAT8) => out.put_f64(*number),
        (Parameter::Key(Key::Text(text)), &Type::TEXT) => out.put_slice(text.as_bytes()),
        (Parameter::Value(Value::Text(text)), &Type::TEXT) => out.put_slice(text.as_bytes()),
        (Parameter::Value(Value::Bytes(bytes)), &Type::BYTEA) => out.put_slice(bytes),
        (Parameter::Value(value @ (Value::List(_) | Value::Map(_))), &Type::JSONB) => {
            out.put_u8(JSONB_VERSION);
            out.put_slice(json::encode(value)?.as_bytes());
        }
        // Items in a table of their own: their number.
        (Parameter::Value(Value::List(items)), &Type::INT4) => out.put_i32(i32::try_from(items.len())?),
        (other, kind) => return Err(format!("{other:?} is no value of type {kind}").into()),
    }
    Ok(IsNull::No)
}

fn write_int(number: i64, kind: &Type, out: &mut BytesMut) -> Result<(), Box<dyn Error + Sync + Send>> {
    match *kind {
        Type::INT8 => out.put_i64(number),
        Type::INT4 => out.put_i32(i32::try_from(number)?),
        Type::FLOAT8 => out.put_f64(number as f64),
        _ => return Err(format!("{number} is no value of type {kind}").into()),
    }
    Ok(())
}

/// The first byte of a `jsonb` in the binary format.
const JSONB_VERSION: u8 = 1;

/// The value in a column of its own.
pub(super) fn decode_value(bytes: &[u8], kind: &Kind) -> Result<Value, Failure> {
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

pub(super) fn eight(bytes: &[u8]) -> Result<[u8; 8], Failure> {
    bytes.try_into().map_err(|_| broken("a number that is not 8 bytes"))
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| broken("a text that is not UTF-8"))
}

pub(super) fn broken(what: &str) -> Failure {
    Failure::broken(format!("postgres answered {what}"))
}
