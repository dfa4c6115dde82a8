//! The history of figures: a panel for each, a point for each experiment, its levels and where they change.

use super::canvas::Canvas;
use super::frame;
use super::scale::Scale;
use super::style::{ALARM, Dash, GREY, GRID, INK, LABEL, MARGIN, Pen, SMALL, WIDTH, color, shape};
use super::text_metrics::{fit, width};
use crate::gate::{Courses, FigureHistory, HistoryLine, change};
use crate::report::gate::rows;
use crate::units;

/// More panels are no picture any more.
const MOST_PANELS: usize = 12;
const PANEL: f64 = 92.0;
const HEADING: f64 = 24.0;
const GAP: f64 = 14.0;
/// Room for the values at the left.
const VALUES: f64 = 76.0;
/// Less room than this for the name of a change holds nothing that could be read.
const LEAST_ROOM: f64 = 60.0;

/// The chart as an SVG document; none of a history without figures.
///
/// # Errors
/// When a mark cannot be drawn.
pub fn of_history(lines: &[HistoryLine], courses: &Courses, name: &str) -> anyhow::Result<Option<String>> {
    drawn(lines, courses, name).map(|canvas| canvas.svg()).transpose()
}

fn drawn(lines: &[HistoryLine], courses: &Courses, name: &str) -> Option<Canvas> {
    let panels = panels(courses);
    let newest = lines.last().filter(|_| !panels.is_empty())?;
    let count = units::counted(lines.len() as u64, "experiment");
    let about = format!("{count} \u{b7} {} \u{b7} {name}", newest.host.sentence());
    let (mut canvas, top) = frame::titled("When did a figure change its level?", &[about]);
    canvas.finding = finding(lines, courses);
    let first = panels.iter().flat_map(|figure| figure.points.first()).map(|(at, _)| *at).min().unwrap_or_default();
    let ends = (first as f64 - 0.5, lines.len() as f64 - 0.5);
    let x = Scale::linear(ends, (MARGIN + VALUES, WIDTH - MARGIN));
    let mut y = top + 6.0;
    for figure in &panels {
        panel(&mut canvas, figure, lines, x, y);
        y += HEADING + PANEL + GAP;
    }
    let [from, to] = [&lines[first], newest].map(HistoryLine::name);
    let half = (WIDTH - 2.0 * MARGIN - VALUES) / 2.0 - 8.0;
    canvas.text((MARGIN + VALUES, y + 2.0), &fit(&from, SMALL, half), SMALL);
    if lines.len() - first > 1 {
        canvas.text((WIDTH - MARGIN, y + 2.0), &fit(&to, SMALL, half), SMALL.end());
    }
    let left_out = courses.figures.len() - panels.len();
    let mut notes = vec![
        "A point: the median of an experiment's runs. Lines: medians of a level. Broken lines: where the level changed \
         (E-divisive, beyond what 99 % of shuffled histories show). Each panel has an axis of its own that does not begin at zero."
            .to_owned(),
    ];
    notes.extend(
        (left_out > 0)
            .then(|| format!("{} not drawn; the table has them.", units::counted(left_out as u64, "more figure"))),
    );
    frame::signed(&mut canvas, y + 6.0, &notes, &[format!("last line: {} \u{b7} {}", newest.name(), newest.tool)]);
    Some(canvas)
}

/// What changed, the largest change first, and then what did not, in the order of the history.
fn panels(courses: &Courses) -> Vec<&FigureHistory> {
    let size =
        |figure: &FigureHistory| figure.changes.iter().map(|change| change.ratio().ln().abs()).fold(0.0, f64::max);
    let mut figures: Vec<&FigureHistory> = courses.figures.iter().filter(|figure| !figure.points.is_empty()).collect();
    figures.sort_by(|a, b| size(b).total_cmp(&size(a)));
    figures.truncate(MOST_PANELS);
    figures
}

