//! What operations move, for services that bill it: rows and requests of every 64th success of each operation, off the
//! clock, and the mean size of an item of each part of the dataset. Only a counter is touched between two samples.
//!
//! Which success is sampled follows from its number in its lane, so that the same operations give the same sample. Sizes
//! are those of whole items, because services bill the item and not the field that was asked for.

use std::sync::Arc;

use drivers::{Done, Failure, Op, Record, Rows, Value};

use crate::generate::{Generator, Maker};
use crate::record::{OperationRecord, Work};

/// One success in this many is counted: a power of two. The first always is.
const EVERY: u64 = 64;
/// Generated items that give the mean size of a part.
const ITEMS: u64 = 64;

/// Mean logical bytes of an item of each part, keys and names of fields included.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    tables: Vec<f64>,
    logs: Vec<f64>,
    series: Vec<Points>,
}

/// The points of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Points {
    bytes: f64,
    /// Of one entity, that arrive in a millisecond.
    per_ms: f64,
}

/// What the operations of one lane moved.
#[derive(Debug, Clone)]
pub struct Tally {
    sizes: Arc<Sizes>,
    operations: Vec<Sample>,
}

/// The sample of one operation: a sum over those that were counted.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    succeeded: u64,
    sum: Work,
}

impl Sizes {
    /// Measured on generated items.
    pub fn new(generator: &Arc<Generator>, mut maker: Maker) -> Sizes {
        let plan = &generator.plan;
        let mut item = Record::new();
        let tables = plan.dataset.tables.iter().zip(&plan.tables).enumerate().map(|(at, (table, spec))| {
            mean_over(spec.records, |number| {
                maker.record(at, number, &mut item);
                KEY_BYTES + weight(&item, table.fields.iter().map(|field| field.name.as_str()))
            })
        });
        let tables = tables.collect();
        let logs = plan.dataset.logs.iter().enumerate().map(|(at, log)| {
            mean_over(ITEMS, |number| {
                maker.event(at, number + 1, &mut item);
                KEY_BYTES + weight(&item, log.fields.iter().map(|field| field.name.as_str()))
            })
        });
        let logs = logs.collect();
        let series = plan.series.iter().map(|series| {
            // Its entity, its instant, and each metric with its name.
            let metrics: f64 = series.metrics.iter().map(|metric| 8.0 + metric.name.len() as f64).sum();
            let per_ms = (1.0 - series.missing) / series.interval_ms.max(1) as f64;
            Points { bytes: 2.0 * KEY_BYTES + metrics, per_ms }
        });
        Sizes { tables, logs, series: series.collect() }
    }
}

/// Of a key or an instant; text keys, about three times as long, weigh little beside their records.
const KEY_BYTES: f64 = 8.0;

fn mean_over(items: u64, mut bytes: impl FnMut(u64) -> f64) -> f64 {
    let sampled = items.clamp(1, ITEMS);
    (0..sampled).map(|at| bytes(at * items.max(1) / sampled)).sum::<f64>() / sampled as f64
}

/// Values and the names of those that are there.
fn weight<'a>(item: &Record, names: impl Iterator<Item = &'a str>) -> f64 {
    let there = item.iter().zip(names).filter(|(value, _)| !matches!(value, Value::Null));
    there.map(|(value, name)| (name.len() as u64 + value.size_bytes()) as f64).sum()
}

impl Tally {
    /// Nothing counted yet, of so many operations.
    pub fn new(sizes: Arc<Sizes>, operations: usize) -> Tally {
        Tally { sizes, operations: vec![Sample::default(); operations] }
    }

    /// Forgets the warm-up.
    pub fn restart(&mut self) {
        self.operations.fill(Sample::default());
    }

    /// Notes the end of an operation, and counts what it moved if it is its turn.
    #[inline]
    pub fn note<'a, I>(&mut self, operation: usize, result: &Result<Done, Failure>, steps: impl FnOnce() -> I)
    where
        I: Iterator<Item = (&'a Op, &'a Rows)>,
    {
        let Ok(done) = result else { return };
        let succeeded = self.operations[operation].succeeded;
        self.operations[operation].succeeded = succeeded + 1;
        if succeeded.is_multiple_of(EVERY) {
            self.count(operation, *done, &mut steps());
        }
    }

