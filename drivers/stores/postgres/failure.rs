//! What an error of the crate or of the server means.

use std::fmt::Display;

use tokio_postgres::Error;

use super::socket::Socket;
use crate::seam::failure::LONGEST_REPLY_BYTES;
use crate::{Failure, FailureKind};

/// The failure of an operation on something. The server's own words are kept.
pub(super) fn failure(error: Error, what: &dyn Display) -> Failure {
    let kind = match error.as_db_error() {
        Some(reported) => kind_of(reported.code().code()),
        None => kind_without_answer(&error),
    };
    let failure = match kind {
        FailureKind::Exists => Failure::exists(what),
        _ => Failure::new(kind, format!("postgres: {what}: {}", words(&error))),
    };
    failure.caused_by(error)
}

/// The failure of a connection to a server.
pub(super) fn connect_failure(error: Error, server: &Socket, hint: Option<&str>) -> Failure {
    let (said, failure) = (words(&error), failure(error, server));
    // Since PostgreSQL 14, and before.
    let is_unlisted = |how: &[&str]| said.contains("pg_hba.conf") && how.iter().any(|how| said.contains(how));
    let advice = if said.contains("password missing") {
        "the server asks for a password: give it with --password-file, PGPASSWORD or ~/.pgpass"
    } else if said.contains("did not use channel binding") {
        "channel_binding=require needs a server with TLS and a password by SCRAM: leave it out, or set both there"
    } else if said.contains("channel binding check failed") || said.contains("SCRAM channel binding") {
        "a proxy between this client and the server ends TLS with a certificate of its own"
    } else if is_unlisted(&["SSL encryption", "SSL on"]) {
        "if the server wants no TLS, write sslmode=disable"
    } else if is_unlisted(&["no encryption", "SSL off"]) {
        "if the server wants TLS, write sslmode=require"
    } else if failure.kind == FailureKind::Unavailable && said.contains("closed") || said.contains("unexpected message")
    {
        "is it PostgreSQL that answers there?"
    } else {
        ""
    };
    let added = [advice, hint.filter(|_| failure.kind == FailureKind::Denied).unwrap_or_default()];
    let added: Vec<&str> = added.into_iter().filter(|text| !text.is_empty()).collect();
    if added.is_empty() {
        failure
    } else {
        Failure { message: format!("{}; {}", failure.message, added.join("; ")), ..failure }
    }
}

/// The failure of a statement: why comes first, because a statement may be long.
pub(super) fn statement_failure(error: Error, statement: &str) -> Failure {
    /// Enough to know it again.
    const SHOWN: usize = 80;
    let shown: String = statement.chars().take(SHOWN).collect();
    let more = if shown.len() < statement.len() { "..." } else { "" };
    let message = format!("postgres: {}, to `{shown}{more}`", words(&error));
    let failure = failure(error, &shown);
    if failure.kind == FailureKind::Exists { failure } else { Failure { message, ..failure } }
}

/// The failure of a reply that is longer than any of ours.
pub(super) fn too_long(what: &dyn Display) -> Failure {
    Failure::broken(format!("postgres: {what}: the reply is longer than {LONGEST_REPLY_BYTES} bytes"))
}

/// The code with which the server refused; none if it was not the server.
pub(super) fn code(failure: &Failure) -> Option<&str> {
    let error = failure.source.as_deref()?.downcast_ref::<Error>()?;
    error.as_db_error().map(|reported| reported.code().code())
}

/// Whether it was the server that refused: it undoes a transaction then.
pub(super) fn is_refusal(failure: &Failure) -> bool {
    code(failure).is_some()
}

/// Codes: postgresql.org/docs/current/errcodes-appendix.html.
fn kind_of(code: &str) -> FailureKind {
    match code {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => FailureKind::Conflict,
        // unique_violation: keys are the only thing that is unique
        "23505" => FailureKind::Exists,
        // query_canceled (statement_timeout), lock_not_available (lock_timeout), transaction_timeout
        "57014" | "55P03" | "25P04" => FailureKind::Timeout,
        // invalid_catalog_name (no such database), insufficient_privilege, read_only_sql_transaction
        "3D000" | "42501" | "25006" => FailureKind::Denied,
        // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped, idle_session_timeout, and the same for an
        // idle transaction: the server ends the connection
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" => FailureKind::Unavailable,
        _ if code.starts_with("28") => FailureKind::Denied, // invalid authorization, wrong password
        _ if code.starts_with("08") => FailureKind::Unavailable, // connection exceptions
        _ if code.starts_with("53") => FailureKind::Overload, // too many connections, disk full, out of memory
        _ => FailureKind::Broken,
    }
}

/// The crate tells its kinds of errors apart by their words alone.
fn kind_without_answer(error: &Error) -> FailureKind {
    let words = error.to_string();
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| words.starts_with(beginning));
    if error.is_closed() || begins(&["error communicating", "error connecting", "error performing TLS", "timeout"]) {
        FailureKind::Unavailable
    } else if begins(&["authentication error", "invalid configuration"]) {
        FailureKind::Denied
    } else {
        FailureKind::Broken
    }
}

/// The words of the server, or those of the crate with their cause.
pub(super) fn words(error: &Error) -> String {
    if let Some(reported) = error.as_db_error() {
        let detail = reported.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("{}{detail} [{}]", reported.message(), reported.code().code());
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
