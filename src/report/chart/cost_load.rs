//! What a month costs as the load grows: each offer that a store was priced on, from far below the measured load to a hundred
//! times it, and the load at which an offer paid by the node costs the same as one paid by the request.

use super::canvas::{Canvas, Position};
use super::frame;
use super::labels::{self, EndLabel};
use super::plane::{LEFT, Plane};
use super::scale::{Scale, log_ends, usd_tick};
use super::style::{Dash, GREY, LABEL, MARGIN, Pen, SMALL, WIDTH, color, shape};
use super::text_metrics::{fit_name, width};
use crate::cost::Monthly;
use crate::record::{Estimate, Experiment, Model, Run};
use crate::report::cost::{by_month, prices, unpriced};
use crate::report::group::{Cell, at_any_level, comparable, heading, stores_differ, terms_differ};
use crate::report::words;
use crate::units;
use crate::units::usd;

const HEIGHT: f64 = 320.0;
/// Multiples of the measured load that are marked.
const MULTIPLES: [f64; 3] = [1.0, 10.0, 100.0];
/// The number of steps in which a line is computed: nodes come in whole numbers, so it rises at once.
const STEPS: usize = 400;

/// The monthly cost of a store on one offer.
struct MonthlyLine<'a> {
    name: String,
    number: usize,
    month: Monthly<'a>,
}

/// What is shown of the stores that may be compared.
struct MonthlyPanel<'a> {
    heading: Option<String>,
    /// Name and measured load of the first store, from which the multiples follow.
    measured: (String, f64),
    lines: Vec<MonthlyLine<'a>>,
    /// Loads at which two offers cost the same, and what they cost there.
    break_evens: Vec<(f64, f64)>,
    /// A sentence for each pair of offers without a break-even.
    without_break_even: Vec<String>,
}

/// The chart of one workload; none of a record without monthly prices.
pub fn of_workload(experiment: &Experiment, cells: &[Cell<'_>]) -> Option<Canvas> {
    let panels = panels(cells);
    (!panels.is_empty()).then(|| draw(experiment, cells, &panels))
}

fn panels<'a>(cells: &[Cell<'a>]) -> Vec<MonthlyPanel<'a>> {
    let stores = at_any_level(cells);
    comparable(&stores).filter_map(|group| panel(group, &stores, cells)).collect()
}

fn draw(experiment: &Experiment, cells: &[Cell<'_>], panels: &[MonthlyPanel<'_>]) -> Canvas {
    let lines = || panels.iter().flat_map(|panel| &panel.lines);
    let runs: Vec<&Run> = cells.iter().flat_map(|cell| cell.runs.iter().copied()).collect();
    let question = format!("What does {} cost a month as its load grows?", cells[0].terms.workload);
    let (mut canvas, top) = frame::open(&question, &runs);
    canvas.finding = panels.iter().map(finding).collect::<Vec<_>>().join(" ");
    let right = WIDTH - MARGIN - labels::width_of(lines().map(|line| line.name.as_str()), 300.0);
    let mut y = top;
    for panel in panels {
        if let Some(heading) = &panel.heading {
            frame::heading(&mut canvas, y + 16.0, heading);
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
        plane.grid(&mut canvas, units::short, usd_tick, "average load, operations per second, log scale");
        panel.draw(&mut canvas, &plane, loads);
        y = bottom + 46.0;
    }
    frame::close(&mut canvas, y - 4.0, &notes(panels, cells), experiment, &runs);
    canvas
}

fn panel<'a>(group: &[Cell<'a>], stores: &[Cell<'a>], cells: &[Cell<'a>]) -> Option<MonthlyPanel<'a>> {
    let (mut lines, mut break_evens, mut without_break_even) = (Vec::new(), Vec::new(), Vec::new());
    let mut measured = None;
    for store in group {
        let levels: Vec<Cell<'a>> = cells.iter().filter(|cell| store.holds(cell)).cloned().collect();
        let Some((run, months)) = by_month(&levels) else { continue };
        measured.get_or_insert_with(|| (words::store(run), run.throughput_per_s));
        for node in months.iter().filter(|month| month.is_by_node()) {
            for other in months.iter().filter(|month| !month.is_by_node()) {
                match node.break_even_per_s(other).map(|load| (load, node.usd_per_month(load))) {
                    Some((load, Some(usd))) => break_evens.push((load, usd)),
                    _ => without_break_even.push(no_break_even(node, other, run.throughput_per_s)),
                }
            }
        }
        lines.extend(months.into_iter().map(|month| {
            let offer = &month.estimate().offer.id;
            let name = if stores_differ(cells) { format!("{}, {offer}", words::store(run)) } else { offer.clone() };
            MonthlyLine { name, number: store.number, month }
        }));
    }
    let heading = terms_differ(stores).then(|| heading(&group[0].terms, stores));
    Some(MonthlyPanel { heading, measured: measured?, lines, break_evens, without_break_even })
}

