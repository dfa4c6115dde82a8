//! The data that is there before a run, in operations of some hundred rows, divided among lanes.
//!
//! Records and points are the same whatever the number of lanes; a stream of a log is loaded by one lane, in order.

use super::acknowledged_keys::KeyFrontiers;
use super::fields::ValueGenerator;
use super::generator::Generator;
use crate::draw::rng;
use drivers::{Key, Op, Part, Point, Record};
use std::ops::Range;
use std::sync::Arc;

/// The number of records in a batch of inserts.
const RECORDS: u64 = 500;
/// The number of events in a batch of appends, and of points that are ingested at once.
const ROWS: u64 = 1000;

/// Makes one lane's share of the load.
#[derive(Debug)]
pub struct Loader {
    generator: Arc<Generator>,
    values: ValueGenerator,
    lane: u64,
    lanes: u64,
    /// Parts that are not finished, the current one last.
    parts: Vec<Part>,
    /// The next chunk of records or points of the current part.
    chunk: u64,
    streams: StreamProgress,
    op: Op,
}

/// How far the streams of the current log are loaded. Every lane counts the events of all streams, because they share
/// one numbering.
#[derive(Debug, Default)]
struct StreamProgress {
    /// The next stream to look at, and the events of those before it.
    next: u64,
    events_before: u64,
    /// The stream being loaded and the numbers of its events that are still to come.
    current: Option<(u64, Range<u64>)>,
}

/// One operation of the load.
#[derive(Debug)]
pub struct LoadStep<'a> {
    /// The operation to send with `Session::load`.
    pub op: &'a Op,
    /// How many records, events or points it holds.
    pub rows: u64,
    /// Their logical size, keys included.
    pub bytes: u64,
}

impl Loader {
    /// The share of lane `lane` of `lanes`.
    pub fn new(generator: Arc<Generator>, lane: u32, lanes: u32) -> Self {
        let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
        let values = ValueGenerator::new(Arc::clone(&generator), frontiers);
        let mut parts: Vec<_> = generator.plan.dataset.parts().collect();
        parts.reverse();
        let (lane, lanes) = (u64::from(lane), u64::from(lanes.max(1)));
        let op = Op::Batch(Vec::new());
        Loader { generator, values, lane, lanes, parts, chunk: lane, streams: StreamProgress::default(), op }
    }

