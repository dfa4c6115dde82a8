//! Points as bytes, which the scripts beside this file read as well.
//!
//! A point is its instant and its metrics as 64-bit floats, little end first: instants are scores of sorted sets, which are
//! floats, so they are exact within 2^53 ms of 1970. Among the points of all entities its entity stands before it.

use std::io::Write;

use redis::{Cmd, RedisWrite};

use crate::{Failure, Point, Value};

/// The last instant before or after 1970 that is exact as a float.
const MAX_INSTANT_MS: u64 = 1 << 53;

/// Bytes of the entity before a point.
pub(super) const ENTITY_BYTES: usize = 8;

/// Adds the key of an entity's points.
pub(super) fn write_entity_key(root: &str, entity: i64, out: &mut Cmd) {
    out.write_arg_fmt(format_args!("{root}:{entity}"));
}

/// Adds a point as a member among the points of all entities.
pub(super) fn write_point(out: &mut Cmd, point: &Point) -> Result<(), Failure> {
    if point.at_ms.unsigned_abs() > MAX_INSTANT_MS {
        return Err(Failure::broken(format!("redis: the instant {} ms is too far to be a score", point.at_ms)));
    }
    let mut packed = out.writer_for_next_arg();
    // In falling order: a sorted set that is read from its end, newest first, then has the smallest entity of an instant
    // first. Writing to memory does not fail.
    let _ = packed.write_all(&(i64::MAX ^ point.entity).to_be_bytes());
    let _ = packed.write_all(&(point.at_ms as f64).to_le_bytes());
    for metric in &point.metrics {
        let _ = packed.write_all(&metric.to_le_bytes());
    }
    Ok(())
}

/// Where a metric is in a packed point, counted from 1 as Lua does: behind the instant.
pub(super) fn position_of(metric: usize) -> usize {
    8 * (1 + metric) + 1
}

/// A point as time and metrics.
pub(super) fn read_point(packed: &[u8], metrics: usize) -> Result<Vec<Value>, Failure> {
    if packed.len() != 8 * (1 + metrics) {
        return Err(Failure::broken(format!("redis answered {} bytes for a point", packed.len())));
    }
    let mut floats = floats(packed);
    let at_ms = floats.next().unwrap_or_default() as i64;
    Ok(std::iter::once(Value::Time(at_ms)).chain(floats.map(Value::Float)).collect())
}

/// The entity and the point of a member among the points of all entities.
pub(super) fn read_entity_and_point(member: &[u8], metrics: usize) -> Result<(i64, Vec<Value>), Failure> {
    let (entity, packed) = member
        .split_first_chunk::<ENTITY_BYTES>()
        .ok_or_else(|| Failure::broken(format!("redis answered {} bytes for an entity's point", member.len())))?;
    Ok((i64::MAX ^ i64::from_be_bytes(*entity), read_point(packed, metrics)?))
}

/// The floats that are packed in these bytes.
pub(super) fn floats(packed: &[u8]) -> impl Iterator<Item = f64> {
    packed.as_chunks::<8>().0.iter().map(|float| f64::from_le_bytes(*float))
}
