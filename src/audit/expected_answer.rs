//! What a query must answer, concluded from the rows that the store holds: each operation's meaning once more, written
//! without the drivers' reference store, over rows that come one at a time.
//!
//! A query keeps the rows that it may answer and no more of them than it answers at most, so that any amount of data can be
//! gone through.

use std::cmp::Ordering;

use drivers::{Fields, Fold, Key, Matching, Op, Order, OrderedValue, Part, Row, Value};

/// A query's answer, while the rows of its part go by.
#[derive(Debug)]
pub struct ExpectedAnswer {
    op: Op,
    /// The rows so far, of which only as many as may be answered are kept.
    rows: Vec<Row>,
}

/// How far two floats that were folded from the same values in another order may be apart, relative to the largest of those
/// values: their sum may be near zero. Adding 10^6 of them errs by 2.2e-10 at most (Higham, Accuracy and Stability of
/// Numerical Algorithms, section 4.2).
const FOLD_TOLERANCE: f64 = 1e-9;

impl ExpectedAnswer {
    /// The answer to a single operation that reads.
    pub fn to(op: Op) -> Self {
        ExpectedAnswer { op, rows: Vec::new() }
    }

    /// The part whose rows decide the answer; none of an operation that does not read.
    pub fn part(&self) -> Option<Part> {
        match &self.op {
            Op::Read { table, .. } | Op::Scan { table, .. } | Op::Find { table, .. } => Some(Part::Table(*table)),
            Op::Tail { log, .. } => Some(Part::Log(*log)),
            Op::LastPoint { series, .. }
            | Op::PointRange { series, .. }
            | Op::Window { series, .. }
            | Op::PointsAbove { series, .. } => Some(Part::Series(*series)),
            _ => None,
        }
    }

    /// The one key whose rows can be in the answer, if only those can.
    pub fn key(&self) -> Option<Key> {
        match &self.op {
            Op::Read { key, .. } | Op::Tail { stream: key, .. } => Some(key.clone()),
            Op::LastPoint { entity, .. } | Op::PointRange { entity, .. } | Op::Window { entity, .. } => {
                Some(Key::Int(*entity))
            }
            _ => None,
        }
    }

    /// Takes a row that the store holds; of a log in the order of its stream.
    pub fn add(&mut self, row: &Row) {
        if !is_relevant(&self.op, row) {
            return;
        }
        self.rows.push(row.clone());
        // Twice as many, so that sorting costs each row the logarithm and no more.
        if limit(&self.op).is_some_and(|limit| self.rows.len() >= 2 * limit.max(1)) {
            self.keep_the_first();
        }
    }

    fn keep_the_first(&mut self) {
        let op = &self.op;
        match op {
            // The newest come last.
            Op::Tail { limit, .. } => drop(self.rows.drain(..self.rows.len().saturating_sub(*limit))),
            _ => {
                self.rows.sort_by(|a, b| answer_order(op, a, b));
                self.rows.truncate(limit(op).unwrap_or(usize::MAX));
            }
        }
    }

    /// The operation, the rows that it must be answered with when all rows have gone by, and how far their floats may be
    /// from those of the answer.
    pub fn rows(mut self) -> (Op, Vec<Row>, f64) {
        self.keep_the_first();
        let ExpectedAnswer { op, mut rows } = self;
        let mut tolerance = 0.0;
        match &op {
            Op::Tail { .. } => rows.reverse(),
            Op::Read { fields, .. } | Op::Scan { fields, .. } | Op::Find { fields, .. } => {
                rows.iter_mut().for_each(|row| project(row, fields));
            }
            Op::Window { metric, every_ms, fold, .. } => {
                tolerance = FOLD_TOLERANCE * largest(&rows, *metric);
                rows = folded(&rows, *metric, *every_ms, *fold);
            }
            _ => {}
        }
        (op, rows, tolerance)
    }
}

/// Whether two rows of an answer say the same, where floats may be as far apart as this.
pub fn is_same(one: &Row, other: &Row, tolerance: f64) -> bool {
    let same = |(one, other): (&Value, &Value)| match (one, other) {
        (Value::Float(one), Value::Float(other)) => (one - other).abs() <= tolerance,
        _ => canonical(one) == canonical(other),
    };
    one.key == other.key && one.values.len() == other.values.len() && one.values.iter().zip(&other.values).all(same)
}

fn canonical(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_canonical(&mut bytes);
    bytes
}

/// How many rows are answered at most.
fn limit(op: &Op) -> Option<usize> {
    match op {
        Op::Scan { limit, .. } | Op::Find { limit, .. } | Op::Tail { limit, .. } | Op::PointsAbove { limit, .. } => {
            Some(*limit)
        }
        Op::LastPoint { .. } => Some(1),
        _ => None,
    }
}

/// Whether a row of the part may be in the answer.
fn is_relevant(op: &Op, row: &Row) -> bool {
    let is_of = |entity: i64| row.key == Key::Int(entity);
    let is_within = |from_ms: i64, to_ms: i64| instant(row).is_some_and(|at| (from_ms..to_ms).contains(&at));
    match op {
        Op::Read { key, .. } | Op::Tail { stream: key, .. } => row.key == *key,
        Op::Scan { from, .. } => row.key >= *from,
        Op::Find { field, matching, .. } => row.values.get(*field).is_some_and(|value| matches(matching, value)),
        Op::LastPoint { entity, .. } => is_of(*entity),
        Op::PointRange { entity, from_ms, to_ms, .. } | Op::Window { entity, from_ms, to_ms, .. } => {
            is_of(*entity) && is_within(*from_ms, *to_ms)
        }
        Op::PointsAbove { metric, threshold, from_ms, to_ms, .. } => {
            let is_above = matches!(row.values.get(1 + metric), Some(Value::Float(value)) if value > threshold);
            is_above && is_within(*from_ms, *to_ms)
        }
        _ => false,
    }
}

