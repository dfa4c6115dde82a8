//! Passwords of this process, wherever they came from: known from the moment in which an address becomes a configuration, and
//! hidden in what servers and client libraries say.
//!
//! How they stand in an address, and how an address is shown, is in `redaction.rs`.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

/// The longest first: a shorter one may be a part of it.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// A shorter one would be found in half of all sentences.
const SHORTEST_BYTES: usize = 3;

/// A shorter one is hidden only where nothing that belongs to a word stands beside it.
const SHORTEST_WITHIN_WORDS_BYTES: usize = 6;

/// Has a password hidden from now on, unless it is also a word of what is shown, as `postgres` is where user and password are
/// the same.
pub(crate) fn learn(secret: &str, shown: &str) {
    if secret.len() < SHORTEST_BYTES || shown.contains(secret) {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if !known.iter().any(|other| other == secret) {
        known.push(secret.to_owned());
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }
}

/// A text with `***` in the place of the passwords that this process knows.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    without(&known, text)
}

fn without<'a>(secrets: &[String], text: &'a str) -> Cow<'a, str> {
    let mut shown = Cow::Borrowed(text);
    for secret in secrets.iter().filter(|secret| text.contains(*secret)) {
        shown = Cow::Owned(match secret.len() >= SHORTEST_WITHIN_WORDS_BYTES {
            true => shown.replace(secret, "***"),
            false => without_word(secret, &shown),
        });
    }
    shown
}

/// The same of a word, where it is not a part of a longer one.
fn without_word(word: &str, text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let is_part = before.ends_with(char::is_alphanumeric)
            || before.is_empty() && shown.ends_with(char::is_alphanumeric)
            || after.starts_with(char::is_alphanumeric);
        shown.push_str(before);
        shown.push_str(if is_part { word } else { "***" });
        rest = after;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hidden_in_words_if_it_is_long_and_else_beside_them() {
        let secrets = ["hunter22".to_owned(), "hunter2".into(), "cat".into()];
        for (said, shown) in [
            ("no user with hunter2", "no user with ***"),
            ("xhunter22x and hunter2", "x***x and ***"),
            ("`cat` is not a concatenation, cat!", "`***` is not a concatenation, ***!"),
            ("catcat cat", "catcat ***"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(without(&secrets, said), shown);
        }
    }

    #[test]
    fn what_is_shown_anyway_and_what_is_too_short_is_not_hidden() {
        learn("postgres-of-a-test", "postgres://postgres-of-a-test:***@db");
        learn("q7", "redis://db");
        assert_eq!(without_secrets("postgres-of-a-test q7"), "postgres-of-a-test q7");
        learn("a password of a test", "redis://db");
        assert_eq!(crate::Failure::broken("no: a password of a test").message, "no: ***");
    }
}