fn panel(canvas: &mut Canvas, figure: &FigureHistory, lines: &[HistoryLine], x: Scale, top: f64) {
    let (left, right) = (MARGIN + VALUES, WIDTH - MARGIN);
    let value = |value: f64| units::typeset(&rows::value(figure.quantity, Some(value)));
    let better = if figure.quantity.is_better_higher() { "higher is better" } else { "lower is better" };
    canvas.text((MARGIN, top + 14.0), &fit(&figure.name(), LABEL.bold(), 700.0), LABEL.bold());
    canvas.text((right, top + 14.0), better, SMALL.end());
    let values = || figure.points.iter().map(|(_, value)| *value);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let (begin, end) = (top + HEADING, top + HEADING + PANEL);
    // At least 5 % of the value, so that noise looks like noise.
    let room = ((high - low) * 0.15).max(high * 0.025);
    let y = Scale::linear((low - room, high + room), (end, begin + 14.0));
    let ends = if high > low * 1.0001 { vec![low, high] } else { vec![high] };
    let is_apart = ends.len() == 2 && y.px(low) - y.px(high) >= 14.0;
    for (at, end) in ends.iter().enumerate() {
        canvas.line((left, y.px(*end)), (right, y.px(*end)), Pen::solid(GRID, 1.0));
        if is_apart || at + 1 == ends.len() {
            canvas.text((left - 8.0, y.px(*end) + 4.0), &fit(&value(*end), SMALL, VALUES - 8.0), SMALL.end());
        }
    }
    let starts = figure.changes.iter().map(|change| change.point).collect::<Vec<usize>>();
    let place = |point: usize| x.px(figure.points[point].0 as f64);
    let edge = |point: usize| (place(point - 1) + place(point)) / 2.0;
    levels(canvas, figure, &edge, (left, right), y);
    let mut free = left;
    for (at, change) in figure.changes.iter().enumerate() {
        let at_x = edge(change.point);
        let ink = if figure.is_worse(change) { ALARM } else { color(0) };
        canvas.line((at_x, begin), (at_x, end), Pen::solid(ink, 1.3).dash(Dash::Dashed));
        let next = starts.get(at + 1).map_or(right, |next| edge(*next));
        let name = label(figure, at, lines);
        let (before, after) = (at_x - 6.0 - free, next - at_x - 8.0);
        if after >= width(&name, SMALL) || (after >= before && after >= LEAST_ROOM) {
            let name = fit(&name, SMALL, after);
            canvas.tag((at_x + 5.0, begin + 10.0), &name, ink);
            free = at_x + 5.0 + width(&name, SMALL) + 4.0;
        } else if before >= LEAST_ROOM {
            let name = fit(&name, SMALL, before);
            canvas.tag((at_x - 5.0 - width(&name, SMALL), begin + 10.0), &name, ink);
            free = at_x + 2.0;
        }
    }
    for (at, value) in &figure.points {
        canvas.dot((x.px(*at as f64), y.px(*value)), shape(0), GREY);
    }
}

fn levels(
    canvas: &mut Canvas,
    figure: &FigureHistory,
    edge: &dyn Fn(usize) -> f64,
    (left, right): (f64, f64),
    y: Scale,
) {
    let Some(first) = figure.changes.first() else { return };
    let mut level = first.levels[0];
    let mut from = left;
    for change in &figure.changes {
        let to = edge(change.point);
        canvas.line((from, y.px(level)), (to, y.px(level)), Pen::solid(INK, 1.6));
        (from, level) = (to, change.levels[1]);
    }
    canvas.line((from, y.px(level)), (right, y.px(level)), Pen::solid(INK, 1.6));
}

/// `+17 % at 0123456789ab`.
fn label(figure: &FigureHistory, at: usize, lines: &[HistoryLine]) -> String {
    let one = &figure.changes[at];
    let line = &lines[figure.points[one.point].0];
    let name = line.commit.as_ref().map(|commit| commit.chars().take(12).collect::<String>());
    let name = name.or_else(|| line.release.clone()).unwrap_or_else(|| line.at.chars().take(10).collect());
    format!("{} at {name}", change(one.ratio()))
}

fn finding(lines: &[HistoryLine], courses: &Courses) -> String {
    let changes = courses.figures.iter().flat_map(|figure| {
        (0..figure.changes.len()).map(move |at| format!("{}: {}", figure.name(), label(figure, at, lines)))
    });
    let told: Vec<String> = changes.take(20).collect();
    if told.is_empty() { "No change of a level was found.".to_owned() } else { format!("{}.", told.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::history::fixtures::{stepped, written};

    #[test]
    fn nothing_is_clipped_and_no_text_touches_another() {
        for steps in [&[][..], &[20], &[12, 20], &[12, 15, 18, 21, 37]] {
            let lines = stepped(40, steps);
            let courses = crate::gate::courses(&lines);
            let canvas = drawn(&lines, &courses, "bench/history.jsonl").expect("figures");
            assert_eq!(canvas.faults(), [""; 0], "{steps:?}");
            let named = canvas.texts().filter(|text| text.contains(" at c")).count();
            assert!(named >= usize::from(!steps.is_empty()), "{steps:?}");
        }
        assert!(drawn(&[], &Courses::default(), "x").is_none());
        let one = stepped(1, &[]);
        assert_eq!(drawn(&one, &crate::gate::courses(&one), "x").expect("a point").faults(), [""; 0]);
    }

    #[test]
    fn the_same_history_gives_the_same_bytes() {
        let lines = written(&stepped(40, &[20]));
        let courses = crate::gate::courses(&lines);
        let svg = || of_history(&lines, &courses, "x").expect("drawn");
        assert_eq!(svg(), svg());
        assert!(svg().is_some_and(|svg| svg.contains("c0020")), "the commit is named");
    }
}
