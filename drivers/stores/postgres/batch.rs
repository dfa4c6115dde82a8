//! Batches: many statements and one commit, although what came before a failure has to stay.

use super::failure::is_refusal;
use super::laid::Laid;
use super::request::{Reply, replaced};
use super::sql::Shape;
use super::talk::{Talk, has_reasons, missing, reason};
use crate::{Failure, FailureKind, Op, Outcome, Rows};

/// What a statement of a batch is for.
#[derive(Clone, Copy)]
enum Step {
    Control,
    Op(usize),
    /// What follows the statement of an operation that replaces items.
    Replacing(usize),
    Probe(usize),
}

/// How an attempt at a batch ended.
enum Attempt {
    /// Everything was tried.
    Ended(Result<Outcome, Failure>),
    /// An error of the operation at this position has undone the others too.
    Undone { at: usize, failure: Failure },
}

impl Talk<'_> {
    /// One transaction, because one commit instead of many is how bulk is written to this store. What came before a failure
    /// has to stay: where an error has undone it, it is sent again without the rest.
    pub(super) async fn batch(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let (mut ops, mut failed) = (ops, None);
        loop {
            match self.try_batch(ops, rows).await? {
                Attempt::Ended(done) => return done.and_then(|done| failed.map_or(Ok(done), Err)),
                Attempt::Undone { at, failure } => {
                    rows.clear();
                    (ops, failed) = (&ops[..at], Some(failure));
                }
            }
        }
    }

    async fn try_batch(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Attempt, Failure> {
        let grouped = is_grouped(self.laid, ops);
        if let ([op], false) = (ops, grouped) {
            return Ok(Attempt::Ended(self.one(op, rows).await));
        }
        let (mut requests, mut steps) = (Vec::new(), Vec::new());
        let mut add = |step, request| {
            steps.push(step);
            requests.push(request);
        };
        if grouped {
            add(Step::Control, self.control(Shape::Begin).await?);
        }
        for (at, op) in ops.iter().enumerate() {
            if let Some(request) = self.request(op).await? {
                add(Step::Op(at), request);
            }
            for request in self.replacing(op).await? {
                add(Step::Replacing(at), request);
            }
            // Probed at once, before later operations change the record.
            if has_reasons(self.laid, op) {
                add(Step::Probe(at), self.probe(op).await?);
            }
        }
        if grouped {
            add(Step::Control, self.control(Shape::Commit).await?);
        }
        let replies = self.together(&requests, rows).await;
        let is_cut = replies.len() < requests.len();
        if grouped && is_cut {
            let _ = self.say(Shape::Rollback).await;
        }
        // The server has done it, and only its answer is not the expected one.
        let is_done = |failure: &Failure| failure.kind == FailureKind::Broken && !is_refusal(failure) && !is_cut;
        let (mut done, mut unchanged) = (Ok(Outcome::Applied), false);
        for (step, reply) in steps.into_iter().zip(replies) {
            match (step, reply) {
                (_, Err(failure)) if !grouped || is_done(&failure) => done = done.and(Err(failure)),
                (Step::Op(at) | Step::Replacing(at), Err(failure)) if failure.kind != FailureKind::Conflict => {
                    return Ok(Attempt::Undone { at, failure });
                }
                // It has undone everything, and with it what came before.
                (_, Err(failure)) => return Ok(Attempt::Ended(Err(failure))),
                (Step::Op(at), Ok(Reply::Nothing)) => {
                    unchanged = has_reasons(self.laid, &ops[at]);
                    if !unchanged {
                        done = done.and_then(|_| Err(missing(self.laid, &ops[at])));
                    }
                }
                (Step::Probe(at), Ok(reply)) if unchanged => {
                    done = done.and_then(|_| as_it_was(self.laid, &ops[at], reason(self.laid, &ops[at], reply)));
                }
                (Step::Op(_), Ok(_)) => unchanged = false,
                _ => {}
            }
        }
        Ok(Attempt::Ended(done))
    }
}

/// What a bump that changed nothing met, when somebody has since changed that: the batch is committed, so it cannot be
/// called a conflict and tried again. Where there is a floor, it was met; else there was no record yet.
fn as_it_was(laid: &Laid, op: &Op, reason: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    match (reason, op) {
        (Err(failure), Op::Increment { floor: Some(_), .. }) if failure.kind == FailureKind::Conflict => {
            Ok(Outcome::Refused)
        }
        (Err(failure), _) if failure.kind == FailureKind::Conflict => Err(missing(laid, op)),
        (reason, _) => reason,
    }
}

/// Whether a batch is sent within BEGIN and COMMIT. One operation is sent as if it were by itself.
pub(super) fn is_grouped(laid: &Laid, ops: &[Op]) -> bool {
    match ops {
        [op] => replaced(laid, op).next().is_some(),
        _ => ops.iter().any(Op::writes),
    }
}
