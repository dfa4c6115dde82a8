//! The ledger: what the store acknowledged to a lane, in a form small enough to keep for any run.
//!
//! Digests for what was added, sums for what was counted, and the last written values of updated fields. `audit.rs`
//! compares it with what the store holds afterwards.

use std::sync::Arc;

use drivers::{Change, Dataset, Digest, Key, Op, Point, Record, Value, row_hash};
use xxhash_rust::xxh3::xxh3_64;

use crate::workload::{Plan, Term};

use super::dirty_groups::{self, DirtyGroups};
use super::indeterminate::Indeterminate;
use super::last_writes::LastWrites;
use super::totals::Total;

/// What was acknowledged, by part of the dataset.
#[derive(Debug, Clone)]
pub struct Ledger {
    dataset: Arc<Dataset>,
    /// By table.
    pub tables: Vec<TableLedger>,
    /// By log.
    pub logs: Vec<Added>,
    /// By series.
    pub series: Vec<Added>,
    /// Operations whose outcome nobody knows.
    pub unanswered: u64,
    /// What those leave open of the sums.
    totals: Vec<Total>,
    scratch: Vec<u8>,
}

/// Rows added to a part.
#[derive(Debug, Clone, Default)]
pub struct Added {
    /// Their digest, content included.
    pub rows: Digest,
    /// Rows that may have been added: those of a log or series as a whole, those of a table by their keys.
    pub doubt: Indeterminate,
}

/// What was acknowledged for one table.
#[derive(Debug, Clone)]
pub struct TableLedger {
    /// Inserted records.
    pub inserted: Added,
    /// Keys of inserted records.
    pub inserted_keys: Digest,
    /// Keys of deleted records.
    pub deleted_keys: Digest,
    /// Deletions of unknown outcome.
    pub doubtful_deletions: u64,
    /// Whether any record's content was changed, perhaps.
    pub changed: bool,
    /// Which records were written to, perhaps.
    pub touched: DirtyGroups,
    /// Which records were inserted or deleted, perhaps. Of the others, no operation changes the fields in `unwritten`.
    pub replaced: DirtyGroups,
    /// Positions of the fields that no operation of the plan writes. Empty where nothing but inserts is done to the table:
    /// then its content is known in full.
    pub unwritten: Arc<[usize]>,
    /// By field: what its sum over all records grew by, from inserts and bumps.
    pub grown: Vec<i128>,
    /// By field: whether it was bumped, perhaps.
    pub bumped: Vec<bool>,
    /// By field: whether it was set by an update, perhaps, so that its sum follows no rule.
    pub set: Vec<bool>,
    /// The last written values of updated fields.
    pub followed: LastWrites,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(plan: &Plan) -> Self {
        let dataset = Arc::clone(&plan.dataset);
        Ledger {
            tables: (0..plan.tables.len()).map(|at| TableLedger::new(plan, at)).collect(),
            logs: vec![Added::default(); dataset.logs.len()],
            series: vec![Added::default(); dataset.series.len()],
            unanswered: 0,
            totals: Total::all(plan),
            dataset,
            scratch: Vec::new(),
        }
    }

    /// A total, and what unanswered writes leave open of it.
    pub fn total(&self, terms: &[Term]) -> Total {
        let total = self.totals.iter().find(|total| total.terms == terms);
        total.cloned().unwrap_or_else(|| Total::of(terms.to_vec()))
    }

    /// Notes an operation that the store acknowledged as applied.
    #[inline]
    pub fn acknowledged(&mut self, op: &Op, started_ns: u64, ended_ns: u64) {
        match op {
            Op::Read { .. } | Op::Scan { .. } | Op::Find { .. } | Op::Tail { .. } => {}
            Op::LastPoint { .. } | Op::PointRange { .. } | Op::Window { .. } | Op::PointsAbove { .. } => {}
            Op::Batch(ops) | Op::Transact(ops) => {
                ops.iter().for_each(|op| self.acknowledged(op, started_ns, ended_ns));
            }
            _ => self.wrote(op, started_ns, ended_ns),
        }
    }

