//! The order of indexed values: absent, flags, numbers and instants as numbers, texts by their UTF-8 bytes, bytes.
//! Lists and maps come last, by their canonical bytes: an index on one answers `Equal` and no more.

use std::cmp::Ordering;

use crate::seam::value::Value;

/// A value that can be compared with any other, in the order in which `find` answers.
#[derive(Debug, Clone)]
pub struct OrderedValue(pub Value);

impl Ord for OrderedValue {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a) | Value::Time(a), Value::Int(b) | Value::Time(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => compare_floats(*a, *b),
            (Value::Int(a) | Value::Time(a), Value::Float(b)) => compare_mixed(*a, *b),
            (Value::Float(a), Value::Int(b) | Value::Time(b)) => compare_mixed(*b, *a).reverse(),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (a, b) => rank(a).cmp(&rank(b)).then_with(|| canonical(a).cmp(&canonical(b))),
        }
    }
}

impl PartialOrd for OrderedValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for OrderedValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for OrderedValue {}

/// The place of a value's kind among the kinds that are not compared with each other.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Float(_) | Value::Time(_) => 2,
        Value::Text(_) => 3,
        Value::Bytes(_) => 4,
        Value::List(_) => 5,
        Value::Map(_) => 6,
    }
}

fn canonical(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_canonical(&mut bytes);
    bytes
}

/// Adding zero makes `-0.0` the `0.0` that it equals.
fn compare_floats(a: f64, b: f64) -> Ordering {
    (a + 0.0).total_cmp(&(b + 0.0))
}

/// Exact also beyond 2^53, where several integers become one float: those are compared again as integers.
fn compare_mixed(integer: i64, float: f64) -> Ordering {
    compare_floats(integer as f64, float).then_with(|| i128::from(integer).cmp(&(float as i128)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexed_values_are_ordered_by_kind_and_numbers_by_their_size_whatever_their_type() {
        let rising = [
            Value::Null,
            Value::Bool(false),
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(-0.5),
            Value::Int(0),
            Value::Float(0.5),
            Value::Time(1),
            Value::Int((1 << 53) + 1),
            Value::Float(9_007_199_254_740_994.0),
            Value::Int(i64::MAX),
            Value::Float(9_223_372_036_854_775_808.0),
            Value::Text(String::new()),
            Value::Text("Z".into()),
            Value::Text("a".into()),
            Value::Text("é".into()),
            Value::Bytes(vec![0]),
            Value::List(vec![]),
            Value::Map(vec![]),
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(OrderedValue(a.clone()).cmp(&OrderedValue(b.clone())), i.cmp(&j), "{a:?} against {b:?}");
            }
        }
        assert!(OrderedValue(Value::Float(-0.0)) == OrderedValue(Value::Int(0)));
    }
}
