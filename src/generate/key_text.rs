//! Key numbers written as keys, as `key = "int"` or `key = "user{fnv}"` says.

use super::reuse::text_in;
use crate::draw::ycsb;
use crate::workload::KeyPattern;
use compact_str::CompactString;
use drivers::{Key, Value};

impl KeyPattern {
    /// Writes the key with this number over another key.
    #[inline]
    pub fn write_key(&self, number: u64, key: &mut Key) {
        let KeyPattern::Text { before, hashed, width, after } = self else {
            *key = Key::Int(int_key(number));
            return;
        };
        if matches!(key, Key::Int(_)) {
            *key = Key::Text(CompactString::default());
        }
        if let Key::Text(text) = key {
            // The previous key mostly begins with the same text.
            if text.starts_with(before.as_str()) {
                text.truncate(before.len());
            } else {
                text.clear();
                text.push_str(before);
            }
            push_digits(if *hashed { ycsb::hash(number) } else { number }, *width, |digits| text.push_str(digits));
            if !after.is_empty() {
                text.push_str(after);
            }
        }
    }

    /// Writes the key with this number over a value.
    pub fn write_value(&self, number: u64, value: &mut Value) {
        let mut key = Key::default();
        self.write_key(number, &mut key);
        match &key {
            Key::Int(key) => *value = Value::Int(*key),
            Key::Text(key) => text_in(value).push_str(key),
        }
    }
}

/// The integer key, entity or stream with this number: they count from 1.
#[inline]
pub(super) fn int_key(number: u64) -> i64 {
    number as i64 + 1
}

/// The number of an integer key.
#[inline]
pub(super) fn int_number(key: i64) -> u64 {
    (key as u64).wrapping_sub(1)
}

/// Writes a number with at least `width` digits.
#[inline]
pub(super) fn push_digits(number: u64, width: usize, mut push: impl FnMut(&str)) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number);
    (digits.len()..width).for_each(|_| push("0"));
    push(digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_ycsb_writes() {
        let pattern = KeyPattern::Text { before: "user".into(), hashed: true, width: 1, after: String::new() };
        let mut key = Key::default();
        pattern.write_key(999, &mut key);
        assert_eq!(key, Key::Text(ycsb::key_text(ycsb::hash(999), 1)));
        pattern.write_key(0, &mut key);
        assert_eq!(key.to_string(), "user6284781860667377211");
    }

    #[test]
    fn integers_count_from_one_and_padding_keeps_texts_in_order() {
        let mut key = Key::default();
        KeyPattern::Int.write_key(0, &mut key);
        assert_eq!(key, Key::Int(1));
        let padded = KeyPattern::Text { before: "sku-".into(), hashed: false, width: 6, after: "/eu".into() };
        padded.write_key(42, &mut key);
        assert_eq!(key.to_string(), "sku-000042/eu");
        let mut value = Value::Null;
        padded.write_value(42, &mut value);
        assert_eq!(value, Value::Text("sku-000042/eu".into()));
    }
}
