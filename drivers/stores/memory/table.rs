//! Records under a primary key, with secondary indexes: the meaning of the record, range, index and counter families.
//!
//! Values are kept as they came. Uniqueness of anything but the key, and types of fields, are not checked here: a plan
//! gives every field a value of its kind.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Change, Failure, Key, Matching, Order, OrderedValue, Outcome, Record, Table, Value};

/// The records of one table.
#[derive(Clone)]
pub(super) struct StoredTable {
    name: String,
    records: BTreeMap<Key, Record>,
    indexes: Vec<FieldIndex>,
}

/// The keys of the records by the value of one field. Absent values are not in it, so no `find` matches them.
#[derive(Clone)]
struct FieldIndex {
    field: usize,
    keys: BTreeMap<OrderedValue, BTreeSet<Key>>,
}

impl StoredTable {
    pub(super) fn empty(table: &Table) -> Self {
        let index = |field: &usize| FieldIndex { field: *field, keys: BTreeMap::new() };
        let indexes = table.indexes.iter().map(index).collect();
        StoredTable { name: table.name.clone(), records: BTreeMap::new(), indexes }
    }

    /// Adds a record; `Exists` if its key is taken.
    pub(super) fn insert(&mut self, key: &Key, record: &Record) -> Result<(), Failure> {
        if self.records.contains_key(key) {
            return Err(Failure::exists(format_args!("{} {key}", self.name)));
        }
        self.set_record(key, Some(record.clone()));
        Ok(())
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Record> {
        self.records.get(key)
    }

    /// The record of a key; `Missing` if there is none.
    pub(super) fn record(&self, key: &Key) -> Result<&Record, Failure> {
        self.get(key).ok_or_else(|| Failure::missing(format_args!("{} {key}", self.name)))
    }

    /// Replaces fields, one change after another; `Missing` if there is no such key.
    pub(super) fn update(&mut self, key: &Key, changes: &[Change]) -> Result<(), Failure> {
        self.record(key)?;
        changes.iter().for_each(|change| self.set_field(key, change.field, change.value.clone()));
        Ok(())
    }

    /// Removes a record; `Missing` if there is no such key.
    pub(super) fn delete(&mut self, key: &Key) -> Result<(), Failure> {
        self.record(key)?;
        self.set_record(key, None);
        Ok(())
    }

    /// Adds to an integer. The floor is checked first: a result that is too low is refused even where no 64-bit integer
    /// could hold it.
    pub(super) fn increment(
        &mut self,
        key: &Key,
        field: usize,
        by: i64,
        floor: Option<i64>,
    ) -> Result<Outcome, Failure> {
        let Value::Int(former) = self.record(key)?[field] else {
            return Err(Failure::broken(format!("{} {key}: a field without an integer cannot be bumped", self.name)));
        };
        let sum = i128::from(former) + i128::from(by);
        if floor.is_some_and(|floor| sum < i128::from(floor)) {
            return Ok(Outcome::Refused);
        }
        let sum = i64::try_from(sum)
            .map_err(|_| Failure::broken(format!("{} {key}: {former} + {by} is not a 64-bit integer", self.name)))?;
        self.set_field(key, field, Value::Int(sum));
        Ok(Outcome::Applied)
    }

    /// The records in key order, starting with the first key not below `from`.
    pub(super) fn records_from(&self, from: &Key) -> impl Iterator<Item = (&Key, &Record)> {
        self.records.range(from..)
    }

    /// The records whose field matches, ordered by (field, key) in the given direction.
    pub(super) fn find(
        &self,
        field: usize,
        matching: &Matching,
        order: Order,
    ) -> Result<Box<dyn Iterator<Item = (&Key, &Record)> + '_>, Failure> {
        let index = self.indexes.iter().find(|index| index.field == field);
        let index = index.ok_or_else(|| Failure::broken(format!("{}: field {field} has no index", self.name)))?;
        let (low, high) = match matching {
            Matching::Equal(value) => (OrderedValue(value.clone()), OrderedValue(value.clone())),
            Matching::Between(low, high) => (OrderedValue(low.clone()), OrderedValue(high.clone())),
        };
        if low > high {
            return Ok(Box::new(std::iter::empty()));
        }
        let keys = index.keys.range(low..=high).flat_map(|(_, keys)| keys);
        let records = keys.map(|key| (key, &self.records[key]));
        Ok(match order {
            Order::Ascending => Box::new(records),
            Order::Descending => Box::new(records.rev()),
        })
    }

    /// Every record, in key order.
    pub(super) fn records(&self) -> impl Iterator<Item = (&Key, &Record)> {
        self.records.iter()
    }

    /// Sets the record of a key, or removes it, and keeps the indexes in step.
    pub(super) fn set_record(&mut self, key: &Key, record: Option<Record>) {
        for index in &mut self.indexes {
            let value_of = |record: Option<&Record>| record.map_or(Value::Null, |record| record[index.field].clone());
            let (former, value) = (value_of(self.records.get(key)), value_of(record.as_ref()));
            index.replace(key, former, value);
        }
        match record {
            Some(record) => self.records.insert(key.clone(), record),
            None => self.records.remove(key),
        };
    }

    /// Sets one field of a record, if the record is there, and keeps its index in step.
    fn set_field(&mut self, key: &Key, field: usize, value: Value) {
        let Some(record) = self.records.get_mut(key) else { return };
        let former = std::mem::replace(&mut record[field], value.clone());
        if let Some(index) = self.indexes.iter_mut().find(|index| index.field == field) {
            index.replace(key, former, value);
        }
    }
}

impl FieldIndex {
    /// Moves a key from the former value of its field to another.
    fn replace(&mut self, key: &Key, former: Value, value: Value) {
        let former = OrderedValue(former);
        if let Some(keys) = self.keys.get_mut(&former) {
            keys.remove(key);
            if keys.is_empty() {
                self.keys.remove(&former);
            }
        }
        if value != Value::Null {
            self.keys.entry(OrderedValue(value)).or_default().insert(key.clone());
        }
    }
}
