//! By how much stores differ from the first of their group: a forest plot, the line of no difference in its middle.

use super::canvas::Canvas;
use super::frame;
use super::scale::Scale;
use super::style::{ALARM, Dash, GRID, INK, LABEL, MARGIN, Pen, SMALL, WHITE, WIDTH, color, shape};
use super::text_metrics::{fit, fit_name, width};
use crate::record::{Experiment, Run};
use crate::report::ratios::{Comparison, RatioRow, comparisons};
use crate::stats::{FEWEST_RUNS, Ratio};

const ROW_HEIGHT: f64 = 30.0;
const HEADING_HEIGHT: f64 = 26.0;
/// The width of the numbers at the right.
const COLUMN: f64 = 150.0;
/// The axis reaches at least this far to both sides, so that small differences look small.
const LEAST_REACH: f64 = 1.5;

/// The chart of one workload; none where no two stores may be compared.
pub fn of_workload(experiment: &Experiment, workload: &str) -> Option<Canvas> {
    ForestPlot::of(comparisons(experiment, workload)).map(|plot| plot.draw(experiment, workload))
}

fn rows<'a>(comparisons: &'a [Comparison<'_>]) -> impl Iterator<Item = &'a RatioRow> {
    comparisons.iter().flat_map(|comparison| &comparison.metrics).flat_map(|metric| &metric.rows)
}

/// What the chart shows, and its axis of ratios.
struct ForestPlot<'a> {
    comparisons: Vec<Comparison<'a>>,
    /// The left edge of the axis in pixels.
    left: f64,
    scale: Scale,
}

