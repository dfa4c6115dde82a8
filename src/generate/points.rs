//! The points of a series, batch by batch: which of them arrive with a tick, late ones among them, and their values.
//!
//! Batch n holds some entities at a tick and is a function of n alone, so that the load and every lane of a run can make
//! any of them. Values are in `walk.rs`.

use super::acknowledged_keys::KeyFrontiers;
use super::generator::Generator;
use super::key_text::{int_key, int_number};
use super::walk;
use crate::draw::rng::{mix, unit};
use crate::workload::SeriesSpec;
use drivers::{Part, Point};

/// Separates the hashes that decide about arrival from those of values.
const ARRIVAL: u64 = u64::MAX;

impl Generator {
    /// Writes the points of batch `number` of a series after the first `filled` ones; gives how many there are then.
    /// Points beyond them stay, so that their memory can be reused.
    pub fn points(&self, series: usize, number: u64, mut filled: usize, points: &mut Vec<Point>) -> usize {
        let spec = &self.plan.series[series];
        let (tick, batch) = (number / spec.batches_per_tick(), number % spec.batches_per_tick());
        let first = batch * spec.batch;
        let latest_delay = if spec.late > 0.0 { spec.late_ticks } else { 0 };
        for entity in first..(first + spec.batch).min(spec.entities) {
            let walks = self.content_seed(Part::Series(series), entity);
            for delay in 0..=latest_delay.min(tick) {
                if delay_ticks(spec, walks, entity, tick - delay) == Some(delay) {
                    if filled == points.len() {
                        points.push(Point::default());
                    }
                    fill_point(spec, walks, entity, tick - delay, &mut points[filled]);
                    filled += 1;
                }
            }
        }
        filled
    }

    /// The instants of an entity's points in `from_ms <= t < to_ms` that arrived before `to_ms`, oldest first: all of them
    /// are there when the series has come as far as that.
    pub fn instants(&self, series: usize, entity: i64, from_ms: i64, to_ms: i64) -> impl Iterator<Item = i64> {
        let spec = &self.plan.series[series];
        let entity = int_number(entity);
        let walks = self.content_seed(Part::Series(series), entity);
        let tick_of = |at_ms: i64| {
            let elapsed_ms = at_ms.saturating_sub(spec.start_ms).max(0) as u64;
            elapsed_ms.div_ceil(spec.interval_ms.unsigned_abs().max(1))
        };
        let end = tick_of(to_ms);
        let arrived = move |tick: &u64| {
            entity < spec.entities && delay_ticks(spec, walks, entity, *tick).is_some_and(|delay| tick + delay < end)
        };
        let instant = |tick: u64| spec.start_ms.saturating_add((tick as i64).saturating_mul(spec.interval_ms));
        (tick_of(from_ms)..end).filter(arrived).map(instant)
    }

    /// How far the points of a series are loaded.
    pub fn loaded_until_ms(&self, series: usize) -> i64 {
        let spec = &self.plan.series[series];
        spec.start_ms.saturating_add((spec.load_ticks as i64).saturating_mul(spec.interval_ms))
    }

    /// The instant after the newest tick of a series of which all batches are visible.
    pub fn now_ms(&self, series: usize, frontiers: &KeyFrontiers) -> i64 {
        let spec = &self.plan.series[series];
        let batches = frontiers.get(Part::Series(series)).map_or(0, |batches| batches.visible());
        let ticks = (batches / spec.batches_per_tick()) as i64;
        spec.start_ms.saturating_add(ticks.saturating_mul(spec.interval_ms))
    }
}

/// By how many ticks a point is late; `None` if it never arrives.
///
/// The first entity of each batch is always in time, so that no batch is empty, and so is everyone's tick 0, so that
/// every entity has a point.
fn delay_ticks(spec: &SeriesSpec, walks: u64, entity: u64, tick: u64) -> Option<u64> {
    if tick == 0 || entity.is_multiple_of(spec.batch) {
        return Some(0);
    }
    let hash = mix(mix(walks, ARRIVAL), tick);
    let ticket = unit(hash);
    if ticket < spec.missing {
        None
    } else if ticket < spec.missing + spec.late {
        Some(1 + mix(hash, 0) % spec.late_ticks)
    } else {
        Some(0)
    }
}

fn fill_point(spec: &SeriesSpec, walks: u64, entity: u64, tick: u64, point: &mut Point) {
    point.entity = int_key(entity);
    point.at_ms = spec.start_ms.saturating_add((tick as i64).saturating_mul(spec.interval_ms));
    point.metrics.clear();
    let metrics = spec.metrics.iter().enumerate();
    point.metrics.extend(metrics.map(|(at, metric)| walk::value(mix(walks, at as u64), metric, tick)));
}
