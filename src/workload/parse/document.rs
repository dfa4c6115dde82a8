//! A TOML document while it is read: every value knows its key and its position, and keys outside a declared list are
//! errors. What the keys mean is not known here.

use crate::spelling;
use crate::workload::error::WorkloadError;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Larger files are refused unread: no workload comes near this size, and noise should be answered at once.
pub(in crate::workload) const LARGEST_BYTES: usize = 1 << 20;

/// What is wrong at one position of the document; the line is looked up when the error is reported.
#[derive(Debug)]
pub(super) struct ParseError {
    at: usize,
    key: String,
    problem: String,
}

/// What was read, or what is wrong with it.
pub(super) type ParseResult<T> = Result<T, ParseError>;

/// Reads a document with `read`, which receives its top-level table.
pub(super) fn read<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(Section<'_>) -> ParseResult<T>,
) -> Result<T, WorkloadError> {
    let parsed = if text.len() > LARGEST_BYTES {
        let problem = format!("the text is too long; a workload has at most {LARGEST_BYTES} bytes");
        Err(ParseError { at: 0, key: String::new(), problem })
    } else {
        DeTable::parse(text).map_err(|error| ParseError {
            at: error.span().map_or(0, |span| span.start),
            key: String::new(),
            problem: format!("not TOML: {}", error.message()),
        })
    };
    let result = parsed.and_then(|root| read(Section { key: String::new(), at: 0, table: root.get_ref() }));
    result.map_err(|ParseError { at, key, problem }| {
        let key = clipped(&key);
        let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        WorkloadError::Malformed { file: file.into(), line, key, problem }
    })
}

/// A table of the document.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    key: String,
    at: usize,
    table: &'a DeTable<'a>,
}

/// A value of the document.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    key: String,
    at: usize,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Section<'a> {
    /// Refuses keys that are not in the list.
    pub fn only(&self, known: &[&str]) -> ParseResult<()> {
        match self.entries().into_iter().find(|(name, _)| !known.contains(name)) {
            None => Ok(()),
            Some((name, item)) => Err(item.error(unknown_name("an unknown key", name, known))),
        }
    }

    /// The value of a key, if it is there.
    pub fn find(&self, name: &str) -> Option<Item<'a>> {
        let (key, value) = self.table.get_key_value(name)?;
        Some(Item { key: self.path(name), at: key.span().start, value })
    }

    /// What `read` makes of the value of a key, if it is there.
    pub fn get<T>(&self, name: &str, read: impl FnOnce(&Item<'a>) -> ParseResult<T>) -> ParseResult<Option<T>> {
        self.find(name).map(|item| read(&item)).transpose()
    }

    /// What `read` makes of the value of a key, or else the default.
    pub fn get_or<T>(&self, name: &str, default: T, read: impl FnOnce(&Item<'a>) -> ParseResult<T>) -> ParseResult<T> {
        Ok(self.get(name, read)?.unwrap_or(default))
    }

    /// The value of a key that must be there.
    pub fn need(&self, name: &str) -> ParseResult<Item<'a>> {
        self.find(name).ok_or_else(|| self.error(format!("`{name}` is missing; it has to be written")))
    }

    /// All values with their names, in the order in which they are written.
    pub fn entries(&self) -> Vec<(&'a str, Item<'a>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let named = entries.into_iter().map(|(name, value)| {
            let text: &str = name.get_ref();
            (text, Item { key: self.path(text), at: name.span().start, value })
        });
        named.collect()
    }

    /// An error that concerns the table as a whole.
    pub fn error(&self, problem: impl Into<String>) -> ParseError {
        ParseError { at: self.at, key: self.key.clone(), problem: problem.into() }
    }

    fn path(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_string() } else { format!("{}.{name}", self.key) }
    }
}

impl<'a> Item<'a> {
    /// An error that concerns this value.
    pub fn error(&self, problem: impl Into<String>) -> ParseError {
        ParseError { at: self.at, key: self.key.clone(), problem: problem.into() }
    }