    /// Notes a batch in which a floor refused something: all but bumps with a floor was applied, and of those nobody
    /// knows which.
    pub fn refused(&mut self, ops: &[Op], started_ns: u64, ended_ns: u64) {
        for op in ops {
            match op {
                Op::Increment { floor: Some(_), .. } => self.unknown(op),
                op => self.acknowledged(op, started_ns, ended_ns),
            }
        }
    }

    fn wrote(&mut self, op: &Op, started_ns: u64, ended_ns: u64) {
        match op {
            Op::Insert { table, key, record } => self.inserted(*table, key, record),
            Op::Delete { table, key } => {
                let key = self.touch(*table, key);
                self.tables[*table].deleted_keys.add_hash(key);
                self.tables[*table].replace(key);
            }
            Op::Update { table, key, changes } => {
                let key = self.touch(*table, key);
                self.tables[*table].followed.written += changes.len() as u64;
                self.updated(*table, key, changes, |followed, field, value| {
                    followed.wrote(key, field, value, started_ns, ended_ns);
                });
            }
            Op::Increment { table, key, field, by, .. } => {
                self.touch(*table, key);
                let into = &mut self.tables[*table];
                into.bumped[*field] = true;
                into.grown[*field] += i128::from(*by);
            }
            Op::Append { log, stream, events } => {
                for event in events {
                    self.logs[*log].rows.add(stream, event, &mut self.scratch);
                }
            }
            Op::InsertPoints { series, points } => {
                for point in points {
                    let point = self.point(point);
                    self.series[*series].rows.add_hash(point);
                }
            }
            _ => {}
        }
    }

    fn inserted(&mut self, table: usize, key: &Key, record: &Record) {
        let into = &mut self.tables[table];
        into.inserted.rows.add(key, record, &mut self.scratch);
        let key = row_hash(key, &[], &mut self.scratch);
        into.inserted_keys.add_hash(key);
        into.touched.touch(key);
        into.replace(key);
        for (sum, value) in into.grown.iter_mut().zip(record) {
            if let Value::Int(number) = value {
                *sum += i128::from(*number);
            }
        }
    }

    /// Notes that a record is perhaps no longer what it was, and answers its key's hash.
    fn touch(&mut self, table: usize, key: &Key) -> u128 {
        let key = row_hash(key, &[], &mut self.scratch);
        self.tables[table].changed = true;
        self.tables[table].touched.touch(key);
        key
    }

    /// Notes what an update writes into fields that are followed.
    fn updated(
        &mut self,
        table: usize,
        key: u128,
        changes: &[Change],
        mut note: impl FnMut(&mut LastWrites, usize, u64),
    ) {
        let into = &mut self.tables[table];
        for change in changes {
            into.set[change.field] = true;
            // Asked for each: noting one may have made this key one that is no longer followed.
            if into.followed.has(key) {
                note(&mut into.followed, change.field, value_hash(&change.value, &mut self.scratch));
            }
        }
    }

    fn point(&mut self, point: &Point) -> u128 {
        let mut values = vec![Value::Time(point.at_ms)];
        values.extend(point.metrics.iter().map(|metric| Value::Float(*metric)));
        row_hash(&Key::Int(point.entity), &values, &mut self.scratch)
    }

    /// Notes a write that failed in a way that leaves open whether it was applied: each part of it where it may be torn.
    pub fn unknown(&mut self, op: &Op) {
        if let Op::Batch(ops) = op {
            return ops.iter().for_each(|op| self.unknown(op));
        }
        self.unanswered += 1;
        self.totals.iter_mut().for_each(|total| total.doubt(op, &self.dataset));
        self.perhaps_wrote(op);
    }

