//! The house style of charts: colours, type, shapes and distances, in one place.
//!
//! White ground, grid lines for values only, labels at the data instead of a legend, and never colour alone: a series
//! also has a marker or a dash. Lengths are pixels of the unscaled chart.

use plotters::style::RGBColor;

/// Every chart is as wide as a page of a wiki; its height follows from its content.
pub const WIDTH: f64 = 1000.0;
/// White space around everything.
pub const MARGIN: f64 = 24.0;

/// Titles, names, numbers and the line of no difference.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Text of second rank: 5.7 to 1 on white.
pub const GREY: RGBColor = RGBColor(0x63, 0x63, 0x63);
/// What is withheld or invalid.
pub const PALE: RGBColor = RGBColor(0x8C, 0x8C, 0x8C);
/// Grid lines, and the rule above the provenance.
pub const GRID: RGBColor = RGBColor(0xE2, 0xE2, 0xE2);
/// Lines that lead to a label, or join the marks of a row.
pub const LEADER: RGBColor = RGBColor(0xBD, 0xBD, 0xBD);
/// The ground of phases that do not count.
pub const SHADE: RGBColor = RGBColor(0xF1, 0xF1, 0xF1);
/// Failures and invalidity: Okabe & Ito's vermillion, darkened to be read as text, 5.2 to 1 on white.
pub const ALARM: RGBColor = RGBColor(0xB8, 0x44, 0x00);
/// The ground of seconds without a completion.
pub const ALARM_SHADE: RGBColor = RGBColor(0xFB, 0xE3, 0xD6);
/// The ground of the chart, and of text that stands on data.
pub const WHITE: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);

/// Okabe & Ito's colours (Color Universal Design, 2008), the strongest on white first; their yellow, 1.3 to 1 on white,
/// is left out.
const SERIES: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
];

/// p50, p99 and p99.9 of a single store: Okabe & Ito's blues, darkening towards the tail.
pub const PERCENTILES: [RGBColor; 3] =
    [RGBColor(0x56, 0xB4, 0xE9), RGBColor(0x00, 0x72, 0xB2), RGBColor(0x00, 0x38, 0x5C)];

/// What a marker looks like, so that series can be told apart without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerShape {
    Circle,
    Diamond,
    Triangle,
    Square,
    /// A triangle that points down.
    Wedge,
}

/// The markers of p50, p99 and p99.9.
pub const PERCENTILE_SHAPES: [MarkerShape; 3] = [MarkerShape::Circle, MarkerShape::Diamond, MarkerShape::Triangle];

/// The colour of the nth series or store.
pub fn color(series: usize) -> RGBColor {
    SERIES[series % SERIES.len()]
}

/// The marker of the nth series. Five shapes and seven colours repeat together only after 35 series.
pub fn shape(series: usize) -> MarkerShape {
    use MarkerShape::{Circle, Diamond, Square, Triangle, Wedge};
    [Circle, Diamond, Triangle, Square, Wedge][series % 5]
}

/// Which part of a text is at its position: its start, its middle or its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Font and alignment of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextStyle {
    /// Height of the font in pixels.
    pub size: f64,
    pub bold: bool,
    pub color: RGBColor,
    pub anchor: Anchor,
}

impl TextStyle {
    const fn regular(size: f64, color: RGBColor) -> TextStyle {
        TextStyle { size, bold: false, color, anchor: Anchor::Start }
    }

    pub const fn bold(self) -> TextStyle {
        TextStyle { bold: true, ..self }
    }

    pub const fn colored(self, color: RGBColor) -> TextStyle {
        TextStyle { color, ..self }
    }

    pub const fn middle(self) -> TextStyle {
        TextStyle { anchor: Anchor::Middle, ..self }
    }

    pub const fn end(self) -> TextStyle {
        TextStyle { anchor: Anchor::End, ..self }
    }
}

/// The question that the chart answers.
pub const TITLE: TextStyle = TextStyle::regular(19.0, INK).bold();
/// Below the title: workload, load, durability and runs.
pub const SUBTITLE: TextStyle = TextStyle::regular(13.0, GREY);
/// Names and numbers at the data.
pub const LABEL: TextStyle = TextStyle::regular(12.0, INK);
/// Intervals, ticks, notes and the footer: no text is smaller.
pub const SMALL: TextStyle = TextStyle::regular(11.0, GREY);

/// Solid, in long strokes or in short ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    Solid,
    Dashed,
    Dotted,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen {
    pub color: RGBColor,
    /// Thickness of the line in pixels.
    pub width: f64,
    pub dash: Dash,
}

impl Pen {
    pub const fn solid(color: RGBColor, width: f64) -> Pen {
        Pen { color, width, dash: Dash::Solid }
    }

    pub const fn dash(self, dash: Dash) -> Pen {
        Pen { dash, ..self }
    }
}

/// A colour between two: 0 is the first, 1 the second.
pub fn blend(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
