//! What one lane measured in one second: counts by outcome and histograms, for each slot. One writer, no lock.
//!
//! A recorder is handed over whole and comes back empty, so that nothing is copied in the loop that measures. Counters
//! of histograms are 32 bits wide: a lane does not complete four billion operations in a second, and half the memory
//! matters when there are hundreds of lanes.

use std::collections::BTreeMap;

use drivers::FailureKind;
use hdrhistogram::Histogram;

use super::completions::EndedIn;
use super::histogram::LONGEST_NS;

/// What is recorded apart: an operation, or one step of a sequence such as the read of a read-modify-write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingSlot {
    /// The operation's name; a step's is `operation.step`.
    pub name: String,
    /// Whether this is a step: its samples are part of its operation's and not of any total.
    pub is_step: bool,
}

/// The three instants of an operation, in nanoseconds since the run's clock started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationTimes {
    /// When it should have started. In a closed loop, when it did.
    pub intended_ns: u64,
    /// When it actually started.
    pub started_ns: u64,
    /// When its answer was there.
    pub ended_ns: u64,
}

/// One lane's measurements since its last hand-over.
#[derive(Debug)]
pub struct Recorder {
    open_loop: bool,
    /// What was measured in each slot.
    pub slots: Vec<SlotRecorder>,
    /// How late lanes woke that had slept until their instant.
    pub pacer: Histogram<u32>,
    /// The client's own part of response times: see [`Recorder::delayed`].
    pub delay: Histogram<u32>,
    /// In which hundredths of the second operations ended.
    pub ended_in: EndedIn,
    /// Arrivals that were too late to be sent.
    pub skipped: u64,
    /// Latencies cut to [`LONGEST_NS`].
    pub clamped: u64,
    /// End of the last operation recorded.
    pub last_ended_ns: u64,
}

/// One slot's share of a recorder.
#[derive(Debug)]
pub struct SlotRecorder {
    /// Operations that succeeded, refusals included.
    pub ok: u64,
    /// Those of them that a floor refused.
    pub refused: u64,
    /// Attempts beyond the first, of all operations.
    pub retries: u64,
    /// Failures, by position in [`FailureKind::ALL`].
    pub failed: [u64; FailureKind::ALL.len()],
    /// The first message of each kind of failure.
    pub messages: BTreeMap<FailureKind, String>,
    /// Start to end of successes.
    pub service: Histogram<u32>,
    /// Intended start to end of successes; not kept in a closed loop, where it equals `service`.
    pub response: Histogram<u32>,
    /// Intended start to start; not kept in a closed loop, where it is zero.
    pub lag: Histogram<u32>,
    /// Start to end of failures.
    pub failed_service: Histogram<u32>,
}

impl Recorder {
    /// An empty recorder with so many slots.
    pub fn new(slots: usize, open_loop: bool) -> Self {
        Recorder {
            open_loop,
            slots: (0..slots).map(|_| SlotRecorder::new()).collect(),
            pacer: small(),
            delay: small(),
            ended_in: EndedIn::default(),
            skipped: 0,
            clamped: 0,
            last_ended_ns: 0,
        }
    }

    /// Records an operation that succeeded, and whether a floor refused it.
    #[inline]
    pub fn succeeded(&mut self, slot: usize, times: OperationTimes, refused: bool) {
        let open_loop = self.open_loop;
        let OperationTimes { intended_ns, started_ns, ended_ns } = times;
        self.last_ended_ns = ended_ns;
        let into = &mut self.slots[slot];
        into.ok += 1;
        into.refused += u64::from(refused);
        let mut clamped = record(&mut into.service, ended_ns - started_ns);
        if open_loop {
            clamped |= record(&mut into.response, ended_ns - intended_ns);
            clamped |= record(&mut into.lag, started_ns - intended_ns);
        }
        self.clamped += u64::from(clamped);
    }

    /// Records an operation that failed: apart from the successes, and never as throughput.
    #[cold]
    pub fn failed(&mut self, slot: usize, times: OperationTimes, kind: FailureKind, message: &dyn std::fmt::Display) {
        self.last_ended_ns = times.ended_ns;
        let into = &mut self.slots[slot];
        into.failed[kind as usize] += 1;
        into.messages.entry(kind).or_insert_with(|| message.to_string());
        let mut clamped = record(&mut into.failed_service, times.ended_ns - times.started_ns);
        if self.open_loop {
            clamped |= record(&mut into.lag, times.started_ns - times.intended_ns);
        }
        self.clamped += u64::from(clamped);
    }

    /// Records how late a lane woke that had slept until its instant.
    #[inline]
    pub fn woke(&mut self, late_ns: u64) {
        record(&mut self.pacer, late_ns);
    }

    /// Records the client's own part of an operation's response time: how late its lane woke although it was free, and how
    /// long its replies waited for their thread.
    #[inline]
    pub fn delayed(&mut self, delay_ns: u64) {
        record(&mut self.delay, delay_ns);
    }

