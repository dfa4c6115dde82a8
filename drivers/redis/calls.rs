//! Calls of `documents.lua`: which operations go into one, its keys and arguments from their plan, and its answer.
//!
//! What an operation does to documents is worked out in `plan.rs`.

use redis::{Cmd, RedisWrite, Value as Reply};

use super::documents::record;
use super::plan::{Plan, Step};
use super::records::{write_member, write_range};
use super::replies::{Sink, array, code, outcome, text};
use super::requests::Commands;
use super::scripts::{Script, Scripts};
use super::shape::Shape;
use super::values::{self, unexpected};
use crate::{Done, Failure, Op};

/// Operations that one call of the script takes from a batch: it keeps others waiting for less than 1 ms.
const OPS_A_CALL: usize = 100;

/// Operations of one call, and how it treats them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call<'a> {
    /// One, which is all that was asked.
    One(&'a [Op]),
    /// A run of a batch, each for itself.
    Each(&'a [Op]),
    /// A transaction.
    All(&'a [Op]),
}

impl<'a> Call<'a> {
    /// The call that comes first, and how many of `ops` it takes.
    pub(super) fn first(ops: &'a [Op], of_batch: bool) -> (Self, usize) {
        match ops {
            [Op::Transact(inner), ..] => (Call::All(inner), 1),
            _ if of_batch => {
                let count = ops.iter().take(OPS_A_CALL).take_while(|op| op.transacts()).count();
                (Call::Each(&ops[..count]), count)
            }
            _ => (Call::One(ops), 1),
        }
    }

    pub(super) fn ops(self) -> &'a [Op] {
        match self {
            Call::One(ops) | Call::Each(ops) | Call::All(ops) => ops,
        }
    }
}

/// Adds the call that carries out a plan.
pub(super) fn write_call(
    shape: &Shape,
    scripts: &Scripts,
    call: Call<'_>,
    plan: &Plan<'_>,
    out: &mut Commands,
) -> Result<(), Failure> {
    let command = out.call(scripts.sha(Script::Records));
    let steps = || call.ops().iter().zip(&plan.steps);
    command.arg(steps().map(|(_, step)| keys_of(step)).sum::<usize>());
    steps().for_each(|(op, step)| write_keys(shape, op, step, command));
    command.write_arg(if matches!(call, Call::All(_)) { b"all" } else { b"each" });
    steps().try_for_each(|(op, step)| write_arguments(shape, plan, op, step, command))
}

/// How a call ended.
pub(super) struct Ended {
    pub(super) code: i64,
    /// How many operations were done before, or at all.
    pub(super) done: usize,
}

impl Ended {
    pub(super) fn outcome(&self, shape: &Shape, ops: &[Op]) -> Result<Done, Failure> {
        match (self.code, ops.get(self.done)) {
            (code::APPLIED, None) => Ok(Done::Applied),
            (code, Some(op)) => outcome(shape, code, op),
            (_, None) => Err(Failure::broken("redis: a script failed nowhere")),
        }
    }
}

/// Reads the answer of `documents.lua`.
pub(super) fn take_call(shape: &Shape, call: Call<'_>, reply: Reply, sink: &mut Sink<'_>) -> Result<Ended, Failure> {
    let Reply::Array(answer) = reply else { return Err(unexpected(&"a script", &reply)) };
    let mut answer = answer.into_iter();
    let (Some(Reply::Int(code)), Some(Reply::Int(done))) = (answer.next(), answer.next()) else {
        return Err(Failure::broken("redis: a script did not answer how it ended"));
    };
    let carried_out = usize::try_from(done).ok().and_then(|done| call.ops().get(..done));
    let carried_out = carried_out.ok_or_else(|| Failure::broken("redis: a script did more than was asked"))?;
    let ended = Ended { code, done: carried_out.len() };
    if code != code::APPLIED && matches!(call, Call::All(_)) {
        return Ok(ended);
    }
    for op in carried_out {
        match op {
            Op::Read { table, key, fields } => {
                sink(key.clone(), record(shape, *table, fields, answer.next().unwrap_or_default())?);
            }
            Op::Scan { table, fields, .. } | Op::Find { table, fields, .. } => {
                let mut rows = array(op, answer.next().unwrap_or_default())?.into_iter();
                while let Some(key) = rows.next() {
                    let key = values::key(&text(&"a key", key)?, shape.dataset.tables[*table].key)?;
                    sink(key, record(shape, *table, fields, rows.next().unwrap_or_default())?);
                }
            }
            _ => {}
        }
    }
    match answer.next() {
        None => Ok(ended),
        Some(_) => Err(Failure::broken("redis: a script answered more than was asked")),
    }
}

/// How many keys `write_keys` adds.
fn keys_of(step: &Step<'_>) -> usize {
    match step {
        Step::Plain | Step::Ends { .. } => 1,
        Step::Insert { moves, .. } | Step::Remove { moves, .. } => 2 + moves.len(),
        Step::Replace { moves, .. } => 1 + moves.len(),
    }
}

/// The keys in the order in which `documents.lua` takes them.
fn write_keys(shape: &Shape, op: &Op, step: &Step<'_>, out: &mut Cmd) {
    match op {
        Op::Insert { table, key, .. }
        | Op::Read { table, key, .. }
        | Op::Update { table, key, .. }
        | Op::Delete { table, key }
        | Op::Bump { table, key, .. } => values::write_name(out, &shape.tables[*table].records, key),
        Op::Scan { table, .. } => out.write_arg(shape.tables[*table].order.as_bytes()),
        Op::Find { table, field, .. } => {
            let index = shape.tables[*table].index(*field);
            out.write_arg(index.map_or(&b""[..], |index| index.key.as_bytes()));
        }
        _ => {}
    }
    if let (Op::Insert { table, .. } | Op::Delete { table, .. }, Step::Insert { .. } | Step::Remove { .. }) = (op, step)
    {
        out.write_arg(shape.tables[*table].order.as_bytes());
    }
    step.moves().iter().for_each(|one| out.write_arg(one.index.key.as_bytes()));
}

/// The arguments in the order in which `documents.lua` takes them.
fn write_arguments(shape: &Shape, plan: &Plan<'_>, op: &Op, step: &Step<'_>, out: &mut Cmd) -> Result<(), Failure> {
    let read = |at: &Option<usize>| at.map_or(&b""[..], |at| plan.text(at));
    match (op, step) {
        (Op::Insert { key, .. }, Step::Insert { new, moves }) => {
            out.write_arg(b"insert");
            out.write_arg(plan.text(*new));
            write_member(key, out);
            out.arg(moves.len());
            moves.iter().for_each(|one| out.write_arg(&one.comes));
        }
        (_, Step::Replace { read, new, moves }) => {
            out.write_arg(b"replace");
            out.write_arg(plan.text(*read));
            out.write_arg(plan.text(*new));
            out.arg(moves.len());
            for one in moves {
                out.write_arg(&one.goes);
                out.write_arg(&one.comes);
            }
        }
        (Op::Delete { key, .. }, Step::Remove { read: before, moves }) => {
            out.write_arg(b"delete");
            out.write_arg(read(before));
            write_member(key, out);
            out.arg(moves.len());
            moves.iter().for_each(|one| out.write_arg(&one.goes));
        }
        (_, Step::Ends { read: before, code }) => {
            out.write_arg(b"ends");
            out.write_arg(read(before));
            out.arg(*code);
        }
        (Op::Read { .. }, _) => out.write_arg(b"read"),
        (Op::Scan { .. } | Op::Find { .. }, _) => {
            out.write_arg(op.verb().as_bytes());
            write_range(shape, op, out)?;
        }
        _ => return Err(Failure::misplaced(op)),
    }
    Ok(())
}
