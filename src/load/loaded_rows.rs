//! What was loaded and must be found again: how many rows a search has to answer at least.
//!
//! Only what no operation of the plan can take away counts. Of a large dataset an even share of the rows is kept, which
//! still bounds every answer from below.

use std::collections::HashMap;

use drivers::{Key, Matching, Op, OrderedValue, Record, Value};

use crate::audit::value_hash::value_hash;
use crate::workload::{Action, MatchSpec, Plan};

/// How many rows are kept for each search: some ten megabytes.
const MOST: usize = 250_000;

/// Rows of the load that stay what they were, by what is searched.
#[derive(Debug, Default)]
pub struct LoadedRows {
    /// The values of fields by which records are found, by table and field.
    values: Vec<LoadedValues>,
    /// The keys of tables that are scanned.
    keys: Vec<(usize, Share<Key>)>,
    /// The number of events by stream, of logs that are read.
    events: Vec<(usize, HashMap<Key, usize>)>,
    scratch: Vec<u8>,
}

/// The values of one field.
#[derive(Debug)]
struct LoadedValues {
    table: usize,
    field: usize,
    /// How many rows hold a value, by its hash.
    equal: HashMap<u64, usize>,
    /// All values in order, where ranges of them are searched.
    ordered: Option<Share<OrderedValue>>,
}

/// An even share of many, in order once it is finished.
#[derive(Debug)]
struct Share<T> {
    kept: Vec<T>,
    /// One in so many is kept.
    one_in: usize,
    seen: usize,
}

impl LoadedRows {
    /// Before anything is loaded.
    pub fn new(plan: &Plan) -> LoadedRows {
        let mut loaded = LoadedRows::default();
        for step in plan.operations.iter().flat_map(|operation| &operation.recipe.steps) {
            match &step.action {
                Action::Find { table, field, matching, .. } if keeps_its_values(plan, *table, *field) => {
                    loaded.add_search(*table, *field, matches!(matching, MatchSpec::Between(..)));
                }
                Action::Scan { table, .. }
                    if keeps_its_records(plan, *table) && loaded.keys.iter().all(|(scanned, _)| scanned != table) =>
                {
                    loaded.keys.push((*table, Share::default()));
                }
                Action::Tail { log, .. } if loaded.events.iter().all(|(read, _)| read != log) => {
                    loaded.events.push((*log, HashMap::new()));
                }
                _ => {}
            }
        }
        loaded
    }

    fn add_search(&mut self, table: usize, field: usize, by_range: bool) {
        let known = self.values.iter().position(|known| (known.table, known.field) == (table, field));
        let at = known.unwrap_or_else(|| {
            self.values.push(LoadedValues { table, field, equal: HashMap::new(), ordered: None });
            self.values.len() - 1
        });
        if by_range {
            self.values[at].ordered.get_or_insert_with(Share::default);
        }
    }

    /// Adds what an operation of the load puts there.
    pub fn add(&mut self, op: &Op) {
        match op {
            Op::Batch(ops) => ops.iter().for_each(|op| self.add(op)),
            Op::Insert { table, key, record } => self.add_record(*table, key, record),
            Op::Append { log, stream, events } => {
                for (_, counts) in self.events.iter_mut().filter(|(read, _)| read == log) {
                    if counts.len() < MOST || counts.contains_key(stream) {
                        *counts.entry(stream.clone()).or_default() += events.len();
                    }
                }
            }
            _ => {}
        }
    }

    fn add_record(&mut self, table: usize, key: &Key, record: &Record) {
        for values in self.values.iter_mut().filter(|values| values.table == table) {
            let value = &record[values.field];
            if *value == Value::Null {
                continue;
            }
            let hash = value_hash(value, &mut self.scratch);
            if values.equal.len() < MOST || values.equal.contains_key(&hash) {
                *values.equal.entry(hash).or_default() += 1;
            }
            if let Some(ordered) = &mut values.ordered {
                ordered.add(|| OrderedValue(value.clone()));
            }
        }
        for (_, keys) in self.keys.iter_mut().filter(|(scanned, _)| *scanned == table) {
            keys.add(|| key.clone());
        }
    }

    /// Puts in order what was loaded.
    pub fn finish(&mut self) {
        self.values.iter_mut().filter_map(|values| values.ordered.as_mut()).for_each(Share::finish);
        self.keys.iter_mut().for_each(|(_, keys)| keys.finish());
    }

    /// How many loaded rows a search must find at least, whatever its limit.
    pub fn least(&self, op: &Op) -> usize {
        match op {
            Op::Find { table, field, matching, .. } => {
                let values = self.values.iter().find(|values| (values.table, values.field) == (*table, *field));
                values.map_or(0, |values| values.least(matching))
            }
            Op::Scan { table, from, .. } => {
                let keys = self.keys.iter().find(|(scanned, _)| scanned == table);
                keys.map_or(0, |(_, keys)| keys.kept.len() - keys.kept.partition_point(|key| key < from))
            }
            Op::Tail { log, stream, .. } => {
                let events = self.events.iter().find(|(read, _)| read == log);
                events.and_then(|(_, counts)| counts.get(stream)).copied().unwrap_or(0)
            }
            _ => 0,
        }
    }
}

impl LoadedValues {
    fn least(&self, matching: &Matching) -> usize {
        match matching {
            Matching::Equal(value) => self.equal.get(&value_hash(value, &mut Vec::new())).copied().unwrap_or(0),
            Matching::Between(low, high) => {
                let Some(ordered) = &self.ordered else { return 0 };
                let (low, high) = (OrderedValue(low.clone()), OrderedValue(high.clone()));
                let below = ordered.kept.partition_point(|value| *value < low);
                ordered.kept.partition_point(|value| *value <= high).saturating_sub(below)
            }
        }
    }
}