    /// Adds another recorder's measurements and empties it, keeping its memory.
    pub fn absorb(&mut self, other: &mut Recorder) {
        for (into, from) in self.slots.iter_mut().zip(&mut other.slots) {
            into.absorb(from);
        }
        add(&mut self.pacer, &mut other.pacer);
        add(&mut self.delay, &mut other.delay);
        self.ended_in.absorb(&mut other.ended_in);
        self.skipped += std::mem::take(&mut other.skipped);
        self.clamped += std::mem::take(&mut other.clamped);
        self.last_ended_ns = self.last_ended_ns.max(std::mem::take(&mut other.last_ended_ns));
    }
}

impl SlotRecorder {
    fn new() -> Self {
        SlotRecorder {
            ok: 0,
            refused: 0,
            retries: 0,
            failed: [0; FailureKind::ALL.len()],
            messages: BTreeMap::new(),
            service: small(),
            response: small(),
            lag: small(),
            failed_service: small(),
        }
    }

    fn absorb(&mut self, other: &mut SlotRecorder) {
        self.ok += std::mem::take(&mut other.ok);
        self.refused += std::mem::take(&mut other.refused);
        self.retries += std::mem::take(&mut other.retries);
        for (into, from) in self.failed.iter_mut().zip(&mut other.failed) {
            *into += std::mem::take(from);
        }
        for (kind, message) in std::mem::take(&mut other.messages) {
            self.messages.entry(kind).or_insert(message);
        }
        add(&mut self.service, &mut other.service);
        add(&mut self.response, &mut other.response);
        add(&mut self.lag, &mut other.lag);
        add(&mut self.failed_service, &mut other.failed_service);
    }

    /// Failures of all kinds.
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }
}

/// A histogram for one lane and second: it starts at 4 us (12 KB) and grows with its largest value.
fn small() -> Histogram<u32> {
    let mut histogram = Histogram::new_with_bounds(1, 1 << 12, 3)
        .unwrap_or_else(|_| unreachable!("1 ns to 4 us at 3 digits is a valid histogram"));
    histogram.auto(true);
    histogram
}

/// Records a latency. Returns whether it was longer than the range, and cut.
#[inline]
fn record(histogram: &mut Histogram<u32>, value_ns: u64) -> bool {
    let clamped = value_ns > LONGEST_NS;
    // An auto-resizing histogram refuses only what does not fit a usize of buckets, which LONGEST_NS rules out.
    let recorded = histogram.record(if clamped { LONGEST_NS } else { value_ns });
    debug_assert!(recorded.is_ok());
    clamped
}

fn add(into: &mut Histogram<u32>, from: &mut Histogram<u32>) {
    if !from.is_empty() {
        let added = into.add(&*from);
        debug_assert!(added.is_ok(), "both resize by themselves");
        from.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(intended_ns: u64, started_ns: u64, ended_ns: u64) -> OperationTimes {
        OperationTimes { intended_ns, started_ns, ended_ns }
    }

    #[test]
    fn a_success_is_counted_and_timed_from_both_starts() {
        let mut recorder = Recorder::new(1, true);
        recorder.succeeded(0, times(100, 300, 1_300), true);
        let slot = &recorder.slots[0];
        assert_eq!((slot.ok, slot.refused, slot.failures()), (1, 1, 0));
        assert_eq!((slot.response.max(), slot.service.max(), slot.lag.max()), (1_200, 1_000, 200));
    }

    #[test]
    fn a_failure_leaves_the_latency_of_successes_alone() {
        let mut recorder = Recorder::new(1, true);
        recorder.failed(0, times(0, 0, 10), FailureKind::Timeout, &"no answer in 5 s");
        let slot = &recorder.slots[0];
        assert_eq!((slot.ok, slot.failures(), slot.service.len(), slot.response.len()), (0, 1, 0, 0));
        assert_eq!(slot.failed_service.len(), 1);
        assert_eq!(slot.messages[&FailureKind::Timeout], "no answer in 5 s");
    }

    #[test]
    fn latencies_over_an_hour_are_cut_and_counted() {
        let mut recorder = Recorder::new(1, false);
        recorder.succeeded(0, times(0, 0, 2 * LONGEST_NS), false);
        assert_eq!(recorder.clamped, 1);
        assert!(recorder.slots[0].service.max() < LONGEST_NS + LONGEST_NS / 1000);
    }

    #[test]
    fn absorbing_moves_everything_and_leaves_nothing() {
        let (mut all, mut lane) = (Recorder::new(1, false), Recorder::new(1, false));
        lane.succeeded(0, times(0, 0, 5_000_000), false);
        lane.skipped = 3;
        all.absorb(&mut lane);
        all.absorb(&mut lane);
        assert_eq!((all.slots[0].ok, all.slots[0].service.len(), all.skipped), (1, 1, 3));
        assert_eq!((lane.slots[0].ok, lane.slots[0].service.len(), lane.skipped), (0, 0, 0));
    }
}
