//! What speed costs: USD per million operations against p99, for stores that promise the same durability under the same
//! load. Towards the lower left is better; nothing is ranked across tiers.

use super::canvas::Canvas;
use super::frame;
use super::labels::{self, EndLabel};
use super::metrics::fit;
use super::plane::{LEFT, Plane, Span, usd_text};
use super::scale::{Scale, log_ends};
use super::style::{GREY, LABEL, MARGIN, Pen, WIDTH, color, shape};
use super::tick_text;
use crate::record::{Estimate, Experiment, Latency, Run};
use crate::report::cost::{PerMillion, per_million, prices, unpriced};
use crate::report::group::{Group, groups, withheld};
use crate::report::reading::{Percentile, Reading, over_runs, spoken};
use crate::report::{units, words};
use crate::units::usd;

const HEIGHT: f64 = 280.0;

/// One store.
struct Dot<'a> {
    name: String,
    number: usize,
    p99: Reading,
    p99_ns: Span,
    cost: PerMillion<'a>,
}

/// The chart of one workload; none where no two stores of a tier have both figures.
pub fn of_workload(experiment: &Experiment, workload: &str) -> Option<Canvas> {
    let groups: Vec<Group<'_>> = groups(experiment).into_iter().filter(|group| group.workload == workload).collect();
    let panels: Vec<(&Group<'_>, Vec<Dot<'_>>)> =
        groups.iter().map(|group| (group, dots(group))).filter(|(_, dots)| dots.len() > 1).collect();
    let cells = || panels.iter().flat_map(|(group, _)| &group.cells);
    let runs: Vec<&Run> = cells().flat_map(|cell| &cell.runs).copied().collect();
    let all = || panels.iter().flat_map(|(_, dots)| dots);
    let ends_ns = log_ends(all().flat_map(|dot| dot.p99_ns.ends()))?;
    let ends_usd = log_ends(all().flat_map(|dot| [dot.cost.usd[0], dot.cost.usd[2]]))?;

    let question = format!("What does {workload} cost, and how fast is it then?");
    let (mut canvas, top) = frame::open(&question, &runs);
    canvas.finding = all().map(finding).collect::<Vec<_>>().join(" ");
    let right = WIDTH - MARGIN - labels::width_of(all().map(|dot| dot.name.as_str()), 300.0);
    let mut y = top;
    for (group, dots) in &panels {
        if panels.len() > 1 {
            let heading = format!("durability: {}, {}", group.tier, group.load);
            let heading = fit(&heading, LABEL.bold(), WIDTH - 2.0 * MARGIN);
            canvas.text((MARGIN, y + 16.0), &heading, LABEL.bold().colored(GREY));
            y += 20.0;
        }
        let name = format!("USD per million operations{}, log scale \u{b7} lower is better", utilisation(dots));
        canvas.text((MARGIN, y + 14.0), &name, LABEL.bold());
        let (top, bottom) = (y + 26.0, y + 26.0 + HEIGHT.max(16.0 * (2.0 + dots.len() as f64)));
        let plane = Plane {
            x: Scale::log(ends_ns, (LEFT, right)),
            y: Scale::log(ends_usd, (bottom, top)),
            edges: (LEFT, top, right, bottom),
        };
        let meaning = words::latency_meaning(group.mode);
        plane.grid(&mut canvas, tick_text, usd_text, &format!("p99, {meaning}, log scale \u{b7} lower is better"));
        draw(&mut canvas, &plane, dots);
        y = bottom + 48.0;
    }
    let cells: Vec<_> = cells().cloned().collect();
    let mut notes = notes(&all().map(|dot| dot.cost.estimate).collect::<Vec<_>>());
    notes.extend(withheld(&cells));
    frame::close(&mut canvas, y - 6.0, &notes, experiment, &runs);
    Some(canvas)
}

fn dots<'a>(group: &Group<'a>) -> Vec<Dot<'a>> {
    let dot = |cell: &crate::report::group::Cell<'a>| {
        let latencies: Vec<&Latency> = cell.valid().map(|run| &run.total.response_ns).collect();
        let p99 = over_runs(&latencies, Percentile::P99);
        let Reading::Known { value_ns, interval_ns } = p99 else { return None };
        let (low, high) = interval_ns.unwrap_or((value_ns, None));
        let p99_ns = Span::of([low, value_ns, high.unwrap_or(value_ns)].map(|ns| ns.max(1) as f64));
        let cost = per_million(cell)?;
        let name = format!("{}, {}", words::store(cell.runs[0]), cost.estimate.offer.id);
        Some(Dot { name, number: cell.number, p99, p99_ns, cost })
    };
    group.cells.iter().filter_map(dot).collect()
}

/// ` at 40 % utilisation`, if all are planned for the same.
fn utilisation(dots: &[Dot<'_>]) -> String {
    let planned = dots.first().map_or(0.0, |dot| dot.cost.estimate.utilisation);
    let alike = dots.iter().all(|dot| dot.cost.estimate.utilisation == planned);
    if alike { format!(" at {} % utilisation", (planned * 1e3).round() / 10.0) } else { String::new() }
}

fn draw(canvas: &mut Canvas, plane: &Plane, dots: &[Dot<'_>]) {
    let (_, top, right, bottom) = plane.edges;
    let end = |dot: &Dot<'_>| EndLabel {
        end: plane.at(dot.p99_ns.value, dot.cost.usd[1]),
        text: dot.name.clone(),
        pen: Pen::solid(color(dot.number), 1.6),
        shape: shape(dot.number),
    };
    let ends: Vec<EndLabel> = dots.iter().map(end).collect();
    labels::draw(canvas, &ends, right, (top + 6.0, bottom - 6.0));
    for dot in dots {
        let usd = Span::of(dot.cost.usd);
        plane.whiskers(canvas, dot.p99_ns, usd, Pen::solid(color(dot.number), 1.6));
        canvas.marker(plane.at(dot.p99_ns.value, usd.value), shape(dot.number), color(dot.number));
    }
}

fn notes(estimates: &[&Estimate]) -> Vec<String> {
    let mut notes = vec![
        "Of several runs their median, and as whiskers the lowest and highest; of a single one the figure at the ends of the \
         throughput's 95 % interval, and the interval of p99. Whiskers that the marker hides are not drawn."
            .to_owned(),
    ];
    notes.extend(prices(estimates.iter().copied()));
    notes.push(unpriced(estimates.iter().copied()));
    notes
}

fn finding(dot: &Dot<'_>) -> String {
    units::typeset(&format!("{}: {} per million operations, p99 {}.", dot.name, usd(dot.cost.usd[1]), spoken(dot.p99)))
}