impl ForestPlot<'_> {
    fn of(comparisons: Vec<Comparison<'_>>) -> Option<ForestPlot<'_>> {
        if comparisons.is_empty() {
            return None;
        }
        let names = rows(&comparisons).map(|row| width(&row.store, LABEL) + 26.0).fold(110.0, f64::max).min(260.0);
        let (left, right) = (MARGIN + names + 14.0, WIDTH - MARGIN - COLUMN);
        let distance = |ratio: &Ratio| {
            let [low, high] = ratio.interval.unwrap_or([ratio.value; 2]);
            low.min(ratio.value).recip().max(high.max(ratio.value))
        };
        let reach = rows(&comparisons).filter_map(|row| Some(distance(row.ratio.as_ref().ok()?)));
        let reach = reach.filter(|reach| reach.is_finite()).fold(LEAST_REACH, f64::max) * 1.1;
        Some(ForestPlot { comparisons, left, scale: Scale::log((reach.recip(), reach), (left, right)) })
    }

    fn draw(&self, experiment: &Experiment, workload: &str) -> Canvas {
        let cells = self.comparisons.iter().flat_map(|comparison| &comparison.group.cells);
        let runs: Vec<&Run> = cells.flat_map(|cell| &cell.runs).copied().collect();
        let (mut canvas, top) = frame::open(&format!("By what factor do the stores differ on {workload}?"), &runs);
        canvas.finding = finding(&self.comparisons);
        let mut y = top + 6.0;
        for (at, comparison) in self.comparisons.iter().enumerate() {
            y += if at > 0 { 16.0 } else { 0.0 };
            y = self.comparison(&mut canvas, comparison, y);
        }
        self.axis(&mut canvas, y);
        frame::close(&mut canvas, y + 40.0, &notes(&self.comparisons), experiment, &runs);
        canvas
    }

    fn heading(&self, comparison: &Comparison<'_>) -> String {
        let group = &comparison.group;
        let load = if self.comparisons.len() > 1 { format!(", {}", group.load) } else { String::new() };
        format!("durability: {}{load} \u{b7} compared with {}", group.tier, comparison.base)
    }

    /// Draws the heading and the rows; returns where the next comparison may begin.
    fn comparison(&self, canvas: &mut Canvas, comparison: &Comparison<'_>, top: f64) -> f64 {
        let group = &comparison.group;
        frame::heading(canvas, top + 18.0, &self.heading(comparison));
        let mut y = top + HEADING_HEIGHT;
        let begin = y;
        let lines: usize = comparison.metrics.iter().map(|metric| metric.rows.len()).sum();
        let bottom = y + 2.0 * HEADING_HEIGHT + lines as f64 * ROW_HEIGHT;
        self.grid(canvas, begin, bottom);
        for metric in &comparison.metrics {
            canvas.rect((MARGIN, y + 4.0), (MARGIN + width(metric.name, LABEL.bold()) + 6.0, y + 22.0), WHITE);
            canvas.text((MARGIN, y + 18.0), metric.name, LABEL.bold());
            y += HEADING_HEIGHT;
            for row in &metric.rows {
                self.row(canvas, row, y);
                y += ROW_HEIGHT;
            }
        }
        if !group.warning.is_empty() {
            canvas.text((MARGIN, y + 14.0), &fit(&group.warning, SMALL, WIDTH - 2.0 * MARGIN), SMALL.colored(ALARM));
            y += 20.0;
        }
        y
    }

    fn grid(&self, canvas: &mut Canvas, top: f64, bottom: f64) {
        for tick in self.ticks() {
            let x = self.scale.px(tick);
            canvas.line((x, top), (x, bottom), Pen::solid(GRID, 1.0));
        }
        let middle = self.scale.px(1.0);
        canvas.line((middle, top), (middle, bottom), Pen::solid(INK, 1.4).dash(Dash::Dashed));
    }

    /// Ratios that are easy to read, as many as there is room for; 1 is always among them.
    fn ticks(&self) -> Vec<f64> {
        const EASY: [f64; 7] = [1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0];
        let all =
            EASY.into_iter().chain((2..6).map(|power| 10f64.powi(power))).filter(|tick| self.scale.contains(*tick));
        let mut ticks: Vec<f64> = vec![1.0];
        for tick in all {
            let last = ticks.last().copied().unwrap_or(1.0);
            if self.scale.px(tick) - self.scale.px(last) >= 46.0 {
                ticks.push(tick);
            }
        }
        ticks.iter().skip(1).map(|tick| tick.recip()).rev().chain(ticks.iter().copied()).collect()
    }

    fn row(&self, canvas: &mut Canvas, row: &RatioRow, top: f64) {
        let y = top + ROW_HEIGHT / 2.0;
        let name = fit_name(&row.store, LABEL, self.left - MARGIN - 26.0);
        canvas.text((MARGIN + 12.0, y + 4.0), &name, LABEL);
        let ratio = match &row.ratio {
            Ok(ratio) => ratio,
            Err(reason) => {
                let text = fit(reason, SMALL, WIDTH - MARGIN - self.left - 4.0);
                canvas.rect((self.left, y - 9.0), (WIDTH - MARGIN, y + 9.0), WHITE);
                return canvas.text((self.left + 4.0, y + 4.0), &text, SMALL.colored(ALARM));
            }
        };
        let (x, color, shape) = (self.scale.px(ratio.value), color(row.number), shape(row.number));
        let right = WIDTH - MARGIN;
        match ratio.interval {
            Some(interval) => {
                let (ends, pen) = (interval.map(|end| self.scale.px(end)), Pen::solid(color, 1.8));
                canvas.line((ends[0], y), (ends[1], y), pen);
                ends.into_iter().for_each(|end| canvas.line((end, y - 5.0), (end, y + 5.0), pen));
                canvas.marker((x, y), shape, color);
            }
            None => canvas.hollow_marker((x, y), shape, color),
        }
        canvas.text((right, y), &factor(ratio.value), LABEL.end());
        canvas.text((right, y + 13.0), &interval_text(ratio), SMALL.end());
    }

    fn axis(&self, canvas: &mut Canvas, y: f64) {
        for tick in self.ticks() {
            let name = if tick == 1.0 { "\u{d7}1".to_owned() } else { factor(tick) };
            canvas.text((self.scale.px(tick), y + 17.0), &name, SMALL.middle());
        }
        canvas.text(
            (self.left, y + 34.0),
            "ratio to the first store, log scale \u{b7} broken line: no difference",
            SMALL,
        );
    }
}

/// A ratio as a factor: `×0.63`.
fn factor(ratio: f64) -> String {
    format!("\u{d7}{}", number(ratio))
}

fn interval_text(ratio: &Ratio) -> String {
    ratio.interval.map_or("no interval".to_owned(), |[low, high]| format!("[{}, {}]", number(low), number(high)))
}

/// Two or three digits: `0.63`, `12.4`.
fn number(ratio: f64) -> String {
    let places = match ratio {
        _ if ratio >= 99.5 => 0,
        _ if ratio >= 9.95 => 1,
        _ if ratio >= 0.0995 => 2,
        _ => 4,
    };
    format!("{ratio:.places$}")
}

