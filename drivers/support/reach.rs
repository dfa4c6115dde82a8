//! Why a server cannot be reached, in words: those of the system name neither the server nor what to do.

use std::fmt::Display;
use std::io::{Error, ErrorKind};

/// What a connection to a place (a host and a port, or a socket's path) failed with.
pub(crate) fn unreachable(place: &dyn Display, error: &Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => format!("nothing listens at {place} (connection refused)"),
        ErrorKind::NotFound => format!("there is no socket at {place}"),
        ErrorKind::PermissionDenied => format!("{place} may not be used by this user (permission denied)"),
        // What the standard library says of a name that is not found: it has no kind of its own.
        _ if error.to_string().contains("failed to lookup address") => {
            format!("the name of the host of {place} is not known: check it ({})", cause(error))
        }
        _ => format!("{place} cannot be reached: {error}"),
    }
}

/// The system's own words, behind those of the standard library.
fn cause(error: &Error) -> String {
    let words = error.to_string();
    words.rsplit_once(": ").map_or(words.clone(), |(_, last)| last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_said_with_where() {
        let said = |error: Error| unreachable(&"db:5432", &error);
        assert_eq!(said(ErrorKind::ConnectionRefused.into()), "nothing listens at db:5432 (connection refused)");
        let lookup = Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(said(lookup), "the name of the host of db:5432 is not known: check it (Name or service not known)");
        assert_eq!(said(Error::other("it rains")), "db:5432 cannot be reached: it rains");
    }
}
