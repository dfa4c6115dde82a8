//! Which records of a table were written to, coarsely, so that all others can be compared with what was loaded.
//!
//! Keys fall into groups by their hash. A lane sets a bit for each group that it wrote to; the audit sums the hashes of the
//! rows of each group before and after the run, and compares the groups without a bit. The same is done with the fields
//! that no operation of the plan writes: in a record they change only when the whole record is replaced.

use crate::workload::{Action, Changes, Plan};
use drivers::{Part, Row};
use xxhash_rust::xxh3::xxh3_128;

/// The most groups: 32 KiB of bits for each lane, 2 MiB of sums for each table.
const MOST: u64 = 1 << 18;

/// The groups that were written to. Takes no memory until the first write.
#[derive(Debug, Clone)]
pub struct DirtyGroups {
    groups: usize,
    bits: Vec<u64>,
}

/// The sum of the hashes of each group's rows, modulo 2^64.
#[derive(Debug, Clone, Default)]
pub struct Sums(Vec<u64>);

impl DirtyGroups {
    /// For a table of about this many records: four groups for each, so that a write to one record seldom hides another.
    pub fn new(records: u64) -> Self {
        let groups = records.saturating_mul(4).clamp(64, MOST).next_power_of_two();
        DirtyGroups { groups: groups as usize, bits: Vec::new() }
    }

    /// Marks the group of a record that was written to, by the hash of its key.
    #[inline]
    pub fn mark(&mut self, key: u128) {
        if self.bits.is_empty() {
            self.bits.resize(self.groups / 64, 0);
        }
        let group = self.group(key);
        self.bits[group / 64] |= 1 << (group % 64);
    }

    /// Adds what another lane wrote to.
    pub fn merge(&mut self, other: &DirtyGroups) {
        if self.bits.is_empty() {
            self.bits.clone_from(&other.bits);
        }
        self.bits.iter_mut().zip(&other.bits).for_each(|(into, from)| *into |= from);
    }

    /// Adds a row that the store holds to the sum of its group.
    pub fn sum(&self, key: u128, row: u128, sums: &mut Sums) {
        sums.0.resize(self.groups, 0);
        let sum = &mut sums.0[self.group(key)];
        *sum = sum.wrapping_add(row as u64);
    }

    /// How many groups that hold rows were not written to, and in how many of those the rows have changed.
    pub fn compare(&self, before: &Sums, after: &Sums) -> (u64, u64) {
        let sum = |sums: &Sums, group: usize| sums.0.get(group).copied().unwrap_or(0);
        let (mut clean, mut different) = (0, 0);
        for group in 0..self.groups {
            let (was, is) = (sum(before, group), sum(after, group));
            if self.bits.get(group / 64).is_some_and(|bits| bits >> (group % 64) & 1 == 1) || (was == 0 && is == 0) {
                continue;
            }
            clean += 1;
            different += u64::from(was != is);
        }
        (clean, different)
    }

    /// Taken from the upper half of the hash: the lower half decides which fields are followed by value.
    fn group(&self, key: u128) -> usize {
        (key >> 64) as usize & (self.groups - 1)
    }
}

/// Positions of the fields of a table that no operation of the plan writes; none where no record of it changes at all.
pub fn unwritten_fields(plan: &Plan, at: usize) -> Vec<usize> {
    if plan.changes(Part::Table(at)) != Changes::Updated {
        return Vec::new();
    }
    let mut fields: Vec<usize> = (0..plan.tables[at].fields.len()).collect();
    for step in plan.operations.iter().flat_map(|operation| &operation.recipe.steps) {
        match &step.action {
            Action::Increment { table, field, .. } if *table == at => fields.retain(|unwritten| unwritten != field),
            Action::Update { table, selection, set, .. } if *table == at => {
                let written = selection.fields();
                fields.retain(|field| !written.contains(field) && set.iter().all(|(set, _)| set != field));
            }
            _ => {}
        }
    }
    fields
}

/// The hash of a row's key and these of its fields.
pub fn hash_of_fields(row: &Row, fields: &[usize], scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    row.key.write_canonical(scratch);
    fields.iter().filter_map(|at| row.values.get(*at)).for_each(|value| value.write_canonical(scratch));
    xxh3_128(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::{Key, Value};

    fn sums(dirty: &DirtyGroups, rows: &[(i64, i64)]) -> Sums {
        let (mut sums, mut scratch) = (Sums::default(), Vec::new());
        for (key, value) in rows {
            let key = Key::Int(*key);
            let row = drivers::row_hash(&key, &[Value::Int(*value)], &mut scratch);
            dirty.sum(drivers::row_hash(&key, &[], &mut scratch), row, &mut sums);
        }
        sums
    }

    #[test]
    fn a_change_shows_where_nobody_wrote_and_nowhere_else() {
        let mut dirty = DirtyGroups::new(1_000);
        let before = sums(&dirty, &[(1, 10), (2, 20)]);
        assert_eq!(dirty.compare(&before, &sums(&dirty, &[(2, 20), (1, 10)])), (2, 0));
        assert_eq!(dirty.compare(&before, &sums(&dirty, &[(1, 10), (2, 21)])), (2, 1));
        assert_eq!(dirty.compare(&before, &sums(&dirty, &[(1, 10)])), (2, 1));
        let mut lane = DirtyGroups::new(1_000);
        lane.mark(drivers::row_hash(&Key::Int(2), &[], &mut Vec::new()));
        dirty.merge(&lane);
        assert_eq!(dirty.compare(&before, &sums(&dirty, &[(1, 10), (2, 21)])), (1, 0));
    }
}
