//! Totals over the data, and how far unanswered writes leave them open.
//!
//! A total is the sum of a field, or of the terms of a workload's check. An unanswered operation was done or was not, as a
//! whole unless it may be torn, and may arrive at any time. So a total may be off by what some of those operations add to
//! it and by nothing else: an unanswered one excuses no loss of acknowledged ones.

use std::collections::HashSet;

use drivers::{Dataset, Kind, Op, Value};

use crate::workload::{Plan, Term};

/// How many amounts are kept one by one. A run with more unanswered writes is far from valid.
const AMOUNTS: usize = 1_000;
/// How many sums are tried: those of 16 amounts that have nothing in common, or of far more that are alike.
const SUMS: usize = 1 << 16;

/// A total, and by how much unanswered writes may have changed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Total {
    /// The terms that are added up.
    pub terms: Vec<Term>,
    /// What unanswered operations add to it if they are done; those that do not change it are not kept.
    amounts: Vec<i128>,
    /// How many such operations there are, kept one by one or not.
    writes: u64,
    /// The sums of their negative amounts and of their positive ones.
    lowest: i128,
    highest: i128,
    /// How many unanswered operations overwrite or delete what is summed: nobody knows what they add.
    unknowable: u64,
}

/// Whether unanswered writes explain the difference of a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explained {
    /// Some of them add up to it.
    Yes,
    /// They do not, whichever of them were done.
    No,
    /// It cannot be decided: what they add is unknown, or they are too many.
    Perhaps,
}

impl Total {
    /// The sum of each integer field, and the terms of each check.
    pub fn all(plan: &Plan) -> Vec<Total> {
        let tables = plan.dataset.tables.iter().enumerate();
        let fields = tables.flat_map(|(at, table)| {
            let integers = table.fields.iter().enumerate().filter(|(_, field)| field.kind == Kind::Int);
            integers.map(move |(field, _)| vec![Term { sign: 1, table: at, field, item_field: None }])
        });
        let checks = plan.checks.iter().map(|check| check.terms.clone());
        fields.chain(checks).map(Total::of).collect()
    }

    /// A total without unanswered operations.
    pub fn of(terms: Vec<Term>) -> Total {
        Total { terms, amounts: Vec::new(), writes: 0, lowest: 0, highest: 0, unknowable: 0 }
    }

    /// Adds an unanswered operation that is done as a whole or not at all.
    pub fn add_indeterminate(&mut self, op: &Op, dataset: &Dataset) {
        match self.change_by(op, dataset) {
            Some(amount) => self.add(amount),
            None => self.unknowable += 1,
        }
    }

    /// Adds the unanswered operations of another lane.
    pub fn merge(&mut self, other: &Total) {
        let known = self.amounts.len() as u64 == self.writes && other.amounts.len() as u64 == other.writes;
        if known {
            other.amounts.iter().for_each(|amount| self.add(*amount));
        } else {
            self.amounts.clear();
            self.writes += other.writes;
            self.lowest += other.lowest;
            self.highest += other.highest;
        }
        self.unknowable += other.unknowable;
    }

    fn add(&mut self, amount: i128) {
        if amount == 0 {
            return;
        }
        self.writes += 1;
        self.lowest += amount.min(0);
        self.highest += amount.max(0);
        if self.amounts.len() < AMOUNTS {
            self.amounts.push(amount);
        }
    }

    /// How many unanswered operations may have changed it.
    pub fn indeterminate_writes(&self) -> u64 {
        self.writes + self.unknowable
    }

    /// Whether the total may be off by this although no acknowledged write is lost.
    pub fn explains(&self, difference: i128) -> Explained {
        if difference == 0 {
            return Explained::Yes;
        }
        if self.unknowable > 0 {
            return Explained::Perhaps;
        }
        if !(self.lowest..=self.highest).contains(&difference) {
            return Explained::No;
        }
        if (self.amounts.len() as u64) < self.writes {
            return Explained::Perhaps;
        }
        let mut sums = HashSet::from([0]);
        for amount in &self.amounts {
            let with: Vec<i128> = sums.iter().map(|sum| sum + amount).collect();
            sums.extend(with);
            if sums.contains(&difference) {
                return Explained::Yes;
            }
            if sums.len() > SUMS {
                return Explained::Perhaps;
            }
        }
        Explained::No
    }

    /// What an operation adds to it; none where that depends on what was there.
    fn change_by(&self, op: &Op, dataset: &Dataset) -> Option<i128> {
        if let Op::Transact(ops) | Op::Interactive(ops) = op {
            return ops.iter().map(|op| self.change_by(op, dataset)).sum();
        }
        self.terms.iter().map(|term| Some(i128::from(term.sign) * change_of_term(term, op, dataset)?)).sum()
    }
}

