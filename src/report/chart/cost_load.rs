//! What a month costs as the load grows: each offer that a store was priced on, from far below the measured load to a
//! hundred times it, and where offers paid by the node and by the request cost the same.

use super::canvas::{Canvas, Point};
use super::frame;
use super::labels::{self, EndLabel};
use super::metrics::{fit, fit_name, width};
use super::plane::{LEFT, Plane, usd_text};
use super::scale::{Scale, log_ends};
use super::style::{Dash, GREY, LABEL, MARGIN, Pen, SMALL, WIDTH, color, shape};
use crate::cost::Monthly;
use crate::record::{Estimate, Experiment, Model, Run};
use crate::report::cost::{by_month, prices, unpriced};
use crate::report::group::{Cell, at_any_level, comparable, heading, stores_differ, terms_differ};
use crate::report::{units, words};
use crate::units::usd;

const HEIGHT: f64 = 320.0;
/// Multiples of the measured load that are marked.
const TIMES: [f64; 3] = [1.0, 10.0, 100.0];
/// Points of a line: nodes come in whole numbers, so that it has steps.
const POINTS: usize = 400;

/// A store's month on one offer.
struct Line<'a> {
    name: String,
    number: usize,
    month: Monthly<'a>,
}

/// The stores that may be compared.
struct Panel<'a> {
    heading: Option<String>,
    /// Name and measured load of the first store: what the multiples are of.
    measured: (String, f64),
    lines: Vec<Line<'a>>,
    /// Load and what is equal there.
    break_evens: Vec<(f64, f64)>,
    /// Pairs without one.
    none: Vec<String>,
}

/// The chart of one workload; none of a record without monthly prices.
pub fn of_workload(experiment: &Experiment, cells: &[Cell<'_>]) -> Option<Canvas> {
    let stores = at_any_level(cells);
    let panels: Vec<Panel<'_>> = comparable(&stores).filter_map(|group| panel(group, &stores, cells)).collect();
    if panels.is_empty() {
        return None;
    }
    let lines = || panels.iter().flat_map(|panel| &panel.lines);
    let runs: Vec<&Run> = cells.iter().flat_map(|cell| cell.runs.iter().copied()).collect();
    let question = format!("What does {} cost a month as its load grows?", cells[0].terms.workload);
    let (mut canvas, top) = frame::open(&question, &runs);
    canvas.finding = panels.iter().map(finding).collect::<Vec<_>>().join(" ");
    let right = WIDTH - MARGIN - labels::width_of(lines().map(|line| line.name.as_str()), 300.0);
    let mut y = top;
    for panel in &panels {
        if let Some(heading) = &panel.heading {
            let heading = fit(heading, LABEL.bold(), WIDTH - 2.0 * MARGIN);
            canvas.text((MARGIN, y + 16.0), &heading, LABEL.bold().colored(GREY));
            y += 22.0;
        }
        canvas.text((MARGIN, y + 14.0), "USD a month, log scale \u{b7} lower is better", LABEL.bold());
        let (top, bottom) = (y + 46.0, y + 46.0 + panel.height());
        let loads = panel.ends();
        let usd = panel.lines.iter().flat_map(|line| points(line, loads)).map(|(_, usd)| usd);
        let ends_usd = log_ends(usd).unwrap_or((1.0, 10.0));
        let plane = Plane {
            x: Scale::log(loads, (LEFT, right)),
            y: Scale::log(ends_usd, (bottom, top)),
            edges: (LEFT, top, right, bottom),
        };
        plane.grid(&mut canvas, units::short, usd_text, "average load, operations per second, log scale");
        panel.draw(&mut canvas, &plane, loads);
        y = bottom + 46.0;
    }
    let estimates: Vec<&Estimate> = lines().map(|line| line.month.estimate()).collect();
    let mut notes = notes(&panels, &estimates);
    notes.extend(chosen_runs(cells));
    frame::close(&mut canvas, y - 4.0, &notes, experiment, &runs);
    Some(canvas)
}

fn panel<'a>(group: &[Cell<'a>], stores: &[Cell<'a>], cells: &[Cell<'a>]) -> Option<Panel<'a>> {
    let (mut lines, mut break_evens, mut none, mut measured) = (Vec::new(), Vec::new(), Vec::new(), None);
    for store in group {
        let levels: Vec<Cell<'a>> = cells.iter().filter(|cell| store.holds(cell)).cloned().collect();
        let Some((run, months)) = by_month(&levels) else { continue };
        measured.get_or_insert_with(|| (words::store(run), run.throughput_per_s));
        for node in months.iter().filter(|month| month.is_by_node()) {
            for other in months.iter().filter(|month| !month.is_by_node()) {
                match node.break_even_per_s(other).map(|load| (load, node.usd_per_month(load))) {
                    Some((load, Some(usd))) => break_evens.push((load, usd)),
                    _ => none.push(no_break_even(node, other, run.throughput_per_s)),
                }
            }
        }
        lines.extend(months.into_iter().map(|month| {
            let offer = &month.estimate().offer.id;
            let name = if stores_differ(cells) { format!("{}, {offer}", words::store(run)) } else { offer.clone() };
            Line { name, number: store.number, month }
        }));
    }
    let heading = terms_differ(stores).then(|| heading(&group[0].terms, stores));
    Some(Panel { heading, measured: measured?, lines, break_evens, none })
}