    /// Whether it is a string.
    pub fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    /// Whether it is a list that starts with a string.
    pub fn is_list_of_texts(&self) -> bool {
        self.value.get_ref().as_array().is_some_and(|list| list.first().is_some_and(|first| first.get_ref().is_str()))
    }

    /// A string without NUL, at which texts end in some stores.
    pub fn text(&self) -> ParseResult<&'a str> {
        let text = self.value.get_ref().as_str().ok_or_else(|| self.type_error("a text in quotes"))?;
        match text.contains('\0') {
            false => Ok(text),
            true => Err(self.error("it holds the character NUL, which not every store keeps in a text; leave it out")),
        }
    }

    /// True or false, without quotes.
    pub fn flag(&self) -> ParseResult<bool> {
        self.value.get_ref().as_bool().ok_or_else(|| self.type_error("true or false"))
    }

    /// A whole number of 64 bits.
    pub fn integer(&self) -> ParseResult<i64> {
        let number = self.value.get_ref().as_integer().ok_or_else(|| self.type_error("a whole number"))?;
        i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| self.error("the number does not fit into 64 bits; write a smaller one"))
    }

    /// A finite number, whole or not.
    pub fn number(&self) -> ParseResult<f64> {
        let number = match self.value.get_ref() {
            DeValue::Integer(_) => self.integer()? as f64,
            DeValue::Float(number) => number.as_str().parse().unwrap_or(f64::NAN),
            _ => return Err(self.type_error("a number")),
        };
        if number.is_finite() { Ok(number) } else { Err(self.type_error("a finite number")) }
    }

    /// An integer between two bounds, both included.
    pub fn integer_in(&self, min: i64, max: i64) -> ParseResult<i64> {
        let number = self.integer()?;
        if (min..=max).contains(&number) {
            return Ok(number);
        }
        Err(self.error(format!("{number} is out of range; write a whole number from {min} to {max}")))
    }

    /// A number between two bounds, both included.
    pub fn number_in(&self, min: f64, max: f64) -> ParseResult<f64> {
        let number = self.number()?;
        if (min..=max).contains(&number) {
            return Ok(number);
        }
        Err(self.error(format!("{number} is out of range; write a number from {min} to {max}")))
    }

    /// A number above 0.
    pub fn positive(&self) -> ParseResult<f64> {
        let number = self.number()?;
        if number > 0.0 {
            Ok(number)
        } else {
            Err(self.error(format!("{number} is out of range; write a number above 0")))
        }
    }

    /// A length of time such as "250ms", "10s" or "1h 30m", in milliseconds; at most a century.
    pub fn duration_ms(&self) -> ParseResult<i64> {
        self.duration_ms_from(1)
    }

    /// The same of at least so many milliseconds.
    pub fn duration_ms_from(&self, least_ms: u128) -> ParseResult<i64> {
        const CENTURY_MS: u128 = 100 * 366 * 86_400_000;
        let millis = humantime::parse_duration(self.text()?).ok().map(|length| length.as_millis());
        match millis.filter(|millis| (least_ms..=CENTURY_MS).contains(millis)) {
            Some(millis) => Ok(millis as i64),
            None => Err(self.type_error(&format!(
                "a length of time from \"{least_ms}ms\" to a century, such as \"30s\" or \"6h\""
            ))),
        }
    }

    /// A date or a date and time, UTC unless it says otherwise, in milliseconds since the epoch.
    pub fn instant_ms(&self) -> ParseResult<i64> {
        let written = self.value.get_ref().as_datetime().ok_or_else(|| self.type_error("a date such as 2026-01-01"))?;
        let date = written.date.ok_or_else(|| self.type_error("a date such as 2026-01-01"))?;
        let time = written.time.map_or("00:00:00".into(), |time| time.to_string());
        let offset = written.offset.map_or("Z".into(), |offset| offset.to_string());
        let instant: Result<jiff::Timestamp, _> = format!("{date}T{time}{offset}").parse();
        instant.ok().map(jiff::Timestamp::as_millisecond).filter(|millis| *millis >= 0).ok_or_else(|| {
            self.error(format!("no instant that can be used; write one from 1970-01-01 to {}", last_instant()))
        })
    }

    /// The table that this value is.
    pub fn section(&self) -> ParseResult<Section<'a>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Section { key: self.key.clone(), at: self.at, table }),
            _ => Err(self.type_error("a table")),
        }
    }

    /// The values of a list.
    pub fn items(&self) -> ParseResult<Vec<Item<'a>>> {
        let list = self.value.get_ref().as_array().ok_or_else(|| self.type_error("a list in [brackets]"))?;
        let item = |(at, value): (usize, &'a Spanned<_>)| Item {
            key: format!("{}[{at}]", self.key),
            at: value.span().start,
            value,
        };
        Ok(list.iter().enumerate().map(item).collect())
    }

    /// The position of this text in a closed list.
    pub fn one_of(&self, known: &[&str]) -> ParseResult<usize> {
        self.position("not allowed here", self.text()?, known.iter().copied())
    }

    /// The position of a name among the known ones; `what` says what an unknown name is, as in "no table".
    pub fn position<'n>(&self, what: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> ParseResult<usize> {
        let known: Vec<_> = known.into_iter().collect();
        let position = known.iter().position(|other| *other == name);
        position.ok_or_else(|| self.error(unknown_name(what, name, &known)))
    }

    /// One of the words with which serde spells the variants of an enum.
    pub fn word<T: Deserialize<'a>>(&self) -> ParseResult<T> {
        let name = self.text()?;
        T::deserialize(name.into_deserializer())
            .map_err(|UnknownWord(known)| self.error(unknown_name("not allowed here", name, known)))
    }

    /// The error for a value of the wrong type.
    fn type_error(&self, expected: &str) -> ParseError {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("found {found}; write {expected}"))
    }
}

