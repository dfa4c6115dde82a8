//! A lane: one logical client with one operation in flight, and the only stopwatch of the suite.
//!
//! It claims an instant, has its operation generated, waits for the instant, starts the stopwatch, awaits the store and
//! stops it. Checking the answer, bookkeeping of acknowledged writes and recording come after. Lanes share nothing but the
//! schedule of an open loop and the numbering of new keys.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use drivers::{Failure, Outcome, Placement, Store};

use crate::audit::ledger::Ledger;
use crate::evidence::work::Tally;
use crate::generate::{Effect, OpStream};
use crate::host::{self, RunQueue};
use crate::measure::collector::LaneMessage;
use crate::measure::recorder::{OperationTimes, Recorder};
use crate::record::Phase;

use super::bookkeeping::{StepAnswer, check_answer, effect, enter_in_ledger, record};
use super::client::StoreClient;
use super::event_loop::reply_waited_ns;
use super::pace::Wait;
use super::run_context::{LoadWindow, RunContext};
use super::timer;
use super::warmup::{MeasureStart, WarmupTally};

/// How long a lane may be without a connection before the run is given up: a server that restarts is back by then.
const WITHOUT_CONNECTION: Duration = Duration::from_secs(30);

/// One logical client with its operations, and what is known of them.
pub struct Lane<S: Store> {
    /// Its position among the lanes.
    pub index: usize,
    /// Its session of the store.
    pub client: StoreClient<S>,
    /// The operations that it carries out.
    pub stream: OpStream,
    /// What the store acknowledged to it.
    pub ledger: Ledger,
    /// What its operations moved.
    pub tally: Tally,
    /// What it measured since the last hand-over.
    pub recorder: Box<Recorder>,
    /// Where measurements are handed over to the collector.
    pub outbox: Sender<LaneMessage>,
    /// Empty recorders from the collector.
    pub spares: Option<Receiver<Box<Recorder>>>,
    /// What all lanes share.
    pub context: Arc<RunContext>,
    /// Answers to the steps of the current operation. Their memory is reused.
    pub steps: Vec<StepAnswer>,
}

/// What a lane leaves when it has ended.
#[derive(Debug)]
pub struct LaneResult {
    /// What the store acknowledged to it, in all phases.
    pub ledger: Ledger,
    /// What its operations moved in the measurement.
    pub tally: Tally,
    /// Operations of the measurement that it claimed.
    pub scheduled: u64,
    /// How often it lost its connection and opened a new one.
    pub reconnects: u64,
    /// How long it was without one in the measurement.
    pub disconnected: Duration,
    /// How long its measurement lasted, from its first look at the clock to its last.
    pub measured: Duration,
    /// What its thread did meanwhile: of the first lane of each thread.
    pub run_queue: Option<RunQueue>,
}

/// Where a lane is in its current window.
struct LaneState {
    /// The last reading of the clock.
    now_ns: u64,
    /// When to look next whether the second is over or the run cancelled.
    tick_ns: u64,
    /// The second that the recorder is for.
    second: i64,
    /// Operations claimed in this window.
    claimed: u64,
    /// Operations that it may claim in a closed loop.
    limit: u64,
    /// When operations of this window may be due; the end of a warm-up may be put off.
    due: Range<u64>,
    /// Arrivals that are not started by then are skipped.
    drained_ns: u64,
    /// What the judge of the warm-up has not been told yet.
    warmup: WarmupTally,
    cancelled: bool,
    reconnects: u64,
    disconnected: Duration,
}

/// What a lane may do next.
enum Claim {
    /// Start an operation, at this instant.
    Start(u64),
    /// Skip so many arrivals, which are too late to be sent.
    Skip(u64),
    /// End the window: it is over, or its operations are used up.
    End,
}

/// Counts a lane as ended, even if it panics: others wait for the last of them.
struct Running<'a>(&'a AtomicU64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S: Store> Lane<S> {
    const WAIT: Wait = match S::PLACEMENT {
        Placement::Embedded => Wait::Thread,
        Placement::Remote => Wait::Task,
    };

