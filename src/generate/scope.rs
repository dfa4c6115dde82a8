//! What the steps of an operation can refer to: its draws, and the values in them that paths lead to.

use crate::workload::{PathRoot, ValuePath};
use drivers::{Key, Record, Value};

/// A value or record that an operation drew, in the memory of the one before.
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
    /// The member of the list that the step is repeated for.
    pub each: Option<&'a Value>,
}

impl<'a> Scope<'a> {
    /// The value that a path leads to. Positions beyond the end of a list mean its last member.
    pub fn value(self, path: &ValuePath) -> Option<&'a Value> {
        let mut at = path.positions.iter();
        let start = match path.root {
            PathRoot::Each => self.each?,
            PathRoot::Key(draw) => &self.draws[draw].key_value,
            PathRoot::Value(draw) => &self.draws[draw].value,
            PathRoot::Record(draw) => self.draws[draw].record.get(*at.next()?)?,
        };
        at.try_fold(start, |value, at| match value {
            Value::List(members) => members.get(*at).or(members.last()),
            Value::Map(entries) => entries.get(*at).map(|(_, value)| value),
            _ => None,
        })
    }

    /// The whole number that a path leads to, negated if the path says so.
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
