//! A chart as a list of marks, drawn by plotters as SVG.
//!
//! Layout happens before drawing: a list of marks can be measured, so the tests can check that nothing is clipped and no two
//! texts collide. Plotters' chart builder is not used, only its elements, because its axes and legends do not know how wide a
//! text is. Plotters counts in whole pixels; the drawing is done in tenths, which the `viewBox` scales back.

use drivers::is_unprintable;
use plotters::coord::Shift;
use plotters::prelude::{
    Circle, DrawingArea, IntoDrawingArea, IntoFont, PathElement, Polygon, RGBColor, SVGBackend, Text as TextElement,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, ShapeStyle};

use super::style::{Anchor, Dash, MarkerShape, Pen, SMALL, TextStyle, WHITE, WIDTH};
use super::text_metrics::width;

/// Drawing units in a pixel.
const UNITS: f64 = 10.0;
const FONT: &str = "DejaVu Sans, sans-serif";

/// A position in pixels, from the upper left.
pub type Position = (f64, f64);

#[derive(Debug, Clone)]
enum Mark {
    /// A text whose baseline is at the position.
    Text(Position, String, TextStyle),
    /// A line through points.
    Path(Vec<Position>, Pen),
    /// The corners of a filled polygon.
    Area(Vec<Position>, RGBColor),
    /// A filled circle of this radius.
    Circle(Position, f64, RGBColor),
}

/// The marks of a chart; later ones cover earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Canvas {
    /// The question that the chart answers, for readers who cannot see it.
    pub title: String,
    /// The answer in numbers, for readers who cannot see it.
    pub finding: String,
    /// Height in pixels; every chart is [`WIDTH`] wide.
    pub height: f64,
    marks: Vec<Mark>,
}

impl Canvas {
    pub fn new(title: &str) -> Canvas {
        Canvas { title: title.to_owned(), ..Canvas::default() }
    }

    /// Writes a text. What must not be shown, such as the control characters that XML does not allow, becomes spaces.
    pub fn text(&mut self, at: Position, text: &str, style: TextStyle) {
        self.marks.push(Mark::Text(at, clean(text), style));
    }

    /// Draws a line through points.
    pub fn path(&mut self, points: Vec<Position>, pen: Pen) {
        self.marks.push(Mark::Path(points, pen));
    }

    pub fn line(&mut self, from: Position, to: Position, pen: Pen) {
        self.path(vec![from, to], pen);
    }

    pub fn area(&mut self, corners: Vec<Position>, color: RGBColor) {
        self.marks.push(Mark::Area(corners, color));
    }

    pub fn rect(&mut self, (left, top): Position, (right, bottom): Position, color: RGBColor) {
        self.area(vec![(left, top), (right, top), (right, bottom), (left, bottom)], color);
    }

    /// Draws a marker with a white rim, so that it stands out from what it covers.
    pub fn marker(&mut self, at: Position, shape: MarkerShape, color: RGBColor) {
        self.shape(at, shape, 5.6, WHITE);
        self.shape(at, shape, 4.6, color);
    }

    /// Draws a small marker on a line.
    pub fn dot(&mut self, at: Position, shape: MarkerShape, color: RGBColor) {
        self.shape(at, shape, 2.6, color);
    }

    /// Draws a marker that is not filled: it stands for a bound instead of a value.
    pub fn hollow_marker(&mut self, at: Position, shape: MarkerShape, color: RGBColor) {
        self.shape(at, shape, 5.2, color);
        self.shape(at, shape, 3.2, WHITE);
    }

    /// Writes small text over the data, on white so that it can be read.
    pub fn tag(&mut self, (x, y): Position, text: &str, color: RGBColor) {
        self.rect((x - 2.0, y - 10.0), (x + width(text, SMALL) + 2.0, y + 3.0), WHITE);
        self.text((x, y), text, SMALL.colored(color));
    }

    /// Draws a circle around a marker.
    pub fn ring(&mut self, (x, y): Position, radius: f64, color: RGBColor) {
        let angle = |step: usize| (step as f64 * std::f64::consts::TAU / 32.0).sin_cos();
        let points = (0..=32).map(angle).map(|(sin, cos)| (x + radius * cos, y + radius * sin)).collect();
        self.path(points, Pen::solid(color, 1.2));
    }

    fn shape(&mut self, (x, y): Position, shape: MarkerShape, radius: f64, color: RGBColor) {
        let polygon =
            |corners: &[Position]| corners.iter().map(|(dx, dy)| (x + dx * radius, y + dy * radius)).collect();
        let corners: Vec<Position> = match shape {
            MarkerShape::Circle => return self.marks.push(Mark::Circle((x, y), radius, color)),
            MarkerShape::Diamond => polygon(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
            MarkerShape::Triangle => polygon(&[(0.0, -1.2), (1.15, 0.9), (-1.15, 0.9)]),
            MarkerShape::Square => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            MarkerShape::Wedge => polygon(&[(0.0, 1.2), (1.15, -0.9), (-1.15, -0.9)]),
        };
        self.area(corners, color);
    }

    /// The SVG document: the same bytes for the same marks.
    ///
    /// # Errors
    /// When plotters cannot draw a mark.
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
    let units = |points: &[Position]| points.iter().map(|point| unit(*point)).collect::<Vec<_>>();
    match mark {
        Mark::Text(at, text, style) => root.draw(&text_element(*at, text, style))?,
        Mark::Path(points, pen) => {
            for stroke in strokes(points, pen.dash) {
                root.draw(&PathElement::new(units(&stroke), stroke_style(*pen)))?;
            }
        }
        Mark::Area(corners, color) => root.draw(&Polygon::new(units(corners), color.filled()))?,
        Mark::Circle(at, radius, color) => root.draw(&Circle::new(unit(*at), radius * UNITS, color.filled()))?,
    }
    Ok(())
}

/// Plotters places a text by its top, which its SVG backend takes to be 0.76 em above the baseline, and divides sizes
/// by 1.24; both are undone here.
fn text_element<'a>(at: Position, text: &'a str, style: &'a TextStyle) -> TextElement<'a, (i32, i32), &'a str> {
    let weight = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
    let position = match style.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let font = plotters::style::TextStyle::from((FONT, style.size * UNITS * 1.24, weight).into_font());
    let font = font.color(&style.color).pos(Pos::new(position, VPos::Top));
    TextElement::new(text, unit((at.0, at.1 - 0.76 * style.size)), font)
}

