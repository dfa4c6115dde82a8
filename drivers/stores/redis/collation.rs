//! Keys and indexed values as bytes that sort as they do: members of sorted sets in which every score is the same.
//!
//! A member of an index is a value and then the key of its record. No value's bytes are the beginning of another's, so
//! the order of members is the order of (value, key). `hash/records.lua` writes the same bytes for values that a change
//! replaces, and `range.lua` reads keys back.

use std::io::Write;

use crate::support::json;
use crate::{Failure, Key, Kind, Value};

/// How the values of a field are ordered, and so encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Collation {
    /// 20 digits: a sign (0 below zero), and the number, below zero in nines' complement.
    Int,
    /// The 8 bytes of the float, all inverted below zero and otherwise the sign alone.
    Float,
    /// `0` for false, `1` for true.
    Flag,
    /// The bytes, each zero as zero and 255, and two zeros at the end. Lists, maps and items by their JSON: an index on
    /// one answers `Equal` and no more.
    Text,
}

impl Collation {
    pub(super) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Int | Kind::Time => Collation::Int,
            Kind::Float => Collation::Float,
            Kind::Bool => Collation::Flag,
            Kind::Text | Kind::Bytes | Kind::List(_) | Kind::Map | Kind::Items(_) => Collation::Text,
        }
    }

    /// Its name in `records.lua`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Collation::Int => "int",
            Collation::Float => "float",
            Collation::Flag => "flag",
            Collation::Text => "text",
        }
    }

    /// How many bytes a value takes; -1 if that varies.
    pub(super) fn width(self) -> i64 {
        match self {
            Collation::Int => 20,
            Collation::Float => 8,
            Collation::Flag => 1,
            Collation::Text => -1,
        }
    }
}

/// Writes a value that is not absent.
pub(super) fn write_value(out: &mut impl Write, collation: Collation, value: &Value) -> Result<(), Failure> {
    // Writing to memory does not fail.
    let _ = match (collation, value) {
        (Collation::Int, Value::Int(number) | Value::Time(number)) => write_int(out, *number),
        (Collation::Float, Value::Float(number)) => write_float(out, *number),
        (Collation::Float, Value::Int(number)) => write_float(out, *number as f64),
        (Collation::Flag, Value::Bool(flag)) => out.write_all(if *flag { b"1" } else { b"0" }),
        (Collation::Text, Value::Text(text)) => write_text(out, text.as_bytes()),
        (Collation::Text, Value::Bytes(bytes)) => write_text(out, bytes),
        (Collation::Text, Value::List(_) | Value::Map(_)) => write_text(out, json::encode(value)?.as_bytes()),
        _ => return Err(Failure::broken("redis: a value is not of the kind that its index orders")),
    };
    Ok(())
}

/// Writes a key: integers as [`Collation::Int`], texts as they are, for nothing follows them.
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

    fn bytes(collation: Collation, value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_value(&mut bytes, collation, value).expect("a value of the kind");
        bytes
    }

    proptest! {
        #[test]
        fn bytes_are_ordered_as_integers(a: i64, b: i64) {
            let (x, y) = (bytes(Collation::Int, &Value::Int(a)), bytes(Collation::Int, &Value::Int(b)));
            prop_assert_eq!((x.cmp(&y), x.len() as i64), (a.cmp(&b), Collation::Int.width()));
        }

        #[test]
        fn bytes_are_ordered_as_floats(a in prop::num::f64::NORMAL, b in prop::num::f64::NORMAL) {
            let (x, y) = (bytes(Collation::Float, &Value::Float(a)), bytes(Collation::Float, &Value::Float(b)));
            prop_assert_eq!(Some(x.cmp(&y)), a.partial_cmp(&b));
        }

        #[test]
        fn bytes_are_ordered_as_bytes_and_none_begins_another(
            a in prop::collection::vec(0_u8..3, 0..5), b in prop::collection::vec(0_u8..3, 0..5)
        ) {
            let [x, y] = [&a, &b].map(|value| bytes(Collation::Text, &Value::Bytes(value.clone())));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert!(a == b || !x.starts_with(&y) && !y.starts_with(&x));
        }
    }

    #[test]
    fn the_edges_of_integers_are_ordered_and_both_zeros_are_one() {
        let int = |number| bytes(Collation::Int, &Value::Int(number));
        assert!(int(i64::MIN) < int(-1) && int(-1) < int(0) && int(0) < int(1) && int(1) < int(i64::MAX));
        let float = |number| bytes(Collation::Float, &Value::Float(number));
        assert_eq!(float(-0.0), float(0.0));
    }
}
