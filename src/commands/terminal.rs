//! Output that nobody may be reading any more. The macros of the standard library panic there, which would lose results
//! and exit code to a closed pager. What a terminal would obey is taken out of everything that is printed, for texts come from
//! servers, files and records of other people; and no password of the command line is printed, wherever it was put by mistake.

use std::io::{ErrorKind, Write, stderr, stdout};

use anyhow::Context;
use drivers::printable_lines;

use super::{Failed, secrets};

/// Prints what was asked for. A closed pipe (`storebench list | head`) is no failure.
///
/// # Errors
/// When it cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<(), Failed> {
    let mut out = stdout().lock();
    match out.write_all(shown(text).as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output").map_err(Failed::usage)
        }
        _ => Ok(()),
    }
}

/// A line on standard error, if anybody reads it.
pub fn eprint(line: &str) {
    let _ = stderr().write_all(format!("{}\n", shown(line)).as_bytes());
}

fn shown(text: &str) -> String {
    printable_lines(&secrets::hidden(text)).into_owned()
}
