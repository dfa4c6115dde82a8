//! A TOML document while it is read: every value knows its key and its place, and keys outside a declared list are
//! errors. What the keys mean is not here.

use super::error::WorkloadError;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Files above this are refused unread: no workload comes near it, and noise should be answered at once.
pub(super) const LARGEST_BYTES: usize = 1 << 20;

/// What is wrong at one place of the document; its line is looked up once it is known to be the answer.
#[derive(Debug)]
pub(super) struct Fault {
    at: usize,
    key: String,
    problem: String,
}

/// The result of reading something.
pub(super) type Reading<T> = Result<T, Fault>;

/// Reads a document with `read`, which is given its top-level table.
pub(super) fn read<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(Section<'_>) -> Reading<T>,
) -> Result<T, WorkloadError> {
    let parsed = if text.len() > LARGEST_BYTES {
        let problem = format!("the text is too long; a workload has at most {LARGEST_BYTES} bytes");
        Err(Fault { at: 0, key: String::new(), problem })
    } else {
        DeTable::parse(text).map_err(|error| Fault {
            at: error.span().map_or(0, |span| span.start),
            key: String::new(),
            problem: format!("not TOML: {}", error.message()),
        })
    };
    let result = parsed.and_then(|root| read(Section { key: String::new(), at: 0, table: root.get_ref() }));
    result.map_err(|Fault { at, key, problem }| {
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
    pub fn only(&self, known: &[&str]) -> Reading<()> {
        match self.entries().into_iter().find(|(name, _)| !known.contains(name)) {
            None => Ok(()),
            Some((name, item)) => Err(item.fault(not_one_of("an unknown key", name, known))),
        }
    }

    /// The value of a key, if it is there.
    pub fn find(&self, name: &str) -> Option<Item<'a>> {
        let (key, value) = self.table.get_key_value(name)?;
        Some(Item { key: self.path(name), at: key.span().start, value })
    }

    /// The value of a key that must be there.
    pub fn need(&self, name: &str) -> Reading<Item<'a>> {
        self.find(name).ok_or_else(|| self.fault(format!("`{name}` is missing; it has to be written")))
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

    /// Something is wrong with the table as a whole.
    pub fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault { at: self.at, key: self.key.clone(), problem: problem.into() }
    }

    fn path(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_string() } else { format!("{}.{name}", self.key) }
    }
}

impl<'a> Item<'a> {
    /// Something is wrong with this value.
    pub fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault { at: self.at, key: self.key.clone(), problem: problem.into() }
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

