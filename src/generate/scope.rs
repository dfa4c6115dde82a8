//! What the steps of an operation refer to: its draws, and the way along a path to one value of them.

use crate::workload::{Root, ValuePath};
use drivers::{Key, Record, Value};

/// A value or record that an operation drew, and the memory of the one before.
#[derive(Debug, Default)]
pub(super) struct DrawnValue {
    pub value: Value,
    pub record: Record,
    pub key: Key,
    pub key_value: Value,
}

/// What a step can refer to.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub draws: &'a [DrawnValue],
    pub each: Option<&'a Value>,
}

impl<'a> Scope<'a> {
    /// What a path leads to. Places behind the end of a list mean its last member.
    pub fn value(self, path: &ValuePath) -> Option<&'a Value> {
        let mut at = path.at.iter();
        let start = match path.root {
            Root::Each => self.each?,
            Root::Key(draw) => &self.draws[draw].key_value,
            Root::Value(draw) => &self.draws[draw].value,
            Root::Record(draw) => self.draws[draw].record.get(*at.next()?)?,
        };
        at.try_fold(start, |value, at| match value {
            Value::List(members) => members.get(*at).or(members.last()),
            Value::Map(entries) => entries.get(*at).map(|(_, value)| value),
            _ => None,
        })
    }

    /// The whole number that a path leads to, negated where the path says so.
    pub fn int(self, path: &ValuePath) -> i64 {
        match self.value(path) {
            Some(Value::Int(number)) if path.negated => -number,
            Some(Value::Int(number)) => *number,
            _ => 0,
        }
    }

    /// The members of the list that a path leads to.
    pub fn list(self, path: &ValuePath) -> &'a [Value] {
        match self.value(path) {
            Some(Value::List(members)) => members,
            _ => &[],
        }
    }
}
