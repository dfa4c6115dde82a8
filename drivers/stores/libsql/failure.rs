//! What an error of the crate or of the file system means.

use std::fmt::Display;
use std::path::Path;

use crate::{Failure, FailureKind};

/// What an error of the crate means. Result codes: sqlite.org/rescode.html; the low byte of an extended code is the
/// primary one.
pub(super) fn failure(error: libsql::Error, what: &dyn Display) -> Failure {
    const PERM: i32 = 3;
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const READONLY: i32 = 8;
    const FULL: i32 = 13;
    const CANNOT_OPEN: i32 = 14;
    const AUTH: i32 = 23;
    const PRIMARY_KEY_TAKEN: i32 = 1555;
    const ROWID_TAKEN: i32 = 2579;
    let kind = match &error {
        libsql::Error::SqliteFailure(PRIMARY_KEY_TAKEN | ROWID_TAKEN, _) => FailureKind::Exists,
        libsql::Error::SqliteFailure(code, _) => match code & 0xff {
            BUSY | LOCKED => FailureKind::Conflict,
            FULL => FailureKind::Overload,
            PERM | READONLY | AUTH => FailureKind::Denied,
            CANNOT_OPEN => FailureKind::Unavailable,
            _ => FailureKind::Broken,
        },
        libsql::Error::ConnectionFailed(_) => FailureKind::Unavailable,
        _ => FailureKind::Broken,
    };
    let failure = match kind {
        FailureKind::Exists => Failure::exists(what),
        _ => Failure::new(kind, format!("libsql: {what}: {error}")),
    };
    failure.caused_by(error)
}

pub(super) fn unavailable(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(FailureKind::Unavailable, format!("libsql: {}: {error}", path.display())).caused_by(error)
}
