//! Passwords in addresses: where they stand, so that nothing prints them.
//!
//! Where a password ends is not to be known if it may hold `/`, `?` or `#`, which end a URL's host too. So what is printed
//! hides all that may be a part of one.

use std::ops::Range;

/// In front of the hosts of these URLs, also with a word and `+` before them, a word without a colon is a password whose colon was forgotten. It is hidden in every
/// build, whichever stores it has.
const PASSWORD_ALONE: [&str; 5] = ["redis://", "rediss://", "valkey://", "valkeys://", "unix://"];

/// A text in which the passwords of URLs and of `key=value` options are replaced by `***`: for printing what a user
/// gave or a client library said. It rather hides too much than a part of a password too little.
pub fn redacted(text: &str) -> String {
    redacted_from(text, authority(text).unwrap_or(text.len()))
}

/// The same of a text whose user and password, if it has any, begin at `from`.
pub(super) fn redacted_from(text: &str, from: usize) -> String {
    let is_hidden = |before: &str| {
        let key = last_word(before);
        is_secret(key) || ["?env=", "&env="].iter().any(|env| before[..before.len() - key.len()].ends_with(env))
    };
    let values = text.match_indices('=').filter(|(at, _)| is_hidden(&text[..*at]));
    let values = values.map(|(at, _)| at + 1..end_of_value(text, at + 1));
    hide(text, &values.chain(password_from(text, from)).collect::<Vec<_>>())
}

/// Where the password of a URL stands, or of what lacks a URL's scheme.
pub fn password_in(url: &str) -> Option<Range<usize>> {
    password_from(url, authority(url).unwrap_or(0))
}

/// From the first colon to the last `@`, whatever stands between them: a password may hold anything.
pub(super) fn password_from(text: &str, from: usize) -> Option<Range<usize>> {
    let end = from + text[from..].rfind('@')?;
    match text[from..end].find(':') {
        Some(colon) => Some(from + colon + 1..end),
        None => PASSWORD_ALONE.iter().any(|scheme| text[..from].ends_with(scheme)).then_some(from..end),
    }
}

/// Where user, password and host of a URL begin.
pub(super) fn authority(text: &str) -> Option<usize> {
    text.find("://").map(|at| at + "://".len())
}

/// Whether the value of an option of this name is a secret.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // Values of MongoDB's `authMechanismProperties` hold a session token.
    key == "pass"
        || ["passw", "pwd", "token", "secret", "jwt", "credential", "authmech"].iter().any(|word| key.contains(word))
}

/// Where the next option begins; what holds no `=` still belongs to this one.
fn end_of_value(text: &str, from: usize) -> usize {
    let mut ends = text[from..].match_indices('&').map(|(at, _)| from + at);
    let begins_option = |end: &usize| text[end + 1..].split('&').next().is_some_and(|next| next.contains('='));
    ends.find(begins_option).unwrap_or(text.len())
}

fn last_word(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    &text[text.trim_end_matches(is_part).len()..]
}

/// The text with `***` in place of each of these parts, which may overlap.
fn hide(text: &str, parts: &[Range<usize>]) -> String {
    let mut shown = String::new();
    let mut was_hidden = false;
    for (at, c) in text.char_indices() {
        let is_hidden = parts.iter().any(|part| part.contains(&at));
        match (is_hidden, was_hidden) {
            (false, _) => shown.push(c),
            (true, false) => shown.push_str("***"),
            (true, true) => {}
        }
        was_hidden = is_hidden;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    #[test]
    fn what_is_no_password_is_printed() {
        for text in [
            "libsql:/home/ada@example/a.db",
            "postgres://ada@db:5432/app?sslmode=require",
            "redis: key user:ada@example: x=1 is not a number",
        ] {
            assert_eq!(redacted(text), text);
        }
        assert_eq!(
            "libsql:/home/ada@example/a.db".parse::<Address>().map(|a| a.to_string()).as_deref(),
            Ok("libsql:/home/ada@example/a.db")
        );
    }
}
