//! Reads properties one by one; those that nobody has read are answered by warnings at the end.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::java::{Properties, PropertiesError, Property, PropertyOrigin, printable};
use super::keys;
use crate::spelling;
use crate::workload::note::{Note, NoteScope};

type ReadResult<T> = Result<T, PropertiesError>;

/// The properties that have not been read yet, and what has been said so far.
pub(super) struct PropertyReader {
    pub(super) unread: Properties,
    pub(super) notes: Vec<Note>,
    warnings: Vec<String>,
}

impl PropertyReader {
    pub(super) fn new(unread: Properties) -> Self {
        PropertyReader { unread, notes: Vec::new(), warnings: Vec::new() }
    }

    /// What is done otherwise than in YCSB, and warnings of all properties that have no effect.
    pub(super) fn into_notes_and_warnings(mut self) -> (Vec<Note>, Vec<String>) {
        let mut unknown = Vec::new();
        for (key, property) in std::mem::take(&mut self.unread) {
            match keys::instead_of(&key, &property.value) {
                Ok(instead) => self.warnings.extend(instead.map(|instead| sentence(&printable(&key), instead))),
                Err(keys::UnknownProperty) => unknown.push(key),
            }
        }
        for key in unknown.iter().take(MOST_UNKNOWN) {
            let hint = match spelling::meant(key, keys::known()) {
                Some(meant) => format!("; did you mean `{meant}`?"),
                // As bindings name their settings.
                None if key.contains('.') => "; what it says of a store is said with --store here".into(),
                None => String::new(),
            };
            let problem = format!("it is no property of YCSB's core workload and has no effect{hint}");
            self.warnings.push(sentence(&printable(key), problem));
        }
        if unknown.len() > MOST_UNKNOWN {
            self.warnings.push(format!("{} more unknown properties have no effect", unknown.len() - MOST_UNKNOWN));
        }
        (self.notes, self.warnings)
    }

    /// Notes that a property means something else here, for runs in `scope`.
    pub(super) fn note(&mut self, scope: NoteScope, key: &str, instead: impl Display) {
        self.notes.push(Note { scope, text: sentence(key, instead) });
    }

    /// Drops properties that have no effect beside the others, as in YCSB.
    pub(super) fn skip(&mut self, keys: &[&str]) {
        keys.iter().for_each(|key| drop(self.unread.remove(*key)));
    }

    pub(super) fn text(&mut self, key: &str, default: &str) -> String {
        self.unread.remove(key).map_or_else(|| default.into(), |property| property.value)
    }

    /// A name that every store takes: lower-case letters, digits and _, starting with a letter. At most 36 of them, which
    /// leaves room for the number of a field.
    pub(super) fn identifier(&mut self, key: &str, default: &str) -> String {
        let written = self.text(key, default);
        let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let name: String = written.chars().map(allowed).skip_while(|c| !c.is_ascii_lowercase()).take(36).collect();
        let name = if name.is_empty() { default.into() } else { name };
        if name != written {
            self.note(NoteScope::Always, key, format!("`{name}` is used instead, which every store takes for a name"));
        }
        name
    }

    pub(super) fn flag(&mut self, key: &str, default: bool) -> ReadResult<bool> {
        let Some(property) = self.unread.remove(key) else { return Ok(default) };
        match property.value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            // YCSB takes anything else for false, a misspelt `true` as well.
            _ => Err(property.error(key, format!("{:?} is neither true nor false", property.value))),
        }
    }

    /// One of several names, the first by default.
    pub(super) fn one_of(&mut self, key: &str, names: &[&'static str]) -> ReadResult<&'static str> {
        let Some(property) = self.unread.remove(key) else { return Ok(names[0]) };
        match names.iter().find(|name| **name == property.value) {
            Some(name) => Ok(name),
            None => {
                Err(property.error(key, format!("{:?} is unknown; write one of {}", property.value, names.join(", "))))
            }
        }
    }

    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        key: &str,
        default: T,
        range: RangeInclusive<T>,
    ) -> ReadResult<T> {
        let unwritten = || Property { origin: PropertyOrigin::UNWRITTEN, value: default.to_string() };
        let property = self.unread.remove(key).unwrap_or_else(unwritten);
        match property.value.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => {
                let (least, most) = range.into_inner();
                Err(property.error(key, format!("{:?} is not a number from {least} to {most}", property.value)))
            }
        }
    }
}

fn sentence(key: &str, text: impl Display) -> String {
    format!("key `{key}`: {text}")
}

/// Unknown properties that are warned of by name; the others are counted.
pub(super) const MOST_UNKNOWN: usize = 100;
