//! The fields of a sample of keys, all of them while a table is small: of these keys the ledger knows every write, so that a
//! field without one must hold what it held before.

use std::collections::HashMap;

use drivers::Row;

use super::last_writes::{FieldOf, LastWrites, field_of};
use super::value_hash::value_hash;

/// How many fields are kept at most: some two megabytes.
const MOST: usize = 1 << 16;

/// Hashes of the values that a sample of keys holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldSample {
    values: HashMap<FieldOf, u64>,
    /// The keys are in it whose hashes have none of these bits: the bits by which [`LastWrites`] chooses.
    mask: u64,
}

impl FieldSample {
    /// Adds a row that the store holds, if its key is in the sample.
    pub fn add(&mut self, key: u128, row: &Row, scratch: &mut Vec<u8>) {
        if key as u64 & self.mask != 0 {
            return;
        }
        for (at, value) in row.values.iter().enumerate() {
            self.values.insert(field_of(key, at), value_hash(value, scratch));
        }
        while self.values.len() > MOST && self.mask != u64::MAX {
            self.mask = self.mask << 1 | 1;
            let mask = self.mask;
            self.values.retain(|(key, _), _| key & mask == 0);
        }
    }

    /// How many fields without a write are in this sample and a later one, and how many of them hold something else there.
    /// `is_written` says of a field of the table whether it changes in ways that the writes do not tell.
    pub fn compare(&self, after: &FieldSample, writes: &LastWrites, is_written: impl Fn(usize) -> bool) -> (u64, u64) {
        let mask = self.mask | after.mask;
        let is_compared = |field: &FieldOf| {
            let (key, position) = *field;
            let is_sampled = key & mask == 0 && writes.follows_key(key.into());
            is_sampled && !writes.follows_field(field) && !is_written(position as usize)
        };
        let (mut compared, mut different) = (0, 0);
        for field in self.values.keys().filter(|field| is_compared(field)) {
            compared += 1;
            different += u64::from(self.values.get(field) != after.values.get(field));
        }
        let foreign =
            after.values.keys().filter(|field| !self.values.contains_key(field) && is_compared(field)).count();
        (compared + foreign as u64, different + foreign as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::{Key, Value};

    fn sample(rows: impl IntoIterator<Item = (i64, [i64; 2])>) -> FieldSample {
        let (mut sample, mut scratch) = (FieldSample::default(), Vec::new());
        for (number, values) in rows {
            let row = Row { key: Key::Int(number), values: values.map(Value::Int).to_vec() };
            sample.add(key(number), &row, &mut scratch);
        }
        sample
    }

    fn key(number: i64) -> u128 {
        drivers::row_hash(&Key::Int(number), &[], &mut Vec::new())
    }

    #[test]
    fn a_field_without_a_write_must_hold_what_it_held_whatever_was_written_beside_it() {
        let mut writes = LastWrites::default();
        writes.add(key(1), 0, 7, 0, 1);
        let compared = |after| sample([(1, [10, 11])]).compare(&sample(after), &writes, |_| false);
        assert_eq!(compared([(1, [12, 11])]), (1, 0));
        assert_eq!(compared([(1, [12, 13])]), (1, 1));
        let foreign = sample([]).compare(&sample([(2, [1, 1])]), &writes, |_| false);
        assert_eq!(foreign, (2, 2));
    }

    #[test]
    fn of_a_large_table_an_even_share_of_the_keys_is_kept() {
        let sample = sample((0..100_000).map(|number| (number, [number, 0])));
        assert!((MOST / 4..=MOST).contains(&sample.values.len()), "{} fields", sample.values.len());
        assert_eq!(sample.compare(&sample, &LastWrites::default(), |_| false), (sample.values.len() as u64, 0));
    }
}