/// The last instant that can be written, to the second: the year 9999 in every time zone.
pub(super) fn last_instant() -> String {
    jiff::Timestamp::MAX.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The error of deserializing a word that is no variant of an enum: the words that are.
#[derive(Debug)]
struct UnknownWord(&'static [&'static str]);

impl serde::de::Error for UnknownWord {
    fn custom<T: fmt::Display>(_: T) -> Self {
        UnknownWord(&[])
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        UnknownWord(known)
    }
}

impl std::error::Error for UnknownWord {}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not one of {}", self.0.join(", "))
    }
}

/// The sentence for a name outside a list: it suggests the name that was probably meant, or else lists all of them.
pub(super) fn unknown_name(what: &str, name: &str, known: &[&str]) -> String {
    let name = &clipped(name);
    match spelling::meant(name, known.iter().copied()) {
        Some(meant) => format!("`{name}` is {what}; did you mean `{meant}`?"),
        None if known.is_empty() => format!("`{name}` is {what}; there is none"),
        None => format!("`{name}` is {what}; write one of {}", known.join(", ")),
    }
}

/// The beginning of a text without control characters, fit for a sentence.
fn clipped(text: &str) -> String {
    const LONGEST: usize = 60;
    let clean: String = text.chars().take(LONGEST).map(|c| if drivers::is_unprintable(c) { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() { clean + "..." } else { clean }
}

#[cfg(test)]
mod tests {
    use super::unknown_name;

    #[test]
    fn an_unknown_name_is_answered_with_the_one_that_is_meant_or_else_with_all() {
        let sentence = |name| unknown_name("an unknown key", name, &["table", "weight"]);
        assert_eq!(sentence("wieght"), "`wieght` is an unknown key; did you mean `weight`?");
        assert_eq!(sentence("colour"), "`colour` is an unknown key; write one of table, weight");
    }
}
