//! Single values, without regard to where they stand: the memory that they reuse, texts of pieces, instants, sums.

use super::fields::Siblings;
use super::generator::Generator;
use super::keytext::push_digits;
use super::steps::WRITER_SHIFT;
use crate::draw::ycsb;
use crate::workload::{Piece, Times, VOCABULARIES};
use compact_str::CompactString;
use drivers::Value;
use rand::RngExt;
use rand_xoshiro::SplitMix64;

/// The text in a value, emptied; its memory stays.
pub(super) fn text_in(value: &mut Value) -> &mut String {
    if !matches!(value, Value::Text(_)) {
        *value = Value::Text(String::new());
    }
    let Value::Text(text) = value else { unreachable!("it was made a text") };
    text.clear();
    text
}

/// The bytes in a value, emptied; their memory stays.
pub(super) fn bytes_in(value: &mut Value) -> &mut Vec<u8> {
    if !matches!(value, Value::Bytes(_)) {
        *value = Value::Bytes(Vec::new());
    }
    let Value::Bytes(bytes) = value else { unreachable!("it was made bytes") };
    bytes.clear();
    bytes
}

/// The list in a value, of this length; its members stay to be written over.
pub(super) fn list_in(value: &mut Value, length: usize) -> &mut Vec<Value> {
    if !matches!(value, Value::List(_)) {
        *value = Value::List(Vec::new());
    }
    let Value::List(list) = value else { unreachable!("it was made a list") };
    list.resize_with(length, Value::default);
    list
}

/// A text composed of pieces.
pub(super) fn pattern(pieces: &[Piece], number: u64, rng: &mut SplitMix64, siblings: Siblings<'_>, out: &mut String) {
    let mut digits = itoa::Buffer::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Number(width) => push_digits(number, *width, |digits| out.push_str(digits)),
            Piece::Fnv(width) => push_digits(ycsb::hash(number), *width, |digits| out.push_str(digits)),
            Piece::Digits(width) => (0..*width).for_each(|_| out.push(char::from(b'0' + rng.random_range(0..10_u8)))),
            Piece::Hex(width) => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                (0..*width).for_each(|_| out.push(char::from(HEX[rng.random_range(0..HEX.len())])));
            }
            Piece::Word(vocabulary) => {
                let (_, words) = VOCABULARIES[*vocabulary];
                out.push_str(words[rng.random_range(0..words.len())]);
            }
            Piece::Field(at) => match siblings.get(*at) {
                Value::Text(text) => out.push_str(text),
                Value::Int(number) => out.push_str(digits.format(*number)),
                _ => {}
            },
        }
    }
}

/// So many words of prose.
pub(super) fn prose(generator: &Generator, words: i64, rng: &mut SplitMix64, out: &mut String) {
    for nth in 0..words {
        if nth > 0 {
            out.push(' ');
        }
        out.push_str(generator.word(rng));
    }
}

/// Numbers of events hold their writer above these bits; records are never that many.
const COUNT: u64 = (1 << WRITER_SHIFT) - 1;

/// An instant, for the record with this number.
pub(super) fn instant(times: Times, number: u64, rng: &mut SplitMix64) -> i64 {
    match times {
        Times::Within { from_ms, to_ms } => rng.random_range(from_ms..to_ms),
        Times::Every { from_ms, every_ms } => {
            let begun = ((number & COUNT) as i64).saturating_mul(every_ms);
            from_ms.saturating_add(begun).saturating_add(rng.random_range(0..every_ms))
        }
    }
}

/// Over the items of a list, the product of some of their fields.
pub(super) fn sum(items: &Value, factors: &[usize]) -> i64 {
    let number = |entries: &[(CompactString, Value)], at: usize| match entries.get(at) {
        Some((_, Value::Int(number))) => *number,
        _ => 0,
    };
    let product = |item: &Value| match item {
        Value::Map(entries) => factors.iter().map(|at| number(entries, *at)).product(),
        _ => 0_i64,
    };
    if let Value::List(items) = items { items.iter().map(product).sum() } else { 0 }
}

/// A number to so many decimals.
pub(super) fn rounded(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (number * scale).round() / scale
}