    fn perhaps_wrote(&mut self, op: &Op) {
        match op {
            Op::Transact(ops) => ops.iter().for_each(|op| self.perhaps_wrote(op)),
            Op::Insert { table, key, .. } => {
                let into = &mut self.tables[*table];
                let key = row_hash(key, &[], &mut self.scratch);
                into.inserted.doubt.add(key);
                into.touched.touch(key);
                into.replace(key);
            }
            Op::Delete { table, key } => {
                let key = self.touch(*table, key);
                self.tables[*table].doubtful_deletions += 1;
                self.tables[*table].replace(key);
            }
            Op::Increment { table, key, field, .. } => {
                self.touch(*table, key);
                self.tables[*table].bumped[*field] = true;
            }
            Op::Update { table, key, changes } => {
                let key = self.touch(*table, key);
                self.updated(*table, key, changes, |followed, field, value| followed.perhaps_wrote(key, field, value));
            }
            Op::Append { log, stream, events } => {
                for event in events {
                    let event = row_hash(stream, event, &mut self.scratch);
                    self.logs[*log].doubt.add(event);
                }
            }
            Op::InsertPoints { series, points } => {
                for point in points {
                    let point = self.point(point);
                    self.series[*series].doubt.add(point);
                }
            }
            _ => {}
        }
    }

    /// Adds what another lane noted.
    pub fn merge(&mut self, other: &Ledger) {
        debug_assert_eq!(self.dataset, other.dataset);
        for (into, from) in self.tables.iter_mut().zip(&other.tables) {
            into.inserted.merge(&from.inserted);
            into.inserted_keys.merge(from.inserted_keys);
            into.deleted_keys.merge(from.deleted_keys);
            into.doubtful_deletions += from.doubtful_deletions;
            into.changed |= from.changed;
            into.touched.merge(&from.touched);
            into.replaced.merge(&from.replaced);
            into.grown.iter_mut().zip(&from.grown).for_each(|(sum, grown)| *sum += grown);
            into.bumped.iter_mut().zip(&from.bumped).for_each(|(was, is)| *was |= is);
            into.set.iter_mut().zip(&from.set).for_each(|(was, is)| *was |= is);
            into.followed.merge(&from.followed);
        }
        self.unanswered += other.unanswered;
        self.totals.iter_mut().zip(&other.totals).for_each(|(into, from)| into.merge(from));
        self.logs.iter_mut().zip(&other.logs).for_each(|(into, from)| into.merge(from));
        self.series.iter_mut().zip(&other.series).for_each(|(into, from)| into.merge(from));
    }
}

impl TableLedger {
    fn new(plan: &Plan, at: usize) -> Self {
        let (fields, records) = (plan.tables[at].fields.len(), plan.tables[at].records);
        TableLedger {
            inserted: Added::default(),
            inserted_keys: Digest::default(),
            deleted_keys: Digest::default(),
            doubtful_deletions: 0,
            changed: false,
            touched: DirtyGroups::new(records),
            replaced: DirtyGroups::new(records),
            unwritten: dirty_groups::unwritten(plan, at).into(),
            grown: vec![0; fields],
            bumped: vec![false; fields],
            set: vec![false; fields],
            followed: LastWrites::default(),
        }
    }

    /// Whether records may have been deleted.
    pub fn may_lack_records(&self) -> bool {
        self.deleted_keys.rows > 0 || self.doubtful_deletions > 0
    }

    /// Notes that a record is perhaps not one that was loaded.
    fn replace(&mut self, key: u128) {
        if !self.unwritten.is_empty() {
            self.replaced.touch(key);
        }
    }
}

impl Added {
    fn merge(&mut self, other: &Added) {
        self.rows.merge(other.rows);
        self.doubt.merge(&other.doubt);
    }
}

/// Hash of a value's canonical bytes.
pub fn value_hash(value: &Value, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    value.write_canonical(scratch);
    xxh3_64(scratch)
}
