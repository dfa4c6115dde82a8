//! Pacing: when operations are due, and waiting for that instant.
//!
//! In an open loop there is one schedule for all lanes. Its instants are a function of (seed, rate) alone: they are
//! computed in order, under a lock, as lanes take them, which gives the same instants as computing them ahead, without
//! holding them all. Nothing is rescheduled after a stall, so an operation that had to wait for a free lane counts that
//! wait as response time. Nothing here knows what an operation is.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_xoshiro::SplitMix64;

use crate::draw::rng::{Purpose, rng};
use crate::workload::Arrivals;

use super::cancel::CancelToken;
use super::timer;

/// The run's clock: nanoseconds since its start.
///
/// It reads the processor's time-stamp counter where that is constant and synchronised, else the system's monotonic
/// clock: 9 ns against 20 to 25 for each of the two readings of an operation.
#[derive(Debug, Clone)]
pub struct Clock {
    clock: quanta::Clock,
    /// The raw reading of the counter when the clock was made.
    made: u64,
    head_start_ns: u64,
}

impl Clock {
    /// A clock whose zero is this much later than now.
    pub fn starting_in(head_start: Duration) -> Self {
        let clock = quanta::Clock::new();
        Clock { made: clock.raw(), clock, head_start_ns: head_start.as_nanos() as u64 }
    }

    /// Nanoseconds since zero; zero before it.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.at_ns(self.clock.raw())
    }

    /// The same for a raw reading of the counter.
    #[inline]
    pub fn at_ns(&self, raw: u64) -> u64 {
        self.clock.delta_as_nanos(self.made, raw).saturating_sub(self.head_start_ns)
    }
}

/// The one schedule of an open loop, shared by all lanes.
#[derive(Debug)]
pub struct Schedule {
    state: Mutex<ArrivalState>,
    limit: u64,
    gap_ns: f64,
    arrivals: Arrivals,
}

#[derive(Debug)]
struct ArrivalState {
    rng: SplitMix64,
    /// The next arrival in nanoseconds after the first instant of its window.
    next_ns: f64,
    taken: u64,
}

impl Schedule {
    /// Arrivals at a rate, at most `limit` of them.
    pub fn new(rate_per_s: f64, arrivals: Arrivals, seed: u64, purpose: Purpose, limit: u64) -> Self {
        let rng = rng(seed, Purpose::Arrivals, purpose as u64, 0);
        let mut state = ArrivalState { rng, next_ns: 0.0, taken: 0 };
        // The first arrival is a gap after the start, as any other.
        state.advance(arrivals, 1e9 / rate_per_s);
        Schedule { state: Mutex::new(state), limit, gap_ns: 1e9 / rate_per_s, arrivals }
    }

    /// Takes the next arrival of a window: its instant, or none when the window or the schedule is over.
    pub fn take(&self, window: Range<u64>) -> Option<u64> {
        self.next(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), &window)
    }

    /// Takes all arrivals that are left in a window, and returns how many there were.
    pub fn take_rest(&self, window: Range<u64>) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.taken;
        while self.next(&mut state, &window).is_some() {}
        state.taken - before
    }

    fn next(&self, state: &mut ArrivalState, window: &Range<u64>) -> Option<u64> {
        let due_ns = window.start + state.next_ns as u64;
        if due_ns >= window.end || state.taken == self.limit {
            return None;
        }
        state.taken += 1;
        state.advance(self.arrivals, self.gap_ns);
        Some(due_ns)
    }
}

impl ArrivalState {
    /// Advances by an exponential gap, -ln(U) times the mean with U in (0, 1]; or by an equal one, multiplied rather than
    /// added up, so that rounding errors do not add up either.
    fn advance(&mut self, arrivals: Arrivals, mean_ns: f64) {
        self.next_ns = match arrivals {
            Arrivals::Poisson => self.next_ns - (1.0 - self.rng.random::<f64>()).ln() * mean_ns,
            Arrivals::Constant => (self.taken + 1) as f64 * mean_ns,
        };
    }
}