    /// Goes through all windows.
    pub async fn run(mut self) -> LaneResult {
        let context = Arc::clone(&self.context);
        let _running = Running(&context.running);
        let cancelled = !Self::WAIT.until(&context.clock, 1, &context.cancel).await;
        let mut state = LaneState {
            now_ns: context.clock.now_ns(),
            tick_ns: 0,
            second: 0,
            claimed: 0,
            limit: 0,
            due: 0..0,
            drained_ns: 0,
            warmup: WarmupTally::default(),
            cancelled,
            reconnects: 0,
            disconnected: Duration::ZERO,
        };
        let (mut scheduled, mut measured, mut run_queue) = (0, Duration::ZERO, None);
        for window in &context.windows {
            let is_told = window.phase == Phase::Measure && (self.index as u64) < context.threads;
            let before = is_told.then(host::run_queue).flatten();
            let began_ns = state.now_ns;
            state.claimed = 0;
            state.disconnected = Duration::ZERO;
            state.limit = context.share(window.operations, self.index as u64);
            (state.due, state.drained_ns) = context.bounds(window);
            state.second = context.second_of(state.now_ns, window.phase);
            state.tick_ns = state.now_ns;
            self.stream.begin(window.purpose);
            self.tally.restart();
            self.run_window(&context, window, &mut state).await;
            self.hand_over(&context, window, &mut state);
            if window.phase == Phase::Measure {
                scheduled = state.claimed;
                run_queue = before.zip(host::run_queue()).map(|(before, now)| now.since(before));
                measured = Duration::from_nanos(state.now_ns - began_ns);
            }
        }
        // The collector may be gone; the lane's own results are returned all the same.
        let _ = self.outbox.send(LaneMessage::Finished { lane: self.index });
        let LaneState { reconnects, disconnected, .. } = state;
        LaneResult { ledger: self.ledger, tally: self.tally, scheduled, reconnects, disconnected, measured, run_queue }
    }

    async fn run_window(&mut self, context: &RunContext, window: &LoadWindow, state: &mut LaneState) {
        while !state.cancelled {
            if self.client.is_broken() {
                self.reconnect(context, window, state).await;
            }
            let intended_ns = match claim(window, state) {
                Claim::End if self.goes_on(context, window, state).await => continue,
                Claim::End => break,
                Claim::Skip(arrivals) => {
                    self.recorder.skipped += arrivals;
                    self.tick_while_skipping(context, window, state);
                    continue;
                }
                Claim::Start(intended_ns) => intended_ns,
            };
            let operation = self.stream.next().operation;
            let mut late_ns = 0;
            if window.schedule.is_some() {
                let Some(late) = self.wait_until(context, intended_ns).await else {
                    // Cancelled before it was due: it was never offered.
                    state.cancelled = true;
                    self.stream.complete(Effect::NotApplied);
                    state.claimed -= 1;
                    break;
                };
                late_ns = late;
            }
            self.measure_operation(context, window, operation, (intended_ns, late_ns), state).await;
        }
    }

    /// Whether a warm-up that this lane has gone through was put off. Else its end is passed, for all lanes.
    #[cold]
    async fn goes_on(&mut self, context: &RunContext, window: &LoadWindow, state: &mut LaneState) -> bool {
        if window.phase != Phase::Warmup {
            return false;
        }
        let known_ns = state.due.end;
        if window.schedule.is_some() {
            state.cancelled |=
                !Self::WAIT.until(&context.clock, MeasureStart::passed_from_ns(known_ns), &context.cancel).await;
        }
        let is_over = state.cancelled || context.start.pass(known_ns);
        (state.due, state.drained_ns) = context.bounds(window);
        match &window.schedule {
            Some(schedule) if is_over => self.recorder.skipped += schedule.take_rest(state.due.clone()),
            _ => {}
        }
        !is_over
    }

    /// Waits for the intended instant and returns how late the lane woke; 0 if the instant had passed already, because that
    /// delay is the store's. None if cancelled.
    async fn wait_until(&mut self, context: &RunContext, intended_ns: u64) -> Option<u64> {
        if context.clock.now_ns() >= intended_ns {
            return Some(0);
        }
        if !Self::WAIT.until(&context.clock, intended_ns, &context.cancel).await {
            return None;
        }
        let late_ns = context.clock.now_ns() - intended_ns;
        self.recorder.woke(late_ns);
        Some(late_ns)
    }

