//! All rows of a part, read in chunks: for the audit, off the clock.

use std::collections::HashSet;

use redis::Value as Reply;

use super::commands::CommandBuffer;
use super::connection::Connection;
use super::decode::{decode, read_event, read_key, read_point_of_all};
use super::encode::encode;
use super::layout::Layout;
use super::scan::KeyScan;
use super::scripts::Scripts;
use crate::{Failure, Fields, Key, KeyKind, Op, Part, Row};

/// Rows, events or points that are read at once.
const CHUNK: usize = 1000;

/// What an export works with.
pub(super) struct Export<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) layout: &'a Layout,
    pub(super) scripts: &'a Scripts,
}

impl Export<'_> {
    /// Hands every row of a part to the sink.
    pub(super) async fn run(self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        match part {
            Part::Table(at) => self.table(at, sink).await,
            Part::Log(at) => self.log(at, sink).await,
            Part::Series(at) => self.series(at, sink).await,
        }
    }

    /// Scans the keys in their order.
    async fn table(self, table: usize, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let mut commands = CommandBuffer::default();
        let mut from = match self.layout.dataset.tables[table].key {
            KeyKind::Int => Key::Int(i64::MIN),
            KeyKind::Text => Key::Text("".into()),
        };
        loop {
            let (mut count, mut last) = (0, None);
            let scan = Op::Scan { table, from, limit: CHUNK, fields: Fields::All };
            commands.clear();
            encode(self.layout, self.scripts, &scan, &mut commands)?;
            let mut replies = self.connection.round_trip(&mut commands, scan.verb()).await?;
            decode(self.layout, &scan, &mut replies, &mut |key, values| {
                count += 1;
                last = Some(key.clone());
                sink(Row { key, values });
            })?;
            match last.and_then(next_key) {
                Some(next) if count == CHUNK => from = next,
                _ => return Ok(()),
            }
        }
    }

    /// The streams of a log are found by the prefix of their keys: keeping a list of them would cost every append.
    async fn log(self, log: usize, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        let prefix = &self.layout.logs[log];
        let mut seen = HashSet::new();
        let mut streams = KeyScan::new(prefix);
        while let Some(keys) = streams.next(self.connection).await? {
            for key in keys {
                if !seen.insert(key.clone()) {
                    continue;
                }
                let stream = read_key(&key[prefix.len()..], self.layout.dataset.logs[log].stream)?;
                let mut from = b"-".to_vec();
                loop {
                    let mut range = redis::cmd("XRANGE");
                    range.arg(&key).arg(&from).arg("+").arg("COUNT").arg(CHUNK);
                    let entries: Vec<Reply> = self.connection.query(&range).await?;
                    let (count, last) = (entries.len(), entries.last().and_then(entry_id));
                    for entry in entries {
                        let sink = &mut |key, values| sink(Row { key, values });
                        read_event(self.layout, log, &stream, entry, sink)?;
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

    async fn series(self, series: usize, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
        for start in (0..).step_by(CHUNK) {
            let mut range = redis::cmd("ZRANGE");
            range.arg(&self.layout.series[series]).arg(start).arg(start + CHUNK - 1);
            let points: Vec<Reply> = self.connection.query(&range).await?;
            let is_last = points.len() < CHUNK;
            for member in points {
                read_point_of_all(self.layout, series, member, &mut |key, values| sink(Row { key, values }))?;
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }
}

/// The smallest key above another.
fn next_key(key: Key) -> Option<Key> {
    match key {
        Key::Int(number) => number.checked_add(1).map(Key::Int),
        Key::Text(mut text) => {
            text.push('\0');
            Some(Key::Text(text))
        }
    }
}

/// The identifier of a stream's entry.
fn entry_id(entry: &Reply) -> Option<Vec<u8>> {
    match entry {
        Reply::Array(entry) => match entry.first() {
            Some(Reply::BulkString(id)) => Some(id.clone()),
            _ => None,
        },
        _ => None,
    }
}
