//! The collector: takes what lanes hand over each second and keeps totals, a timeline and blocks for intervals.
//!
//! It runs beside the lanes, on its own thread. Memory does not grow with the length of a run but for one timeline line
//! a second: totals are merged histograms, and blocks are merged in pairs when there are 40.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use drivers::FailureKind;
use hdrhistogram::Histogram;

use super::completions::Completions;
use super::histogram;
use super::hlog::LogWriter;
use super::recorder::{Recorder, RecordingSlot, SlotRecorder};
use crate::record::{Brief, Interval, Percentile, Phase};

/// How many seconds are kept open for lanes that are late with their hand-over. What comes later still is added to the
/// totals; only the latencies in its second's line of the timeline are then without it.
const OPEN_SECONDS: usize = 16;

/// The most blocks that are kept, and twice the fewest.
const BLOCKS: usize = 40;

/// What a lane sends to the collector.
#[derive(Debug)]
pub enum LaneMessage {
    /// What it measured in one second.
    Handover {
        /// The lane's position among the lanes.
        lane: usize,
        /// The second, counted from the start of the measurement; in the warm-up from its configured end.
        second: i64,
        /// The second of this phase that the lane is in now.
        now: i64,
        /// The phase to which the operations belong.
        phase: Phase,
        /// What was measured in the second.
        recorder: Box<Recorder>,
    },
    /// It has ended and sends nothing more.
    Finished {
        /// The lane's position among the lanes.
        lane: usize,
    },
}

/// Collects what the lanes of a run hand over.
pub struct Collector<'a> {
    /// What is recorded apart, in the order in which recorders have it.
    pub slots: &'a [RecordingSlot],
    /// Whether arrivals were scheduled, so that response time differs from service time.
    pub open_loop: bool,
    /// From which instant on the run's clock the seconds of a phase are counted.
    pub origin_ns: &'a (dyn Fn(Phase) -> u64 + Sync),
    /// Planned length of the measurement; none when it is bounded by operations.
    pub planned: Option<Duration>,
    /// Where empty recorders go back to, by lane.
    pub spares: Vec<Sender<Box<Recorder>>>,
}

/// All that the lanes of a run measured, together.
#[derive(Debug)]
pub struct Collected {
    /// The totals of each slot.
    pub slots: Vec<Totals>,
    /// The totals of all operations, of which steps are a part.
    pub total: Totals,
    /// One line for each second.
    pub timeline: Vec<Interval>,
    /// How late lanes woke that had slept until their instant.
    pub pacer: Histogram<u64>,
    /// The client's own part of response times.
    pub delay: Histogram<u64>,
    /// When operations ended, to a hundredth of a second.
    pub completions: Completions,
    /// Arrivals within the measurement that were never sent.
    pub skipped: u64,
    /// Latencies cut to an hour.
    pub clamped: u64,
    /// End of the last measured operation, on the run's clock.
    pub last_ended_ns: u64,
}

/// Totals of the measurement, without the warm-up.
#[derive(Debug)]
pub struct Totals {
    /// Operations that succeeded, refusals included.
    pub ok: u64,
    /// Those of them that a floor refused.
    pub refused: u64,
    /// Attempts beyond the first, of all operations.
    pub retries: u64,
    /// Failures by their kind.
    pub failed: BTreeMap<FailureKind, u64>,
    /// One message of each kind of failure.
    pub messages: BTreeMap<FailureKind, String>,
    /// Service time of successes.
    pub service: BlockedHistogram,
    /// Response time of successes.
    pub response: BlockedHistogram,
    /// Lag of the start.
    pub lag: Histogram<u64>,
    /// Service time of failures.
    pub failed_service: Histogram<u64>,
}

/// A histogram over the whole measurement, and the same in consecutive blocks of equal length.
#[derive(Debug)]
pub struct BlockedHistogram {
    /// All samples of the measurement.
    pub all: Histogram<u64>,
    /// Consecutive blocks, the last of which may be short.
    pub blocks: Vec<Histogram<u64>>,
    block_seconds: u64,
    filled_seconds: u64,
}

