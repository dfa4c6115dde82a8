//! How much a store carries before it keeps its users waiting: p50 and p99 against the throughput that was achieved, level
//! by level. The limit that the workload states and the knee are marked.

use super::canvas::{Canvas, Point};
use super::frame;
use super::labels::{self, EndLabel};
use super::metrics::{fit, width};
use super::plane::{LEFT, Plane, Span};
use super::scale::{Scale, linear_end, log_ends};
use super::style::{ALARM, Dash, GREY, LABEL, MARGIN, PALE, Pen, SMALL, WIDTH, color, shape};
use super::tick_text;
use crate::percentile::Statistic;
use crate::record::{Experiment, Run};
use crate::report::group::{Cell, at_any_level, heading, terms_differ};
use crate::report::load_levels::{Level, Sweep, sweeps};
use crate::report::reading::{Percentile, Reading, spoken};
use crate::report::{units, words};

const HEIGHT: f64 = 340.0;

/// The chart of one workload; none without a sweep of it.
pub fn of_workload(experiment: &Experiment, cells: &[Cell<'_>]) -> Option<Canvas> {
    let sweeps = sweeps(cells);
    let first = sweeps.first()?;
    let runs: Vec<&Run> =
        sweeps.iter().flat_map(|sweep| &sweep.levels).flat_map(|level| &level.runs).copied().collect();
    let question = format!("How much of {} is carried, and how fast is it then?", first.terms.workload);
    let (mut canvas, top) = frame::open(&question, &runs);
    canvas.finding = sweeps.iter().map(finding).collect::<Vec<_>>().join(" ");
    let axes = Axes::of(&sweeps, limit_ns(&runs))?;
    let mut y = top;
    let all = at_any_level(cells);
    for group in sweeps.chunk_by(|a, b| a.terms == b.terms) {
        if terms_differ(&all) {
            let heading = fit(&heading(&group[0].terms, &all), LABEL.bold(), WIDTH - 2.0 * MARGIN);
            canvas.text((MARGIN, y + 16.0), &heading, LABEL.bold().colored(GREY));
            y += 22.0;
        }
        let runs: Vec<&Run> =
            group.iter().flat_map(|sweep| &sweep.levels).flat_map(|level| &level.runs).copied().collect();
        let meaning = frame::common(&runs, |run| words::latency_meaning(run.load.mode).to_owned());
        let name = format!("{}, log scale \u{b7} lower is better", meaning.as_deref().unwrap_or(words::MIXED_MEANING));
        canvas.text((MARGIN, y + 14.0), &name, LABEL.bold());
        y = axes.panel(&mut canvas, group, y + 26.0) + 10.0;
    }
    frame::close(&mut canvas, y, &notes(&sweeps), experiment, &runs);
    Some(canvas)
}

/// The p99 that the workload allows over all operations.
fn limit_ns(runs: &[&Run]) -> Option<u64> {
    let limits = runs.first()?.workload.limits(None);
    limits.iter().find(|limit| limit.statistic == Statistic::Percentile(Percentile::P99)).map(|limit| limit.limit_ns)
}

/// The axes that all panels share.
struct Axes {
    end_per_s: f64,
    ends_ns: (f64, f64),
    limit_ns: Option<u64>,
    right: f64,
}

impl Axes {
    fn of(sweeps: &[Sweep<'_>], limit_ns: Option<u64>) -> Option<Axes> {
        let levels = || sweeps.iter().flat_map(|sweep| &sweep.levels);
        let values =
            levels().flat_map(|level| level.readings).filter_map(|reading| span(&reading)).flat_map(Span::ends);
        let texts: Vec<String> = sweeps.iter().flat_map(|sweep| [0, 1].map(|at| end_text(sweep, at))).collect();
        Some(Axes {
            end_per_s: linear_end(levels().map(|level| level.per_s[2]).fold(0.0, f64::max)),
            ends_ns: log_ends(values.chain(limit_ns.map(|ns| ns as f64)))?,
            limit_ns,
            right: WIDTH - MARGIN - labels::width_of(texts.iter().map(String::as_str), 250.0),
        })
    }

    fn panel(&self, canvas: &mut Canvas, sweeps: &[Sweep<'_>], top: f64) -> f64 {
        // Room for two labels of each store at the right.
        let bottom = top + HEIGHT.max(16.0 * (2.0 + 2.0 * sweeps.len() as f64));
        let plane = Plane {
            x: Scale::linear((0.0, self.end_per_s), (LEFT, self.right)),
            y: Scale::log(self.ends_ns, (bottom, top)),
            edges: (LEFT, top, self.right, bottom),
        };
        plane.grid(canvas, units::short, tick_text, "achieved operations per second \u{b7} further right is better");
        if let Some(limit_ns) = self.limit_ns {
            let y = plane.y.px(limit_ns as f64);
            canvas.line((LEFT, y), (self.right, y), Pen::solid(ALARM, 1.4).dash(Dash::Dashed));
            let text = units::typeset(&format!("limit of the workload: p99 {}", units::latency(limit_ns)));
            canvas.tag((LEFT + 8.0, y - 5.0), &text, ALARM);
        }
        let ends: Vec<EndLabel> =
            sweeps.iter().enumerate().flat_map(|(nth, sweep)| self.curve(canvas, &plane, nth, sweep)).collect();
        labels::draw(canvas, &ends, self.right, (top + 6.0, bottom - 6.0));
        bottom + 44.0
    }

    /// p50 dashed and p99 solid; gives the labels of their ends.
    fn curve(&self, canvas: &mut Canvas, plane: &Plane, nth: usize, sweep: &Sweep<'_>) -> Vec<EndLabel> {
        let color = color(sweep.number);
        let pens = [Pen::solid(color, 1.6).dash(Dash::Dashed), Pen::solid(color, 2.0)];
        let knee = sweep.knee().map(|knee| knee.load);
        let mut ends = Vec::new();
        for (at, pen) in pens.into_iter().enumerate() {
            let place = |level: &Level<'_>| Some(plane.at(level.per_s[1], span(&level.readings[at])?.value));
            let valid = sweep.levels.iter().filter(|level| level.invalid.is_none());
            let points: Vec<Point> = valid.filter_map(place).collect();
            ends.extend(points.last().map(|end| EndLabel {
                end: *end,
                text: end_text(sweep, at),
                pen,
                shape: shape(sweep.number),
            }));
            canvas.path(points, pen);
            for level in &sweep.levels {
                let Some(y) = span(&level.readings[at]) else { continue };
                let is_value = matches!(level.readings[at], Reading::Known { .. });
                self.level(canvas, plane, (sweep, level), y, at == 1, is_value && level.invalid.is_none());
                if at == 1 && knee == Some(level.load) {
                    let text = format!("knee of {}: {}, {}/s", sweep.store, level.name, units::rate(level.per_s[1]));
                    plane.callout(canvas, plane.at(level.per_s[1], y.value), nth, &text);
                }
            }
        }
        ends
    }

    /// The marker of one level: hollow for a lower bound and, in grey, for one that must not be used.
    fn level(
        &self,
        canvas: &mut Canvas,
        plane: &Plane,
        (sweep, level): (&Sweep<'_>, &Level<'_>),
        y: Span,
        named: bool,
        filled: bool,
    ) {
        let (shape, color) = (shape(sweep.number), color(sweep.number));
        let color = if level.invalid.is_some() { PALE } else { color };
        let at = plane.at(level.per_s[1], y.value);
        if filled {
            plane.whiskers(canvas, Span::of(level.per_s), y, Pen::solid(color, 1.4));
            canvas.marker(at, shape, color);
        } else {
            canvas.hollow_marker(at, shape, color);
        }
        if named && level.invalid.is_some() {
            let text = fit(&format!("{}: INVALID", level.name), SMALL, 200.0);
            let x = if at.0 + 10.0 + width(&text, SMALL) > self.right {
                at.0 - 10.0 - width(&text, SMALL)
            } else {
                at.0 + 10.0
            };
            canvas.tag((x, at.1 - 8.0), &text, ALARM);
        }
    }
}

/// Where a reading stands: the lower bound of one with too few samples.
fn span(reading: &Reading) -> Option<Span> {
    match *reading {
        Reading::Nothing => None,
        Reading::TooFew { at_least_ns, .. } => at_least_ns.map(|ns| Span::exactly(ns as f64)),
        Reading::Known { value_ns, interval_ns } => {
            let (low, high) = interval_ns.unwrap_or((value_ns, None));
            Some(Span::of([low, value_ns, high.unwrap_or(value_ns)].map(|ns| ns as f64)))
        }
    }
}

fn end_text(sweep: &Sweep<'_>, at: usize) -> String {
    format!("{}, {}", sweep.store, ["p50", "p99"][at])
}

fn notes(sweeps: &[Sweep<'_>]) -> Vec<String> {
    let loads = |sweep: &Sweep<'_>| {
        let names: Vec<&str> = sweep.levels.iter().map(|level| level.name.as_str()).collect();
        format!("{}: {}", sweep.store, names.join(", "))
    };
    let mut notes = vec![format!(
        "Points are levels of load, joined in their order. {}.",
        sweeps.iter().map(loads).collect::<Vec<_>>().join("; ")
    )];
    notes.push(
        "Whiskers: 95 % interval within the run; of several runs their median with the lowest and highest. Hollow: a lower \
         bound, or a level that must not be used."
            .to_owned(),
    );
    for sweep in sweeps {
        if sweep.knee().is_none() {
            notes.push(format!("{}: no knee within the measured levels.", sweep.store));
        }
        for level in &sweep.levels {
            notes.extend(
                level.invalid.as_ref().map(|reason| format!("{}, {}. INVALID: {reason}", sweep.store, level.name)),
            );
        }
    }
    notes.push(
        "Knee: the level with the most throughput for its mean response time (Kleinrock's power); beyond it load buys \
         waiting."
            .to_owned(),
    );
    notes
}

fn finding(sweep: &Sweep<'_>) -> String {
    let told = |level: &Level<'_>| match &level.invalid {
        Some(_) => format!("{} invalid", level.name),
        None => format!("{} gave {}/s at p99 {}", level.name, units::rate(level.per_s[1]), spoken(level.readings[1])),
    };
    format!("{}: {}.", sweep.store, sweep.levels.iter().map(told).collect::<Vec<_>>().join("; "))
}
