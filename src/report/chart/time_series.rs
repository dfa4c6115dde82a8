//! The lines of the chart over time, before they are drawn.

use super::canvas::Position;
use super::style::{ALARM, Dash, GREY, MarkerShape, PALE, PERCENTILE_SHAPES, PERCENTILES, Pen, color};
use crate::record::{Interval, Latency, Mode, Phase, Run};
use crate::report::reading::{Percentile, Reading, reading};
use crate::units;

/// Rates of shorter intervals are mostly noise; they are in `timeline.csv`.
const SHORTEST_S: f64 = 0.25;

/// A line over time, in stretches of points between gaps.
pub struct TimeSeries {
    /// The text at its end.
    pub label: String,
    /// Seconds since the measurement began, and values.
    pub stretches: Vec<Vec<Position>>,
    pub pen: Pen,
    pub shape: MarkerShape,
}

impl TimeSeries {
    /// The values without their seconds.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.stretches.iter().flatten().map(|(_, value)| *value)
    }
}

/// The intervals of the timeline that are long enough to be drawn.
pub fn shown(run: &Run) -> Vec<&Interval> {
    run.timeline.iter().filter(|second| second.length_s >= SHORTEST_S).collect()
}

/// The first and the last instant of the intervals.
pub fn ends(seconds: &[&Interval]) -> (f64, f64) {
    let from = seconds.iter().map(|second| second.at_s).fold(f64::INFINITY, f64::min);
    let to = seconds.iter().map(|second| second.at_s + second.length_s).fold(f64::NEG_INFINITY, f64::max);
    (from, to)
}

/// Successive seconds of one phase, with or without completions.
pub struct PhaseStretch<'a> {
    pub first: &'a Interval,
    pub from_s: f64,
    pub to_s: f64,
}

/// The stretches of a run, in order.
pub fn stretches<'a>(seconds: &'a [&'a Interval]) -> impl Iterator<Item = PhaseStretch<'a>> {
    let alike = |a: &&Interval, b: &&Interval| a.phase == b.phase && stalled(a) == stalled(b);
    seconds.chunk_by(alike).map(|stretch| {
        let last = stretch[stretch.len() - 1];
        PhaseStretch { first: stretch[0], from_s: stretch[0].at_s, to_s: last.at_s + last.length_s }
    })
}

/// Whether no operation completed in a second of the measurement.
pub fn stalled(second: &Interval) -> bool {
    second.phase == Phase::Measure && second.ok == 0
}

/// Completions per second, and where there are any, failures, skipped operations and the offered rate.
pub fn throughput(run: &Run, seconds: &[&Interval]) -> Vec<TimeSeries> {
    let rate = |count: fn(&Interval) -> u64| {
        let points = seconds.iter().map(|second| (middle(second), count(second) as f64 / second.length_s));
        vec![points.collect::<Vec<Position>>()]
    };
    let label = if run.verdict.valid {
        format!("completed, mean {}/s", units::rate(run.throughput_per_s))
    } else {
        "completed".to_owned()
    };
    let mut series = vec![TimeSeries {
        label,
        stretches: rate(|second| second.ok),
        pen: pen(run, Pen::solid(color(0), 1.8)),
        shape: MarkerShape::Square,
    }];
    if seconds.iter().any(|second| second.failed > 0) {
        let pen = Pen::solid(ALARM, 1.5).dash(Dash::Dashed);
        series.push(TimeSeries {
            label: "failed".to_owned(),
            stretches: rate(|second| second.failed),
            pen,
            shape: MarkerShape::Wedge,
        });
    }
    if seconds.iter().any(|second| second.skipped > 0) {
        let pen = Pen::solid(GREY, 1.5).dash(Dash::Dotted);
        series.push(TimeSeries {
            label: "skipped".to_owned(),
            stretches: rate(|second| second.skipped),
            pen,
            shape: MarkerShape::Diamond,
        });
    }
    if let Some(offered) = run.load.rate_per_s {
        let (from, to) = ends(seconds);
        series.push(TimeSeries {
            label: format!("offered {}/s", units::stated(offered)),
            stretches: vec![vec![(from, offered), (to, offered)]],
            pen: Pen::solid(PALE, 1.2).dash(Dash::Dashed),
            shape: MarkerShape::Circle,
        });
    }
    series
}

/// p50, p99 and the slowest operation, because a stall of few operations moves neither percentile; in an open loop also the
/// p99 of the service time, dashed. Percentiles have gaps where a second has too few operations for them.
pub fn latency(run: &Run, seconds: &[&Interval]) -> Vec<TimeSeries> {
    let stretches_of = |value: fn(&Interval) -> Option<u64>| {
        let points: Vec<Option<Position>> =
            seconds.iter().map(|second| Some((middle(second), value(second)? as f64))).collect();
        let stretches = points.chunk_by(|a, b| a.is_some() == b.is_some());
        stretches
            .map(|stretch| stretch.iter().flatten().copied().collect())
            .filter(|line: &Vec<Position>| !line.is_empty())
            .collect()
    };
    let label = |clock: &str, latency: &Latency, percentile: Percentile| {
        let name = format!("{clock}{}", percentile.label());
        match reading(latency, percentile) {
            Reading::Known { value_ns, .. } if run.verdict.valid => {
                units::typeset(&format!("{name}, overall {}", units::latency(value_ns)))
            }
            _ => name,
        }
    };
    let line = |at: usize| pen(run, Pen::solid(PERCENTILES[at], 1.8));
    let slowest = match run.total.response_ns.max {
        max if run.verdict.valid && max > 0 => units::typeset(&format!("slowest, {}", units::latency(max))),
        _ => "slowest".to_owned(),
    };
    let mut series = vec![
        TimeSeries {
            label: slowest,
            stretches: stretches_of(|second| Some(second.response_ns.max).filter(|max| *max > 0)),
            pen: Pen::solid(PALE, 1.2).dash(Dash::Dotted),
            shape: MarkerShape::Wedge,
        },
        TimeSeries {
            label: label("", &run.total.response_ns, Percentile::P99),
            stretches: stretches_of(|second| second.response_ns.p99),
            pen: line(1),
            shape: PERCENTILE_SHAPES[1],
        },
        TimeSeries {
            label: label("", &run.total.response_ns, Percentile::P50),
            stretches: stretches_of(|second| second.response_ns.p50),
            pen: line(0),
            shape: PERCENTILE_SHAPES[0],
        },
    ];
    if run.load.mode == Mode::Open {
        series.push(TimeSeries {
            label: label("service ", &run.total.service_ns, Percentile::P99),
            stretches: stretches_of(|second| second.service_ns.p99),
            pen: Pen::solid(GREY, 1.5).dash(Dash::Dashed),
            shape: PERCENTILE_SHAPES[1],
        });
    }
    series
}

/// The pen, in grey for an invalid run, whose figures are not to be read.
fn pen(run: &Run, pen: Pen) -> Pen {
    if run.verdict.valid { pen } else { Pen { color: PALE, ..pen } }
}

/// The instant at which the point of an interval stands.
fn middle(second: &Interval) -> f64 {
    second.at_s + second.length_s / 2.0
}
