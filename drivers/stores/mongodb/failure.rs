//! What errors of the crate and of the server mean. Codes are those of `error_codes.yml` of the server's source; labels
//! those of the transactions specification.

use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR};

use crate::{Failure, FailureKind, redacted};

/// A failure of what was being done.
pub(super) fn failure(error: Error, what: &str) -> Failure {
    let kind = match error.kind.as_ref() {
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. } => FailureKind::Unavailable,
        ErrorKind::Authentication { .. } => FailureKind::Denied,
        ErrorKind::Command(command) => match kind_of(command.code) {
            FailureKind::Unavailable => FailureKind::Unavailable,
            _ if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => FailureKind::Conflict,
            kind => kind,
        },
        ErrorKind::Write(mongodb::error::WriteFailure::WriteConcernError(concern)) => kind_of(concern.code),
        _ => FailureKind::Broken,
    };
    let words = match error.kind.as_ref() {
        ErrorKind::ServerSelection { message, .. } => format!("no server takes writes in time{}", heard(message)),
        // The whole error would repeat the server's reply; its kind has the words.
        kind => redacted(&kind.to_string()),
    };
    Failure::new(kind, format!("mongodb: {what}: {words}")).caused_by(error)
}

/// Extracts one server's error from the crate's topology description, in brackets: `… Topology: { …, Servers: [ {
/// Address: …, Error: Kind: …, labels: {}, … } ] }`. Nothing if no server answered.
pub(super) fn heard(topology: &str) -> String {
    let error = topology.split_once("Error: Kind: ").and_then(|(_, error)| error.split(", labels:").next());
    error.map(|error| format!(" ({})", redacted(error))).unwrap_or_default()
}

/// A failure that the server reports within a reply.
pub(super) fn told(code: i32, message: &str, what: &str) -> Failure {
    match kind_of(code) {
        FailureKind::Exists => Failure::exists(what),
        kind => Failure::new(kind, format!("mongodb: {what}: {message} (code {code})")),
    }
}

fn kind_of(code: i32) -> FailureKind {
    match code {
        11_000 => FailureKind::Exists,
        // WriteConflict, NoSuchTransaction, SnapshotTooOld, SnapshotUnavailable.
        112 | 251 | 239 | 246 => FailureKind::Conflict,
        // UserNotFound, Unauthorized, AuthenticationFailed.
        11 | 13 | 18 => FailureKind::Denied,
        // LockTimeout, MaxTimeMSExpired, WriteConcernFailed, ExceededTimeLimit.
        24 | 50 | 64 | 262 => FailureKind::Timeout,
        // ExceededMemoryLimit, memory of a query, TemporarilyUnavailable (the cache is full), OutOfDiskSpace.
        146 | 292 | 365 | 14_031 => FailureKind::Overload,
        // A server that shuts down, steps down or is not the primary, and networks between servers.
        6 | 7 | 89 | 91 | 189 | 9001 | 10_107 | 11_600 | 11_602 | 13_435 | 13_436 => FailureKind::Unavailable,
        _ => FailureKind::Broken,
    }
}
