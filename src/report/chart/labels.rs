//! Labels at the ends of lines, moved apart where the lines end close together.

use super::canvas::{Canvas, Position};
use super::style::{Dash, LABEL, LEADER, MARGIN, MarkerShape, Pen, WIDTH};
use super::text_metrics::{fit_name, width};

/// Pixels between the baselines of two labels.
const GAP: f64 = 15.0;
/// Room for the leader and the marker.
const BEFORE_TEXT: f64 = 28.0;

/// A text at the right of a line's end.
pub struct EndLabel {
    /// Where the line ends.
    pub end: Position,
    pub text: String,
    /// How the line is drawn.
    pub pen: Pen,
    /// The marker of a solid line; a broken one is known by its strokes.
    pub shape: MarkerShape,
}

/// The room that labels need at the right, `most` at most.
pub fn width_of<'a>(texts: impl Iterator<Item = &'a str>, most: f64) -> f64 {
    (texts.map(|text| width(text, LABEL)).fold(0.0, f64::max) + BEFORE_TEXT + 2.0).min(most)
}

/// Writes labels right of `left`, between `top` and `bottom`, each joined to its line.
pub fn draw(canvas: &mut Canvas, labels: &[EndLabel], left: f64, (top, bottom): (f64, f64)) {
    let wanted: Vec<f64> = labels.iter().map(|label| label.end.1).collect();
    for (label, y) in labels.iter().zip(spread(&wanted, GAP, (top, bottom))) {
        canvas.path(vec![label.end, (left, label.end.1), (left + 8.0, y)], Pen::solid(LEADER, 0.8));
        if label.pen.dash == Dash::Solid {
            canvas.marker((left + 16.0, y), label.shape, label.pen.color);
        } else {
            canvas.line((left + 9.0, y), (left + 24.0, y), label.pen);
        }
        let text = fit_name(&label.text, LABEL, WIDTH - MARGIN - left - BEFORE_TEXT);
        canvas.text((left + BEFORE_TEXT, y + 4.0), &text, LABEL);
    }
}

/// Positions at least `gap` apart, in the order of the wanted ones and as near to them as a pass down and a pass up get.
fn spread(wanted: &[f64], gap: f64, (top, bottom): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut placed = wanted.to_vec();
    let mut next = top;
    for &at in &order {
        placed[at] = placed[at].max(next);
        next = placed[at] + gap;
    }
    let mut last = bottom;
    for &at in order.iter().rev() {
        placed[at] = placed[at].min(last);
        last = placed[at] - gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_their_distance() {
        let placed = spread(&[50.0, 52.0, 10.0, 99.0, 98.0], 15.0, (0.0, 100.0));
        assert_eq!(placed, [50.0, 65.0, 10.0, 100.0, 85.0]);
    }
}
