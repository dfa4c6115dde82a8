//! How a command ends.

use std::process::ExitCode;

/// How the process ends. The numbers are a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and every figure may be used.
    Ok = 0,
    /// A comparison found that the head is worse.
    Regression = 1,
    /// The command line, a file or a store's configuration is wrong, the store lacks what is asked, or an output cannot be
    /// written.
    Usage = 2,
    /// A run is invalid, a check failed, a limit was missed, or two sides cannot be compared.
    Invalid = 3,
    /// A comparison shows neither a regression nor its absence, and --strict asks for one of them.
    Inconclusive = 4,
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
