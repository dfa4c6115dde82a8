//! Instants in a time-series collection. The server finds its buckets by dates that it counts in 32 bits of seconds,
//! and outside of those it loses points without an error. On server 6.0.5, with the entity 1 and granularity `seconds`:
//!
//! - -7259000 ms is inserted, then -3600001 ms. Both lie in one bucket, whose start was rounded towards 1970, so that
//!   it is longer than the hour that a query expects: `{at: {$eq: -3600001}}`, `$gte` and `$lt` find none of them.
//! - A bucket's length before a query's first instant is a negative number of seconds if that instant is of January
//!   1970, and becomes an `_id` above all others: nothing is found of a collection that holds points of 1970 to 2038
//!   only.
//! - Within a bucket's length of the ends of 64 bits: `Overflow while adding -3600000ms` (code 159).
//!
//! So `at` holds only dates with which none of this happens: the direct range. An instant outside of it is kept in a
//! field of its own, and `at` holds a date just outside the range. It is found less quickly, but it is found. Order is
//! kept.

/// 1970-02-01: the longest bucket, of 30 days, starts after 1970 when it ends here.
const FIRST_MS: i64 = 31 * 24 * 60 * 60 * 1000;

/// 2038-01-19 03:14:07, the last second that 32 bits count.
const END_MS: i64 = (i32::MAX as i64) * 1000;

/// The direct range in words.
pub(super) const DIRECT_RANGE: &str = "1970-02-01..2038-01-19";

/// What `at` holds for an instant.
pub(super) fn clamped(at_ms: i64) -> i64 {
    at_ms.clamp(FIRST_MS - 1, END_MS)
}

/// Whether `at` holds the instant itself.
pub(super) fn is_direct(at_ms: i64) -> bool {
    (FIRST_MS..END_MS).contains(&at_ms)
}

/// Instants from the first to the last, both included; none if the last is before the first.
pub(super) struct InstantRange {
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

impl InstantRange {
    /// The instants `from_ms <= t < to_ms`.
    pub(super) fn new(from_ms: i64, to_ms: i64) -> Self {
        match to_ms.checked_sub(1) {
            Some(last_ms) => InstantRange { first_ms: from_ms, last_ms },
            None => InstantRange { first_ms: i64::MAX, last_ms: i64::MIN },
        }
    }

    /// Whether `at` holds all of them itself. It does not distinguish the others.
    pub(super) fn is_direct(&self) -> bool {
        is_direct(self.first_ms) && is_direct(self.last_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_of_the_direct_range_are_held_as_they_are_and_others_just_beside_it() {
        for direct in [FIRST_MS, 1_767_225_600_000, END_MS - 1] {
            assert!(is_direct(direct) && clamped(direct) == direct);
        }
        for (instant, beside) in
            [(i64::MIN, FIRST_MS - 1), (FIRST_MS - 1, FIRST_MS - 1), (END_MS, END_MS), (i64::MAX, END_MS)]
        {
            assert!(!is_direct(instant) && clamped(instant) == beside);
        }
        assert!(InstantRange::new(FIRST_MS, END_MS).is_direct());
        assert!(!InstantRange::new(FIRST_MS, END_MS + 1).is_direct());
        assert!(!InstantRange::new(FIRST_MS - 1, END_MS).is_direct());
        let empty = InstantRange::new(i64::MIN, i64::MIN);
        assert!(empty.first_ms > empty.last_ms);
    }
}
