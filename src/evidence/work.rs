//! What operations move, for services that bill it: rows and requests of every 64th success of each operation, off the
//! clock, and the mean size of an item of each part of the dataset. Between two samples only a counter is touched.
//!
//! Which success is sampled follows from its number in its lane, so that the same operations give the same sample. Sizes
//! are those of whole items, because services bill the item and not the field that was asked for.

use std::sync::Arc;

use drivers::{Failure, Op, Outcome, Record, Rows, Value};

use crate::generate::{Generator, ValueGenerator};
use crate::record::{OperationRecord, Spread, Work};

/// One success in this many is counted: a power of two. The first always is.
const EVERY: u64 = 64;
/// Generated items that give the mean size of a part: enough for a standard error of 2 % where sizes differ by 60 %.
const ITEMS: u64 = 1024;

/// Logical bytes of an item of each part, keys and names of fields included.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    means: Bytes,
    /// Standard errors of the means.
    errors: Bytes,
}

/// One number of bytes for each part.
#[derive(Debug, Clone, PartialEq)]
struct Bytes {
    tables: Vec<f64>,
    logs: Vec<f64>,
    series: Vec<PointSizes>,
}

/// The size of a point of a series, and how often there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PointSizes {
    bytes: f64,
    /// Points of one entity in a millisecond.
    per_ms: f64,
}

/// What the operations of one lane moved.
#[derive(Debug, Clone)]
pub struct Tally {
    sizes: Arc<Sizes>,
    operations: Vec<WorkSample>,
}

/// The sample of one operation.
#[derive(Debug, Clone, Copy, Default)]
struct WorkSample {
    succeeded: u64,
    counted: u64,
    transactional: bool,
    /// The moments of `reads`, `rows_read`, `bytes_read`, `rows_written` and `bytes_written`, in this order.
    amounts: [Moments; 5],
    /// The moments of `bytes_read` and `bytes_written` if each item were as large as the standard error of the mean size.
    size_errors: [Moments; 2],
}

/// A mean, and the sum of squared distances from it: by updates, because sums of squares leave a rounding error where all
/// numbers are the same (Chan, Golub & LeVeque, The American Statistician 37:3, 1983).
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Joins the moments of `count` numbers to those of `before`.
    fn join(&mut self, before: u64, other: Moments, count: u64) {
        let (before, count) = (before as f64, count as f64);
        let (all, apart) = ((before + count).max(1.0), other.mean - self.mean);
        self.mean += apart * count / all;
        self.squares += other.squares + apart * apart * before * count / all;
    }

    /// The standard deviation of `count` numbers; 0 of one.
    fn deviation(&self, count: u64) -> f64 {
        (self.squares / count.saturating_sub(1).max(1) as f64).sqrt()
    }
}

impl Sizes {
    /// Collected on generated items.
    pub fn new(generator: &Arc<Generator>, mut values: ValueGenerator) -> Sizes {
        let plan = &generator.plan;
        let mut item = Record::new();
        let tables = plan.dataset.tables.iter().zip(&plan.tables).enumerate().map(|(at, (table, spec))| {
            mean_over(spec.records, |number| {
                values.record(at, number, &mut item);
                KEY_BYTES + size_bytes(&item, table.fields.iter().map(|field| field.name.as_str()))
            })
        });
        let (tables, table_errors) = tables.unzip();
        let logs = plan.dataset.logs.iter().enumerate().map(|(at, log)| {
            mean_over(0, |number| {
                values.event(at, number + 1, &mut item);
                KEY_BYTES + size_bytes(&item, log.fields.iter().map(|field| field.name.as_str()))
            })
        });
        let (logs, log_errors) = logs.unzip();
        let series = plan.series.iter().map(|series| {
            // Its entity, its instant, and each metric with its name.
            let metrics: f64 = series.metrics.iter().map(|metric| 8.0 + metric.name.len() as f64).sum();
            let per_ms = (1.0 - series.missing) / series.interval_ms.max(1) as f64;
            PointSizes { bytes: 2.0 * KEY_BYTES + metrics, per_ms }
        });
        let series: Vec<PointSizes> = series.collect();
        let exact = series.iter().map(|points| PointSizes { bytes: 0.0, ..*points }).collect();
        Sizes {
            means: Bytes { tables, logs, series },
            errors: Bytes { tables: table_errors, logs: log_errors, series: exact },
        }
    }
}

