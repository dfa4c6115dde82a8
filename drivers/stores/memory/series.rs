//! Points by entity and instant: the meaning of the series family.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::{Failure, Fold, Point, Series, Value};

/// The points of one series.
#[derive(Clone)]
pub(super) struct StoredSeries {
    name: String,
    /// Metrics by (entity, instant).
    points: BTreeMap<(i64, i64), Vec<f64>>,
    /// The same points by instant, and by descending entity within an instant: from its end it is newest first, and
    /// smallest entity first.
    by_instant: BTreeSet<(i64, Reverse<i64>)>,
}

impl StoredSeries {
    pub(super) fn empty(series: &Series) -> Self {
        StoredSeries { name: series.name.clone(), points: BTreeMap::new(), by_instant: BTreeSet::new() }
    }

    /// A point at an (entity, instant) already there replaces it.
    pub(super) fn insert(&mut self, points: &[Point]) {
        for point in points {
            self.points.insert((point.entity, point.at_ms), point.metrics.clone());
            self.by_instant.insert((point.at_ms, Reverse(point.entity)));
        }
    }

    /// The newest point of an entity, `Missing` if it has none.
    pub(super) fn last(&self, entity: i64) -> Result<(i64, &[f64]), Failure> {
        let newest = self.points.range((entity, i64::MIN)..=(entity, i64::MAX)).next_back();
        let ((_, at_ms), metrics) = newest.ok_or_else(|| Failure::missing(format_args!("{} {entity}", self.name)))?;
        Ok((*at_ms, metrics))
    }

    /// The points of an entity in `from_ms <= t < to_ms`, oldest first.
    pub(super) fn range(&self, entity: i64, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (i64, &[f64])> {
        // An empty interval must not become a range that ends before it starts, which a map refuses by panicking.
        let points = self.points.range((entity, from_ms)..(entity, to_ms.max(from_ms)));
        points.map(|((_, at_ms), metrics)| (*at_ms, metrics.as_slice()))
    }

    /// The points of all entities in `from_ms <= t < to_ms`, newest first and by entity within an instant.
    pub(super) fn newest_first(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (i64, i64, &[f64])> {
        let start = |instant| (instant, Reverse(i64::MAX));
        let instants = self.by_instant.range(start(from_ms)..start(to_ms.max(from_ms))).rev();
        instants.map(|(at_ms, Reverse(entity))| (*entity, *at_ms, self.points[&(*entity, *at_ms)].as_slice()))
    }

    /// Every point, by entity and instant.
    pub(super) fn points(&self) -> impl Iterator<Item = (i64, i64, &[f64])> {
        self.points.iter().map(|((entity, at_ms), metrics)| (*entity, *at_ms, metrics.as_slice()))
    }
}

/// The start and the folded value of each bucket that holds a value. Buckets start at multiples of their width, also
/// before 1970, so the division rounds down and not towards zero.
pub(super) fn fold_buckets(
    values: impl Iterator<Item = (i64, f64)>,
    every_ms: i64,
    fold: Fold,
) -> impl Iterator<Item = (i64, Value)> {
    let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    values.for_each(|(at_ms, value)| buckets.entry(at_ms - at_ms.rem_euclid(every_ms)).or_default().push(value));
    buckets.into_iter().map(move |(start_ms, values)| {
        let sum: f64 = values.iter().sum();
        let folded = match fold {
            Fold::Mean => Value::Float(sum / values.len() as f64),
            Fold::Min => Value::Float(values.iter().copied().fold(f64::INFINITY, f64::min)),
            Fold::Max => Value::Float(values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            Fold::Sum => Value::Float(sum),
            Fold::Count => Value::Int(values.len() as i64),
        };
        (start_ms, folded)
    })
}
