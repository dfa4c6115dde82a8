//! When operations ended, to 10 ms: from this a standstill of the store is found, wherever in a second it begins.

use std::collections::BTreeMap;

use crate::record::Standstill;

/// Into how many parts a second is divided.
const BINS: u64 = 100;
const BIN_NS: u64 = 1_000_000_000 / BINS;

/// The hundredths of one second in which an operation ended: bit n is the 10 ms from n times 10 ms on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndedIn(u128);

impl EndedIn {
    /// Marks an operation that ended this long after the second began. One that ended after the second was over belongs to
    /// no hundredth: in a closed loop the last second also takes what was in flight at the planned end.
    #[inline]
    pub fn mark(&mut self, since_second_ns: u64) {
        if since_second_ns < BINS * BIN_NS {
            self.0 |= 1 << (since_second_ns / BIN_NS);
        }
    }

    /// Adds another lane's marks and empties them.
    pub fn absorb(&mut self, other: &mut EndedIn) {
        self.0 |= std::mem::take(other).0;
    }
}

/// The marks of all seconds of a measurement.
#[derive(Debug, Default)]
pub struct Completions(BTreeMap<i64, EndedIn>);

impl Completions {
    /// Adds a second's marks, or some more of a second that is there.
    pub fn add(&mut self, second: i64, mut ended_in: EndedIn) {
        self.0.entry(second).or_default().absorb(&mut ended_in);
    }

    /// The longest time from 0 to `until_s` in which no operation ended. It may be up to 20 ms too short.
    pub fn longest_standstill(&self, until_s: f64) -> Standstill {
        let marked = self.0.iter().filter(|(second, _)| **second >= 0).flat_map(|(second, ended_in)| {
            let began = *second as u64 * BINS;
            (0..BINS).filter(|bin| ended_in.0 >> bin & 1 == 1).map(move |bin| began + bin)
        });
        let end = (until_s * BINS as f64) as u64;
        let (mut longest, mut empty_from) = ((0, 0), 0);
        for bin in marked.filter(|bin| *bin < end).chain([end]) {
            if bin.saturating_sub(empty_from) > longest.1 {
                longest = (empty_from, bin - empty_from);
            }
            empty_from = bin + 1;
        }
        let seconds = |bins: u64| bins as f64 / BINS as f64;
        Standstill { from_s: seconds(longest.0), length_s: seconds(longest.1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operations every 10 ms for `until_s`, but none in `idle`.
    fn completions(until_s: f64, idle: std::ops::Range<f64>) -> Completions {
        let mut completions = Completions::default();
        for bin in 0..(until_s * 100.0) as u64 {
            let at_s = bin as f64 / 100.0;
            if !idle.contains(&at_s) {
                let mut ended_in = EndedIn::default();
                ended_in.mark(bin % 100 * BIN_NS + 5_000_000);
                completions.add(bin as i64 / 100, ended_in);
            }
        }
        completions
    }

    #[test]
    fn a_standstill_is_found_wherever_it_begins() {
        for from_s in [0.0, 0.5, 3.05, 3.99, 7.0] {
            let found = completions(10.0, from_s..from_s + 1.9).longest_standstill(10.0);
            assert!((found.from_s - from_s).abs() < 0.011 && (found.length_s - 1.9).abs() < 0.021, "{found:?}");
        }
    }

    #[test]
    fn one_that_lasts_to_the_end_or_beyond_the_last_second_is_found() {
        let found = completions(10.0, 8.5..10.0).longest_standstill(10.0);
        assert!((found.length_s - 1.5).abs() < 0.021, "{found:?}");
        // What was in flight when a closed loop ended came back 8 s later: its second is the last one.
        let mut late = completions(20.0, 19.9..20.0);
        let mut ended_in = EndedIn::default();
        ended_in.mark(8_900_000_000);
        late.add(19, ended_in);
        let found = late.longest_standstill(27.9);
        assert!((found.from_s - 19.9).abs() < 0.011 && (found.length_s - 8.0).abs() < 0.021, "{found:?}");
    }

    #[test]
    fn marks_that_come_late_fill_their_second_and_the_warm_up_does_not_count() {
        let mut completions = completions(3.0, 1.0..2.0);
        completions.add(-1, EndedIn(u128::MAX >> 28));
        assert!((completions.longest_standstill(3.0).length_s - 1.0).abs() < 0.021);
        completions.add(1, EndedIn(u128::MAX >> 28));
        assert_eq!(completions.longest_standstill(3.0).length_s, 0.0);
    }
}
