//! Records under a primary key, with secondary indexes: the meaning of the record, range, index and counter families.
//!
//! Values are kept as they came. Uniqueness of anything but the key, and types of fields, are not checked here: a plan
//! gives every field a value of its kind.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::{Change, Failure, Fields, Key, Matching, Order, Outcome, Record, Row, Rows, Value};

/// One table's content.
pub(super) struct Table {
    name: String,
    records: BTreeMap<Key, Record>,
    indexes: Vec<Index>,
}

/// The keys of the records by the value of one field. Absent values are not in it, so no `find` meets them.
struct Index {
    field: usize,
    keys: BTreeMap<Ordered, BTreeSet<Key>>,
}

impl Table {
    pub(super) fn empty(shape: &crate::Table) -> Self {
        let index = |field: &usize| Index { field: *field, keys: BTreeMap::new() };
        Table { name: shape.name.clone(), records: BTreeMap::new(), indexes: shape.indexes.iter().map(index).collect() }
    }

    pub(super) fn insert(&mut self, key: &Key, record: &Record) -> Result<(), Failure> {
        if self.records.contains_key(key) {
            return Err(Failure::exists(format_args!("{} {key}", self.name)));
        }
        self.put(key, Some(record.clone()));
        Ok(())
    }

    pub(super) fn read(&self, key: &Key, fields: &Fields, rows: &mut Rows) -> Result<(), Failure> {
        let record = self.get(key).ok_or_else(|| self.missing(key))?;
        rows.push(key.clone(), chosen(record, fields));
        Ok(())
    }

    pub(super) fn update(&mut self, key: &Key, changes: &[Change]) -> Result<(), Failure> {
        if !self.records.contains_key(key) {
            return Err(self.missing(key));
        }
        changes.iter().for_each(|change| self.set(key, change.field, change.value.clone()));
        Ok(())
    }

    pub(super) fn delete(&mut self, key: &Key) -> Result<(), Failure> {
        if !self.records.contains_key(key) {
            return Err(self.missing(key));
        }
        self.put(key, None);
        Ok(())
    }

    /// The floor is asked first: a result that is too low is refused even where no 64-bit integer could hold it.
    pub(super) fn bump(&mut self, key: &Key, field: usize, by: i64, floor: Option<i64>) -> Result<Outcome, Failure> {
        let record = self.get(key).ok_or_else(|| self.missing(key))?;
        let Value::Int(held) = record[field] else {
            return Err(Failure::broken(format!("{} {key}: a field without an integer cannot be bumped", self.name)));
        };
        let result = i128::from(held) + i128::from(by);
        if floor.is_some_and(|floor| result < i128::from(floor)) {
            return Ok(Outcome::Refused);
        }
        let result = i64::try_from(result)
            .map_err(|_| Failure::broken(format!("{} {key}: {held} + {by} is not a 64-bit integer", self.name)))?;
        self.set(key, field, Value::Int(result));
        Ok(Outcome::Applied)
    }