impl<T> Default for Share<T> {
    fn default() -> Self {
        Share { kept: Vec::new(), one_in: 1, seen: 0 }
    }
}

impl<T: Ord> Share<T> {
    fn add(&mut self, one: impl FnOnce() -> T) {
        if self.seen.is_multiple_of(self.one_in) {
            self.kept.push(one());
            if self.kept.len() == MOST {
                let mut at = 0;
                self.kept.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.one_in *= 2;
            }
        }
        self.seen += 1;
    }

    fn finish(&mut self) {
        self.kept.sort_unstable();
    }
}

/// Whether no operation takes a record of the table away.
fn keeps_its_records(plan: &Plan, at: usize) -> bool {
    let mut steps = plan.operations.iter().flat_map(|operation| &operation.recipe.steps);
    steps.all(|step| !matches!(&step.action, Action::Delete { table, .. } if *table == at))
}

/// Whether, beside that, none changes the field.
fn keeps_its_values(plan: &Plan, at: usize, field: usize) -> bool {
    let mut steps = plan.operations.iter().flat_map(|operation| &operation.recipe.steps);
    let keeps = steps.all(|step| match &step.action {
        Action::Update { table, selection, set, .. } if *table == at => {
            !selection.fields().contains(&field) && set.iter().all(|(set, _)| *set != field)
        }
        Action::Increment { table, field: incremented, .. } => (*table, *incremented) != (at, field),
        _ => true,
    });
    keeps && keeps_its_records(plan, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Workload;
    use drivers::{Fields, Order};

    const WORKLOAD: &str = r#"
about = "a shop"
[tables.goods]
records = 4
index = ["category", "price", "stock"]
[tables.goods.fields]
category = { text = ["a", "b"] }
price = { int = [1, 9] }
stock = { int = 5 }
[tables.gone]
records = 1
index = ["category"]
[tables.gone.fields]
category = { text = ["a"] }
[logs.events]
streams = 2
events = 2
[logs.events.fields]
what = { text = ["x"] }
[operations]
by-category = { weight = 1, do = "find", table = "goods", by = "category", limit = 9 }
by-price = { weight = 1, do = "find", table = "goods", by = "price", from = { int = [1, 5] }, width = 3, limit = 9 }
by-stock = { weight = 1, do = "find", table = "goods", by = "stock", limit = 9 }
restock = { weight = 1, do = "bump", table = "goods", key = "uniform", field = "stock", by = 1 }
page = { weight = 1, do = "scan", table = "goods", key = "uniform", limit = 3 }
lost = { weight = 1, do = "find", table = "gone", by = "category", limit = 9 }
forget = { weight = 1, do = "delete", table = "gone", key = "uniform" }
recent = { weight = 1, do = "tail", log = "events", key = "uniform", limit = 9 }
"#;

    fn find(table: usize, field: usize, matching: Matching) -> Op {
        Op::Find { table, field, matching, order: Order::Ascending, limit: 9, fields: Fields::All }
    }

    #[test]
    fn a_search_must_find_the_loaded_rows_that_nothing_takes_away() {
        let plan =
            Workload::parse("test.toml", WORKLOAD).and_then(|workload| workload.plan(None, None)).expect("a plan");
        let mut loaded = LoadedRows::new(&plan);
        let goods = [("a", 1), ("a", 3), ("b", 3), ("a", 7)];
        let inserts = (1..).zip(goods).map(|(key, (category, price))| {
            let record = vec![Value::Text(category.into()), Value::Int(price), Value::Int(5)];
            Op::Insert { table: 0, key: Key::Int(key), record }
        });
        loaded.add(&Op::Batch(inserts.collect()));
        loaded.add(&Op::Insert { table: 1, key: Key::Int(1), record: vec![Value::Text("a".into())] });
        loaded.add(&Op::Append { log: 0, stream: Key::Int(2), events: vec![vec![], vec![]] });
        loaded.finish();
        let equal = |table, field, value| loaded.least(&find(table, field, Matching::Equal(value)));
        let text = |text: &str| Value::Text(text.into());
        assert_eq!((equal(0, 0, text("a")), equal(0, 0, text("b")), equal(0, 0, text("c"))), (3, 1, 0));
        assert_eq!(equal(0, 2, Value::Int(5)), 0, "the stock is incremented");
        assert_eq!(equal(1, 0, text("a")), 0, "records are deleted");
        let between = |low, high| loaded.least(&find(0, 1, Matching::Between(Value::Int(low), Value::Int(high))));
        assert_eq!((between(1, 3), between(3, 7), between(4, 6), between(9, 1)), (3, 3, 0, 0));
        let scan = |from| loaded.least(&Op::Scan { table: 0, from: Key::Int(from), limit: 3, fields: Fields::All });
        assert_eq!((scan(1), scan(4), scan(5)), (4, 1, 0));
        let tail = |stream| loaded.least(&Op::Tail { log: 0, stream: Key::Int(stream), limit: 9 });
        assert_eq!((tail(1), tail(2)), (0, 2));
    }

    #[test]
    fn of_many_rows_an_even_share_is_kept() {
        let mut share = Share::default();
        (0..3 * MOST).for_each(|at| share.add(|| at));
        share.finish();
        assert!((MOST / 2..MOST).contains(&share.kept.len()) && share.one_in == 4, "{}", share.kept.len());
        let upper = share.kept.len() - share.kept.partition_point(|at| *at < 3 * MOST / 2);
        assert!(upper.abs_diff(share.kept.len() / 2) <= 1, "{upper} of {} in the upper half", share.kept.len());
    }
}
