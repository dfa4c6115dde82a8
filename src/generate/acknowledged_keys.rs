//! The numbering of new keys and what of it may be read: one counter that hands out numbers, and the length of the
//! prefix of numbers that are all settled.
//!
//! A read must never be aimed at a record that is not there, or a store would be charged for a miss that the suite
//! caused. So readers draw below [`AcknowledgedKeys::visible`], which moves over a number only when it and all numbers before
//! it are done: YCSB's acknowledged counter, without its window of 2^20 and without its skipped acknowledgements. Ticks
//! of a time series are numbered the same way.
//!
//! Not here: what becomes of a number whose insert is known not to have happened (refused before it was sent, say).
//! It is not done; the lane that took it keeps it and uses it for its next insert, so that no hole stays behind. A
//! lane that ends with such a number leaves the frontier there, which hides later keys but never shows a missing one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The numbers of new keys, shared by all lanes of a run.
#[derive(Debug, Default)]
pub struct AcknowledgedKeys {
    next: AtomicU64,
    visible: AtomicU64,
    /// Numbers done while an earlier one is not: at most as many as there are inserts in flight.
    early: Mutex<BTreeSet<u64>>,
    /// Numbers below `visible` whose insert may or may not have been done.
    doubtful: Mutex<BTreeSet<u64>>,
    has_doubtful: AtomicBool,
}

impl AcknowledgedKeys {
    /// A frontier behind `loaded` keys, numbered `0..loaded`, which are all there.
    pub fn new(loaded: u64) -> Self {
        AcknowledgedKeys {
            next: AtomicU64::new(loaded),
            visible: AtomicU64::new(loaded),
            ..AcknowledgedKeys::default()
        }
    }

    /// The next unused number.
    pub fn take(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Nobody knows whether this number's insert was done (a time-out, say). The frontier moves over it, for it would
    /// otherwise stay there for ever, but no reader is aimed at it.
    pub fn doubt(&self, number: u64) {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        self.has_doubtful.store(true, Ordering::Release);
        self.done(number);
    }

    /// A number below the frontier, or in place of a doubtful one the nearest below it that is not; above it if there is
    /// none.
    #[inline]
    pub fn sure(&self, number: u64) -> u64 {
        if self.has_doubtful.load(Ordering::Acquire) { self.neighbour(number) } else { number }
    }

    #[cold]
    fn neighbour(&self, number: u64) -> u64 {
        let doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        let mut near = (0..=number).rev().chain(number + 1..self.visible());
        near.find(|one| !doubtful.contains(one)).unwrap_or(number)
    }

    /// This number's insert is acknowledged.
    pub fn done(&self, number: u64) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        let mut visible = self.visible.load(Ordering::Relaxed);
        if number > visible {
            early.insert(number);
        } else if number == visible {
            visible += 1;
            while early.first() == Some(&visible) {
                early.pop_first();
                visible += 1;
            }
            self.visible.store(visible, Ordering::Release);
        }
    }

    /// All numbers below this one are done.
    #[inline]
    pub fn visible(&self) -> u64 {
        self.visible.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn early(frontier: &AcknowledgedKeys) -> usize {
        frontier.early.lock().expect("no test panics while it holds the lock").len()
    }

    #[test]
    fn readers_are_not_aimed_at_an_insert_of_unknown_outcome() {
        let frontier = AcknowledgedKeys::new(2);
        (2..6).for_each(|number| assert_eq!(frontier.take(), number));
        [2, 5].into_iter().for_each(|number| frontier.done(number));
        [3, 4].into_iter().for_each(|number| frontier.doubt(number));
        assert_eq!(frontier.visible(), 6);
        assert_eq!([2, 3, 4, 5].map(|number| frontier.sure(number)), [2, 2, 2, 5]);
        let nothing_before = AcknowledgedKeys::new(0);
        nothing_before.doubt(nothing_before.take());
        nothing_before.done(nothing_before.take());
        assert_eq!(nothing_before.sure(0), 1);
    }

    proptest! {
        #[test]
        fn visible_is_the_contiguous_prefix_of_what_is_done(
            loaded in 0_u64..5,
            order in Just((0_u64..40).collect::<Vec<_>>()).prop_shuffle(),
            count in 0_usize..=40,
        ) {
            let frontier = AcknowledgedKeys::new(loaded);
            let mut settled = BTreeSet::new();
            (0..40).for_each(|n| assert_eq!(frontier.take(), loaded + n));
            for offset in &order[..count] {
                frontier.done(loaded + offset);
                frontier.done(loaded + offset); // a second report changes nothing
                settled.insert(*offset);
                let prefix = (0..).take_while(|n| settled.contains(n)).count();
                prop_assert_eq!(frontier.visible(), loaded + prefix as u64);
                prop_assert_eq!(early(&frontier), settled.len() - prefix);
            }
        }
    }

    #[test]
    fn lanes_on_threads_get_distinct_numbers_and_readers_never_see_a_hole() {
        const LANES: u64 = 4;
        const INSERTS: u64 = 20_000;
        let frontier = AcknowledgedKeys::new(10);
        let settled: Vec<AtomicU64> = (0..10 + LANES * INSERTS).map(|n| AtomicU64::new(u64::from(n < 10))).collect();
        std::thread::scope(|scope| {
            for _ in 0..LANES {
                scope.spawn(|| {
                    for _ in 0..INSERTS {
                        let number = frontier.take();
                        assert_eq!(settled[number as usize].swap(1, Ordering::Relaxed), 0, "taken twice: {number}");
                        frontier.done(number);
                        let last = frontier.visible() - 1;
                        assert_eq!(settled[last as usize].load(Ordering::Relaxed), 1, "visible but not done: {last}");
                    }
                });
            }
        });
        assert_eq!(frontier.visible(), 10 + LANES * INSERTS);
        assert_eq!(early(&frontier), 0);
    }
}
