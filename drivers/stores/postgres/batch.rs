//! Batches: many statements and one commit, although what came before a failure has to stay.

use super::dialect::PostgresLayout;
use super::executor::{Executor, missing, why_unchanged};
use super::failure::is_refusal;
use super::request::Reply;
use crate::sql::outcome::needs_probe;
use crate::sql::statement::Statement;
use crate::{Failure, FailureKind, Op, Outcome, Rows};

/// What a statement of a batch is for.
#[derive(Clone, Copy)]
enum RequestRole {
    Control,
    Op(usize),
    /// What follows the statement of an operation.
    FollowUp(usize),
    Probe(usize),
}

/// How an attempt at a batch ended.
enum Attempt {
    /// Every operation was sent, and this is what became of the batch.
    Finished(Result<Outcome, Failure>),
    /// An error of the operation at this position has undone the others too.
    Undone { at: usize, failure: Failure },
}

impl Executor<'_> {
    /// One transaction, because one commit instead of many is how bulk is written to this store. What came before a failure
    /// has to stay: where an error has undone it, it is sent again without the rest.
    pub(super) async fn batch(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let (mut ops, mut failed) = (ops, None);
        loop {
            match self.try_batch(ops, rows).await? {
                Attempt::Finished(done) => return done.and_then(|done| failed.map_or(Ok(done), Err)),
                Attempt::Undone { at, failure } => {
                    rows.clear();
                    (ops, failed) = (&ops[..at], Some(failure));
                }
            }
        }
    }

    async fn try_batch(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Attempt, Failure> {
        let grouped = is_grouped(self.layout, ops);
        if let ([op], false) = (ops, grouped) {
            return Ok(Attempt::Finished(self.single(op, rows).await));
        }
        let (mut requests, mut roles) = (Vec::new(), Vec::new());
        if grouped {
            requests.push(self.control(Statement::Begin { writes: true }).await?);
            roles.push(RequestRole::Control);
        }
        for (at, op) in ops.iter().enumerate() {
            requests.extend(self.request(op).await?);
            roles.resize(requests.len(), RequestRole::Op(at));
            self.push_follow_ups(op, &mut requests).await?;
            roles.resize(requests.len(), RequestRole::FollowUp(at));
            // Probed at once, before later operations change the record.
            if needs_probe(self.layout, op) {
                requests.push(self.probe(op).await?);
                roles.push(RequestRole::Probe(at));
            }
        }
        if grouped {
            requests.push(self.control(Statement::Commit).await?);
            roles.push(RequestRole::Control);
        }
        let replies = self.pipeline(&requests, rows).await;
        let is_cut = replies.len() < requests.len();
        if grouped && is_cut {
            let _ = self.run_control(Statement::Rollback).await;
        }
        // The server has done it, and only its answer is not the expected one.
        let is_done = |failure: &Failure| failure.kind == FailureKind::Broken && !is_refusal(failure) && !is_cut;
        let (mut done, mut unchanged) = (Ok(Outcome::Applied), false);
        for (role, reply) in roles.into_iter().zip(replies) {
            match (role, reply) {
                (_, Err(failure)) if !grouped || is_done(&failure) => done = done.and(Err(failure)),
                (RequestRole::Op(at) | RequestRole::FollowUp(at), Err(failure))
                    if failure.kind != FailureKind::Conflict =>
                {
                    return Ok(Attempt::Undone { at, failure });
                }
                // It has undone everything, and with it what came before.
                (_, Err(failure)) => return Ok(Attempt::Finished(Err(failure))),
                (RequestRole::Op(at), Ok(Reply::Nothing)) => {
                    unchanged = needs_probe(self.layout, &ops[at]);
                    if !unchanged {
                        done = done.and_then(|_| Err(missing(self.layout, &ops[at])));
                    }
                }
                (RequestRole::Probe(at), Ok(reply)) if unchanged => {
                    done = done.and_then(|_| {
                        without_conflict(self.layout, &ops[at], why_unchanged(self.layout, &ops[at], reply))
                    });
                }
                (RequestRole::Op(_), Ok(_)) => unchanged = false,
                _ => {}
            }
        }
        Ok(Attempt::Finished(done))
    }
}

/// The outcome of an increment that changed nothing, although the record shows no reason any more: another client has changed it
/// since. The batch is committed, so this cannot be reported as a conflict and retried. With a floor, the floor refused it;
/// without one, there was no record.
fn without_conflict(layout: &PostgresLayout, op: &Op, reason: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    match (reason, op) {
        (Err(failure), Op::Increment { floor: Some(_), .. }) if failure.kind == FailureKind::Conflict => {
            Ok(Outcome::Refused)
        }
        (Err(failure), _) if failure.kind == FailureKind::Conflict => Err(missing(layout, op)),
        (reason, _) => reason,
    }
}

/// Whether a batch is sent within BEGIN and COMMIT. One operation is sent as if it were by itself.
pub(super) fn is_grouped(layout: &PostgresLayout, ops: &[Op]) -> bool {
    match ops {
        [op] => layout.dialect.items.has_follow_ups(layout, op),
        _ => ops.iter().any(Op::writes),
    }
}