impl Collector<'_> {
    /// Collects until every lane has finished. `log` gets every second's histograms, `on_line` every finished line of the
    /// timeline.
    pub fn collect(
        &self,
        lanes: usize,
        inbox: &Receiver<LaneMessage>,
        log: &mut LogWriter<'_, '_>,
        on_line: &mut dyn FnMut(&Interval),
    ) -> Collected {
        let mut measured = Collected::new(self.slots.len());
        const BEFORE_ALL: (Phase, i64) = (Phase::Warmup, i64::MIN);
        const AFTER_ALL: (Phase, i64) = (Phase::Drain, i64::MAX);
        let mut open: BTreeMap<(Phase, i64), Recorder> = BTreeMap::new();
        let mut at: Vec<(Phase, i64)> = vec![BEFORE_ALL; lanes];
        while at.iter().any(|second| *second != AFTER_ALL) {
            let Ok(message) = inbox.recv() else { break };
            match message {
                LaneMessage::Finished { lane } => at[lane] = AFTER_ALL,
                LaneMessage::Handover { lane, second, now, phase, mut recorder } => {
                    at[lane] = (phase, now);
                    let empty = || Recorder::new(self.slots.len(), self.open_loop);
                    let into = open.entry((phase, second)).or_insert_with(empty);
                    into.absorb(&mut recorder);
                    // The lane may have ended: its spare is then not wanted.
                    let _ = self.spares[lane].send(recorder);
                }
            }
            let reached = at.iter().copied().min().unwrap_or(AFTER_ALL);
            while open.len() > OPEN_SECONDS || open.first_key_value().is_some_and(|(second, _)| *second < reached) {
                let Some(((phase, second), recorder)) = open.pop_first() else { break };
                self.close(second, phase, recorder, &mut measured, log, on_line);
            }
        }
        measured
    }

    fn close(
        &self,
        second: i64,
        phase: Phase,
        recorder: Recorder,
        measured: &mut Collected,
        log: &mut LogWriter<'_, '_>,
        on_line: &mut dyn FnMut(&Interval),
    ) {
        let planned_s = self.planned.map_or(f64::INFINITY, |planned| planned.as_secs_f64());
        let phase = if phase == Phase::Measure && second as f64 >= planned_s { Phase::Drain } else { phase };
        let began_ns = ((self.origin_ns)(phase) as i64 + second * 1_000_000_000).max(0) as u64;
        let began = Duration::from_nanos(began_ns);
        // The last second ends with its last operation, and the last of a planned length at that length.
        let end_s = if second >= 0 && (second as f64) < planned_s {
            planned_s.min(second as f64 + 1.0)
        } else {
            second as f64 + 1.0
        };
        let length_s = end_s - second as f64;
        log.write(self.slots, &recorder, phase, began, Duration::from_secs_f64(length_s));

        let mut line = LineBuilder::new(second as f64, length_s, phase, recorder.skipped);
        for (slot, recorded) in self.slots.iter().zip(&recorder.slots) {
            if !slot.is_step {
                line.add(recorded, self.open_loop);
            }
        }
        if phase != Phase::Warmup {
            measured.add(self.slots, second, &recorder, self.open_loop);
        }
        let line = line.finish(self.open_loop);
        on_line(&line);
        // A lane that was stuck may hand over a second that is closed: its counts still belong to that second's line.
        match measured.timeline.iter_mut().rev().find(|closed| closed.at_s == line.at_s && closed.phase == phase) {
            Some(closed) => {
                closed.ok += line.ok;
                closed.failed += line.failed;
                closed.skipped += line.skipped;
                closed.response_bands.merge(&line.response_bands);
            }
            None => measured.timeline.push(line),
        }
    }
}

impl Collected {
    fn new(slots: usize) -> Self {
        Collected {
            slots: (0..slots).map(|_| Totals::new()).collect(),
            total: Totals::new(),
            timeline: Vec::new(),
            pacer: histogram::new(),
            delay: histogram::new(),
            completions: Completions::default(),
            skipped: 0,
            clamped: 0,
            last_ended_ns: 0,
        }
    }

    fn add(&mut self, slots: &[RecordingSlot], second: i64, recorder: &Recorder, open_loop: bool) {
        for ((slot, totals), recorded) in slots.iter().zip(&mut self.slots).zip(&recorder.slots) {
            totals.add(recorded, open_loop);
            if !slot.is_step {
                self.total.add(recorded, open_loop);
            }
        }
        for totals in self.slots.iter_mut().chain([&mut self.total]) {
            totals.service.end_second();
            totals.response.end_second();
        }
        merge(&mut self.pacer, &recorder.pacer);
        merge(&mut self.delay, &recorder.delay);
        self.completions.add(second, recorder.ended_in);
        self.skipped += recorder.skipped;
        self.clamped += recorder.clamped;
        self.last_ended_ns = self.last_ended_ns.max(recorder.last_ended_ns);
    }
}

impl Totals {
    fn new() -> Self {
        Totals {
            ok: 0,
            refused: 0,
            retries: 0,
            failed: BTreeMap::new(),
            messages: BTreeMap::new(),
            service: BlockedHistogram::new(),
            response: BlockedHistogram::new(),
            lag: histogram::new(),
            failed_service: histogram::new(),
        }
    }

    fn add(&mut self, recorded: &SlotRecorder, open_loop: bool) {
        self.ok += recorded.ok;
        self.refused += recorded.refused;
        self.retries += recorded.retries;
        for (kind, count) in FailureKind::ALL.iter().zip(recorded.failed).filter(|(_, count)| *count > 0) {
            *self.failed.entry(*kind).or_default() += count;
        }
        for (kind, message) in &recorded.messages {
            self.messages.entry(*kind).or_insert_with(|| message.clone());
        }
        self.service.add(&recorded.service);
        if open_loop {
            self.response.add(&recorded.response);
            merge(&mut self.lag, &recorded.lag);
        }
        merge(&mut self.failed_service, &recorded.failed_service);
    }

