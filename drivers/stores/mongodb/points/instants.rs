//! Instants in a time-series collection. The server finds its buckets by dates that it counts in 32 bits of seconds,
//! and outside of those it loses points without a word. On server 6.0.5, with the entity 1 and granularity `seconds`:
//!
//! - -7259000 ms is inserted, then -3600001 ms. Both lie in one bucket, whose start was rounded towards 1970, so that
//!   it is longer than the hour that a query reckons with: `{at: {$eq: -3600001}}`, `$gte` and `$lt` find none of them.
//! - A bucket's length before a query's first instant is a negative number of seconds if that instant is of January
//!   1970, and becomes an `_id` above all others: nothing is found of a collection that holds points of 1970 to 2038
//!   only.
//! - Within a bucket's length of the ends of 64 bits: `Overflow while adding -3600000ms` (code 159).
//!
//! So `at` holds only dates with which none of this happens. An instant that lies farther out stands in a field of its
//! own; `at` then holds a date just outside the range. It is found less quickly, but it is found. Order is kept.

/// 1970-02-01: the longest bucket, of 30 days, starts after 1970 when it ends here.
const FIRST_MS: i64 = 31 * 24 * 60 * 60 * 1000;

/// 2038-01-19 03:14:07, the last second that 32 bits count.
const END_MS: i64 = (i32::MAX as i64) * 1000;

/// For messages: what `at` holds itself.
pub(super) const NEAR: &str = "1970-02-01..2038-01-19";

/// What `at` holds for an instant.
pub(super) fn kept(at_ms: i64) -> i64 {
    at_ms.clamp(FIRST_MS - 1, END_MS)
}

/// Whether an instant is not what `at` holds for it.
pub(super) fn is_far(at_ms: i64) -> bool {
    !(FIRST_MS..END_MS).contains(&at_ms)
}

/// Instants from the first to the last, both included; none if the last is before the first.
pub(super) struct Span {
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

impl Span {
    /// The instants `from_ms <= t < to_ms`.
    pub(super) fn new(from_ms: i64, to_ms: i64) -> Self {
        match to_ms.checked_sub(1) {
            Some(last_ms) => Span { first_ms: from_ms, last_ms },
            None => Span { first_ms: i64::MAX, last_ms: i64::MIN },
        }
    }

    /// Whether there can be far instants among them, which `at` does not distinguish.
    pub(super) fn is_far(&self) -> bool {
        is_far(self.first_ms) || is_far(self.last_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_stands_for_itself_and_what_is_far_beside_it() {
        for near in [FIRST_MS, 1_767_225_600_000, END_MS - 1] {
            assert!(!is_far(near) && kept(near) == near);
        }
        for (far, beside) in
            [(i64::MIN, FIRST_MS - 1), (FIRST_MS - 1, FIRST_MS - 1), (END_MS, END_MS), (i64::MAX, END_MS)]
        {
            assert!(is_far(far) && kept(far) == beside);
        }
        assert!(!Span::new(FIRST_MS, END_MS).is_far());
        assert!(Span::new(FIRST_MS, END_MS + 1).is_far());
        assert!(Span::new(FIRST_MS - 1, END_MS).is_far());
        let none = Span::new(i64::MIN, i64::MIN);
        assert!(none.first_ms > none.last_ms);
    }
}