    /// Carries out the generated operation under the stopwatch, then checks, books and records it.
    #[inline]
    async fn measure_operation(
        &mut self,
        context: &RunContext,
        window: &LoadWindow,
        operation: usize,
        (intended_ns, late_ns): (u64, u64),
        state: &mut LaneState,
    ) {
        let (mut retries, mut tried) = (0, 0);
        let mut result = Ok(Outcome::Applied);
        let ops = self.stream.ops(operation);
        if self.steps.len() < ops.len() {
            self.steps.resize_with(ops.len(), StepAnswer::default);
        }

        let started_ns = context.clock.now_ns();
        let mut ended_ns = started_ns;
        let mut delay_ns = late_ns;
        for (op, step) in ops.iter().zip(&mut self.steps) {
            let sent_ns = ended_ns;
            let clock = (&context.clock, started_ns);
            result =
                self.client.execute_with_retries(op, &mut step.rows, clock, context.max_retries, &mut retries).await;
            ended_ns = context.clock.now_ns();
            step.ended_ns = ended_ns;
            if S::PLACEMENT == Placement::Remote {
                delay_ns += reply_waited_ns(&context.clock, sent_ns, ended_ns);
            }
            tried += 1;
            if result.is_err() {
                break;
            }
        }

        state.now_ns = ended_ns;
        if ended_ns >= state.tick_ns {
            self.tick(context, window, state);
        }
        self.check_and_book(context, operation, tried, &mut result, started_ns);
        // In a closed loop an operation is due when it starts.
        let intended_ns = if window.schedule.is_some() { intended_ns } else { started_ns };
        if let Err(failure) = &result {
            self.stop_on_failure(context, operation, failure, state);
        }
        let slot = context.slots[operation];
        record(&mut self.recorder, slot, OperationTimes { intended_ns, started_ns, ended_ns }, &result);
        if S::PLACEMENT == Placement::Remote || window.schedule.is_some() {
            self.recorder.delayed(delay_ns);
            timer::wake_due();
        }
        if window.phase == Phase::Warmup {
            state.warmup.add(ended_ns - started_ns);
        }
        self.recorder.ended_in.mark(ended_ns.saturating_sub(context.began_ns(state.second, window.phase)));
        self.recorder.slots[slot].retries += u64::from(retries) + self.client.take_retries();
        let ops = self.stream.ops(operation);
        self.tally.add(operation, &result, || ops.iter().zip(&self.steps).map(|(op, step)| (op, &step.rows)));
        let effect = match (ops, &result) {
            (_, Ok(Outcome::Applied)) => Effect::Applied,
            ([first, ..], _) if tried == 1 => effect(first, &result),
            _ => Effect::Unknown,
        };
        self.stream.complete(effect);
    }

    /// Ends the run at its first failure, if that is asked for.
    #[cold]
    fn stop_on_failure(&self, context: &RunContext, operation: usize, failure: &Failure, state: &mut LaneState) {
        if context.stops_on_failure {
            let name = self.stream.name(operation);
            context
                .cancel
                .cancel_because(format!("stopped at the first failure, {name} ({}): {failure}", failure.kind.name()));
            state.cancelled = true;
        }
    }

    /// Off the clock: checks the answer of each step, enters its writes in the ledger, and records the steps of a sequence.
    /// An answer that cannot be right turns the result of the whole operation into a failure.
    #[inline]
    fn check_and_book(
        &mut self,
        context: &RunContext,
        operation: usize,
        tried: usize,
        result: &mut Result<Outcome, Failure>,
        started_ns: u64,
    ) {
        let ops = self.stream.ops(operation);
        if let ([op], [step, ..]) = (ops, self.steps.as_slice()) {
            check_answer(context, op, step, result);
            enter_in_ledger(&mut self.ledger, op, result, started_ns, step.ended_ns);
            return;
        }
        let mut step_ns = started_ns;
        for (at, (op, step)) in ops[..tried].iter().zip(&self.steps).enumerate() {
            // Every step but the last was answered, or the last would not have been tried.
            let is_last = at + 1 == tried;
            let mut earlier = Ok(Outcome::Applied);
            check_answer(context, op, step, if is_last { result } else { &mut earlier });
            if let (Ok(_), Err(wrong)) = (&result, earlier) {
                *result = Err(wrong);
            }
            let step_result = if is_last { &*result } else { &Ok(Outcome::Applied) };
            enter_in_ledger(&mut self.ledger, op, step_result, started_ns, step.ended_ns);
            let times = OperationTimes { intended_ns: step_ns, started_ns: step_ns, ended_ns: step.ended_ns };
            record(&mut self.recorder, context.slots[operation] + 1 + at, times, step_result);
            step_ns = step.ended_ns;
        }
    }

