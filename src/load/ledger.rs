//! The ledger: what the store acknowledged to a lane, in a form small enough to keep for any run.
//!
//! Digests for what was added, sums for what was counted, and the last written value of a sample of the updated fields.
//! `audit.rs` compares it with what the store holds afterwards.

use std::collections::HashMap;
use std::sync::Arc;

use drivers::{Change, Dataset, Digest, Key, Op, Point, Record, Value, row_hash};
use xxhash_rust::xxh3::xxh3_64;

use crate::workload::Plan;

use super::doubt::Doubt;
use super::touched::Touched;

/// About this many fields of a table are followed by value. Which ones is decided by the keys' hashes alone, so that all
/// lanes follow the same: a write that only one lane had noted would be mistaken for the last.
const FOLLOWED: u64 = 4_096;

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
    scratch: Vec<u8>,
}

/// Rows added to a part.
#[derive(Debug, Clone, Default)]
pub struct Added {
    /// Their digest, content included.
    pub rows: Digest,
    /// Rows that may have been added: those of a log or series as a whole, those of a table by their keys.
    pub doubt: Doubt,
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
    /// Updates and bumps of unknown outcome, and inserts and deletions as well: nothing can be said of sums then.
    pub doubtful_writes: u64,
    /// Whether any record's content was changed, perhaps.
    pub changed: bool,
    /// Which records were written to, perhaps.
    pub touched: Touched,
    /// One key in this many is followed.
    pub one_in: u64,
    /// By field: what its sum over all records grew by, from inserts and bumps.
    pub grown: Vec<i128>,
    /// By field: whether it was bumped.
    pub bumped: Vec<bool>,
    /// By field: whether it was set by an update, so that its sum follows no rule.
    pub set: Vec<bool>,
    /// The last acknowledged write of each lane to a sample of the updated fields.
    pub followed: HashMap<(Key, usize), Vec<Write>>,
}

/// One acknowledged write of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// Hash of the value; none if a write of unknown outcome makes the value unknowable.
    pub value: Option<u64>,
    /// When it was sent.
    pub started_ns: u64,
    /// When it was acknowledged.
    pub ended_ns: u64,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(plan: &Plan) -> Self {
        let dataset = Arc::clone(&plan.dataset);
        Ledger {
            tables: plan.tables.iter().map(|shape| TableLedger::new(shape.fields.len(), shape.records)).collect(),
            logs: vec![Added::default(); dataset.logs.len()],
            series: vec![Added::default(); dataset.series.len()],
            dataset,
            scratch: Vec::new(),
        }
    }

    /// Notes an operation that the store acknowledged as applied.
    #[inline]
    pub fn acknowledged(&mut self, op: &Op, started_ns: u64, ended_ns: u64) {
        match op {
            Op::Read { .. } | Op::Scan { .. } | Op::Find { .. } | Op::Tail { .. } => {}
            Op::Last { .. } | Op::Range { .. } | Op::Window { .. } | Op::Above { .. } => {}
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
                Op::Bump { floor: Some(_), .. } => self.unknown(op),
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
            }
            Op::Update { table, key, changes } => {
                let hash = self.touch(*table, key);
                let write = |value| Write { value: Some(value), started_ns, ended_ns };
                self.updated(*table, key, hash, changes, &write);
            }
            Op::Bump { table, key, field, by, .. } => {
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
            Op::Ingest { series, points } => {
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

    fn updated(&mut self, table: usize, key: &Key, hash: u128, changes: &[Change], write: &dyn Fn(u64) -> Write) {
        let into = &mut self.tables[table];
        let is_followed = (hash as u64).is_multiple_of(into.one_in);
        for change in changes {
            into.set[change.field] = true;
            if !is_followed {
                continue;
            }
            let written = write(value_hash(&change.value, &mut self.scratch));
            into.followed.insert((key.clone(), change.field), vec![written]);
        }
    }

    fn point(&mut self, point: &Point) -> u128 {
        let mut values = vec![Value::Time(point.at_ms)];
        values.extend(point.metrics.iter().map(|metric| Value::Float(*metric)));
        row_hash(&Key::Int(point.entity), &values, &mut self.scratch)
    }

    /// Notes a write that failed in a way that leaves open whether it was applied.
    pub fn unknown(&mut self, op: &Op) {
        match op {
            Op::Batch(ops) | Op::Transact(ops) => ops.iter().for_each(|op| self.unknown(op)),
            Op::Insert { table, key, .. } => {
                let into = &mut self.tables[*table];
                let key = row_hash(key, &[], &mut self.scratch);
                into.doubtful_writes += 1;
                into.inserted.doubt.add(key);
                into.touched.touch(key);
            }
            Op::Delete { table, key } => {
                self.touch(*table, key);
                self.tables[*table].doubtful_writes += 1;
                self.tables[*table].doubtful_deletions += 1;
            }
            Op::Bump { table, key, .. } => {
                self.touch(*table, key);
                self.tables[*table].doubtful_writes += 1;
            }
            Op::Update { table, key, changes } => {
                let hash = self.touch(*table, key);
                self.tables[*table].doubtful_writes += 1;
                let write = |_| Write { value: None, started_ns: 0, ended_ns: u64::MAX };
                self.updated(*table, key, hash, changes, &write);
            }
            Op::Append { log, stream, events } => {
                for event in events {
                    let event = row_hash(stream, event, &mut self.scratch);
                    self.logs[*log].doubt.add(event);
                }
            }
            Op::Ingest { series, points } => {
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
            into.doubtful_writes += from.doubtful_writes;
            into.changed |= from.changed;
            into.touched.merge(&from.touched);
            into.grown.iter_mut().zip(&from.grown).for_each(|(sum, grown)| *sum += grown);
            into.bumped.iter_mut().zip(&from.bumped).for_each(|(was, is)| *was |= is);
            into.set.iter_mut().zip(&from.set).for_each(|(was, is)| *was |= is);
            for (field, writes) in &from.followed {
                into.followed.entry(field.clone()).or_default().extend(writes);
            }
        }
        self.logs.iter_mut().zip(&other.logs).for_each(|(into, from)| into.merge(from));
        self.series.iter_mut().zip(&other.series).for_each(|(into, from)| into.merge(from));
    }
}

impl TableLedger {
    fn new(fields: usize, records: u64) -> Self {
        TableLedger {
            inserted: Added::default(),
            inserted_keys: Digest::default(),
            deleted_keys: Digest::default(),
            doubtful_deletions: 0,
            doubtful_writes: 0,
            changed: false,
            touched: Touched::new(records),
            one_in: (records * fields as u64 / FOLLOWED).max(1),
            grown: vec![0; fields],
            bumped: vec![false; fields],
            set: vec![false; fields],
            followed: HashMap::new(),
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
