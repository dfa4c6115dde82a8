//! Every run by itself, valid or not: one run is one sample.

use super::figure::{Figure, latency};
use crate::record::{Experiment, Interval, Mode, Phase, Run};
use crate::report::reading::Percentile;
use crate::report::words::{self, Withheld};
use crate::units;

/// With more seconds than this, the table of a run shows every nth.
const MOST_SECONDS: usize = 60;

/// One run in a line.
#[derive(Debug)]
pub struct RunRow {
    /// Its id, as in file names.
    pub id: String,
    pub tier: String,
    /// `closed loop, 2 clients`.
    pub load: String,
    /// Why figures are withheld.
    pub withheld: Option<Withheld>,
    /// Successes per second of the measurement.
    pub throughput: Figure,
    /// p50, p99 and p99.9.
    pub latency: [Figure; 3],
    pub largest: Figure,
    /// `12 failed, 30 skipped`, or nothing.
    pub losses: String,
    /// CPU time of the suite's process per operation, and its share of the machine.
    pub client: Figure,
    /// p99 of how late operations started, open loop.
    pub lag: Figure,
}

/// The seconds of a run: the table beside its chart.
#[derive(Debug)]
pub struct Seconds {
    /// Every how many seconds one is shown.
    pub every: usize,
    pub rows: Vec<Second>,
}

/// What happened in one second of a run.
#[derive(Debug)]
pub struct Second {
    /// Since the measurement began.
    pub at: String,
    /// `warm-up`, `drain`, or nothing.
    pub phase: &'static str,
    /// Successes in it, per second.
    pub ok: String,
    /// Operations that failed or were skipped in it.
    pub lost: String,
    /// p50, p99 and the largest response time.
    pub latency: [String; 3],
}

pub fn rows(experiment: &Experiment) -> Vec<RunRow> {
    experiment.runs.iter().map(row).collect()
}

fn row(run: &Run) -> RunRow {
    let shown = |figure: Figure| if run.verdict.valid { figure } else { Figure::none() };
    let cpu = Figure {
        value: latency(run.client.cpu_ns_per_op as u64),
        spread: format!("{:.0}% of the CPUs", 100.0 * run.client.cpu_share),
        sort: Some(run.client.cpu_ns_per_op),
    };
    RunRow {
        id: run.id.clone(),
        tier: words::tier(run),
        load: words::load(run),
        withheld: words::withheld(run),
        throughput: if run.verdict.overload.is_some() {
            Figure::throughput(&[run])
        } else {
            shown(Figure::throughput(&[run]))
        },
        latency: Percentile::REPORTED.map(|percentile| shown(Figure::latency(&[&run.total.response_ns], percentile))),
        largest: shown(Figure::largest(&[&run.total.response_ns])),
        losses: words::losses(run),
        client: shown(cpu),
        lag: match run.load.mode {
            Mode::Open => shown(Figure::latency(&[&run.client.lag_ns], Percentile::P99)),
            Mode::Closed => Figure::none(),
        },
    }
}

/// The seconds of a run.
pub fn seconds(run: &Run) -> Seconds {
    let every = run.timeline.len().div_ceil(MOST_SECONDS).max(1);
    Seconds { every, rows: run.timeline.iter().step_by(every).map(second).collect() }
}

fn second(second: &Interval) -> Second {
    let brief = second.response_ns;
    let per_s = if second.length_s > 0.0 { second.ok as f64 / second.length_s } else { 0.0 };
    Second {
        at: format!("{} s", second.at_s.round()),
        phase: match second.phase {
            Phase::Warmup => "warm-up",
            Phase::Measure => "",
            Phase::Drain => "drain",
        },
        ok: units::rate(per_s),
        lost: units::count(second.failed + second.skipped),
        latency: [brief.p50, brief.p99, Some(brief.max).filter(|_| second.ok > 0)]
            .map(|ns| ns.map_or_else(|| "\u{2013}".to_owned(), latency)),
    }
}
