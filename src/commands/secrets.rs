//! Passwords that stand on the command line, in an address or where an address was put by mistake: found once, and hidden
//! in all that is printed or recorded.

use std::sync::LazyLock;

/// Each secret, with what is shown in its place.
type Secrets = Vec<(String, String)>;

static OF_THIS_PROCESS: LazyLock<Secrets> =
    LazyLock::new(|| secrets_in(std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned())));

/// The text without the passwords of this process's command line.
pub fn redact(text: &str) -> String {
    replace_secrets(text, &OF_THIS_PROCESS)
}

fn replace_secrets(text: &str, secrets: &Secrets) -> String {
    secrets.iter().fold(
        text.to_owned(),
        |text, (secret, shown)| {
            if text.contains(secret) { text.replace(secret, shown) } else { text }
        },
    )
}

/// The secrets in these words, each with enough around it that nothing else is taken for it: `:hunter2@`. Each also appears
/// as messages quote it.
fn secrets_in(words: impl Iterator<Item = String>) -> Secrets {
    let mut secrets = Secrets::new();
    for word in words {
        for (secret, shown) in password(&word).into_iter().chain(secret_options(&word)) {
            let quoted = secret.escape_debug().to_string();
            if quoted != secret {
                secrets.push((quoted, shown.clone()));
            }
            secrets.push((secret, shown));
        }
    }
    // The longest first: a shorter one may be a part of it.
    secrets.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
    secrets
}

/// What is between the first colon and the last `@`, in a URL or in an address without its scheme. In front of a Redis
/// server a word without a colon is a password whose colon was forgotten.
fn password(word: &str) -> Option<(String, String)> {
    let place = drivers::password_in(word)?;
    let colon = if word[..place.start].ends_with(':') { ":" } else { "" };
    Some((format!("{colon}{}@", &word[place]), format!("{colon}***@")))
}

/// Options of a URL whose value is a secret, as the drivers know them: `password=hunter2`.
fn secret_options(word: &str) -> Vec<(String, String)> {
    let options = word.split(['?', '&']).filter(|option| option.contains('='));
    let hidden = options.map(|option| (option, drivers::redacted(option)));
    hidden.filter(|(option, shown)| option != shown).map(|(option, shown)| (option.to_owned(), shown)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str], text: &str) -> String {
        replace_secrets(text, &secrets_in(words.iter().map(ToString::to_string)))
    }

    #[test]
    fn a_password_is_hidden_wherever_it_was_put_and_however_it_comes_back() {
        let url = "postgres://ada:hun/ter\"2@db";
        assert_eq!(
            shown(&["report", url], &format!("cannot read {url}/x.json")),
            "cannot read postgres://ada:***@db/x.json"
        );
        // A path has lost a slash; a quotation has gained a backslash.
        assert_eq!(shown(&[url], "no postgres:/ada:hun/ter\"2@db"), "no postgres:/ada:***@db");
        assert_eq!(shown(&[url], &format!("no workload {url:?}")), "no workload \"postgres://ada:***@db\"");
        assert_eq!(shown(&["ada:hunter2@db"], "no workload \"ada:hunter2@db\""), "no workload \"ada:***@db\"");
        assert_eq!(shown(&["--out=redis://hunter2@db"], "to redis://hunter2@db"), "to redis://***@db");
        let option = "http://db?auth_token=hunter2&tls=1";
        assert_eq!(
            shown(&["--offer", option], &format!("no offer {option}")),
            "no offer http://db?auth_token=***&tls=1"
        );
    }

    #[test]
    fn a_text_without_them_is_as_it_was() {
        let table = "p99 <= 5 ms: met, 12:30 @ noon";
        assert_eq!(shown(&["run", "oltp", "--store", "postgres://ada:1@db"], table), table);
        assert_eq!(shown(&["run", "oltp", "--out", "out@home"], table), table);
    }
}
