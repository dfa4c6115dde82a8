//! How latency grows towards the slowest operations: one curve for each operation, or for each store.
//!
//! A curve ends where ten samples lie above, because beyond that it is chance. Repetitions are pooled, which is exact for
//! histograms; percentiles themselves are never averaged.

use hdrhistogram::Histogram;

use super::canvas::{Canvas, Position};
use super::frame;
use super::labels::{self, EndLabel};
use super::scale::{Scale, latency_tick, log_ends};
use super::style::{Dash, GRID, LABEL, MARGIN, Pen, SMALL, WIDTH, color, shape};
use super::text_metrics::{fit_name, width};
use crate::measure::histogram;
use crate::percentile::FEWEST_ABOVE;
use crate::record::{Experiment, Latency, Mode, OperationRecord, Run};
use crate::report::group::{Cell, comparable, heading, stores_differ, terms_differ, withheld};
use crate::units;

const LEFT: f64 = MARGIN + 52.0;
/// The most room that the labels at the right may take.
const LABEL_ROOM: f64 = 300.0;
/// How many points a curve has in each decade of ranks.
const POINTS: usize = 60;

/// The chart of one workload.
pub fn of_workload(experiment: &Experiment, cells: &[Cell<'_>]) -> anyhow::Result<Canvas> {
    let runs: Vec<&Run> = cells.iter().flat_map(|cell| cell.runs.iter().copied()).collect();
    let question = format!("How slow do the slowest operations of {} get?", cells[0].terms.workload);
    let (mut canvas, top) = frame::open(&question, &runs);
    let mut panels = Vec::new();
    for group in comparable(cells) {
        let curves = if stores_differ(cells) { of_stores(group)? } else { of_operations(&group[0])? };
        let heading = terms_differ(cells).then(|| heading(&group[0].terms, cells));
        panels.push((heading, curves));
    }
    canvas.finding = finding(cells[0].terms.workload, &panels);
    let axes = PercentileAxes::of(&panels);
    let mut y = top;
    for (at, (heading, curves)) in panels.iter().enumerate() {
        y += if at > 0 { 26.0 } else { 0.0 };
        if let Some(heading) = heading {
            frame::heading(&mut canvas, y + 16.0, heading);
            y += 22.0;
        }
        canvas.text((MARGIN, y + 12.0), &frame::latency_axis(&runs), LABEL.bold());
        y = axes.panel(&mut canvas, curves, y + 24.0, if panels.len() == 1 { 380.0 } else { 260.0 });
    }
    let notes = notes(cells, panels.iter().flat_map(|(_, curves)| curves));
    frame::close(&mut canvas, y, &notes, experiment, &runs);
    Ok(canvas)
}

/// The latencies of an operation or a store by percentile.
struct PercentileCurve {
    name: String,
    number: usize,
    count: u64,
    /// Response times: the rank 1 / (1 - p), and nanoseconds.
    response: Vec<Position>,
    /// Service times in the same form; none for a closed loop, where they are the response times.
    service: Vec<Position>,
}

fn of_operations(cell: &Cell<'_>) -> anyhow::Result<Vec<PercentileCurve>> {
    let mut names: Vec<&String> = Vec::new();
    for name in cell.valid().flat_map(|run| run.operations.keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let curve = |(number, name): (usize, &&String)| {
        let records = cell.valid().filter_map(|run| run.operations.get(*name).map(|record| (run, record)));
        curve((*name).clone(), number, records)
    };
    names.iter().enumerate().map(curve).collect()
}

fn of_stores(cells: &[Cell<'_>]) -> anyhow::Result<Vec<PercentileCurve>> {
    let shown = cells.iter().filter(|cell| cell.valid().next().is_some());
    let totals = |cell: &Cell<'_>| {
        let records = cell.valid().map(|run| (run, &run.total));
        curve(cell.name(), cell.number, records)
    };
    shown.map(totals).collect()
}

fn curve<'a>(
    name: String,
    number: usize,
    records: impl Iterator<Item = (&'a Run, &'a OperationRecord)>,
) -> anyhow::Result<PercentileCurve> {
    let records: Vec<_> = records.collect();
    let response = pooled(records.iter().map(|(_, record)| &record.response_ns))?;
    let open = records.iter().filter(|(run, _)| run.load.mode == Mode::Open);
    let service = pooled(open.map(|(_, record)| &record.service_ns))?;
    Ok(PercentileCurve { name, number, count: response.len(), response: points(&response), service: points(&service) })
}

fn pooled<'a>(latencies: impl Iterator<Item = &'a Latency>) -> anyhow::Result<Histogram<u64>> {
    let mut pooled = histogram::new();
    for latency in latencies {
        pooled.add(histogram::decode(&latency.histogram)?)?;
    }
    Ok(pooled)
}

