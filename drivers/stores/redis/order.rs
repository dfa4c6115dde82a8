//! Keys and indexed values as bytes whose order is theirs: members of sorted sets in which every score is the same.
//!
//! A member of an index is a value and then the key of its record. No value's bytes are the beginning of another's, so
//! the order of members is the order of (value, key). `records.lua` writes the same for values that a change replaces.

use std::io::Write;

use crate::support::json;
use crate::{Failure, Key, Kind, Value};

/// How values of a kind are ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ordering {
    /// 20 digits: a sign (0 below zero), and the number, below zero in nines' complement.
    Int,
    /// The 8 bytes of the float, all inverted below zero and otherwise the sign alone.
    Float,
    /// One digit.
    Flag,
    /// The bytes, a zero as zero and 255, and two zeros as the end. Lists, maps and items by their JSON: an index on
    /// one answers `Equal` and no more.
    Text,
}

impl Ordering {
    pub(super) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Int | Kind::Time => Ordering::Int,
            Kind::Float => Ordering::Float,
            Kind::Bool => Ordering::Flag,
            Kind::Text | Kind::Bytes | Kind::List(_) | Kind::Map | Kind::Items(_) => Ordering::Text,
        }
    }

    /// Its name in `records.lua`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Ordering::Int => "int",
            Ordering::Float => "float",
            Ordering::Flag => "flag",
            Ordering::Text => "text",
        }
    }

    /// How many bytes a value takes; -1 if that differs.
    pub(super) fn width(self) -> i64 {
        match self {
            Ordering::Int => 20,
            Ordering::Float => 8,
            Ordering::Flag => 1,
            Ordering::Text => -1,
        }
    }
}

/// Writes a value that is not absent.
pub(super) fn write_value(out: &mut impl Write, ordering: Ordering, value: &Value) -> Result<(), Failure> {
    // Writing to memory does not fail.
    let _ = match (ordering, value) {
        (Ordering::Int, Value::Int(number) | Value::Time(number)) => write_int(out, *number),
        (Ordering::Float, Value::Float(number)) => write_float(out, *number),
        (Ordering::Float, Value::Int(number)) => write_float(out, *number as f64),
        (Ordering::Flag, Value::Bool(flag)) => out.write_all(if *flag { b"1" } else { b"0" }),
        (Ordering::Text, Value::Text(text)) => write_text(out, text.as_bytes()),
        (Ordering::Text, Value::Bytes(bytes)) => write_text(out, bytes),
        (Ordering::Text, Value::List(_) | Value::Map(_)) => write_text(out, json::encode(value)?.as_bytes()),
        _ => return Err(Failure::broken("redis: a value is not of the kind that the index orders")),
    };
    Ok(())
}

/// Writes a key: integers as above, texts as they are, for nothing follows them.
pub(super) fn write_key(out: &mut impl Write, key: &Key) {
    let _ = match key {
        Key::Int(number) => write_int(out, *number),
        Key::Text(text) => out.write_all(text.as_bytes()),
    };
}

fn write_int(out: &mut impl Write, number: i64) -> std::io::Result<()> {
    const NINES: u64 = 9_999_999_999_999_999_999;
    if number >= 0 { write!(out, "1{number:019}") } else { write!(out, "0{:019}", NINES - number.unsigned_abs()) }
}

/// Adding 0 makes -0 the 0 that it equals.
fn write_float(out: &mut impl Write, number: f64) -> std::io::Result<()> {
    let bits = (number + 0.0).to_bits();
    let inverted = if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) };
    out.write_all(&inverted.to_be_bytes())
}

fn write_text(out: &mut impl Write, text: &[u8]) -> std::io::Result<()> {
    for (at, part) in text.split(|byte| *byte == 0).enumerate() {
        if at > 0 {
            out.write_all(&[0, 255])?;
        }
        out.write_all(part)?;
    }
    out.write_all(&[0, 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(ordering: Ordering, value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_value(&mut bytes, ordering, value).expect("a value of the kind");
        bytes
    }

    proptest! {
        #[test]
        fn bytes_are_ordered_as_integers(a: i64, b: i64) {
            let (x, y) = (bytes(Ordering::Int, &Value::Int(a)), bytes(Ordering::Int, &Value::Int(b)));
            prop_assert_eq!((x.cmp(&y), x.len() as i64), (a.cmp(&b), Ordering::Int.width()));
        }

        #[test]
        fn bytes_are_ordered_as_floats(a in prop::num::f64::NORMAL, b in prop::num::f64::NORMAL) {
            let (x, y) = (bytes(Ordering::Float, &Value::Float(a)), bytes(Ordering::Float, &Value::Float(b)));
            prop_assert_eq!(Some(x.cmp(&y)), a.partial_cmp(&b));
        }

        #[test]
        fn bytes_are_ordered_as_bytes_and_none_begins_another(
            a in prop::collection::vec(0_u8..3, 0..5), b in prop::collection::vec(0_u8..3, 0..5)
        ) {
            let [x, y] = [&a, &b].map(|value| bytes(Ordering::Text, &Value::Bytes(value.clone())));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert!(a == b || !x.starts_with(&y) && !y.starts_with(&x));
        }
    }

    #[test]
    fn the_edges_of_integers_are_ordered_and_both_zeros_are_one() {
        let int = |number| bytes(Ordering::Int, &Value::Int(number));
        assert!(int(i64::MIN) < int(-1) && int(-1) < int(0) && int(0) < int(1) && int(1) < int(i64::MAX));
        let float = |number| bytes(Ordering::Float, &Value::Float(number));
        assert_eq!(float(-0.0), float(0.0));
    }
}
