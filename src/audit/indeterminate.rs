//! Indeterminate rows, which may be there or not: what a store was asked to write and never answered for.

use std::collections::HashSet;

use drivers::Digest;

/// How many rows are kept one by one: 16 MiB of hashes. A run that has more of them is far from valid.
const MOST: usize = 1 << 20;

/// A set of indeterminate rows, by hash.
#[derive(Debug, Clone, Default)]
pub struct Indeterminate {
    rows: HashSet<u128>,
    /// Whether there were more than are kept.
    overflowed: bool,
}

/// Rows of an [`Indeterminate`] set that a store was found to hold.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    rows: HashSet<u128>,
    /// How many rows were found again.
    doubled: u64,
}

impl Indeterminate {
    /// Adds a row to the set.
    pub fn add(&mut self, row: u128) {
        if self.rows.len() < MOST {
            self.rows.insert(row);
        } else {
            self.overflowed = true;
        }
    }

    /// Adds all rows of another set.
    pub fn merge(&mut self, other: &Indeterminate) {
        other.rows.iter().for_each(|row| self.add(*row));
        self.overflowed |= other.overflowed;
    }

    /// Whether there are no indeterminate rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether there are more than are kept, so that a difference proves nothing.
    pub fn is_incomplete(&self) -> bool {
        self.overflowed
    }

    /// How many rows are kept.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a row that the store holds to a digest, or to the observed rows if it is an indeterminate one.
    pub fn classify(&self, row: u128, digest: &mut Digest, observed: &mut Observed) {
        if !self.rows.contains(&row) {
            digest.add_hash(row);
        } else if !observed.rows.insert(row) {
            observed.doubled += 1;
        }
    }
}

impl Observed {
    /// How many of the indeterminate rows are there.
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
    fn an_indeterminate_row_is_kept_out_of_the_digest_and_may_be_there_once() {
        let mut indeterminate = Indeterminate::default();
        indeterminate.add(7);
        let (mut digest, mut observed) = (Digest::default(), Observed::default());
        for row in [1, 7, 2] {
            indeterminate.classify(row, &mut digest, &mut observed);
        }
        assert_eq!((digest.rows, digest.sum, observed.len(), observed.doubled()), (2, 3, 1, 0));
        indeterminate.classify(7, &mut digest, &mut observed);
        assert_eq!((observed.len(), observed.doubled()), (1, 1));
    }

    #[test]
    fn memory_is_bounded_and_an_incomplete_set_says_so() {
        let mut indeterminate = Indeterminate::default();
        (0..MOST as u128 + 1).for_each(|row| indeterminate.add(row));
        assert!(indeterminate.is_incomplete() && indeterminate.len() == MOST);
    }
}
