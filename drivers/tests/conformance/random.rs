//! Operations by chance, from few keys and few values so that they meet each other.
//!
//! Floats are quarters, whose sums are exact in any order. A batch holds only operations that succeed, but for its last:
//! what a store does with the operations after a failed one is its own choice.

use std::collections::BTreeMap;

use drivers::{Failure, FailureKind, Fields, Fold, Key, Matching, Op, Order, Outcome, Record, Row, Value};

use crate::harness::*;

pub const CASES: &[Case] = &[case!(Store whatever_happens_it_happens_as_in_memory)];

fn whatever_happens_it_happens_as_in_memory(store: &Tested) {
    const STEPS: usize = 4000;
    let reference = reference();
    let (mut client, mut truth) = (store.client(), reference.client());
    let mut random = Random(42);
    let mut answers = BTreeMap::new();
    for step in 0..STEPS {
        let op = random.op();
        if !store.declared.capabilities.meets(op.needs()) {
            continue;
        }
        let (found, expected) = (outcome(client.execute(&op)), outcome(truth.execute(&op)));
        assert!(found == expected, "step {step}: {op:?}\nfound    {found:?}\nexpected {expected:?}");
        let answered = matches!(&found, Ok((Outcome::Applied, rows)) if op.writes() || !rows.is_empty());
        *answers.entry(op.verb()).or_insert(0) += u32::from(answered);
    }
    assert_eq!(client.digests(), truth.digests());
    // Chance must have asked something of every verb, or agreeing would mean little.
    assert!(answers.values().all(|times| *times >= 20), "{answers:?}");
}

/// What must agree: the kind of a failure, or how it ended and the rows, by their meaning.
fn outcome(answer: Result<(Outcome, Vec<Row>), Failure>) -> Result<(Outcome, Vec<Vec<u8>>), FailureKind> {
    match answer {
        Ok((Outcome::Applied, rows)) => Ok((Outcome::Applied, canonical(&rows))),
        Ok((Outcome::Refused, _)) => Ok((Outcome::Refused, Vec::new())),
        Err(failure) => Err(failure.kind),
    }
}

/// A small generator (splitmix64): the same numbers on every machine and for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    fn quarters(&mut self) -> f64 {
        self.between(-40, 40) as f64 / 4.0
    }

    fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize].clone()
    }

    fn maybe(&mut self, value: Value) -> Value {
        if self.below(3) == 0 { Value::Null } else { value }
    }

    fn text(&mut self) -> Value {
        text(self.of(&["", "a", "Ä", "zebra", "日本", "quote's \"\\", "🦀"]))
    }

    fn person(&mut self) -> Record {
        let mut record = person(self.between(0, 9));
        record[0] = self.text();
        record[1] = {
            let nick = self.text();
            self.maybe(nick)
        };
        record[3] = Value::Int(self.between(0, 50));
        record[4] = Value::Float(self.quarters());
        record[5] = Value::Bool(self.below(2) == 0);
        record[6] = {
            let born = Value::Time(self.between(-3, 3));
            self.maybe(born)
        };
        record[8] = Value::List((0..self.below(3)).map(|_| self.text()).collect());
        record[9] = map(&[("size", Value::Float(self.quarters())), ("none", Value::Null), ("word", self.text())]);
        record[10] = {
            let lines = record[10].clone();
            self.maybe(lines)
        };
        record
    }

    fn key(&mut self) -> Key {
        Key::Int(self.between(-20, 20))
    }

    fn order(&mut self) -> Order {
        self.of(&[Order::Ascending, Order::Descending])
    }

    fn fields(&mut self) -> Fields {
        self.of(&[Fields::All, Fields::Some(vec![2]), Fields::Some(vec![10, 0, 6])])
    }

    /// An operation on one record or on an index.
    fn record_op(&mut self) -> Op {
        let (table, key, fields) = (PEOPLE, self.key(), self.fields());
        match self.below(12) {
            0..=2 => insert(table, key, self.person()),
            3 => read(table, key),
            4 => Op::Read { table, key, fields },
            5 => update(table, key, 4, Value::Float(self.quarters())),
            6 => update(table, key, 2, Value::Int(self.between(0, 9))),
            7 => delete(table, key),
            8 => bump(table, key, 3, self.between(-20, 20), Some(0)),
            9 => bump(table, key, 3, self.between(-20, 20), None),
            10 => Op::Scan { table, from: key, limit: self.below(6) as usize, fields },
            _ => self.find(),
        }
    }

    fn find(&mut self) -> Op {
        let (order, limit, fields) = (self.order(), self.below(8) as usize, self.fields());
        let mut age = || Value::Int(self.between(0, 9));
        let matching = Matching::Equal(age());
        let between = Matching::Between(age(), age());
        let (field, matching) = match self.below(4) {
            0 => (2, matching),
            1 => (2, between),
            2 => (4, Matching::Between(Value::Float(self.quarters()), Value::Float(self.quarters()))),
            _ => (6, Matching::Between(Value::Time(self.between(-3, 3)), Value::Time(self.between(-3, 3)))),
        };
        Op::Find { table: PEOPLE, field, matching, order, limit, fields }
    }

    fn series_op(&mut self) -> Op {
        let (entity, metric) = (self.between(1, 3), self.below(2) as usize);
        let (from_ms, to_ms) = (self.between(-300, 300), self.between(-300, 300));
        let fold = self.of(&[Fold::Mean, Fold::Min, Fold::Max, Fold::Sum, Fold::Count]);
        match self.below(6) {
            0 | 1 => {
                let mut one = || point(self.between(1, 3), self.between(-300, 300), [self.quarters(), self.quarters()]);
                Op::InsertPoints { series: CPU, points: (0..4).map(|_| one()).collect() }
            }
            2 => Op::LastPoint { series: CPU, entity },
            3 => Op::PointRange { series: CPU, entity, from_ms, to_ms },
            4 => Op::Window { series: CPU, entity, metric, from_ms, to_ms, every_ms: self.between(1, 99), fold },
            _ => {
                let (threshold, limit) = (self.quarters(), self.below(9) as usize);
                Op::PointsAbove { series: CPU, metric, threshold, from_ms, to_ms, limit }
            }
        }
    }

    fn stream_op(&mut self) -> Op {
        let stream = word(self.of(&["a", "b", ""]));
        if self.below(2) == 0 {
            return Op::Tail { log: EVENTS, stream, limit: self.below(9) as usize };
        }
        let detail = self.maybe(map(&[("n", Value::Int(1))]));
        let event = vec![self.text(), Value::Time(self.between(-9, 9)), detail];
        Op::Append { log: EVENTS, stream, events: vec![event; self.below(4) as usize] }
    }

    fn op(&mut self) -> Op {
        match self.below(10) {
            0..=4 => self.record_op(),
            5 => self.series_op(),
            6 => self.stream_op(),
            7 => Op::Transact((0..self.below(5)).map(|_| self.record_op()).collect()),
            8 => Op::Interactive((0..self.below(5)).map(|_| self.record_op()).collect()),
            _ => {
                let mut ops = vec![self.find(), self.stream_op(), self.find()];
                ops.push(self.record_op());
                Op::Batch(ops)
            }
        }
    }
}
