//! Random walks that can be entered anywhere: the value at a tick is computed alone, without the ticks before it.
//!
//! A walk is approximated by octaves of noise: random values at every 1st, 4th, 16th, ... tick with straight lines between
//! them, each octave twice as high as the one below. Over a distance of d ticks the slower octaves have hardly moved and
//! the faster ones have been everywhere, so the variance of the difference grows with d, as that of a walk does. Unlike a
//! walk, neighbouring steps are negatively correlated, and beyond 4^8 ticks (a week of 10 s) nothing is remembered.

use crate::draw::rng::{mix, unit};
use crate::workload::MetricSpec;

const OCTAVES: u32 = 9;

/// The value of a metric at a tick; `walk` names the walk: a hash of the seed, the entity and the metric.
pub fn value(walk: u64, metric: &MetricSpec, tick: u64) -> f64 {
    // A step over one tick sums 2 of the variance of the fastest octave, a quarter of that of the next, and so on: 8/3.
    let unit_height = metric.step * (3.0_f64 / 8.0).sqrt();
    let start = metric.low + (metric.high - metric.low) * unit(mix(walk, u64::MAX));
    let drift: f64 = (0..OCTAVES).map(|octave| f64::from(1 << octave) * noise(walk, octave, tick)).sum();
    let scale = 10_f64.powi(metric.decimals);
    (reflect(start + unit_height * drift, metric.low, metric.high) * scale).round() / scale
}

/// One octave, of variance 1 at ticks that are not interpolated.
fn noise(walk: u64, octave: u32, tick: u64) -> f64 {
    let stream = mix(walk, u64::from(octave));
    let corner = |at: u64| 12_f64.sqrt() * (unit(mix(stream, at)) - 0.5);
    let (before, within) = (tick >> (2 * octave), tick & ((1 << (2 * octave)) - 1));
    if within == 0 {
        return corner(before);
    }
    let part = within as f64 / (1_u64 << (2 * octave)) as f64;
    corner(before) * (1.0 - part) + corner(before + 1) * part
}

/// Folds a number into a range as a ball between two walls.
fn reflect(number: f64, low: f64, high: f64) -> f64 {
    let width = high - low;
    let folded = (number - low).rem_euclid(2.0 * width);
    low + if folded > width { 2.0 * width - folded } else { folded }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(low: f64, high: f64) -> MetricSpec {
        MetricSpec { name: "m".into(), low, high, step: 1.0, decimals: 6 }
    }

    #[test]
    fn the_variance_of_a_difference_grows_with_its_distance() {
        let metric = metric(-1e9, 1e9);
        for distance in [1_u64, 2, 4, 8, 16, 64, 256, 1024] {
            let square = |walk: u64| {
                let tick = mix(walk, 1) % 100_000;
                (value(walk, &metric, tick + distance) - value(walk, &metric, tick)).powi(2)
            };
            let variance = (0..20_000).map(|walk| square(mix(walk, 7))).sum::<f64>() / 20_000.0;
            let ratio = variance / distance as f64;
            assert!((0.7..1.4).contains(&ratio), "distance {distance}: {ratio} of a walk's variance");
        }
    }

    #[test]
    fn values_stay_in_range_at_the_stated_precision() {
        let metric = MetricSpec { decimals: 1, ..metric(-5.0, 5.0) };
        for tick in 0..10_000 {
            let value = value(42, &metric, tick);
            assert!((-5.0..=5.0).contains(&value));
            assert_eq!((value * 10.0).round() / 10.0, value);
        }
    }

    #[test]
    fn walls_reflect() {
        for (number, folded) in [(0.5, 0.5), (1.25, 0.75), (-0.25, 0.25), (2.5, 0.5), (-1.5, 0.5)] {
            assert_eq!(reflect(number, 0.0, 1.0), folded);
        }
    }
}
