//! A chart as a list of marks, drawn by plotters as SVG.
//!
//! Layout happens before drawing: a list of marks can be measured, so that the tests can tell that no text is clipped
//! and no two collide. Plotters' chart builder is not used, only its elements: its axes and legends know no widths of
//! text. Plotters counts in whole pixels; the drawing is done in tenths, which the `viewBox` scales back.

use drivers::is_unprintable;
use plotters::coord::Shift;
use plotters::prelude::{
    Circle, DrawingArea, IntoDrawingArea, IntoFont, PathElement, Polygon, RGBColor, SVGBackend, Text as TextElement,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, ShapeStyle, TextStyle};

use super::metrics::width;
use super::style::{Anchor, Dash, Pen, SMALL, Shape, Type, WHITE, WIDTH};

/// Drawing units in a pixel.
const UNITS: f64 = 10.0;
const FONT: &str = "DejaVu Sans, sans-serif";

/// A position in pixels, from the upper left.
pub type Point = (f64, f64);

/// Something drawn.
#[derive(Debug, Clone)]
enum Mark {
    /// A text whose baseline is at the position.
    Text(Point, String, Type),
    Path(Vec<Point>, Pen),
    Area(Vec<Point>, RGBColor),
    Circle(Point, f64, RGBColor),
}

/// What will be drawn, first marks lowest.
#[derive(Debug, Clone, Default)]
pub struct Canvas {
    /// For readers that cannot see it: what the chart asks.
    pub title: String,
    /// For readers that cannot see it: the answer in numbers.
    pub finding: String,
    /// Its height in pixels.
    pub height: f64,
    marks: Vec<Mark>,
}

impl Canvas {
    /// Nothing drawn yet, in answer to this question.
    pub fn new(title: &str) -> Canvas {
        Canvas { title: title.to_owned(), ..Canvas::default() }
    }

    /// A text; what must not be shown, such as the control characters that XML does not allow, becomes spaces.
    pub fn text(&mut self, at: Point, text: &str, style: Type) {
        self.marks.push(Mark::Text(at, clean(text), style));
    }

    /// A line through points.
    pub fn path(&mut self, points: Vec<Point>, pen: Pen) {
        for piece in broken(points, pen.dash) {
            self.marks.push(Mark::Path(piece, pen));
        }
    }

    /// A straight line.
    pub fn line(&mut self, from: Point, to: Point, pen: Pen) {
        self.path(vec![from, to], pen);
    }

    /// A filled polygon.
    pub fn area(&mut self, corners: Vec<Point>, color: RGBColor) {
        self.marks.push(Mark::Area(corners, color));
    }

    /// A filled rectangle.
    pub fn rect(&mut self, (left, top): Point, (right, bottom): Point, color: RGBColor) {
        self.area(vec![(left, top), (right, top), (right, bottom), (left, bottom)], color);
    }

    /// A marker with a white rim, so that it stands out from what it covers.
    pub fn marker(&mut self, at: Point, shape: Shape, color: RGBColor) {
        self.shape(at, shape, 5.6, WHITE);
        self.shape(at, shape, 4.6, color);
    }

    /// A small marker on a line.
    pub fn dot(&mut self, at: Point, shape: Shape, color: RGBColor) {
        self.shape(at, shape, 2.6, color);
    }

    /// A marker that is not filled: a bound instead of a value.
    pub fn hollow_marker(&mut self, at: Point, shape: Shape, color: RGBColor) {
        self.shape(at, shape, 5.2, color);
        self.shape(at, shape, 3.2, WHITE);
    }

    /// Small words on the data, on white so that they are read.
    pub fn tag(&mut self, (x, y): Point, text: &str, color: RGBColor) {
        self.rect((x - 2.0, y - 10.0), (x + width(text, SMALL) + 2.0, y + 3.0), WHITE);
        self.text((x, y), text, SMALL.colored(color));
    }

    /// A circle around a marker.
    pub fn ring(&mut self, (x, y): Point, radius: f64, color: RGBColor) {
        let turn = |step: usize| (step as f64 * std::f64::consts::TAU / 32.0).sin_cos();
        let points = (0..=32).map(turn).map(|(sin, cos)| (x + radius * cos, y + radius * sin)).collect();
        self.path(points, Pen::solid(color, 1.2));
    }

    fn shape(&mut self, (x, y): Point, shape: Shape, radius: f64, color: RGBColor) {
        let polygon = |corners: &[Point]| corners.iter().map(|(dx, dy)| (x + dx * radius, y + dy * radius)).collect();
        let corners: Vec<Point> = match shape {
            Shape::Circle => return self.marks.push(Mark::Circle((x, y), radius, color)),
            Shape::Diamond => polygon(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
            Shape::Triangle => polygon(&[(0.0, -1.2), (1.15, 0.9), (-1.15, 0.9)]),
            Shape::Square => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            Shape::Wedge => polygon(&[(0.0, 1.2), (1.15, -0.9), (-1.15, -0.9)]),
        };
        self.area(corners, color);
    }

    /// The SVG text: the same bytes for the same marks.
    pub fn svg(&self) -> anyhow::Result<String> {
        let mut drawn = String::new();
        let size = ((WIDTH * UNITS) as u32, (self.height * UNITS) as u32);
        {
            let root = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
            root.fill(&WHITE)?;
            for mark in &self.marks {
                draw(&root, mark)?;
            }
            root.present()?;
        }
        let body = drawn.split_once('\n').map_or("", |(_, body)| body);
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{WIDTH}\" height=\"{}\" viewBox=\"0 0 {} {}\">\n\
             <title>{}</title>\n<desc>{}</desc>\n{body}",
            self.height,
            size.0,
            size.1,
            escaped(&self.title),
            escaped(&self.finding)
        ))
    }
}

