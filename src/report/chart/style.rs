//! The house style of charts: colours, type, shapes and distances, in one place.
//!
//! White ground, grid lines for values only, labels at the data instead of a legend, and never colour alone: a series
//! has a marker as well, and a clock a dash. Lengths are pixels of the unscaled chart.

use plotters::style::RGBColor;

/// Every chart is as wide as a page of a wiki; its height follows from its content.
pub const WIDTH: f64 = 1000.0;
/// White space around everything.
pub const MARGIN: f64 = 24.0;

/// Text and axes.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Text of second rank: 5.7 to 1 on white.
pub const GREY: RGBColor = RGBColor(0x63, 0x63, 0x63);
/// What is withheld or invalid.
pub const PALE: RGBColor = RGBColor(0x8C, 0x8C, 0x8C);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(0xE2, 0xE2, 0xE2);
/// Lines that lead to a label, or join the marks of a row.
pub const LEADER: RGBColor = RGBColor(0xBD, 0xBD, 0xBD);
/// The ground of phases that do not count.
pub const SHADE: RGBColor = RGBColor(0xF1, 0xF1, 0xF1);
/// Failures and invalidity: Okabe & Ito's vermillion, darkened to be read as text, 5.2 to 1 on white.
pub const ALARM: RGBColor = RGBColor(0xB8, 0x44, 0x00);
/// The ground of seconds without a completion.
pub const ALARM_SHADE: RGBColor = RGBColor(0xFB, 0xE3, 0xD6);
/// The ground.
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

/// The shape of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// ●
    Circle,
    /// ◆
    Diamond,
    /// ▲
    Triangle,
    /// ■
    Square,
    /// ▼
    Wedge,
}

/// The markers of p50, p99 and p99.9.
pub const PERCENTILE_SHAPES: [Shape; 3] = [Shape::Circle, Shape::Diamond, Shape::Triangle];

/// The colour of the nth series or store.
pub fn color(series: usize) -> RGBColor {
    SERIES[series % SERIES.len()]
}

/// The marker of the nth series. Five shapes and seven colours repeat together only after 35 series.
pub fn shape(series: usize) -> Shape {
    [Shape::Circle, Shape::Diamond, Shape::Triangle, Shape::Square, Shape::Wedge][series % 5]
}

/// Where a text stands relative to its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Type {
    /// Height of the font.
    pub size: f64,
    /// Bold or regular.
    pub bold: bool,
    /// Its colour.
    pub color: RGBColor,
    /// Its alignment.
    pub anchor: Anchor,
}

impl Type {
    const fn regular(size: f64, color: RGBColor) -> Type {
        Type { size, bold: false, color, anchor: Anchor::Start }
    }

    /// The same, bold.
    pub const fn bold(self) -> Type {
        Type { bold: true, ..self }
    }

    /// The same, in another colour.
    pub const fn colored(self, color: RGBColor) -> Type {
        Type { color, ..self }
    }

    /// The same, centred.
    pub const fn middle(self) -> Type {
        Type { anchor: Anchor::Middle, ..self }
    }

    /// The same, right-aligned.
    pub const fn end(self) -> Type {
        Type { anchor: Anchor::End, ..self }
    }
}

/// The question that the chart answers.
pub const TITLE: Type = Type::regular(19.0, INK).bold();
/// The circumstances.
pub const SUBTITLE: Type = Type::regular(13.0, GREY);
/// Names and numbers at the data.
pub const LABEL: Type = Type::regular(12.0, INK);
/// Intervals, ticks, notes and the footer: no text is smaller.
pub const SMALL: Type = Type::regular(11.0, GREY);

/// How a line is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// Long strokes.
    Dashed,
    /// Short strokes.
    Dotted,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen {
    /// Its colour.
    pub color: RGBColor,
    /// Its width.
    pub width: f64,
    /// Its dash.
    pub dash: Dash,
}

impl Pen {
    /// A solid line.
    pub const fn solid(color: RGBColor, width: f64) -> Pen {
        Pen { color, width, dash: Dash::Solid }
    }

    /// The same, broken.
    pub const fn dash(self, dash: Dash) -> Pen {
        Pen { dash, ..self }
    }
}

/// A colour between two: 0 is the first, 1 the second.
pub fn blend(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
