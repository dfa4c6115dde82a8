//! How a key number looks as a key: what `key = "int"` or `key = "user{fnv}"` says.

use super::ycsb;
use crate::workload::{KeyPattern, Piece};
use drivers::{Key, Value};

impl KeyPattern {
    /// Writes the key with this number over another key.
    #[inline]
    pub fn write_key(&self, number: u64, key: &mut Key) {
        match (self, &mut *key) {
            (KeyPattern::Int, _) => *key = Key::Int(int(number)),
            (KeyPattern::Text(pieces), Key::Text(text)) => {
                text.clear();
                write(pieces, number, |part| text.push_str(part));
            }
            (KeyPattern::Text(_), Key::Int(_)) => {
                *key = Key::Text(Default::default());
                self.write_key(number, key);
            }
        }
    }

    /// Writes the key with this number over a value.
    pub fn write_value(&self, number: u64, value: &mut Value) {
        match self {
            KeyPattern::Int => *value = Value::Int(int(number)),
            KeyPattern::Text(pieces) => {
                let text = super::fields::text_in(value);
                write(pieces, number, |part| text.push_str(part));
            }
        }
    }
}

/// The integer key, entity or stream with this number: they count from 1.
#[inline]
pub(super) fn int(number: u64) -> i64 {
    number as i64 + 1
}

#[inline]
pub(super) fn write(pieces: &[Piece], number: u64, mut push: impl FnMut(&str)) {
    let mut digits = itoa::Buffer::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => push(text),
            Piece::Fnv => push(digits.format(ycsb::hash(number))),
            Piece::Number(width) => {
                let digits = digits.format(number);
                (digits.len()..*width).for_each(|_| push("0"));
                push(digits);
            }
            // Refused where keys are read.
            Piece::Digits(_) | Piece::Hex(_) | Piece::Word(_) | Piece::Field(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_ycsb_writes() {
        let pattern = KeyPattern::Text(vec![Piece::Literal("user".into()), Piece::Fnv]);
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
        let padded = KeyPattern::Text(vec![Piece::Literal("sku-".into()), Piece::Number(6)]);
        padded.write_key(42, &mut key);
        assert_eq!(key.to_string(), "sku-000042");
        let mut value = Value::Null;
        padded.write_value(42, &mut value);
        assert_eq!(value, Value::Text("sku-000042".into()));
    }
}
