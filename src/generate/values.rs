//! Single values, wherever they stand: texts of pieces, prose, instants, sums, and the numbers of events.

use super::generator::Generator;
use super::key_text::push_digits;
use crate::draw::ycsb;
use crate::workload::{Piece, TimeSpec, VOCABULARIES};
use compact_str::CompactString;
use drivers::Value;
use rand::RngExt;
use rand_xoshiro::SplitMix64;

/// Events of one writer are counted in the lower 40 bits of their numbers.
const COUNT_BITS: u32 = 40;
/// The count in the number of an event. Numbers of records are never above it.
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

/// The number of the event with this count by this writer (see `ValueSpec::EventId`).
pub(super) fn event_id(writer: u64, count: u64) -> u64 {
    (writer << COUNT_BITS) | count
}

/// The values of the fields before the one that is being made.
#[derive(Clone, Copy)]
pub(super) enum Siblings<'a> {
    Record(&'a [Value]),
    Item(&'a [(CompactString, Value)]),
}

impl Siblings<'_> {
    pub fn get(&self, at: usize) -> &Value {
        match self {
            Siblings::Record(values) => &values[at],
            Siblings::Item(entries) => &entries[at].1,
        }
    }
}

/// Appends a text composed of pieces.
pub(super) fn push_pattern(
    pieces: &[Piece],
    number: u64,
    rng: &mut SplitMix64,
    siblings: Siblings<'_>,
    out: &mut String,
) {
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

/// Appends words of prose.
pub(super) fn push_prose(generator: &Generator, words: i64, rng: &mut SplitMix64, out: &mut String) {
    for nth in 0..words {
        if nth > 0 {
            out.push(' ');
        }
        out.push_str(generator.word(rng));
    }
}

/// An instant for the record or event with this number.
pub(super) fn instant(time: TimeSpec, number: u64, rng: &mut SplitMix64) -> i64 {
    match time {
        TimeSpec::Within { from_ms, to_ms } => rng.random_range(from_ms..to_ms),
        TimeSpec::Every { from_ms, every_ms } => {
            let elapsed_ms = ((number & COUNT_MASK) as i64).saturating_mul(every_ms);
            from_ms.saturating_add(elapsed_ms).saturating_add(rng.random_range(0..every_ms))
        }
    }
}

/// The sum over the items of a list of the product of some of their fields.
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

/// Rounds a number to some decimals.
pub(super) fn rounded(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (number * scale).round() / scale
}
