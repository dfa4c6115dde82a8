//! The format of Java's properties files. What the properties mean to YCSB is not known here.

use std::collections::BTreeMap;

/// Properties: the last value of each key.
pub(super) type Properties = BTreeMap<String, Property>;

/// The value of a property and where it stands.
pub(super) struct Property {
    pub origin: PropertyOrigin,
    pub value: String,
}

/// Where a property stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workload) enum PropertyOrigin {
    /// In a file, of which this is the position among the files, at a line, from 1.
    File(usize, usize),
    /// On the command line.
    Flag,
}

impl PropertyOrigin {
    /// Of a property that is written nowhere: where it would be looked for.
    pub(super) const UNWRITTEN: PropertyOrigin = PropertyOrigin::File(0, 1);
}

/// Why properties cannot be converted.
#[derive(Debug)]
pub(in crate::workload) struct PropertiesError {
    pub origin: PropertyOrigin,
    /// The property; empty if the text as a whole is meant.
    pub key: String,
    /// What is wrong and what to write instead.
    pub problem: String,
}

impl Property {
    pub fn error(&self, key: &str, problem: String) -> PropertiesError {
        PropertiesError { origin: self.origin, key: key.into(), problem }
    }
}

/// A key of any characters, made printable.
pub(super) fn printable(key: &str) -> String {
    key.chars().take(60).flat_map(char::escape_debug).collect()
}

/// Blanks of the format.
const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

/// Reads the format of `java.util.Properties.load`. Blanks after a value, which Java keeps and on which YCSB then stumbles,
/// are dropped. `file` is the position of the text among the files.
pub(super) fn parse(file: usize, text: &str) -> Result<Properties, PropertiesError> {
    /// Larger texts are refused unread: no such file comes near this, and noise should be answered at once.
    const LARGEST_BYTES: usize = 1 << 20;
    if text.len() > LARGEST_BYTES {
        let problem = format!("the text has {} bytes; a properties file has at most {LARGEST_BYTES}", text.len());
        return Err(PropertiesError { origin: PropertyOrigin::File(file, 1), key: String::new(), problem });
    }
    let text = text.replace("\r\n", "\n");
    let mut lines = (1..).zip(text.split(['\n', '\r']));
    let mut properties = Properties::new();
    while let Some((line, first)) = lines.next() {
        let first = first.trim_start_matches(BLANK);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = String::from(first);
        let mut continues = is_continued(first);
        while continues {
            logical.pop();
            let next = lines.next().map_or("", |(_, next)| next.trim_start_matches(BLANK));
            logical.push_str(next);
            continues = is_continued(next);
        }
        let (key, value) = split(&logical);
        let origin = PropertyOrigin::File(file, line);
        let malformed = |problem| PropertiesError { origin, key: printable(key), problem };
        let value = unescape(value).map_err(malformed)?.trim().into();
        properties.insert(unescape(key).map_err(malformed)?, Property { origin, value });
    }
    Ok(properties)
}

/// Whether a line ends with an odd number of backslashes, the last of which then joins the next line to it.
fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The key, up to the first `=`, `:` or blank that no backslash precedes, and the value.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || BLANK.contains(&c));
        escaped = !escaped && c == '\\';
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(BLANK);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(BLANK))
}

/// Resolves backslashes. Java's texts are UTF-16, so a pair of `\u` escapes can be one character.
fn unescape(text: &str) -> Result<String, String> {
    let mut units = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', None) => continue,
            ('\\', Some('u')) => {
                let digits: String = chars.by_ref().take(4).collect();
                let all_hex = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| all_hex);
                units.push(unit.ok_or("a `\\u` is not followed by four hexadecimal digits")?);
                continue;
            }
            ('\\', Some('t')) => '\t',
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('f')) => '\u{c}',
            ('\\', Some(other)) => other,
            (other, _) => other,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    Ok(String::from_utf16_lossy(&units))
}
