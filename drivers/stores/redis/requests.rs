//! What is sent for each operation: plain commands where one does it, and the scripts of this folder where several have
//! to be one step. What is sent for records is in `hashes.rs` and `documents.rs`, answers are read in `replies.rs`.

use redis::{Cmd, RedisWrite};

use super::scripts::{Script, Scripts};
use super::shape::{Layout, NO_FIELD, Shape};
use super::{documents, hashes, values};
use crate::{Failure, Key, Op, Point, Record, Value};

/// Points that one call of the script takes: it keeps others waiting for about 2 ms.
const POINTS_A_CALL: usize = 500;

/// Commands to be sent together. The memory of the first is used again: most operations are one command.
#[derive(Default)]
pub(super) struct Commands(Vec<Cmd>);

impl Commands {
    pub(super) fn clear(&mut self) {
        self.0.truncate(1);
        if let Some(first) = self.0.first_mut() {
            first.clear();
        }
    }

    /// All that were added.
    pub(super) fn list(&self) -> &[Cmd] {
        if self.0.len() == 1 && self.0[0].args_iter().len() == 0 { &[] } else { &self.0 }
    }

    /// All that were added, to be sent as one pipeline.
    pub(super) fn pipeline(&mut self) -> redis::Pipeline {
        let mut pipeline = redis::Pipeline::with_capacity(self.0.len());
        self.0.drain(..).for_each(|command| {
            pipeline.add_command(command);
        });
        pipeline
    }

    pub(super) fn add(&mut self, name: &str) -> &mut Cmd {
        if self.0.is_empty() || !self.list().is_empty() {
            self.0.push(Cmd::new());
        }
        let at = self.0.len() - 1;
        let command = &mut self.0[at];
        command.write_arg(name.as_bytes());
        command
    }

    pub(super) fn call(&mut self, sha: &str) -> &mut Cmd {
        let command = self.add("EVALSHA");
        command.write_arg(sha.as_bytes());
        command
    }

    fn last(&mut self) -> &mut Cmd {
        let at = self.0.len() - 1;
        &mut self.0[at]
    }
}

/// How many commands an operation becomes.
pub(super) fn count(op: &Op) -> usize {
    match op {
        Op::Append { events, .. } => events.len(),
        Op::InsertPoints { points, .. } => points.len().div_ceil(POINTS_A_CALL),
        Op::Tail { limit: 0, .. } => 0,
        Op::Transact(ops) => usize::from(!ops.is_empty()),
        _ => 1,
    }
}

/// Adds the commands of an operation that is no batch.
pub(super) fn write(shape: &Shape, scripts: &Scripts, op: &Op, out: &mut Commands) -> Result<(), Failure> {
    match op {
        Op::Insert { .. }
        | Op::Read { .. }
        | Op::Update { .. }
        | Op::Delete { .. }
        | Op::Increment { .. }
        | Op::Scan { .. }
        | Op::Find { .. } => write_of_records(shape, scripts, op, out)?,
        Op::Transact(ops) if ops.is_empty() => {}
        Op::Transact(ops) => match ops.iter().find(|op| !op.transacts()) {
            Some(misplaced) => return Err(Failure::misplaced(misplaced)),
            None => write_of_records(shape, scripts, op, out)?,
        },
        Op::Append { log, stream, events } => {
            for event in events {
                write_event(shape, *log, stream, event, out.add("XADD"))?;
            }
        }
        Op::Tail { limit: 0, .. } => {}
        Op::Tail { log, stream, limit } => {
            let command = out.add("XREVRANGE");
            values::write_name(command, &shape.logs[*log], stream);
            command.arg("+").arg("-").arg("COUNT").arg(limited(*limit));
        }
        Op::InsertPoints { series, points } => {
            for points in points.chunks(POINTS_A_CALL) {
                write_points(&shape.series[*series], points, out.call(scripts.sha(Script::Ingest)))?;
            }
        }
        Op::LastPoint { series, entity } => {
            write_entity(&shape.series[*series], *entity, out.add("ZRANGE"));
            out.last().arg(0).arg(0).arg("REV");
        }
        Op::PointRange { series, entity, from_ms, to_ms } => {
            write_entity(&shape.series[*series], *entity, out.add("ZRANGE"));
            let command = out.last();
            command.arg(*from_ms);
            command.write_arg_fmt(format_args!("({to_ms}"));
            command.arg("BYSCORE");
        }
        Op::Window { series, entity, metric, from_ms, to_ms, every_ms, fold } => {
            let command = out.call(scripts.sha(Script::Window));
            command.arg(1);
            write_entity(&shape.series[*series], *entity, command);
            command.arg(*from_ms).arg(*to_ms).arg(*every_ms).arg(place_of(*metric));
            command.arg(format!("{fold:?}").to_lowercase());
        }
        Op::PointsAbove { series, metric, threshold, from_ms, to_ms, limit } => {
            let command = out.call(scripts.sha(Script::Above));
            command
                .arg(1)
                .arg(&shape.series[*series])
                .arg(*from_ms)
                .arg(*to_ms)
                .arg(values::ENTITY + place_of(*metric));
            command.write_arg_fmt(format_args!("{threshold:?}"));
            command.arg(limited(*limit));
        }
        Op::Batch(_) => return Err(Failure::misplaced(op)),
    }
    Ok(())
}

/// Records are sent as they lie.
fn write_of_records(shape: &Shape, scripts: &Scripts, op: &Op, out: &mut Commands) -> Result<(), Failure> {
    match shape.layout {
        Layout::Hash => hashes::write(shape, scripts, op, out),
        Layout::Json => documents::write(shape, scripts, op, out),
    }
}

fn write_event(shape: &Shape, log: usize, stream: &Key, event: &Record, out: &mut Cmd) -> Result<(), Failure> {
    values::write_name(out, &shape.logs[log], stream);
    out.write_arg(b"*");
    let mut is_empty = true;
    for (field, value) in shape.dataset.logs[log].fields.iter().zip(event) {
        if *value != Value::Null {
            out.write_arg(field.name.as_bytes());
            values::write(out, value)?;
            is_empty = false;
        }
    }
    if is_empty {
        out.arg(NO_FIELD).arg("");
    }
    Ok(())
}

fn write_points(root: &str, points: &[Point], out: &mut Cmd) -> Result<(), Failure> {
    out.arg(1 + points.len());
    out.write_arg(root.as_bytes());
    points.iter().for_each(|point| write_entity(root, point.entity, out));
    for point in points {
        out.arg(point.at_ms);
        values::write_point(out, point)?;
    }
    Ok(())
}

fn write_entity(root: &str, entity: i64, out: &mut Cmd) {
    out.write_arg_fmt(format_args!("{root}:{entity}"));
}

/// Where a metric stands in a packed point, counted from 1: behind the instant.
fn place_of(metric: usize) -> usize {
    8 * (1 + metric) + 1
}

/// A limit as an argument. There are fewer rows than the largest integer, so a larger limit means the same.
pub(super) fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