    /// Failures of all kinds.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

impl BlockedHistogram {
    fn new() -> Self {
        BlockedHistogram { all: histogram::new(), blocks: Vec::new(), block_seconds: 1, filled_seconds: 0 }
    }

    fn add(&mut self, second: &Histogram<u32>) {
        if second.is_empty() {
            return;
        }
        merge(&mut self.all, second);
        if self.blocks.is_empty() {
            self.blocks.push(histogram::new());
        }
        if let Some(block) = self.blocks.last_mut() {
            merge(block, second);
        }
    }

    /// Starts a new block when the current one is full, and halves their number when there are too many.
    fn end_second(&mut self) {
        if self.blocks.is_empty() {
            return;
        }
        self.filled_seconds += 1;
        if self.filled_seconds < self.block_seconds {
            return;
        }
        self.filled_seconds = 0;
        if self.blocks.len() == BLOCKS {
            let pairs = std::mem::take(&mut self.blocks);
            self.blocks = pairs.chunks(2).map(sum).collect();
            self.block_seconds *= 2;
        }
        self.blocks.push(histogram::new());
    }

    /// The complete blocks, or the only one if it is not complete yet.
    pub fn complete_blocks(&self) -> &[Histogram<u64>] {
        match self.blocks.split_last() {
            Some((_, complete)) if !complete.is_empty() => complete,
            _ => &self.blocks,
        }
    }
}

fn sum(histograms: &[Histogram<u64>]) -> Histogram<u64> {
    let mut sum = histogram::new();
    for histogram in histograms {
        let added = sum.add(histogram);
        debug_assert!(added.is_ok(), "it resizes by itself");
    }
    sum
}

/// Adds 32-bit counts to 64-bit ones: exact, the bounds of the buckets are the same.
fn merge(into: &mut Histogram<u64>, from: &Histogram<u32>) {
    for step in from.iter_recorded() {
        let added = into.record_n(step.value_iterated_to(), u64::from(step.count_at_value()));
        debug_assert!(added.is_ok(), "it resizes by itself");
    }
}

/// One line of the timeline in the making.
struct LineBuilder {
    line: Interval,
    service: Histogram<u64>,
    response: Histogram<u64>,
    lag: Histogram<u64>,
}

impl LineBuilder {
    fn new(at_s: f64, length_s: f64, phase: Phase, skipped: u64) -> Self {
        let line = Interval { at_s, length_s, phase, skipped, ..Interval::default() };
        LineBuilder { line, service: histogram::new(), response: histogram::new(), lag: histogram::new() }
    }

    fn add(&mut self, recorded: &SlotRecorder, open_loop: bool) {
        self.line.ok += recorded.ok;
        self.line.failed += recorded.failures();
        merge(&mut self.service, &recorded.service);
        if open_loop {
            merge(&mut self.response, &recorded.response);
            merge(&mut self.lag, &recorded.lag);
        }
    }

    fn finish(self, open_loop: bool) -> Interval {
        let mut line = self.line;
        line.service_ns = brief(&self.service);
        line.response_ns = if open_loop { brief(&self.response) } else { line.service_ns };
        line.response_bands = histogram::heat(if open_loop { &self.response } else { &self.service });
        line.lag_ns = brief(&self.lag);
        line
    }
}

fn brief(histogram: &Histogram<u64>) -> Brief {
    let [p50, p99, p999] = Percentile::REPORTED.map(|percentile| histogram::percentile_ns(histogram, percentile));
    Brief { count: histogram.len(), p50, p99, p999, max: histogram.max() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::recorder::OperationTimes;

    fn second_of(value_ns: u64, count: u64) -> Histogram<u32> {
        let mut recorder = Recorder::new(1, false);
        for _ in 0..count {
            recorder.succeeded(0, OperationTimes { intended_ns: 0, started_ns: 0, ended_ns: value_ns }, false);
        }
        std::mem::replace(&mut recorder.slots[0].service, Histogram::new(3).expect("three digits"))
    }

    #[test]
    fn blocks_keep_every_sample_and_their_number_bounded() {
        let mut series = BlockedHistogram::new();
        for second in 0..1_000 {
            series.add(&second_of(1_000 + second, 3));
            series.end_second();
        }
        assert_eq!(series.all.len(), 3_000);
        assert!(series.blocks.len() <= BLOCKS, "{}", series.blocks.len());
        assert!(series.complete_blocks().len() >= BLOCKS / 2 - 1);
        assert_eq!(series.blocks.iter().map(Histogram::len).sum::<u64>(), 3_000);
    }

    #[test]
    fn merging_widths_is_exact() {
        let mut wide = histogram::new();
        let narrow = second_of(123_456_789, 7);
        merge(&mut wide, &narrow);
        assert_eq!((wide.len(), wide.max()), (narrow.len(), narrow.max()));
    }
}