fn draw(root: &DrawingArea<SVGBackend<'_>, Shift>, mark: &Mark) -> anyhow::Result<()> {
    let units = |points: &[Point]| points.iter().map(|point| unit(*point)).collect::<Vec<_>>();
    match mark {
        Mark::Text(at, text, style) => root.draw(&text_element(*at, text, style))?,
        Mark::Path(points, pen) => root.draw(&PathElement::new(units(points), stroke(*pen)))?,
        Mark::Area(corners, color) => root.draw(&Polygon::new(units(corners), color.filled()))?,
        Mark::Circle(at, radius, color) => root.draw(&Circle::new(unit(*at), radius * UNITS, color.filled()))?,
    }
    Ok(())
}

/// Plotters places a text by its top, which its SVG backend takes to be 0.76 em above the baseline, and divides sizes
/// by 1.24; both are undone here.
fn text_element<'a>(at: Point, text: &'a str, style: &'a Type) -> TextElement<'a, (i32, i32), &'a str> {
    let weight = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
    let position = match style.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let font = TextStyle::from((FONT, style.size * UNITS * 1.24, weight).into_font());
    let font = font.color(&style.color).pos(Pos::new(position, VPos::Top));
    TextElement::new(text, unit((at.0, at.1 - 0.76 * style.size)), font)
}

fn stroke(pen: Pen) -> ShapeStyle {
    pen.color.stroke_width((pen.width * UNITS) as u32)
}

fn unit((x, y): Point) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

/// The strokes of a broken line: pieces of its length, so that dashes run evenly around its corners.
fn broken(points: Vec<Point>, dash: Dash) -> Vec<Vec<Point>> {
    let (stroke, gap) = match dash {
        Dash::Solid => return vec![points],
        Dash::Dashed => (7.0, 4.0),
        Dash::Dotted => (2.0, 3.0),
    };
    let (mut pieces, mut piece) = (Vec::new(), Vec::new());
    let (mut inked, mut left) = (true, stroke);
    for pair in points.windows(2) {
        let (mut at, to) = (pair[0], pair[1]);
        loop {
            if inked && piece.is_empty() {
                piece.push(at);
            }
            let distance = (to.0 - at.0).hypot(to.1 - at.1);
            if distance < left {
                left -= distance;
                if inked {
                    piece.push(to);
                }
                break;
            }
            at = (at.0 + (to.0 - at.0) * left / distance, at.1 + (to.1 - at.1) * left / distance);
            if inked {
                piece.push(at);
                pieces.push(std::mem::take(&mut piece));
            }
            inked = !inked;
            left = if inked { stroke } else { gap };
        }
    }
    pieces.extend((piece.len() > 1).then_some(piece));
    pieces
}

fn clean(text: &str) -> String {
    text.chars().map(|sign| if is_unprintable(sign) { ' ' } else { sign }).collect()
}

fn escaped(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
impl Canvas {
    /// What is wrong with the layout: texts outside of the canvas, and texts that touch.
    pub fn faults(&self) -> Vec<String> {
        let mut boxes: Vec<(f64, f64, f64, f64, &str)> = Vec::new();
        let mut faults = Vec::new();
        for mark in &self.marks {
            let Mark::Text((x, baseline), text, style) = mark else { continue };
            let width = width(text, *style);
            let left = match style.anchor {
                Anchor::Start => *x,
                Anchor::Middle => x - width / 2.0,
                Anchor::End => x - width,
            };
            let (top, bottom) = (baseline - 0.76 * style.size, baseline + 0.24 * style.size);
            if left < 0.0 || left + width > WIDTH || top < 0.0 || bottom > self.height {
                faults.push(format!("clipped: {text}"));
            }
            for (l, t, r, b, other) in &boxes {
                if left < *r && *l < left + width && top < *b && *t < bottom {
                    faults.push(format!("collide: {text} / {other}"));
                }
            }
            boxes.push((left, top, left + width, bottom, text));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::super::style::{INK, LABEL};
    use super::*;

    #[test]
    fn foreign_text_cannot_break_the_document() {
        let mut canvas = Canvas { height: 50.0, title: "a <b> & \u{7}".to_owned(), ..Canvas::default() };
        canvas.text((10.0, 20.0), "</text><script>&\u{0}", LABEL);
        let svg = canvas.svg().expect("it draws");
        let document = resvg::usvg::roxmltree::Document::parse(&svg).expect("well-formed");
        assert_eq!(document.descendants().filter(|node| node.has_tag_name("script")).count(), 0);
    }

    #[test]
    fn dashes_cover_their_share_of_a_line() {
        let pieces = broken(vec![(0.0, 0.0), (55.0, 0.0), (55.0, 55.0)], Dash::Dashed);
        let inked: f64 =
            pieces.iter().flat_map(|piece| piece.windows(2)).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum();
        assert!((inked - 70.0).abs() < 1e-9, "{inked}");
    }

    #[test]
    fn faults_are_seen() {
        let mut canvas = Canvas { height: 50.0, ..Canvas::default() };
        canvas.text((10.0, 20.0), "one", LABEL);
        canvas.text((15.0, 22.0), "two", LABEL.colored(INK));
        canvas.text((WIDTH - 5.0, 40.0), "three", LABEL);
        assert_eq!(canvas.faults(), ["collide: two / one", "clipped: three"]);
    }
}
