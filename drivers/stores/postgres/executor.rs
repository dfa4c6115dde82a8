//! What is sent to the server for one operation, and in how many round trips.
//!
//! A single operation is one statement; an update that others follow (`items_layout.rs`) is a group of them. The
//! statements of a group are sent together, without waiting for replies (pipelining), within BEGIN and COMMIT. A transaction
//! in which a reply decides - an update that may find no row, an increment that a floor may refuse - sends COMMIT or ROLLBACK
//! in a second round trip. Of an interactive transaction each statement takes one, as in pgbench with `-M prepared`. No
//! conflict is tried again here.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::future::{MaybeDone, maybe_done};
use tokio_postgres::Client;

use super::binary::PgParameter;
use super::dialect::PostgresLayout;
use super::encode::parameters;
use super::items_layout::FollowUp;
use super::prepared::PreparedStatements;
use super::request::{ExpectedReply, Reply, RequestSubject, StatementRequest, expected};
use super::statement::PgStatement;
use crate::seam::op::OpSubject;
use crate::sql::outcome::{needs_probe, unchanged};
use crate::sql::statement::{Parameter, Statement};
use crate::{Failure, Op, Outcome, Rows};

/// A session without its connection's I/O, while it carries out an operation.
pub(super) struct Executor<'s> {
    pub(super) layout: &'s PostgresLayout,
    pub(super) client: &'s Client,
    pub(super) prepared: &'s mut PreparedStatements,
}