fn no_break_even(node: &Monthly<'_>, other: &Monthly<'_>, measured_per_s: f64) -> String {
    let [a, b] = [node, other].map(|month| month.estimate().offer.id.as_str());
    let at = |month: &Monthly<'_>| month.usd_per_month(measured_per_s * 1e-3).unwrap_or(f64::INFINITY);
    let (cheap, dear) = if at(node) < at(other) { (a, b) } else { (b, a) };
    format!("No break-even while one node serves: {cheap} costs less than {dear}.")
}

/// Loads and USD a month, as far as the offer carries.
fn points(line: &Line<'_>, (from, to): (f64, f64)) -> Vec<Point> {
    let load = |step: usize| from * (to / from).powf(step as f64 / POINTS as f64);
    (0..=POINTS).map(load).map_while(|load| Some((load, line.month.usd_per_month(load)?))).collect()
}

/// Which of several runs and levels of load a line follows from.
fn chosen_runs(cells: &[Cell<'_>]) -> Option<String> {
    let several_levels = at_any_level(cells).len() < cells.len();
    let repeated = cells.iter().any(|cell| cell.valid().nth(1).is_some());
    let level = several_levels.then_some("at the load at which it carried most");
    let run =
        repeated.then_some("by its run of median throughput, of an even number the slower of the two in the middle");
    let which: Vec<&str> = level.into_iter().chain(run).collect();
    (!which.is_empty()).then(|| format!("Each store {}.", which.join(", ")))
}

impl Panel<'_> {
    /// Room for the labels at the right and for the words on break-evens.
    fn height(&self) -> f64 {
        HEIGHT.max(16.0 * (2.0 + self.lines.len().max(self.break_evens.len()) as f64))
    }

    /// From a tenth of the least break-even, or of the measured load, to a hundred times the measured load. Tiers are not
    /// compared, so that each has its own.
    fn ends(&self) -> (f64, f64) {
        let (_, measured) = self.measured;
        let least = self.break_evens.iter().map(|(load, _)| *load).fold(measured, f64::min) / 10.0;
        // A thousandth of an operation a second is one in a quarter of an hour.
        (10f64.powf(least.max(1e-3).log10().floor()), measured.max(1e-2) * TIMES[2] * 1.05)
    }

    fn draw(&self, canvas: &mut Canvas, plane: &Plane, loads: (f64, f64)) {
        let (_, top, right, bottom) = plane.edges;
        self.multiples(canvas, plane);
        let mut ends = Vec::new();
        for line in &self.lines {
            let drawn: Vec<Point> = points(line, loads).into_iter().map(|(load, usd)| plane.at(load, usd)).collect();
            let Some(end) = drawn.last().copied() else { continue };
            let pen = pen(line);
            canvas.path(stepped(drawn), pen);
            ends.push(EndLabel { end, text: line.name.clone(), pen, shape: shape(line.number) });
        }
        labels::draw(canvas, &ends, right, (top + 6.0, bottom - 6.0));
        for (at, (load, usd)) in self.break_evens.iter().enumerate() {
            let text = format!("break-even at {}/s", units::rate(*load));
            plane.callout(canvas, plane.at(*load, *usd), at, &text);
        }
    }

    /// Where 1, 10 and 100 times the measured load are.
    fn multiples(&self, canvas: &mut Canvas, plane: &Plane) {
        let (_, top, _, bottom) = plane.edges;
        let (store, measured) = &self.measured;
        // Centred, it may reach the words at ten times the load; to its left there is at least as much room.
        let room = 2.0 * (plane.x.px(measured * TIMES[1]) - plane.x.px(*measured) - 24.0);
        for times in TIMES {
            let x = plane.x.px(measured * times);
            canvas.line((x, top - 4.0), (x, bottom), Pen::solid(GREY, 1.0).dash(Dash::Dotted));
            let text = if times == 1.0 {
                fit_name(&format!("measured on {store}"), SMALL, room)
            } else {
                format!("{times}\u{d7}")
            };
            let half = width(&text, SMALL) / 2.0;
            canvas.text((x.max(LEFT + half).min(WIDTH - MARGIN - half), top - 8.0), &text, SMALL.middle());
        }
    }
}

