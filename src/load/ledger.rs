//! The ledger: what the store acknowledged to a lane, in a form small enough to keep for any run.
//!
//! Digests for what was added, sums for what was counted, and the last written value of a sample of the updated fields.
//! `audit.rs` compares it with what the store holds afterwards.

use std::collections::HashMap;
use std::sync::Arc;

use drivers::{Change, Dataset, Digest, Key, Op, Record, Value};
use xxhash_rust::xxh3::xxh3_64;

use crate::workload::Plan;

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
    /// Writes of unknown outcome.
    pub unknown: u64,
}

/// What was acknowledged for one table.
#[derive(Debug, Clone, Default)]
pub struct TableLedger {
    /// Inserted records.
    pub inserted: Added,
    /// Keys of inserted records.
    pub inserted_keys: Digest,
    /// Keys of deleted records.
    pub deleted_keys: Digest,
    /// Whether any record's content was changed.
    pub changed: bool,
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
        let table = |fields: usize, records: u64| TableLedger {
            one_in: (records * fields as u64 / FOLLOWED).max(1),
            grown: vec![0; fields],
            bumped: vec![false; fields],
            set: vec![false; fields],
            ..TableLedger::default()
        };
        Ledger {
            tables: plan.tables.iter().map(|shape| table(shape.fields.len(), shape.records)).collect(),
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

    fn wrote(&mut self, op: &Op, started_ns: u64, ended_ns: u64) {
        match op {
            Op::Insert { table, key, record } => self.inserted(*table, key, record),
            Op::Delete { table, key } => {
                self.tables[*table].deleted_keys.add(key, &[], &mut self.scratch);
                self.tables[*table].changed = true;
            }
            Op::Update { table, key, changes } => {
                self.tables[*table].changed = true;
                let write = |value| Write { value: Some(value), started_ns, ended_ns };
                self.updated(*table, key, changes, &write);
            }
            Op::Bump { table, field, by, .. } => {
                let into = &mut self.tables[*table];
                into.changed = true;
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
                    let mut values = vec![Value::Time(point.at_ms)];
                    values.extend(point.metrics.iter().map(|metric| Value::Float(*metric)));
                    self.series[*series].rows.add(&Key::Int(point.entity), &values, &mut self.scratch);
                }
            }
            _ => {}
        }
    }

    fn inserted(&mut self, table: usize, key: &Key, record: &Record) {
        let into = &mut self.tables[table];
        into.inserted.rows.add(key, record, &mut self.scratch);
        into.inserted_keys.add(key, &[], &mut self.scratch);
        for (sum, value) in into.grown.iter_mut().zip(record) {
            if let Value::Int(number) = value {
                *sum += i128::from(*number);
            }
        }
    }

    fn updated(&mut self, table: usize, key: &Key, changes: &[Change], write: &dyn Fn(u64) -> Write) {
        let into = &mut self.tables[table];
        self.scratch.clear();
        key.write_canonical(&mut self.scratch);
        let is_followed = xxh3_64(&self.scratch).is_multiple_of(into.one_in);
        for change in changes {
            into.set[change.field] = true;
            if !is_followed {
                continue;
            }
            let written = write(value_hash(&change.value, &mut self.scratch));
            into.followed.insert((key.clone(), change.field), vec![written]);
        }
    }

    /// Notes a write that failed in a way that leaves open whether it was applied.
    pub fn unknown(&mut self, op: &Op) {
        match op {
            Op::Batch(ops) | Op::Transact(ops) => ops.iter().for_each(|op| self.unknown(op)),
            Op::Insert { table, .. } | Op::Delete { table, .. } | Op::Bump { table, .. } => {
                self.tables[*table].inserted.unknown += 1;
            }
            Op::Update { table, key, changes } => {
                self.tables[*table].inserted.unknown += 1;
                self.tables[*table].changed = true;
                self.updated(*table, key, changes, &|_| Write { value: None, started_ns: 0, ended_ns: u64::MAX });
            }
            Op::Append { log, events, .. } => self.logs[*log].unknown += events.len() as u64,
            Op::Ingest { series, points } => self.series[*series].unknown += points.len() as u64,
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
            into.changed |= from.changed;
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

impl Added {
    fn merge(&mut self, other: &Added) {
        self.rows.merge(other.rows);
        self.unknown += other.unknown;
    }
}

/// Hash of a value's canonical bytes.
pub fn value_hash(value: &Value, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    value.write_canonical(scratch);
    xxh3_64(scratch)
}
