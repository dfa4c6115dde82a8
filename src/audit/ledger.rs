//! The ledger: what the store acknowledged to a lane, in a form small enough to keep for any run.
//!
//! Digests for what was added, sums for what was counted, and the last written values of fields. The audit compares
//! it with what the store holds afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use drivers::{Change, Dataset, Digest, Key, Op, Part, Point, Record, Value, row_hash};

use crate::workload::{Action, Changes, Plan, Term};

use super::counters::CounterGroups;
use super::indeterminate::Indeterminate;
use super::last_writes::{GONE, LastWrites};
use super::totals::Total;
use super::value_hash::value_hash;
use super::written_fields::WrittenFields;

/// What was acknowledged, by part of the dataset.
#[derive(Debug, Clone)]
pub struct Ledger {
    dataset: Arc<Dataset>,
    /// What was acknowledged for each table.
    pub tables: Vec<TableLedger>,
    /// The events that were added to each log.
    pub logs: Vec<AddedRows>,
    /// The points that were added to each series.
    pub series: Vec<AddedRows>,
    /// How many operations have an unknown outcome.
    pub unanswered: u64,
    /// By how much those may have changed the totals.
    totals: Vec<Total>,
    scratch: Vec<u8>,
}

/// Rows that were added to a part of the dataset.
#[derive(Debug, Clone, Default)]
pub struct AddedRows {
    /// Their digest, content included.
    pub rows: Digest,
    /// Rows that may have been added: those of a log or series as a whole, those of a table by their keys.
    pub indeterminate: Indeterminate,
}

/// What was acknowledged for one table.
#[derive(Debug, Clone)]
pub struct TableLedger {
    /// The records that were inserted.
    pub inserted: AddedRows,
    /// Keys of inserted records.
    pub inserted_keys: Digest,
    /// Keys of deleted records.
    pub deleted_keys: Digest,
    /// How many deletions have an unknown outcome.
    pub indeterminate_deletions: u64,
    /// Whether the plan has operations that change or delete records. Where there are none, the content of the table is
    /// known in full, and nothing of its fields is kept.
    pub may_change: bool,
    /// Whether the content of any record was changed, or may have been.
    pub changed: bool,
    /// Which fields were written to, or may have been.
    pub written: WrittenFields,
    /// Positions of the fields that operations of the plan increment.
    pub counters: Arc<[usize]>,
    /// By how much those have grown by inserts and increments.
    pub counter_growth: CounterGroups,
    /// By field: how much its sum over all records has grown by inserts and increments.
    pub growth: Vec<i128>,
    /// By field: whether it was incremented, or may have been.
    pub incremented: Vec<bool>,
    /// By field: whether an update has set it, or may have, so that its sum follows no rule.
    pub set: Vec<bool>,
    /// The last written values of fields.
    pub last_writes: LastWrites,
}

impl Ledger {
    /// An empty ledger for the dataset of a plan.
    pub fn new(plan: &Plan) -> Self {
        let dataset = Arc::clone(&plan.dataset);
        Ledger {
            tables: (0..plan.tables.len()).map(|at| TableLedger::new(plan, at)).collect(),
            logs: vec![AddedRows::default(); dataset.logs.len()],
            series: vec![AddedRows::default(); dataset.series.len()],
            unanswered: 0,
            totals: Total::all(plan),
            dataset,
            scratch: Vec::new(),
        }
    }

    /// A total, with the unanswered writes that may have changed it.
    pub fn total(&self, terms: &[Term]) -> Total {
        let total = self.totals.iter().find(|total| total.terms == terms);
        total.cloned().unwrap_or_else(|| Total::of(terms.to_vec()))
    }

    /// The rows that were added to each part of the dataset.
    pub fn added(&self) -> impl Iterator<Item = &AddedRows> {
        self.tables.iter().map(|table| &table.inserted).chain(&self.logs).chain(&self.series)
    }

    /// How many rows were added in all.
    pub fn added_rows(&self) -> u64 {
        self.added().map(|added| added.rows.rows).sum()
    }

    /// Adds an operation that the store acknowledged as applied.
    #[inline]
    pub fn add_acknowledged(&mut self, op: &Op, started_ns: u64, ended_ns: u64) {
        match op {
            Op::Read { .. } | Op::Scan { .. } | Op::Find { .. } | Op::Tail { .. } => {}
            Op::LastPoint { .. } | Op::PointRange { .. } | Op::Window { .. } | Op::PointsAbove { .. } => {}
            Op::Batch(ops) | Op::Transact(ops) | Op::Interactive(ops) => {
                ops.iter().for_each(|op| self.add_acknowledged(op, started_ns, ended_ns));
            }
            _ => self.add_write(op, started_ns, ended_ns),
        }
    }