fn stroke_style(pen: Pen) -> ShapeStyle {
    pen.color.stroke_width((pen.width * UNITS) as u32)
}

fn unit((x, y): Position) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

/// The strokes of a line, cut by its length, so that dashes run evenly around its corners.
fn strokes(points: &[Position], dash: Dash) -> Vec<Vec<Position>> {
    let (stroke, gap) = match dash {
        Dash::Solid => return vec![points.to_vec()],
        Dash::Dashed => (7.0, 4.0),
        Dash::Dotted => (2.0, 3.0),
    };
    let (mut strokes, mut current) = (Vec::new(), Vec::new());
    let (mut inked, mut left) = (true, stroke);
    for pair in points.windows(2) {
        let (mut at, to) = (pair[0], pair[1]);
        loop {
            if inked && current.is_empty() {
                current.push(at);
            }
            let distance = (to.0 - at.0).hypot(to.1 - at.1);
            if distance < left {
                left -= distance;
                if inked {
                    current.push(to);
                }
                break;
            }
            at = (at.0 + (to.0 - at.0) * left / distance, at.1 + (to.1 - at.1) * left / distance);
            if inked {
                current.push(at);
                strokes.push(std::mem::take(&mut current));
            }
            inked = !inked;
            left = if inked { stroke } else { gap };
        }
    }
    strokes.extend((current.len() > 1).then_some(current));
    strokes
}

/// The text with spaces for characters that must not be shown.
fn clean(text: &str) -> String {
    text.chars().map(|c| if is_unprintable(c) { ' ' } else { c }).collect()
}

fn escaped(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
impl Canvas {
    /// A chart as text that a person can review: what it asks and answers, the lines of its model and its notes, and how many
    /// marks it is drawn with. The hash of the drawing says that a mark has moved or changed; where, the picture shows.
    pub fn outline(&self, model: &[String], notes: &[String]) -> String {
        let count = |is_kind: fn(&Mark) -> bool| self.marks.iter().filter(|mark| is_kind(mark)).count();
        let drawn = format!(
            "drawn with {} texts, {} lines, {} areas and {} circles on {WIDTH} x {}: {:016x}",
            count(|mark| matches!(mark, Mark::Text(..))),
            count(|mark| matches!(mark, Mark::Path(..))),
            count(|mark| matches!(mark, Mark::Area(..))),
            count(|mark| matches!(mark, Mark::Circle(..))),
            self.height,
            xxhash_rust::xxh3::xxh3_64(self.svg().expect("a drawing").as_bytes())
        );
        let wrapped = |text: &String| super::text_metrics::wrap(text, SMALL, 600.0, usize::MAX).join("\n");
        let notes: Vec<String> = notes.iter().map(wrapped).collect();
        [self.title.clone(), wrapped(&self.finding), model.join("\n"), notes.join("\n"), drawn].join("\n\n")
    }

    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Text(_, text, _) => Some(text.as_str()),
            _ => None,
        })
    }

    /// What is wrong with the layout: marks outside of the frame, and texts that touch.
    pub fn faults(&self) -> Vec<String> {
        let is_inside = |(x, y): &Position| (0.0..=WIDTH).contains(x) && (0.0..=self.height).contains(y);
        let (mut faults, mut texts) = (Vec::new(), Vec::new());
        for mark in &self.marks {
            let (name, corners) = match mark {
                Mark::Text(at, text, style) => {
                    let (left, top, right, bottom) = bounds(*at, text, *style);
                    for (l, t, r, b, other) in &texts {
                        if left < *r && *l < right && top < *b && *t < bottom {
                            faults.push(format!("collide: {text} / {other}"));
                        }
                    }
                    texts.push((left, top, right, bottom, text));
                    (text.as_str(), vec![(left, top), (right, bottom)])
                }
                Mark::Path(points, _) => ("a line", points.clone()),
                Mark::Area(corners, _) => ("an area", corners.clone()),
                Mark::Circle((x, y), radius, _) => {
                    ("a circle", vec![(x - radius, y - radius), (x + radius, y + radius)])
                }
            };
            if !corners.iter().all(is_inside) {
                faults.push(format!("clipped: {name}"));
            }
        }
        faults
    }
}

/// The left, upper, right and lower edge of a text.
#[cfg(test)]
fn bounds((x, baseline): Position, text: &str, style: TextStyle) -> (f64, f64, f64, f64) {
    let width = width(text, style);
    let left = match style.anchor {
        Anchor::Start => x,
        Anchor::Middle => x - width / 2.0,
        Anchor::End => x - width,
    };
    (left, baseline - 0.76 * style.size, left + width, baseline + 0.24 * style.size)
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
        let strokes = strokes(&[(0.0, 0.0), (55.0, 0.0), (55.0, 55.0)], Dash::Dashed);
        let inked: f64 =
            strokes.iter().flat_map(|stroke| stroke.windows(2)).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum();
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
