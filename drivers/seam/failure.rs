//! Why an operation failed: a closed list of kinds, with the store's own words kept.

use thiserror::Error;

use crate::seam::printable::{one_line, without_error_numbers};
use crate::seam::secrets::without_secrets;

/// The longest reply that is taken to be one: more is a failure of the store, before it takes the suite's memory. The largest
/// of a workload is some 100 KB a record.
pub(crate) const LONGEST_REPLY_BYTES: usize = 64 << 20;

/// What kind of failure. The load engine retries only [`Conflict`](FailureKind::Conflict).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// Lost against a concurrent operation and was rolled back as a whole; the same again may succeed. Nothing that a
    /// store may have kept a part of ends so.
    Conflict,
    /// No answer in time; whether it was applied is unknown.
    Timeout,
    /// The store turned it away for lack of room or connections; not applied.
    Overload,
    /// The store knows no such user, password, database or privilege; not applied.
    Denied,
    /// The record that it names is not there.
    Missing,
    /// The key that it would add is taken.
    Exists,
    /// The store has no such operation.
    Unsupported,
    /// The store cannot be reached or the connection broke; whether it was applied is unknown.
    Unavailable,
    /// The store answered, with an error or with something that is not an answer.
    Broken,
}

impl FailureKind {
    /// All kinds, in declared order: the rows of a table of failures.
    pub const ALL: [FailureKind; 9] = [
        FailureKind::Conflict,
        FailureKind::Timeout,
        FailureKind::Overload,
        FailureKind::Denied,
        FailureKind::Missing,
        FailureKind::Exists,
        FailureKind::Unsupported,
        FailureKind::Unavailable,
        FailureKind::Broken,
    ];

    /// The word for it in results.
    pub fn name(self) -> &'static str {
        match self {
            FailureKind::Conflict => "conflict",
            FailureKind::Timeout => "timeout",
            FailureKind::Overload => "overload",
            FailureKind::Denied => "denied",
            FailureKind::Missing => "missing",
            FailureKind::Exists => "exists",
            FailureKind::Unsupported => "unsupported",
            FailureKind::Unavailable => "unavailable",
            FailureKind::Broken => "broken",
        }
    }

    /// Whether a write that failed so is known not to have been applied.
    pub fn left_no_trace(self) -> bool {
        !matches!(self, FailureKind::Timeout | FailureKind::Unavailable | FailureKind::Broken)
    }
}

/// What a failure after a limit of time that the suite's user sets says about this limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedLimit {
    /// Only how long it is.
    Length,
    /// What to do about it, too.
    Remedy,
}

/// Why an operation, or a step around it such as opening a store, did not succeed.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Failure {
    /// What decides whether it is tried again and what it left behind.
    pub kind: FailureKind,
    /// One sentence: what happened and where, without passwords.
    pub message: String,
    /// The limit of time that passed, if that is why.
    pub limit: Option<PassedLimit>,
    /// The client library's own error, where there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// A failure of a kind, with its sentence. It may hold what a server or a client library said: it is made one line that
    /// can be shown, without passwords.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let message = message.into();
        let message = one_line(&without_secrets(&without_error_numbers(&message)));
        Failure { kind, message, limit: None, source: None }
    }

    /// A store that a driver cannot reach within the limit of its opening, and whose sentence says how long that is.
    pub fn unreached(message: impl Into<String>) -> Self {
        Failure { limit: Some(PassedLimit::Length), ..Failure::new(FailureKind::Unavailable, message) }
    }

    /// The same with the client library's error kept beneath.
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Its sentence for a text that names the store's address already.
    pub fn without_address(&self, address: &str) -> String {
        let url = address.split('?').next().unwrap_or(address);
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let hosts = rest.split('/').next().unwrap_or_default();
        let hosts = hosts.rsplit('@').next().unwrap_or_default();
        let forms = [address.to_owned(), url.to_owned(), format!("{scheme}://{hosts}"), hosts.to_owned()];
        let forms = forms.iter().filter(|form| form.len() > "://".len());
        let forms = forms.map(|form| {
            [(format!(": {form}: "), ": "), (format!(" at {form} "), " there "), (format!(": {form} "), ": it ")]
        });
        forms.flatten().fold(self.message.clone(), |message, (named, instead)| message.replacen(&named, instead, 1))
    }

    /// The answer of every driver to an operation outside its declared capabilities.
    pub fn unsupported(store: &str, op: &crate::Op) -> Self {
        Failure::new(FailureKind::Unsupported, format!("{store} has no operation `{}`", op.verb()))
    }

    /// The answer of every driver to a group within a group, and to an operation that a transaction may not hold.
    pub fn misplaced(op: &crate::Op) -> Self {
        Failure::broken(format!("`{}` cannot be part of a group of operations of this kind", op.verb()))
    }

    /// The answer of every driver to an operation in a snapshot that does not only read.
    pub fn not_in_snapshot(op: &crate::Op) -> Self {
        Failure::broken(format!("`{}` cannot be part of a snapshot, in which a session only reads", op.verb()))
    }

    /// A record that should be there is not.
    pub fn missing(what: impl std::fmt::Display) -> Self {
        Failure::new(FailureKind::Missing, format!("{what} is not there"))
    }

    /// A key that should be free is taken.
    pub fn exists(what: impl std::fmt::Display) -> Self {
        Failure::new(FailureKind::Exists, format!("{what} is already there"))
    }

    /// Anything that is neither an answer nor one of the other kinds.
    pub fn broken(message: impl Into<String>) -> Self {
        Failure::new(FailureKind::Broken, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        // An escape sequence of a server must not reach the terminal.
        let said = "redis: Parse error at 1\n  Unexpected `H`\r\n\tExpected digit\u{1b}[0m\n";
        assert_eq!(Failure::broken(said).message, "redis: Parse error at 1 Unexpected `H` Expected digit\u{fffd}[0m");
        assert_eq!(Failure::broken("two  spaces stay").message, "two  spaces stay");
    }

    #[test]
    fn an_address_that_is_named_already_is_not_named_again() {
        for (address, message, left) in [
            (
                "postgres://db/x?a=1",
                "postgres: postgres://db/x: cannot connect: refused",
                "postgres: cannot connect: refused",
            ),
            ("redis://ada:***@db:1/0", "redis: db:1: refused", "redis: refused"),
            ("http://db:8080", "libsql-server: http://db:8080: refused", "libsql-server: refused"),
            (
                "mongodb://a:1,b:2/x",
                "mongodb: a:1 cannot be reached: refused",
                "mongodb: a:1 cannot be reached: refused",
            ),
            ("libsql", "libsql: no room: libsql: full", "libsql: no room: full"),
            ("redis", "redis: 127.0.0.1:5: refused", "redis: 127.0.0.1:5: refused"),
            ("redis://db:1", "redis: nothing listens at db:1 (refused)", "redis: nothing listens there (refused)"),
            ("rediss://db:1", "redis: db:1 does not speak TLS", "redis: it does not speak TLS"),
        ] {
            assert_eq!(Failure::broken(message).without_address(address), left);
        }
    }
}
