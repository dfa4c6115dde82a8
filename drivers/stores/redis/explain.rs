//! The commands that each operation takes, for printing. They are encoded as a session does it, with names in place of the
//! scripts' digests and placeholders for what would be read first.

use redis::Cmd;

use super::commands::CommandBuffer;
use super::document::group::OpGroup;
use super::document::plan::DocumentPlan;
use super::document::transaction;
use super::encode::encode;
use super::layout::Layout;
use super::scripts::Scripts;
use crate::{Binding, Failure, Op};

/// The statements and round trips of an operation.
pub(super) fn explain(layout: &Layout, op: &Op) -> Binding {
    let mut explanation = Explanation::default();
    match explanation.add_op(layout, op) {
        Ok(()) => {
            let repeated = |(text, times)| if times == 1 { text } else { format!("{text} -- {times} times") };
            let statements = explanation.statements.into_iter().map(repeated).collect();
            let is_transaction = matches!(op, Op::Transact(ops) if !ops.is_empty());
            let transaction = is_transaction.then(|| layout.records.transaction());
            Binding { statements, round_trips: explanation.round_trips, transaction }
        }
        Err(failure) => Binding { statements: vec![format!("-- refused: {failure}")], ..Binding::default() },
    }
}

#[derive(Default)]
struct Explanation {
    /// Commands as text, and how often each is repeated.
    statements: Vec<(String, u32)>,
    round_trips: u32,
}

impl Explanation {
    /// Takes the same steps as `RedisSession::execute_batch`.
    fn add_op(&mut self, layout: &Layout, op: &Op) -> Result<(), Failure> {
        let scripts = Scripts::named(layout.records.script());
        let (in_batch, mut rest) = match op {
            Op::Batch(ops) => (true, ops.as_slice()),
            op => (false, std::slice::from_ref(op)),
        };
        while !rest.is_empty() {
            let mut count = layout.records.sendable(layout, rest);
            if count > 0 {
                let mut sends = false;
                for op in &rest[..count] {
                    let mut commands = CommandBuffer::default();
                    encode(layout, &scripts, op, &mut commands)?;
                    sends |= !commands.commands().is_empty();
                    self.add_commands(&commands, script_commands(layout, op));
                }
                self.round_trips += u32::from(sends);
            } else {
                let group;
                (group, count) = OpGroup::first(rest, in_batch);
                let (mut reads, mut edits) = (CommandBuffer::default(), CommandBuffer::default());
                transaction::encode_reads(layout, group, &mut reads);
                let plan = DocumentPlan::with_placeholders(layout, group)?;
                transaction::encode_edits(layout, &scripts, group, &plan, &mut edits)?;
                self.add_commands(&reads, None);
                self.add_commands(&edits, None);
                self.round_trips += 1 + u32::from(!reads.commands().is_empty());
            }
            rest = &rest[count..];
        }
        Ok(())
    }

    fn add_commands(&mut self, commands: &CommandBuffer, script_commands: Option<&str>) {
        for command in commands.commands() {
            let text = command_text(command, script_commands);
            match self.statements.last_mut() {
                Some((last, times)) if *last == text => *times += 1,
                _ => self.statements.push((text, 1)),
            }
        }
    }
}

/// The commands that an operation's script runs in the server.
fn script_commands(layout: &Layout, op: &Op) -> Option<&'static str> {
    match op {
        Op::InsertPoints { .. } => {
            Some("for each point: ZCOUNT, ZADD twice; where one of its instant gives way: ZRANGE, ZREM twice")
        }
        Op::Window { .. } => Some("ZRANGE BYSCORE, folded"),
        Op::PointsAbove { .. } => Some("ZCOUNT twice, ZRANGE REV of all points, 200 at a time until enough are above"),
        op => layout.records.script_commands(op),
    }
}

/// A command as text, with long and packed arguments cut short.
fn command_text(command: &Cmd, script_commands: Option<&str>) -> String {
    const MAX_CHARS: usize = 32;
    let argument = |argument: redis::Arg<&[u8]>| match argument {
        redis::Arg::Simple(bytes) => match std::str::from_utf8(bytes) {
            Ok("") => "\"\"".to_owned(),
            Ok(text) if text.chars().any(char::is_control) => format!("({} bytes)", bytes.len()),
            Ok(text) if text.chars().count() > MAX_CHARS && !text.starts_with("storebench:") => {
                text.chars().take(MAX_CHARS).chain(['…']).collect()
            }
            Ok(text) => text.to_owned(),
            Err(_) => format!("({} bytes)", bytes.len()),
        },
        _ => String::new(),
    };
    let arguments: Vec<String> = command.args_iter().map(argument).collect();
    let comment = script_commands.map(|commands| format!(" -- {commands}")).unwrap_or_default();
    arguments.join(" ") + &comment
}
