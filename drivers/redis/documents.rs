//! The layout `json`: a record is one string, a JSON document, so that all of it is read by one GET.
//!
//! Redis itself has no JSON type, and numbers of Lua's cjson are floats, which lose integers above 2^53 and the digits of
//! others. So the server never looks into a document. An operation that depends on what a document holds (an update, a
//! bump, a delete where there are indexes) takes two round trips: GET, and then `documents.lua`, which puts the new document
//! in place, with what moves in the indexes, if the old one is still what was read, to the byte. If it is not, nothing is
//! done and the operation is a conflict, for its caller to try again.
//!
//! WATCH, GET, MULTI, …, EXEC does the same in as many round trips. The script is taken because it leaves no state on the
//! connection, carries a transaction or a run of a batch in one call, and tells which operation failed, of which EXEC knows
//! nothing. Its price is that the old document travels twice.
//!
//! What is put in the place of what is worked out in `plan.rs`, calls of the script are in `calls.rs`, and texts are written
//! and read in `document.rs`. A read of some fields brings the whole document all the same.

use redis::Value as Reply;

use super::calls::{Call, take_call, write_call};
use super::document;
use super::plan::{Plan, needed};
use super::replies::{Sink, text};
use super::requests::Commands;
use super::scripts::Scripts;
use super::shape::{Layout, Shape};
use super::values::{self, unexpected};
use crate::{Done, Failure, Fields, Op, Value};

/// How many operations at the front of a batch can be sent at once. None, if a document has to be read before the first.
pub(super) fn unread(shape: &Shape, ops: &[Op]) -> usize {
    match shape.layout {
        Layout::Hash => ops.len(),
        Layout::Json => ops.iter().position(|op| depends(shape, op)).unwrap_or(ops.len()),
    }
}

/// Whether an operation depends on what a document holds.
fn depends(shape: &Shape, op: &Op) -> bool {
    match op {
        Op::Transact(ops) => ops.iter().any(|op| needed(shape, op).is_some()),
        one => needed(shape, one).is_some(),
    }
}

/// Adds the command that reads the documents on which operations depend.
pub(super) fn write_reads(shape: &Shape, ops: &[Op], out: &mut Commands) {
    let records = || ops.iter().filter_map(|op| needed(shape, op));
    let command = out.add(if records().count() == 1 { "GET" } else { "MGET" });
    records().for_each(|(table, key)| values::write_name(command, &shape.tables[table].records, key));
}

/// The documents that this command answers.
pub(super) fn take_reads(shape: &Shape, ops: &[Op], reply: Reply) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    let one = |reply| match reply {
        Reply::BulkString(text) => Ok(Some(text)),
        Reply::Nil => Ok(None),
        other => Err(unexpected(&"a document", &other)),
    };
    let read: Vec<_> = match reply {
        Reply::Array(several) => several.into_iter().map(one).collect::<Result<_, _>>()?,
        reply => vec![one(reply)?],
    };
    let asked = ops.iter().filter(|op| needed(shape, op).is_some()).count();
    if read.len() != asked {
        return Err(Failure::broken(format!("redis answered {} documents of {asked}", read.len())));
    }
    Ok(read)
}

/// Adds the command of an operation that depends on no document.
pub(super) fn write(shape: &Shape, scripts: &Scripts, op: &Op, out: &mut Commands) -> Result<(), Failure> {
    if let Op::Read { table, key, .. } = op {
        values::write_name(out.add("GET"), &shape.tables[*table].records, key);
        return Ok(());
    }
    let (call, _) = Call::first(std::slice::from_ref(op), false);
    write_call(shape, scripts, call, &Plan::new(shape, call.ops(), Vec::new())?, out)
}

/// Reads the answer to that command.
pub(super) fn take(shape: &Shape, op: &Op, reply: Reply, sink: &mut Sink<'_>) -> Result<Done, Failure> {
    match op {
        Op::Read { table, key, .. } if reply == Reply::Nil => {
            Err(Failure::missing(format_args!("{} {key}", shape.dataset.tables[*table].name)))
        }
        Op::Read { table, key, fields } => {
            sink(key.clone(), record(shape, *table, fields, reply)?);
            Ok(Done::Applied)
        }
        _ => {
            let (call, _) = Call::first(std::slice::from_ref(op), false);
            take_call(shape, call, reply, sink)?.outcome(shape, call.ops())
        }
    }
}

/// The asked fields of a document.
pub(super) fn record(shape: &Shape, table: usize, fields: &Fields, reply: Reply) -> Result<Vec<Value>, Failure> {
    document::read(&shape.dataset.tables[table].fields, &text(&"a document", reply)?, fields)
}

/// The commands that `documents.lua` carries out for an operation.
pub(super) fn meaning(op: &Op) -> Option<&'static str> {
    Some(match op {
        Op::Insert { .. } => "SET NX, ZADD to all keys and each index",
        Op::Update { .. } | Op::Bump { .. } => {
            "GET; if it is the document read: SET; where indexed: ZREM, ZADD; otherwise a conflict"
        }
        Op::Delete { .. } => {
            "GET; DEL, ZREM from all keys and each index; a conflict if indexed and not the document read"
        }
        Op::Scan { .. } => "ZRANGE BYLEX of all keys, MGET of the records",
        Op::Find { .. } => "ZRANGE BYLEX of the index, MGET of the records",
        Op::Transact(_) => "each operation in turn; what was changed is put back if one is refused or fails",
        _ => return None,
    })
}

/// The same for a call.
pub(super) fn meaning_of(call: Call<'_>) -> Option<&'static str> {
    match call {
        Call::One([op]) => meaning(op),
        Call::All(_) => Some(
            "each operation in turn, where the documents are those that were read; otherwise, and if one is refused or \
             fails, what was changed is put back",
        ),
        _ => Some("each operation in turn, where the documents are those that were read; from one that is not, again"),
    }
}
