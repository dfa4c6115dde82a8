//! A plot over the time of a run, shared by the charts of single runs: phases shaded, stalls marked, an axis in seconds.

use super::canvas::{Canvas, Position};
use super::labels::{self, EndLabel};
use super::scale::Scale;
use super::style::{ALARM, ALARM_SHADE, Dash, GREY, GRID, LABEL, MARGIN, PALE, Pen, SHADE, SMALL, WIDTH};
use super::text_metrics::{width, wrap};
use super::time_series::{self, TimeSeries};
use crate::record::{Interval, Phase, Run};
use crate::report::words;
use crate::units;

/// The left edge of every panel.
pub const LEFT: f64 = MARGIN + 48.0;
/// With more seconds than this, markers would hide the line.
const MOST_MARKERS: usize = 45;

/// Writes why a run is drawn in grey and without numbers; nothing for a valid one. Returns where the data may begin.
pub fn invalid_reason(canvas: &mut Canvas, top: f64, run: &Run) -> f64 {
    let Some(withheld) = words::withheld(run) else { return top };
    let style = LABEL.bold().colored(ALARM);
    let lines = wrap(&withheld.to_string(), style, WIDTH - 2.0 * MARGIN, 3);
    for (at, line) in lines.iter().enumerate() {
        canvas.text((MARGIN, top + 6.0 + at as f64 * 17.0), line, style);
    }
    top + 6.0 + lines.len() as f64 * 17.0
}

/// A plot over the time of a run.
pub struct TimePanel {
    pub top: f64,
    pub bottom: f64,
    /// The axis in seconds since the measurement began.
    pub time: Scale,
}

impl TimePanel {
    /// Writes above the plot what it shows.
    pub fn heading(&self, canvas: &mut Canvas, text: &str) {
        canvas.text((MARGIN, self.top - 14.0), text, LABEL.bold());
    }

    /// Shades warm-up and drain in grey and seconds without a completion in red.
    pub fn shade_phases(&self, canvas: &mut Canvas, seconds: &[&Interval]) {
        for stretch in time_series::stretches(seconds) {
            let color = match stretch.first.phase {
                _ if time_series::stalled(stretch.first) => ALARM_SHADE,
                Phase::Warmup | Phase::Drain => SHADE,
                Phase::Measure => continue,
            };
            let (from, to) = (self.time.px(stretch.from_s), self.time.px(stretch.to_s));
            canvas.rect((from, self.top), (to, self.bottom), color);
        }
    }

    /// Names the shaded stretches that are wide enough for their names.
    pub fn name_phases(&self, canvas: &mut Canvas, seconds: &[&Interval]) {
        for stretch in time_series::stretches(seconds) {
            let (from, to) = (self.time.px(stretch.from_s), self.time.px(stretch.to_s));
            let (name, color) = match stretch.first.phase {
                _ if time_series::stalled(stretch.first) => ("stall", ALARM),
                Phase::Warmup => ("warm-up", GREY),
                Phase::Drain => ("drain", GREY),
                Phase::Measure => continue,
            };
            if width(name, SMALL) + 6.0 <= to - from {
                canvas.text(((from + to) / 2.0, self.top + 13.0), name, SMALL.colored(color).middle());
            }
        }
    }

    /// Draws the grid, the lines and their labels.
    pub fn series(&self, canvas: &mut Canvas, scale: Scale, tick_text: fn(f64) -> String, all: &[TimeSeries]) {
        let right = self.time.px(f64::INFINITY);
        for value in scale.ticks(26.0) {
            let y = scale.px(value);
            canvas.line((LEFT, y), (right, y), Pen::solid(GRID, 1.0));
            canvas.text((LEFT - 8.0, y + 4.0), &tick_text(value), SMALL.end());
        }
        let mut ends = Vec::new();
        for series in all {
            let place = |(at_s, value): &Position| (self.time.px(*at_s), scale.px(*value));
            let marked = series.pen.dash == Dash::Solid && series.values().count() <= MOST_MARKERS;
            for stretch in &series.stretches {
                let points: Vec<Position> = stretch.iter().map(place).collect();
                if marked || points.len() == 1 {
                    points.iter().for_each(|point| canvas.dot(*point, series.shape, series.pen.color));
                }
                canvas.path(points, series.pen);
            }
            if let Some(last) = series.stretches.last().and_then(|stretch| stretch.last()) {
                ends.push(EndLabel {
                    end: place(last),
                    text: series.label.clone(),
                    pen: series.pen,
                    shape: series.shape,
                });
            }
        }
        labels::draw(canvas, &ends, right, (self.top + 6.0, self.bottom - 6.0));
    }

    /// Draws the axis that all panels share, below the lowest of them.
    pub fn time_axis(&self, canvas: &mut Canvas) {
        for tick in self.time.time_ticks(58.0) {
            let x = self.time.px(tick);
            canvas.line((x, self.bottom), (x, self.bottom + 4.0), Pen::solid(PALE, 1.0));
            let text = match tick {
                _ if tick < 0.0 => format!("\u{2212}{}", units::seconds(-tick)),
                _ if tick > 0.0 && tick % 60.0 == 0.0 => format!("{} min", tick / 60.0),
                _ => units::seconds(tick),
            };
            canvas.text((x, self.bottom + 17.0), &text, SMALL.middle());
        }
        canvas.text((LEFT, self.bottom + 34.0), "time since the measurement began", SMALL);
    }
}
