//! How long operations take: a dot plot with one row for each operation, store or workload, and the same numbers beside it.
//!
//! The heads of the number columns have the markers and so are the legend too; nothing can collide however close the dots are.
//! `rows` says what is shown, `marks` draws the dots of a row.

mod marks;
mod rows;

use self::marks::position;
use self::rows::{LatencyLine, LatencyRow, RowContent};
use crate::record::{Experiment, Percentile, Run};
use crate::report::chart::canvas::Canvas;
use crate::report::chart::frame;
use crate::report::chart::scale::{Scale, latency_tick, log_ends};
use crate::report::chart::style::{
    ALARM, GREY, GRID, INK, LABEL, MARGIN, PALE, PERCENTILE_SHAPES, PERCENTILES, Pen, SMALL, TextStyle, WHITE, WIDTH,
};
use crate::report::chart::text_metrics::{fit, fit_name, width};
use crate::report::group::{Cell, reasons_apart, stores_differ, withheld};
use crate::report::reading::{Reading, sentence_text};
use crate::report::words;
use crate::units;

const ROW_HEIGHT: f64 = 36.0;
const GROUP_HEIGHT: f64 = 26.0;
const COLUMN: f64 = 106.0;
const RATE_COLUMN: f64 = 78.0;

/// The chart of the operations of one workload.
pub fn of_workload(experiment: &Experiment, cells: &[Cell<'_>]) -> Canvas {
    let question = format!("How long do the operations of {} take?", cells[0].terms.workload);
    chart(experiment, &question, cells, &rows::of_workload(cells))
}

/// The chart of all operations together, by workload.
pub fn overview(experiment: &Experiment, cells: &[Cell<'_>]) -> Canvas {
    chart(experiment, "How long does an operation take, by workload?", cells, &rows::overview(cells))
}

fn chart(experiment: &Experiment, question: &str, cells: &[Cell<'_>], lines: &[LatencyLine]) -> Canvas {
    let runs: Vec<&Run> = cells.iter().flat_map(|cell| cell.runs.iter().copied()).collect();
    let (mut canvas, top) = frame::open(question, &runs);
    canvas.finding = finding(cells);
    let plot = LatencyPlot::new(lines, top + 22.0);
    plot.headings(&mut canvas, stores_differ(cells));
    plot.grid(&mut canvas, &runs);
    let mut y = plot.top;
    for line in lines {
        plot.line(&mut canvas, line, y);
        y += height(line);
    }
    let repeated = cells.iter().any(|cell| cell.valid().count() > 1);
    frame::close(&mut canvas, plot.bottom + 36.0, &notes(lines, repeated, cells), experiment, &runs);
    canvas
}

/// Where the rows and the axis are, in pixels; there is no axis where no row has a figure.
struct LatencyPlot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    scale: Option<Scale>,
}

impl LatencyPlot {
    fn new(lines: &[LatencyLine], top: f64) -> LatencyPlot {
        let name_width = |line: &LatencyLine| match line {
            LatencyLine::Row(row) => width(&row.name, LABEL).max(width(&row.remark, SMALL)) + indent(row),
            _ => 0.0,
        };
        let names = lines.iter().map(name_width).fold(70.0, f64::max).min(230.0);
        let left = MARGIN + names + 14.0;
        let right = WIDTH - MARGIN - 3.0 * COLUMN - RATE_COLUMN - 8.0;
        let bottom = top + lines.iter().map(height).sum::<f64>();
        let ends = log_ends(lines.iter().flat_map(values));
        LatencyPlot { left, right, top, bottom, scale: ends.map(|ends| Scale::log(ends, (left, right))) }
    }

    /// The right edge of the column of a percentile.
    fn column(&self, percentile: usize) -> f64 {
        WIDTH - MARGIN - (2 - percentile) as f64 * COLUMN
    }

    /// The heads of the columns, with the markers; in ink where the colours are the stores'.
    fn headings(&self, canvas: &mut Canvas, several: bool) {
        let y = self.top - 8.0;
        canvas.text((self.column(0) - COLUMN, y), "per second", LABEL.bold().end());
        for (at, percentile) in Percentile::REPORTED.into_iter().enumerate() {
            let name = percentile.label();
            canvas.text((self.column(at), y), name, LABEL.bold().end());
            let marker = self.column(at) - width(name, LABEL.bold()) - 12.0;
            let color = if several { INK } else { PERCENTILES[at] };
            canvas.marker((marker, y - 4.5), PERCENTILE_SHAPES[at], color);
        }
    }

    fn grid(&self, canvas: &mut Canvas, runs: &[&Run]) {
        let Some(scale) = self.scale else { return };
        for tick in scale.ticks(46.0) {
            let x = scale.px(tick);
            canvas.line((x, self.top), (x, self.bottom + 4.0), Pen::solid(GRID, 1.0));
            canvas.text((x, self.bottom + 17.0), &latency_tick(tick), SMALL.middle());
        }
        canvas.text((self.left, self.bottom + 34.0), &frame::latency_axis(runs), SMALL);
    }

    fn line(&self, canvas: &mut Canvas, line: &LatencyLine, y: f64) {
        match line {
            LatencyLine::Section(name) => self.heading(canvas, y + 22.0, name, LABEL.bold().colored(GREY)),
            LatencyLine::Group(name) => self.heading(canvas, y + 18.0, name, LABEL.bold()),
            LatencyLine::Rule => canvas.line((MARGIN, y + 3.0), (WIDTH - MARGIN, y + 3.0), Pen::solid(GRID, 1.0)),
            LatencyLine::Row(row) => self.row(canvas, row, y),
        }
    }

    fn heading(&self, canvas: &mut Canvas, baseline: f64, name: &str, style: TextStyle) {
        let shown = fit(name, style, self.right - MARGIN);
        canvas.rect((MARGIN, baseline - 13.0), (MARGIN + width(&shown, style) + 6.0, baseline + 5.0), WHITE);
        canvas.text((MARGIN, baseline), &shown, style);
    }

    fn row(&self, canvas: &mut Canvas, row: &LatencyRow, y: f64) {
        let left = MARGIN + indent(row);
        let name = fit_name(&row.name, LABEL, self.left - 10.0 - left);
        match &row.content {
            RowContent::Withheld(reason) => {
                canvas.text((left, y + 21.0), &name, LABEL.colored(PALE));
                canvas.rect((self.left, y + 9.0), (WIDTH - MARGIN, y + 27.0), WHITE);
                canvas.text(
                    (self.left, y + 21.0),
                    &fit(reason, SMALL, WIDTH - MARGIN - self.left),
                    SMALL.colored(ALARM),
                );
            }
            RowContent::Figures { per_s, failed, readings } => {
                let (below, style) = match failed {
                    0 => (row.remark.clone(), SMALL),
                    _ => (units::count(*failed) + " failed", SMALL.colored(ALARM)),
                };
                let raised_px = if below.is_empty() { 0.0 } else { 6.0 };
                canvas.text((left, y + 21.0 - raised_px), &name, LABEL);
                if !below.is_empty() {
                    canvas.text((left, y + 28.0), &below, style);
                }
                canvas.text((self.column(0) - COLUMN, y + 21.0), &units::rate(*per_s), LABEL.end());
                if let Some(scale) = &self.scale {
                    marks::dots(canvas, row, readings, (self.left, y + ROW_HEIGHT / 2.0), scale);
                }
                for (at, reading) in readings.iter().enumerate() {
                    marks::numbers(canvas, (self.column(at), y), reading);
                }
            }
        }
    }
}

/// Rows below the heading of a group are indented.
fn indent(row: &LatencyRow) -> f64 {
    if row.series.is_some() { 12.0 } else { 0.0 }
}

fn height(line: &LatencyLine) -> f64 {
    match line {
        LatencyLine::Section(_) => 32.0,
        LatencyLine::Group(_) => GROUP_HEIGHT,
        LatencyLine::Rule => 6.0,
        LatencyLine::Row(_) => ROW_HEIGHT,
    }
}

/// All values that a line puts on the axis.
fn values(line: &LatencyLine) -> Vec<f64> {
    let LatencyLine::Row(LatencyRow { content: RowContent::Figures { readings, .. }, .. }) = line else {
        return Vec::new();
    };
    let all = readings.iter().flat_map(|reading| match *reading {
        Reading::Known { value_ns, interval_ns: Some((low, high)) } => vec![value_ns, low, high.unwrap_or(value_ns)],
        _ => position(reading).into_iter().collect(),
    });
    all.map(|ns| ns as f64).collect()
}

fn notes(lines: &[LatencyLine], repeated: bool, cells: &[Cell<'_>]) -> Vec<String> {
    let readings = || {
        let of_line = |line: &LatencyLine| match line {
            LatencyLine::Row(LatencyRow { content: RowContent::Figures { readings, .. }, .. }) => readings.to_vec(),
            _ => Vec::new(),
        };
        lines.iter().flat_map(of_line)
    };
    let mut notes = Vec::new();
    if repeated {
        notes.push("Values: median of the valid runs. Brackets and whiskers: lowest and highest run.".to_owned());
    }
    let single = cells.iter().any(|cell| cell.valid().count() == 1);
    if single && readings().any(|reading| matches!(reading, Reading::Known { interval_ns: Some(_), .. })) {
        let brackets = if repeated { "Of a single run, brackets" } else { "Brackets" };
        notes.push(format!(
            "{brackets} and whiskers: 95 % interval within the run, from batch means over up to 20 blocks; whiskers that the marker \
             hides are not drawn. {}",
            words::WITHIN_ONE_RUN
        ));
    }
    notes.extend(reasons_apart(cells));
    if readings().any(|reading| matches!(reading, Reading::TooFew { .. })) {
        notes.push(
            "Too few: fewer than 10 samples lie above. A hollow marker with an arrow is a lower bound, not a value."
                .to_owned(),
        );
    }
    notes.extend(withheld(cells));
    notes
}

/// One sentence a cell: throughput and percentiles over all operations.
fn finding(cells: &[Cell<'_>]) -> String {
    let sentence = |cell: &Cell<'_>| {
        let subject = format!("{} on {} ({})", cell.terms.workload, cell.name_among(cells), words::tier(cell.runs[0]));
        match rows::content(cell, None) {
            RowContent::Withheld(reason) => format!("{subject}: {reason}."),
            RowContent::Figures { per_s, readings, .. } => {
                let part = |(percentile, reading): (Percentile, &Reading)| {
                    format!("{} {}", percentile.label(), sentence_text(*reading))
                };
                let parts: Vec<String> = Percentile::REPORTED.into_iter().zip(&readings).map(part).collect();
                format!("{subject}: {} operations per second, {}.", units::rate(per_s), parts.join(", "))
            }
        }
    };
    cells.iter().map(sentence).collect::<Vec<_>>().join(" ")
}
