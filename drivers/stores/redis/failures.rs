//! What errors of the server and of its client mean.
//!
//! Codes: the first word of an error reply, redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors and the
//! texts of redis/src/server.c (createSharedObjects).

use std::fmt::Display;

use redis::{ErrorKind, RedisError, ServerError};

use crate::{Failure, FailureKind, redacted};

/// A failure of the client, or of an answer that it turned into its own error.
pub(super) fn failure(error: RedisError, what: &dyn Display) -> Failure {
    let kind = match error.kind() {
        ErrorKind::AuthenticationFailed => FailureKind::Denied,
        _ if error.is_timeout() => FailureKind::Timeout,
        ErrorKind::Io => FailureKind::Unavailable,
        // An answer that ends too early: the connection was cut within it.
        ErrorKind::Parse if error.to_string().contains("end of input") => FailureKind::Unavailable,
        _ => of_server(error.code().unwrap_or_default(), error.detail().unwrap_or_default()),
    };
    let words = match (error.kind(), kind) {
        (ErrorKind::Parse, FailureKind::Broken) => unparsed(&error.to_string()),
        _ => error.to_string(),
    };
    Failure::new(kind, redacted(&format!("redis: {what}: {words}"))).caused_by(error)
}

/// The first of a parser's words; the others, a line each, name bytes that it did not expect.
fn unparsed(words: &str) -> String {
    let first = words.lines().next().unwrap_or_default();
    format!("the server at this address is not Redis ({})", first.rsplit(" - ").next().unwrap_or(first))
}

/// As above while connecting: failing to connect means unavailable.
pub(super) fn unconnected(error: RedisError, what: &dyn Display) -> Failure {
    let failure = failure(error, what);
    match failure.kind {
        FailureKind::Timeout => Failure { kind: FailureKind::Unavailable, ..failure },
        FailureKind::Unavailable if failure.message.contains("CertificateRequired") => {
            Failure { message: failure.message + ": give ours by tls_cert and tls_key", ..failure }
        }
        // The database of the URL is chosen while the connection is made, and nothing else is asked then.
        FailureKind::Broken if failure.message.contains("database") => Failure { kind: FailureKind::Denied, ..failure },
        _ => failure,
    }
}

/// An error that the server answered to a command.
pub(super) fn refusal(error: ServerError, what: &dyn Display) -> Failure {
    failure(error.into(), what)
}

fn of_server(code: &str, words: &str) -> FailureKind {
    match code {
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => FailureKind::Denied,
        // Out of memory; cannot write its files; busy with somebody's script. Not applied, all of them.
        "OOM" | "MISCONF" | "BUSY" => FailureKind::Overload,
        // READONLY: a primary that was demoted while we were connected; a new connection may find the new one.
        // NOSCRIPT: the scripts of this session are gone (SCRIPT FLUSH, failover). A new session brings its own.
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "NOREPLICAS" | "READONLY" | "NOSCRIPT" | "TRYAGAIN" => {
            FailureKind::Unavailable
        }
        "ERR" if words.contains("max number of clients") => FailureKind::Overload,
        "ERR" if words.contains("DB index") => FailureKind::Denied,
        // What a script is told where a client is told NOPERM.
        "ERR" if words.contains("can't run this command") => FailureKind::Denied,
        _ => FailureKind::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_asks_for_a_certificate_is_told_with_the_options_for_it() {
        let alert = std::io::Error::other("received fatal alert: CertificateRequired");
        let failure = unconnected(alert.into(), &"host:1");
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
            assert_eq!(of_server(code, words), kind, "{code} {words}");
        }
    }
}
