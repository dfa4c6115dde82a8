//! What a store holds: every row of every part, read back and reduced to digests, sums and groups that can be compared with
//! the ledger. Off the clock.

use std::collections::{BTreeMap, HashMap};

use drivers::{Dataset, Digest, Failure, Key, Part, Row, Session, Value, row_hash};

use super::counters::CounterSums;
use super::field_sample::FieldSample;
use super::indeterminate::{Indeterminate, Observed};
use super::last_writes::{FieldOf, field_of};
use super::ledger::{Ledger, TableLedger};
use super::queries::{ExpectedAnswers, Queries};
use super::totals::visit_integers;
use super::value_hash::value_hash;
use super::written_fields::FieldSums;

/// What a store holds, by part.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// What each table holds.
    pub tables: Vec<PartSnapshot>,
    /// What each log holds.
    pub logs: Vec<PartSnapshot>,
    /// What each series holds.
    pub series: Vec<PartSnapshot>,
}

/// What a store holds of one part.
#[derive(Debug, Clone, Default)]
pub struct PartSnapshot {
    /// Digest of its rows, content included, without the indeterminate ones.
    pub rows: Digest,
    /// Digest of its keys alone, without the indeterminate ones.
    pub keys: Digest,
    /// The indeterminate rows that are there.
    pub observed: Observed,
    /// Sums of each field by groups of keys.
    pub fields: FieldSums,
    /// Sums of counters by groups of keys.
    pub counters: CounterSums,
    /// The fields of a sample of keys.
    pub sample: FieldSample,
    /// Sums of integer fields, and of the integer fields of nested items, by position.
    pub sums: HashMap<(usize, Option<usize>), i128>,
    /// How many acknowledged events come before an earlier one of the same writer in their stream.
    pub disordered: u64,
    /// Hashes of the values of followed fields.
    pub last_values: HashMap<FieldOf, u64>,
}

/// Reads what the store holds after the load.
///
/// # Errors
/// When the store cannot be read.
pub async fn read_loaded<S: Session>(session: &mut S, dataset: &Dataset, ledger: &Ledger) -> Result<Snapshot, Failure> {
    read_back(session, dataset, ledger, &mut Queries::none().expected()).await
}

/// Reads every row of every part, which the expected answers take as well.
///
/// # Errors
/// When the store cannot be read.
pub async fn read_back<S: Session>(
    session: &mut S,
    dataset: &Dataset,
    ledger: &Ledger,
    answers: &mut ExpectedAnswers,
) -> Result<Snapshot, Failure> {
    let mut snapshot = Snapshot::default();
    for part in dataset.parts() {
        let mut part_snapshot = PartSnapshot::default();
        let mut scratch = Vec::new();
        match part {
            Part::Table(at) => {
                let (table, acknowledged) = (&dataset.tables[at], &ledger.tables[at]);
                session
                    .export(part, &mut |row| {
                        answers.add(part, &row);
                        part_snapshot.add_sums(&row, &table.fields);
                        part_snapshot.add_record(&row, acknowledged, &mut scratch);
                    })
                    .await?;
                snapshot.tables.push(part_snapshot);
            }
            Part::Log(at) => {
                let indeterminate = &ledger.logs[at].indeterminate;
                let mut newest: HashMap<(Key, i64), i64> = HashMap::new();
                session
                    .export(part, &mut |row| {
                        answers.add(part, &row);
                        let is_acknowledged = part_snapshot.add(&row, indeterminate, &mut scratch);
                        // A store may carry out later what its client has given up: sqld appended such an event behind the
                        // writer's next one.
                        if is_acknowledged && !in_order(&mut newest, &row) {
                            part_snapshot.disordered += 1;
                        }
                    })
                    .await?;
                snapshot.logs.push(part_snapshot);
            }
            Part::Series(at) => {
                let indeterminate = &ledger.series[at].indeterminate;
                session
                    .export(part, &mut |row| {
                        answers.add(part, &row);
                        part_snapshot.add(&row, indeterminate, &mut scratch);
                    })
                    .await?;
                snapshot.series.push(part_snapshot);
            }
        }
    }
    Ok(snapshot)
}

impl Snapshot {
    /// The digest of each part, by name.
    pub fn digests(&self, dataset: &Dataset) -> BTreeMap<String, String> {
        let held = self.tables.iter().chain(&self.logs).chain(&self.series);
        let names = dataset.parts().map(|part| dataset.name_of(part).to_owned());
        names.zip(held.map(|held| held.rows.to_string())).collect()
    }
}

impl PartSnapshot {
    /// Adds an event or a point, and says whether it is none of the indeterminate ones.
    fn add(&mut self, row: &Row, indeterminate: &Indeterminate, scratch: &mut Vec<u8>) -> bool {
        let certain = self.rows.rows;
        indeterminate.classify(row_hash(&row.key, &row.values, scratch), &mut self.rows, &mut self.observed);
        self.rows.rows > certain
    }

    fn add_record(&mut self, row: &Row, acknowledged: &TableLedger, scratch: &mut Vec<u8>) {
        let (key, whole) = (row_hash(&row.key, &[], scratch), row_hash(&row.key, &row.values, scratch));
        let certain = self.keys.rows;
        acknowledged.inserted.indeterminate.classify(key, &mut self.keys, &mut self.observed);
        if self.keys.rows > certain {
            self.rows.add_hash(whole);
        }
        if !acknowledged.may_change {
            return;
        }
        acknowledged.written.sum(key, row, &mut self.fields, scratch);
        self.counters.add(key, row, &acknowledged.counters);
        self.sample.add(key, row, scratch);
        if !acknowledged.last_writes.is_empty() && acknowledged.last_writes.follows_key(key) {
            for (at, value) in row.values.iter().enumerate() {
                let field = field_of(key, at);
                if acknowledged.last_writes.follows_field(&field) {
                    self.last_values.insert(field, value_hash(value, scratch));
                }
            }
        }
    }

    fn add_sums(&mut self, row: &Row, fields: &[drivers::Field]) {
        for (at, (field, value)) in fields.iter().zip(&row.values).enumerate() {
            visit_integers(value, &field.kind, |part, number| *self.sums.entry((at, part)).or_default() += number);
        }
    }
}

/// Whether an event's id (writer in the upper bits, that writer's count in the lower 40) is above the writer's last in
/// the stream.
fn in_order(newest: &mut HashMap<(Key, i64), i64>, row: &Row) -> bool {
    let Some(Value::Int(id)) = row.values.last() else { return false };
    let last = newest.entry((row.key.clone(), id >> 40)).or_insert(i64::MIN);
    let in_order = *id > *last;
    *last = *id;
    in_order
}