/// Nodes solid, requests dashed, flat prices dotted.
fn pen(line: &Line<'_>) -> Pen {
    let pen = Pen::solid(color(line.number), 2.0);
    match line.month.estimate().model {
        Model::Nodes => pen,
        Model::Requests => pen.dash(Dash::Dashed),
        Model::Flat => pen.dash(Dash::Dotted),
    }
}

/// Only the points at which a line turns: what is level needs no others.
fn stepped(points: Vec<Point>) -> Vec<Point> {
    let last = points.len().saturating_sub(1);
    let turns =
        |at: usize| at == 0 || at == last || points[at - 1].1 != points[at].1 || points[at].1 != points[at + 1].1;
    (0..points.len()).filter(|at| turns(*at)).map(|at| points[at]).collect()
}

fn notes(panels: &[Panel<'_>], estimates: &[&Estimate]) -> Vec<String> {
    let mut notes = Vec::new();
    let has = |model: Model| estimates.iter().any(|estimate| estimate.model == model);
    if has(Model::Nodes) {
        let planned =
            estimates.iter().find(|estimate| estimate.model == Model::Nodes).map_or(0.0, |one| one.utilisation);
        notes.push(format!(
            "Solid: by the node, as many as carry peaks at 70 % of the measured throughput each, average use {} %; the load \
             spread evenly, which nothing here measured.",
            (planned * 1e3).round() / 10.0
        ));
    }
    if has(Model::Requests) {
        notes.push("Dashed: by the request, from the operations' own rows and sizes.".to_owned());
    }
    notes.extend(prices(estimates.iter().copied()));
    notes.extend(panels.iter().flat_map(|panel| panel.none.clone()));
    notes.push(unpriced(estimates.iter().copied()));
    notes
}

fn finding(panel: &Panel<'_>) -> String {
    let (store, measured) = &panel.measured;
    let at = |line: &Line<'_>| {
        let amounts: Vec<String> = TIMES
            .iter()
            .map(|times| line.month.usd_per_month(measured * times).map_or("not carried".to_owned(), usd))
            .collect();
        format!("{}: {}", line.name, amounts.join(", "))
    };
    let lines: Vec<String> = panel.lines.iter().map(at).collect();
    let even: Vec<String> =
        panel.break_evens.iter().map(|(load, _)| format!(" Break-even at {}/s.", units::rate(*load))).collect();
    format!(
        "A month at 1, 10 and 100 times the {} operations per second measured on {store}: {}.{}",
        units::rate(*measured),
        lines.join("; "),
        even.concat()
    )
}
