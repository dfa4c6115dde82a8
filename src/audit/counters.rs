//! By how much counters have grown, by groups of keys: a change that is moved from one record to another leaves their sum as
//! it was, and is found here.

use drivers::{Row, Value};

/// How many groups of keys there are: 2 KiB for each lane and counter, and one wrong pair in 256 remains unseen.
const GROUPS: usize = 256;

/// The growth of a table's counters. Takes no memory until the first increment.
#[derive(Debug, Clone, Default)]
pub struct CounterGroups {
    /// For each group and counter by how much it has grown, modulo 2^64.
    growth: Vec<i64>,
    /// For each group and counter whether it was changed by an unknown amount.
    is_unknown: Vec<bool>,
}

/// The sums of counters by groups, modulo 2^64.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CounterSums(Vec<i64>);

impl CounterGroups {
    /// Adds to the counter at this position of `counters`.
    #[inline]
    pub fn add(&mut self, key: u128, (counter, counters): (usize, usize), by: i64) {
        self.make_room(counters);
        let at = group(key) * counters + counter;
        self.growth[at] = self.growth[at].wrapping_add(by);
    }

    /// Says that the counter at this position was changed by an unknown amount, or may have been.
    pub fn mark_unknown(&mut self, key: u128, (counter, counters): (usize, usize)) {
        self.make_room(counters);
        self.is_unknown[group(key) * counters + counter] = true;
    }

    fn make_room(&mut self, counters: usize) {
        if self.growth.is_empty() {
            self.growth.resize(GROUPS * counters, 0);
            self.is_unknown.resize(GROUPS * counters, false);
        }
    }

    /// Adds the growth that another lane has kept.
    pub fn merge(&mut self, other: &CounterGroups) {
        self.growth.resize(self.growth.len().max(other.growth.len()), 0);
        self.is_unknown.resize(self.growth.len(), false);
        self.growth.iter_mut().zip(&other.growth).for_each(|(into, from)| *into = into.wrapping_add(*from));
        self.is_unknown.iter_mut().zip(&other.is_unknown).for_each(|(into, from)| *into |= from);
    }

    /// How many counters of groups are known, and how many of those have not grown by what was added.
    pub fn compare(&self, before: &CounterSums, after: &CounterSums) -> (u64, u64) {
        let at = |sums: &[i64], at: usize| sums.get(at).copied().unwrap_or(0);
        let (mut known, mut wrong) = (0, 0);
        for place in 0..before.0.len().max(after.0.len()) {
            if self.is_unknown.get(place) == Some(&true) {
                continue;
            }
            let expected = at(&before.0, place).wrapping_add(at(&self.growth, place));
            known += 1;
            wrong += u64::from(at(&after.0, place) != expected);
        }
        (known, wrong)
    }
}

impl CounterSums {
    /// Adds a row that the store holds, with its counters at these positions.
    pub fn add(&mut self, key: u128, row: &Row, counters: &[usize]) {
        self.0.resize(GROUPS * counters.len(), 0);
        let start = group(key) * counters.len();
        for (sum, counter) in self.0[start..].iter_mut().zip(counters) {
            if let Some(Value::Int(number)) = row.values.get(*counter) {
                *sum = sum.wrapping_add(*number);
            }
        }
    }
}

/// From bits of the hash that decide about nothing else.
fn group(key: u128) -> usize {
    (key >> 32) as usize & (GROUPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::Key;

    fn key(number: i64) -> u128 {
        drivers::row_hash(&Key::Int(number), &[], &mut Vec::new())
    }

    fn sums(rows: &[(i64, i64)]) -> CounterSums {
        let mut sums = CounterSums::default();
        for (number, count) in rows {
            sums.add(key(*number), &Row { key: Key::Int(*number), values: vec![Value::Int(*count)] }, &[0]);
        }
        sums
    }

    #[test]
    fn what_is_moved_from_one_counter_to_another_is_found() {
        assert_ne!(group(key(1)), group(key(2)));
        let (mut lane, mut all) = (CounterGroups::default(), CounterGroups::default());
        lane.add(key(1), (0, 1), 5);
        all.merge(&lane);
        let before = sums(&[(1, 10), (2, 20)]);
        assert_eq!(all.compare(&before, &sums(&[(1, 15), (2, 20)])), (256, 0));
        assert_eq!(all.compare(&before, &sums(&[(1, 16), (2, 19)])), (256, 2));
        lane.mark_unknown(key(2), (0, 1));
        all.merge(&lane);
        assert_eq!(all.compare(&before, &sums(&[(1, 20), (2, 77)])), (255, 0));
    }
}
