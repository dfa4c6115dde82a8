//! Values, keys, records and rows: the logical data that crosses the seam.
//!
//! What a store does with a value physically (column, JSON, hash field) is its driver's choice and is printed with
//! the results; here is only what the value means, and the canonical bytes by which two stores are compared.

use compact_str::CompactString;
use xxhash_rust::xxh3::xxh3_128;

/// One logical value. Integers inside lists and maps may come back as floats (JSON has one number type): the
/// canonical bytes treat `1` and `1.0` as the same number.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// An optional field that is absent.
    #[default]
    Null,
    /// A truth value, which is not an integer even where a store keeps it as one.
    Bool(bool),
    /// A 64-bit signed integer. Money is an integer of the smallest unit.
    Int(i64),
    /// A finite 64-bit float.
    Float(f64),
    /// UTF-8 text without the character NUL, which PostgreSQL does not keep.
    Text(String),
    /// Bytes of any content, zeros and invalid UTF-8 included.
    Bytes(Vec<u8>),
    /// Milliseconds since the Unix epoch, UTC: the finest instant that every store keeps.
    Time(i64),
    /// Values in order: tags, or the items of a nested collection as maps.
    List(Vec<Value>),
    /// Named values; the order of names carries no meaning.
    Map(Vec<(CompactString, Value)>),
}

/// A primary key: of a table, of a stream in a log, of an entity in a series.
///
/// Text up to 24 bytes (YCSB's `user` + 19 digits is 23) lives inline, so that choosing a key allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(untagged)]
pub enum Key {
    /// An integer key, ordered as a number.
    Int(i64),
    /// A text key, ordered by its UTF-8 bytes.
    Text(CompactString),
}

impl Default for Key {
    fn default() -> Self {
        Key::Int(0)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Int(number) => write!(f, "{number}"),
            Key::Text(text) => f.write_str(text),
        }
    }
}

/// All fields of a record or event, in the order in which its table or log declares them; absent ones are `Null`.
pub type Record = Vec<Value>;

/// A new value for one field of a record.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Change {
    /// Position of the field in its table.
    pub field: usize,
    /// The value of the field from now on; `Null` makes an optional field absent.
    pub value: Value,
}

/// One observation of one entity at one instant.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Point {
    /// Which entity: the device, host or truck.
    pub entity: i64,
    /// Milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
    /// One value a metric, in the order in which the series declares them.
    pub metrics: Vec<f64>,
}

/// One row that a store answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// The record's key, the event's stream or the point's entity.
    pub key: Key,
    /// The asked fields in the asked order; for a point its time and then its metrics.
    pub values: Vec<Value>,
}

/// The answer to one operation: a lane's buffer, cleared and refilled by every operation.
///
/// Rows of earlier answers stay behind those of this one, as many as the largest answer had, so that a driver can write
/// over their memory: see [`refill`](Rows::refill).
#[derive(Debug, Clone, Default)]
pub struct Rows {
    rows: Vec<Row>,
    /// How many of them are the answer.
    answered: usize,
}

impl Rows {
    /// Forgets the rows and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.answered = 0;
    }

    /// Adds a row to the answer, in the place of an old one if there is any.
    pub fn push(&mut self, key: Key, values: Vec<Value>) {
        let row = Row { key, values };
        match self.rows.get_mut(self.answered) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
        self.answered += 1;
    }

    /// Adds a row by writing over an old one, whose strings serve again: a row of ten texts takes no allocation. What is
    /// not written over is of another answer. Nothing is added when `fill` fails.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn refill<E>(&mut self, fill: impl FnOnce(&mut Row) -> Result<(), E>) -> Result<(), E> {
        if self.answered == self.rows.len() {
            self.rows.push(Row::default());
        }
        fill(&mut self.rows[self.answered])?;
        self.answered += 1;
        Ok(())
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl std::ops::Deref for Rows {
    type Target = [Row];

    #[inline]
    fn deref(&self) -> &[Row] {
        &self.rows[..self.answered]
    }
}

/// A digest of rows that does not depend on the order in which a store returns them.
///
/// Each row is hashed (XXH3, 128 bits) over its canonical bytes and the hashes are added: equal collections have equal
/// digests, a row lost, torn or doubled changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// How many rows were added.
    pub rows: u64,
    /// Sum of the rows' hashes, modulo 2^128.
    pub sum: u128,
}

impl Digest {
    /// Adds one row. `scratch` is reused memory for the canonical bytes.
    pub fn add(&mut self, key: &Key, values: &[Value], scratch: &mut Vec<u8>) {
        self.add_hash(row_hash(key, values, scratch));
    }

    /// Adds one row by its hash.
    pub fn add_hash(&mut self, row: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(row);
    }

    /// Adds all rows of another digest.
    pub fn merge(&mut self, other: Digest) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// The hash of a row, or with no values of its key alone. `scratch` is reused memory for the canonical bytes.
pub fn row_hash(key: &Key, values: &[Value], scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    key.write_canonical(scratch);
    for value in values {
        value.write_canonical(scratch);
    }
    xxh3_128(scratch)
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:032x}", self.rows, self.sum)
    }
}

