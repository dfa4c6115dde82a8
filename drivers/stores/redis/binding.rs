//! How operations are bound: the commands that are sent, for printing.

use redis::Cmd;

use super::documents;
use super::plan::Plan;
use super::requests::{self, Commands};
use super::scripts::{self, Scripts};
use super::shape::Shape;
use super::watched::{self, Group};
use crate::{Binding, Failure, Op};

/// How an operation is bound: the same commands, for printing. Scripts stand by their names, and what would be read first
/// by words.
pub(super) fn binding(shape: &Shape, op: &Op) -> Binding {
    let mut told = Told::default();
    match told.tell(shape, op) {
        Ok(()) => told.binding(),
        Err(failure) => Binding { statements: vec![format!("-- refused: {failure}")], round_trips: 0 },
    }
}

/// Commands as texts, with how often each comes in a row.
#[derive(Default)]
struct Told {
    statements: Vec<(String, u32)>,
    round_trips: u32,
}

impl Told {
    /// Goes the way of `RedisSession::run`.
    fn tell(&mut self, shape: &Shape, op: &Op) -> Result<(), Failure> {
        let scripts = Scripts::named(shape.layout);
        let (of_batch, mut ops) = match op {
            Op::Batch(ops) => (true, ops.as_slice()),
            one => (false, std::slice::from_ref(one)),
        };
        while !ops.is_empty() {
            let mut count = documents::unread(shape, ops);
            if count > 0 {
                let mut sends = false;
                for one in &ops[..count] {
                    let mut commands = Commands::default();
                    requests::write(shape, &scripts, one, &mut commands)?;
                    sends |= !commands.list().is_empty();
                    self.add(&commands, scripts::meaning(shape.layout, one));
                }
                self.round_trips += u32::from(sends);
            } else {
                let group;
                (group, count) = Group::first(ops, of_batch);
                let (mut reads, mut changes) = (Commands::default(), Commands::default());
                watched::write_reads(shape, group, &mut reads);
                watched::write_changes(shape, &scripts, group, &Plan::in_words(shape, group)?, &mut changes)?;
                self.add(&reads, None);
                self.add(&changes, None);
                self.round_trips += 1 + u32::from(!reads.list().is_empty());
            }
            ops = &ops[count..];
        }
        Ok(())
    }

    fn add(&mut self, commands: &Commands, meaning: Option<&str>) {
        for command in commands.list() {
            let told = told(command, meaning);
            match self.statements.last_mut() {
                Some((last, times)) if *last == told => *times += 1,
                _ => self.statements.push((told, 1)),
            }
        }
    }

    fn binding(self) -> Binding {
        let repeated = |(told, times)| if times == 1 { told } else { format!("{told} -- {times} times") };
        Binding { statements: self.statements.into_iter().map(repeated).collect(), round_trips: self.round_trips }
    }
}

/// A command as text, long and packed arguments cut short.
fn told(command: &Cmd, meaning: Option<&str>) -> String {
    const SHOWN: usize = 32;
    let argument = |argument: redis::Arg<&[u8]>| match argument {
        redis::Arg::Simple(bytes) => match std::str::from_utf8(bytes) {
            Ok("") => "\"\"".to_owned(),
            Ok(text) if text.chars().any(char::is_control) => format!("({} bytes)", bytes.len()),
            Ok(text) if text.chars().count() > SHOWN && !text.starts_with("storebench:") => {
                text.chars().take(SHOWN).chain(['…']).collect()
            }
            Ok(text) => text.to_owned(),
            Err(_) => format!("({} bytes)", bytes.len()),
        },
        _ => String::new(),
    };
    let arguments: Vec<String> = command.args_iter().map(argument).collect();
    let meaning = meaning.map(|meaning| format!(" -- {meaning}")).unwrap_or_default();
    arguments.join(" ") + &meaning
}