fn notes(comparisons: &[Comparison<'_>]) -> Vec<String> {
    let ratios = || rows(comparisons).filter_map(|row| row.ratio.as_ref().ok());
    let mut notes = Vec::new();
    if ratios().any(|ratio| ratio.interval.is_some()) {
        notes.push(
            "Ratios are of the medians of the valid runs. Whiskers: their 95 % interval, by Welch's t on the logarithms of the \
             runs. One that crosses the broken line does not tell the stores apart."
                .to_owned(),
        );
    }
    if ratios().any(|ratio| ratio.interval.is_none()) {
        let mut cells = comparisons.iter().flat_map(|comparison| &comparison.group.cells);
        let why = if cells.all(|cell| cell.runs.len() == 1) {
            "one run each".to_owned()
        } else {
            format!("fewer than {FEWEST_RUNS} valid runs on a side")
        };
        notes.push(format!(
            "Hollow: {why}, so there is no interval, and the difference may be no more than what differs from run to run."
        ));
    }
    notes
}

/// One sentence a comparison, with its load where there are several.
fn finding(comparisons: &[Comparison<'_>]) -> String {
    let is_one_load = comparisons.iter().all(|comparison| comparison.group.load == comparisons[0].group.load);
    let sentence = |comparison: &Comparison<'_>| {
        let [throughput, p99] = &comparison.metrics;
        let rows = throughput.rows.iter().zip(&p99.rows).map(|(a, b)| {
            let text =
                |ratio: &Result<Ratio, String>| ratio.as_ref().map_or_else(Clone::clone, |ratio| factor(ratio.value));
            format!("{}: throughput {}, p99 {}", a.store, text(&a.ratio), text(&b.ratio))
        });
        let (group, rows) = (&comparison.group, rows.collect::<Vec<_>>().join("; "));
        let load = if is_one_load { String::new() } else { format!(", {}", group.load) };
        format!("Against {} ({}{load}): {rows}.", comparison.base, group.tier)
    };
    comparisons.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn each_store_is_compared_with_the_first_at_its_load() {
        let experiment = fixtures::small();
        let plot = ForestPlot::of(comparisons(&experiment, "small")).expect("two stores");
        let row = |row: &RatioRow| match &row.ratio {
            Ok(ratio) => format!("  {}: {} {}", row.store, factor(ratio.value), interval_text(ratio)),
            Err(reason) => format!("  {}: {reason}", row.store),
        };
        let mut lines = vec![format!("axis {}", plot.ticks().into_iter().map(factor).collect::<Vec<_>>().join(" "))];
        for comparison in &plot.comparisons {
            lines.push(plot.heading(comparison));
            for metric in &comparison.metrics {
                lines.push(format!("  {}", metric.name));
                lines.extend(metric.rows.iter().map(row));
            }
        }
        insta::assert_snapshot!(plot.draw(&experiment, "small").outline(&lines, &notes(&plot.comparisons)), @r"
        By what factor do the stores differ on small?

        Against libsql 3.45.1 (durable, closed loop, 1 client): redis 8.2.1: throughput ×0.52, p99 too few samples.
        Against libsql 3.45.1 (durable, closed loop, 4 clients): redis 8.2.1: throughput ×0.49, p99 ×1.99. Against
        libsql 3.45.1 (durable, closed loop, 16 clients): redis 8.2.1: throughput ×0.49, p99 ×2.00.

        axis ×0.50 ×0.67 ×0.80 ×1.00 ×1.25 ×1.50 ×2.00
        durability: durable, closed loop, 1 client · compared with libsql 3.45.1
          throughput · higher is better
          redis 8.2.1: ×0.52 [0.44, 0.62]
          p99 · lower is better
          redis 8.2.1: too few samples
        durability: durable, closed loop, 4 clients · compared with libsql 3.45.1
          throughput · higher is better
          redis 8.2.1: ×0.49 [0.47, 0.51]
          p99 · lower is better
          redis 8.2.1: ×1.99 [1.94, 2.03]
        durability: durable, closed loop, 16 clients · compared with libsql 3.45.1
          throughput · higher is better
          redis 8.2.1: ×0.49 [0.45, 0.54]
          p99 · lower is better
          redis 8.2.1: ×2.00 [1.96, 2.04]

        Ratios are of the medians of the valid runs. Whiskers: their 95 % interval, by Welch's t on the logarithms of
        the runs. One that crosses the broken line does not tell the stores apart.

        drawn with 40 texts, 40 lines, 17 areas and 0 circles on 1000 x 681: 7cc4048cf6385bea
        ");
    }
}
