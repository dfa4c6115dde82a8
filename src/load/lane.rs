//! A lane: one logical client with one operation in flight, and the only stopwatch of the suite.
//!
//! It claims an instant, has its operation generated, waits for the instant, starts the stopwatch, awaits the store and
//! stops it. Checking the answer, noting acknowledged writes and recording come after. Nothing is shared with other
//! lanes but the schedule of an open loop and the numbering of new keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use drivers::{Failure, FailureKind, Op, Outcome, Placement, Rows, Store};

use crate::generate::{Effect, OpStream};
use crate::measure::Times;
use crate::measure::collector::Message;
use crate::measure::recorder::Recorder;
use crate::record::Phase;

use super::client::Client;
use super::event_loop::reply_waited_ns;
use super::outcome::{check, note, outcome, record};
use super::pace::Wait;
use super::run_context::{RunContext, Window};
use super::timer;
use super::work::Tally;
use crate::audit::ledger::Ledger;

/// How long a lane may be without a connection before the run is given up: a server that restarts is back by then.
const WITHOUT_CONNECTION: Duration = Duration::from_secs(30);

/// One logical client.
pub struct Lane<S: Store> {
    /// Its position among the lanes.
    pub index: usize,
    /// Its session.
    pub client: Client<S>,
    /// Its operations.
    pub stream: OpStream,
    /// What the store acknowledged to it.
    pub ledger: Ledger,
    /// What its operations moved.
    pub tally: Tally,
    /// What it measured since the last hand-over.
    pub recorder: Box<Recorder>,
    /// To the collector.
    pub outbox: Sender<Message>,
    /// Empty recorders from the collector.
    pub spares: Option<Receiver<Box<Recorder>>>,
    /// What all lanes share.
    pub course: Arc<RunContext>,
    /// The steps of the current operation: reused memory.
    pub steps: Vec<Step>,
}

/// One step of an operation: its answer and when it was there.
#[derive(Debug, Default)]
pub struct Step {
    /// Its answer.
    pub rows: Rows,
    ended_ns: u64,
}

/// What remains of a lane.
#[derive(Debug)]
pub struct Ended {
    /// What the store acknowledged to it, in all phases.
    pub ledger: Ledger,
    /// What its operations moved, in the measurement.
    pub tally: Tally,
    /// Operations of the measurement that it claimed.
    pub scheduled: u64,
    /// How often it lost its connection and made a new one.
    pub reconnects: u64,
    /// How long it was without one in the measurement.
    pub disconnected: Duration,
    /// How long its measurement lasted, from its first look at the clock to its last.
    pub measured: Duration,
}

/// Where a lane is in its current window.
struct Progress {
    /// The last reading of the clock.
    now_ns: u64,
    /// The next instant to look at the second and at Ctrl-C.
    check_ns: u64,
    /// The second that the recorder is for.
    second: i64,
    /// Operations claimed in this window.
    claimed: u64,
    /// Operations that it may claim in a closed loop.
    limit: u64,
    stopped: bool,
    reconnects: u64,
    disconnected: Duration,
}

/// What a lane may do next.
enum Claim {
    Start(u64),
    /// So many arrivals are too late to be sent.
    Skip(u64),
    End,
}

