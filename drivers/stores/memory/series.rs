//! Points by entity and instant: the meaning of the series family.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::{Failure, Fold, Key, Point, Row, Rows, Value};

/// One series' content.
pub(super) struct Series {
    name: String,
    /// Metrics by (entity, instant).
    points: BTreeMap<(i64, i64), Vec<f64>>,
    /// The same by instant, and within one by falling entity: walked from its end it is newest first, smallest entity
    /// first.
    instants: BTreeSet<(i64, Reverse<i64>)>,
}

impl Series {
    pub(super) fn empty(shape: &crate::Series) -> Self {
        Series { name: shape.name.clone(), points: BTreeMap::new(), instants: BTreeSet::new() }
    }

    pub(super) fn ingest(&mut self, points: &[Point]) {
        for point in points {
            self.points.insert((point.entity, point.at_ms), point.metrics.clone());
            self.instants.insert((point.at_ms, Reverse(point.entity)));
        }
    }

    pub(super) fn last(&self, entity: i64, rows: &mut Rows) -> Result<(), Failure> {
        let newest = self.points.range((entity, i64::MIN)..=(entity, i64::MAX)).next_back();
        let ((_, at_ms), metrics) = newest.ok_or_else(|| Failure::missing(format_args!("{} {entity}", self.name)))?;
        push(entity, *at_ms, metrics, rows);
        Ok(())
    }

    /// The points of an entity in `from_ms <= t < to_ms`, oldest first.
    pub(super) fn between(&self, entity: i64, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (i64, &[f64])> {
        // An empty interval must not become a range that ends before it starts, which a map refuses by panicking.
        let points = self.points.range((entity, from_ms)..(entity, to_ms.max(from_ms)));
        points.map(|((_, at_ms), metrics)| (*at_ms, metrics.as_slice()))
    }

    /// The points of all entities in `from_ms <= t < to_ms`, newest first and by entity within an instant.
    pub(super) fn newest_first(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (i64, i64, &[f64])> {
        let first = |instant| (instant, Reverse(i64::MAX));
        let instants = self.instants.range(first(from_ms)..first(to_ms.max(from_ms))).rev();
        instants.map(|(at_ms, Reverse(entity))| (*entity, *at_ms, self.points[&(*entity, *at_ms)].as_slice()))
    }

    pub(super) fn export(&self, sink: &mut dyn FnMut(Row)) {
        for ((entity, at_ms), metrics) in &self.points {
            sink(Row { key: Key::Int(*entity), values: values(*at_ms, metrics) });
        }
    }
}

/// One row for each bucket that holds something. Buckets start at multiples of their width, also before 1970, so the
/// division rounds down and not towards zero.
pub(super) fn fold_buckets(
    entity: i64,
    observed: impl Iterator<Item = (i64, f64)>,
    every_ms: i64,
    fold: Fold,
    rows: &mut Rows,
) {
    let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    observed.for_each(|(at_ms, value)| buckets.entry(at_ms - at_ms.rem_euclid(every_ms)).or_default().push(value));
    for (start_ms, held) in buckets {
        let sum: f64 = held.iter().sum();
        let folded = match fold {
            Fold::Mean => Value::Float(sum / held.len() as f64),
            Fold::Min => Value::Float(held.iter().copied().fold(f64::INFINITY, f64::min)),
            Fold::Max => Value::Float(held.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            Fold::Sum => Value::Float(sum),
            Fold::Count => Value::Int(held.len() as i64),
        };
        rows.push(Key::Int(entity), vec![Value::Time(start_ms), folded]);
    }
}

pub(super) fn push(entity: i64, at_ms: i64, metrics: &[f64], rows: &mut Rows) {
    rows.push(Key::Int(entity), values(at_ms, metrics));
}

fn values(at_ms: i64, metrics: &[f64]) -> Vec<Value> {
    std::iter::once(Value::Time(at_ms)).chain(metrics.iter().map(|metric| Value::Float(*metric))).collect()
}