/// The size of a key or an instant. Text keys are about three times as long, which is little beside their records.
const KEY_BYTES: f64 = 8.0;

/// The mean size of so many items and its standard error, from a sample if they are many. With 0 items, it is that of items
/// still to be inserted.
fn mean_over(items: u64, mut bytes: impl FnMut(u64) -> f64) -> (f64, f64) {
    let population = if items == 0 { u64::MAX } else { items };
    let sampled = population.min(ITEMS);
    let mut moments = Moments::default();
    for at in 0..sampled {
        let number = if items == 0 { at } else { at * items / sampled };
        moments.join(at, Moments { mean: bytes(number), squares: 0.0 }, 1);
    }
    let left_out = 1.0 - sampled as f64 / population as f64;
    (moments.mean, moments.deviation(sampled) * (left_out / sampled as f64).sqrt())
}

/// The size of an item's values and of the names of those that are present.
fn size_bytes<'a>(item: &Record, names: impl Iterator<Item = &'a str>) -> f64 {
    let there = item.iter().zip(names).filter(|(value, _)| !matches!(value, Value::Null));
    there.map(|(value, name)| (name.len() as u64 + value.size_bytes()) as f64).sum()
}

impl Tally {
    /// Nothing counted yet, of so many operations.
    pub fn new(sizes: Arc<Sizes>, operations: usize) -> Tally {
        Tally { sizes, operations: vec![WorkSample::default(); operations] }
    }

    /// Forgets what was counted so far: the warm-up.
    pub fn restart(&mut self) {
        self.operations.fill(WorkSample::default());
    }

    /// Counts the end of an operation, and what it moved if it is one of the sample.
    #[inline]
    pub fn add<'a, I>(&mut self, operation: usize, result: &Result<Outcome, Failure>, steps: impl FnOnce() -> I)
    where
        I: Iterator<Item = (&'a Op, &'a Rows)>,
    {
        let Ok(outcome) = result else { return };
        let succeeded = self.operations[operation].succeeded;
        self.operations[operation].succeeded = succeeded + 1;
        if succeeded.is_multiple_of(EVERY) {
            self.sample(operation, *outcome, &mut steps());
        }
    }

    #[cold]
    fn sample(&mut self, operation: usize, outcome: Outcome, steps: &mut dyn Iterator<Item = (&Op, &Rows)>) {
        let [mut moved, mut errors] = [Work::default(); 2];
        let sample = &mut self.operations[operation];
        for (op, rows) in steps {
            sample.transactional |= matches!(op, Op::Transact(_) | Op::Interactive(_));
            let rows = rows.len() as f64;
            for (bytes, moved) in [(&self.sizes.means, &mut moved), (&self.sizes.errors, &mut errors)] {
                let mut of_step = Work::default();
                moved_by(bytes, op, rows, &mut of_step);
                if outcome == Outcome::Refused && !matches!(op, Op::Batch(_)) {
                    (of_step.rows_written, of_step.bytes_written) = (0.0, 0.0);
                }
                add(moved, &of_step);
            }
        }
        let single = |mean| Moments { mean, squares: 0.0 };
        let amounts = [moved.reads, moved.rows_read, moved.bytes_read, moved.rows_written, moved.bytes_written];
        let size_errors = [errors.bytes_read, errors.bytes_written];
        sample.join(&WorkSample {
            counted: 1,
            amounts: amounts.map(single),
            size_errors: size_errors.map(single),
            ..*sample
        });
    }

    /// Adds what another lane counted.
    pub fn merge(&mut self, other: &Tally) {
        for (into, from) in self.operations.iter_mut().zip(&other.operations) {
            into.succeeded += from.succeeded;
            into.join(from);
        }
    }

    /// What an operation moves on average; none if it never succeeded.
    pub fn work(&self, operation: usize) -> Option<Work> {
        self.operations.get(operation).filter(|sample| sample.counted > 0).map(WorkSample::work)
    }
}

