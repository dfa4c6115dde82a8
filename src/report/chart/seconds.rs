//! The lines of the chart over time, before they are drawn.

use super::canvas::Point;
use super::style::{ALARM, Dash, GREY, PALE, PERCENTILE_SHAPES, PERCENTILES, Pen, Shape, color};
use crate::record::{Interval, Latency, Mode, Phase, Run};
use crate::report::reading::{Percentile, Reading, reading};
use crate::report::units;

/// Rates of shorter intervals are mostly noise; they are in `timeline.csv`.
const SHORTEST_S: f64 = 0.25;

/// One line: its stretches without the gaps, as seconds and values.
pub struct Series {
    /// What is written at its end.
    pub label: String,
    /// Points that belong together.
    pub stretches: Vec<Vec<Point>>,
    /// Its line.
    pub pen: Pen,
    /// Its marker.
    pub shape: Shape,
}

impl Series {
    /// All values.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.stretches.iter().flatten().map(|(_, value)| *value)
    }
}

/// The seconds that are drawn.
pub fn shown(run: &Run) -> Vec<&Interval> {
    run.timeline.iter().filter(|second| second.length_s >= SHORTEST_S).collect()
}

/// From the first to the last instant.
pub fn ends(seconds: &[&Interval]) -> (f64, f64) {
    let from = seconds.iter().map(|second| second.at_s).fold(f64::INFINITY, f64::min);
    let to = seconds.iter().map(|second| second.at_s + second.length_s).fold(f64::NEG_INFINITY, f64::max);
    (from, to)
}

/// Successive seconds of one phase, with or without completions.
pub struct Stretch<'a> {
    /// Its first second.
    pub first: &'a Interval,
    /// Its start.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
}

/// The stretches of a run, in order.
pub fn stretches<'a>(seconds: &'a [&'a Interval]) -> impl Iterator<Item = Stretch<'a>> {
    let alike = |a: &&Interval, b: &&Interval| a.phase == b.phase && stalled(a) == stalled(b);
    seconds.chunk_by(alike).map(|stretch| {
        let last = stretch[stretch.len() - 1];
        Stretch { first: stretch[0], from_s: stretch[0].at_s, to_s: last.at_s + last.length_s }
    })
}

/// Whether no operation completed in a second of the measurement.
pub fn stalled(second: &Interval) -> bool {
    second.phase == Phase::Measure && second.ok == 0
}

/// Completions, and where there are any, failures, skipped operations and the offered rate.
pub fn throughput(run: &Run, seconds: &[&Interval]) -> Vec<Series> {
    let rate = |count: fn(&Interval) -> u64| {
        let points = seconds.iter().map(|second| (middle(second), count(second) as f64 / second.length_s));
        vec![points.collect::<Vec<Point>>()]
    };
    let mean = if run.verdict.valid {
        format!("completed, mean {}/s", units::rate(run.throughput_per_s))
    } else {
        "completed".to_owned()
    };
    let mut series = vec![Series {
        label: mean,
        stretches: rate(|second| second.ok),
        pen: pen(run, Pen::solid(color(0), 1.8)),
        shape: Shape::Square,
    }];
    if seconds.iter().any(|second| second.failed > 0) {
        let pen = Pen::solid(ALARM, 1.5).dash(Dash::Dashed);
        series.push(Series {
            label: "failed".to_owned(),
            stretches: rate(|second| second.failed),
            pen,
            shape: Shape::Wedge,
        });
    }
    if seconds.iter().any(|second| second.skipped > 0) {
        let pen = Pen::solid(GREY, 1.5).dash(Dash::Dotted);
        series.push(Series {
            label: "skipped".to_owned(),
            stretches: rate(|second| second.skipped),
            pen,
            shape: Shape::Diamond,
        });
    }
    if let Some(offered) = run.load.rate_per_s {
        let (from, to) = ends(seconds);
        series.push(Series {
            label: format!("offered {}/s", units::stated(offered)),
            stretches: vec![vec![(from, offered), (to, offered)]],
            pen: Pen::solid(PALE, 1.2).dash(Dash::Dashed),
            shape: Shape::Circle,
        });
    }
    series
}

/// p50, p99 and the slowest, for a stall of few operations moves neither percentile; in an open loop the p99 of the
/// service time too, dashed. Percentiles have gaps where a second has too few operations for them.
pub fn latency(run: &Run, seconds: &[&Interval]) -> Vec<Series> {
    let line_of = |value: fn(&Interval) -> Option<u64>| {
        let points: Vec<Option<Point>> =
            seconds.iter().map(|second| Some((middle(second), value(second)? as f64))).collect();
        let stretches = points.chunk_by(|a, b| a.is_some() == b.is_some());
        stretches
            .map(|stretch| stretch.iter().flatten().copied().collect())
            .filter(|line: &Vec<Point>| !line.is_empty())
            .collect()
    };
    let label = |name: &str, latency: &Latency, percentile: Percentile| match reading(latency, percentile) {
        Reading::Known { value_ns, .. } if run.verdict.valid => {
            units::typeset(&format!("{name}, overall {}", units::latency(value_ns)))
        }
        _ => name.to_owned(),
    };
    let line = |at: usize| pen(run, Pen::solid(PERCENTILES[at], 1.8));
    let slowest = match run.total.response_ns.max {
        max if run.verdict.valid && max > 0 => units::typeset(&format!("slowest, {}", units::latency(max))),
        _ => "slowest".to_owned(),
    };
    let mut series = vec![
        Series {
            label: slowest,
            stretches: line_of(|second| Some(second.response_ns.max).filter(|max| *max > 0)),
            pen: Pen::solid(PALE, 1.2).dash(Dash::Dotted),
            shape: Shape::Wedge,
        },
        Series {
            label: label("p99", &run.total.response_ns, Percentile::P99),
            stretches: line_of(|second| second.response_ns.p99),
            pen: line(1),
            shape: PERCENTILE_SHAPES[1],
        },
        Series {
            label: label("p50", &run.total.response_ns, Percentile::P50),
            stretches: line_of(|second| second.response_ns.p50),
            pen: line(0),
            shape: PERCENTILE_SHAPES[0],
        },
    ];
    if run.load.mode == Mode::Open {
        series.push(Series {
            label: label("service p99", &run.total.service_ns, Percentile::P99),
            stretches: line_of(|second| second.service_ns.p99),
            pen: Pen::solid(GREY, 1.5).dash(Dash::Dashed),
            shape: PERCENTILE_SHAPES[1],
        });
    }
    series
}

/// The figures of an invalid run are not to be read: its lines are grey.
fn pen(run: &Run, pen: Pen) -> Pen {
    if run.verdict.valid { pen } else { Pen { color: PALE, ..pen } }
}

fn middle(second: &Interval) -> f64 {
    second.at_s + second.length_s / 2.0
}
