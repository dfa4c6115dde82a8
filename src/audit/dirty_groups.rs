//! Which records of a table were written to, coarsely, so that the others can be held to what was loaded.
//!
//! Keys are sorted into groups by their hash. A lane sets a bit for each group that it wrote to; the audit sums the
//! hashes of the rows of each group before and after the run, and compares the groups without a bit. The same is done with
//! the fields that no operation of the plan writes: those of a record change only when the record itself is another one.

use crate::workload::{Action, Changes, Plan};
use drivers::{Part, Row};
use xxhash_rust::xxh3::xxh3_128;

/// At most so many groups: 32 KiB of bits for each lane, 2 MiB of sums for each table.
const MOST: u64 = 1 << 18;

/// The groups that were written to. None are kept until the first write.
#[derive(Debug, Clone)]
pub struct DirtyGroups {
    groups: usize,
    bits: Vec<u64>,
}

/// The sum of the hashes of each group's rows, modulo 2^64.
#[derive(Debug, Clone, Default)]
pub struct Sums(Vec<u64>);

impl DirtyGroups {
    /// For a table of about this many records: four groups for each, so that a write to one seldom hides another.
    pub fn new(records: u64) -> Self {
        let groups = records.saturating_mul(4).clamp(64, MOST).next_power_of_two();
        DirtyGroups { groups: groups as usize, bits: Vec::new() }
    }

    /// A write to the record of this key's hash.
    #[inline]
    pub fn touch(&mut self, key: u128) {
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

    /// Adds a held row to its group.
    pub fn sum(&self, key: u128, row: u128, sums: &mut Sums) {
        sums.0.resize(self.groups, 0);
        let sum = &mut sums.0[self.group(key)];
        *sum = sum.wrapping_add(row as u64);
    }

    /// How many groups with rows nobody wrote to, and in how many of them the rows are others now.
    pub fn compare(&self, before: &Sums, after: &Sums) -> (u64, u64) {
        let of = |sums: &Sums, group: usize| sums.0.get(group).copied().unwrap_or(0);
        let (mut untouched, mut different) = (0, 0);
        for group in 0..self.groups {
            let (was, is) = (of(before, group), of(after, group));
            if self.bits.get(group / 64).is_some_and(|bits| bits >> (group % 64) & 1 == 1) || (was == 0 && is == 0) {
                continue;
            }
            untouched += 1;
            different += u64::from(was != is);
        }
        (untouched, different)
    }

    /// From the upper half of the hash: the lower one decides which fields are followed by value.
    fn group(&self, key: u128) -> usize {
        (key >> 64) as usize & (self.groups - 1)
    }
}

/// Positions of the fields of a table that no operation of the plan writes; none where no record of it changes at all.
pub fn unwritten(plan: &Plan, at: usize) -> Vec<usize> {
    if plan.changes(Part::Table(at)) != Changes::Updated {
        return Vec::new();
    }
    let mut fields: Vec<usize> = (0..plan.tables[at].fields.len()).collect();
    for step in plan.operations.iter().flat_map(|operation| &operation.recipe.steps) {
        match &step.action {
            Action::Increment { table, field, .. } if *table == at => fields.retain(|one| one != field),
            Action::Update { table, selection, set, .. } if *table == at => {
                let written = selection.fields();
                fields.retain(|one| !written.contains(one) && set.iter().all(|(field, _)| field != one));
            }
            _ => {}
        }
    }
    fields
}

/// The hash of a row's key and these fields.
pub fn unwritten_hash(row: &Row, fields: &[usize], scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    row.key.write_canonical(scratch);
    fields.iter().filter_map(|at| row.values.get(*at)).for_each(|value| value.write_canonical(scratch));
    xxh3_128(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::{Key, Value};

    fn sums(touched: &DirtyGroups, rows: &[(i64, i64)]) -> Sums {
        let (mut sums, mut scratch) = (Sums::default(), Vec::new());
        for (key, value) in rows {
            let key = Key::Int(*key);
            let row = drivers::row_hash(&key, &[Value::Int(*value)], &mut scratch);
            touched.sum(drivers::row_hash(&key, &[], &mut scratch), row, &mut sums);
        }
        sums
    }

    #[test]
    fn a_change_shows_where_nobody_wrote_and_nowhere_else() {
        let mut touched = DirtyGroups::new(1_000);
        let before = sums(&touched, &[(1, 10), (2, 20)]);
        assert_eq!(touched.compare(&before, &sums(&touched, &[(2, 20), (1, 10)])), (2, 0));
        assert_eq!(touched.compare(&before, &sums(&touched, &[(1, 10), (2, 21)])), (2, 1));
        assert_eq!(touched.compare(&before, &sums(&touched, &[(1, 10)])), (2, 1));
        let mut lane = DirtyGroups::new(1_000);
        lane.touch(drivers::row_hash(&Key::Int(2), &[], &mut Vec::new()));
        touched.merge(&lane);
        assert_eq!(touched.compare(&before, &sums(&touched, &[(1, 10), (2, 21)])), (1, 0));
    }
}