impl WorkSample {
    fn join(&mut self, other: &WorkSample) {
        let join = |into: &mut [Moments], from: &[Moments]| {
            into.iter_mut().zip(from).for_each(|(into, from)| into.join(self.counted, *from, other.counted));
        };
        join(&mut self.amounts, &other.amounts);
        join(&mut self.size_errors, &other.size_errors);
        self.counted += other.counted;
        self.transactional |= other.transactional;
    }

    fn work(&self) -> Work {
        let [reads, rows_read, bytes_read, rows_written, bytes_written] = self.amounts;
        let deviation = |amount: Moments| amount.deviation(self.counted);
        let [item_bytes_read, item_bytes_written] = self.size_errors.map(|error| error.mean);
        Work {
            reads: reads.mean,
            rows_read: rows_read.mean,
            bytes_read: bytes_read.mean,
            rows_written: rows_written.mean,
            bytes_written: bytes_written.mean,
            transactional: self.transactional,
            sampled: self.counted,
            spread: Some(Spread {
                reads: deviation(reads),
                rows_read: deviation(rows_read),
                bytes_read: deviation(bytes_read),
                rows_written: deviation(rows_written),
                bytes_written: deviation(bytes_written),
                item_bytes_read,
                item_bytes_written,
            }),
        }
    }
}

/// The average over operations, weighted by their successes; none unless all that succeeded were sampled. It is
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
fn moved_by(sizes: &Bytes, op: &Op, rows: f64, moved: &mut Work) {
    let mut read = |rows: f64, bytes: f64| {
        moved.reads += 1.0;
        moved.rows_read += rows;
        moved.bytes_read += bytes;
    };
    match op {
        Op::Read { table, .. } => read(1.0, sizes.tables[*table]),
        Op::Scan { table, .. } | Op::Find { table, .. } => read(rows, rows * sizes.tables[*table]),
        Op::Tail { log, .. } => read(rows, rows * sizes.logs[*log]),
        Op::LastPoint { series, .. } => read(1.0, sizes.series[*series].bytes),
        Op::PointRange { series, .. } | Op::PointsAbove { series, .. } => {
            read(rows, rows * sizes.series[*series].bytes)
        }
        // A bucket is computed from all points that are folded into it.
        Op::Window { series, from_ms, to_ms, .. } => {
            let PointSizes { bytes, per_ms } = sizes.series[*series];
            read(rows, (to_ms - from_ms).max(0) as f64 * per_ms * bytes);
        }
        Op::Insert { table, .. }
        | Op::Update { table, .. }
        | Op::Delete { table, .. }
        | Op::Increment { table, .. } => {
            write(moved, 1, sizes.tables[*table]);
        }
        Op::Append { log, events, .. } => write(moved, events.len(), sizes.logs[*log]),
        Op::InsertPoints { series, points } => write(moved, points.len(), sizes.series[*series].bytes),
        Op::Batch(ops) | Op::Transact(ops) | Op::Interactive(ops) => moved_by_group(sizes, ops, rows, moved),
    }
}