    /// The next operation; `None` when this lane's share is loaded.
    #[expect(clippy::should_implement_trait, reason = "it lends its buffer, which no iterator can")]
    pub fn next(&mut self) -> Option<LoadStep<'_>> {
        loop {
            let filled = match *self.parts.last()? {
                Part::Table(table) => self.records(table),
                Part::Log(log) => self.events(log),
                Part::Series(series) => self.points(series),
            };
            if filled {
                let (rows, bytes) = rows_and_bytes(&self.op);
                return Some(LoadStep { op: &self.op, rows, bytes });
            }
            self.parts.pop();
            (self.chunk, self.streams) = (self.lane, StreamProgress::default());
        }
    }

    /// Fills in the next chunk of records, every `lanes`-th one; false after the last.
    fn records(&mut self, table: usize) -> bool {
        let spec = &self.generator.plan.tables[table];
        let first = self.chunk.saturating_mul(RECORDS);
        if first >= spec.records {
            return false;
        }
        if !matches!(self.op, Op::Batch(_)) {
            self.op = Op::Batch(Vec::new());
        }
        let Op::Batch(inserts) = &mut self.op else { return false };
        let rows = RECORDS.min(spec.records - first) as usize;
        let empty = || Op::Insert { table, key: Key::default(), record: Record::new() };
        inserts.truncate(rows);
        inserts.resize_with(rows, empty);
        for (number, insert) in (first..).zip(inserts) {
            if !matches!(insert, Op::Insert { table: same, .. } if *same == table) {
                *insert = empty();
            }
            let Op::Insert { key, record, .. } = insert else { continue };
            spec.key.write_key(number, key);
            self.values.record(table, number, record);
        }
        self.chunk += self.lanes;
        true
    }

    /// Fills in the next events of this lane's streams; false after the last.
    fn events(&mut self, log: usize) -> bool {
        let mut appends = match std::mem::replace(&mut self.op, Op::Batch(Vec::new())) {
            Op::Batch(appends) => appends,
            _ => Vec::new(),
        };
        let (mut filled, mut left) = (0, ROWS);
        while let Some((number, events_of)) = self.next_events(log, left) {
            if !matches!(appends.get(filled), Some(Op::Append { log: same, .. }) if *same == log) {
                appends.truncate(filled);
                appends.push(Op::Append { log, stream: Key::default(), events: Vec::new() });
            }
            if let Op::Append { stream, events, .. } = &mut appends[filled] {
                self.generator.plan.logs[log].key.write_key(number, stream);
                left -= events_of.end - events_of.start;
                events.resize_with((events_of.end - events_of.start) as usize, Record::new);
                // The load is writer 0, whose events count from 1 as those of the lanes do.
                events_of.zip(events).for_each(|(at, event)| self.values.event(log, at + 1, event));
            }
            filled += 1;
        }
        appends.truncate(filled);
        self.op = Op::Batch(appends);
        filled > 0
    }

    /// The next events of one of this lane's streams, at most `most`: the stream's number and theirs.
    fn next_events(&mut self, log: usize, most: u64) -> Option<(u64, Range<u64>)> {
        let spec = &self.generator.plan.logs[log];
        let streams = &mut self.streams;
        if most == 0 {
            return None;
        }
        while streams.current.is_none() && streams.next < spec.streams {
            let counts = self.generator.content_seed(Part::Log(log), u64::MAX);
            let count = spec.events.int(&mut rng::at(counts, streams.next)).unsigned_abs();
            if streams.next % self.lanes == self.lane && count > 0 {
                streams.current = Some((streams.next, streams.events_before..streams.events_before + count));
            }
            streams.events_before += count;
            streams.next += 1;
        }
        let (stream, numbers) = streams.current.take()?;
        let end = numbers.end.min(numbers.start + most);
        streams.current = (end < numbers.end).then_some((stream, end..numbers.end));
        Some((stream, numbers.start..end))
    }

    /// Fills in the points of the next batches; false after the last loaded tick.
    fn points(&mut self, series: usize) -> bool {
        let spec = &self.generator.plan.series[series];
        let batches = spec.load_ticks * spec.batches_per_tick();
        let batches_per_op = ROWS.div_ceil(spec.batch);
        let first = self.chunk.saturating_mul(batches_per_op);
        if first >= batches {
            return false;
        }
        if !matches!(self.op, Op::InsertPoints { series: same, .. } if same == series) {
            self.op = Op::InsertPoints { series, points: Vec::new() };
        }
        let Op::InsertPoints { points, .. } = &mut self.op else { return false };
        let numbers = first..(first + batches_per_op).min(batches);
        let filled = numbers.fold(0, |filled, number| self.generator.points(series, number, filled, points));
        points.truncate(filled);
        self.chunk += self.lanes;
        true
    }
}

/// Rows of a load operation and their logical size.
fn rows_and_bytes(op: &Op) -> (u64, u64) {
    let record = |record: &Record| record.iter().map(drivers::Value::size_bytes).sum::<u64>();
    let point = |point: &Point| 16 + 8 * point.metrics.len() as u64;
    match op {
        Op::Insert { key, record: content, .. } => (1, key.size_bytes() + record(content)),
        Op::Batch(ops) => ops.iter().map(rows_and_bytes).fold((0, 0), |(rows, bytes), (r, b)| (rows + r, bytes + b)),
        Op::Append { stream, events, .. } => {
            (events.len() as u64, events.iter().map(|event| stream.size_bytes() + record(event)).sum())
        }
        Op::InsertPoints { points, .. } => (points.len() as u64, points.iter().map(point).sum()),
        _ => (0, 0),
    }
}