/// Ranks and nanoseconds, from the fastest operation to where ten samples lie above.
fn points(histogram: &Histogram<u64>) -> Vec<Position> {
    let limit = histogram.len() as f64 / FEWEST_ABOVE as f64;
    if limit <= 1.0 {
        return Vec::new();
    }
    let steps = (limit.log10() * POINTS as f64).ceil() as usize;
    let mut xs: Vec<f64> = (0..=steps).map(|step| 10f64.powf(limit.log10() * step as f64 / steps as f64)).collect();
    xs.extend(RANKS.into_iter().map(|(rank, _)| rank).filter(|rank| *rank < limit));
    xs.sort_by(f64::total_cmp);
    xs.into_iter().map(|x| (x, histogram.value_at_quantile(1.0 - 1.0 / x).max(1) as f64)).collect()
}

/// The axes that all panels share.
struct PercentileAxes {
    ends_ns: Option<(f64, f64)>,
    rank: Scale,
}

impl PercentileAxes {
    fn of(panels: &[(Option<String>, Vec<PercentileCurve>)]) -> PercentileAxes {
        let curves = || panels.iter().flat_map(|(_, curves)| curves);
        let points = || curves().flat_map(|curve| curve.response.iter().chain(&curve.service));
        let farthest = points().map(|(x, _)| *x).fold(100.0, f64::max);
        let texts: Vec<String> = curves().map(end_text).collect();
        let right = WIDTH - MARGIN - labels::width_of(texts.iter().map(String::as_str), LABEL_ROOM);
        PercentileAxes {
            ends_ns: log_ends(points().map(|(_, ns)| *ns)),
            rank: Scale::log((1.0, farthest), (LEFT, right)),
        }
    }

    /// Draws one panel; returns the height at which the next may begin.
    fn panel(&self, canvas: &mut Canvas, curves: &[PercentileCurve], top: f64, height: f64) -> f64 {
        let bottom = top + height.max(curves.len() as f64 * 16.0);
        let Some(ends_ns) = self.ends_ns else {
            canvas.text((LEFT, top + 24.0), "Nothing to show: no valid run has enough samples.", LABEL);
            return top + 50.0;
        };
        let latency = Scale::log(ends_ns, (bottom, top));
        self.grid(canvas, latency, top, bottom);
        let place =
            |points: &[Position]| points.iter().map(|(x, ns)| (self.rank.px(*x), latency.px(*ns))).collect::<Vec<_>>();
        let mut ends = Vec::new();
        for curve in curves {
            let (shape, color) = (shape(curve.number), color(curve.number));
            let pen = Pen::solid(color, 2.0);
            canvas.path(place(&curve.service), Pen::solid(color, 1.4).dash(Dash::Dashed));
            let drawn = place(&curve.response);
            let Some(&end) = drawn.last() else { continue };
            canvas.path(drawn, pen);
            let marked = |(x, _): &&Position| RANKS[1..].iter().any(|(rank, _)| rank == x);
            let marks: Vec<Position> = curve.response.iter().filter(marked).copied().collect();
            place(&marks).into_iter().for_each(|mark| canvas.marker(mark, shape, color));
            ends.push(EndLabel { end, text: end_text(curve), pen, shape });
        }
        labels::draw(canvas, &ends, self.rank.px(f64::INFINITY), (top + 6.0, bottom - 6.0));
        bottom + 36.0
    }

