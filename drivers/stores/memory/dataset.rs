//! A dataset's content, and what each operation reads or changes of it.

use std::collections::BTreeMap;

use super::series::{StoredSeries, fold_buckets};
use super::table::StoredTable;
use crate::{Dataset, Failure, Fields, Key, Op, Outcome, Part, Record, Row, Rows, Value};

/// Everything that the store holds, by position in the dataset.
#[derive(Clone)]
pub(super) struct StoredDataset {
    tables: Vec<StoredTable>,
    /// The events of each stream, oldest first.
    logs: Vec<BTreeMap<Key, Vec<Record>>>,
    series: Vec<StoredSeries>,
}

impl StoredDataset {
    pub(super) fn empty(dataset: &Dataset) -> Self {
        StoredDataset {
            tables: dataset.tables.iter().map(StoredTable::empty).collect(),
            logs: dataset.logs.iter().map(|_| BTreeMap::new()).collect(),
            series: dataset.series.iter().map(StoredSeries::empty).collect(),
        }
    }

    /// Carries out a single operation that changes data.
    pub(super) fn write(&mut self, op: &Op) -> Result<Outcome, Failure> {
        match op {
            Op::Insert { table, key, record } => self.tables[*table].insert(key, record)?,
            Op::Update { table, key, changes } => self.tables[*table].update(key, changes)?,
            Op::Delete { table, key } => self.tables[*table].delete(key)?,
            Op::Increment { table, key, field, by, floor } => {
                return self.tables[*table].increment(key, *field, *by, *floor);
            }
            Op::Append { log, stream, events } => {
                self.logs[*log].entry(stream.clone()).or_default().extend_from_slice(events);
            }
            Op::InsertPoints { series, points } => self.series[*series].insert(points),
            _ => return Err(Failure::misplaced(op)),
        }
        Ok(Outcome::Applied)
    }

    /// Carries out a single operation that reads.
    pub(super) fn read(&self, op: &Op, rows: &mut Rows) -> Result<(), Failure> {
        match op {
            Op::Read { table, key, fields } => {
                let record = self.tables[*table].record(key)?;
                rows.push(key.clone(), project(record, fields));
            }
            Op::Scan { table, from, limit, fields } => {
                for (key, record) in self.tables[*table].records_from(from).take(*limit) {
                    rows.push(key.clone(), project(record, fields));
                }
            }
            Op::Find { table, field, matching, order, limit, fields } => {
                for (key, record) in self.tables[*table].find(*field, matching, *order)?.take(*limit) {
                    rows.push(key.clone(), project(record, fields));
                }
            }
            Op::Tail { log, stream, limit } => {
                let events = self.logs[*log].get(stream).map_or(&[][..], Vec::as_slice);
                for event in events.iter().rev().take(*limit) {
                    rows.push(stream.clone(), event.clone());
                }
            }
            Op::LastPoint { series, entity } => {
                let (at_ms, metrics) = self.series[*series].last(*entity)?;
                rows.push(Key::Int(*entity), point_values(at_ms, metrics));
            }
            Op::PointRange { series, entity, from_ms, to_ms } => {
                for (at_ms, metrics) in self.series[*series].range(*entity, *from_ms, *to_ms) {
                    rows.push(Key::Int(*entity), point_values(at_ms, metrics));
                }
            }
            Op::Window { series, entity, metric, from_ms, to_ms, every_ms, fold } => {
                let points = self.series[*series].range(*entity, *from_ms, *to_ms);
                let values = points.map(|(at_ms, metrics)| (at_ms, metrics[*metric]));
                for (start_ms, folded) in fold_buckets(values, *every_ms, *fold) {
                    rows.push(Key::Int(*entity), vec![Value::Time(start_ms), folded]);
                }
            }
            Op::PointsAbove { series, metric, threshold, from_ms, to_ms, limit } => {
                let newest_first = self.series[*series].newest_first(*from_ms, *to_ms);
                let above = newest_first.filter(|(_, _, metrics)| metrics[*metric] > *threshold);
                for (entity, at_ms, metrics) in above.take(*limit) {
                    rows.push(Key::Int(entity), point_values(at_ms, metrics));
                }
            }
            _ => return Err(Failure::misplaced(op)),
        }
        Ok(())
    }

    /// All or nothing: each record is remembered before it is changed, and put back if an operation is refused or
    /// fails.
    pub(super) fn transact(&mut self, ops: &[Op], rows: &mut Rows) -> Result<Outcome, Failure> {
        let mut former = Vec::new();
        for op in ops {
            if let Some((table, key)) = changed_record(op) {
                former.push((table, key, self.tables[table].get(key).cloned()));
            }
            let outcome = match op {
                _ if !op.transacts() => Err(Failure::misplaced(op)),
                _ if op.writes() => self.write(op),
                _ => self.read(op, rows).map(|()| Outcome::Applied),
            };
            if !matches!(outcome, Ok(Outcome::Applied)) {
                rows.clear();
                former.into_iter().rev().for_each(|(table, key, record)| self.tables[table].set_record(key, record));
                return outcome;
            }
        }
        Ok(Outcome::Applied)
    }

    pub(super) fn export(&self, part: Part, sink: &mut dyn FnMut(Row)) {
        match part {
            Part::Table(at) => {
                for (key, record) in self.tables[at].records() {
                    sink(Row { key: key.clone(), values: record.clone() });
                }
            }
            Part::Log(at) => {
                for (stream, events) in &self.logs[at] {
                    events.iter().for_each(|event| sink(Row { key: stream.clone(), values: event.clone() }));
                }
            }
            Part::Series(at) => {
                for (entity, at_ms, metrics) in self.series[at].points() {
                    sink(Row { key: Key::Int(entity), values: point_values(at_ms, metrics) });
                }
            }
        }
    }
}

/// The record that an operation changes, if it changes one.
fn changed_record(op: &Op) -> Option<(usize, &Key)> {
    match op {
        Op::Insert { table, key, .. }
        | Op::Update { table, key, .. }
        | Op::Delete { table, key }
        | Op::Increment { table, key, .. } => Some((*table, key)),
        _ => None,
    }
}

/// The requested fields of a record, in the requested order.
fn project(record: &Record, fields: &Fields) -> Vec<Value> {
    match fields {
        Fields::All => record.clone(),
        Fields::Some(positions) => positions.iter().map(|at| record[*at].clone()).collect(),
    }
}

/// A point in an answer: its instant, and then its metrics.
fn point_values(at_ms: i64, metrics: &[f64]) -> Vec<Value> {
    std::iter::once(Value::Time(at_ms)).chain(metrics.iter().map(|metric| Value::Float(*metric))).collect()
}
