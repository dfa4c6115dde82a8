//! What a store holds: every row of every part, read back and summed up in digests, sums and groups as they can be
//! compared with the ledger. Off the clock. What follows from the comparison is in `audit.rs`.

use std::collections::{BTreeMap, HashMap};

use drivers::{Dataset, Digest, Failure, Key, Part, Row, Session, Value, row_hash};

use super::dirty_groups::{self, Sums};
use super::indeterminate::{Indeterminate, Observed};
use super::last_writes::{FieldOf, field_of};
use super::ledger::{Ledger, TableLedger, value_hash};
use super::totals::integers;

/// What a store holds, by part.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// By table.
    pub tables: Vec<PartSnapshot>,
    /// By log.
    pub logs: Vec<PartSnapshot>,
    /// By series.
    pub series: Vec<PartSnapshot>,
}

/// What a store holds of one part.
#[derive(Debug, Clone, Default)]
pub struct PartSnapshot {
    /// Digest of its rows, content included, but for those in doubt.
    pub rows: Digest,
    /// Digest of its keys alone, but for those in doubt.
    pub keys: Digest,
    /// Those in doubt that are there.
    pub met: Observed,
    /// Its rows by groups of keys.
    pub groups: Sums,
    /// The same of their keys and the fields that no operation writes.
    pub unwritten: Sums,
    /// Sums of integer fields, and of the integer fields of nested items, by position.
    pub sums: HashMap<(usize, Option<usize>), i128>,
    /// Events that stand before an earlier one of the same writer in their stream.
    pub disordered: u64,
    /// Hashes of the followed fields' values.
    pub followed: HashMap<FieldOf, u64>,
}

/// Reads every row of every part.
///
/// # Errors
/// What the store fails with.
pub async fn read_back<S: Session>(session: &mut S, dataset: &Dataset, ledger: &Ledger) -> Result<Snapshot, Failure> {
    let mut holding = Snapshot::default();
    for part in dataset.parts() {
        let mut held = PartSnapshot::default();
        let mut scratch = Vec::new();
        match part {
            Part::Table(at) => {
                let (shape, noted) = (&dataset.tables[at], &ledger.tables[at]);
                session
                    .export(part, &mut |row| {
                        held.add_sums(&row, &shape.fields);
                        held.add_record(&row, noted, &mut scratch);
                    })
                    .await?;
                holding.tables.push(held);
            }
            Part::Log(at) => {
                let doubt = &ledger.logs[at].doubt;
                let mut newest: HashMap<(Key, i64), i64> = HashMap::new();
                session
                    .export(part, &mut |row| {
                        held.disordered += u64::from(!in_order(&mut newest, &row));
                        held.add(&row, doubt, &mut scratch);
                    })
                    .await?;
                holding.logs.push(held);
            }
            Part::Series(at) => {
                let doubt = &ledger.series[at].doubt;
                session.export(part, &mut |row| held.add(&row, doubt, &mut scratch)).await?;
                holding.series.push(held);
            }
        }
    }
    Ok(holding)
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
    /// An event or a point.
    fn add(&mut self, row: &Row, doubt: &Indeterminate, scratch: &mut Vec<u8>) {
        doubt.sort(row_hash(&row.key, &row.values, scratch), &mut self.rows, &mut self.met);
    }

    fn add_record(&mut self, row: &Row, noted: &TableLedger, scratch: &mut Vec<u8>) {
        let (key, whole) = (row_hash(&row.key, &[], scratch), row_hash(&row.key, &row.values, scratch));
        let certain = self.keys.rows;
        noted.inserted.doubt.sort(key, &mut self.keys, &mut self.met);
        if self.keys.rows > certain {
            self.rows.add_hash(whole);
        }
        noted.touched.sum(key, whole, &mut self.groups);
        if !noted.unwritten.is_empty() {
            let unwritten = dirty_groups::unwritten_hash(row, &noted.unwritten, scratch);
            noted.replaced.sum(key, unwritten, &mut self.unwritten);
        }
        if !noted.followed.is_empty() && noted.followed.has(key) {
            for (at, value) in row.values.iter().enumerate() {
                let field = field_of(key, at);
                if noted.followed.follows(&field) {
                    self.followed.insert(field, value_hash(value, scratch));
                }
            }
        }
    }

    fn add_sums(&mut self, row: &Row, fields: &[drivers::Field]) {
        for (at, (field, value)) in fields.iter().zip(&row.values).enumerate() {
            integers(value, &field.kind, |part, number| *self.sums.entry((at, part)).or_default() += number);
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
