//! What makes foreign text harmless in a document: names, versions, settings and messages come from stores, files and
//! command lines. The templates apply these to everything that they insert (`askama.toml`); nothing is laid out here.

use std::fmt::{self, Write};

use askama::filters::Escaper;
use drivers::{is_unprintable, printable_lines};

/// For HTML, in text and in quoted attributes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Html;

/// For one line of GitHub's Markdown, also within a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Markdown;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        askama::filters::Html.write_escaped_str(&mut dest, &printable_lines(text))
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
                _ if is_unprintable(sign) => dest.write_char(char::REPLACEMENT_CHARACTER)?,
                _ => dest.write_char(sign)?,
            }
        }
        Ok(())
    }
}

/// What templates apply to code in Markdown, which is escaped by its fence and not sign by sign.
pub mod filters {
    use askama::Values;
    use askama::filters::Safe;

    /// A code span: what the text is, letter by letter.
    #[askama::filter_fn]
    pub fn code(text: impl AsRef<str>, _: &dyn Values) -> askama::Result<Safe<String>> {
        Ok(Safe(super::code_span(text.as_ref())))
    }

    /// A fenced block of code in a language.
    #[askama::filter_fn]
    pub fn block(text: impl AsRef<str>, _: &dyn Values, language: &str) -> askama::Result<Safe<String>> {
        Ok(Safe(super::code_block(text.as_ref(), language)))
    }
}

fn code_span(text: &str) -> String {
    let line = printable_lines(text).replace(['\n', '\t'], " ").replace('|', "\\|");
    let fence = "`".repeat(longest_run(&line) + 1);
    // A space on either side is dropped again, and keeps a backtick of the text from joining the fence.
    let apart = if line.contains('`') || line.trim() != line { " " } else { "" };
    format!("{fence}{apart}{line}{apart}{fence}")
}

/// No line of the text can close its fence.
fn code_block(text: &str, language: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", printable_lines(text).trim_end())
}

fn longest_run(text: &str) -> usize {
    text.split(|sign| sign != '`').map(str::len).max().unwrap_or(0)
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
        assert_eq!(code_block("ls\n```\nrm", "sh"), "````sh\nls\n```\nrm\n````");
    }
}
