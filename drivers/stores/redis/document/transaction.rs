//! The two round trips of operations that depend on documents: what is sent before and after they were read, and the
//! replies. `mod.rs` says why they are two.

use redis::{RedisWrite, Value as Reply};

use super::group::OpGroup;
use super::plan::{DocumentPlan, Edit};
use super::text;
use crate::stores::redis::commands::CommandBuffer;
use crate::stores::redis::decode::{next_reply, unexpected};
use crate::stores::redis::encode::{encode, write_key};
use crate::stores::redis::layout::{Layout, RowSink};
use crate::stores::redis::range::write_key_member;
use crate::stores::redis::scripts::Scripts;
use crate::{Failure, Op};

/// Adds the commands of the first round trip: none, if nothing has to be watched.
pub(in crate::stores::redis) fn encode_reads(layout: &Layout, group: OpGroup<'_>, out: &mut CommandBuffer) {
    let keys = || group.watched().map(|(table, key)| (layout.tables[table].records.as_str(), key));
    if keys().next().is_some() {
        let watch = out.add("WATCH");
        keys().for_each(|(prefix, key)| write_key(watch, prefix, key));
        keys().for_each(|(prefix, key)| write_key(out.add("GET"), prefix, key));
    }
}

/// The documents that the first round trip read. `request` is the operation that the group is part of.
pub(in crate::stores::redis) fn decode_reads(
    request: &Op,
    group: OpGroup<'_>,
    mut replies: impl Iterator<Item = Reply>,
) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    if group.watched().next().is_some() {
        expect_acknowledgement(request, &mut replies)?;
    }
    let document = |_| match next_reply(request, &mut replies)? {
        Reply::BulkString(text) => Ok(Some(text)),
        Reply::Nil => Ok(None),
        other => Err(unexpected("a document", &other)),
    };
    group.watched().map(document).collect()
}

/// Adds the commands of the second round trip.
pub(in crate::stores::redis) fn encode_edits(
    layout: &Layout,
    scripts: &Scripts,
    group: OpGroup<'_>,
    plan: &DocumentPlan<'_>,
    out: &mut CommandBuffer,
) -> Result<(), Failure> {
    out.add("MULTI");
    for (op, edit) in group.ops().iter().zip(&plan.edits) {
        match edit {
            Edit::Refused | Edit::Answer { .. } | Edit::End(_) => {}
            Edit::Ask => encode(layout, scripts, op, out)?,
            Edit::Insert { .. } | Edit::Replace { .. } | Edit::Remove { .. } => {
                encode_edit(layout, op, edit, plan, out);
            }
        }
    }
    out.add("EXEC");
    Ok(())
}

fn encode_edit(layout: &Layout, op: &Op, edit: &Edit<'_>, plan: &DocumentPlan<'_>, out: &mut CommandBuffer) {
    let Some((table, key)) = op.record() else { return };
    let table = &layout.tables[table];
    let command = out.add(if matches!(edit, Edit::Remove { .. }) { "DEL" } else { "SET" });
    write_key(command, &table.records, key);
    match edit {
        Edit::Replace { text, .. } => command.write_arg(plan.text(*text)),
        Edit::Insert { text, .. } => {
            command.write_arg(plan.text(*text));
            let command = out.add("ZADD");
            command.arg(&table.order).arg(0);
            write_key_member(key, command);
        }
        _ => {
            let command = out.add("ZREM");
            command.arg(&table.order);
            write_key_member(key, command);
        }
    }
    for change in edit.index_changes() {
        if !change.removed.is_empty() {
            out.add("ZREM").arg(&change.index.key).arg(&change.removed);
        }
        if !change.added.is_empty() {
            out.add("ZADD").arg(&change.index.key).arg(0).arg(&change.added);
        }
    }
}

/// How many commands [`encode_edit`] adds.
fn command_count(edit: &Edit<'_>) -> usize {
    let members = edit.index_changes().iter().flat_map(|change| [&change.removed, &change.added]);
    let of_record = if matches!(edit, Edit::Replace { .. }) { 1 } else { 2 };
    of_record + members.filter(|member| !member.is_empty()).count()
}

/// Reads the replies to the second round trip. Returns false if a watched document changed meanwhile; nothing was applied.
pub(in crate::stores::redis) fn decode_edits(
    layout: &Layout,
    request: &Op,
    group: OpGroup<'_>,
    plan: &DocumentPlan<'_>,
    replies: &mut dyn Iterator<Item = Reply>,
    sink: &mut RowSink<'_>,
) -> Result<bool, Failure> {
    // MULTI and each queued command are acknowledged; after an error among them EXEC does nothing.
    let executed = loop {
        match next_reply(request, replies)? {
            Reply::Okay | Reply::SimpleString(_) => {}
            Reply::Nil => return Ok(false),
            Reply::Array(answers) => break answers,
            other => return Err(unexpected(request.verb(), &other)),
        }
    };
    let mut answers = executed.into_iter();
    for (op, edit) in group.ops().iter().zip(&plan.edits) {
        match (edit, op) {
            (Edit::Refused, _) => {}
            (Edit::Answer { text }, Op::Read { table, key, fields }) => {
                let declared = &layout.dataset.tables[*table].fields;
                sink(key.clone(), text::read(declared, plan.text(*text), fields)?);
            }
            (Edit::Ask | Edit::Answer { .. }, _) => {
                layout.records.decode(layout, op, next_reply(request, &mut answers)?, sink)?;
            }
            _ => (0..command_count(edit)).try_for_each(|_| expect_acknowledgement(request, &mut answers))?,
        }
    }
    match answers.next() {
        None => Ok(true),
        Some(_) => Err(Failure::broken("redis: EXEC answered more than was asked")),
    }
}

/// The reply to a command that writes or watches.
fn expect_acknowledgement(request: &Op, replies: &mut dyn Iterator<Item = Reply>) -> Result<(), Failure> {
    match next_reply(request, replies)? {
        Reply::Okay | Reply::Int(_) => Ok(()),
        other => Err(unexpected(request.verb(), &other)),
    }
}