    fn grid(&self, canvas: &mut Canvas, latency: Scale, top: f64, bottom: f64) {
        let right = self.rank.px(f64::INFINITY);
        for tick in latency.ticks(26.0) {
            let y = latency.px(tick);
            canvas.line((LEFT, y), (right, y), Pen::solid(GRID, 1.0));
            canvas.text((LEFT - 8.0, y + 4.0), &latency_tick(tick), SMALL.end());
        }
        let mut free = 0.0;
        for (rank, name) in RANKS.into_iter().filter(|(rank, _)| self.rank.contains(*rank)) {
            let (x, half) = (self.rank.px(rank), width(name, SMALL) / 2.0);
            canvas.line((x, top), (x, bottom + 4.0), Pen::solid(GRID, 1.0).dash(Dash::Dotted));
            if x - half > free {
                canvas.text((x, bottom + 17.0), name, SMALL.middle());
                free = x + half + 4.0;
            }
        }
        canvas.text(
            (LEFT, bottom + 34.0),
            "percentile, spaced by the share of operations that are slower (log scale)",
            SMALL,
        );
    }
}

/// The percentiles that are marked: the rank 1 / (1 - p), and how the percentile is written.
const RANKS: [(f64, &str); 8] = [
    (1.0, "0 %"),
    (2.0, "50 %"),
    (10.0, "90 %"),
    (100.0, "99 %"),
    (1e3, "99.9 %"),
    (1e4, "99.99 %"),
    (1e5, "99.999 %"),
    (1e6, "99.9999 %"),
];

/// The label of a curve, its name cut to fit: `update, 1.20 ms at 99.7 %`.
fn end_text(curve: &PercentileCurve) -> String {
    let reach = reach(curve);
    format!("{}{reach}", fit_name(&curve.name, LABEL, LABEL_ROOM - 32.0 - width(&reach, LABEL)))
}

/// The last point of a curve, for after its name: `, 1.20 ms at 99.7 %`; empty for a curve without points.
fn reach(curve: &PercentileCurve) -> String {
    let text =
        |(x, ns): &Position| format!(", {} at {}", units::typeset(&units::latency(*ns as u64)), percent_text(*x));
    curve.response.last().map(text).unwrap_or_default()
}

/// The percentile of a rank, with one digit beyond its nines: `99.87 %`.
fn percent_text(rank: f64) -> String {
    let places = (rank.log10().floor() - 1.0).max(0.0) as usize;
    let down = 10f64.powi(places as i32);
    format!("{:.places$} %", ((100.0 - 100.0 / rank) * down).floor() / down)
}

fn notes<'a>(cells: &[Cell<'_>], curves: impl Iterator<Item = &'a PercentileCurve>) -> Vec<String> {
    let curves: Vec<&PercentileCurve> = curves.collect();
    let mut notes = Vec::new();
    if curves.iter().any(|curve| !curve.response.is_empty()) {
        notes.push(
            "Each curve ends where 10 samples lie above it; its marker stands at 50, 90, 99, 99.9 % and so on."
                .to_owned(),
        );
    }
    if curves.iter().any(|curve| !curve.service.is_empty()) {
        notes.push("Solid: response time. Dashed: service time, without the wait for a free client.".to_owned());
    }
    if cells.iter().any(|cell| cell.valid().count() > 1) {
        notes.push("The valid runs of a store are pooled.".to_owned());
    }
    for curve in curves.iter().filter(|curve| curve.response.is_empty()) {
        notes.push(format!("Not drawn: {} ({}).", curve.name, units::counted(curve.count, "sample")));
    }
    notes.extend(withheld(cells));
    notes
}

fn finding(workload: &str, panels: &[(Option<String>, Vec<PercentileCurve>)]) -> String {
    let text = |curve: &PercentileCurve| format!("{}{}", curve.name, reach(curve));
    let curves: Vec<String> = panels.iter().flat_map(|(_, curves)| curves).map(text).collect();
    if curves.is_empty() { format!("{workload}: no valid run.") } else { format!("{workload}: {}.", curves.join("; ")) }
}