/// What a single operation adds to a term.
fn change_of_term(term: &Term, op: &Op, dataset: &Dataset) -> Option<i128> {
    match op {
        Op::Increment { table, field, by, .. } if (*table, *field) == (term.table, term.field) => Some(i128::from(*by)),
        Op::Insert { table, record, .. } if *table == term.table => {
            let mut sum = 0;
            visit_integers(&record[term.field], &dataset.tables[*table].fields[term.field].kind, |part, number| {
                sum += if part == term.item_field { number } else { 0 };
            });
            Some(sum)
        }
        Op::Update { table, changes, .. } if *table == term.table => {
            changes.iter().all(|change| change.field != term.field).then_some(0)
        }
        Op::Delete { table, .. } if *table == term.table => None,
        _ => Some(0),
    }
}

/// Calls `visit` with each integer of a field: its own, or those of its items with their position in an item. JSON may have
/// made them floats.
pub fn visit_integers(value: &Value, kind: &Kind, mut visit: impl FnMut(Option<usize>, i128)) {
    match (value, kind) {
        (Value::Int(number), _) => visit(None, i128::from(*number)),
        (Value::List(items), Kind::Items(parts)) => {
            let maps =
                items.iter().filter_map(|item| if let Value::Map(entries) = item { Some(entries) } else { None });
            for (name, value) in maps.flatten() {
                let part = parts.iter().position(|part| part.name == name.as_str());
                match value {
                    Value::Int(number) if part.is_some() => visit(part, i128::from(*number)),
                    Value::Float(number) if part.is_some() && number.fract() == 0.0 => visit(part, *number as i128),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::Key;
    use proptest::prelude::*;

    fn balance() -> Total {
        Total::of(vec![Term { sign: 1, table: 0, field: 0, item_field: None }])
    }

    fn increment(by: i64) -> Op {
        Op::Increment { table: 0, key: Key::Int(1), field: 0, by, floor: None }
    }

    fn unanswered(ops: &[Op]) -> Total {
        let dataset = Dataset { name: "bank".into(), tables: vec![], logs: vec![], series: vec![] };
        let mut total = balance();
        ops.iter().for_each(|op| total.add_indeterminate(op, &dataset));
        total
    }

    #[test]
    fn a_transfer_that_was_not_answered_leaves_nothing_open_and_a_torn_one_each_half() {
        let transfer = vec![increment(30), increment(-30)];
        let whole = unanswered(&[Op::Transact(transfer.clone())]);
        assert_eq!(
            (whole.indeterminate_writes(), whole.explains(0), whole.explains(30)),
            (0, Explained::Yes, Explained::No)
        );
        let torn = unanswered(&transfer);
        assert_eq!([30, -30, 31].map(|by| torn.explains(by)), [Explained::Yes, Explained::Yes, Explained::No]);
    }

    #[test]
    fn what_nobody_can_know_is_left_open() {
        let delete = Op::Delete { table: 0, key: Key::Int(1) };
        assert_eq!(unanswered(&[delete]).explains(5), Explained::Perhaps);
        let many = unanswered(&(0..40).map(|at| increment(1 << at)).collect::<Vec<_>>());
        assert_eq!(many.explains((1 << 40) - 2), Explained::Perhaps, "2^40 sums are too many to try");
        assert_eq!(many.explains(1 << 40), Explained::No, "more than all of them");
        assert_eq!(many.explains(-1), Explained::No);
    }

    #[test]
    fn memory_is_bounded_and_the_bounds_stay_exact() {
        let ops: Vec<Op> = (0..AMOUNTS as i64 + 1).map(|_| increment(2)).collect();
        let mut many = unanswered(&ops);
        assert_eq!(many.amounts.len(), AMOUNTS);
        many.merge(&unanswered(&ops));
        assert_eq!((many.indeterminate_writes(), many.explains(2)), (2 * ops.len() as u64, Explained::Perhaps));
        assert_eq!(many.explains(4 * ops.len() as i128 + 2), Explained::No);
        assert_eq!(unanswered(&ops[1..]).explains(3), Explained::No, "an odd sum of a thousand twos");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whichever of the unanswered operations were done: nobody is accused; and no other difference is excused.
        #[test]
        fn exactly_the_sums_of_some_amounts_are_explained(
            amounts in prop::collection::vec((-50_i64..50, any::<bool>(), any::<bool>()), 0..10),
            other in -400_i128..400,
        ) {
            let lane = |of: bool| {
                let ops = amounts.iter().filter(|(_, _, lane)| *lane == of).map(|(by, ..)| increment(*by));
                unanswered(&ops.collect::<Vec<_>>())
            };
            let mut total = lane(false);
            total.merge(&lane(true));
            let done: i128 = amounts.iter().filter(|(_, done, _)| *done).map(|(by, ..)| i128::from(*by)).sum();
            prop_assert_eq!(total.explains(done), Explained::Yes);
            let possible = (0..1 << amounts.len()).any(|some: u32| {
                let chosen = amounts.iter().enumerate().filter(|(at, _)| some >> at & 1 == 1);
                chosen.map(|(_, (by, ..))| i128::from(*by)).sum::<i128>() == other
            });
            prop_assert_eq!(total.explains(other), if possible { Explained::Yes } else { Explained::No });
        }
    }
}
