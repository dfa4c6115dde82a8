//! What errors of the crate and of the server mean. Codes are those of `error_codes.yml` in the server's source, labels
//! those of the transactions specification.

use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, WriteFailure};

use crate::{Failure, FailureKind, redacted};

/// The server's code for a key that a unique index already holds.
pub(super) const DUPLICATE_KEY: i32 = 11_000;

/// An error of the crate, with what was being done when it came up.
pub(super) fn failure(error: Error, action: &str) -> Failure {
    let kind = match error.kind.as_ref() {
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. } => FailureKind::Unavailable,
        ErrorKind::Authentication { .. } => FailureKind::Denied,
        ErrorKind::Command(command) => match failure_kind(command.code) {
            FailureKind::Unavailable => FailureKind::Unavailable,
            _ if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => FailureKind::Conflict,
            kind => kind,
        },
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => failure_kind(concern.code),
        _ => FailureKind::Broken,
    };
    let message = match error.kind.as_ref() {
        ErrorKind::ServerSelection { message, .. } => format!("no server takes writes in time{}", last_error(message)),
        // The whole error would repeat the server's reply; its kind has the message.
        kind => redacted(&kind.to_string()),
    };
    Failure::new(kind, format!("mongodb: {action}: {message}")).caused_by(error)
}

/// Extracts one server's error from the crate's topology description, in brackets: `… Topology: { …, Servers: [ {
/// Address: …, Error: Kind: …, labels: {}, … } ] }`. Empty if no server answered.
pub(super) fn last_error(topology: &str) -> String {
    let error = topology.split_once("Error: Kind: ").and_then(|(_, error)| error.split(", labels:").next());
    error.map(|error| format!(" ({})", redacted(error))).unwrap_or_default()
}

/// An error that the server reports within a reply, about a record or a collection.
pub(super) fn server_error(code: i32, message: &str, subject: &str) -> Failure {
    match failure_kind(code) {
        FailureKind::Exists => Failure::exists(subject),
        kind => Failure::new(kind, format!("mongodb: {subject}: {message} (code {code})")),
    }
}

fn failure_kind(code: i32) -> FailureKind {
    match code {
        DUPLICATE_KEY => FailureKind::Exists,
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
