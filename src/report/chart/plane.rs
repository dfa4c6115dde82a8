//! Two axes and the points between them, with whiskers for how sure each is: what the charts share that set one figure
//! against another.

use super::canvas::{Canvas, Point};
use super::metrics::{fit, width};
use super::scale::Scale;
use super::style::{GRID, INK, MARGIN, PALE, Pen, SMALL};
use crate::report::units;
use crate::units::usd;

/// The left edge of every plane: room for the numbers of its axis.
pub const LEFT: f64 = MARGIN + 58.0;
/// Half the width of a marker and its rim: shorter whiskers would not be seen.
const MARKER: f64 = 7.0;

/// A value and the ends of its interval; equal to it where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The lower end.
    pub low: f64,
    /// The value.
    pub value: f64,
    /// The upper end.
    pub high: f64,
}

/// Where figures of two kinds are set against each other.
#[derive(Debug, Clone, Copy)]
pub struct Plane {
    /// From left to right.
    pub x: Scale,
    /// From bottom to top.
    pub y: Scale,
    /// Its edges in pixels: left, top, right, bottom.
    pub edges: (f64, f64, f64, f64),
}

impl Span {
    /// A value of which nothing else is known.
    pub fn exactly(value: f64) -> Span {
        Span { low: value, value, high: value }
    }

    /// Lowest, value and highest.
    pub fn of([low, value, high]: [f64; 3]) -> Span {
        Span { low: low.min(value), value, high: high.max(value) }
    }

    /// Both ends.
    pub fn ends(self) -> [f64; 2] {
        [self.low, self.high]
    }
}

impl Plane {
    /// Where a point lies.
    pub fn at(&self, x: f64, y: f64) -> Point {
        (self.x.px(x), self.y.px(y))
    }

    /// Grid lines and the numbers of both axes, and the name of the horizontal one.
    pub fn grid(&self, canvas: &mut Canvas, x_text: fn(f64) -> String, y_text: fn(f64) -> String, name: &str) {
        let (left, top, right, bottom) = self.edges;
        for value in self.y.ticks(26.0) {
            let y = self.y.px(value);
            canvas.line((left, y), (right, y), Pen::solid(GRID, 1.0));
            canvas.text((left - 8.0, y + 4.0), &y_text(value), SMALL.end());
        }
        let mut free = 0.0;
        for value in self.x.ticks(58.0) {
            let (x, text) = (self.x.px(value), x_text(value));
            let half = width(&text, SMALL) / 2.0;
            canvas.line((x, top), (x, bottom + 4.0), Pen::solid(GRID, 1.0));
            if x - half > free {
                canvas.text((x, bottom + 17.0), &text, SMALL.middle());
                free = x + half + 4.0;
            }
        }
        canvas.line((left, bottom), (right, bottom), Pen::solid(PALE, 1.0));
        canvas.text((left, bottom + 34.0), name, SMALL);
    }

    /// Whiskers in both directions, where the marker does not hide them.
    pub fn whiskers(&self, canvas: &mut Canvas, x: Span, y: Span, pen: Pen) {
        let at = self.at(x.value, y.value);
        for end in x.ends().map(|end| self.x.px(end)).into_iter().filter(|end| (end - at.0).abs() > MARKER) {
            canvas.line(at, (end, at.1), pen);
            canvas.line((end, at.1 - 4.0), (end, at.1 + 4.0), pen);
        }
        for end in y.ends().map(|end| self.y.px(end)).into_iter().filter(|end| (end - at.1).abs() > MARKER) {
            canvas.line(at, (at.0, end), pen);
            canvas.line((at.0 - 4.0, end), (at.0 + 4.0, end), pen);
        }
    }

    /// A ring around a point and, at the foot of the plane, what is to be said of it: the nth of them on its own line.
    pub fn callout(&self, canvas: &mut Canvas, (x, y): Point, nth: usize, text: &str) {
        let (left, _, right, bottom) = self.edges;
        let baseline = bottom - 8.0 - nth as f64 * 16.0;
        canvas.line((x, y + 9.0), (x, baseline - 10.0), Pen::solid(PALE, 1.0));
        canvas.ring((x, y), 9.0, INK);
        let text = fit(text, SMALL, right - left - 8.0);
        let wide = width(&text, SMALL);
        canvas.tag(((x - wide / 2.0).min(right - wide - 4.0).max(left + 4.0), baseline), &text, INK);
    }
}

/// Money at a tick, without needless digits: `$0.05`, `$100`, `$20k`, `$1M`.
pub fn usd_text(amount: f64) -> String {
    if amount >= 1e4 {
        return format!("${}", units::short(amount));
    }
    let text = usd(amount);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
