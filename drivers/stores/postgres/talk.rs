//! What is said to the server for one operation, and in how many round trips.
//!
//! A single operation is one statement; an update that replaces items in a table of their own is a group of them. The
//! statements of a group are sent together, without waiting for replies (pipelining), within BEGIN and COMMIT. A transaction
//! in which a reply decides - an update that may find no row, a bump that a floor may refuse - says COMMIT or ROLLBACK in a
//! second round trip. No conflict is tried again here.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::future::{MaybeDone, maybe_done};
use tokio_postgres::Client;

use super::children::Child;
use super::laid::Laid;
use super::parameters::{filling, parameters};
use super::request::{Expects, Reply, Request, Subject, expects, replaced, shape};
use super::sql::Shape;
use super::statements::Statements;
use super::values::Param;
use crate::sql::named::Named;
use crate::{Dataset, Failure, FailureKind, Fields, Op, Outcome, Rows};

/// One side of a session while it carries out an operation.
pub(super) struct Talk<'s> {
    pub(super) laid: &'s Laid,
    pub(super) client: &'s Client,
    pub(super) statements: &'s mut Statements,
}

impl<'s> Talk<'s> {
    pub(super) async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        match op {
            Op::Batch(ops) => self.batch(ops, rows).await,
            Op::Transact(ops) => match ops.iter().find(|op| !op.transacts()) {
                Some(misplaced) => Err(Failure::misplaced(misplaced)),
                None => self.transact(ops, rows).await,
            },
            _ if replaced(self.laid, op).next().is_some() => self.batch(std::slice::from_ref(op), rows).await,
            _ => self.one(op, rows).await,
        }
    }

    pub(super) async fn one(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        let Some(request) = self.request(op).await? else { return Ok(Outcome::Applied) };
        match request.receive(request.send(self.client).await, rows).await? {
            Reply::Nothing if has_reasons(self.laid, op) => {
                let probe = self.probe(op).await?;
                let reply = probe.receive(probe.send(self.client).await, rows).await?;
                reason(self.laid, op, reply)
            }
            Reply::Nothing => Err(missing(self.laid, op)),
            _ => Ok(Outcome::Applied),
        }
    }

    /// All or nothing.
    async fn transact(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut requests = vec![self.control(Shape::Begin).await?];
        // The positions of the operations of `requests[1..]`.
        let mut of = Vec::with_capacity(ops.len());
        for (at, op) in ops.iter().enumerate() {
            requests.extend(self.request(op).await?);
            requests.extend(self.replacing(op).await?);
            of.resize(requests.len() - 1, at);
        }
        let decides = decides(ops);
        if !decides {
            requests.push(self.control(Shape::Commit).await?);
        }
        let mut replies = self.together(&requests, rows).await;
        let Some(first) = replies.iter().position(|reply| !matches!(reply, Ok(Reply::Applied))) else {
            if decides {
                self.say(Shape::Commit).await?;
            }
            return Ok(Outcome::Applied);
        };
        rows.clear();
        // COMMIT after an error rolls back.
        let is_open = decides || replies.len() < requests.len();
        let aborted = replies[first..].iter().any(Result::is_err);
        let at = first.checked_sub(1).and_then(|request| of.get(request).copied());
        let op = at.map(|at| &ops[at]);
        match (replies.swap_remove(first), at) {
            (Ok(_), Some(at)) if has_reasons(self.laid, &ops[at]) => self.why(&ops[..at], &ops[at], aborted).await,
            (reply, _) => {
                if is_open {
                    // Should this fail, the connection is gone and the transaction with it.
                    let _ = self.say(Shape::Rollback).await;
                }
                let failure = |op| missing(self.laid, op);
                Err(reply.err().or(op.map(failure)).unwrap_or_else(|| Failure::broken("postgres: no transaction")))
            }
        }
    }

    /// Finds out why an operation changed nothing, then rolls back; if an error has already rolled back, replays the
    /// preceding statements first.
    async fn why(&mut self, before: &[Op], op: &Op, aborted: bool) -> Result<Outcome, Failure> {
        let mut requests = Vec::new();
        if aborted {
            // First of all: nothing can be prepared in a failed transaction.
            self.say(Shape::Rollback).await?;
            requests.push(self.control(Shape::Begin).await?);
            for op in before {
                requests.extend(self.request(op).await?);
                requests.extend(self.replacing(op).await?);
            }
        }
        let probe = requests.len();
        requests.extend([self.probe(op).await?, self.control(Shape::Rollback).await?]);
        let replies: Result<Vec<Reply>, Failure> =
            self.together(&requests, &mut Rows::default()).await.into_iter().collect();
        reason(self.laid, op, replies?[probe])
    }

    /// Sends statements without waiting in between, and reads their replies in order. If one cannot even be sent, the rest
    /// is not sent either and has no reply.
    pub(super) async fn together(&self, requests: &[Request<'_>], rows: &mut Rows) -> Vec<Result<Reply, Failure>> {
        let mut begun: Vec<_> =
            requests.iter().map(|request| Box::pin(maybe_done(request.send(self.client)))).collect();
        let sent = poll_fn(|context| {
            let unsent = begun.iter_mut().position(|one| {
                let _ = one.as_mut().poll(context);
                matches!(**one, MaybeDone::Done(Err(_)))
            });
            Poll::Ready(unsent.map_or(requests.len(), |at| at + 1))
        })
        .await;
        let mut replies = Vec::with_capacity(sent);
        for (request, mut one) in requests.iter().zip(begun).take(sent) {
            one.as_mut().await;
            if let Some(reply) = one.as_mut().take_output() {
                replies.push(request.receive(reply, rows).await);
            }
        }
        replies
    }

    pub(super) async fn request<'a>(&mut self, op: &'a Op) -> Result<Option<Request<'a>>, Failure>
    where
        's: 'a,
    {
        let laid = self.laid;
        let Some((shape, named)) = shape(op)? else { return Ok(None) };
        let statement = self.statements.get(self.client, shape, named).await?;
        let parameters = parameters(laid, op)?;
        Ok(Some(Request { statement, parameters, expects: expects(laid, op), subject: Subject::Op(laid, op) }))
    }

    /// After the statement of an operation that replaces items: deletes the old ones and inserts the new ones, if that
    /// statement has changed the record.
    pub(super) async fn replacing<'a>(&mut self, op: &'a Op) -> Result<Vec<Request<'a>>, Failure>
    where
        's: 'a,
    {
        let (subject, expects) = (Subject::Op(self.laid, op), Expects::Outcome);
        let mut requests = Vec::new();
        for (child, key, value) in replaced(self.laid, op) {
            let Child { table, field, .. } = child;
            let clear = self.statements.get(self.client, Shape::Clear { table, field }, Named::All).await?;
            requests.push(Request { statement: clear, parameters: vec![Param::key(key)], expects, subject });
            let fill = self.statements.get(self.client, Shape::Fill { table, field }, Named::All).await?;
            requests.push(Request { statement: fill, parameters: filling(&child, key, value)?, expects, subject });
        }
        Ok(requests)
    }

    /// What the field of a bump holds.
    pub(super) async fn probe<'a>(&mut self, op: &'a Op) -> Result<Request<'a>, Failure>
    where
        's: 'a,
    {
        let Op::Increment { table, key, field, .. } = op else { return Err(Failure::misplaced(op)) };
        let fields = Fields::Some(vec![*field]);
        let statement = self.statements.get(self.client, Shape::Read(*table), Named::Fields(&fields)).await?;
        let parameters = vec![Param::key(key)];
        Ok(Request { statement, parameters, expects: Expects::Held, subject: Subject::Op(self.laid, op) })
    }

    pub(super) async fn control(&mut self, shape: Shape) -> Result<Request<'static>, Failure> {
        let statement = self.statements.get(self.client, shape, Named::All).await?;
        let subject = Subject::Control(match shape {
            Shape::Begin => "BEGIN",
            Shape::Commit => "COMMIT",
            _ => "ROLLBACK",
        });
        Ok(Request { statement, parameters: Vec::new(), expects: Expects::Outcome, subject })
    }

    pub(super) async fn say(&mut self, shape: Shape) -> Result<(), Failure> {
        let request = self.control(shape).await?;
        request.receive(request.send(self.client).await, &mut Rows::default()).await.map(|_| ())
    }
}

