//! What becomes of an operation when its answer is there, off the clock: whether the answer can be right, what it means for
//! the writes, and where it is noted and recorded.

use drivers::{Failure, FailureKind, Op, Outcome};

use crate::generate::Effect;
use crate::measure::Times;
use crate::measure::recorder::Recorder;

use super::answer;
use super::lane::Step;
use super::run_context::RunContext;
use crate::audit::ledger::Ledger;

/// Turns an answer that cannot be right into a failure.
#[inline]
pub fn check(course: &RunContext, op: &Op, step: &Step, result: &mut Result<Outcome, Failure>) {
    if course.checks_answers
        && let Ok(done) = result
        && let Err(wrong) = answer::check(op, *done, &step.rows, &course.scans_begin_at_a_record)
    {
        *result = Err(Failure::new(FailureKind::Broken, wrong));
    }
}

/// What became of an operation's writes. Of a batch that was refused all but some bumps was applied; of several rows that
/// failed as one operation some may be there.
#[inline]
pub fn outcome(op: &Op, result: &Result<Outcome, Failure>) -> Effect {
    match result {
        Ok(Outcome::Applied) => Effect::Applied,
        Ok(Outcome::Refused) if matches!(op, Op::Batch(_)) => Effect::Applied,
        Ok(Outcome::Refused) => Effect::NotApplied,
        Err(failure) if failure.kind.left_no_trace() && !op.may_be_torn() => Effect::NotApplied,
        Err(_) => Effect::Unknown,
    }
}

/// Notes what the store acknowledged, and writes whose outcome nobody knows.
#[inline]
pub fn note(ledger: &mut Ledger, op: &Op, result: &Result<Outcome, Failure>, started_ns: u64, ended_ns: u64) {
    match (op, result, outcome(op, result)) {
        (Op::Batch(ops), Ok(Outcome::Refused), _) => ledger.refused(ops, started_ns, ended_ns),
        (_, _, Effect::Applied) => ledger.acknowledged(op, started_ns, ended_ns),
        (_, _, Effect::NotApplied) => {}
        (_, _, Effect::Unknown) => ledger.unknown(op),
    }
}

#[inline]
pub fn record(recorder: &mut Recorder, slot: usize, times: Times, result: &Result<Outcome, Failure>) {
    match result {
        Ok(done) => recorder.succeeded(slot, times, *done == Outcome::Refused),
        Err(failure) => recorder.failed(slot, times, failure.kind, failure),
    }
}