    pub(super) fn scan(&self, from: &Key, limit: usize, fields: &Fields, rows: &mut Rows) {
        let records = self.records.range(from..).take(limit);
        records.for_each(|(key, record)| rows.push(key.clone(), chosen(record, fields)));
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
            Matching::Equal(value) => (Ordered(value.clone()), Ordered(value.clone())),
            Matching::Between(low, high) => (Ordered(low.clone()), Ordered(high.clone())),
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

    pub(super) fn export(&self, sink: &mut dyn FnMut(Row)) {
        self.records.iter().for_each(|(key, record)| sink(Row { key: key.clone(), values: record.clone() }));
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Record> {
        self.records.get(key)
    }

    /// Makes the record what is given, or removes it, and keeps the indexes in step.
    pub(super) fn put(&mut self, key: &Key, record: Option<Record>) {
        for index in &mut self.indexes {
            let at = |record: Option<&Record>| record.map_or(Value::Null, |record| record[index.field].clone());
            let (former, latter) = (at(self.records.get(key)), at(record.as_ref()));
            index.replace(key, former, latter);
        }
        match record {
            Some(record) => self.records.insert(key.clone(), record),
            None => self.records.remove(key),
        };
    }

    /// Makes one field of a record what is given; a record that is not there stays so.
    fn set(&mut self, key: &Key, field: usize, value: Value) {
        let Some(record) = self.records.get_mut(key) else { return };
        let former = std::mem::replace(&mut record[field], value.clone());
        if let Some(index) = self.indexes.iter_mut().find(|index| index.field == field) {
            index.replace(key, former, value);
        }
    }

    fn missing(&self, key: &Key) -> Failure {
        Failure::missing(format_args!("{} {key}", self.name))
    }
}

impl Index {
    fn replace(&mut self, key: &Key, former: Value, value: Value) {
        let former = Ordered(former);
        if let Some(keys) = self.keys.get_mut(&former) {
            keys.remove(key);
            if keys.is_empty() {
                self.keys.remove(&former);
            }
        }
        if value != Value::Null {
            self.keys.entry(Ordered(value)).or_default().insert(key.clone());
        }
    }
}

/// The asked fields of a record, in the asked order.
pub(super) fn chosen(record: &Record, fields: &Fields) -> Vec<Value> {
    match fields {
        Fields::All => record.clone(),
        Fields::Some(positions) => positions.iter().map(|at| record[*at].clone()).collect(),
    }
}

/// The order of indexed values: absent, flags, numbers and instants as numbers, texts by their UTF-8 bytes, bytes.
/// Lists and maps come last, by their canonical bytes: an index on one answers `Equal` and no more.
#[derive(Clone)]
struct Ordered(Value);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a) | Value::Time(a), Value::Int(b) | Value::Time(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => compare_floats(*a, *b),
            (Value::Int(a) | Value::Time(a), Value::Float(b)) => compare_mixed(*a, *b),
            (Value::Float(a), Value::Int(b) | Value::Time(b)) => compare_mixed(*b, *a).reverse(),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (a, b) => rank(a).cmp(&rank(b)).then_with(|| canonical(a).cmp(&canonical(b))),
        }
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ordered {}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Float(_) | Value::Time(_) => 2,
        Value::Text(_) => 3,
        Value::Bytes(_) => 4,
        Value::List(_) => 5,
        Value::Map(_) => 6,
    }
}

fn canonical(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_canonical(&mut bytes);
    bytes
}

/// Adding zero makes `-0.0` the `0.0` that it equals.
fn compare_floats(a: f64, b: f64) -> Ordering {
    (a + 0.0).total_cmp(&(b + 0.0))
}

/// Exact also beyond 2^53, where several integers become one float: those are compared again as integers.
fn compare_mixed(integer: i64, float: f64) -> Ordering {
    compare_floats(integer as f64, float).then_with(|| i128::from(integer).cmp(&(float as i128)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexed_values_are_ordered_by_kind_and_numbers_by_their_size_whatever_their_type() {
        let rising = [
            Value::Null,
            Value::Bool(false),
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(-0.5),
            Value::Int(0),
            Value::Float(0.5),
            Value::Time(1),
            Value::Int((1 << 53) + 1),
            Value::Float(9_007_199_254_740_994.0),
            Value::Int(i64::MAX),
            Value::Float(9_223_372_036_854_775_808.0),
            Value::Text(String::new()),
            Value::Text("Z".into()),
            Value::Text("a".into()),
            Value::Text("é".into()),
            Value::Bytes(vec![0]),
            Value::List(vec![]),
            Value::Map(vec![]),
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(Ordered(a.clone()).cmp(&Ordered(b.clone())), i.cmp(&j), "{a:?} against {b:?}");
            }
        }
        assert!(Ordered(Value::Float(-0.0)) == Ordered(Value::Int(0)));
    }
}
