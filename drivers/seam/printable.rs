//! Text from outside, made fit to be shown: what servers, client libraries, files and records of other people say is printed
//! on terminals and written into tables. A terminal obeys escape sequences, an editor turns text around at a bidirectional
//! mark (CVE-2021-42574), and what has no width hides: none of it passes. Markup is escaped where documents are written.

use std::borrow::Cow;

/// What is shown in place of a sign that must not be.
const IN_PLACE: char = char::REPLACEMENT_CHARACTER;

/// Longer lines are cut. A version, a setting or an error that says more is not read to its end by anybody, and the time to
/// draw a chart grows with its texts.
const MOST_SIGNS: usize = 2_000;

/// Controls; the marks that turn the direction of text; signs without any width; and noncharacters. Joiners, which Persian
/// and emoji use, are among them: names that differ by one look alike.
pub fn is_unprintable(sign: char) -> bool {
    sign.is_control()
        || matches!(sign,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Foreign text as one line: line breaks with the space around them become one space, other signs that must not be shown
/// U+FFFD, and what is longer than 2,000 signs is cut.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(4 * MOST_SIGNS));
    let (mut signs, mut at_break) = (0, false);
    for sign in text.chars() {
        if matches!(sign, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            at_break = true;
            line.truncate(line.trim_end().len());
            continue;
        }
        if at_break && sign.is_whitespace() {
            continue;
        }
        if std::mem::take(&mut at_break) && !line.is_empty() {
            line.push(' ');
        }
        if signs == MOST_SIGNS {
            line.push('\u{2026}');
            break;
        }
        signs += 1;
        line.push(if is_unprintable(sign) { IN_PLACE } else { sign });
    }
    line
}

/// Foreign text of several lines, such as a file or a statement: line feeds and tabs are kept, other signs that must not be
/// shown become U+FFFD. A lone carriage return is one of them: it would write over its line.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let is_unshown = |sign: char| is_unprintable(sign) && !matches!(sign, '\n' | '\t');
    if !text.contains(is_unshown) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace(is_unshown, "\u{fffd}"))
}

/// A text without the numbers that Rust's standard library puts behind what the system says: `(os error 2)`.
pub fn without_error_numbers(text: &str) -> Cow<'_, str> {
    const BEFORE: &str = " (os error ";
    let Some((head, mut rest)) = text.split_once(BEFORE) else { return Cow::Borrowed(text) };
    let mut plain = head.to_owned();
    loop {
        let is_number = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        match rest.split_once(')').filter(|(number, _)| is_number(number)) {
            Some((_, after)) => rest = after,
            None => plain.push_str(BEFORE),
        }
        let Some((next, after)) = rest.split_once(BEFORE) else { return Cow::Owned(plain + rest) };
        plain.push_str(next);
        rest = after;
    }
}

/// An error and what caused it as one sentence. What an error says of its cause itself is not said again.
pub fn one_sentence(error: &dyn std::error::Error) -> String {
    let mut sentence = without_error_numbers(&error.to_string()).into_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        let text = without_error_numbers(&text);
        if !sentence.contains(text.as_ref()) {
            sentence = format!("{sentence}: {text}");
        }
        cause = error.source();
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_obeys_nobody() {
        assert_eq!(one_line("17.6 (Debian)  two  spaces stay"), "17.6 (Debian)  two  spaces stay");
        assert_eq!(
            one_line("\u{1b}[31mred\u{7} \u{202e}kcab\u{9b}2J"),
            "\u{fffd}[31mred\u{fffd} \u{fffd}kcab\u{fffd}2J"
        );
        assert_eq!(one_line("a \n\r\n  b\u{2028}c\u{85}\n"), "a b c");
        assert_eq!(one_line("zero\u{200b}width\u{feff}\u{e0041}"), "zero\u{fffd}width\u{fffd}\u{fffd}");
        assert_eq!(one_line(""), "");
    }

    #[test]
    fn a_line_is_cut_and_stays_whole_signs() {
        let cut = one_line(&"\u{65e5}".repeat(100_000));
        assert_eq!((cut.chars().count(), cut.chars().last()), (MOST_SIGNS + 1, Some('\u{2026}')));
        assert_eq!(one_line(&"x".repeat(MOST_SIGNS)).len(), MOST_SIGNS);
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(printable_lines("a = 1\r\n\tb\n"), "a = 1\n\tb\n");
        assert_eq!(printable_lines("kept\rhidden\u{1b}]0;title\u{7}"), "kept\u{fffd}hidden\u{fffd}]0;title\u{fffd}");
        assert!(matches!(printable_lines("nothing to do\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_error_is_one_sentence_without_numbers_and_repetitions() {
        let missing = || std::io::Error::from_raw_os_error(2);
        let failure = crate::Failure::broken(format!("redis: db: {}", missing())).caused_by(missing());
        assert_eq!(one_sentence(&failure), "redis: db: No such file or directory");
        let failure = crate::Failure::broken("redis: cannot read its file").caused_by(missing());
        assert_eq!(one_sentence(&failure), "redis: cannot read its file: No such file or directory");
        for (said, plain) in [
            ("a (os error 2): b (os error 111)", "a: b"),
            ("a (os error x) (os error 3)!", "a (os error x)!"),
            ("a (os error ", "a (os error "),
            ("(os error 2)", "(os error 2)"),
        ] {
            assert_eq!(without_error_numbers(said), plain);
        }
    }
}