    #[cold]
    fn count(&mut self, operation: usize, done: Done, steps: &mut dyn Iterator<Item = (&Op, &Rows)>) {
        let sum = &mut self.operations[operation].sum;
        sum.sampled += 1;
        for (op, rows) in steps {
            sum.transactional |= matches!(op, Op::Transact(_));
            let mut moved = Work::default();
            moved_by(&self.sizes, op, rows.len() as f64, &mut moved);
            if done == Done::Refused && !matches!(op, Op::Batch(_)) {
                (moved.rows_written, moved.bytes_written) = (0.0, 0.0);
            }
            add(sum, &moved);
        }
    }

    /// Adds what another lane counted.
    pub fn merge(&mut self, other: &Tally) {
        for (into, from) in self.operations.iter_mut().zip(&other.operations) {
            into.succeeded += from.succeeded;
            into.sum.sampled += from.sum.sampled;
            into.sum.transactional |= from.sum.transactional;
            add(&mut into.sum, &from.sum);
        }
    }

    /// What an operation moves on average; none if it never succeeded.
    pub fn work(&self, operation: usize) -> Option<Work> {
        let sum = self.operations.get(operation)?.sum;
        (sum.sampled > 0).then(|| scaled(&sum, 1.0 / sum.sampled as f64))
    }
}

/// The average over operations, each weighed by its successes; none unless all that succeeded were counted. It is
/// transactional only if all of them are.
pub fn overall<'a>(operations: impl Iterator<Item = &'a OperationRecord>) -> Option<Work> {
    let mut sum = Work { transactional: true, ..Work::default() };
    let mut succeeded = 0;
    for operation in operations.filter(|operation| operation.ok > 0 && !operation.is_step) {
        let work = operation.work?;
        add(&mut sum, &scaled(&work, operation.ok as f64));
        sum.sampled += work.sampled;
        sum.transactional &= work.transactional;
        succeeded += operation.ok;
    }
    (succeeded > 0).then(|| scaled(&sum, 1.0 / succeeded as f64))
}

/// Adds what an operation moves that was answered with so many rows.
fn moved_by(sizes: &Sizes, op: &Op, rows: f64, moved: &mut Work) {
    let mut read = |rows: f64, bytes: f64| {
        moved.reads += 1.0;
        moved.rows_read += rows;
        moved.bytes_read += bytes;
    };
    match op {
        Op::Read { table, .. } => read(1.0, sizes.tables[*table]),
        Op::Scan { table, .. } | Op::Find { table, .. } => read(rows, rows * sizes.tables[*table]),
        Op::Tail { log, .. } => read(rows, rows * sizes.logs[*log]),
        Op::Last { series, .. } => read(1.0, sizes.series[*series].bytes),
        Op::Range { series, .. } | Op::Above { series, .. } => read(rows, rows * sizes.series[*series].bytes),
        // Behind each bucket stand the points that are folded into it.
        Op::Window { series, from_ms, to_ms, .. } => {
            let Points { bytes, per_ms } = sizes.series[*series];
            read(rows, (to_ms - from_ms).max(0) as f64 * per_ms * bytes);
        }
        Op::Insert { table, .. } | Op::Update { table, .. } | Op::Delete { table, .. } | Op::Bump { table, .. } => {
            write(moved, 1, sizes.tables[*table]);
        }
        Op::Append { log, events, .. } => write(moved, events.len(), sizes.logs[*log]),
        Op::Ingest { series, points } => write(moved, points.len(), sizes.series[*series].bytes),
        Op::Batch(ops) | Op::Transact(ops) => group(sizes, ops, rows, moved),
    }
}

/// A group is answered with the rows of all its parts: those beyond one for each read are shared by its searches.
fn group(sizes: &Sizes, ops: &[Op], rows: f64, moved: &mut Work) {
    let is_search = |op: &&Op| !op.writes() && !matches!(op, Op::Read { .. });
    let reads = ops.iter().filter(|op| matches!(op, Op::Read { .. })).count() as f64;
    let searches = ops.iter().filter(is_search).count() as f64;
    let found = if searches > 0.0 { (rows - reads).max(0.0) / searches } else { 0.0 };
    ops.iter().for_each(|op| moved_by(sizes, op, found, moved));
}

fn write(moved: &mut Work, rows: usize, bytes_each: f64) {
    moved.rows_written += rows as f64;
    moved.bytes_written += rows as f64 * bytes_each;
}