    /// Adds a batch in which a floor refused something: everything was applied but some of the increments with a floor; which
    /// of them is unknown.
    pub fn add_refused_batch(&mut self, ops: &[Op], started_ns: u64, ended_ns: u64) {
        for op in ops {
            match op {
                Op::Increment { floor: Some(_), .. } => self.add_indeterminate(op),
                op => self.add_acknowledged(op, started_ns, ended_ns),
            }
        }
    }

    fn add_write(&mut self, op: &Op, started_ns: u64, ended_ns: u64) {
        match op {
            Op::Insert { table, key, record } => self.add_insert(*table, key, record, started_ns, ended_ns),
            Op::Delete { table, key } => {
                let key = row_hash(key, &[], &mut self.scratch);
                let into = &mut self.tables[*table];
                into.deleted_keys.add_hash(key);
                into.mark_deleted(key, |last_writes, field| last_writes.add(key, field, GONE, started_ns, ended_ns));
            }
            Op::Update { table, key, changes } => {
                self.tables[*table].last_writes.written += changes.len() as u64;
                self.add_update(*table, key, changes, |last_writes, key, field, value| {
                    last_writes.add(key, field, value, started_ns, ended_ns);
                });
            }
            Op::Increment { table, key, field, by, .. } => {
                let key = row_hash(key, &[], &mut self.scratch);
                let into = &mut self.tables[*table];
                into.mark_incremented(key, *field);
                into.growth[*field] += i128::from(*by);
                if let Some(counter) = into.counter(*field) {
                    into.counter_growth.add(key, counter, *by);
                }
            }
            Op::Append { log, stream, events } => {
                for event in events {
                    self.logs[*log].rows.add(stream, event, &mut self.scratch);
                }
            }
            Op::InsertPoints { series, points } => {
                for point in points {
                    let point = self.point_hash(point);
                    self.series[*series].rows.add_hash(point);
                }
            }
            _ => {}
        }
    }

    fn add_insert(&mut self, table: usize, key: &Key, record: &Record, started_ns: u64, ended_ns: u64) {
        let into = &mut self.tables[table];
        into.inserted.rows.add(key, record, &mut self.scratch);
        let key = row_hash(key, &[], &mut self.scratch);
        into.inserted_keys.add_hash(key);
        for (sum, value) in into.growth.iter_mut().zip(record) {
            if let Value::Int(number) = value {
                *sum += i128::from(*number);
            }
        }
        into.mark_inserted(key, record, &mut self.scratch, |last_writes, field, value| {
            last_writes.add(key, field, value, started_ns, ended_ns);
        });
        for (at, counter) in into.counters.iter().enumerate() {
            if let Some(Value::Int(number)) = record.get(*counter) {
                into.counter_growth.add(key, (at, into.counters.len()), *number);
            }
        }
    }

    /// Adds what an update writes into fields, with the hash of the key.
    fn add_update(
        &mut self,
        table: usize,
        key: &Key,
        changes: &[Change],
        mut add: impl FnMut(&mut LastWrites, u128, usize, u64),
    ) {
        let key = row_hash(key, &[], &mut self.scratch);
        let into = &mut self.tables[table];
        into.changed = true;
        for change in changes {
            into.set[change.field] = true;
            into.written.mark_field(key, change.field);
            if let Some(counter) = into.counter(change.field) {
                into.counter_growth.mark_unknown(key, counter);
            }
            // Asked for each change, because adding one may end the following of this key.
            if into.last_writes.follows_key(key) {
                add(&mut into.last_writes, key, change.field, value_hash(&change.value, &mut self.scratch));
            }
        }
    }

    fn point_hash(&mut self, point: &Point) -> u128 {
        let mut values = vec![Value::Time(point.at_ms)];
        values.extend(point.metrics.iter().map(|metric| Value::Float(*metric)));
        row_hash(&Key::Int(point.entity), &values, &mut self.scratch)
    }

    /// Adds a write that failed in a way that leaves open whether it was applied: each part of it where it may be torn.
    pub fn add_indeterminate(&mut self, op: &Op) {
        if let Op::Batch(ops) = op {
            return ops.iter().for_each(|op| self.add_indeterminate(op));
        }
        self.unanswered += 1;
        self.totals.iter_mut().for_each(|total| total.add_indeterminate(op, &self.dataset));
        self.add_indeterminate_writes(op);
    }