/// Adds what a group moves. It is answered with the rows of all its parts: one for each read, and the rest is divided among
/// its searches.
fn moved_by_group(sizes: &Bytes, ops: &[Op], rows: f64, moved: &mut Work) {
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
        spread: None,
        ..*work
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::{FailureKind, Fields, Key};

    fn sizes() -> Arc<Sizes> {
        let series = |bytes| vec![PointSizes { bytes, per_ms: 0.001 }];
        Arc::new(Sizes {
            means: Bytes { tables: vec![100.0, 1_000.0], logs: vec![50.0], series: series(32.0) },
            errors: Bytes { tables: vec![0.0, 30.0], logs: vec![2.0], series: series(0.0) },
        })
    }

    fn read(table: usize) -> Op {
        Op::Read { table, key: Key::Int(1), fields: Fields::All }
    }

    fn increment() -> Op {
        Op::Increment { table: 1, key: Key::Int(1), field: 0, by: -1, floor: Some(0) }
    }

    fn tally(op: &Op, result: &Result<Outcome, Failure>, times: u64, rows: usize) -> Tally {
        let mut tally = Tally::new(sizes(), 1);
        let mut answer = Rows::default();
        (0..rows).for_each(|_| answer.push(Key::Int(1), Vec::new()));
        (0..times).for_each(|_| tally.add(0, result, || [(op, &answer)].into_iter()));
        tally
    }

    #[test]
    fn every_64th_success_is_counted_and_averages_are_of_those() {
        let work = tally(&read(0), &Ok(Outcome::Applied), 129, 1).work(0).expect("it succeeded");
        let spread = Some(Spread::default());
        assert_eq!(work, Work { reads: 1.0, rows_read: 1.0, bytes_read: 100.0, sampled: 3, spread, ..Work::default() });
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
        let all = Op::Transact(vec![read(1), find, increment()]);
        let expected = Work {
            reads: 2.0,
            rows_read: 4.0,
            bytes_read: 1_300.0,
            rows_written: 1.0,
            bytes_written: 1_000.0,
            transactional: true,
            sampled: 1,
            // Records of the second table are 1,000 bytes, give or take 30: one is read and one is written.
            spread: Some(Spread { item_bytes_read: 30.0, item_bytes_written: 30.0, ..Spread::default() }),
        };
        assert_eq!(tally(&all, &Ok(Outcome::Applied), 1, 4).work(0), Some(expected));
        let refused = tally(&all, &Ok(Outcome::Refused), 1, 4).work(0);
        let spread = expected.spread.map(|spread| Spread { item_bytes_written: 0.0, ..spread });
        assert_eq!(refused, Some(Work { rows_written: 0.0, bytes_written: 0.0, spread, ..expected }));
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
        let work = tally(&window, &Ok(Outcome::Applied), 1, 6).work(0).expect("it succeeded");
        assert_eq!((work.reads, work.rows_read, work.bytes_read), (1.0, 6.0, 60.0 * 32.0));
    }

    #[test]
    fn the_spread_of_a_sample_is_that_of_all_lanes_together() {
        let scan = Op::Scan { table: 0, from: Key::Int(1), limit: 9, fields: Fields::All };
        let mut all = tally(&scan, &Ok(Outcome::Applied), 1, 1);
        [2, 3, 6].into_iter().for_each(|rows| all.merge(&tally(&scan, &Ok(Outcome::Applied), 1, rows)));
        let work = all.work(0).expect("it succeeded");
        assert_eq!((work.sampled, work.rows_read, work.bytes_read), (4, 3.0, 300.0));
        // 1, 2, 3 and 6 lie 4, 1, 0 and 9 squared from their mean: 14 / 3.
        let spread = work.spread.expect("it was counted");
        assert_eq!((spread.reads, spread.rows_written), (0.0, 0.0));
        assert!((spread.rows_read - (14.0_f64 / 3.0).sqrt()).abs() < 1e-12, "{spread:?}");
        assert!((spread.bytes_read - 100.0 * spread.rows_read).abs() < 1e-9, "{spread:?}");
    }

    #[test]
    fn sizes_of_few_items_are_exact_and_those_of_many_have_an_error() {
        let bytes = |number: u64| if number.is_multiple_of(2) { 100.0 } else { 300.0 };
        assert_eq!(mean_over(10, bytes), (200.0, 0.0));
        // Half of the items are 100 bytes and half are 300: the deviation is 100, of a mean of 1,024 items a 32nd of it.
        let (mean, error) = mean_over(0, bytes);
        assert!(mean == 200.0 && (error - 100.0 / 32.0).abs() < 0.01, "{mean} {error}");
        let (_, error_of_half) = mean_over(2 * ITEMS, |number| bytes(number / 2));
        assert!((error_of_half - error / 2_f64.sqrt()).abs() < 0.01, "{error_of_half}");
    }

    #[test]
    fn lanes_add_up_and_operations_weigh_by_their_successes() {
        let mut both = tally(&read(0), &Ok(Outcome::Applied), 64, 1);
        both.merge(&tally(&read(1), &Ok(Outcome::Applied), 64, 1));
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
