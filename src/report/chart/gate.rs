//! A gate as a forest plot: the change of each figure with its interval and its margin, beside the line of no change.

use plotters::style::RGBColor;

use super::canvas::Canvas;
use super::frame;
use super::scale::Scale;
use super::style::{
    ALARM, ALARM_SHADE, Dash, GREY, GRID, INK, LABEL, LEADER, MARGIN, MarkerShape, PALE, Pen, SMALL, WHITE, WIDTH,
    color,
};
use super::text_metrics::{fit, fit_name, width};
use crate::gate::{GateComparison, GateRecord, GateSide, GateVerdict, change, percent};
use crate::report::lists::distinct;
use crate::report::words;

const ROW_HEIGHT: f64 = 30.0;
const HEADING_HEIGHT: f64 = 28.0;
/// The width of the changes at the right, and of the verdicts behind them.
const CHANGES: f64 = 150.0;
const VERDICTS: f64 = 118.0;
/// The axis reaches at least and at most so far to both sides: small changes look small, and a wide interval does not hide
/// margins of a few percent.
const REACH: [f64; 2] = [1.2, 2.5];
/// More rows are no picture any more.
const MOST_ROWS: usize = 60;
/// Changes at which the axis may have ticks, in percent.
const TICKS: [f64; 11] = [-60.0, -40.0, -20.0, -10.0, -5.0, 0.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// The chart as an SVG document.
///
/// # Errors
/// When a mark cannot be drawn.
pub fn of_gate(record: &GateRecord) -> anyhow::Result<String> {
    drawn(record).svg()
}

fn drawn(record: &GateRecord) -> Canvas {
    let rows = rows(&record.comparisons);
    let labels = [&record.base, &record.head].map(|side| fit_name(&side.label, LABEL, 400.0));
    let sides = format!("base: {} \u{b7} head: {}", labels[0], labels[1]);
    let verdict = format!("{}: {}", record.verdict.label(), record.sentence);
    let (mut canvas, top) = frame::titled("Is the head worse than its base?", &[verdict.clone(), sides]);
    canvas.finding = finding(&verdict, &rows);
    let plot = GatePlot::of(&rows);
    let mut y = top;
    for group in rows.chunk_by(|a, b| a.is_beside(b)) {
        y = plot.group(&mut canvas, group, y);
    }
    if !rows.is_empty() {
        plot.axis(&mut canvas, y);
        y += 40.0;
    }
    frame::signed(&mut canvas, y, &notes(record, &rows), &provenance(record));
    canvas
}

/// The rows in the order of the record, what gates before what does not; of too many those that tell most.
fn rows(comparisons: &[GateComparison]) -> Vec<&GateComparison> {
    let importance = |one: &GateComparison| match one.verdict {
        Some(GateVerdict::Regression) => 0,
        Some(GateVerdict::Inconclusive | GateVerdict::Incomparable) => 1,
        Some(GateVerdict::Improved) => 2,
        Some(GateVerdict::Ok) => 3,
        None => 4,
    };
    let mut order: Vec<usize> = (0..comparisons.len()).collect();
    order.sort_by_key(|at| importance(&comparisons[*at]));
    order.truncate(MOST_ROWS);
    order.sort_unstable();
    let mut rows: Vec<&GateComparison> = order.into_iter().map(|at| &comparisons[at]).collect();
    rows.chunk_by_mut(|a, b| a.is_beside(b)).for_each(|group| group.sort_by_key(|one| !one.gated));
    rows
}

struct GatePlot {
    /// The edges of the axis in pixels.
    left: f64,
    right: f64,
    scale: Scale,
}

impl GatePlot {
    fn of(rows: &[&GateComparison]) -> GatePlot {
        let names = rows.iter().map(|row| width(&name(row), LABEL) + 26.0).fold(150.0, f64::max).min(290.0);
        let (left, right) = (MARGIN + names, WIDTH - MARGIN - CHANGES - VERDICTS);
        let marks = |row: &&GateComparison| {
            let ends = row.interval.into_iter().flatten().chain(row.ratio);
            let limits = [row.margin, row.smallest_detectable].into_iter().flatten();
            ends.chain(limits.map(|share| worse_by(row, share))).collect::<Vec<f64>>()
        };
        let farthest = rows.iter().flat_map(marks).map(|ratio| ratio.max(ratio.recip())).filter(|far| far.is_finite());
        let reach = (farthest.fold(1.0, f64::max) * 1.05).clamp(REACH[0], REACH[1]);
        GatePlot { left, right, scale: Scale::log((reach.recip(), reach), (left, right)) }
    }

    /// Draws the figures of one workload on one store; returns where the next ones may begin.
    fn group(&self, canvas: &mut Canvas, rows: &[&GateComparison], top: f64) -> f64 {
        frame::heading(canvas, top + 20.0, &rows[0].title());
        let begin = top + HEADING_HEIGHT;
        let bottom = begin + rows.len() as f64 * ROW_HEIGHT;
        for (at, row) in rows.iter().enumerate() {
            self.margin(canvas, row, begin + at as f64 * ROW_HEIGHT);
        }
        for tick in self.ticks() {
            let x = self.scale.px(tick);
            canvas.line((x, begin), (x, bottom), Pen::solid(GRID, 1.0));
        }
        let middle = self.scale.px(1.0);
        canvas.line((middle, begin), (middle, bottom), Pen::solid(INK, 1.4).dash(Dash::Dashed));
        for (at, row) in rows.iter().enumerate() {
            self.row(canvas, row, begin + at as f64 * ROW_HEIGHT);
        }
        bottom
    }

    /// The ground on which a figure is worse by its margin or more.
    fn margin(&self, canvas: &mut Canvas, row: &GateComparison, top: f64) {
        let Some(margin) = row.margin.filter(|_| row.ratio.is_some()) else { return };
        let from = self.scale.px(worse_by(row, margin));
        let (left, right) = if row.metric.is_better_higher() { (self.left, from) } else { (from, self.right) };
        canvas.rect((left, top + 3.0), (right, top + ROW_HEIGHT - 3.0), ALARM_SHADE);
    }

    fn row(&self, canvas: &mut Canvas, row: &GateComparison, top: f64) {
        let y = top + ROW_HEIGHT / 2.0;
        let (ink, look) = (if row.gated { INK } else { PALE }, RowLook::of(row));
        let room = self.left - MARGIN - 26.0;
        canvas.text((MARGIN + 12.0, y + 4.0), &fit_name(&name(row), LABEL, room), LABEL.colored(ink));
        let verdict = row.verdict.map_or("shown only", GateVerdict::label);
        let style = if row.verdict == Some(GateVerdict::Regression) { LABEL.bold() } else { LABEL };
        canvas.text((WIDTH - MARGIN - VERDICTS + 16.0, y + 4.0), verdict, style.colored(look.text));
        let Some(ratio) = row.ratio.filter(|ratio| ratio.is_finite() && *ratio > 0.0) else {
            let end = WIDTH - MARGIN - VERDICTS;
            canvas.rect((self.left, y - 9.0), (end, y + 9.0), WHITE);
            let sentence = fit(&row.sentence, SMALL, end - self.left - 8.0);
            return canvas.text((self.left + 4.0, y + 4.0), &sentence, SMALL.colored(ALARM));
        };
        if let Some(share) = row.smallest_detectable {
            self.bracket(canvas, worse_by(row, share), y + 10.0);
        }
        if let Some(interval) = row.interval {
            let pen = Pen::solid(look.color, 1.8);
            canvas.line((self.scale.px(interval[0]), y), (self.scale.px(interval[1]), y), pen);
            interval.into_iter().for_each(|end| self.end(canvas, end, y, pen));
        }
        let x = self.scale.px(ratio).clamp(self.left + 12.0, self.right - 12.0);
        match look.mark {
            _ if !row.gated => canvas.dot((x, y), look.shape, look.color),
            MarkFill::Filled => canvas.marker((x, y), look.shape, look.color),
            MarkFill::Hollow => canvas.hollow_marker((x, y), look.shape, look.color),
        }
        let right = WIDTH - MARGIN - VERDICTS;
        let interval =
            row.interval.map_or("no interval".to_owned(), |[a, b]| format!("{} to {}", change(a), change(b)));
        canvas.text((right, y), &change(ratio), LABEL.colored(ink).end());
        canvas.text((right, y + 13.0), &interval, SMALL.colored(if row.gated { GREY } else { PALE }).end());
    }

    /// The end of an interval, or an arrow where it lies beyond the axis.
    fn end(&self, canvas: &mut Canvas, end: f64, y: f64, pen: Pen) {
        let x = self.scale.px(end);
        if self.scale.contains(end) {
            return canvas.line((x, y - 5.0), (x, y + 5.0), pen);
        }
        let back = if end < 1.0 { 9.0 } else { -9.0 };
        canvas.area(vec![(x, y), (x + back, y - 5.0), (x + back, y + 5.0)], pen.color);
    }

    /// From no change to the smallest one that would have been found.
    fn bracket(&self, canvas: &mut Canvas, ratio: f64, y: f64) {
        let (from, to) = (self.scale.px(1.0), self.scale.px(ratio));
        let pen = Pen::solid(LEADER, 1.3);
        canvas.path(vec![(from, y - 3.0), (from, y), (to, y)], pen);
        if self.scale.contains(ratio) {
            canvas.line((to, y), (to, y - 5.0), pen);
        } else {
            let back = if ratio < 1.0 { 6.0 } else { -6.0 };
            canvas.area(vec![(to, y), (to + back, y - 3.5), (to + back, y + 3.5)], LEADER);
        }
    }

    /// Ticks from no change outwards, as many as there is room for.
    fn ticks(&self) -> Vec<f64> {
        let (below, above) = TICKS.split_at(5);
        let mut ticks = vec![1.0];
        let sides: [Vec<f64>; 2] = [below.iter().rev().copied().collect(), above[1..].to_vec()];
        for side in sides {
            let mut last = self.scale.px(1.0);
            for ratio in side.iter().map(|percent| 1.0 + percent / 100.0) {
                let x = self.scale.px(ratio);
                if self.scale.contains(ratio) && (x - last).abs() >= 46.0 {
                    ticks.push(ratio);
                    last = x;
                }
            }
        }
        ticks.sort_by(f64::total_cmp);
        ticks
    }

    fn axis(&self, canvas: &mut Canvas, y: f64) {
        for tick in self.ticks() {
            let name = if tick == 1.0 { "0".to_owned() } else { format!("{:+.0} %", (tick - 1.0) * 100.0) };
            canvas.text((self.scale.px(tick), y + 17.0), &name, SMALL.middle());
        }
        let meaning = "change from base to head, log scale \u{b7} broken line: no change";
        canvas.text((self.left, y + 34.0), &fit(meaning, SMALL, WIDTH - MARGIN - self.left), SMALL);
    }
}

#[derive(Clone, Copy)]
enum MarkFill {
    Filled,
    Hollow,
}

/// How a verdict is drawn: its shape and fill say it without colour, and its word stands beside it.
struct RowLook {
    color: RGBColor,
    text: RGBColor,
    shape: MarkerShape,
    mark: MarkFill,
}

impl RowLook {
    fn of(row: &GateComparison) -> RowLook {
        let (color, text, shape, mark) = match row.verdict {
            Some(GateVerdict::Regression) => (ALARM, ALARM, MarkerShape::Diamond, MarkFill::Filled),
            Some(GateVerdict::Improved) => (color(0), color(0), MarkerShape::Triangle, MarkFill::Filled),
            Some(GateVerdict::Ok) => (color(2), INK, MarkerShape::Circle, MarkFill::Filled),
            Some(GateVerdict::Inconclusive | GateVerdict::Incomparable) => {
                (GREY, GREY, MarkerShape::Square, MarkFill::Hollow)
            }
            None => (PALE, PALE, MarkerShape::Circle, MarkFill::Filled),
        };
        RowLook { color, text, shape, mark }
    }
}

/// The ratio at which a figure is worse by this share.
fn worse_by(row: &GateComparison, share: f64) -> f64 {
    // Nothing loses more than all of itself, and a direction turned twice is itself.
    let share = if row.metric.is_better_higher() { share.min(0.999) } else { share };
    row.metric.worsening(row.metric.worsening_of(share)).exp()
}

fn name(row: &GateComparison) -> String {
    format!("{} {}", row.operation, row.metric.label())
}

fn finding(verdict: &str, rows: &[&GateComparison]) -> String {
    let gated = rows.iter().filter(|row| row.gated).take(20);
    let told = gated.map(|row| {
        let word = row.verdict.map_or("shown", GateVerdict::label);
        format!("{}: {} ({word})", row.name(), row.ratio.map_or_else(|| "withheld".to_owned(), change))
    });
    format!("{verdict}. {}.", told.collect::<Vec<_>>().join("; "))
}

fn notes(record: &GateRecord, rows: &[&GateComparison]) -> Vec<String> {
    let left_out = record.comparisons.len() - rows.len();
    let mut notes = vec![
        format!(
            "Diamond: regression. Triangle: improved. Circle: ok. Hollow square: inconclusive. Small and pale: shown, not gated. \
             Whiskers: 95 % interval; an arrow goes on beyond the axis. Tinted ground: worse by the margin or more. Bracket: the \
             smallest change for the worse that {} of such gates find.",
            percent(record.power)
        ),
        "Changes are Hodges and Lehmann's estimates over pairs, or over runs where these are no pairs.".to_owned(),
    ];
    notes.extend((left_out > 0).then(|| format!("{left_out} more figures are in gate.json.")));
    notes
}

fn provenance(record: &GateRecord) -> Vec<String> {
    let side = |(name, side): (&str, &GateSide)| {
        let tools =
            distinct(side.tools.iter().map(|tool| format!("{} {} ({})", tool.name, tool.version, tool.profile)));
        let host = &side.host;
        format!(
            "{name}: {} \u{b7} {} \u{b7} {}, {} CPUs, {} \u{b7} {}",
            side.stores.join(", "),
            tools.join(", "),
            host.cpu,
            host.cpus,
            host.os,
            words::moment(&side.started_at)
        )
    };
    [("base", &record.base), ("head", &record.head)].map(side).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::gate::fixtures::regressed;

    /// A gate of so many rows of every kind: names longer than their column, withheld figures, and intervals beyond the axis.
    fn gate(rows: usize) -> GateRecord {
        let mut record = regressed();
        record.base.label =
            "postgres://bench@a-host-with-a-long-name.internal.example.com:5432/storebench?schema=x".to_owned();
        let all = record.comparisons.clone();
        let verdicts = [GateVerdict::Regression, GateVerdict::Ok, GateVerdict::Inconclusive, GateVerdict::Improved];
        let row = |at: usize| {
            let mut row = all[at % all.len()].clone();
            row.verdict = row.gated.then(|| verdicts[at % 4]);
            let ratio = [1.3, 1.01, 0.97, 0.8][at % 4];
            (row.ratio, row.interval) = (Some(ratio), Some([ratio / 1.04, ratio * 1.04]));
            match at % 7 {
                3 => (row.ratio, row.interval) = (Some(ratio), Some([ratio / 60.0, ratio * 40.0])),
                5 => {
                    (row.ratio, row.interval, row.sentence) = (
                        None,
                        None,
                        "withheld: too few samples carry it in 3 runs of the head, of which each is short".to_owned(),
                    )
                }
                6 => row.operation = "settle-the-accounts-of-the-whole-previous-quarter".to_owned(),
                _ => {}
            }
            if at >= 20 {
                row.workload = "a-workload-of-its-own".to_owned();
            }
            row
        };
        record.comparisons = (0..rows).map(row).collect();
        record
    }

    #[test]
    fn nothing_is_clipped_and_no_text_touches_another() {
        for rows in [0, 1, 8, 40, 500] {
            let record = gate(rows);
            let canvas = drawn(&record);
            assert_eq!(canvas.faults(), [""; 0], "{rows} rows");
            let told = canvas.texts().filter(|text| text.starts_with("REGRESSION") && !text.contains(':')).count();
            let regressed = record.with(GateVerdict::Regression).count();
            assert_eq!(told, regressed.min(MOST_ROWS), "{rows} rows: the verdict is a word beside its mark");
            assert_eq!(of_gate(&record).expect("drawn"), of_gate(&record).expect("drawn"));
        }
    }

    #[test]
    fn of_too_many_figures_those_that_tell_most_are_shown_and_the_others_counted() {
        let canvas = drawn(&gate(500));
        assert!(canvas.texts().any(|text| text.contains("440 more figures are in gate.json")));
        assert_eq!(canvas.texts().filter(|text| *text == "shown only").count(), 0);
    }

    #[test]
    fn worse_is_to_the_side_on_which_a_figure_should_not_go() {
        let record = regressed();
        let of = |name: &str| {
            record.comparisons.iter().find(|one| one.operation == "total" && one.metric.name() == name).expect("it")
        };
        assert!((worse_by(of("throughput"), 0.05) - 0.95).abs() < 1e-12);
        assert!((worse_by(of("p99"), 0.10) - 1.10).abs() < 1e-12);
        assert!((worse_by(of("p99"), 3.0) - 4.0).abs() < 1e-12 && worse_by(of("throughput"), 3.0) > 0.0);
    }
}
