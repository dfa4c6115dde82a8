//! What speed costs: USD per million operations against p99, for stores that promise the same durability under the same load.
//! Further to the lower left is better; nothing is ranked across tiers.

use super::canvas::Canvas;
use super::frame;
use super::labels::{self, EndLabel};
use super::plane::{ErrorBar, LEFT, Plane};
use super::scale::{Scale, latency_tick, log_ends, usd_tick};
use super::style::{LABEL, MARGIN, Pen, WIDTH, color, shape};
use crate::record::{Experiment, Latency, Run};
use crate::report::cost::{PerMillion, per_million, prices, unpriced};
use crate::report::group::{Group, groups, withheld};
use crate::report::reading::{Percentile, Reading, over_runs, sentence_text};
use crate::report::words;
use crate::units;
use crate::units::usd;

const HEIGHT: f64 = 280.0;

/// A store at its p99 and its cost.
struct CostPoint<'a> {
    name: String,
    number: usize,
    p99: Reading,
    p99_ns: ErrorBar,
    cost: PerMillion<'a>,
}

/// What the chart shows: a panel for the stores of each tier under each load, all on the same axes.
struct CostPanels<'a> {
    panels: Vec<(Group<'a>, Vec<CostPoint<'a>>)>,
    ends_ns: (f64, f64),
    ends_usd: (f64, f64),
}

/// The chart of one workload; none where no two stores of a tier have both figures.
pub fn of_workload(experiment: &Experiment, workload: &str) -> Option<Canvas> {
    CostPanels::of(experiment, workload).map(|panels| panels.draw(experiment, workload))
}

impl<'a> CostPanels<'a> {
    fn of(experiment: &'a Experiment, workload: &str) -> Option<CostPanels<'a>> {
        let groups = groups(experiment).into_iter().filter(|group| group.workload == workload);
        let with_points = groups.map(|group| {
            let points = points(&group);
            (group, points)
        });
        let panels: Vec<_> = with_points.filter(|(_, points)| points.len() > 1).collect();
        let all = || panels.iter().flat_map(|(_, points)| points);
        let ends_ns = log_ends(all().flat_map(|point| point.p99_ns.ends()))?;
        let ends_usd = log_ends(all().flat_map(|point| [point.cost.usd[0], point.cost.usd[2]]))?;
        Some(CostPanels { panels, ends_ns, ends_usd })
    }

    fn points(&self) -> impl Iterator<Item = &CostPoint<'a>> {
        self.panels.iter().flat_map(|(_, points)| points)
    }

    fn draw(&self, experiment: &Experiment, workload: &str) -> Canvas {
        let cells = self.panels.iter().flat_map(|(group, _)| &group.cells);
        let runs: Vec<&Run> = cells.flat_map(|cell| &cell.runs).copied().collect();
        let question = format!("What does {workload} cost, and how fast is it then?");
        let (mut canvas, top) = frame::open(&question, &runs);
        canvas.finding = self.finding();
        let right = WIDTH - MARGIN - labels::width_of(self.points().map(|point| point.name.as_str()), 300.0);
        let mut y = top;
        for (group, points) in &self.panels {
            if self.panels.len() > 1 {
                frame::heading(&mut canvas, y + 16.0, &format!("durability: {}, {}", group.tier, group.load));
                y += 20.0;
            }
            canvas.text((MARGIN, y + 14.0), &usd_axis(points), LABEL.bold());
            let (top, bottom) = (y + 26.0, y + 26.0 + HEIGHT.max(16.0 * (2.0 + points.len() as f64)));
            let plane = Plane {
                x: Scale::log(self.ends_ns, (LEFT, right)),
                y: Scale::log(self.ends_usd, (bottom, top)),
                edges: (LEFT, top, right, bottom),
            };
            let meaning = words::latency_meaning(group.mode);
            let p99_axis = format!("p99, {meaning}, log scale \u{b7} lower is better");
            plane.grid(&mut canvas, latency_tick, usd_tick, &p99_axis);
            draw(&mut canvas, &plane, points);
            y = bottom + 48.0;
        }
        frame::close(&mut canvas, y - 6.0, &self.notes(), experiment, &runs);
        canvas
    }

    /// One sentence a store; with several panels it says which, because a store may be in each.
    fn finding(&self) -> String {
        let sentences = self.panels.iter().flat_map(|(group, points)| {
            let terms = match self.panels.len() {
                1 => String::new(),
                _ => format!(" ({}, {})", group.tier, group.load),
            };
            points.iter().map(move |point| finding(point, &terms))
        });
        sentences.collect::<Vec<_>>().join(" ")
    }

    fn notes(&self) -> Vec<String> {
        let estimates = || self.points().map(|point| point.cost.estimate);
        let mut notes = vec![
            "Of several runs their median, and as whiskers the lowest and highest; of a single one the figure at the ends of \
             the throughput's 95 % interval, and the interval of p99. Whiskers that the marker hides are not drawn."
                .to_owned(),
        ];
        notes.extend(prices(estimates()));
        notes.push(unpriced(estimates()));
        let cells: Vec<_> = self.panels.iter().flat_map(|(group, _)| &group.cells).cloned().collect();
        notes.extend(withheld(&cells));
        notes
    }
}