/// Whether a reply can be a reason to undo a transaction. An error needs no decision: the server has undone it.
pub(super) fn decides(ops: &[Op]) -> bool {
    let by_reply =
        |op: &Op| matches!(op, Op::Read { .. } | Op::Update { .. } | Op::Delete { .. } | Op::Increment { .. });
    ops.iter().any(Op::writes) && ops.iter().any(by_reply)
}

/// Whether anything but a missing record can explain that an operation changed nothing.
pub(super) fn has_reasons(dataset: &Dataset, op: &Op) -> bool {
    match op {
        Op::Increment { table, field, floor, .. } => floor.is_some() || dataset.tables[*table].fields[*field].optional,
        _ => false,
    }
}

/// Why a bump changed nothing, from what its field was found to hold.
pub(super) fn reason(dataset: &Dataset, op: &Op, found: Reply) -> Result<Outcome, Failure> {
    let subject = Subject::Op(dataset, op);
    match (op, found) {
        (Op::Increment { by, floor: Some(floor), .. }, Reply::Held(Some(held)))
            if i128::from(held) + i128::from(*by) < i128::from(*floor) =>
        {
            Ok(Outcome::Refused)
        }
        (_, Reply::Held(Some(_))) => {
            Err(Failure::new(FailureKind::Conflict, format!("postgres: {subject} changed while it was bumped")))
        }
        (_, Reply::Held(None)) => {
            Err(Failure::broken(format!("postgres: {subject}: a field without an integer cannot be bumped")))
        }
        _ => Err(missing(dataset, op)),
    }
}

pub(super) fn missing(dataset: &Dataset, op: &Op) -> Failure {
    Failure::missing(Subject::Op(dataset, op))
}
