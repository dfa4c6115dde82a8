//! What is done with an answer off the clock: whether it can be right, what it means for the writes of its operation, and
//! where it is entered and recorded.

use drivers::{Failure, FailureKind, Op, Outcome, Rows};

use super::run_context::RunContext;
use crate::audit::ledger::Ledger;
use crate::generate::Effect;
use crate::measure::recorder::{OperationTimes, Recorder};

/// The answer to one step of an operation.
#[derive(Debug, Default)]
pub struct StepAnswer {
    /// The rows that the store answered with.
    pub rows: Rows,
    /// When the answer was there, on the run's clock.
    pub ended_ns: u64,
}

/// Turns an answer that cannot be right into a failure.
#[inline]
pub fn check_answer(context: &RunContext, op: &Op, step: &StepAnswer, result: &mut Result<Outcome, Failure>) {
    if let Some(rules) = &context.answers
        && let Ok(outcome) = result
        && let Err(wrong) = rules.check(op, *outcome, &step.rows)
    {
        *result = Err(Failure::new(FailureKind::Broken, wrong));
    }
}

/// What became of an operation's writes. A refused batch was applied, all but some of its increments; of several rows that
/// failed as one operation some may be there.
#[inline]
pub fn effect(op: &Op, result: &Result<Outcome, Failure>) -> Effect {
    match result {
        Ok(Outcome::Applied) => Effect::Applied,
        Ok(Outcome::Refused) if matches!(op, Op::Batch(_)) => Effect::Applied,
        Ok(Outcome::Refused) => Effect::NotApplied,
        Err(failure) if failure.kind.left_no_trace() && !op.may_be_torn() => Effect::NotApplied,
        Err(_) => Effect::Unknown,
    }
}

/// Enters what the store acknowledged, and writes whose outcome is unknown.
#[inline]
pub fn enter_in_ledger(
    ledger: &mut Ledger,
    op: &Op,
    result: &Result<Outcome, Failure>,
    started_ns: u64,
    ended_ns: u64,
) {
    match (op, result, effect(op, result)) {
        (Op::Batch(ops), Ok(Outcome::Refused), _) => ledger.add_refused_batch(ops, started_ns, ended_ns),
        (_, _, Effect::Applied) => ledger.add_acknowledged(op, started_ns, ended_ns),
        (_, _, Effect::NotApplied) => {}
        (_, _, Effect::Unknown) => ledger.add_indeterminate(op),
    }
}

/// Records the latency of a success or a failure.
#[inline]
pub fn record(recorder: &mut Recorder, slot: usize, times: OperationTimes, result: &Result<Outcome, Failure>) {
    match result {
        Ok(outcome) => recorder.succeeded(slot, times, *outcome == Outcome::Refused),
        Err(failure) => recorder.failed(slot, times, failure.kind, failure),
    }
}
