//! When the warm-up ends: at the configured instant, or later where the response times of its second half say that it is
//! not over, up to a stated longest time. The planned measurement follows whole, so that every figure is of the same seconds.
//!
//! Lanes and the judge agree on the instant through one number: the judge may put it off until the first lane has passed it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::record::{Phase, WarmupEnd, WarmupInfo};
use crate::stats::{self, Steadiness, Trend};
use crate::units;

use super::cancel::CancelToken;
use super::pace::{Clock, sleep_until};

/// By how much the end is put off at a time; seconds of the timeline stay whole.
const STEP_NS: u64 = 1_000_000_000;
/// How long before the end it is judged whether to put it off: a scheduler's slice or two.
const JUDGED_NS: u64 = 60_000_000;
/// When a lane of an open loop that has nothing left to do before the end goes on to the measurement: early enough to be
/// there for its first arrival.
const PASSED_NS: u64 = 20_000_000;
/// The length of a point of the series that is judged.
const POINT_NS: u64 = 100_000_000;
/// Set in the end once a lane has passed it.
const PASSED: u64 = 1 << 63;

/// The instant at which the measurement begins, and what it is found from.
#[derive(Debug)]
pub struct MeasureStart {
    end_ns: AtomicU64,
    configured_ns: u64,
    longest_ns: u64,
    points: Box<[WarmupPoint]>,
}

/// What ended in a tenth of a second.
#[derive(Debug, Default)]
struct WarmupPoint {
    operations: AtomicU64,
    /// The sum of the natural logarithms of their service times in nanoseconds, in millionths.
    log_sum: AtomicU64,
}

/// What a lane has not told yet of the operations of its warm-up.
#[derive(Debug, Default)]
pub struct WarmupTally {
    operations: u64,
    log_sum: f64,
}

impl WarmupTally {
    /// Adds an operation. A logarithm: one that waited for a checkpoint is to weigh no more than a hundred others.
    #[inline]
    pub fn add(&mut self, service_ns: u64) {
        self.operations += 1;
        self.log_sum += (service_ns.max(1) as f64).ln();
    }
}

impl MeasureStart {
    /// After a warm-up of this length, or one that ends as late as `longest`. Without a warm-up, at once.
    pub fn new(configured: Duration, longest: Duration) -> Self {
        let configured_ns = configured.as_nanos() as u64;
        let longest_ns = if configured_ns == 0 { 0 } else { configured_ns.max(longest.as_nanos() as u64) };
        let points = (0..longest_ns.div_ceil(POINT_NS)).map(|_| WarmupPoint::default()).collect();
        MeasureStart { end_ns: AtomicU64::new(configured_ns), configured_ns, longest_ns, points }
    }

    /// The instant as it stands.
    #[inline]
    pub fn ns(&self) -> u64 {
        self.end_ns.load(Ordering::Relaxed) & !PASSED
    }

    /// The instant from which seconds are counted: those of a warm-up from its configured end, for they have numbers before
    /// it is known when it really ends.
    #[inline]
    pub fn origin_ns(&self, phase: Phase) -> u64 {
        if phase == Phase::Warmup { self.configured_ns } else { self.ns() }
    }

    /// Whole seconds by which the end was put off.
    pub fn put_off_s(&self) -> i64 {
        ((self.ns() - self.configured_ns) / 1_000_000_000) as i64
    }

    /// When a lane of an open loop may pass an end that it knows.
    pub fn passed_from_ns(end_ns: u64) -> u64 {
        end_ns.saturating_sub(PASSED_NS)
    }

    /// Passes the end that a lane knows, unless it was put off: then nothing has happened, and the warm-up goes on.
    pub fn pass(&self, known_ns: u64) -> bool {
        let passed = self.end_ns.compare_exchange(known_ns, known_ns | PASSED, Ordering::Relaxed, Ordering::Relaxed);
        passed.is_ok() || passed == Err(known_ns | PASSED)
    }

    /// Adds what a lane did since its last call and forgets it there.
    pub fn add(&self, now_ns: u64, tally: &mut WarmupTally) {
        let WarmupTally { operations, log_sum } = std::mem::take(tally);
        if let Some(point) = self.points.get((now_ns / POINT_NS) as usize) {
            point.operations.fetch_add(operations, Ordering::Relaxed);
            point.log_sum.fetch_add((1e6 * log_sum) as u64, Ordering::Relaxed);
        }
    }

    /// Waits for the end, and puts it off for as long as there is a reason to. Returns what became of it; nothing without a
    /// warm-up.
    pub fn wait(&self, clock: &Clock, cancel: &CancelToken) -> Option<WarmupInfo> {
        if self.configured_ns == 0 {
            return None;
        }
        let mut why = None;
        let (end, evidence) = loop {
            let end_ns = self.ns();
            let judged_ns = end_ns.saturating_sub(JUDGED_NS);
            sleep_until(clock, judged_ns, cancel);
            let (course, is_over) = self.judge(judged_ns);
            if !is_over && !cancel.is_cancelled() && self.put_off(end_ns) {
                why = course;
                continue;
            }
            break match (course, why) {
                (Some(course), _) if !is_over => (WarmupEnd::NotSteady, course),
                (_, Some(why)) => (WarmupEnd::PutOff, why),
                (Some(course), None) => (WarmupEnd::Configured, course),
                (None, None) => (WarmupEnd::TooShort, "less than 2 s in which operations ended".to_owned()),
            };
        };
        sleep_until(clock, self.ns(), cancel);
        let seconds = |ns: u64| ns as f64 / 1e9;
        Some(WarmupInfo {
            configured_s: seconds(self.configured_ns),
            longest_s: seconds(self.longest_ns),
            end,
            evidence,
        })
    }

