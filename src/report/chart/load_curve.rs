//! How much load a store carries before its users wait: p50 and p99 against the achieved throughput, level by level, with the
//! limit that the workload states and the knee.

use super::canvas::{Canvas, Position};
use super::frame;
use super::labels::{self, EndLabel};
use super::plane::{ErrorBar, LEFT, Plane};
use super::scale::{Scale, latency_tick, linear_end, log_ends};
use super::style::{ALARM, Dash, LABEL, MARGIN, PALE, Pen, SMALL, WIDTH, color, shape};
use super::text_metrics::{fit, width};
use crate::percentile::{Limit, Statistic};
use crate::record::{Experiment, Run};
use crate::report::group::{Cell, at_any_level, heading, terms_differ};
use crate::report::load_levels::{Level, PERCENTILES, Sweep, sweeps};
use crate::report::reading::{Percentile, Reading, sentence_text};
use crate::sweep::{RateInterval, SweepAnswer, SweepBound, SweepLimit};
use crate::units;

const HEIGHT: f64 = 340.0;
/// More levels than this are counted and not named.
const MOST_NAMED: usize = 8;
/// More levels that must not be used are hollow and named below alone: their labels would lie on each other.
const MOST_INVALID_NAMED: usize = 2;
/// Room for the mark of one overloaded store.
const OVERLOAD_ROW: f64 = 18.0;

/// The chart of one workload, with what a search found about it; none without a sweep of it.
pub fn of_workload(experiment: &Experiment, cells: &[Cell<'_>], answers: &[SweepAnswer]) -> Option<Canvas> {
    LoadCurves::of(cells, answers).map(|curves| curves.draw(experiment, cells))
}

fn runs<'a>(sweeps: &[Sweep<'a>]) -> Vec<&'a Run> {
    sweeps.iter().flat_map(|sweep| &sweep.levels).flat_map(|level| &level.runs).copied().collect()
}

/// The limit of p99 over all operations that the search had to keep, or else the one that the workload states, with where it
/// is from.
fn limit(runs: &[&Run], answers: &[&SweepAnswer]) -> Option<(u64, &'static str)> {
    let of_search = answers.iter().flat_map(|answer| &answer.slo).filter_map(|text| text.parse::<SweepLimit>().ok());
    let p99 = |limit: SweepLimit| match limit.bound {
        SweepBound::Latency(bound) if limit.operation.is_none() => Some(bound),
        _ => None,
    };
    let mut of_search = of_search.filter_map(p99);
    let is_p99 = |limit: &Limit| limit.statistic == Statistic::Percentile(Percentile::P99);
    if let Some(found) = of_search.find(is_p99) {
        return Some((found.limit_ns, "limit"));
    }
    let limits = runs.first()?.workload.limits(None);
    limits.iter().find(|limit| is_p99(limit)).map(|limit| (limit.limit_ns, "limit of the workload"))
}

/// What the chart shows, and the axes that all its panels share.
struct LoadCurves<'a> {
    sweeps: Vec<Sweep<'a>>,
    /// What a search found about each of them, if it was one.
    answers: Vec<Option<&'a SweepAnswer>>,
    limit: Option<(u64, &'static str)>,
    /// The end of the axis of throughput, which begins at zero.
    end_per_s: f64,
    ends_ns: (f64, f64),
    /// The right edge of the panels in pixels.
    right: f64,
}

