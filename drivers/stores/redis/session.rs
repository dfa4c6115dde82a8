//! One connection as a session: operations become commands, commands are sent together, answers become rows.
//!
//! What is sent is in `requests.rs`, what comes back in `replies.rs`, and how in `link.rs`. One operation is in flight.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, Value as Reply};

use super::failures::failure;
use super::link::Link;
use super::plan::Plan;
use super::replies::{self, Sink};
use super::requests::{self, Commands};
use super::scripts::Scripts;
use super::shape::Shape;
use super::values;
use super::watched::{self, Group};
use super::{documents, eviction};
use crate::{Dataset, Failure, FailureKind, Fields, Key, Op, Outcome, Part, Row, Rows, Session};

/// Rows, events or points that an export asks for at once.
const CHUNK: usize = 1000;

/// One logical client: a connection of its own, and the digests of the scripts that it has loaded.
pub struct RedisSession {
    connection: Link,
    shape: Arc<Shape>,
    scripts: Scripts,
    commands: Commands,
    /// Whether WATCH was sent and EXEC was not.
    is_watching: bool,
    /// Lost races that were tried again here, since somebody asked.
    retries: u64,
    /// Whether the server may evict what is ours: then it is asked about what is not there.
    evicts: bool,
}

impl Session for RedisSession {
    async fn execute(&mut self, op: &Op, rows: &mut Rows) -> Result<Outcome, Failure> {
        rows.clear();
        match self.run(op, &mut |key, values| rows.push(key, values)).await {
            Err(failure) if self.evicts => Err(eviction::suspected(&mut self.connection, failure, "it").await),
            ended => ended,
        }
    }

    fn take_retries(&mut self) -> u64 {
        std::mem::take(&mut self.retries)
    }

    async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let exported = match part {
            Part::Table(at) => self.export_table(at, sink).await,
            Part::Log(at) => self.export_log(at, sink).await,
            Part::Series(at) => self.export_series(at, sink).await,
        };
        match exported {
            Err(failure) if self.evicts => Err(eviction::suspected(&mut self.connection, failure, "it").await),
            ended => ended,
        }
    }
}

impl RedisSession {
    pub(super) async fn new(mut connection: Link, shape: Arc<Shape>, evicts: bool) -> Result<Self, Failure> {
        let scripts = Scripts::load(&mut connection, shape.layout).await?;
        let commands = Commands::default();
        Ok(RedisSession { connection, shape, scripts, commands, is_watching: false, retries: 0, evicts })
    }

    async fn run(&mut self, op: &Op, sink: &mut Sink<'_>) -> Result<Outcome, Failure> {
        let (of_batch, all) = match op {
            Op::Batch(ops) => (true, ops.as_slice()),
            one => (false, std::slice::from_ref(one)),
        };
        let mut ops = all;
        if of_batch && let Some(group) = ops.iter().find(|one| matches!(one, Op::Transact(_) | Op::Batch(_))) {
            return Err(Failure::misplaced(group));
        }
        let mut done = Outcome::Applied;
        while !ops.is_empty() {
            let (count, ended) = match documents::unread(&self.shape, ops) {
                0 => {
                    let (group, count) = Group::first(ops, of_batch);
                    let is_begun = ops.len() < all.len();
                    (count, self.read_and_change(op, group, is_begun, sink).await?)
                }
                count => (count, self.send_together(op, &ops[..count], sink).await?),
            };
            if ended == Outcome::Refused {
                done = Outcome::Refused;
            }
            ops = &ops[count..];
        }
        Ok(done)
    }

    /// Sends a batch's operations in one round trip.
    async fn send_together(&mut self, of: &Op, ops: &[Op], sink: &mut Sink<'_>) -> Result<Outcome, Failure> {
        self.commands.clear();
        for op in ops {
            requests::write(&self.shape, &self.scripts, op, &mut self.commands)?;
        }
        let mut replies = self.send(of).await?;
        let mut done = Outcome::Applied;
        for op in ops {
            if replies::take(&self.shape, op, &mut replies, sink)? == Outcome::Refused {
                done = Outcome::Refused;
            }
        }
        Ok(done)
    }

