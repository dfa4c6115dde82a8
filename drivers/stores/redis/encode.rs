//! What is sent for each operation: plain commands where one does it, and scripts where several have to be one step. What is
//! sent for records is up to their layout; `decode.rs` reads the replies.
//!
//! Numbers are decimal text, floats the shortest that reads back exactly; texts and bytes are themselves; lists, maps
//! and items are JSON. An absent field is not stored.

use std::io::Write;

use redis::{Cmd, RedisWrite};

use super::commands::{CommandBuffer, limit_argument};
use super::layout::{Layout, PLACEHOLDER_FIELD};
use super::scripts::{Script, Scripts};
use super::series;
use crate::support::json;
use crate::{Failure, Key, Op, Point, Record, Value};

/// Points that one call of the script takes: it keeps other clients waiting for about 2 ms.
const POINTS_A_CALL: usize = 500;

/// How many commands an operation becomes.
pub(super) fn command_count(op: &Op) -> usize {
    match op {
        Op::Append { events, .. } => events.len(),
        Op::InsertPoints { points, .. } => points.len().div_ceil(POINTS_A_CALL),
        Op::Tail { limit: 0, .. } => 0,
        Op::Transact(ops) => usize::from(!ops.is_empty()),
        _ => 1,
    }
}

/// Adds the commands of an operation that is not a batch and for which nothing has to be read before.
pub(super) fn encode(layout: &Layout, scripts: &Scripts, op: &Op, out: &mut CommandBuffer) -> Result<(), Failure> {
    match op {
        Op::Insert { .. }
        | Op::Read { .. }
        | Op::Update { .. }
        | Op::Delete { .. }
        | Op::Increment { .. }
        | Op::Scan { .. }
        | Op::Find { .. } => layout.records.encode(layout, scripts, op, out)?,
        Op::Transact(ops) if ops.is_empty() => {}
        Op::Transact(ops) => match ops.iter().find(|op| !op.transacts()) {
            Some(misplaced) => return Err(Failure::misplaced(misplaced)),
            None => layout.records.encode(layout, scripts, op, out)?,
        },
        Op::Interactive(_) => return Err(Failure::unsupported("redis", op)),
        Op::Append { log, stream, events } => {
            for event in events {
                write_event(layout, *log, stream, event, out.add("XADD"))?;
            }
        }
        Op::Tail { limit: 0, .. } => {}
        Op::Tail { log, stream, limit } => {
            let command = out.add("XREVRANGE");
            write_key(command, &layout.logs[*log], stream);
            command.arg("+").arg("-").arg("COUNT").arg(limit_argument(*limit));
        }
        Op::InsertPoints { series, points } => {
            for points in points.chunks(POINTS_A_CALL) {
                write_points(&layout.series[*series], points, out.add_call(scripts.digest(Script::InsertPoints)))?;
            }
        }
        Op::LastPoint { series, entity } => {
            let command = out.add("ZRANGE");
            series::write_entity_key(&layout.series[*series], *entity, command);
            command.arg(0).arg(0).arg("REV");
        }
        Op::PointRange { series, entity, from_ms, to_ms } => {
            let command = out.add("ZRANGE");
            series::write_entity_key(&layout.series[*series], *entity, command);
            command.arg(*from_ms);
            command.write_arg_fmt(format_args!("({to_ms}"));
            command.arg("BYSCORE");
        }
        Op::Window { series, entity, metric, from_ms, to_ms, every_ms, fold } => {
            let command = out.add_call(scripts.digest(Script::Window));
            command.arg(1);
            series::write_entity_key(&layout.series[*series], *entity, command);
            command.arg(*from_ms).arg(*to_ms).arg(*every_ms).arg(series::position_of(*metric));
            command.arg(format!("{fold:?}").to_lowercase());
        }
        Op::PointsAbove { series, metric, threshold, from_ms, to_ms, limit } => {
            let command = out.add_call(scripts.digest(Script::PointsAbove));
            let position = series::ENTITY_BYTES + series::position_of(*metric);
            command.arg(1).arg(&layout.series[*series]).arg(*from_ms).arg(*to_ms).arg(position);
            command.write_arg_fmt(format_args!("{threshold:?}"));
            command.arg(limit_argument(*limit));
        }
        Op::Batch(_) => return Err(Failure::misplaced(op)),
    }
    Ok(())
}

fn write_event(layout: &Layout, log: usize, stream: &Key, event: &Record, out: &mut Cmd) -> Result<(), Failure> {
    write_key(out, &layout.logs[log], stream);
    out.write_arg(b"*");
    let mut is_empty = true;
    for (field, value) in layout.dataset.logs[log].fields.iter().zip(event) {
        if *value != Value::Null {
            out.write_arg(field.name.as_bytes());
            write_value(out, value)?;
            is_empty = false;
        }
    }
    if is_empty {
        out.arg(PLACEHOLDER_FIELD).arg("");
    }
    Ok(())
}

fn write_points(root: &str, points: &[Point], out: &mut Cmd) -> Result<(), Failure> {
    out.arg(1 + points.len());
    out.write_arg(root.as_bytes());
    points.iter().for_each(|point| series::write_entity_key(root, point.entity, out));
    for point in points {
        out.arg(point.at_ms);
        series::write_point(out, point)?;
    }
    Ok(())
}

/// Adds the key in Redis of a record or stream: a prefix and its own key.
pub(super) fn write_key(out: &mut Cmd, prefix: &str, key: &Key) {
    let mut name = out.writer_for_next_arg();
    // Writing to memory does not fail.
    let _ = name.write_all(prefix.as_bytes());
    let _ = match key {
        Key::Int(number) => write!(name, "{number}"),
        Key::Text(text) => name.write_all(text.as_bytes()),
    };
}

/// Adds a value. An absent one has no bytes: the caller leaves it out.
pub(super) fn write_value(out: &mut Cmd, value: &Value) -> Result<(), Failure> {
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
