//! The layout `hash`: a record is a hash and each of its fields a field of the hash, so that part of a record is read and
//! changed alone.
//!
//! A read is HMGET; everything else is `records.lua`, whose keys and arguments are in `encode.rs`.

mod encode;

use redis::Value as Reply;

use self::encode::{wanted_fields, write_call, write_fields};
use super::commands::CommandBuffer;
use super::decode::{RecordStatus, array, bytes, read_key, read_value, unexpected};
use super::encode::write_key;
use super::layout::{Layout, RecordLayout, RowSink};
use super::scripts::{Script, ScriptSource, Scripts};
use crate::{Failure, Fields, Op, Outcome, Sending, Value};

pub(super) struct HashLayout;

impl RecordLayout for HashLayout {
    fn name(&self) -> &'static str {
        "hash"
    }

    fn description(&self) -> (&'static str, &'static str) {
        ("a hash", "absent fields left out; lists, maps, items as JSON")
    }

    fn transaction(&self) -> Sending {
        Sending::Scripted
    }

    fn script(&self) -> ScriptSource {
        let text = concat!(include_str!("../range.lua"), include_str!("records.lua"));
        ScriptSource { name: "<records.lua>", text }
    }

    fn script_commands(&self, op: &Op) -> Option<&'static str> {
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

    fn encode(&self, layout: &Layout, scripts: &Scripts, op: &Op, out: &mut CommandBuffer) -> Result<(), Failure> {
        match op {
            Op::Read { table, key, fields } => {
                let command = out.add("HMGET");
                write_key(command, &layout.tables[*table].records, key);
                write_fields(layout, *table, fields, command);
                Ok(())
            }
            Op::Transact(ops) => write_call(layout, "all", ops, out.add_call(scripts.digest(Script::Records))),
            op => write_call(layout, "one", std::slice::from_ref(op), out.add_call(scripts.digest(Script::Records))),
        }
    }

    fn decode(&self, layout: &Layout, op: &Op, reply: Reply, sink: &mut RowSink<'_>) -> Result<Outcome, Failure> {
        let answer = array(op, reply)?;
        match op {
            Op::Read { .. } => read_record(layout, op, answer, sink).map(|()| Outcome::Applied),
            Op::Transact(ops) => read_answer(layout, ops, answer, sink),
            op => read_answer(layout, std::slice::from_ref(op), answer, sink),
        }
    }
}

/// Reads the answer of `records.lua`.
fn read_answer(layout: &Layout, ops: &[Op], answer: Vec<Reply>, sink: &mut RowSink<'_>) -> Result<Outcome, Failure> {
    let mut answer = answer.into_iter();
    let code = match answer.next() {
        Some(Reply::Int(code)) => code,
        other => return Err(unexpected("a script's code", &other.unwrap_or_default())),
    };
    if code != RecordStatus::Applied as i64 {
        let position = match answer.next() {
            Some(Reply::Int(position)) => usize::try_from(position).ok(),
            _ => None,
        };
        let failed = position.and_then(|position| ops.get(position));
        let failed = failed.ok_or_else(|| Failure::broken("redis: a script does not say which operation failed"))?;
        return RecordStatus::of_code(code, failed)?.outcome(layout, failed);
    }
    for op in ops {
        match op {
            Op::Read { .. } => read_record(layout, op, array(op, answer.next().unwrap_or_default())?, sink)?,
            Op::Scan { table, fields, .. } | Op::Find { table, fields, .. } => {
                for row in array(op, answer.next().unwrap_or_default())? {
                    let mut values = array(op, row)?;
                    let key = bytes("a key", values.pop().unwrap_or_default())?;
                    let key = read_key(&key, layout.dataset.tables[*table].key)?;
                    sink(key, read_values(layout, *table, fields, values)?);
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

/// Reads the answer of HMGET, in which a missing record has nothing in any field.
fn read_record(layout: &Layout, op: &Op, values: Vec<Reply>, sink: &mut RowSink<'_>) -> Result<(), Failure> {
    let Op::Read { table, key, fields } = op else { return Err(Failure::misplaced(op)) };
    if values.iter().all(|value| *value == Reply::Nil) {
        return RecordStatus::Missing.outcome(layout, op).map(|_| ());
    }
    sink(key.clone(), read_values(layout, *table, fields, values)?);
    Ok(())
}

/// The values of the wanted fields, which a field that every record has may follow.
fn read_values(layout: &Layout, table: usize, fields: &Fields, values: Vec<Reply>) -> Result<Vec<Value>, Failure> {
    let declared = &layout.dataset.tables[table].fields;
    let wanted = wanted_fields(declared, fields);
    let count = wanted.len();
    let has_required = layout.tables[table].needs_required_field(declared, fields);
    if values.len() != count + usize::from(has_required) || has_required && values[count] == Reply::Nil {
        return Err(Failure::broken(format!("redis answered {} values of {count}", values.len())));
    }
    let mut row = Vec::with_capacity(count);
    for (value, field) in values.into_iter().zip(wanted) {
        row.push(read_value(value, field)?);
    }
    Ok(row)
}
