//! The two round trips of operations that depend on documents: what is sent before and after they were read, and what is
//! answered. Why so is said in `documents.rs`.

use redis::{RedisWrite, Value as Reply};

use super::documents;
use super::plan::{Plan, Step};
use super::records::write_member;
use super::replies::{Sink, next};
use super::requests::{self, Commands};
use super::scripts::Scripts;
use super::shape::Shape;
use super::values::{self, unexpected};
use crate::{Failure, Key, Op};

/// Operations of a batch that go together: they keep others waiting for less than 1 ms.
const OPS_TOGETHER: usize = 100;

/// Operations that go together, in one step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Group<'a> {
    /// One alone, or a transaction: all are done or none.
    All(&'a [Op]),
    /// A run of a batch: what comes before a failure stays, and a refusal stops nothing.
    Each(&'a [Op]),
}

impl<'a> Group<'a> {
    /// The group at the front, and how many of `ops` it takes.
    pub(super) fn first(ops: &'a [Op], of_batch: bool) -> (Self, usize) {
        match ops {
            [Op::Transact(inner), ..] => (Group::All(inner), 1),
            _ if of_batch => {
                let count = ops.iter().take(OPS_TOGETHER).take_while(|op| op.transacts()).count();
                (Group::Each(&ops[..count]), count)
            }
            _ => (Group::All(ops), 1),
        }
    }

    pub(super) fn ops(self) -> &'a [Op] {
        match self {
            Group::All(ops) | Group::Each(ops) => ops,
        }
    }

    /// The records to read and watch; none if the group only reads.
    pub(super) fn watched(self) -> impl Iterator<Item = (usize, &'a Key)> {
        let writes = self.ops().iter().any(Op::writes);
        self.ops().iter().filter(move |_| writes).filter_map(record_of)
    }
}

/// The record that an operation names.
pub(super) fn record_of(op: &Op) -> Option<(usize, &Key)> {
    match op {
        Op::Insert { table, key, .. }
        | Op::Read { table, key, .. }
        | Op::Update { table, key, .. }
        | Op::Delete { table, key }
        | Op::Increment { table, key, .. } => Some((*table, key)),
        _ => None,
    }
}

/// Adds the commands of the first round trip: none, if nothing is to be watched.
pub(super) fn write_reads(shape: &Shape, group: Group<'_>, out: &mut Commands) {
    let names = || group.watched().map(|(table, key)| (shape.tables[table].records.as_str(), key));
    if names().next().is_some() {
        let watch = out.add("WATCH");
        names().for_each(|(prefix, key)| values::write_name(watch, prefix, key));
        names().for_each(|(prefix, key)| values::write_name(out.add("GET"), prefix, key));
    }
}

/// The documents that they answer.
pub(super) fn take_reads(
    of: &Op,
    group: Group<'_>,
    mut replies: impl Iterator<Item = Reply>,
) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    if group.watched().next().is_some() {
        written(of, &mut replies)?;
    }
    let document = |_| match next(of, &mut replies)? {
        Reply::BulkString(text) => Ok(Some(text)),
        Reply::Nil => Ok(None),
        other => Err(unexpected(&"a document", &other)),
    };
    group.watched().map(document).collect()
}

/// Adds the commands of the second round trip.
pub(super) fn write_changes(
    shape: &Shape,
    scripts: &Scripts,
    group: Group<'_>,
    plan: &Plan<'_>,
    out: &mut Commands,
) -> Result<(), Failure> {
    out.add("MULTI");
    for (op, step) in group.ops().iter().zip(&plan.steps) {
        match step {
            Step::Nothing | Step::Answer { .. } | Step::Ends(_) => {}
            Step::Ask => requests::write(shape, scripts, op, out)?,
            Step::Insert { .. } | Step::Replace { .. } | Step::Remove { .. } => {
                write_change(shape, op, step, plan, out)
            }
        }
    }
    out.add("EXEC");
    Ok(())
}

fn write_change(shape: &Shape, op: &Op, step: &Step<'_>, plan: &Plan<'_>, out: &mut Commands) {
    let Some((table, key)) = record_of(op) else { return };
    let table = &shape.tables[table];
    let command = out.add(if matches!(step, Step::Remove { .. }) { "DEL" } else { "SET" });
    values::write_name(command, &table.records, key);
    match step {
        Step::Replace { new, .. } => command.write_arg(plan.text(*new)),
        Step::Insert { new, .. } => {
            command.write_arg(plan.text(*new));
            let command = out.add("ZADD");
            command.arg(&table.order).arg(0);
            write_member(key, command);
        }
        _ => {
            let command = out.add("ZREM");
            command.arg(&table.order);
            write_member(key, command);
        }
    }
    for one in step.moves() {
        if !one.goes.is_empty() {
            out.add("ZREM").arg(&one.index.key).arg(&one.goes);
        }
        if !one.comes.is_empty() {
            out.add("ZADD").arg(&one.index.key).arg(0).arg(&one.comes);
        }
    }
}

/// How many answers a change has.
fn answers_of(step: &Step<'_>) -> usize {
    let moved: usize =
        step.moves().iter().map(|one| usize::from(!one.goes.is_empty()) + usize::from(!one.comes.is_empty())).sum();
    moved + if matches!(step, Step::Replace { .. }) { 1 } else { 2 }
}

/// Reads the answers to them. Returns false if a watched document changed meanwhile; nothing was applied.
pub(super) fn take_changes(
    shape: &Shape,
    of: &Op,
    group: Group<'_>,
    plan: &Plan<'_>,
    replies: &mut dyn Iterator<Item = Reply>,
    sink: &mut Sink<'_>,
) -> Result<bool, Failure> {
    // Of MULTI and of what was queued: an error there, and EXEC does nothing.
    let mut executed = None;
    while executed.is_none() {
        match next(of, replies)? {
            Reply::Okay | Reply::SimpleString(_) => {}
            Reply::Nil => return Ok(false),
            Reply::Array(answers) => executed = Some(answers.into_iter()),
            other => return Err(unexpected(&of.verb(), &other)),
        }
    }
    let mut answers = executed.into_iter().flatten();
    for (op, step) in group.ops().iter().zip(&plan.steps) {
        match (step, op) {
            (Step::Nothing, _) => {}
            (Step::Answer { seen }, Op::Read { table, key, fields }) => {
                sink(key.clone(), documents::record(shape, *table, fields, plan.text(*seen))?);
            }
            (Step::Ask | Step::Answer { .. }, _) => {
                documents::take(shape, op, next(of, &mut answers)?, sink)?;
            }
            _ => (0..answers_of(step)).try_for_each(|_| written(of, &mut answers))?,
        }
    }
    match answers.next() {
        None => Ok(true),
        Some(_) => Err(Failure::broken("redis: EXEC answered more than was asked")),
    }
}

/// The answer to a command that writes or watches.
fn written(of: &Op, replies: &mut dyn Iterator<Item = Reply>) -> Result<(), Failure> {
    match next(of, replies)? {
        Reply::Okay | Reply::Int(_) => Ok(()),
        other => Err(unexpected(&of.verb(), &other)),
    }
}
