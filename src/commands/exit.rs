//! How a command ends.

use std::process::ExitCode;

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
    /// How the process ends.
    pub exit: Exit,
    /// What went wrong, in one clear sentence.
    pub error: anyhow::Error,
}

impl Failed {
    /// What the user wrote, or a file that the user named, is wrong or cannot be written.
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
