//! Whether a run was steady: completions and latency second by second, with what does not count shaded.

use super::canvas::Canvas;
use super::scale::{Scale, latency_tick, linear_end, log_ends};
use super::style::{LABEL, MARGIN, SMALL, WIDTH};
use super::time_panel::{LEFT, TimePanel, invalid_reason};
use super::time_series::{self, TimeSeries};
use super::{frame, labels};
use crate::record::{Experiment, Interval, Phase, Run};
use crate::report::reading::{Percentile, reading, sentence_text};
use crate::report::words;
use crate::units;

const THROUGHPUT_HEIGHT: f64 = 170.0;
const LATENCY_HEIGHT: f64 = 210.0;
/// Room between the panels, for the heading of the lower one.
const BETWEEN: f64 = 46.0;

/// The chart of one run.
pub fn of_run(experiment: &Experiment, run: &Run) -> Canvas {
    let question = format!("Was {} on {} steady?", run.workload.name, words::store(run));
    let (mut canvas, top) = frame::open(&question, &[run]);
    canvas.finding = finding(run);
    let top = invalid_reason(&mut canvas, top, run);
    let seconds = time_series::shown(run);
    if seconds.is_empty() {
        canvas.text((MARGIN, top + 24.0), "The record holds no seconds of this run.", LABEL);
        frame::close(&mut canvas, top + 44.0, &[], experiment, &[run]);
        return canvas;
    }
    let (above, below) = (time_series::throughput(run, &seconds), time_series::latency(run, &seconds));
    let ends = labels::width_of(above.iter().chain(&below).map(|series| series.label.as_str()), 230.0);
    let time = Scale::linear(time_series::ends(&seconds), (LEFT, WIDTH - MARGIN - ends));
    let upper = TimePanel { top: top + 26.0, bottom: top + 26.0 + THROUGHPUT_HEIGHT, time };
    let lower = TimePanel { top: upper.bottom + BETWEEN, bottom: upper.bottom + BETWEEN + LATENCY_HEIGHT, time };

    upper.shade_phases(&mut canvas, &seconds);
    lower.shade_phases(&mut canvas, &seconds);
    upper.name_phases(&mut canvas, &seconds);
    upper.heading(&mut canvas, "operations per second \u{b7} higher is better");
    let largest = above.iter().flat_map(TimeSeries::values).fold(0.0, f64::max);
    let end = linear_end(largest);
    upper.series(&mut canvas, Scale::linear((0.0, end), (upper.bottom, upper.top)), units::short, &above);
    lower.heading(&mut canvas, &frame::latency_axis(&[run]));
    match log_ends(below.iter().flat_map(TimeSeries::values)) {
        Some(ends) => lower.series(&mut canvas, Scale::log(ends, (lower.bottom, lower.top)), latency_tick, &below),
        None => canvas.text((LEFT + 8.0, lower.top + 24.0), "no samples", SMALL),
    }
    lower.time_axis(&mut canvas);
    frame::close(&mut canvas, lower.bottom + 36.0, &notes(&seconds), experiment, &[run]);
    canvas
}

fn notes(seconds: &[&Interval]) -> Vec<String> {
    let mut notes =
        vec!["Each point is one second. Grey ground: warm-up and drain, not part of the figures.".to_owned()];
    if seconds.iter().any(|second| second.response_ns.count > 0 && second.response_ns.p99.is_none()) {
        notes.push(
            "A p99 is drawn for seconds with at least 1,000 operations, a p50 for those with 20: fewer do not carry it."
                .to_owned(),
        );
    }
    match seconds.iter().filter(|second| time_series::stalled(second)).count() {
        0 => {}
        stalls => notes.push(format!(
            "Red ground: {} of the measurement without a completion.",
            units::counted(stalls as u64, "second")
        )),
    }
    notes
}

fn finding(run: &Run) -> String {
    if let Some(withheld) = words::withheld(run) {
        return format!("{withheld}.");
    }
    let measured = run.timeline.iter().filter(|second| second.phase == Phase::Measure && second.length_s > 0.0);
    let rates: Vec<f64> = measured.map(|second| second.ok as f64 / second.length_s).collect();
    let [low, _, high] = crate::stats::spread_of(rates.into_iter()).map(units::rate);
    let [p50, p99] =
        [Percentile::P50, Percentile::P99].map(|percentile| sentence_text(reading(&run.total.response_ns, percentile)));
    let mean = units::rate(run.throughput_per_s);
    units::typeset(&format!(
        "{mean} operations per second on average, {low} in the slowest second and {high} in the fastest; p50 {p50}, p99 {p99} over the whole run."
    ))
}
