//! Values, keys and points to and from the bytes that Redis keeps.
//!
//! Numbers are decimal text, floats the shortest that reads back exactly; texts and bytes are themselves; lists, maps
//! and items are JSON. An absent field is not stored. A point is its instant and its metrics as 64-bit floats, little
//! end first: instants are scores of sorted sets, which are floats, so they are exact within 2^53 ms of 1970.

use std::io::Write;

use compact_str::CompactString;
use redis::{Cmd, RedisWrite, Value as Reply};

use crate::support::json;
use crate::{Failure, Field, Key, KeyKind, Kind, Point, Value};

/// The last instant before or after 1970 that is exact as a float.
const EXACT: u64 = 1 << 53;

/// Bytes that stand for the entity before a point.
pub(super) const ENTITY: usize = 8;

/// Adds a value as an argument. An absent one has no bytes: its caller leaves it out.
pub(super) fn write(out: &mut Cmd, value: &Value) -> Result<(), Failure> {
    match value {
        Value::Null => return Err(Failure::broken("redis: an absent value has no bytes")),
        Value::Bool(flag) => out.write_arg(if *flag { b"1" } else { b"0" }),
        Value::Int(number) | Value::Time(number) => {
            out.arg(*number);
        }
        Value::Float(number) => out.write_arg_fmt(format_args!("{number:?}")),
        Value::Text(text) => out.write_arg(text.as_bytes()),
        Value::Bytes(bytes) => out.write_arg(bytes),
        Value::List(_) | Value::Map(_) => out.write_arg(json::encode(value)?.as_bytes()),
    }
    Ok(())
}

/// Adds a name of a key in Redis as an argument: a prefix and a key.
pub(super) fn write_name(out: &mut Cmd, prefix: &str, key: &Key) {
    let mut name = out.writer_for_next_arg();
    // Writing to memory does not fail.
    let _ = name.write_all(prefix.as_bytes());
    let _ = match key {
        Key::Int(number) => write!(name, "{number}"),
        Key::Text(text) => name.write_all(text.as_bytes()),
    };
}

/// Adds a point as an argument: its member among the points of all entities.
pub(super) fn write_point(out: &mut Cmd, point: &Point) -> Result<(), Failure> {
    if point.at_ms.unsigned_abs() > EXACT {
        return Err(Failure::broken(format!("redis: the instant {} ms is too far to be a score", point.at_ms)));
    }
    let mut packed = out.writer_for_next_arg();
    let _ = packed.write_all(&falling(point.entity));
    let _ = packed.write_all(&(point.at_ms as f64).to_le_bytes());
    for metric in &point.metrics {
        let _ = packed.write_all(&metric.to_le_bytes());
    }
    Ok(())
}

/// An entity as bytes in falling order: a sorted set that is walked from its end, newest first, then meets the smallest
/// entity of an instant first.
fn falling(entity: i64) -> [u8; ENTITY] {
    (i64::MAX ^ entity).to_be_bytes()
}

/// The value of a field.
pub(super) fn value(reply: Reply, field: &Field) -> Result<Value, Failure> {
    let bytes = match reply {
        Reply::BulkString(bytes) => bytes,
        Reply::Nil if field.optional => return Ok(Value::Null),
        other => return Err(unexpected(&format_args!("the field `{}`", field.name), &other)),
    };
    let value = match &field.kind {
        Kind::Bytes => return Ok(Value::Bytes(bytes)),
        Kind::Text => String::from_utf8(bytes).ok().map(Value::Text),
        Kind::List(_) | Kind::Map | Kind::Items(_) => return json::decode(utf8(&bytes)?, &field.kind),
        Kind::Bool => match bytes.as_slice() {
            b"1" => Some(Value::Bool(true)),
            b"0" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Int => number(&bytes).map(Value::Int),
        Kind::Time => number(&bytes).map(Value::Time),
        Kind::Float => number(&bytes).map(Value::Float),
    };
    value.ok_or_else(|| {
        Failure::broken(format!("redis returned something that is not a value of the field `{}`", field.name))
    })
}

/// The key that stands in an answer or behind a prefix.
pub(super) fn key(bytes: &[u8], kind: KeyKind) -> Result<Key, Failure> {
    match kind {
        KeyKind::Int => number(bytes).map(Key::Int),
        KeyKind::Text => std::str::from_utf8(bytes).ok().map(|text| Key::Text(CompactString::from(text))),
    }
    .ok_or_else(|| Failure::broken("redis returned something that is not a key of the table"))
}

/// A point as time and metrics.
pub(super) fn point(packed: &[u8], metrics: usize) -> Result<Vec<Value>, Failure> {
    if packed.len() != 8 * (1 + metrics) {
        return Err(Failure::broken(format!("redis answered {} bytes for a point", packed.len())));
    }
    let mut floats = floats(packed);
    let at_ms = floats.next().unwrap_or_default() as i64;
    Ok(std::iter::once(Value::Time(at_ms)).chain(floats.map(Value::Float)).collect())
}

/// Packed floats.
pub(super) fn floats(packed: &[u8]) -> impl Iterator<Item = f64> {
    packed.as_chunks::<8>().0.iter().map(|float| f64::from_le_bytes(*float))
}

/// The entity and the point of a member among the points of all entities.
pub(super) fn entity_and_point(member: &[u8], metrics: usize) -> Result<(i64, Vec<Value>), Failure> {
    let (falling, packed) = member
        .split_first_chunk::<ENTITY>()
        .ok_or_else(|| Failure::broken(format!("redis answered {} bytes for an entity's point", member.len())))?;
    Ok((i64::MAX ^ i64::from_be_bytes(*falling), point(packed, metrics)?))
}

/// What was answered is not what this command answers.
pub(super) fn unexpected(what: &dyn std::fmt::Display, reply: &Reply) -> Failure {
    let kind = match reply {
        Reply::Nil => "nothing",
        Reply::Int(_) => "an integer",
        Reply::BulkString(_) | Reply::SimpleString(_) | Reply::Okay => "a text",
        Reply::Array(_) => "an array",
        _ => "something unknown",
    };
    Failure::broken(format!("redis answered {kind} for {what}"))
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn utf8(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes)
        .map_err(|error| Failure::broken("redis answered text that is not UTF-8").caused_by(error))
}
