//! Whether a run was steady: completions and latency second by second, with what does not count shaded.

use super::canvas::{Canvas, Point};
use super::frame;
use super::labels::{self, EndLabel};
use super::metrics::{width, wrap};
use super::scale::{Scale, linear_end, log_ends};
use super::seconds::{self, Series};
use super::style::{ALARM, ALARM_SHADE, Dash, GREY, GRID, LABEL, MARGIN, PALE, Pen, SHADE, SMALL, WIDTH};
use super::tick_text;
use crate::record::{Experiment, Interval, Phase, Run};
use crate::report::reading::{Percentile, reading, spoken};
use crate::report::{units, words};

const LEFT: f64 = MARGIN + 48.0;
const THROUGHPUT_HEIGHT: f64 = 170.0;
const LATENCY_HEIGHT: f64 = 210.0;
/// Between the panels: the heading of the lower one.
const BETWEEN: f64 = 46.0;
/// With more seconds than this, markers would hide the line.
const MOST_MARKERS: usize = 45;

/// The chart of one run.
pub fn of_run(experiment: &Experiment, run: &Run) -> Canvas {
    let question = format!("Was {} on {} steady?", run.workload.name, words::store(run));
    let (mut canvas, top) = frame::open(&question, &[run]);
    canvas.finding = finding(run);
    let top = withheld(&mut canvas, top, run);
    let seconds = seconds::shown(run);
    if seconds.is_empty() {
        canvas.text((MARGIN, top + 24.0), "The record holds no seconds of this run.", LABEL);
        frame::close(&mut canvas, top + 44.0, &[], experiment, &[run]);
        return canvas;
    }
    let (above, below) = (seconds::throughput(run, &seconds), seconds::latency(run, &seconds));
    let ends = labels::width_of(above.iter().chain(&below).map(|series| series.label.as_str()), 230.0);
    let time = Scale::linear(seconds::ends(&seconds), (LEFT, WIDTH - MARGIN - ends));
    let upper = Panel { top: top + 26.0, bottom: top + 26.0 + THROUGHPUT_HEIGHT, time };
    let lower = Panel { top: upper.bottom + BETWEEN, bottom: upper.bottom + BETWEEN + LATENCY_HEIGHT, time };

    upper.ground(&mut canvas, &seconds);
    lower.ground(&mut canvas, &seconds);
    upper.words(&mut canvas, &seconds);
    upper.heading(&mut canvas, "operations per second \u{b7} higher is better");
    let largest = above.iter().flat_map(Series::values).fold(0.0, f64::max);
    let end = linear_end(largest);
    upper.series(&mut canvas, Scale::linear((0.0, end), (upper.bottom, upper.top)), units::short, &above);
    let meaning = words::latency_meaning(run.load.mode);
    lower.heading(&mut canvas, &format!("{meaning}, log scale \u{b7} lower is better"));
    match log_ends(below.iter().flat_map(Series::values)) {
        Some(ends) => lower.series(&mut canvas, Scale::log(ends, (lower.bottom, lower.top)), tick_text, &below),
        None => canvas.text((LEFT + 8.0, lower.top + 24.0), "no samples", SMALL),
    }
    lower.time_axis(&mut canvas);
    frame::close(&mut canvas, lower.bottom + 36.0, &notes(&seconds), experiment, &[run]);
    canvas
}

/// Why the run is drawn in grey and without numbers.
fn withheld(canvas: &mut Canvas, top: f64, run: &Run) -> f64 {
    let Some(reason) = words::invalid(run) else { return top };
    let style = LABEL.bold().colored(ALARM);
    let lines = wrap(&format!("INVALID: {reason}"), style, WIDTH - 2.0 * MARGIN, 3);
    for (at, line) in lines.iter().enumerate() {
        canvas.text((MARGIN, top + 6.0 + at as f64 * 17.0), line, style);
    }
    top + 6.0 + lines.len() as f64 * 17.0
}

/// One of the two plots over the same time.
struct Panel {
    top: f64,
    bottom: f64,
    time: Scale,
}

impl Panel {
    fn heading(&self, canvas: &mut Canvas, text: &str) {
        canvas.text((MARGIN, self.top - 14.0), text, LABEL.bold());
    }

