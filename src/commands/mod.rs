//! The commands: the only modules that print and that write results. Each returns how the process should exit.

pub mod check;
pub mod clean;
pub mod cost;
pub mod list;
mod progress;
pub mod report;
pub mod run;
mod signals;
mod stores;
mod tell;

use std::process::ExitCode;

pub use tell::{remark, tell};

/// How the process ends. The numbers are a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and every figure may be used.
    Ok = 0,
    /// The command line, a file or a store's configuration is wrong, or the store lacks what is asked.
    Usage = 2,
    /// A run is invalid or a check failed.
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
    /// What the user wrote, or a file that the user named, is wrong.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Failed { exit: Exit::Usage, error: error.into() }
    }
}

/// Anything else that goes wrong leaves no valid run behind.
impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Failed { exit: Exit::Invalid, error }
    }
}