    /// A string. None with NUL, where texts end for some stores.
    pub fn text(&self) -> Reading<&'a str> {
        let text = self.value.get_ref().as_str().ok_or_else(|| self.wanted("a text in quotes"))?;
        match text.contains('\0') {
            false => Ok(text),
            true => Err(self.fault("it holds the character NUL, which not every store keeps in a text; leave it out")),
        }
    }

    /// True or false.
    pub fn flag(&self) -> Reading<bool> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wanted("true or false"))
    }

    /// A 64-bit integer.
    pub fn integer(&self) -> Reading<i64> {
        let number = self.value.get_ref().as_integer().ok_or_else(|| self.wanted("a whole number"))?;
        i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| self.fault("the number does not fit into 64 bits; write a smaller one"))
    }

    /// A finite number, whole or not.
    pub fn number(&self) -> Reading<f64> {
        let number = match self.value.get_ref() {
            DeValue::Integer(_) => self.integer()? as f64,
            DeValue::Float(number) => number.as_str().parse().unwrap_or(f64::NAN),
            _ => return Err(self.wanted("a number")),
        };
        if number.is_finite() { Ok(number) } else { Err(self.wanted("a finite number")) }
    }

    /// An integer between two bounds, both included.
    pub fn integer_in(&self, min: i64, max: i64) -> Reading<i64> {
        let number = self.integer()?;
        if (min..=max).contains(&number) {
            return Ok(number);
        }
        Err(self.fault(format!("{number} is out of range; write a whole number from {min} to {max}")))
    }

    /// A number between two bounds, both included.
    pub fn number_in(&self, min: f64, max: f64) -> Reading<f64> {
        let number = self.number()?;
        if (min..=max).contains(&number) {
            return Ok(number);
        }
        Err(self.fault(format!("{number} is out of range; write a number from {min} to {max}")))
    }

    /// A number above 0.
    pub fn positive(&self) -> Reading<f64> {
        let number = self.number()?;
        if number > 0.0 {
            Ok(number)
        } else {
            Err(self.fault(format!("{number} is out of range; write a number above 0")))
        }
    }

    /// A length of time such as "250ms", "10s" or "1h 30m", in milliseconds; at most a century.
    pub fn duration_ms(&self) -> Reading<i64> {
        const CENTURY_MS: u128 = 100 * 366 * 86_400_000;
        let millis = humantime::parse_duration(self.text()?).ok().map(|length| length.as_millis());
        match millis.filter(|millis| (1..=CENTURY_MS).contains(millis)) {
            Some(millis) => Ok(millis as i64),
            None => Err(self.wanted("a length of time from \"1ms\" to a century, such as \"30s\" or \"6h\"")),
        }
    }

    /// A date or a date and time, UTC unless it says otherwise, in milliseconds since the epoch.
    pub fn instant_ms(&self) -> Reading<i64> {
        let written = self.value.get_ref().as_datetime().ok_or_else(|| self.wanted("a date such as 2026-01-01"))?;
        let date = written.date.ok_or_else(|| self.wanted("a date such as 2026-01-01"))?;
        let time = written.time.map_or("00:00:00".into(), |time| time.to_string());
        let offset = written.offset.map_or("Z".into(), |offset| offset.to_string());
        let instant: Result<jiff::Timestamp, _> = format!("{date}T{time}{offset}").parse();
        instant.ok().map(jiff::Timestamp::as_millisecond).filter(|millis| *millis >= 0).ok_or_else(|| {
            self.fault(format!("no instant that can be used; write one from 1970-01-01 to {}", last_instant()))
        })
    }

    /// A table.
    pub fn section(&self) -> Reading<Section<'a>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Section { key: self.key.clone(), at: self.at, table }),
            _ => Err(self.wanted("a table")),
        }
    }

    /// The values of a list.
    pub fn items(&self) -> Reading<Vec<Item<'a>>> {
        let list = self.value.get_ref().as_array().ok_or_else(|| self.wanted("a list in [brackets]"))?;
        let item = |(at, value): (usize, &'a Spanned<_>)| Item {
            key: format!("{}[{at}]", self.key),
            at: value.span().start,
            value,
        };
        Ok(list.iter().enumerate().map(item).collect())
    }

    /// One of a closed list of names; gives its position.
    pub fn one_of(&self, known: &[&str]) -> Reading<usize> {
        let name = self.text()?;
        let known_at = known.iter().position(|one| *one == name);
        known_at.ok_or_else(|| self.fault(not_one_of("not allowed here", name, known)))
    }

    /// Anything that serde can read.
    pub fn parse<T: Deserialize<'a>>(&self) -> Reading<T> {
        T::deserialize(ValueDeserializer::from(self.value.clone())).map_err(|error| Fault {
            at: error.span().map_or(self.at, |span| span.start),
            key: self.key.clone(),
            problem: error.message().to_string(),
        })
    }

    /// The value has the wrong type.
    fn wanted(&self, what: &str) -> Fault {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.fault(format!("found {found}; write {what}"))
    }
}

/// The last instant that can be written, to the second: the year 9999 in every time zone.
pub(super) fn last_instant() -> String {
    jiff::Timestamp::MAX.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The sentence for a name outside a list: the one that was probably meant, or else all of them.
pub(super) fn not_one_of(what: &str, name: &str, known: &[&str]) -> String {
    let name = &clipped(name);
    match known.iter().find(|one| is_typo_of(name, one)) {
        Some(meant) => format!("`{name}` is {what}; did you mean `{meant}`?"),
        None if known.is_empty() => format!("`{name}` is {what}; there is none"),
        None => format!("`{name}` is {what}; write one of {}", known.join(", ")),
    }
}

/// What of a text can stand in a sentence: its beginning, without control characters.
fn clipped(text: &str) -> String {
    const LONGEST: usize = 60;
    let clean: String = text.chars().take(LONGEST).map(|c| if drivers::is_unprintable(c) { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() { clean + "..." } else { clean }
}

/// Whether two words differ in at most one changed, missing, additional or swapped pair of letters.
fn is_typo_of(word: &str, known: &str) -> bool {
    let (word, known) = (word.as_bytes(), known.as_bytes());
    let same_start = word.iter().zip(known).take_while(|(a, b)| a == b).count();
    let same_end =
        |word: &[u8], known: &[u8]| word.iter().rev().zip(known.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&word[same_start..], &known[same_start..]);
    let end = same_end(a, b);
    let (a, b) = (&a[..a.len() - end], &b[..b.len() - end]);
    known.len() > 2 && (a.len().max(b.len()) <= 1 || (a.len() == 2 && b.len() == 2 && a[0] == b[1] && a[1] == b[0]))
}

#[cfg(test)]
mod tests {
    use super::is_typo_of;

    #[test]
    fn a_typo_is_one_letter_off_or_two_swapped() {
        for typo in ["wieght", "weigt", "weigght", "weighs"] {
            assert!(is_typo_of(typo, "weight"), "{typo}");
        }
        for other in ["", "weird", "height of", "table"] {
            assert!(!is_typo_of(other, "weight"), "{other}");
        }
    }
}