impl Key {
    /// Appends bytes that are equal exactly when the keys are equal.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            Key::Int(number) => tagged(out, b'i', &number.to_le_bytes()),
            Key::Text(text) => tagged(out, b't', text.as_bytes()),
        }
    }
}

impl Value {
    /// Appends bytes that are equal exactly when the values mean the same: map entries are sorted by name, a whole
    /// float is written as the integer that it equals, and `-0.0` as `0`.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.push(b'n'),
            Value::Bool(flag) => tagged(out, b'b', &[u8::from(*flag)]),
            Value::Int(number) => tagged(out, b'i', &number.to_le_bytes()),
            Value::Float(number) => match whole(*number) {
                Some(integer) => tagged(out, b'i', &integer.to_le_bytes()),
                None => tagged(out, b'f', &number.to_bits().to_le_bytes()),
            },
            Value::Text(text) => tagged(out, b't', text.as_bytes()),
            Value::Bytes(bytes) => tagged(out, b'x', bytes),
            Value::Time(instant) => tagged(out, b'm', &instant.to_le_bytes()),
            Value::List(values) => {
                tagged(out, b'l', &(values.len() as u64).to_le_bytes());
                values.iter().for_each(|value| value.write_canonical(out));
            }
            Value::Map(entries) => {
                tagged(out, b'd', &(entries.len() as u64).to_le_bytes());
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                for (name, value) in sorted {
                    tagged(out, b'k', name.as_bytes());
                    value.write_canonical(out);
                }
            }
        }
    }

    /// Logical size in bytes: what a user would say the value weighs, without any store's encoding.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::Float(_) | Value::Time(_) => 8,
            Value::Text(text) => text.len() as u64,
            Value::Bytes(bytes) => bytes.len() as u64,
            Value::List(values) => values.iter().map(Value::size_bytes).sum(),
            Value::Map(entries) => entries.iter().map(|(name, value)| name.len() as u64 + value.size_bytes()).sum(),
        }
    }
}

impl Key {
    /// Logical size in bytes: 8 for an integer, the length of a text.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Key::Int(_) => 8,
            Key::Text(text) => text.len() as u64,
        }
    }
}

/// Type tag, length, content: no two different sequences of values share their bytes.
fn tagged(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(content.len() as u64).to_le_bytes());
    out.extend_from_slice(content);
}

/// The integer that a float equals, where 2^53 bounds the exact ones.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        value.write_canonical(&mut out);
        out
    }

    #[test]
    fn the_order_of_map_entries_and_the_spelling_of_numbers_carry_no_meaning() {
        let one = Value::Map(vec![("a".into(), Value::Int(1)), ("b".into(), Value::Float(-0.0))]);
        let other = Value::Map(vec![("b".into(), Value::Int(0)), ("a".into(), Value::Float(1.0))]);
        assert_eq!(canonical(&one), canonical(&other));
    }

    #[test]
    fn an_old_row_is_written_over_and_never_answered_again() {
        let mut rows = Rows::default();
        rows.push(Key::Int(1), vec![Value::Bool(true)]);
        rows.push(Key::Int(2), Vec::new());
        rows.clear();
        assert!(rows.is_empty() && rows == Rows::default());
        assert_eq!(rows.refill(|_| Err("broken")), Err("broken"));
        assert!(rows.is_empty());
        let of_old = |row: &mut Row| {
            assert_eq!(row.values, [Value::Bool(true)]);
            row.key = Key::Int(3);
            Ok::<_, ()>(())
        };
        assert_eq!(rows.refill(of_old), Ok(()));
        rows.push(Key::Int(4), vec![Value::Null]);
        rows.push(Key::Int(5), Vec::new());
        let answered: Vec<_> = rows.iter().map(|row| (row.key.to_string(), row.values.len())).collect();
        assert_eq!(answered, [("3".to_owned(), 1), ("4".to_owned(), 1), ("5".to_owned(), 0)]);
    }

    #[test]
    fn neighbouring_texts_do_not_run_into_each_other() {
        let one = Value::List(vec![Value::Text("ab".into()), Value::Text("c".into())]);
        let other = Value::List(vec![Value::Text("a".into()), Value::Text("bc".into())]);
        assert_ne!(canonical(&one), canonical(&other));
    }

    #[test]
    fn a_digest_ignores_order_and_notices_a_lost_or_doubled_row() {
        let digest = |keys: &[i64]| {
            let mut digest = Digest::default();
            for key in keys {
                digest.add(&Key::Int(*key), &[Value::Bool(true)], &mut Vec::new());
            }
            digest
        };
        assert_eq!(digest(&[1, 2, 3]), digest(&[3, 1, 2]));
        assert_ne!(digest(&[1, 2, 3]), digest(&[1, 2]));
        assert_ne!(digest(&[1, 2, 3]), digest(&[1, 2, 2]));
    }
}