impl<'s> Executor<'s> {
    pub(super) async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        match op {
            Op::Batch(ops) => self.batch(ops, rows).await,
            Op::Transact(ops) => match ops.iter().find(|op| !op.transacts()) {
                Some(misplaced) => Err(Failure::misplaced(misplaced)),
                None => self.transact(ops, rows).await,
            },
            Op::Interactive(ops) => match ops.iter().find(|op| !op.transacts()) {
                Some(misplaced) => Err(Failure::misplaced(misplaced)),
                None => self.interact(ops, rows).await,
            },
            _ if self.layout.dialect.items.has_follow_ups(self.layout, op) => {
                self.batch(std::slice::from_ref(op), rows).await
            }
            _ => self.single(op, rows).await,
        }
    }

    pub(super) async fn single(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        let Some(request) = self.request(op).await? else { return Ok(Outcome::Applied) };
        match request.receive(request.send(self.client).await, rows).await? {
            Reply::Nothing if needs_probe(self.layout, op) => {
                let probe = self.probe(op).await?;
                let reply = probe.receive(probe.send(self.client).await, rows).await?;
                why_unchanged(self.layout, op, reply)
            }
            Reply::Nothing => Err(missing(self.layout, op)),
            _ => Ok(Outcome::Applied),
        }
    }

    async fn transact(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut requests = vec![self.control(Statement::Begin { writes: true }).await?];
        // The positions of the operations of `requests[1..]`.
        let mut positions = Vec::with_capacity(ops.len());
        for (at, op) in ops.iter().enumerate() {
            requests.extend(self.request(op).await?);
            self.push_follow_ups(op, &mut requests).await?;
            positions.resize(requests.len() - 1, at);
        }
        let decided_by_replies = decided_by_replies(ops);
        if !decided_by_replies {
            requests.push(self.control(Statement::Commit).await?);
        }
        let mut replies = self.pipeline(&requests, rows).await;
        let Some(first) = replies.iter().position(|reply| !matches!(reply, Ok(Reply::Applied))) else {
            if decided_by_replies {
                self.run_control(Statement::Commit).await?;
            }
            return Ok(Outcome::Applied);
        };
        rows.clear();
        // COMMIT after an error rolls back.
        let is_open = decided_by_replies || replies.len() < requests.len();
        let aborted = replies[first..].iter().any(Result::is_err);
        let at = first.checked_sub(1).and_then(|request| positions.get(request).copied());
        let op = at.map(|at| &ops[at]);
        match (replies.swap_remove(first), at) {
            (Ok(_), Some(at)) if needs_probe(self.layout, &ops[at]) => {
                self.why_unchanged(&ops[..at], &ops[at], aborted).await
            }
            (reply, _) => {
                if is_open {
                    // Should this fail, the connection is gone and the transaction with it.
                    let _ = self.run_control(Statement::Rollback).await;
                }
                let failure = |op| missing(self.layout, op);
                Err(reply.err().or(op.map(failure)).unwrap_or_else(|| Failure::broken("postgres: no transaction")))
            }
        }
    }

    /// A transaction whose statements are each sent when the one before is answered.
    async fn interact(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        self.run_control(Statement::Begin { writes: true }).await?;
        let mut done = Ok(Outcome::Applied);
        for op in ops {
            done = self.single_with_follow_ups(op, rows).await;
            if !matches!(done, Ok(Outcome::Applied)) {
                rows.clear();
                // Should this fail, the connection is gone and the transaction with it.
                let _ = self.run_control(Statement::Rollback).await;
                return done;
            }
        }
        self.run_control(Statement::Commit).await.and(done)
    }

    async fn single_with_follow_ups(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        let done = self.single(op, rows).await?;
        let mut follow_ups = Vec::new();
        if done == Outcome::Applied {
            self.push_follow_ups(op, &mut follow_ups).await?;
        }
        for request in follow_ups {
            request.receive(request.send(self.client).await, rows).await?;
        }
        Ok(done)
    }

    /// Finds out why an operation changed nothing, then rolls back; if an error has already rolled back, replays the
    /// preceding statements first.
    async fn why_unchanged(&mut self, before: &[Op], op: &Op, aborted: bool) -> Result<Outcome, Failure> {
        let mut requests = Vec::new();
        if aborted {
            // First of all: nothing can be prepared in a failed transaction.
            self.run_control(Statement::Rollback).await?;
            requests.push(self.control(Statement::Begin { writes: true }).await?);
            for op in before {
                requests.extend(self.request(op).await?);
                self.push_follow_ups(op, &mut requests).await?;
            }
        }
        let probe = requests.len();
        requests.extend([self.probe(op).await?, self.control(Statement::Rollback).await?]);
        let replies: Result<Vec<Reply>, Failure> =
            self.pipeline(&requests, &mut Rows::default()).await.into_iter().collect();
        why_unchanged(self.layout, op, replies?[probe])
    }

    /// Sends statements without waiting in between, and reads their replies in order. If one cannot even be sent, the rest
    /// is not sent either and has no reply.
    pub(super) async fn pipeline(
        &self,
        requests: &[StatementRequest<'_>],
        rows: &mut Rows,
    ) -> Vec<Result<Reply, Failure>> {
        let mut sending: Vec<_> =
            requests.iter().map(|request| Box::pin(maybe_done(request.send(self.client)))).collect();
        let sent = poll_fn(|context| {
            let unsent = sending.iter_mut().position(|request| {
                let _ = request.as_mut().poll(context);
                matches!(**request, MaybeDone::Done(Err(_)))
            });
            Poll::Ready(unsent.map_or(requests.len(), |at| at + 1))
        })
        .await;
        let mut replies = Vec::with_capacity(sent);
        for (request, mut sending) in requests.iter().zip(sending).take(sent) {
            sending.as_mut().await;
            if let Some(reply) = sending.as_mut().take_output() {
                replies.push(request.receive(reply, rows).await);
            }
        }
        replies
    }

    pub(super) async fn request<'a>(&mut self, op: &'a Op) -> Result<Option<StatementRequest<'a>>, Failure>
    where
        's: 'a,
    {
        let layout = self.layout;
        let Some(statement) = PgStatement::of(op)? else { return Ok(None) };
        let statement = self.prepared.get(self.client, statement).await?;
        let (parameters, expected) = (parameters(layout, op)?, expected(layout, op)?);
        let subject = RequestSubject::Operation(OpSubject(layout, op));
        Ok(Some(StatementRequest { statement, parameters, expected, subject }))
    }

    /// Adds what follows the statement of an operation.
    pub(super) async fn push_follow_ups<'a>(
        &mut self,
        op: &'a Op,
        requests: &mut Vec<StatementRequest<'a>>,
    ) -> Result<(), Failure>
    where
        's: 'a,
    {
        let subject = RequestSubject::Operation(OpSubject(self.layout, op));
        for FollowUp { statement, parameters } in self.layout.dialect.items.follow_ups(self.layout, op)? {
            let statement = self.prepared.get(self.client, PgStatement::Items(statement)).await?;
            requests.push(StatementRequest { statement, parameters, expected: ExpectedReply::Success, subject });
        }
        Ok(())
    }

    /// What the field of an increment holds.
    pub(super) async fn probe<'a>(&mut self, op: &'a Op) -> Result<StatementRequest<'a>, Failure>
    where
        's: 'a,
    {
        let Some((statement, key)) = Statement::probe(op) else { return Err(Failure::misplaced(op)) };
        let statement = self.prepared.get(self.client, statement.into()).await?;
        let parameters = vec![PgParameter::Common(Parameter::Key(key))];
        let subject = RequestSubject::Operation(OpSubject(self.layout, op));
        Ok(StatementRequest { statement, parameters, expected: ExpectedReply::Held, subject })
    }

    pub(super) async fn control(
        &mut self,
        statement: Statement<'static>,
    ) -> Result<StatementRequest<'static>, Failure> {
        let subject = RequestSubject::Control(match statement {
            Statement::Begin { .. } => "BEGIN",
            Statement::Commit => "COMMIT",
            _ => "ROLLBACK",
        });
        let statement = self.prepared.get(self.client, statement.into()).await?;
        Ok(StatementRequest { statement, parameters: Vec::new(), expected: ExpectedReply::Success, subject })
    }

    pub(super) async fn run_control(&mut self, statement: Statement<'static>) -> Result<(), Failure> {
        let request = self.control(statement).await?;
        request.receive(request.send(self.client).await, &mut Rows::default()).await.map(|_| ())
    }
}

/// Whether a reply can be a reason to undo a transaction. An error needs no decision: the server has undone it.
pub(super) fn decided_by_replies(ops: &[Op]) -> bool {
    let by_reply =
        |op: &Op| matches!(op, Op::Read { .. } | Op::Update { .. } | Op::Delete { .. } | Op::Increment { .. });
    ops.iter().any(Op::writes) && ops.iter().any(by_reply)
}

/// Why an increment changed nothing, from the reply to its probe.
pub(super) fn why_unchanged(layout: &PostgresLayout, op: &Op, probed: Reply) -> Result<Outcome, Failure> {
    let found = if let Reply::Held(held) = probed { Some(held) } else { None };
    unchanged("postgres", layout, op, found)
}

pub(super) fn missing(layout: &PostgresLayout, op: &Op) -> Failure {
    Failure::missing(OpSubject(layout, op))
}
