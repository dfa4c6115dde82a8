//! The numbering of new keys and what of it may be read: one counter that hands out numbers, and the length of the
//! prefix of numbers that are all acknowledged.
//!
//! A read must never ask for a record that is not there, or a store would be charged for a miss that the suite caused.
//! So readers draw below [`AcknowledgedKeys::visible`], which moves past a number only when it and all numbers before it
//! are acknowledged: YCSB's acknowledged counter, without its window of 2^20 and without its skipped acknowledgements.
//! Batches of a time series are numbered the same way.
//!
//! Not here: a number whose insert certainly did not happen (refused before it was sent, say). It is not acknowledged; the
//! lane that took it keeps it and uses it for its next insert (`key_allocator.rs`), so that no hole stays behind. A lane
//! that ends with such a number leaves the frontier there, which hides later keys but never shows a missing one.

use crate::workload::Plan;
use drivers::Part;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The key numbers of each table and the batch numbers of each series. There is one for a run: the measurement continues
/// where the warm-up ended.
#[derive(Debug)]
pub struct KeyFrontiers {
    tables: Vec<AcknowledgedKeys>,
    series: Vec<AcknowledgedKeys>,
}

impl KeyFrontiers {
    /// The state after the load.
    pub fn new(plan: &Plan) -> Self {
        let batches = plan.series.iter().map(|series| series.load_ticks * series.batches_per_tick());
        KeyFrontiers {
            tables: plan.tables.iter().map(|table| AcknowledgedKeys::new(table.records)).collect(),
            series: batches.map(AcknowledgedKeys::new).collect(),
        }
    }

    /// The numbers of a table's records or a series' batches; streams of a log are not added to.
    #[inline]
    pub fn get(&self, part: Part) -> Option<&AcknowledgedKeys> {
        match part {
            Part::Table(at) => self.tables.get(at),
            Part::Series(at) => self.series.get(at),
            Part::Log(_) => None,
        }
    }
}

/// The numbers of new keys, shared by all lanes of a run.
#[derive(Debug, Default)]
pub struct AcknowledgedKeys {
    next: AtomicU64,
    visible: AtomicU64,
    /// Numbers acknowledged before an earlier one: at most as many as there are inserts in flight.
    early: Mutex<BTreeSet<u64>>,
    /// Numbers below `visible` whose insert may or may not have happened.
    indeterminate: Mutex<BTreeSet<u64>>,
    has_indeterminate: AtomicBool,
}

impl AcknowledgedKeys {
    /// The state after `loaded` keys, numbered `0..loaded`, have been loaded.
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

    /// Says that this number's insert may or may not have happened (a time-out, say). The frontier moves past it, because it
    /// would otherwise stay there for ever, but no read asks for it.
    pub fn mark_indeterminate(&self, number: u64) {
        self.indeterminate.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        self.has_indeterminate.store(true, Ordering::Release);
        self.acknowledge(number);
    }

    /// Whether of any insert it is unknown what became of it.
    #[inline]
    pub fn has_indeterminate(&self) -> bool {
        self.has_indeterminate.load(Ordering::Acquire)
    }

    /// The visible number itself or, if it is indeterminate, the nearest below it that is not; above it if there is none.
    #[inline]
    pub fn nearest_determinate(&self, number: u64) -> u64 {
        if self.has_indeterminate() { self.search_determinate(number) } else { number }
    }

    #[cold]
    fn search_determinate(&self, number: u64) -> u64 {
        let indeterminate = self.indeterminate.lock().unwrap_or_else(PoisonError::into_inner);
        let mut nearest = (0..=number).rev().chain(number + 1..self.visible());
        nearest.find(|near| !indeterminate.contains(near)).unwrap_or(number)
    }

    /// Says that this number's insert was acknowledged.
    pub fn acknowledge(&self, number: u64) {
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

    /// All numbers below this one can be read.
    #[inline]
    pub fn visible(&self) -> u64 {
        self.visible.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn early(keys: &AcknowledgedKeys) -> usize {
        keys.early.lock().expect("no test panics while it holds the lock").len()
    }

    #[test]
    fn reads_avoid_inserts_of_unknown_outcome() {
        let keys = AcknowledgedKeys::new(2);
        (2..6).for_each(|number| assert_eq!(keys.take(), number));
        [2, 5].into_iter().for_each(|number| keys.acknowledge(number));
        [3, 4].into_iter().for_each(|number| keys.mark_indeterminate(number));
        assert_eq!(keys.visible(), 6);
        assert_eq!([2, 3, 4, 5].map(|number| keys.nearest_determinate(number)), [2, 2, 2, 5]);
        let none_loaded = AcknowledgedKeys::new(0);
        none_loaded.mark_indeterminate(none_loaded.take());
        none_loaded.acknowledge(none_loaded.take());
        assert_eq!(none_loaded.nearest_determinate(0), 1);
    }

    proptest! {
        #[test]
        fn visible_is_the_contiguous_prefix_of_acknowledged_numbers(
            loaded in 0_u64..5,
            order in Just((0_u64..40).collect::<Vec<_>>()).prop_shuffle(),
            count in 0_usize..=40,
        ) {
            let keys = AcknowledgedKeys::new(loaded);
            let mut acknowledged = BTreeSet::new();
            (0..40).for_each(|n| assert_eq!(keys.take(), loaded + n));
            for offset in &order[..count] {
                keys.acknowledge(loaded + offset);
                keys.acknowledge(loaded + offset); // a second report changes nothing
                acknowledged.insert(*offset);
                let prefix = (0..).take_while(|n| acknowledged.contains(n)).count();
                prop_assert_eq!(keys.visible(), loaded + prefix as u64);
                prop_assert_eq!(early(&keys), acknowledged.len() - prefix);
            }
        }
    }

    #[test]
    fn lanes_on_threads_get_distinct_numbers_and_readers_never_see_a_hole() {
        const LANES: u64 = 4;
        const INSERTS: u64 = 20_000;
        let keys = AcknowledgedKeys::new(10);
        let acknowledged: Vec<AtomicU64> =
            (0..10 + LANES * INSERTS).map(|n| AtomicU64::new(u64::from(n < 10))).collect();
        std::thread::scope(|scope| {
            for _ in 0..LANES {
                scope.spawn(|| {
                    for _ in 0..INSERTS {
                        let number = keys.take();
                        assert_eq!(
                            acknowledged[number as usize].swap(1, Ordering::Relaxed),
                            0,
                            "taken twice: {number}"
                        );
                        keys.acknowledge(number);
                        let last = keys.visible() - 1;
                        assert_eq!(
                            acknowledged[last as usize].load(Ordering::Relaxed),
                            1,
                            "visible but not acknowledged: {last}"
                        );
                    }
                });
            }
        });
        assert_eq!(keys.visible(), 10 + LANES * INSERTS);
        assert_eq!(early(&keys), 0);
    }
}
