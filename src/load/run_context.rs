//! The context that all lanes of a run go through: its clock, its windows, its schedule, and what may end it early.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::draw::rng::Purpose;
use crate::record::Phase;

use super::answer::AnswerRules;
use super::cancel::CancelToken;
use super::pace::{Clock, Schedule};
use super::warmup::MeasureStart;

/// What all lanes of a run share.
#[derive(Debug)]
pub struct RunContext {
    /// The run's clock; zero is the start of the warm-up.
    pub clock: Clock,
    /// When the measurement begins.
    pub start: Arc<MeasureStart>,
    /// The last second of the measurement that has a line of its own.
    pub last_second: i64,
    /// The warm-up, if any, and the measurement.
    pub windows: Vec<LoadWindow>,
    /// For each operation of the plan, its slot; the slots of its steps follow it.
    pub slots: Vec<usize>,
    /// What answers are checked by; none where the store keeps no data.
    pub answers: Option<AnswerRules>,
    /// Attempts after the first for operations that lost a conflict.
    pub max_retries: u32,
    /// Whether the first failure ends the run.
    pub stops_on_failure: bool,
    /// The number of lanes.
    pub lanes: u64,
    /// The number of threads that carry them: lane n is the first of thread n.
    pub threads: u64,
    /// How many of them have not ended.
    pub running: AtomicU64,
    /// How many slots are recorded.
    pub slot_count: usize,
    /// Ends the measurement: Ctrl-C does, and a run that cannot go on.
    pub cancel: Arc<CancelToken>,
}

/// A phase as lanes see it: when operations may start, and how many.
#[derive(Debug)]
pub struct LoadWindow {
    /// Whether this is the warm-up or the measurement.
    pub phase: Phase,
    /// Which stream of operations is carried out.
    pub purpose: Purpose,
    /// Its length, if that ends it; of a warm-up the [`MeasureStart`] does.
    pub length_ns: Option<u64>,
    /// How many operations all lanes together may start: the schedule counts them in an open loop, and in a closed one each
    /// lane has its share.
    pub operations: u64,
    /// The schedule of an open loop.
    pub schedule: Option<Schedule>,
    /// Arrivals that are later than this when a lane takes them are skipped.
    pub skip_after_ns: u64,
    /// Arrivals that are not started so long after its end are skipped, so that a hopeless backlog ends.
    pub drain_ns: u64,
}

impl RunContext {
    /// A lane's share of a number of operations, as equal as whole numbers allow.
    pub fn share(&self, operations: u64, lane: u64) -> u64 {
        operations / self.lanes + u64::from(lane < operations % self.lanes)
    }

    /// When operations of a window may be due, and until when they may start; of a warm-up, as far as is known.
    pub fn bounds(&self, window: &LoadWindow) -> (Range<u64>, u64) {
        let start_ns = self.start.ns();
        let due = match window.phase {
            Phase::Warmup => 0..start_ns,
            _ => start_ns..window.length_ns.map_or(u64::MAX, |length_ns| start_ns.saturating_add(length_ns)),
        };
        let drained_ns = due.end.saturating_add(window.drain_ns);
        (due, drained_ns)
    }

    /// The second of an instant, counted from [`MeasureStart::origin_ns`]. A warm-up operation that ends within the
    /// measurement belongs to the last second of the warm-up, and in a closed loop the operations in flight at the end to the
    /// last second of the measurement.
    pub fn second_of(&self, now_ns: u64, phase: Phase) -> i64 {
        let second = (now_ns as i64 - self.start.origin_ns(phase) as i64).div_euclid(1_000_000_000);
        if phase == Phase::Warmup { second.min(self.start.put_off_s() - 1) } else { second.clamp(0, self.last_second) }
    }

    /// When a second began. One of the warm-up before the clock's zero: zero.
    #[inline]
    pub fn began_ns(&self, second: i64, phase: Phase) -> u64 {
        (self.start.origin_ns(phase) as i64 + second * 1_000_000_000).max(0) as u64
    }
}
