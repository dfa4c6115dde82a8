//! Passwords from a file of libpq: `hostname:port:database:username:password` a line, of which the first that fits counts
//! (postgresql.org/docs/current/libpq-pgpass.html).

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a password is looked for with.
pub(super) struct Wanted<'a> {
    /// The host's name, or the folder of a socket.
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// The default folders of sockets, whose host a password file calls `localhost`.
const USUAL_SOCKETS: [&str; 3] = ["/tmp", "/var/run/postgresql", "/run/postgresql"];

/// The password in a file, if there is such a file and it has one. As in libpq, a file that others may read is not used: that
/// is the error, in words that follow a refusal.
pub(super) fn find(file: &Path, wanted: &Wanted<'_>) -> Result<Option<String>, String> {
    let Ok(facts) = std::fs::metadata(file) else { return Ok(None) };
    if !facts.is_file() {
        return Ok(None);
    }
    if facts.mode() & 0o077 != 0 {
        return Err(format!("{} was not used, because others may read it: chmod 600", file.display()));
    }
    let read = std::fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    Ok(String::from_utf8_lossy(&read)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| wanted.matched(line)))
}

impl Wanted<'_> {
    /// The password of a line that fits.
    fn matched(&self, line: &str) -> Option<String> {
        let host = if USUAL_SOCKETS.contains(&self.host) { "localhost" } else { self.host };
        let port = self.port.to_string();
        let mut rest = line;
        for wanted in [host, &port, self.database, self.user] {
            let (field, after) = field(rest)?;
            // Only a bare star fits everything: one after a backslash is a star.
            if field != wanted && !rest.starts_with("*:") {
                return None;
            }
            rest = after;
        }
        Some(unescaped(rest))
    }
}

/// The text before the next colon that no backslash stands before, and what follows it.
fn field(text: &str) -> Option<(String, &str)> {
    let mut is_escaped = false;
    let end = text.find(|c| {
        let ends = c == ':' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })?;
    Some((unescaped(&text[..end]), &text[end + 1..]))
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        // A backslash at the end is one.
        out.push(if c == '\\' { characters.next().unwrap_or(c) } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const WANTED: Wanted<'static> = Wanted { host: "db", port: 5432, database: "app", user: "ada" };

    fn found(content: &str, wanted: &Wanted<'_>) -> Option<String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), content).expect("written");
        find(file.path(), wanted).expect("a file of ours")
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let found = |content| found(content, &WANTED);
        assert_eq!(found("db:5432:app:ada:one\n*:*:*:*:two\n").as_deref(), Some("one"));
        assert_eq!(found("*:*:*:*:two\ndb:5432:app:ada:one\n").as_deref(), Some("two"));
        assert_eq!(found("other:*:*:*:no\n*:5433:*:*:no\n*:*:b:*:no\n*:*:*:bob:no\n").as_deref(), None);
        assert_eq!(found("# db:5432:app:ada:no\n\nnonsense\n*:*:*:ada:yes\r\n").as_deref(), Some("yes"));
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        let wanted = Wanted { host: "fe80::1", user: "a*", ..WANTED };
        assert_eq!(found(r"fe80\:\:1:5432:app:a*:p\:w\\:d", &wanted).as_deref(), Some(r"p:w\:d"));
        assert_eq!(found(r"\*:5432:app:a*:no", &wanted), None, "a star that is no wildcard");
    }

    #[test]
    fn behind_the_usual_sockets_is_localhost() {
        let at = |host| Wanted { host, ..WANTED };
        assert_eq!(found("localhost:*:*:*:yes", &at("/var/run/postgresql")).as_deref(), Some("yes"));
        assert_eq!(found("localhost:*:*:*:no\n/srv:*:*:*:yes", &at("/srv")).as_deref(), Some("yes"));
    }

    #[test]
    fn a_file_that_others_may_read_is_not_used() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "*:*:*:*:hunter2").expect("written");
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).expect("set");
        let unused = find(file.path(), &WANTED).expect_err("others may read it");
        assert!(unused.contains("chmod 600") && !unused.contains("hunter2"), "{unused}");
        assert_eq!(find(Path::new("/nowhere/at/all"), &WANTED), Ok(None));
    }
}