fn add(sum: &mut Work, more: &Work) {
    sum.reads += more.reads;
    sum.rows_read += more.rows_read;
    sum.bytes_read += more.bytes_read;
    sum.rows_written += more.rows_written;
    sum.bytes_written += more.bytes_written;
}

fn scaled(work: &Work, by: f64) -> Work {
    Work {
        reads: work.reads * by,
        rows_read: work.rows_read * by,
        bytes_read: work.bytes_read * by,
        rows_written: work.rows_written * by,
        bytes_written: work.bytes_written * by,
        ..*work
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::{FailureKind, Fields, Key};

    fn sizes() -> Arc<Sizes> {
        Arc::new(Sizes {
            tables: vec![100.0, 1_000.0],
            logs: vec![50.0],
            series: vec![Points { bytes: 32.0, per_ms: 0.001 }],
        })
    }

    fn read(table: usize) -> Op {
        Op::Read { table, key: Key::Int(1), fields: Fields::All }
    }

    fn bump() -> Op {
        Op::Bump { table: 1, key: Key::Int(1), field: 0, by: -1, floor: Some(0) }
    }

    fn tally(op: &Op, result: &Result<Done, Failure>, times: u64, rows: usize) -> Tally {
        let mut tally = Tally::new(sizes(), 1);
        let mut answer = Rows::default();
        (0..rows).for_each(|_| answer.push(Key::Int(1), Vec::new()));
        (0..times).for_each(|_| tally.note(0, result, || [(op, &answer)].into_iter()));
        tally
    }

    #[test]
    fn every_64th_success_is_counted_and_averages_are_of_those() {
        let work = tally(&read(0), &Ok(Done::Applied), 129, 1).work(0).expect("it succeeded");
        assert_eq!(work, Work { reads: 1.0, rows_read: 1.0, bytes_read: 100.0, sampled: 3, ..Work::default() });
        let failed = Err(Failure::new(FailureKind::Timeout, "late"));
        assert_eq!(tally(&read(0), &failed, 129, 0).work(0), None);
    }

    #[test]
    fn a_transaction_moves_what_its_parts_move_and_nothing_when_refused() {
        let find = Op::Find {
            table: 0,
            field: 0,
            matching: drivers::Matching::Equal(Value::Int(1)),
            order: drivers::Order::Ascending,
            limit: 9,
            fields: Fields::All,
        };
        let all = Op::Transact(vec![read(1), find, bump()]);
        let expected = Work {
            reads: 2.0,
            rows_read: 4.0,
            bytes_read: 1_300.0,
            rows_written: 1.0,
            bytes_written: 1_000.0,
            transactional: true,
            sampled: 1,
        };
        assert_eq!(tally(&all, &Ok(Done::Applied), 1, 4).work(0), Some(expected));
        let refused = tally(&all, &Ok(Done::Refused), 1, 4).work(0);
        assert_eq!(refused, Some(Work { rows_written: 0.0, bytes_written: 0.0, ..expected }));
    }

    #[test]
    fn a_window_reads_the_points_behind_its_buckets() {
        let window = Op::Window {
            series: 0,
            entity: 1,
            metric: 0,
            from_ms: 0,
            to_ms: 60_000,
            every_ms: 10_000,
            fold: drivers::Fold::Mean,
        };
        let work = tally(&window, &Ok(Done::Applied), 1, 6).work(0).expect("it succeeded");
        assert_eq!((work.reads, work.rows_read, work.bytes_read), (1.0, 6.0, 60.0 * 32.0));
    }

    #[test]
    fn lanes_add_up_and_operations_weigh_by_their_successes() {
        let mut both = tally(&read(0), &Ok(Done::Applied), 64, 1);
        both.merge(&tally(&read(1), &Ok(Done::Applied), 64, 1));
        assert_eq!(both.work(0).map(|work| (work.bytes_read, work.sampled)), Some((550.0, 2)));
        let operation = |ok, rows_read| OperationRecord {
            ok,
            work: Some(Work { rows_read, sampled: 1, ..Work::default() }),
            ..OperationRecord::default()
        };
        let operations = [operation(3, 1.0), operation(1, 5.0)];
        assert_eq!(overall(operations.iter()).map(|work| work.rows_read), Some(2.0));
        let step = OperationRecord { ok: 9, is_step: true, ..OperationRecord::default() };
        assert_eq!(overall([step].iter()), None);
    }
}
