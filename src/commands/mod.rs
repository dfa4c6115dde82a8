//! The commands: the only modules that print and that write results. Each returns how the process should exit.

pub mod check;
pub mod clean;
pub mod cost;
pub mod list;
mod output;
mod progress;
pub mod report;
pub mod run;
mod secrets;
pub mod signals;
mod stores;
mod terminal;

use std::process::ExitCode;

use drivers::one_line;

use crate::workload::Workload;

pub use terminal::{eprint, print};

/// How the process ends. The numbers are a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and every figure may be used.
    Ok = 0,
    /// The command line, a file or a store's configuration is wrong, the store lacks what is asked, or an output cannot be
    /// written.
    Usage = 2,
    /// A run is invalid, a check failed or a limit was missed.
    Invalid = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error with the exit code that it means.
#[derive(Debug)]
pub struct Failed {
    /// The code.
    pub exit: Exit,
    /// One clear sentence.
    pub error: anyhow::Error,
}

impl Failed {
    /// What the user wrote, or a file that the user named, is wrong or cannot be written.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Failed { exit: Exit::Usage, error: error.into() }
    }
}

/// Prints what the command line answers before anything is done: help, the version, or what is wrong with it.
pub fn answer(answer: &clap::Error) -> ExitCode {
    let text = answer.render().to_string();
    let was_asked_for = answer.exit_code() == 0;
    if !was_asked_for {
        eprint(text.trim_end());
        return Exit::Usage.into();
    }
    print(&text).map_or_else(|failed| failed.told(), |()| Exit::Ok.into())
}

impl Failed {
    /// Tells the error.
    pub fn told(&self) -> ExitCode {
        eprint(&format!("error: {:#}", self.error));
        self.exit.into()
    }
}

/// Says what of a workload file was not understood or not taken over.
fn warn(name: &str, workload: &Workload) {
    for warning in &workload.warnings {
        eprint(&format!("warning: {}: {}", one_line(name), one_line(warning)));
    }
}

/// Anything else that goes wrong leaves no valid run behind.
impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Failed { exit: Exit::Invalid, error }
    }
}