    /// Two round trips: documents are read, and changed if nobody else has written them. Otherwise nothing was done and
    /// it is a conflict; but a batch that is begun has no way back, so this part of it is tried again here, for as long
    /// as the operation may take.
    async fn read_and_change(
        &mut self,
        of: &Op,
        group: Group<'_>,
        is_begun: bool,
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, Failure> {
        let shape = Arc::clone(&self.shape);
        for retry in 0.. {
            back_off(retry).await;
            let read = self.watch(of, group).await?;
            let plan = Plan::new(&shape, group, read)?;
            // A single document is read atomically, so this outcome needs no EXEC.
            if let (Some((code, op)), [_]) = (plan.end, group.ops()) {
                return replies::outcome(&shape, code, op);
            }
            self.commands.clear();
            watched::write_changes(&shape, &self.scripts, group, &plan, &mut self.commands)?;
            let mut replies = self.send(of).await?;
            self.is_watching = false;
            if watched::take_changes(&shape, of, group, &plan, &mut replies, sink)? {
                return match plan.end {
                    Some((code, op)) => replies::outcome(&shape, code, op),
                    None if plan.refuses => Ok(Outcome::Refused),
                    None => Ok(Outcome::Applied),
                };
            }
            if !is_begun {
                break;
            }
            self.retries += 1;
        }
        let words = format!("redis: {}: a record was written by others after it was read", of.verb());
        Err(Failure::new(FailureKind::Conflict, words))
    }

    /// The documents that a group depends on, watched from before they are read.
    async fn watch(&mut self, of: &Op, group: Group<'_>) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        self.commands.clear();
        // An operation that ended before its EXEC has left its records watched.
        let unwatches = std::mem::replace(&mut self.is_watching, group.watched().next().is_some());
        if unwatches {
            self.commands.add("UNWATCH");
        }
        watched::write_reads(&self.shape, group, &mut self.commands);
        let mut replies = self.send(of).await?;
        watched::take_reads(of, group, replies.by_ref().skip(usize::from(unwatches)))
    }

    /// One round trip, or none if there is nothing to ask.
    async fn send(&mut self, op: &Op) -> Result<Replies, Failure> {
        let sent = match self.commands.list() {
            [] => Ok(Replies::Many(Vec::new().into_iter())),
            [command] => self.connection.send(command).await.map(|reply| Replies::One(Some(reply))),
            several => {
                let count = several.len();
                let pipeline = self.commands.pipeline();
                let sent = self.connection.send_all(&pipeline, count).await;
                sent.map(|replies| Replies::Many(replies.into_iter()))
            }
        };
        sent.map_err(|error| failure(error, &op.verb()))
    }

    /// Walks the keys in their order, chunk by chunk.
    async fn export_table(&mut self, table: usize, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let mut from = first_key(&self.shape.dataset, table);
        loop {
            let (mut count, mut last) = (0, None);
            let scan = Op::Scan { table, from, limit: CHUNK, fields: Fields::All };
            let mut take = |key: Key, values| {
                count += 1;
                last = Some(key.clone());
                sink(Row { key, values });
            };
            self.run(&scan, &mut take).await?;
            match last.and_then(key_after) {
                Some(next) if count == CHUNK => from = next,
                _ => return Ok(()),
            }
        }
    }

    /// The streams of a log are found by the beginning of their keys: keeping a list of them would cost every append.
    async fn export_log(&mut self, log: usize, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let shape = Arc::clone(&self.shape);
        let prefix = &shape.logs[log];
        let mut seen = HashSet::new();
        let mut streams = KeysUnder::new(prefix);
        while let Some(keys) = streams.next(&mut self.connection).await? {
            for key in keys {
                // A key that moves while the keys are walked may come twice.
                if !seen.insert(key.clone()) {
                    continue;
                }
                let stream = values::key(&key[prefix.len()..], shape.dataset.logs[log].stream)?;
                let mut from = b"-".to_vec();
                loop {
                    let mut range = redis::cmd("XRANGE");
                    range.arg(&key).arg(&from).arg("+").arg("COUNT").arg(CHUNK);
                    let entries: Vec<Reply> = ask(&mut self.connection, &range).await?;
                    let (count, last) = (entries.len(), entries.last().and_then(id_of));
                    for entry in entries {
                        replies::event(&shape, log, &stream, entry, &mut |key, values| sink(Row { key, values }))?;
                    }
                    match last {
                        Some(last) if count == CHUNK => from = [b"(", last.as_slice()].concat(),
                        _ => break,
                    }
                }
            }
        }
        Ok(())
    }

    async fn export_series(&mut self, series: usize, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let shape = Arc::clone(&self.shape);
        for start in (0..).step_by(CHUNK) {
            let mut range = redis::cmd("ZRANGE");
            range.arg(&shape.series[series]).arg(start).arg(start + CHUNK - 1);
            let points: Vec<Reply> = ask(&mut self.connection, &range).await?;
            let is_last = points.len() < CHUNK;
            for member in points {
                replies::point_of_any(&shape, series, member, &mut |key, values| sink(Row { key, values }))?;
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }
}

/// Waits before another attempt as the engine does between its own: not before the first retry, and then twice as long
/// each time, up to 16 ms.
async fn back_off(retry: u32) {
    if retry > 1 {
        tokio::time::sleep(Duration::from_millis(1 << (retry - 2).min(4))).await;
    }
}

/// The answers of one round trip.
enum Replies {
    One(Option<Reply>),
    Many(std::vec::IntoIter<Reply>),
}

impl Iterator for Replies {
    type Item = Reply;

    fn next(&mut self) -> Option<Reply> {
        match self {
            Replies::One(reply) => reply.take(),
            Replies::Many(replies) => replies.next(),
        }
    }
}

/// The keys that begin with a prefix, some at a time. The server looks at a part of all its keys for each, and answers
/// others in between.
pub(super) struct KeysUnder {
    pattern: String,
    cursor: Option<u64>,
}

impl KeysUnder {
    /// Names of datasets and parts hold none of the characters that a pattern gives a meaning.
    pub(super) fn new(prefix: &str) -> Self {
        KeysUnder { pattern: format!("{prefix}*"), cursor: Some(0) }
    }

    /// Some more keys, possibly none; nothing when all were answered.
    pub(super) async fn next(&mut self, connection: &mut Link) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(CHUNK);
        let (next, keys): (u64, Vec<Vec<u8>>) = ask(connection, &scan).await?;
        self.cursor = Some(next).filter(|cursor| *cursor != 0);
        Ok(Some(keys))
    }
}

/// Sends a command that is no operation.
pub(super) async fn ask<T: FromRedisValue>(connection: &mut Link, command: &Cmd) -> Result<T, Failure> {
    let name = command.args_iter().next().map(|name| match name {
        redis::Arg::Simple(name) => String::from_utf8_lossy(name).into_owned(),
        _ => String::new(),
    });
    command.query_async(connection).await.map_err(|error| failure(error, &name.unwrap_or_default()))
}

fn first_key(dataset: &Dataset, table: usize) -> Key {
    match dataset.tables[table].key {
        crate::KeyKind::Int => Key::Int(i64::MIN),
        crate::KeyKind::Text => Key::Text("".into()),
    }
}

/// The smallest key above one.
fn key_after(key: Key) -> Option<Key> {
    match key {
        Key::Int(number) => number.checked_add(1).map(Key::Int),
        Key::Text(mut text) => {
            text.push('\0');
            Some(Key::Text(text))
        }
    }
}

fn id_of(entry: &Reply) -> Option<Vec<u8>> {
    match entry {
        Reply::Array(entry) => match entry.first() {
            Some(Reply::BulkString(id)) => Some(id.clone()),
            _ => None,
        },
        _ => None,
    }
}
