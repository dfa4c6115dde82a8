//! Output to a terminal or a pipe, which may be closed: there the macros of the standard library panic, and a closed pager
//! would cost the results and the exit code. Control characters are taken out of everything that is printed, because texts
//! come from servers, files and records of other people; and no password of the command line is printed, wherever it was put
//! by mistake.

use std::io::{ErrorKind, Write, stderr, stdout};

use anyhow::Context;
use drivers::{printable_lines, without_secrets};

use super::exit::Failed;
use super::secrets;

/// Prints what was asked for. A closed pipe (`storebench list | head`) is no failure.
///
/// # Errors
/// When it cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<(), Failed> {
    let mut out = stdout().lock();
    match out.write_all(safe(text).as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output").map_err(Failed::usage)
        }
        _ => Ok(()),
    }
}

/// How many characters a line of the terminal takes; 100 where standard output is none.
pub fn width() -> usize {
    let size = console::Term::stdout().size_checked();
    size.map_or(100, |(_, columns)| usize::from(columns))
}

/// A line on standard error, if anybody reads it. What caused an error may be told in a client library's words: passwords are
/// hidden there by themselves, too, and not in what is asked for, where a figure could be the same.
pub fn eprint(line: &str) {
    let _ = stderr().write_all(format!("{}\n", safe(&without_secrets(line))).as_bytes());
}

/// The text without passwords of the command line and without anything that a terminal would obey.
fn safe(text: &str) -> String {
    printable_lines(&secrets::redact(text)).into_owned()
}
