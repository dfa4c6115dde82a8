//! One connection as a session: operations become commands, commands are sent together, replies become rows.
//!
//! Most operations take one round trip. Those that depend on a JSON document take two, of which the second is done only if
//! nobody else has written the document (`document/mod.rs`).

use std::sync::Arc;
use std::time::Duration;

use super::commands::CommandBuffer;
use super::connection::{Connection, Replies};
use super::decode::decode;
use super::document::group::OpGroup;
use super::document::plan::DocumentPlan;
use super::document::transaction;
use super::durability::suspect_eviction;
use super::encode::encode;
use super::export::Export;
use super::layout::{Layout, RowSink};
use super::scripts::Scripts;
use crate::{Failure, FailureKind, Op, Outcome, Part, Row, Rows, Session};

/// One logical client: a connection of its own, and the digests of the scripts that it has loaded.
pub struct RedisSession {
    connection: Connection,
    layout: Arc<Layout>,
    scripts: Scripts,
    commands: CommandBuffer,
    /// Whether WATCH was sent and EXEC was not.
    is_watching: bool,
    /// Conflicts resolved here since [`Session::take_retries`].
    retries: u64,
    /// Whether the server may evict our keys: then a failure for want of one asks it.
    may_evict: bool,
}

impl Session for RedisSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        let result = self.execute_batch(op, &mut |key, values| rows.push(key, values)).await;
        self.explain_failure(result).await
    }

    fn take_retries(&mut self) -> u64 {
        std::mem::take(&mut self.retries)
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let RedisSession { connection, layout, scripts, .. } = self;
        let result = Export { connection, layout, scripts }.run(part, sink).await;
        self.explain_failure(result).await
    }
}

impl RedisSession {
    pub(super) async fn new(mut connection: Connection, layout: Arc<Layout>, may_evict: bool) -> Result<Self, Failure> {
        let scripts = Scripts::load(&mut connection, layout.records.script()).await?;
        let commands = CommandBuffer::default();
        Ok(RedisSession { connection, layout, scripts, commands, is_watching: false, retries: 0, may_evict })
    }

    async fn explain_failure<T>(&mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        match result {
            Err(failure) if self.may_evict => Err(suspect_eviction(&mut self.connection, failure, "it").await),
            result => result,
        }
    }

    /// Executes an operation; of a batch, as many operations as possible in each round trip.
    async fn execute_batch(&mut self, request: &Op, sink: &mut RowSink<'_>) -> Result<Outcome, Failure> {
        let (in_batch, all) = match request {
            Op::Batch(ops) => (true, ops.as_slice()),
            op => (false, std::slice::from_ref(op)),
        };
        if in_batch
            && let Some(group) = all.iter().find(|op| matches!(op, Op::Transact(_) | Op::Interactive(_) | Op::Batch(_)))
        {
            return Err(Failure::misplaced(group));
        }
        let (mut outcome, mut rest) = (Outcome::Applied, all);
        while !rest.is_empty() {
            let (count, part) = match self.layout.records.sendable(&self.layout, rest) {
                0 => {
                    let (group, count) = OpGroup::first(rest, in_batch);
                    let retries = rest.len() < all.len();
                    (count, self.read_then_edit(request, group, retries, sink).await?)
                }
                count => (count, self.send_together(request, &rest[..count], sink).await?),
            };
            if part == Outcome::Refused {
                outcome = Outcome::Refused;
            }
            rest = &rest[count..];
        }
        Ok(outcome)
    }

    /// Sends operations in one round trip.
    async fn send_together(&mut self, request: &Op, ops: &[Op], sink: &mut RowSink<'_>) -> Result<Outcome, Failure> {
        self.commands.clear();
        for op in ops {
            encode(&self.layout, &self.scripts, op, &mut self.commands)?;
        }
        let mut replies = self.send(request).await?;
        let mut outcome = Outcome::Applied;
        for op in ops {
            if decode(&self.layout, op, &mut replies, sink)? == Outcome::Refused {
                outcome = Outcome::Refused;
            }
        }
        Ok(outcome)
    }

    /// Two round trips: documents are read, and then edited if nobody else has written them. Otherwise nothing was done and
    /// it is a conflict. But a batch of which a part is applied cannot be undone, so this part of it `retries` here, for as
    /// long as the operation may take.
    async fn read_then_edit(
        &mut self,
        request: &Op,
        group: OpGroup<'_>,
        retries: bool,
        sink: &mut RowSink<'_>,
    ) -> Result<Outcome, Failure> {
        let layout = Arc::clone(&self.layout);
        for attempt in 0.. {
            back_off(attempt).await;
            let documents = self.watch(request, group).await?;
            let plan = DocumentPlan::new(&layout, group, documents)?;
            // A single document is read atomically, so this outcome needs no EXEC.
            if let (Some((status, op)), [_]) = (plan.end, group.ops()) {
                return status.outcome(&layout, op);
            }
            self.commands.clear();
            transaction::encode_edits(&layout, &self.scripts, group, &plan, &mut self.commands)?;
            let mut replies = self.send(request).await?;
            self.is_watching = false;
            if transaction::decode_edits(&layout, request, group, &plan, &mut replies, sink)? {
                return match plan.end {
                    Some((status, op)) => status.outcome(&layout, op),
                    None if plan.refuses => Ok(Outcome::Refused),
                    None => Ok(Outcome::Applied),
                };
            }
            if !retries {
                break;
            }
            self.retries += 1;
        }
        let message = format!("redis: {}: another client changed a record after it was read", request.verb());
        Err(Failure::new(FailureKind::Conflict, message))
    }

    /// The documents that a group depends on, watched from before they are read.
    async fn watch(&mut self, request: &Op, group: OpGroup<'_>) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        self.commands.clear();
        // An operation that ended before its EXEC has left its records watched.
        let unwatches = std::mem::replace(&mut self.is_watching, group.watched().next().is_some());
        if unwatches {
            self.commands.add("UNWATCH");
        }
        transaction::encode_reads(&self.layout, group, &mut self.commands);
        let mut replies = self.send(request).await?;
        transaction::decode_reads(request, group, replies.by_ref().skip(usize::from(unwatches)))
    }

    async fn send(&mut self, request: &Op) -> Result<Replies, Failure> {
        self.connection.round_trip(&mut self.commands, request.verb()).await
    }
}

/// Waits before another attempt as the engine does between its own: not before the first retry, and then twice as long
/// each time, up to 16 ms.
async fn back_off(attempt: u32) {
    if attempt > 1 {
        tokio::time::sleep(Duration::from_millis(1 << (attempt - 2).min(4))).await;
    }
}
