//! How operations are bound: the commands that are sent, for printing.

use redis::Cmd;

use super::requests::{self, Commands};
use super::scripts::{self, Scripts};
use super::shape::Shape;
use crate::{Binding, Op};

/// How an operation is bound: the same commands, for printing. Scripts stand by their names.
pub(super) fn binding(shape: &Shape, op: &Op) -> Binding {
    let ops = match op {
        Op::Batch(ops) => ops.as_slice(),
        one => std::slice::from_ref(one),
    };
    let scripts = Scripts::named();
    let mut statements: Vec<(String, u32)> = Vec::new();
    for one in ops {
        let mut commands = Commands::default();
        if let Err(failure) = requests::write(shape, &scripts, one, &mut commands) {
            return Binding { statements: vec![format!("-- refused: {failure}")], round_trips: 0 };
        }
        for command in commands.list() {
            let told = told(command, scripts::meaning(one));
            match statements.last_mut() {
                Some((last, times)) if *last == told => *times += 1,
                _ => statements.push((told, 1)),
            }
        }
    }
    let round_trips = u32::from(!statements.is_empty());
    let repeated = |(told, times)| if times == 1 { told } else { format!("{told} -- {times} times") };
    Binding { statements: statements.into_iter().map(repeated).collect(), round_trips }
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