/// An absent field matches nothing.
fn matches(matching: &Matching, value: &Value) -> bool {
    let is = |one: &Value, order: fn(Ordering) -> bool| {
        // Texts, by far the most frequent, are compared where they are.
        match (one, value) {
            (Value::Text(one), Value::Text(value)) => order(one.cmp(value)),
            _ => order(OrderedValue(one.clone()).cmp(&OrderedValue(value.clone()))),
        }
    };
    *value != Value::Null
        && match matching {
            Matching::Equal(wanted) => is(wanted, Ordering::is_eq),
            Matching::Between(low, high) => is(low, Ordering::is_le) && is(high, Ordering::is_ge),
        }
}

/// The order of rows in the answer.
fn answer_order(op: &Op, a: &Row, b: &Row) -> Ordering {
    match op {
        Op::Find { field, order, .. } => {
            let value = |row: &Row| OrderedValue(row.values.get(*field).cloned().unwrap_or_default());
            let ascending = value(a).cmp(&value(b)).then_with(|| a.key.cmp(&b.key));
            if *order == Order::Ascending { ascending } else { ascending.reverse() }
        }
        Op::LastPoint { .. } => instant(b).cmp(&instant(a)),
        Op::PointRange { .. } | Op::Window { .. } => instant(a).cmp(&instant(b)),
        Op::PointsAbove { .. } => instant(b).cmp(&instant(a)).then_with(|| a.key.cmp(&b.key)),
        _ => a.key.cmp(&b.key),
    }
}

/// When a point was observed.
fn instant(row: &Row) -> Option<i64> {
    match row.values.first() {
        Some(Value::Time(at_ms)) => Some(*at_ms),
        _ => None,
    }
}

/// Leaves only the asked fields, in the asked order.
fn project(row: &mut Row, fields: &Fields) {
    if let Fields::Some(wanted) = fields {
        row.values = wanted.iter().map(|at| row.values.get(*at).cloned().unwrap_or_default()).collect();
    }
}

/// The largest value of a metric, whatever its sign.
fn largest(points: &[Row], metric: usize) -> f64 {
    let sizes = points.iter().map(|row| match row.values.get(1 + metric) {
        Some(Value::Float(value)) => value.abs(),
        _ => 0.0,
    });
    sizes.fold(0.0, f64::max)
}

/// A row for each bucket that holds points; these are in the order of time.
fn folded(points: &[Row], metric: usize, every_ms: i64, fold: Fold) -> Vec<Row> {
    let start = |row: &Row| instant(row).map(|at| at - at.rem_euclid(every_ms));
    let buckets = points.chunk_by(|a, b| start(a) == start(b));
    let bucket = |points: &[Row]| {
        let value = |row: &Row| match row.values.get(1 + metric) {
            Some(Value::Float(value)) => *value,
            _ => f64::NAN,
        };
        let values = points.iter().map(value);
        let count = points.len();
        let folded = match fold {
            Fold::Mean => Value::Float(values.sum::<f64>() / count as f64),
            Fold::Min => Value::Float(values.fold(f64::INFINITY, f64::min)),
            Fold::Max => Value::Float(values.fold(f64::NEG_INFINITY, f64::max)),
            Fold::Sum => Value::Float(values.sum()),
            Fold::Count => Value::Int(count as i64),
        };
        Row { key: points[0].key.clone(), values: vec![Value::Time(start(&points[0]).unwrap_or_default()), folded] }
    };
    buckets.map(bucket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_ms: i64, value: f64) -> Row {
        Row { key: Key::Int(1), values: vec![Value::Time(at_ms), Value::Float(value)] }
    }

    #[test]
    fn values_that_cancel_out_may_leave_a_rest_and_a_changed_one_is_seen() {
        let window =
            Op::Window { series: 0, entity: 1, metric: 0, from_ms: 0, to_ms: 10, every_ms: 10, fold: Fold::Mean };
        let mut answer = ExpectedAnswer::to(window);
        [0.1, 0.2, -0.3].iter().zip(0..).for_each(|(value, at_ms)| answer.add(&point(at_ms, *value)));
        let (_, rows, tolerance) = answer.rows();
        // In this order they add up to 5.6e-17, and in another one to 0.
        assert!(is_same(&rows[0], &point(0, 0.0), tolerance) && rows[0].values[1] != Value::Float(0.0), "{rows:?}");
        assert!(!is_same(&rows[0], &point(0, 0.001), tolerance));
    }

    #[test]
    fn what_is_not_folded_is_compared_to_the_last_bit() {
        let mut answer = ExpectedAnswer::to(Op::LastPoint { series: 0, entity: 1 });
        [point(5, 0.1), point(7, 0.3), point(6, 0.2)].iter().for_each(|row| answer.add(row));
        let (_, rows, tolerance) = answer.rows();
        assert!(is_same(&rows[0], &point(7, 0.3), tolerance) && !is_same(&rows[0], &point(7, 0.1 + 0.2), tolerance));
    }
}
