//! The layout `hash`: a record is a hash, a field of it a field of the hash, so that a part of a record is read and changed
//! alone.
//!
//! A read is HMGET; everything else is `records.lua`, whose arguments are in `records.rs`.

use redis::Value as Reply;

use super::records::{write_fields, write_records};
use super::replies::{Sink, array, code, outcome, text};
use super::requests::Commands;
use super::scripts::{Script, Scripts};
use super::shape::Shape;
use super::values::{self, unexpected};
use crate::{Failure, Fields, Op, Outcome, Value};

/// Adds the command of an operation on records.
pub(super) fn write(shape: &Shape, scripts: &Scripts, op: &Op, out: &mut Commands) -> Result<(), Failure> {
    match op {
        Op::Read { table, key, fields } => {
            let command = out.add("HMGET");
            values::write_name(command, &shape.tables[*table].records, key);
            write_fields(shape, *table, fields, command);
            Ok(())
        }
        Op::Transact(ops) => write_records(shape, "all", ops, out.call(scripts.sha(Script::Records))),
        one => write_records(shape, "one", std::slice::from_ref(one), out.call(scripts.sha(Script::Records))),
    }
}

/// Reads the answer to that command.
pub(super) fn take(shape: &Shape, op: &Op, reply: Reply, sink: &mut Sink<'_>) -> Result<Outcome, Failure> {
    match op {
        Op::Read { .. } => read(shape, op, array(op, reply)?, sink).map(|()| Outcome::Applied),
        Op::Transact(ops) => records(shape, ops, array(op, reply)?, sink),
        one => records(shape, std::slice::from_ref(one), array(op, reply)?, sink),
    }
}

/// The commands that `records.lua` carries out for an operation.
pub(super) fn meaning(op: &Op) -> Option<&'static str> {
    Some(match op {
        Op::Insert { .. } => "EXISTS, HSET, ZADD to all keys and each index",
        Op::Update { .. } => "EXISTS, HSET, HDEL; where indexed: HGET, ZREM, ZADD",
        Op::Delete { .. } => "EXISTS, HGET and ZREM for each index, ZREM from all keys, DEL",
        Op::Increment { .. } => "HGET, HINCRBY; where indexed: ZREM, ZADD",
        Op::Scan { .. } => "ZRANGE BYLEX of all keys, HMGET for each record",
        Op::Find { .. } => "ZRANGE BYLEX of the index, HMGET for each record",
        Op::Transact(_) => "each operation in turn; what was changed is put back if one is refused or fails",
        _ => return None,
    })
}

/// The answer of `records.lua`.
fn records(shape: &Shape, ops: &[Op], answer: Vec<Reply>, sink: &mut Sink<'_>) -> Result<Outcome, Failure> {
    let mut answer = answer.into_iter();
    let code = match answer.next() {
        Some(Reply::Int(code)) => code,
        other => return Err(unexpected(&"a script's code", &other.unwrap_or_default())),
    };
    if code != code::APPLIED {
        let position = match answer.next() {
            Some(Reply::Int(position)) => usize::try_from(position).ok(),
            _ => None,
        };
        let failed = position.and_then(|position| ops.get(position));
        return outcome(shape, code, failed.ok_or_else(|| Failure::broken("redis: a script failed nowhere"))?);
    }
    for op in ops {
        match op {
            Op::Read { .. } => read(shape, op, array(op, answer.next().unwrap_or_default())?, sink)?,
            Op::Scan { table, fields, .. } | Op::Find { table, fields, .. } => {
                for row in array(op, answer.next().unwrap_or_default())? {
                    keyed_row(shape, *table, fields, array(op, row)?, sink)?;
                }
            }
            _ => {}
        }
    }
    match answer.next() {
        None => Ok(Outcome::Applied),
        Some(_) => Err(Failure::broken("redis: a script answered more than was asked")),
    }
}

/// The answer of HMGET, in which a record that is not there has nothing in any field.
fn read(shape: &Shape, op: &Op, values: Vec<Reply>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let Op::Read { table, key, fields } = op else { return Err(Failure::misplaced(op)) };
    if values.iter().all(|value| *value == Reply::Nil) {
        return Err(Failure::missing(format_args!("{} {key}", shape.dataset.tables[*table].name)));
    }
    sink(key.clone(), row(shape, *table, fields, values)?);
    Ok(())
}

/// Values, and behind them the key.
fn keyed_row(
    shape: &Shape,
    table: usize,
    fields: &Fields,
    mut values: Vec<Reply>,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let key = text(&"a key", values.pop().unwrap_or_default())?;
    let key = values::key(&key, shape.dataset.tables[table].key)?;
    sink(key, row(shape, table, fields, values)?);
    Ok(())
}

/// The values of the asked fields, behind which one may stand that every record has.
fn row(shape: &Shape, table: usize, fields: &Fields, values: Vec<Reply>) -> Result<Vec<Value>, Failure> {
    let declared = &shape.dataset.tables[table].fields;
    let asked = match fields {
        Fields::All => declared.len(),
        Fields::Some(asked) => asked.len(),
    };
    let witnessed = shape.tables[table].needs_witness(declared, fields);
    if values.len() != asked + usize::from(witnessed) || witnessed && values[asked] == Reply::Nil {
        return Err(Failure::broken(format!("redis answered {} values of {asked}", values.len())));
    }
    let field = |at: usize| match fields {
        Fields::All => &declared[at],
        Fields::Some(asked) => &declared[asked[at]],
    };
    let mut row = Vec::with_capacity(asked);
    for (at, value) in values.into_iter().take(asked).enumerate() {
        row.push(values::value(value, field(at))?);
    }
    Ok(row)
}