impl LoadCurves<'_> {
    fn of<'a>(cells: &[Cell<'a>], answers: &'a [SweepAnswer]) -> Option<LoadCurves<'a>> {
        let sweeps = sweeps(cells);
        let about = |sweep: &Sweep<'_>| {
            let is_about = |answer: &&SweepAnswer| {
                (answer.workload.as_str(), answer.store.as_str()) == (sweep.terms.workload, sweep.address)
            };
            answers.iter().find(is_about).filter(|answer| answer.rate_per_s != RateInterval::default())
        };
        let answers: Vec<Option<&SweepAnswer>> = sweeps.iter().map(about).collect();
        let limit = limit(&runs(&sweeps), &answers.iter().copied().flatten().collect::<Vec<_>>());
        let levels = || sweeps.iter().flat_map(|sweep| &sweep.levels);
        let values = levels()
            .filter(|level| !level.is_overloaded())
            .flat_map(|level| level.readings)
            .filter_map(|reading| error_bar(&reading))
            .flat_map(ErrorBar::ends);
        let texts: Vec<String> = sweeps.iter().flat_map(|sweep| [0, 1].map(|at| end_text(sweep, at))).collect();
        let end_per_s = linear_end(levels().map(|level| level.per_s[2]).fold(0.0, f64::max));
        let ends_ns = log_ends(values.chain(limit.map(|(ns, _)| ns as f64)))?;
        let right = WIDTH - MARGIN - labels::width_of(texts.iter().map(String::as_str), 250.0);
        Some(LoadCurves { sweeps, answers, limit, end_per_s, ends_ns, right })
    }

    fn draw(&self, experiment: &Experiment, cells: &[Cell<'_>]) -> Canvas {
        let all_runs = runs(&self.sweeps);
        let question = format!("How much of {} is carried, and how fast is it then?", self.sweeps[0].terms.workload);
        let (mut canvas, top) = frame::open(&question, &all_runs);
        canvas.finding = self.sweeps.iter().map(finding).collect::<Vec<_>>().join(" ");
        let mut y = top;
        let stores = at_any_level(cells);
        for group in self.sweeps.chunk_by(|a, b| a.terms == b.terms) {
            if terms_differ(&stores) {
                frame::heading(&mut canvas, y + 16.0, &heading(&group[0].terms, &stores));
                y += 22.0;
            }
            canvas.text((MARGIN, y + 14.0), &frame::latency_axis(&runs(group)), LABEL.bold());
            y = self.panel(&mut canvas, group, y + 26.0) + 10.0;
        }
        frame::close(&mut canvas, y, &self.notes(), experiment, &all_runs);
        canvas
    }

    /// What stands below the chart.
    fn notes(&self) -> Vec<String> {
        let end = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), |per_s| units::stated(per_s) + "/s");
        let found = |(sweep, answer): (&Sweep<'_>, &Option<&SweepAnswer>)| {
            let RateInterval { low, high } = answer.as_ref()?.rate_per_s;
            Some(format!("{} [{}, {})", sweep.store, end(low), end(high)))
        };
        let found: Vec<String> = self.sweeps.iter().zip(&self.answers).filter_map(found).collect();
        let mut notes = notes(&self.sweeps);
        if !found.is_empty() {
            let bars = "Bars on the axis: the highest rate within the limits, from the last that was confirmed to keep them to \
                        the first that was confirmed not to";
            notes.insert(0, format!("{bars}: {}.", found.join("; ")));
        }
        notes
    }

    /// The levels that must not be used, beside those that were overloaded.
    fn invalid(&self) -> impl Iterator<Item = &Level<'_>> {
        let levels = self.sweeps.iter().flat_map(|sweep| &sweep.levels);
        levels.filter(|level| level.withheld.is_some() && !level.is_overloaded())
    }

    fn limit_text(&self) -> Option<String> {
        let (limit_ns, whose) = self.limit?;
        Some(units::typeset(&format!("{whose}: p99 {}", units::latency(limit_ns))))
    }

    /// Draws the stores that may be compared; returns the height at which the next panel may begin.
    fn panel(&self, canvas: &mut Canvas, sweeps: &[Sweep<'_>], top: f64) -> f64 {
        // Room for two labels of each store at the right.
        let overloaded: Vec<&Sweep<'_>> = sweeps.iter().filter(|sweep| !sweep.overloaded().is_empty()).collect();
        let rows = top;
        let top = rows + OVERLOAD_ROW * overloaded.len() as f64;
        let bottom = top + HEIGHT.max(16.0 * (2.0 + 2.0 * sweeps.len() as f64));
        let plane = Plane {
            x: Scale::linear((0.0, self.end_per_s), (LEFT, self.right)),
            y: Scale::log(self.ends_ns, (bottom, top)),
            edges: (LEFT, top, self.right, bottom),
        };
        plane.grid(canvas, units::short, latency_tick, "achieved operations per second \u{b7} further right is better");
        for (nth, sweep) in overloaded.into_iter().enumerate() {
            self.overloaded(canvas, &plane, sweep, rows + OVERLOAD_ROW * nth as f64 + 4.0);
        }
        if let (Some((limit_ns, _)), Some(text)) = (self.limit, self.limit_text()) {
            let y = plane.y.px(limit_ns as f64);
            canvas.line((LEFT, y), (self.right, y), Pen::solid(ALARM, 1.4).dash(Dash::Dashed));
            canvas.tag((LEFT + 8.0, y - 5.0), &text, ALARM);
        }
        let found = sweeps.iter().filter_map(|sweep| Some((sweep, self.answer(sweep)?)));
        for (nth, (sweep, answer)) in found.enumerate() {
            self.interval(canvas, &plane, sweep, answer, bottom - 7.0 - 8.0 * nth as f64);
        }
        let ends: Vec<EndLabel> =
            sweeps.iter().enumerate().flat_map(|(nth, sweep)| self.curve(canvas, &plane, nth, sweep)).collect();
        labels::draw(canvas, &ends, self.right, (top + 6.0, bottom - 6.0));
        bottom + 44.0
    }

    fn answer(&self, sweep: &Sweep<'_>) -> Option<&SweepAnswer> {
        let at = self.sweeps.iter().position(|other| std::ptr::eq(other, sweep))?;
        self.answers[at]
    }

    /// Draws above the axis where the highest rate within the limits lies, in a store's colour: a bar with a stroke at either
    /// end that was confirmed.
    fn interval(&self, canvas: &mut Canvas, plane: &Plane, sweep: &Sweep<'_>, answer: &SweepAnswer, y: f64) {
        let RateInterval { low, high } = answer.rate_per_s;
        let x = |per_s: f64| plane.x.px(per_s.clamp(0.0, self.end_per_s));
        let pen = Pen::solid(color(sweep.number), 5.0);
        canvas.line((x(low.unwrap_or(0.0)), y), (x(high.unwrap_or(self.end_per_s)), y), pen);
        for end in [low, high].into_iter().flatten() {
            canvas.line((x(end), y - 6.0), (x(end), y + 6.0), Pen::solid(color(sweep.number), 2.0));
        }
    }

    /// Draws p50 dashed and p99 solid; returns the labels of their ends.
    fn curve(&self, canvas: &mut Canvas, plane: &Plane, nth: usize, sweep: &Sweep<'_>) -> Vec<EndLabel> {
        let color = color(sweep.number);
        let pens = [Pen::solid(color, 1.6).dash(Dash::Dashed), Pen::solid(color, 2.0)];
        let knee = sweep.knee().map(|knee| knee.load);
        let mut ends = Vec::new();
        for (at, pen) in pens.into_iter().enumerate() {
            let position = |level: &Level<'_>| Some(plane.at(level.per_s[1], error_bar(&level.readings[at])?.value));
            let valid = sweep.levels.iter().filter(|level| level.withheld.is_none());
            let points: Vec<Position> = valid.filter_map(position).collect();
            ends.extend(points.last().map(|end| EndLabel {
                end: *end,
                text: end_text(sweep, at),
                pen,
                shape: shape(sweep.number),
            }));
            canvas.path(points, pen);
            for level in sweep.levels.iter().filter(|level| !level.is_overloaded()) {
                let Some(y) = error_bar(&level.readings[at]) else { continue };
                let is_value = matches!(level.readings[at], Reading::Known { .. });
                self.level(canvas, plane, (sweep, level), y, at == 1, is_value && level.withheld.is_none());
                if at == 1 && knee == Some(level.load) {
                    plane.callout(canvas, plane.at(level.per_s[1], y.value), nth, &knee_text(sweep, level));
                }
            }
        }
        ends
    }

    /// Marks in a row above the plane, for there is no latency to set them against, the rates that an overloaded store
    /// completed.
    fn overloaded(&self, canvas: &mut Canvas, plane: &Plane, sweep: &Sweep<'_>, y: f64) {
        let levels = sweep.overloaded();
        let mut rates = levels.iter().map(|level| level.per_s[1]).collect::<Vec<f64>>();
        rates.sort_by(f64::total_cmp);
        let positions: Vec<f64> = rates.iter().map(|per_s| plane.x.px(*per_s)).collect();
        let (Some(first), Some(left), Some(right)) = (levels.first(), positions.first(), positions.last()) else {
            return;
        };
        positions.iter().for_each(|x| canvas.hollow_marker((*x, y), shape(sweep.number), color(sweep.number)));
        // Beside the marks, where there is more room.
        let text = overload_text(sweep, first);
        let (before, behind) = (left - 10.0 - LEFT, self.right - right - 10.0);
        let is_behind = width(&text, SMALL) <= behind || behind >= before;
        let text = fit(&text, SMALL, if is_behind { behind } else { before });
        let x = if is_behind { right + 10.0 } else { left - 10.0 - width(&text, SMALL) };
        canvas.tag((x, y + 4.0), &text, ALARM);
    }

    /// Draws the marker of one level: hollow for a lower bound, and hollow and grey for a level that must not be used.
    fn level(
        &self,
        canvas: &mut Canvas,
        plane: &Plane,
        (sweep, level): (&Sweep<'_>, &Level<'_>),
        y: ErrorBar,
        is_named: bool,
        is_filled: bool,
    ) {
        let (shape, color) = (shape(sweep.number), color(sweep.number));
        let color = if level.withheld.is_some() { PALE } else { color };
        let at = plane.at(level.per_s[1], y.value);
        if is_filled {
            plane.whiskers(canvas, ErrorBar::of(level.per_s), y, Pen::solid(color, 1.4));
            canvas.marker(at, shape, color);
        } else {
            canvas.hollow_marker(at, shape, color);
        }
        if is_named && level.withheld.is_some() && self.invalid().count() <= MOST_INVALID_NAMED {
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

/// A percentile with its interval; of too few samples their lower bound.
fn error_bar(reading: &Reading) -> Option<ErrorBar> {
    match *reading {
        Reading::Nothing => None,
        Reading::TooFew { at_least_ns, .. } => at_least_ns.map(|ns| ErrorBar::exactly(ns as f64)),
        Reading::Known { value_ns, interval_ns } => {
            let (low, high) = interval_ns.unwrap_or((value_ns, None));
            Some(ErrorBar::of([low, value_ns, high.unwrap_or(value_ns)].map(|ns| ns as f64)))
        }
    }
}

fn knee_text(sweep: &Sweep<'_>, level: &Level<'_>) -> String {
    format!("knee of {}: {}, {}/s", sweep.store, level.name, units::rate(level.per_s[1]))
}

/// `redis 8.2.1: OVERLOADED at 6,000/s, 4,120/s completed`.
fn overload_text(sweep: &Sweep<'_>, first: &Level<'_>) -> String {
    format!("{}: OVERLOADED at {}, {}/s completed", sweep.store, first.name, units::rate(first.per_s[1]))
}

/// The label of the p50 or p99 of a store.
fn end_text(sweep: &Sweep<'_>, at: usize) -> String {
    format!("{}, {}", sweep.store, PERCENTILES[at].label())
}

fn notes(sweeps: &[Sweep<'_>]) -> Vec<String> {
    let loads = |sweep: &Sweep<'_>| {
        let names: Vec<&str> = sweep.levels.iter().map(|level| level.name.as_str()).collect();
        match &names[..] {
            [first, .., last] if names.len() > MOST_NAMED => {
                format!("{}: {} levels from {first} to {last}", sweep.store, names.len())
            }
            _ => format!("{}: {}", sweep.store, names.join(", ")),
        }
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
        notes.extend(withheld(sweep));
    }
    let without: Vec<String> =
        sweeps.iter().filter(|sweep| sweep.knee().is_none()).map(|sweep| sweep.store.clone()).collect();
    if !without.is_empty() {
        notes.push(format!("No knee within the measured levels: {}.", without.join(", ")));
    }
    notes.push(
        "Knee: the level with the most throughput for its mean response time (Kleinrock's power); beyond it load buys \
         waiting."
            .to_owned(),
    );
    notes
}

/// Why levels must not be used: those of one kind of reason in one line, with the words of the first.
fn withheld(sweep: &Sweep<'_>) -> Vec<String> {
    let mut kinds: Vec<(String, String, Vec<&str>)> = Vec::new();
    for level in &sweep.levels {
        let Some(reason) = level.withheld.as_ref().map(ToString::to_string) else { continue };
        // `INVALID: shaped by the client: its own delay was ...`.
        let kind: String = reason.split(':').take(2).collect();
        match kinds.iter_mut().find(|(known, ..)| *known == kind && !level.is_overloaded()) {
            Some((.., names)) => names.push(&level.name),
            None => kinds.push((kind, reason, vec![&level.name])),
        }
    }
    let line = |(_, reason, names): (String, String, Vec<&str>)| match &names[..] {
        [one] => format!("{}, {one}. {reason}.", sweep.store),
        [first, ..] => format!("{}, {}. At {first}: {reason}.", sweep.store, names.join(", ")),
        [] => String::new(),
    };
    kinds.into_iter().map(line).collect()
}

fn finding(sweep: &Sweep<'_>) -> String {
    let sentence = |level: &Level<'_>| match &level.withheld {
        Some(_) if level.is_overloaded() => {
            format!("{} overloaded, {}/s completed", level.name, units::rate(level.per_s[1]))
        }
        Some(_) => format!("{} invalid", level.name),
        None => {
            format!("{} gave {}/s at p99 {}", level.name, units::rate(level.per_s[1]), sentence_text(level.readings[1]))
        }
    };
    format!("{}: {}.", sweep.store, sweep.levels.iter().map(sentence).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixtures, group};

    #[test]
    fn each_level_of_load_has_its_throughput_and_percentiles() {
        let experiment = fixtures::small();
        let cells = group::cells(&experiment);
        let curves = LoadCurves::of(&cells, &[]).expect("a sweep");
        let latency = |reading: &Reading| {
            let Some(bar) = error_bar(reading) else { return "not drawn".to_owned() };
            let [low, value, high] = [bar.low, bar.value, bar.high].map(|ns| units::latency(ns as u64));
            format!("{value} [{low}, {high}]")
        };
        let (from, to) = curves.ends_ns;
        let mut lines = vec![
            format!("axis from 0 to {}/s", units::short(curves.end_per_s)),
            format!("axis from {} to {}", latency_tick(from), latency_tick(to)),
        ];
        lines.extend(curves.limit_text());
        for sweep in &curves.sweeps {
            lines.push(format!("{}, {}", end_text(sweep, 0), end_text(sweep, 1)));
            lines.extend(sweep.levels.iter().map(|level| {
                let [low, per_s, high] = level.per_s.map(units::rate);
                let [p50, p99] = [0, 1].map(|at| latency(&level.readings[at]));
                format!("  {}: {per_s}/s [{low}, {high}], p50 {p50}, p99 {p99}", level.name)
            }));
            lines.extend(sweep.knee().map(|level| knee_text(sweep, level)));
        }
        insta::assert_snapshot!(curves.draw(&experiment, &cells).outline(&lines, &notes(&curves.sweeps)), @r"
        How much of small is carried, and how fast is it then?

        libsql 3.45.1: 1 client gave 395/s at p99 1.13 ms; 4 clients gave 1,203/s at p99 1.39 ms; 16 clients gave
        1,315/s at p99 11.3 ms. redis 8.2.1: 1 client gave 206/s at p99 unknown (too few samples); 4 clients gave
        584/s at p99 2.75 ms; 16 clients gave 642/s at p99 22.7 ms.

        axis from 0 to 1.5k/s
        axis from 500 µs to 50 ms
        limit of the workload: p99 5.00 ms
        libsql 3.45.1, p50, libsql 3.45.1, p99
          1 client: 395/s [392, 424], p50 903 us [897 us, 903 us], p99 1.13 ms [1.12 ms, 1.16 ms]
          4 clients: 1,203/s [1,191, 1,211], p50 1.10 ms [1.10 ms, 1.10 ms], p99 1.39 ms [1.38 ms, 1.40 ms]
          16 clients: 1,315/s [1,286, 1,336], p50 9.01 ms [9.00 ms, 9.02 ms], p99 11.3 ms [11.3 ms, 11.4 ms]
        knee of libsql 3.45.1: 4 clients, 1,203/s
        redis 8.2.1, p50, redis 8.2.1, p99
          1 client: 206/s [187, 209], p50 1.81 ms [1.80 ms, 1.82 ms], p99 not drawn
          4 clients: 584/s [581, 598], p50 2.20 ms [2.20 ms, 2.21 ms], p99 2.75 ms [2.74 ms, 2.78 ms]
          16 clients: 642/s [641, 681], p50 18.0 ms [18.0 ms, 18.1 ms], p99 22.7 ms [22.5 ms, 22.7 ms]
        knee of redis 8.2.1: 4 clients, 584/s

        Points are levels of load, joined in their order. libsql 3.45.1: 1 client, 4 clients, 16 clients; redis 8.2.1: 1
        client, 4 clients, 16 clients.
        Whiskers: 95 % interval within the run; of several runs their median with the lowest and highest. Hollow: a
        lower bound, or a level that must not be used.
        Knee: the level with the most throughput for its mean response time (Kleinrock's power); beyond it load
        buys waiting.

        drawn with 31 texts, 50 lines, 15 areas and 14 circles on 1000 x 624: 82d82663b0740800
        ");
    }
}