/// Counts a lane as ended, also one that panics: others wait for the last of them.
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
    pub async fn run(mut self) -> Ended {
        let course = Arc::clone(&self.course);
        let _running = Running(&course.running);
        let stopped = !Self::WAIT.until(&course.clock, 1, &course.stop).await;
        let mut progress = Progress {
            now_ns: course.clock.now_ns(),
            check_ns: 0,
            second: 0,
            claimed: 0,
            limit: 0,
            stopped,
            reconnects: 0,
            disconnected: Duration::ZERO,
        };
        let (mut scheduled, mut measured) = (0, Duration::ZERO);
        for window in &course.windows {
            let began_ns = progress.now_ns;
            progress.claimed = 0;
            progress.disconnected = Duration::ZERO;
            progress.limit = share(window.operations, course.lanes, self.index as u64);
            progress.second = course.second_of(progress.now_ns, window.phase);
            progress.check_ns = progress.now_ns;
            self.stream.begin(window.purpose);
            self.tally.restart();
            self.window(&course, window, &mut progress).await;
            self.hand_over(&course, window, &mut progress);
            if window.phase == Phase::Measure {
                scheduled = progress.claimed;
                measured = Duration::from_nanos(progress.now_ns - began_ns);
            }
        }
        // The collector may be gone; the lane's own results are returned all the same.
        let _ = self.outbox.send(Message::Finished { lane: self.index });
        let Progress { reconnects, disconnected, .. } = progress;
        Ended { ledger: self.ledger, tally: self.tally, scheduled, reconnects, disconnected, measured }
    }

    async fn window(&mut self, course: &RunContext, window: &Window, progress: &mut Progress) {
        while !progress.stopped {
            if self.client.is_broken() {
                self.reconnect(course, window, progress).await;
            }
            let intended_ns = match claim(window, progress) {
                Claim::End => break,
                Claim::Skip(arrivals) => {
                    self.recorder.skipped += arrivals;
                    self.look_up(course, window, progress);
                    continue;
                }
                Claim::Start(intended_ns) => intended_ns,
            };
            let operation = self.stream.next().operation;
            let mut late_ns = 0;
            if window.schedule.is_some() {
                let Some(late) = self.wait_until(course, intended_ns).await else {
                    // Stopped before it was due: it was never offered.
                    progress.stopped = true;
                    self.stream.complete(Effect::NotApplied);
                    progress.claimed -= 1;
                    break;
                };
                late_ns = late;
            }
            self.measure(course, window, operation, (intended_ns, late_ns), progress).await;
        }
    }

    /// Waits for the intended instant; how late it woke, which for a lane that was late already is nothing: that is the
    /// store's doing. None if stopped.
    async fn wait_until(&mut self, course: &RunContext, intended_ns: u64) -> Option<u64> {
        if course.clock.now_ns() >= intended_ns {
            return Some(0);
        }
        if !Self::WAIT.until(&course.clock, intended_ns, &course.stop).await {
            return None;
        }
        let late_ns = course.clock.now_ns() - intended_ns;
        self.recorder.woke(late_ns);
        Some(late_ns)
    }

    /// Carries out the generated operation under the stopwatch, then checks, notes and records it.
    #[inline]
    async fn measure(
        &mut self,
        course: &RunContext,
        window: &Window,
        operation: usize,
        (intended_ns, late_ns): (u64, u64),
        progress: &mut Progress,
    ) {
        let (mut retries, mut tried) = (0, 0);
        let mut result = Ok(Outcome::Applied);
        let ops = self.stream.ops(operation);
        if self.steps.len() < ops.len() {
            self.steps.resize_with(ops.len(), Step::default);
        }

        let started_ns = course.clock.now_ns();
        let mut ended_ns = started_ns;
        let mut delay_ns = late_ns;
        for (op, step) in ops.iter().zip(&mut self.steps) {
            let sent_ns = ended_ns;
            result = execute(&mut self.client, op, &mut step.rows, course, started_ns, &mut retries).await;
            ended_ns = course.clock.now_ns();
            step.ended_ns = ended_ns;
            if S::PLACEMENT == Placement::Remote {
                delay_ns += reply_waited_ns(&course.clock, sent_ns, ended_ns);
            }
            tried += 1;
            if result.is_err() {
                break;
            }
        }

        progress.now_ns = ended_ns;
        if ended_ns >= progress.check_ns {
            self.check(course, window, progress);
        }
        self.check_and_note(course, operation, tried, &mut result, started_ns);
        // In a closed loop an operation is due when it starts.
        let intended_ns = if window.schedule.is_some() { intended_ns } else { started_ns };
        if let Err(failure) = &result {
            self.failed(course, operation, failure, progress);
        }
        let slot = course.slots[operation];
        record(&mut self.recorder, slot, Times { intended_ns, started_ns, ended_ns }, &result);
        if S::PLACEMENT == Placement::Remote || window.schedule.is_some() {
            self.recorder.delayed(delay_ns);
            timer::wake_due();
        }
        self.recorder.ended_in.mark(ended_ns.saturating_sub(course.began_ns(progress.second)));
        self.recorder.slots[slot].retries += u64::from(retries) + self.client.take_retries();
        let ops = self.stream.ops(operation);
        self.tally.note(operation, &result, || ops.iter().zip(&self.steps).map(|(op, step)| (op, &step.rows)));
        let outcome = match (ops, &result) {
            (_, Ok(Outcome::Applied)) => Effect::Applied,
            ([first, ..], _) if tried == 1 => outcome(first, &result),
            _ => Effect::Unknown,
        };
        self.stream.complete(outcome);
    }

    /// Ends the run at its first failure, if that is asked for.
    #[cold]
    fn failed(&self, course: &RunContext, operation: usize, failure: &Failure, progress: &mut Progress) {
        if course.stops_on_failure {
            let name = self.stream.name(operation);
            course.stop.because(format!("stopped at the first failure, {name} ({}): {failure}", failure.kind.name()));
            progress.stopped = true;
        }
    }

    /// Off the clock: checks the answer of each step, notes its writes, and records the steps of a sequence. An answer
    /// that cannot be right turns the result of the whole into a failure.
    #[inline]
    fn check_and_note(
        &mut self,
        course: &RunContext,
        operation: usize,
        tried: usize,
        result: &mut Result<Outcome, Failure>,
        started_ns: u64,
    ) {
        let ops = self.stream.ops(operation);
        if let ([op], [step, ..]) = (ops, self.steps.as_slice()) {
            check(course, op, step, result);
            note(&mut self.ledger, op, result, started_ns, step.ended_ns);
            return;
        }
        let mut step_ns = started_ns;
        for (at, (op, step)) in ops[..tried].iter().zip(&self.steps).enumerate() {
            // Every step but the last was answered, or the last would not have been tried.
            let is_last = at + 1 == tried;
            let mut earlier = Ok(Outcome::Applied);
            check(course, op, step, if is_last { result } else { &mut earlier });
            if let (Ok(_), Err(wrong)) = (&result, earlier) {
                *result = Err(wrong);
            }
            let of_step = if is_last { &*result } else { &Ok(Outcome::Applied) };
            note(&mut self.ledger, op, of_step, started_ns, step.ended_ns);
            let times = Times { intended_ns: step_ns, started_ns: step_ns, ended_ns: step.ended_ns };
            record(&mut self.recorder, course.slots[operation] + 1 + at, times, of_step);
            step_ns = step.ended_ns;
        }
    }

    /// Connects anew, until it succeeds, the window ends or nothing is to be hoped for. No operation is in flight: those
    /// that come due in an open loop meanwhile wait, and their response times show it.
    #[cold]
    async fn reconnect(&mut self, course: &RunContext, window: &Window, progress: &mut Progress) {
        let began_ns = course.clock.now_ns();
        progress.now_ns = began_ns;
        let ends_ns = if window.schedule.is_some() { window.drain_until_ns } else { window.until_ns };
        while !progress.stopped && progress.now_ns < ends_ns {
            let result = self.client.reconnect().await;
            progress.now_ns = course.clock.now_ns();
            self.check(course, window, progress);
            match result {
                Ok(()) => {
                    progress.reconnects += 1;
                    break;
                }
                Err(failure) if progress.now_ns - began_ns > WITHOUT_CONNECTION.as_nanos() as u64 => {
                    let seconds = WITHOUT_CONNECTION.as_secs();
                    course.stop.because(format!("given up after {seconds} s without a connection: {failure}"));
                    progress.stopped = true;
                }
                Err(_) => {}
            }
        }
        progress.disconnected += Duration::from_nanos(progress.now_ns - began_ns);
    }

    /// Now and then while arrivals are skipped, of which there may be millions: looks at the clock, and for Ctrl-C.
    #[cold]
    fn look_up(&mut self, course: &RunContext, window: &Window, progress: &mut Progress) {
        const EVERY: u64 = 1024;
        if self.recorder.skipped.is_multiple_of(EVERY) {
            progress.now_ns = course.clock.now_ns();
            if progress.now_ns >= progress.check_ns {
                self.check(course, window, progress);
            }
        }
    }

    /// Once in 10 ms: hands over a finished second and looks for Ctrl-C.
    #[cold]
    fn check(&mut self, course: &RunContext, window: &Window, progress: &mut Progress) {
        const EVERY_NS: u64 = 10_000_000;
        if course.second_of(progress.now_ns, window.phase) != progress.second {
            self.hand_over(course, window, progress);
        }
        progress.stopped |= course.stop.is_set();
        progress.check_ns = progress.now_ns + EVERY_NS;
        let second_ends_ns = course.measure_ns as i64 + (progress.second + 1) * 1_000_000_000;
        if second_ends_ns > progress.now_ns as i64 {
            progress.check_ns = progress.check_ns.min(second_ends_ns as u64);
        }
    }

    fn hand_over(&mut self, course: &RunContext, window: &Window, progress: &mut Progress) {
        let open_loop = window.schedule.is_some();
        let spare = self.spares.as_ref().and_then(|spares| spares.try_recv().ok());
        let spare = spare.unwrap_or_else(|| Box::new(Recorder::new(course.slot_count, open_loop)));
        let recorder = std::mem::replace(&mut self.recorder, spare);
        let now = course.second_of(progress.now_ns, window.phase);
        // As in `run`: a collector that is gone does not stop the measurement.
        let _ = self.outbox.send(Message::Handover {
            lane: self.index,
            second: progress.second,
            now,
            phase: window.phase,
            recorder,
        });
        progress.second = now;
    }
}