    /// Shades warm-up and drain in grey and seconds without a completion in red.
    fn ground(&self, canvas: &mut Canvas, seconds: &[&Interval]) {
        for stretch in seconds::stretches(seconds) {
            let color = match stretch.first.phase {
                _ if seconds::stalled(stretch.first) => ALARM_SHADE,
                Phase::Warmup | Phase::Drain => SHADE,
                Phase::Measure => continue,
            };
            let (from, to) = (self.time.px(stretch.from_s), self.time.px(stretch.to_s));
            canvas.rect((from, self.top), (to, self.bottom), color);
        }
    }

    /// Names the shaded stretches that are wide enough for their names.
    fn words(&self, canvas: &mut Canvas, seconds: &[&Interval]) {
        for stretch in seconds::stretches(seconds) {
            let (from, to) = (self.time.px(stretch.from_s), self.time.px(stretch.to_s));
            let (name, color) = match stretch.first.phase {
                _ if seconds::stalled(stretch.first) => ("stall", ALARM),
                Phase::Warmup => ("warm-up", GREY),
                Phase::Drain => ("drain", GREY),
                Phase::Measure => continue,
            };
            if width(name, SMALL) + 6.0 <= to - from {
                canvas.text(((from + to) / 2.0, self.top + 13.0), name, SMALL.colored(color).middle());
            }
        }
    }

    /// Grid, lines and their labels.
    fn series(&self, canvas: &mut Canvas, scale: Scale, tick: fn(f64) -> String, series: &[Series]) {
        let right = self.time.px(f64::INFINITY);
        for value in scale.ticks(26.0) {
            let y = scale.px(value);
            canvas.line((LEFT, y), (right, y), Pen::solid(GRID, 1.0));
            canvas.text((LEFT - 8.0, y + 4.0), &tick(value), SMALL.end());
        }
        let mut ends = Vec::new();
        for one in series {
            let place = |(at_s, value): &Point| (self.time.px(*at_s), scale.px(*value));
            let marked = one.pen.dash == Dash::Solid && one.values().count() <= MOST_MARKERS;
            for stretch in &one.stretches {
                let points: Vec<Point> = stretch.iter().map(place).collect();
                if marked || points.len() == 1 {
                    points.iter().for_each(|point| canvas.dot(*point, one.shape, one.pen.color));
                }
                canvas.path(points, one.pen);
            }
            if let Some(last) = one.stretches.last().and_then(|stretch| stretch.last()) {
                ends.push(EndLabel { end: place(last), text: one.label.clone(), pen: one.pen, shape: one.shape });
            }
        }
        labels::draw(canvas, &ends, right, (self.top + 6.0, self.bottom - 6.0));
    }

    fn time_axis(&self, canvas: &mut Canvas) {
        for tick in self.time.time_ticks(58.0) {
            let x = self.time.px(tick);
            canvas.line((x, self.bottom), (x, self.bottom + 4.0), Pen::solid(PALE, 1.0));
            let text = match tick {
                _ if tick < 0.0 => format!("\u{2212}{}", units::seconds(-tick)),
                _ if tick > 0.0 && tick % 60.0 == 0.0 => format!("{} min", tick / 60.0),
                _ => units::seconds(tick),
            };
            canvas.text((x, self.bottom + 17.0), &text, SMALL.middle());
        }
        canvas.text((LEFT, self.bottom + 34.0), "time since the measurement began", SMALL);
    }
}

fn notes(seconds: &[&Interval]) -> Vec<String> {
    let mut notes =
        vec!["Each point is one second. Grey ground: warm-up and drain, not part of the figures.".to_owned()];
    match seconds.iter().filter(|second| seconds::stalled(second)).count() {
        0 => {}
        stalls => notes.push(format!(
            "Red ground: {} of the measurement without a completion.",
            units::counted(stalls as u64, "second")
        )),
    }
    notes
}

fn finding(run: &Run) -> String {
    if let Some(reason) = words::invalid(run) {
        return format!("INVALID: {reason}.");
    }
    let measured = run.timeline.iter().filter(|second| second.phase == Phase::Measure && second.length_s > 0.0);
    let rates: Vec<f64> = measured.map(|second| second.ok as f64 / second.length_s).collect();
    let [low, _, high] = crate::stats::spread_of(rates.into_iter()).map(units::rate);
    let [p50, p99] = [Percentile::P50, Percentile::P99].map(|one| spoken(reading(&run.total.response_ns, one)));
    let mean = units::rate(run.throughput_per_s);
    units::typeset(&format!(
        "{mean} operations per second on average, {low} in the slowest second and {high} in the fastest; p50 {p50}, p99 {p99} over the whole run."
    ))
}
