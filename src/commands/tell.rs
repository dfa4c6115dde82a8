//! Output that nobody may be reading any more. The macros of the standard library panic there, which would lose results
//! and exit code to a closed pager. What a terminal would obey is taken out of everything that is printed: texts come from
//! servers, files and records of other people.

use std::io::{ErrorKind, Write, stderr, stdout};

use anyhow::Context;
use drivers::printable_lines;

/// Prints what was asked for. A closed pipe (`storebench list | head`) is no failure.
///
/// # Errors
/// When it cannot be written for another reason, such as a full disk.
pub fn tell(text: &str) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    match out.write_all(printable_lines(text).as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}

/// A line on standard error, if anybody reads it.
pub fn remark(line: &str) {
    let _ = stderr().write_all(format!("{}\n", printable_lines(line)).as_bytes());
}