    fn add_indeterminate_writes(&mut self, op: &Op) {
        match op {
            Op::Transact(ops) | Op::Interactive(ops) => {
                ops.iter().for_each(|op| self.add_indeterminate_writes(op));
            }
            Op::Insert { table, key, record } => {
                let into = &mut self.tables[*table];
                let key = row_hash(key, &[], &mut self.scratch);
                into.inserted.indeterminate.add(key);
                into.mark_inserted(key, record, &mut self.scratch, |last_writes, field, value| {
                    last_writes.add_unanswered_insert(key, field, value);
                });
                into.mark_counters_unknown(key);
            }
            Op::Delete { table, key } => {
                let into = &mut self.tables[*table];
                let key = row_hash(key, &[], &mut self.scratch);
                into.indeterminate_deletions += 1;
                into.mark_deleted(key, |last_writes, field| last_writes.add_unanswered(key, field, GONE));
            }
            Op::Increment { table, key, field, .. } => {
                let into = &mut self.tables[*table];
                let key = row_hash(key, &[], &mut self.scratch);
                into.mark_incremented(key, *field);
                if let Some(counter) = into.counter(*field) {
                    into.counter_growth.mark_unknown(key, counter);
                }
            }
            Op::Update { table, key, changes } => {
                self.add_update(*table, key, changes, |last_writes, key, field, value| {
                    last_writes.add_unanswered(key, field, value);
                });
            }
            Op::Append { log, stream, events } => {
                for event in events {
                    let event = row_hash(stream, event, &mut self.scratch);
                    self.logs[*log].indeterminate.add(event);
                }
            }
            Op::InsertPoints { series, points } => {
                for point in points {
                    let point = self.point_hash(point);
                    self.series[*series].indeterminate.add(point);
                }
            }
            _ => {}
        }
    }

    /// Adds what another lane has in its ledger.
    pub fn merge(&mut self, other: &Ledger) {
        debug_assert_eq!(self.dataset, other.dataset);
        for (into, from) in self.tables.iter_mut().zip(&other.tables) {
            into.inserted.merge(&from.inserted);
            into.inserted_keys.merge(from.inserted_keys);
            into.deleted_keys.merge(from.deleted_keys);
            into.indeterminate_deletions += from.indeterminate_deletions;
            into.changed |= from.changed;
            into.written.merge(&from.written);
            into.counter_growth.merge(&from.counter_growth);
            into.growth.iter_mut().zip(&from.growth).for_each(|(sum, growth)| *sum += growth);
            into.incremented.iter_mut().zip(&from.incremented).for_each(|(was, is)| *was |= is);
            into.set.iter_mut().zip(&from.set).for_each(|(was, is)| *was |= is);
            into.last_writes.merge(&from.last_writes);
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
            inserted: AddedRows::default(),
            inserted_keys: Digest::default(),
            deleted_keys: Digest::default(),
            indeterminate_deletions: 0,
            may_change: plan.changes(Part::Table(at)) == Changes::Updated,
            changed: false,
            written: WrittenFields::new(records, fields),
            counters: incremented_fields(plan, at).into(),
            counter_growth: CounterGroups::default(),
            growth: vec![0; fields],
            incremented: vec![false; fields],
            set: vec![false; fields],
            last_writes: LastWrites::default(),
        }
    }

    /// The position of a field among the counters, and how many there are.
    #[inline]
    fn counter(&self, field: usize) -> Option<(usize, usize)> {
        let at = self.counters.iter().position(|counter| *counter == field)?;
        Some((at, self.counters.len()))
    }

    /// Marks a record that was inserted, or may have been, and adds the hashes of its values if its fields are followed.
    fn mark_inserted(
        &mut self,
        key: u128,
        record: &Record,
        scratch: &mut Vec<u8>,
        mut add: impl FnMut(&mut LastWrites, usize, u64),
    ) {
        if !self.may_change {
            return;
        }
        self.written.mark_record(key);
        for (field, value) in record.iter().enumerate() {
            if self.last_writes.follows_key(key) {
                add(&mut self.last_writes, field, value_hash(value, scratch));
            }
        }
    }

    /// Marks a record that was deleted, or may have been: nothing is left in its fields.
    fn mark_deleted(&mut self, key: u128, mut add: impl FnMut(&mut LastWrites, usize)) {
        self.changed = true;
        self.written.mark_record(key);
        for field in 0..self.set.len() {
            if self.last_writes.follows_key(key) {
                add(&mut self.last_writes, field);
            }
        }
        self.mark_counters_unknown(key);
    }

    /// Marks a field that was incremented, or may have been.
    #[inline]
    fn mark_incremented(&mut self, key: u128, field: usize) {
        self.changed = true;
        self.incremented[field] = true;
        self.written.mark_field(key, field);
    }

    fn mark_counters_unknown(&mut self, key: u128) {
        let counters = self.counters.len();
        (0..counters).for_each(|at| self.counter_growth.mark_unknown(key, (at, counters)));
    }
}

/// Positions of the fields of a table that operations of the plan increment.
fn incremented_fields(plan: &Plan, at: usize) -> Vec<usize> {
    let steps = plan.operations.iter().flat_map(|operation| &operation.recipe.steps);
    let incremented = steps.filter_map(|step| match &step.action {
        Action::Increment { table, field, .. } if *table == at => Some(*field),
        _ => None,
    });
    incremented.collect::<BTreeSet<usize>>().into_iter().collect()
}

impl AddedRows {
    fn merge(&mut self, other: &AddedRows) {
        self.rows.merge(other.rows);
        self.indeterminate.merge(&other.indeterminate);
    }
}
