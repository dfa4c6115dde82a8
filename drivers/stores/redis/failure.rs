//! What errors of the server and of the client library mean.
//!
//! Codes: the first word of an error reply, redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors and the
//! texts of redis/src/server.c (createSharedObjects).

use std::fmt::Display;

use redis::{ErrorKind, RedisError, ServerError};

use crate::{Failure, FailureKind, redacted};

/// An error of the client library, or an error reply that the library turned into one.
pub(super) fn client_failure(error: RedisError, what: impl Display) -> Failure {
    let kind = match error.kind() {
        ErrorKind::AuthenticationFailed => FailureKind::Denied,
        _ if error.is_timeout() => FailureKind::Timeout,
        ErrorKind::Io => FailureKind::Unavailable,
        // An answer that ends too early: the connection was cut within it.
        ErrorKind::Parse if error.to_string().contains("end of input") => FailureKind::Unavailable,
        _ => kind_of(error.code().unwrap_or_default(), error.detail().unwrap_or_default()),
    };
    let words = match (error.kind(), kind) {
        (ErrorKind::Parse, FailureKind::Broken) => {
            // The parser's first line; the others, a line each, name bytes that it did not expect.
            let words = error.to_string();
            let first = words.lines().next().unwrap_or_default();
            format!("the server at this address is not Redis ({})", first.rsplit(" - ").next().unwrap_or(first))
        }
        _ => error.to_string(),
    };
    Failure::new(kind, redacted(&format!("redis: {what}: {words}"))).caused_by(error)
}

/// An error while connecting: a connection that is not made in time is unavailable.
pub(super) fn connect_failure(error: RedisError, what: impl Display) -> Failure {
    let words = error.to_string();
    let failure = client_failure(error, what);
    match failure.kind {
        FailureKind::Timeout => Failure { kind: FailureKind::Unavailable, ..failure },
        FailureKind::Unavailable if words.contains("CertificateRequired") => {
            Failure { message: failure.message + ": give ours by tls_cert and tls_key", ..failure }
        }
        FailureKind::Unavailable => {
            Failure { message: failure.message + ": is it Redis that answers there?", ..failure }
        }
        // The database of the URL is chosen while the connection is made, and nothing else is asked then.
        FailureKind::Broken if words.contains("database") => Failure { kind: FailureKind::Denied, ..failure },
        _ => failure,
    }
}

/// An error reply within a pipeline or a transaction.
pub(super) fn server_failure(error: ServerError, what: impl Display) -> Failure {
    client_failure(error.into(), what)
}

/// The first word of the error reply, if it was one.
pub(super) fn code(failure: &Failure) -> Option<&str> {
    failure.source.as_deref()?.downcast_ref::<RedisError>()?.code()
}

/// What the first word of an error reply means, or the others where that word is only `ERR`.
fn kind_of(code: &str, words: &str) -> FailureKind {
    match code {
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => FailureKind::Denied,
        // Out of memory; unable to write its files; busy with another client's script. None of them is applied.
        "OOM" | "MISCONF" | "BUSY" => FailureKind::Overload,
        // READONLY: a primary that was demoted while we were connected; a new connection may find the new one.
        // NOSCRIPT: the scripts of this session are gone (SCRIPT FLUSH, failover). A new session brings its own.
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "NOREPLICAS" | "READONLY" | "NOSCRIPT" | "TRYAGAIN" => {
            FailureKind::Unavailable
        }
        "ERR" if words.contains("max number of clients") => FailureKind::Overload,
        "ERR" if words.contains("DB index") => FailureKind::Denied,
        // What a script gets where a client gets NOPERM.
        "ERR" if words.contains("can't run this command") => FailureKind::Denied,
        _ => FailureKind::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_asks_for_a_certificate_is_reported_with_the_options_for_it() {
        let alert = std::io::Error::other("received fatal alert: CertificateRequired");
        let failure = connect_failure(alert.into(), "host:1");
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert!(failure.message.ends_with("CertificateRequired: give ours by tls_cert and tls_key"), "{failure}");
    }

    #[test]
    fn answers_are_told_apart_by_their_first_word() {
        for (kind, code, words) in [
            (FailureKind::Denied, "NOAUTH", "Authentication required."),
            (FailureKind::Denied, "WRONGPASS", "invalid username-password pair or user is disabled."),
            (FailureKind::Denied, "NOPERM", "this user has no permissions to run the 'hset' command"),
            (FailureKind::Unavailable, "READONLY", "You can't write against a read only replica."),
            (FailureKind::Denied, "ERR", "DB index is out of range"),
            (
                FailureKind::Denied,
                "ERR",
                "The user executing the script can't run this command or subcommand script: x",
            ),
            (FailureKind::Overload, "OOM", "command not allowed when used memory > 'maxmemory'."),
            (FailureKind::Overload, "MISCONF", "Errors writing to the AOF file: No space left on device"),
            (FailureKind::Overload, "ERR", "max number of clients reached"),
            (FailureKind::Unavailable, "LOADING", "Redis is loading the dataset in memory"),
            (FailureKind::Unavailable, "NOSCRIPT", "No matching script. Please use EVAL."),
            (FailureKind::Broken, "WRONGTYPE", "Operation against a key holding the wrong kind of value"),
            (FailureKind::Broken, "ERR", "unknown command 'X'"),
        ] {
            assert_eq!(kind_of(code, words), kind, "{code} {words}");
        }
    }
}
