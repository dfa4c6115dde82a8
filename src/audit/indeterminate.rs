//! Rows that may be there or not: what a store was asked to write and never answered for.

use std::collections::HashSet;

use drivers::Digest;

/// So many rows are known one by one: 16 MiB of hashes. A run that has more of them is far from valid.
const MOST: usize = 1 << 20;

/// A set of rows, by hash.
#[derive(Debug, Clone, Default)]
pub struct Indeterminate {
    rows: HashSet<u128>,
    /// Whether there were more than can be known one by one.
    overflowed: bool,
}

/// Rows of a [`Indeterminate`] that a store was found to hold.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    rows: HashSet<u128>,
    /// Rows that were found again.
    doubled: u64,
}

impl Indeterminate {
    /// Notes a row.
    pub fn add(&mut self, row: u128) {
        if self.rows.len() < MOST {
            self.rows.insert(row);
        } else {
            self.overflowed = true;
        }
    }

    /// Notes all rows of another.
    pub fn merge(&mut self, other: &Indeterminate) {
        other.rows.iter().for_each(|row| self.add(*row));
        self.overflowed |= other.overflowed;
    }

    /// Whether nothing is in doubt.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether more is in doubt than is known here, so that a difference proves nothing.
    pub fn is_incomplete(&self) -> bool {
        self.overflowed
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a held row to a digest, unless it is one of these: then it is met.
    pub fn sort(&self, row: u128, digest: &mut Digest, met: &mut Observed) {
        if !self.rows.contains(&row) {
            digest.add_hash(row);
        } else if !met.rows.insert(row) {
            met.doubled += 1;
        }
    }
}

impl Observed {
    /// How many of the doubtful rows are there.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many were written twice, which no unanswered write may do.
    pub fn doubled(&self) -> u64 {
        self.doubled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubtful_row_is_kept_out_of_the_digest_and_may_be_there_once() {
        let mut doubt = Indeterminate::default();
        doubt.add(7);
        let (mut digest, mut met) = (Digest::default(), Observed::default());
        for row in [1, 7, 2] {
            doubt.sort(row, &mut digest, &mut met);
        }
        assert_eq!((digest.rows, digest.sum, met.len(), met.doubled()), (2, 3, 1, 0));
        doubt.sort(7, &mut digest, &mut met);
        assert_eq!((met.len(), met.doubled()), (1, 1));
    }

    #[test]
    fn memory_is_bounded_and_a_doubt_that_is_not_whole_says_so() {
        let mut doubt = Indeterminate::default();
        (0..MOST as u128 + 1).for_each(|row| doubt.add(row));
        assert!(doubt.is_incomplete() && doubt.len() == MOST);
    }
}
