//! By how much stores differ from the first of their group: a forest plot, the line of no difference in its middle.

use super::canvas::Canvas;
use super::frame;
use super::metrics::{fit, fit_name, width};
use super::scale::Scale;
use super::style::{ALARM, Dash, GREY, GRID, INK, LABEL, MARGIN, Pen, SMALL, WHITE, WIDTH, color, shape};
use crate::record::{Experiment, Run};
use crate::report::ratios::{Comparison, RatioRow, comparisons};
use crate::stats::{FEWEST_RUNS, Ratio};

const ROW_HEIGHT: f64 = 30.0;
const HEADING_HEIGHT: f64 = 26.0;
/// For the numbers at the right.
const COLUMN: f64 = 150.0;
/// The axis reaches at least this far to both sides, so that small differences look small.
const LEAST_REACH: f64 = 1.5;

/// The chart of one workload; none where no two stores may be compared.
pub fn of_workload(experiment: &Experiment, workload: &str) -> Option<Canvas> {
    let comparisons = comparisons(experiment, workload);
    if comparisons.is_empty() {
        return None;
    }
    let runs: Vec<&Run> =
        comparisons.iter().flat_map(|one| &one.group.cells).flat_map(|cell| &cell.runs).copied().collect();
    let question = format!("By what factor do the stores differ on {workload}?");
    let (mut canvas, top) = frame::open(&question, &runs);
    canvas.finding = finding(&comparisons);
    let plot = Plot::of(&comparisons);
    let mut y = top + 6.0;
    for (at, comparison) in comparisons.iter().enumerate() {
        y += if at > 0 { 16.0 } else { 0.0 };
        y = plot.comparison(&mut canvas, comparison, y, comparisons.len() > 1);
    }
    plot.axis(&mut canvas, y);
    frame::close(&mut canvas, y + 40.0, &notes(&comparisons), experiment, &runs);
    Some(canvas)
}

fn rows<'a>(comparisons: &'a [Comparison<'_>]) -> impl Iterator<Item = &'a RatioRow> {
    comparisons.iter().flat_map(|comparison| &comparison.metrics).flat_map(|metric| &metric.rows)
}

/// Where things are.
struct Plot {
    left: f64,
    scale: Scale,
}

impl Plot {
    fn of(comparisons: &[Comparison<'_>]) -> Plot {
        let names = rows(comparisons).map(|row| width(&row.store, LABEL) + 26.0).fold(110.0, f64::max).min(260.0);
        let (left, right) = (MARGIN + names + 14.0, WIDTH - MARGIN - COLUMN);
        let distance = |ratio: &Ratio| {
            let [low, high] = ratio.interval.unwrap_or([ratio.value; 2]);
            low.min(ratio.value).recip().max(high.max(ratio.value))
        };
        let reach = rows(comparisons).filter_map(|row| Some(distance(row.ratio.as_ref().ok()?)));
        let reach = reach.filter(|reach| reach.is_finite()).fold(LEAST_REACH, f64::max) * 1.1;
        Plot { left, scale: Scale::log((reach.recip(), reach), (left, right)) }
    }

    /// Headings and rows; gives where the next may begin.
    fn comparison(&self, canvas: &mut Canvas, comparison: &Comparison<'_>, top: f64, several: bool) -> f64 {
        let group = &comparison.group;
        let load = if several { format!(", {}", group.load) } else { String::new() };
        let heading = format!("durability: {}{load} \u{b7} compared with {}", group.tier, comparison.base);
        let heading = fit(&heading, LABEL.bold(), WIDTH - 2.0 * MARGIN);
        canvas.text((MARGIN, top + 18.0), &heading, LABEL.bold().colored(GREY));
        let mut y = top + HEADING_HEIGHT;
        let begin = y;
        let lines: usize = comparison.metrics.iter().map(|metric| metric.rows.len()).sum();
        let bottom = y + 2.0 * HEADING_HEIGHT + lines as f64 * ROW_HEIGHT;
        self.grid(canvas, begin, bottom);
        for metric in &comparison.metrics {
            let shown = metric.name;
            canvas.rect((MARGIN, y + 4.0), (MARGIN + width(shown, LABEL.bold()) + 6.0, y + 22.0), WHITE);
            canvas.text((MARGIN, y + 18.0), shown, LABEL.bold());
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

    /// Ratios that are read easily, as many as find room; 1 is always among them.
    fn ticks(&self) -> Vec<f64> {
        const EASY: [f64; 7] = [1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0];
        let all = EASY.into_iter().chain((2..6).map(|power| 10f64.powi(power))).filter(|tick| self.scale.holds(*tick));
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
            Some([low, high]) => {
                let (from, to) = (self.scale.px(low), self.scale.px(high));
                canvas.line((from, y), (to, y), Pen::solid(color, 1.8));
                [from, to]
                    .into_iter()
                    .for_each(|end| canvas.line((end, y - 5.0), (end, y + 5.0), Pen::solid(color, 1.8)));
                canvas.marker((x, y), shape, color);
                canvas.text((right, y), &text(ratio.value), LABEL.end());
                canvas.text((right, y + 13.0), &format!("[{}, {}]", number(low), number(high)), SMALL.end());
            }
            None => {
                canvas.hollow_marker((x, y), shape, color);
                canvas.text((right, y), &text(ratio.value), LABEL.end());
                canvas.text((right, y + 13.0), "no interval", SMALL.end());
            }
        }
    }

    fn axis(&self, canvas: &mut Canvas, y: f64) {
        for tick in self.ticks() {
            let name = if tick == 1.0 { "\u{d7}1".to_owned() } else { text(tick) };
            canvas.text((self.scale.px(tick), y + 17.0), &name, SMALL.middle());
        }
        canvas.text(
            (self.left, y + 34.0),
            "ratio to the first store, log scale \u{b7} broken line: no difference",
            SMALL,
        );
    }
}

/// `×0.63`
fn text(ratio: f64) -> String {
    format!("\u{d7}{}", number(ratio))
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
        let one = comparisons.iter().flat_map(|one| &one.group.cells).all(|cell| cell.runs.len() == 1);
        let why =
            if one { "one run each".to_owned() } else { format!("fewer than {FEWEST_RUNS} valid runs on a side") };
        notes.push(format!(
            "Hollow: {why}, so there is no interval, and the difference may be no more than what differs from run to run."
        ));
    }
    notes
}

fn finding(comparisons: &[Comparison<'_>]) -> String {
    let told = |comparison: &Comparison<'_>| {
        let [throughput, p99] = &comparison.metrics;
        let rows = throughput.rows.iter().zip(&p99.rows).map(|(a, b)| {
            let said =
                |ratio: &Result<Ratio, String>| ratio.as_ref().map_or_else(Clone::clone, |ratio| text(ratio.value));
            format!("{}: throughput {}, p99 {}", a.store, said(&a.ratio), said(&b.ratio))
        });
        format!("Against {} ({}): {}.", comparison.base, comparison.group.tier, rows.collect::<Vec<_>>().join("; "))
    };
    comparisons.iter().map(told).collect::<Vec<_>>().join(" ")
}