    /// Puts an end off, unless a lane has passed it or it would be later than the longest.
    fn put_off(&self, end_ns: u64) -> bool {
        let later_ns = end_ns + STEP_NS;
        let put_off = || self.end_ns.compare_exchange(end_ns, later_ns, Ordering::Relaxed, Ordering::Relaxed);
        later_ns <= self.longest_ns && put_off().is_ok()
    }

    /// How the service times went in the second half of what has passed, and whether that is no reason to go on.
    fn judge(&self, now_ns: u64) -> (Option<String>, bool) {
        let whole = &self.points[..self.points.len().min((now_ns / POINT_NS) as usize)];
        let half: Vec<f64> = whole[whole.len() / 2..].iter().filter_map(WarmupPoint::typical_ns).collect();
        let from_s = (whole.len() / 2) as f64 * POINT_NS as f64 / 1e9;
        let until_s = whole.len() as f64 * POINT_NS as f64 / 1e9;
        let show = |ns: f64| units::latency(ns.round() as u64);
        let went = |from: f64, to: f64| {
            let (from_s, until_s) = (units::seconds(from_s), units::seconds(until_s));
            format!(
                "from {from_s} to {until_s} of it the typical service time went from {} to {}",
                show(from),
                show(to)
            )
        };
        match stats::steadiness(&half) {
            Steadiness::TooShort => (None, true),
            Steadiness::Steady(Trend { from, to, .. }) | Steadiness::Undecided(Trend { from, to, .. }) => {
                (Some(went(from, to)), true)
            }
            Steadiness::Drifting(Trend { from, to, .. })
            | Steadiness::Stepped { from, to, .. }
            | Steadiness::NeverSteady { from, to, .. } => (Some(went(from, to)), false),
        }
    }
}

impl WarmupPoint {
    /// The geometric mean of the service times; none if nothing ended.
    fn typical_ns(&self) -> Option<f64> {
        let operations = self.operations.load(Ordering::Relaxed);
        let log_sum = self.log_sum.load(Ordering::Relaxed) as f64 / 1e6;
        (operations > 0).then(|| (log_sum / operations as f64).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH_NS: u64 = POINT_NS;

    /// A warm-up in virtual time whose service times in microseconds are a function of its tenths.
    fn warmed(configured_s: u64, longest_s: u64, service_us: impl Fn(u64) -> u64) -> MeasureStart {
        let start = MeasureStart::new(Duration::from_secs(configured_s), Duration::from_secs(longest_s));
        for tenth in 0..10 * longest_s {
            let mut tally = WarmupTally::default();
            (0..100).for_each(|nth| tally.add(1_000 * service_us(tenth) + 10 * (nth + tenth * 7 % 5)));
            start.add(tenth * TENTH_NS, &mut tally);
        }
        start
    }

    #[test]
    fn a_warm_up_is_over_when_its_second_half_holds_its_level() {
        let slow_start = warmed(2, 20, |tenth| if tenth < 40 { 1_000 - 20 * tenth } else { 200 });
        let is_over = |tenths: u64| slow_start.judge(tenths * TENTH_NS).1;
        assert_eq!([20, 30, 40, 90].map(is_over), [false, false, false, true]);
        let (why, _) = slow_start.judge(20 * TENTH_NS);
        assert_eq!(why.as_deref(), Some("from 1 s to 2 s of it the typical service time went from 801 us to 621 us"));
        assert!(warmed(2, 20, |_| 300).judge(20 * TENTH_NS).1, "steady from the first");
    }

    #[test]
    fn what_is_too_short_to_tell_stays_as_it_was_configured() {
        assert_eq!(warmed(1, 5, |tenth| 5_000 - 90 * tenth).judge(10 * TENTH_NS), (None, true));
        let idle = MeasureStart::new(Duration::from_secs(5), Duration::from_secs(25));
        assert_eq!(idle.judge(50 * TENTH_NS), (None, true), "nothing ended");
        assert_eq!(MeasureStart::new(Duration::ZERO, Duration::from_secs(9)).ns(), 0, "none stays none");
    }

    #[test]
    fn an_end_that_a_lane_has_passed_is_not_put_off_and_one_that_was_put_off_is_not_passed() {
        let start = MeasureStart::new(Duration::from_secs(2), Duration::from_secs(10));
        assert!(start.put_off(2_000_000_000));
        assert!(!start.pass(2_000_000_000), "it was put off");
        assert!(start.pass(3_000_000_000) && start.pass(3_000_000_000));
        assert_eq!((start.ns(), start.put_off_s()), (3_000_000_000, 1));
        assert!(!start.put_off(3_000_000_000), "too late");
    }

    #[test]
    fn waiting_puts_the_end_off_while_it_changes_and_up_to_the_longest_time() {
        let clock = Clock::starting_in(Duration::ZERO);
        let ended = |start: &MeasureStart| {
            let info = start.wait(&clock, &CancelToken::default()).expect("a warm-up");
            (info.end, start.put_off_s())
        };
        assert_eq!(ended(&warmed(2, 2, |_| 300)), (WarmupEnd::Configured, 0));
        assert_eq!(ended(&warmed(2, 3, |tenth| 1_000 - 20 * tenth)), (WarmupEnd::NotSteady, 1));
        assert_eq!(ended(&warmed(1, 9, |_| 300)), (WarmupEnd::TooShort, 0));
    }
}