/// The next operation that this lane may start. A function of the window and of the clock's last reading.
#[inline]
fn claim(window: &Window, progress: &mut Progress) -> Claim {
    let Some(schedule) = &window.schedule else {
        if progress.now_ns >= window.until_ns || progress.claimed == progress.limit {
            return Claim::End;
        }
        progress.claimed += 1;
        return Claim::Start(progress.now_ns);
    };
    if progress.now_ns >= window.drain_until_ns {
        let rest = schedule.take_rest();
        progress.claimed += rest;
        return if rest == 0 { Claim::End } else { Claim::Skip(rest) };
    }
    let Some(intended_ns) = schedule.take() else { return Claim::End };
    progress.claimed += 1;
    let too_late = progress.now_ns > intended_ns.saturating_add(window.skip_after_ns);
    if too_late { Claim::Skip(1) } else { Claim::Start(intended_ns) }
}

/// A lane's part of a number of operations: as equal as whole numbers allow.
fn share(operations: u64, lanes: u64, lane: u64) -> u64 {
    operations / lanes + u64::from(lane < operations % lanes)
}

/// One operation with its retries: all of it stands inside the stopwatch.
#[inline]
async fn execute<S: Store>(
    client: &mut Client<S>,
    op: &Op,
    rows: &mut Rows,
    course: &RunContext,
    began_ns: u64,
    retries: &mut u32,
) -> Result<Outcome, Failure> {
    loop {
        let result = client.execute(op, rows, &course.clock, began_ns).await;
        match &result {
            Err(failure) if failure.kind == FailureKind::Conflict && *retries < course.max_retries => {
                *retries += 1;
                client.back_off(*retries).await;
            }
            _ => return result,
        }
    }
}
