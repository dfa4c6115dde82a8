//! One row of a dot plot: its dots with their intervals, and the same as numbers.

use super::rows::{self, LatencyRow};
use crate::report::chart::canvas::{Canvas, Position};
use crate::report::chart::scale::Scale;
use crate::report::chart::style::{LABEL, LEADER, PERCENTILE_SHAPES, Pen, SMALL, WHITE};
use crate::report::chart::text_metrics::width;
use crate::report::reading::Reading;
use crate::units;

/// The length of the arrow of an open end.
const ARROW: f64 = 16.0;
/// Half the width of a marker and its rim.
const MARKER: f64 = 7.0;

/// Draws a line from the first marker to the last, whiskers and arrows, and the markers, the lowest percentile on top.
pub fn dots(canvas: &mut Canvas, row: &LatencyRow, readings: &[Reading; 3], (left, y): Position, scale: &Scale) {
    let at = readings.map(|reading| position(&reading).map(|ns| scale.px(ns as f64)));
    let (Some(&from), Some(&to)) = (at.iter().flatten().next(), at.iter().flatten().last()) else {
        let none = readings.iter().all(|reading| *reading == Reading::Nothing);
        let text = if none { "no samples" } else { "too few samples" };
        canvas.rect((left, y - 8.0), (left + width(text, SMALL) + 8.0, y + 8.0), WHITE);
        return canvas.text((left + 4.0, y + 4.0), text, SMALL);
    };
    canvas.line((from, y), (to, y), Pen::solid(LEADER, 1.5));
    for percentile in [2, 1, 0] {
        let Some(x) = at[percentile] else { continue };
        let next = at[percentile + 1..].iter().flatten().next();
        let pen = Pen::solid(rows::color(row, percentile), 1.6);
        interval(canvas, &readings[percentile], (x, y), next.is_none_or(|next| next - x > ARROW + MARKER), pen, scale);
    }
    for percentile in [2, 1, 0] {
        let Some(x) = at[percentile] else { continue };
        let (shape, color) = (PERCENTILE_SHAPES[percentile], rows::color(row, percentile));
        match readings[percentile] {
            Reading::Known { .. } => canvas.marker((x, y), shape, color),
            _ => canvas.hollow_marker((x, y), shape, color),
        }
    }
}

/// The latency at which the marker of a reading stands; of too few samples their lower bound.
pub fn position(reading: &Reading) -> Option<u64> {
    match *reading {
        Reading::Nothing => None,
        Reading::TooFew { at_least_ns, .. } => at_least_ns,
        Reading::Known { value_ns, .. } => Some(value_ns),
    }
}

/// Draws whiskers to the ends of the interval, and an arrow where it is open and there is room for one.
fn interval(canvas: &mut Canvas, reading: &Reading, at: Position, has_room: bool, pen: Pen, scale: &Scale) {
    let (ends, open) = match *reading {
        Reading::Known { interval_ns: Some((low, high)), .. } => ([Some(low), high], high.is_none()),
        Reading::Known { interval_ns: None, .. } => ([None; 2], false),
        _ => ([None; 2], true),
    };
    for end in ends.into_iter().flatten().map(|ns| scale.px(ns as f64)) {
        // The marker hides shorter ones.
        if (end - at.0).abs() > MARKER {
            canvas.line(at, (end, at.1), pen);
            canvas.line((end, at.1 - 5.0), (end, at.1 + 5.0), pen);
        }
    }
    if open && has_room {
        let tip = at.0 + ARROW;
        canvas.line(at, (tip, at.1), pen);
        canvas.path(vec![(tip - 4.0, at.1 - 3.5), (tip, at.1), (tip - 4.0, at.1 + 3.5)], pen);
    }
}

/// Writes the value and its interval below it, right-aligned.
pub fn numbers(canvas: &mut Canvas, (x, y): Position, reading: &Reading) {
    let (value, interval) = match *reading {
        Reading::Nothing => ("-".to_owned(), String::new()),
        Reading::TooFew { at_least_ns, above } => {
            let bound = at_least_ns.map_or_else(|| "-".to_owned(), |low| format!("\u{2265} {}", units::latency(low)));
            (bound, format!("n={above}, too few"))
        }
        Reading::Known { value_ns, interval_ns } => {
            let interval = interval_ns.map(|(low, high)| units::interval(value_ns, low, high));
            (units::latency(value_ns), interval.unwrap_or_default())
        }
    };
    let baseline = if interval.is_empty() { y + 21.0 } else { y + 15.0 };
    canvas.text((x, baseline), &units::typeset(&value), LABEL.end());
    if !interval.is_empty() {
        canvas.text((x, y + 29.0), &interval, SMALL.end());
    }
}
