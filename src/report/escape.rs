//! What makes foreign text harmless in a document: names, versions, settings and messages come from stores, files and
//! command lines. The templates apply these to everything that they insert (`askama.toml`); nothing is laid out here.

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// For HTML, in text and in quoted attributes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Html;

/// For one line of GitHub's Markdown, also within a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Markdown;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        for (at, piece) in text.split(is_unshown).enumerate() {
            if at > 0 {
                dest.write_char(char::REPLACEMENT_CHARACTER)?;
            }
            askama::filters::Html.write_escaped_str(&mut dest, piece)?;
        }
        Ok(())
    }
}

impl Escaper for Markdown {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        for sign in text.chars() {
            match sign {
                '\n' | '\r' | '\t' => dest.write_char(' ')?,
                '<' => dest.write_str("&lt;")?,
                '>' => dest.write_str("&gt;")?,
                '&' => dest.write_str("&amp;")?,
                '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '!' => write!(dest, "\\{sign}")?,
                _ if is_unshown(sign) => dest.write_char(char::REPLACEMENT_CHARACTER)?,
                _ => dest.write_char(sign)?,
            }
        }
        Ok(())
    }
}

/// A Markdown code span: what the text is, letter by letter.
pub fn code_span(text: &str) -> String {
    let line = text.replace(['\n', '\r', '\t'], " ").replace(is_unshown, "\u{fffd}").replace('|', "\\|");
    let fence = "`".repeat(longest_run(&line, '`') + 1);
    // A space on either side is dropped again, and keeps a backtick of the text from joining the fence.
    if line.contains('`') || line.trim() != line { format!("{fence} {line} {fence}") } else { format!("{fence}{line}{fence}") }
}

/// A fence that no line of the text can close.
pub fn code_fence(text: &str) -> String {
    "`".repeat(longest_run(text, '`').max(2) + 1)
}

fn longest_run(text: &str, sign: char) -> usize {
    text.split(|other| other != sign).map(str::len).max().unwrap_or(0)
}

/// Controls, which documents may not hold, and the marks that turn the direction of the text after them.
pub fn is_unshown(sign: char) -> bool {
    sign.is_control() && !matches!(sign, '\n' | '\r' | '\t')
        || matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escaper: impl Escaper, text: &str) -> String {
        let mut into = String::new();
        escaper.write_escaped_str(&mut into, text).expect("a string takes everything");
        into
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(escaped(Html, "<script>'\"&\u{0}\u{202e}a\n"), "&#60;script&#62;&#39;&#34;&#38;\u{fffd}\u{fffd}a\n");
        assert_eq!(escaped(Markdown, "a|b\n# *c* <i> ![d](e)"), r"a\|b \# \*c\* &lt;i&gt; \!\[d\](e)");
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(code_span("SELECT 1"), "`SELECT 1`");
        assert_eq!(code_span("a `` b\n| c"), "``` a `` b \\| c ```");
        assert_eq!([code_fence("plain"), code_fence("````")], ["```", "`````"]);
    }
}