fn no_break_even(node: &Monthly<'_>, other: &Monthly<'_>, measured_per_s: f64) -> String {
    let [a, b] = [node, other].map(|month| month.estimate().offer.id.as_str());
    let at = |month: &Monthly<'_>| month.usd_per_month(measured_per_s * 1e-3).unwrap_or(f64::INFINITY);
    let (cheap, dear) = if at(node) < at(other) { (a, b) } else { (b, a) };
    format!("No break-even while one node serves: {cheap} costs less than {dear}.")
}

/// Loads and their cost in USD a month, as far as the offer carries the load.
fn points(line: &MonthlyLine<'_>, (from, to): (f64, f64)) -> Vec<Position> {
    let load = |step: usize| from * (to / from).powf(step as f64 / STEPS as f64);
    (0..=STEPS).map(load).map_while(|load| Some((load, line.month.usd_per_month(load)?))).collect()
}

/// From which of several runs and levels of load the lines follow.
fn chosen_runs(cells: &[Cell<'_>]) -> Option<String> {
    let several_levels = at_any_level(cells).len() < cells.len();
    let repeated = cells.iter().any(|cell| cell.valid().nth(1).is_some());
    let level = several_levels.then_some("at the load at which it carried most");
    let run =
        repeated.then_some("by its run of median throughput, of an even number the slower of the two in the middle");
    let choices: Vec<&str> = level.into_iter().chain(run).collect();
    (!choices.is_empty()).then(|| format!("Each store {}.", choices.join(", ")))
}

impl MonthlyPanel<'_> {
    /// At least high enough for the labels at the right and the texts about break-evens.
    fn height(&self) -> f64 {
        HEIGHT.max(16.0 * (2.0 + self.lines.len().max(self.break_evens.len()) as f64))
    }

    /// The ends of the axis of loads: from a tenth of the least break-even, or of the measured load, to a hundred times the
    /// measured load. Tiers are not compared, so each has its own.
    fn ends(&self) -> (f64, f64) {
        let (_, measured) = self.measured;
        let least = self.break_evens.iter().map(|(load, _)| *load).fold(measured, f64::min) / 10.0;
        // A thousandth of an operation a second is one in a quarter of an hour.
        (10f64.powf(least.max(1e-3).log10().floor()), measured.max(1e-2) * MULTIPLES[2] * 1.05)
    }

    fn draw(&self, canvas: &mut Canvas, plane: &Plane, loads: (f64, f64)) {
        let (_, top, right, bottom) = plane.edges;
        self.multiples(canvas, plane);
        let mut ends = Vec::new();
        for line in &self.lines {
            let drawn: Vec<Position> = points(line, loads).into_iter().map(|(load, usd)| plane.at(load, usd)).collect();
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

    /// Marks 1, 10 and 100 times the measured load.
    fn multiples(&self, canvas: &mut Canvas, plane: &Plane) {
        let (_, top, _, bottom) = plane.edges;
        let (store, measured) = &self.measured;
        // Centred, it may reach the text at ten times the load; to its left there is at least as much room.
        let room = 2.0 * (plane.x.px(measured * MULTIPLES[1]) - plane.x.px(*measured) - 24.0);
        for times in MULTIPLES {
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
fn pen(line: &MonthlyLine<'_>) -> Pen {
    let pen = Pen::solid(color(line.number), 2.0);
    match line.month.estimate().model {
        Model::Nodes => pen,
        Model::Requests => pen.dash(Dash::Dashed),
        Model::Flat => pen.dash(Dash::Dotted),
    }
}

/// Only the points at which a line turns: what is level needs no others.
fn stepped(points: Vec<Position>) -> Vec<Position> {
    let last = points.len().saturating_sub(1);
    let turns =
        |at: usize| at == 0 || at == last || points[at - 1].1 != points[at].1 || points[at].1 != points[at + 1].1;
    (0..points.len()).filter(|at| turns(*at)).map(|at| points[at]).collect()
}

fn notes(panels: &[MonthlyPanel<'_>], cells: &[Cell<'_>]) -> Vec<String> {
    let lines = panels.iter().flat_map(|panel| &panel.lines);
    let estimates: Vec<&Estimate> = lines.map(|line| line.month.estimate()).collect();
    let first_of = |model: Model| estimates.iter().find(|estimate| estimate.model == model);
    let mut notes = Vec::new();
    if let Some(estimate) = first_of(Model::Nodes) {
        notes.push(format!(
            "Solid: by the node, as many as carry peaks at 70 % of the measured throughput each, average use {}; the load \
             spread evenly, which nothing here measured.",
            units::percent(estimate.utilisation)
        ));
    }
    if first_of(Model::Requests).is_some() {
        notes.push("Dashed: by the request, from the operations' own rows and sizes.".to_owned());
    }
    notes.extend(prices(estimates.iter().copied()));
    notes.extend(panels.iter().flat_map(|panel| panel.without_break_even.clone()));
    notes.push(unpriced(estimates.iter().copied()));
    notes.extend(chosen_runs(cells));
    notes
}

fn finding(panel: &MonthlyPanel<'_>) -> String {
    let (store, measured) = &panel.measured;
    let amounts = |line: &MonthlyLine<'_>| {
        let amounts: Vec<String> = MULTIPLES
            .iter()
            .map(|times| line.month.usd_per_month(measured * times).map_or("not carried".to_owned(), usd))
            .collect();
        format!("{}: {}", line.name, amounts.join(", "))
    };
    let lines: Vec<String> = panel.lines.iter().map(amounts).collect();
    let break_evens: Vec<String> =
        panel.break_evens.iter().map(|(load, _)| format!(" Break-even at {}/s.", units::rate(*load))).collect();
    format!(
        "A month at 1, 10 and 100 times the {} operations per second measured on {store}: {}.{}",
        units::rate(*measured),
        lines.join("; "),
        break_evens.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixtures, group};

    #[test]
    fn each_offer_has_a_line_over_the_load_and_offers_break_even() {
        let experiment = fixtures::small();
        let cells = group::cells(&experiment);
        let panels = panels(&cells);
        let mut lines = Vec::new();
        for panel in &panels {
            let (store, measured) = &panel.measured;
            let ends = panel.ends();
            lines.push(format!("{}/s measured on {store}", units::rate(*measured)));
            lines.extend(panel.heading.clone());
            let loads = (0..=4).map(|step| ends.0 * (ends.1 / ends.0).powf(f64::from(step) / 4.0)).map(units::rate);
            lines.push(format!("USD a month at {}/s", loads.collect::<Vec<_>>().join(", ")));
            for line in &panel.lines {
                let usd = points(line, ends).into_iter().step_by(STEPS / 4).map(|(_, usd)| format!("{usd:.2}"));
                lines.push(format!("  {}, {:?}: {}", line.name, pen(line).dash, usd.collect::<Vec<_>>().join(", ")));
            }
            let break_even =
                |(load, usd): &(f64, f64)| format!("  break-even at {}/s for ${usd:.2}", units::rate(*load));
            lines.extend(panel.break_evens.iter().map(break_even));
        }
        insta::assert_snapshot!(draw(&experiment, &cells, &panels).outline(&lines, &notes(&panels, &cells)), @r"
        What does small cost a month as its load grows?

        A month at 1, 10 and 100 times the 1,315 operations per second measured on libsql 3.45.1: libsql 3.45.1,
        ec2.m7g.large: $178.71, $1,489, $14,892; libsql 3.45.1, turso.developer: $5.95, $37.06, $348.16; redis
        8.2.1, ec2.m7g.large: $357.41, $3,098, $30,499; redis 8.2.1, elasticache-serverless.redis: $103.00, $208.78,
        $1,267; redis 8.2.1, elasticache-serverless.valkey: $14.08, $85.64, $801.17; redis 8.2.1, upstash.payg:
        $6,913, not carried, not carried. Break-even at 11.3/s.

        1,315/s measured on libsql 3.45.1
        USD a month at 1.00, 19.3, 372, 7,164, 138,110/s
          libsql 3.45.1, ec2.m7g.large, Solid: 59.57, 59.57, 59.57, 833.95, 15666.39
          libsql 3.45.1, turso.developer, Dashed: 4.99, 4.99, 4.99, 21.32, 365.44
          redis 8.2.1, ec2.m7g.large, Solid: 59.57, 59.57, 119.14, 1667.91, 32047.59
          redis 8.2.1, elasticache-serverless.redis, Dashed: 91.26, 91.42, 94.57, 155.26, 1325.29
          redis 8.2.1, elasticache-serverless.valkey, Dashed: 6.14, 6.25, 8.38, 49.44, 840.92
          redis 8.2.1, upstash.payg, Dashed: 5.26, 101.33, 1953.30, 37655.14
          break-even at 11.3/s for $59.57

        Solid: by the node, as many as carry peaks at 70 % of the measured throughput each, average use 40 %;
        the load spread evenly, which nothing here measured.
        Dashed: by the request, from the operations' own rows and sizes.
        ec2.m7g.large: AWS EC2, us-east-1, on-demand, price of 2025 (quality B), STALE, 1 copy; estimate:
        measured on other hardware.
        turso.developer: Turso Developer, us-east-1, monthly, price of 2025 (quality B), STALE.
        elasticache-serverless.redis: AWS ElastiCache Serverless for Redis, us-east-1, on-demand, price of 2026-06
        (quality A).
        elasticache-serverless.valkey: AWS ElastiCache Serverless for Valkey, us-east-1, on-demand, price of
        2026-06 (quality B).
        upstash.payg: Upstash Redis, us-east-1, pay as you go, price of 2026-06-18 (quality A).
        No break-even while one node serves: turso.developer costs less than ec2.m7g.large.
        No break-even while one node serves: ec2.m7g.large costs less than elasticache-serverless.redis.
        No break-even while one node serves: elasticache-serverless.valkey costs less than ec2.m7g.large.
        USD, list prices. Not in it: backups, network, licences, taxes, discounts, staff, support, storage beyond what
        the price includes.
        Each store at the load at which it carried most, by its run of median throughput, of an even number the
        slower of the two in the middle.

        drawn with 39 texts, 34 lines, 3 areas and 2 circles on 1000 x 747: 6d551de3a7219bdf
        ");
    }
}