    /// Tries to connect again until it succeeds, the window ends, or the store has been away for so long that the run is given
    /// up. No operation is in flight: those that come due meanwhile in an open loop wait, and their response times show it.
    #[cold]
    async fn reconnect(&mut self, context: &RunContext, window: &LoadWindow, state: &mut LaneState) {
        let began_ns = context.clock.now_ns();
        state.now_ns = began_ns;
        let is_open = window.schedule.is_some();
        while !state.cancelled && state.now_ns < if is_open { state.drained_ns } else { state.due.end } {
            let result = self.client.reconnect().await;
            state.now_ns = context.clock.now_ns();
            self.tick(context, window, state);
            match result {
                Ok(()) => {
                    state.reconnects += 1;
                    break;
                }
                Err(failure) if state.now_ns - began_ns > WITHOUT_CONNECTION.as_nanos() as u64 => {
                    let seconds = WITHOUT_CONNECTION.as_secs();
                    context
                        .cancel
                        .cancel_because(format!("given up after {seconds} s without a connection: {failure}"));
                    state.cancelled = true;
                }
                Err(_) => {}
            }
        }
        state.disconnected += Duration::from_nanos(state.now_ns - began_ns);
    }

    /// [`tick`](Lane::tick) while arrivals are skipped, of which there may be millions: looks at the clock only now and then.
    #[cold]
    fn tick_while_skipping(&mut self, context: &RunContext, window: &LoadWindow, state: &mut LaneState) {
        const EVERY: u64 = 1024;
        if self.recorder.skipped.is_multiple_of(EVERY) {
            state.now_ns = context.clock.now_ns();
            if state.now_ns >= state.tick_ns {
                self.tick(context, window, state);
            }
        }
    }

    /// Every 10 ms: hands over a finished second, and sees whether the run is cancelled.
    #[cold]
    fn tick(&mut self, context: &RunContext, window: &LoadWindow, state: &mut LaneState) {
        const EVERY_NS: u64 = 10_000_000;
        if context.second_of(state.now_ns, window.phase) != state.second {
            self.hand_over(context, window, state);
        }
        state.cancelled |= context.cancel.is_cancelled();
        if window.phase == Phase::Warmup {
            context.start.add(state.now_ns, &mut state.warmup);
        }
        state.tick_ns = state.now_ns + EVERY_NS;
        let second_ends_ns = context.start.origin_ns(window.phase) as i64 + (state.second + 1) * 1_000_000_000;
        if second_ends_ns > state.now_ns as i64 {
            state.tick_ns = state.tick_ns.min(second_ends_ns as u64);
        }
    }

    /// Hands the measurements of a second over to the collector.
    fn hand_over(&mut self, context: &RunContext, window: &LoadWindow, state: &mut LaneState) {
        let open_loop = window.schedule.is_some();
        let spare = self.spares.as_ref().and_then(|spares| spares.try_recv().ok());
        let spare = spare.unwrap_or_else(|| Box::new(Recorder::new(context.slot_count, open_loop)));
        let recorder = std::mem::replace(&mut self.recorder, spare);
        let now = context.second_of(state.now_ns, window.phase);
        // As in `run`: without a collector the measurement goes on.
        let _ = self.outbox.send(LaneMessage::Handover {
            lane: self.index,
            second: state.second,
            now,
            phase: window.phase,
            recorder,
        });
        state.second = now;
    }
}

/// What this lane may do next: a function of the window and of the clock's last reading.
#[inline]
fn claim(window: &LoadWindow, state: &mut LaneState) -> Claim {
    let Some(schedule) = &window.schedule else {
        if state.now_ns >= state.due.end || state.claimed == state.limit {
            return Claim::End;
        }
        state.claimed += 1;
        return Claim::Start(state.now_ns);
    };
    if state.now_ns >= state.drained_ns {
        if window.phase == Phase::Warmup {
            return Claim::End;
        }
        let rest = schedule.take_rest(state.due.clone());
        state.claimed += rest;
        return if rest == 0 { Claim::End } else { Claim::Skip(rest) };
    }
    let Some(intended_ns) = schedule.take(state.due.clone()) else { return Claim::End };
    state.claimed += 1;
    let too_late = state.now_ns > intended_ns.saturating_add(window.skip_after_ns);
    if too_late { Claim::Skip(1) } else { Claim::Start(intended_ns) }
}
