//! Which fields of a table's records were written to, coarsely, so that all others can be compared with what they held.
//!
//! Keys fall into groups by their hash, and each group has a bit for each field. A lane sets the bit when it writes that
//! field of a record of the group, and another bit when it inserts or deletes a record. The audit sums the hashes of each
//! field of each group before and after the run, and compares the sums without a bit.

use drivers::Row;

use super::value_hash::value_hash;
use crate::draw::rng::mix;

/// The most bits: 64 KiB for each lane, and 4 MiB of sums for each table.
const MOST: u64 = 1 << 19;

/// The fields that were written to, by groups of keys. Takes no memory until the first write.
#[derive(Debug, Clone)]
pub struct WrittenFields {
    groups: usize,
    fields: usize,
    /// For each group a bit a field, and one that says that records came or went.
    bits: Vec<u64>,
}

/// The sum of the hashes of each field of each group, modulo 2^64.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldSums(Vec<u64>);

/// How the fields that were not written to compare with what they held before, by groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupComparison {
    /// Fields of groups that hold anything.
    pub held: u64,
    /// Those of them that nothing was written to.
    pub compared: u64,
    /// Those of these that hold something else.
    pub different: u64,
}

impl WrittenFields {
    /// For a table of about this many records: four groups for each if there is room, so that a write to one record seldom
    /// hides another.
    pub fn new(records: u64, fields: usize) -> Self {
        let most = 1 << (MOST / (fields as u64 + 1)).max(64).ilog2();
        let groups = records.saturating_mul(4).clamp(64, most).next_power_of_two();
        WrittenFields { groups: groups as usize, fields, bits: Vec::new() }
    }

    /// Marks a field of a record that was written to, by the hash of its key.
    #[inline]
    pub fn mark_field(&mut self, key: u128, field: usize) {
        let bit = self.group(key) * (self.fields + 1) + field;
        self.mark(bit);
    }

    /// Marks a record that was inserted or deleted.
    #[inline]
    pub fn mark_record(&mut self, key: u128) {
        self.mark_field(key, self.fields);
    }

    #[inline]
    fn mark(&mut self, bit: usize) {
        if self.bits.is_empty() {
            self.bits.resize((self.groups * (self.fields + 1)).div_ceil(64), 0);
        }
        self.bits[bit / 64] |= 1 << (bit % 64);
    }

    fn is_marked(&self, bit: usize) -> bool {
        self.bits.get(bit / 64).is_some_and(|bits| bits >> (bit % 64) & 1 == 1)
    }

    /// Adds what another lane wrote to.
    pub fn merge(&mut self, other: &WrittenFields) {
        if self.bits.is_empty() {
            self.bits.clone_from(&other.bits);
        }
        self.bits.iter_mut().zip(&other.bits).for_each(|(into, from)| *into |= from);
    }

    /// Adds a row that the store holds to the sums of its group.
    pub fn sum(&self, key: u128, row: &Row, sums: &mut FieldSums, scratch: &mut Vec<u8>) {
        sums.0.resize(self.groups * self.fields, 0);
        let start = self.group(key) * self.fields;
        for (sum, value) in sums.0[start..start + self.fields].iter_mut().zip(&row.values) {
            // With its key, or two records could exchange their values.
            *sum = sum.wrapping_add(mix(key as u64, value_hash(value, scratch)));
        }
    }

    /// Compares the fields that were not written to.
    pub fn compare(&self, before: &FieldSums, after: &FieldSums) -> GroupComparison {
        let sum = |sums: &FieldSums, at: usize| sums.0.get(at).copied().unwrap_or(0);
        let mut comparison = GroupComparison::default();
        for group in 0..self.groups {
            let first_bit = group * (self.fields + 1);
            let is_replaced = self.is_marked(first_bit + self.fields);
            for field in 0..self.fields {
                let at = group * self.fields + field;
                let (was, is) = (sum(before, at), sum(after, at));
                let is_held = was != 0 || is != 0;
                let is_compared = is_held && !is_replaced && !self.is_marked(first_bit + field);
                comparison.held += u64::from(is_held);
                comparison.compared += u64::from(is_compared);
                comparison.different += u64::from(is_compared && was != is);
            }
        }
        comparison
    }

    /// Taken from the upper half of the hash: the lower half decides which fields are followed by value.
    fn group(&self, key: u128) -> usize {
        (key >> 64) as usize & (self.groups - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::{Key, Value};

    fn key(number: i64) -> u128 {
        drivers::row_hash(&Key::Int(number), &[], &mut Vec::new())
    }

    fn sums(written: &WrittenFields, rows: &[(i64, [i64; 2])]) -> FieldSums {
        let (mut sums, mut scratch) = (FieldSums::default(), Vec::new());
        for (number, values) in rows {
            let row = Row { key: Key::Int(*number), values: values.map(Value::Int).to_vec() };
            written.sum(key(*number), &row, &mut sums, &mut scratch);
        }
        sums
    }

    /// Compared and different fields where the store held the first rows and holds the second ones.
    fn compared(written: &WrittenFields, before: &[(i64, [i64; 2])], after: &[(i64, [i64; 2])]) -> (u64, u64) {
        let found = written.compare(&sums(written, before), &sums(written, after));
        (found.compared, found.different)
    }

    #[test]
    fn a_change_shows_where_nobody_wrote_and_nowhere_else() {
        let mut written = WrittenFields::new(1_000, 2);
        let before = [(1, [10, 11]), (2, [20, 21])];
        assert_eq!(compared(&written, &before, &[(2, [20, 21]), (1, [10, 11])]), (4, 0));
        assert_eq!(compared(&written, &before, &[(1, [10, 11]), (2, [20, 22])]), (4, 1));
        assert_eq!(compared(&written, &before, &[(1, [10, 11])]), (4, 2), "a record is gone");
        assert_eq!(compared(&written, &before, &[(1, [20, 11]), (2, [10, 21])]), (4, 2), "two have exchanged a value");
        let mut lane = WrittenFields::new(1_000, 2);
        lane.mark_field(key(2), 1);
        written.merge(&lane);
        assert_eq!(compared(&written, &before, &[(1, [10, 11]), (2, [20, 22])]), (3, 0), "written to");
        assert_eq!(compared(&written, &before, &[(1, [10, 11]), (2, [22, 22])]), (3, 1), "its neighbour was not");
        written.mark_record(key(2));
        assert_eq!(compared(&written, &before, &[(1, [10, 11])]), (2, 0), "deleted");
    }

    #[test]
    fn memory_is_bounded_whatever_the_size_of_the_table() {
        for (records, fields) in [(0, 0), (1, 1), (1_000, 10), (1 << 40, 10), (1 << 40, 1_000_000)] {
            let mut written = WrittenFields::new(records, fields);
            written.mark_record(key(1));
            let most = (MOST as usize).max(64 * (fields + 1)).div_ceil(64);
            assert!(written.groups.is_power_of_two() && written.bits.len() <= most, "{records} of {fields} fields");
        }
        assert_eq!(WrittenFields::new(1_000, 10).groups, 4_096);
    }
}