/// How a lane waits for an instant.
#[derive(Debug, Clone, Copy)]
pub enum Wait {
    /// It has a thread of its own. `thread::sleep` wakes about 75 us late, so the lane sleeps until 120 us before the instant
    /// and spins for the rest. The store runs on that thread too, and nobody else waits for it.
    Thread,
    /// It shares a thread, on which others wait for replies: it sleeps until the instant and never spins.
    Task,
}

/// How long before the instant a lane on a thread of its own stops sleeping.
const SPIN_NS: u64 = 120_000;
/// Long sleeps are cut into slices so that a cancelled run ends soon; each slice is one more wake-up.
const SLICE_NS: u64 = 500_000_000;

impl Wait {
    /// Waits until an instant; false if the run was cancelled meanwhile.
    pub async fn until(&self, clock: &Clock, due_ns: u64, cancel: &CancelToken) -> bool {
        loop {
            let left_ns = due_ns.saturating_sub(clock.now_ns());
            if left_ns == 0 {
                return true;
            }
            if cancel.is_cancelled() {
                return false;
            }
            match self {
                Wait::Thread if left_ns <= SPIN_NS => std::hint::spin_loop(),
                Wait::Thread => std::thread::sleep(Duration::from_nanos((left_ns - SPIN_NS).min(SLICE_NS))),
                Wait::Task => timer::sleep_until(Instant::now() + Duration::from_nanos(left_ns.min(SLICE_NS))).await,
            }
        }
    }
}

/// Sleeps until about an instant, or until the run is cancelled. For threads that measure nothing.
pub fn sleep_until(clock: &Clock, due_ns: u64, cancel: &CancelToken) {
    while !cancel.is_cancelled() {
        let left = Duration::from_nanos(due_ns.saturating_sub(clock.now_ns()));
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instants(arrivals: Arrivals, seed: u64) -> Vec<u64> {
        let schedule = Schedule::new(1_000.0, arrivals, seed, Purpose::Measure, u64::MAX);
        std::iter::from_fn(|| schedule.take(500..10_000_000_500)).collect()
    }

    #[test]
    fn a_schedule_is_a_function_of_its_seed() {
        assert_eq!(instants(Arrivals::Poisson, 1), instants(Arrivals::Poisson, 1));
        assert_ne!(instants(Arrivals::Poisson, 1), instants(Arrivals::Poisson, 2));
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_spread_of_an_exponential() {
        let instants = instants(Arrivals::Poisson, 7);
        // 10 s at 1000/s: 10,000 arrivals, standard deviation 100.
        assert!((instants.len() as f64 - 10_000.0).abs() < 400.0, "{}", instants.len());
        let gaps: Vec<f64> = instants.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "coefficient of variation {}", variance.sqrt() / mean);
    }

    #[test]
    fn constant_gaps_do_not_drift() {
        let schedule = Schedule::new(3.0, Arrivals::Constant, 0, Purpose::Measure, 3_000_000);
        let last = std::iter::from_fn(|| schedule.take(0..u64::MAX)).last().expect("three million arrivals");
        assert!(last.abs_diff(1_000_000_000_000_000) < 1_000, "{last}");
    }

    #[test]
    fn a_schedule_ends_at_its_limit_or_its_end() {
        let schedule = Schedule::new(1_000.0, Arrivals::Poisson, 1, Purpose::Measure, 10);
        assert_eq!(std::iter::from_fn(|| schedule.take(0..u64::MAX)).count(), 10);
        let schedule = Schedule::new(1_000.0, Arrivals::Constant, 1, Purpose::Measure, u64::MAX);
        let window = || 0..1_000_000_500;
        schedule.take(window());
        assert_eq!(
            (schedule.take_rest(window()), schedule.take_rest(window()), schedule.take(window())),
            (999, 0, None)
        );
    }

    #[test]
    fn a_window_whose_end_is_put_off_goes_on_with_the_arrival_that_it_left() {
        let schedule = Schedule::new(1_000.0, Arrivals::Constant, 1, Purpose::Warmup, u64::MAX);
        assert_eq!(schedule.take_rest(0..3_500_000), 3);
        assert_eq!((schedule.take(0..3_500_000), schedule.take(0..9_000_000)), (None, Some(4_000_000)));
    }
}