/// The stores of a group that have both figures.
fn points<'a>(group: &Group<'a>) -> Vec<CostPoint<'a>> {
    let point = |cell: &crate::report::group::Cell<'a>| {
        let latencies: Vec<&Latency> = cell.valid().map(|run| &run.total.response_ns).collect();
        let p99 = over_runs(&latencies, Percentile::P99);
        let Reading::Known { value_ns, interval_ns } = p99 else { return None };
        let (low, high) = interval_ns.unwrap_or((value_ns, None));
        let p99_ns = ErrorBar::of([low, value_ns, high.unwrap_or(value_ns)].map(|ns| ns.max(1) as f64));
        let cost = per_million(cell)?;
        let name = format!("{}, {}", words::store(cell.runs[0]), cost.estimate.offer.id);
        Some(CostPoint { name, number: cell.number, p99, p99_ns, cost })
    };
    group.cells.iter().filter_map(point).collect()
}

/// What the axis of costs shows, with the utilisation if all are planned for the same.
fn usd_axis(points: &[CostPoint<'_>]) -> String {
    let planned = points.first().map_or(0.0, |point| point.cost.estimate.utilisation);
    let is_same = points.iter().all(|point| point.cost.estimate.utilisation == planned);
    let utilisation = if is_same { format!(" at {} utilisation", units::percent(planned)) } else { String::new() };
    format!("USD per million operations{utilisation}, log scale \u{b7} lower is better")
}

fn draw(canvas: &mut Canvas, plane: &Plane, points: &[CostPoint<'_>]) {
    let (_, top, right, bottom) = plane.edges;
    let end = |point: &CostPoint<'_>| EndLabel {
        end: plane.at(point.p99_ns.value, point.cost.usd[1]),
        text: point.name.clone(),
        pen: Pen::solid(color(point.number), 1.6),
        shape: shape(point.number),
    };
    let ends: Vec<EndLabel> = points.iter().map(end).collect();
    labels::draw(canvas, &ends, right, (top + 6.0, bottom - 6.0));
    for point in points {
        let usd = ErrorBar::of(point.cost.usd);
        plane.whiskers(canvas, point.p99_ns, usd, Pen::solid(color(point.number), 1.6));
        canvas.marker(plane.at(point.p99_ns.value, usd.value), shape(point.number), color(point.number));
    }
}

fn finding(point: &CostPoint<'_>, terms: &str) -> String {
    units::typeset(&format!(
        "{}{terms}: {} per million operations, p99 {}.",
        point.name,
        usd(point.cost.usd[1]),
        sentence_text(point.p99)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn stores_of_a_tier_and_load_stand_at_their_cost_and_p99() {
        let experiment = fixtures::small();
        let shown = CostPanels::of(&experiment, "small").expect("priced stores");
        let latency = |ns: f64| units::typeset(&units::latency(ns as u64));
        let point = |point: &CostPoint<'_>| {
            let (p99, [low, usd, high]) = (point.p99_ns, point.cost.usd);
            let [from, p99, to] = [p99.low, p99.value, p99.high].map(latency);
            format!("  {}: {p99} [{from}, {to}], ${usd:.4} [{low:.4}, {high:.4}]", point.name)
        };
        let [(from_ns, to_ns), (from_usd, to_usd)] = [shown.ends_ns, shown.ends_usd];
        let mut lines = vec![
            format!("axis from {} to {}", latency_tick(from_ns), latency_tick(to_ns)),
            format!("axis from {} to {}", usd_tick(from_usd), usd_tick(to_usd)),
        ];
        for (group, points) in &shown.panels {
            lines.push(format!("{}, {}: {}", group.tier, group.load, usd_axis(points)));
            lines.extend(points.iter().map(point));
        }
        insta::assert_snapshot!(shown.draw(&experiment, "small").outline(&lines, &shown.notes()), @r"
        What does small cost, and how fast is it then?

        libsql 3.45.1, ec2.m7g.large (durable, closed loop, 4 clients): $0.0471 per million operations, p99 1.39 ms.
        redis 8.2.1, ec2.m7g.large (durable, closed loop, 4 clients): $0.0970 per million operations, p99 2.75 ms.
        libsql 3.45.1, ec2.m7g.large (durable, closed loop, 16 clients): $0.0431 per million operations, p99 11.3 ms.
        redis 8.2.1, ec2.m7g.large (durable, closed loop, 16 clients): $0.0882 per million operations, p99 22.7 ms.

        axis from 1 ms to 50 ms
        axis from $0.02 to $0.2
        durable, closed loop, 4 clients: USD per million operations at 40 % utilisation, log scale · lower is better
          libsql 3.45.1, ec2.m7g.large: 1.39 ms [1.38 ms, 1.40 ms], $0.0471 [0.0468, 0.0476]
          redis 8.2.1, ec2.m7g.large: 2.75 ms [2.74 ms, 2.78 ms], $0.0970 [0.0948, 0.0975]
        durable, closed loop, 16 clients: USD per million operations at 40 % utilisation, log scale · lower is better
          libsql 3.45.1, ec2.m7g.large: 11.3 ms [11.3 ms, 11.4 ms], $0.0431 [0.0424, 0.0441]
          redis 8.2.1, ec2.m7g.large: 22.7 ms [22.5 ms, 22.7 ms], $0.0882 [0.0832, 0.0885]

        Of several runs their median, and as whiskers the lowest and highest; of a single one the figure at the ends
        of the throughput's 95 % interval, and the interval of p99. Whiskers that the marker hides are not drawn.
        ec2.m7g.large: AWS EC2, us-east-1, on-demand, price of 2025 (quality B), STALE, 1 copy; estimate:
        measured on other hardware.
        USD, list prices. Not in it: backups, network, licences, taxes, discounts, staff, support.

        drawn with 38 texts, 29 lines, 8 areas and 8 circles on 1000 x 961: 25ae0ca401858afe
        ");
    }
}
