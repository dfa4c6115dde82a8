//! Where the latencies of a run lay, second by second: a heat map. Two modes, a stall of few operations or a checkpoint
//! that comes back show here, and in no percentile.

use plotters::style::RGBColor;

use super::canvas::Canvas;
use super::labels::{self, EndLabel};
use super::panel::{LEFT, Panel, withheld};
use super::scale::{Scale, log_ends};
use super::seconds;
use super::style::{GRID, LABEL, MARGIN, PALE, PERCENTILE_SHAPES, PERCENTILES, Pen, SMALL, WIDTH, blend};
use super::{frame, tick_text};
use crate::record::{Experiment, Heat, Interval, Run};
use crate::report::reading::{Percentile, Reading, reading, spoken};
use crate::report::{units, words};

const HEIGHT: f64 = 300.0;
/// Seconds are drawn together so that there are no more columns than this.
const MOST_COLUMNS: usize = 120;
/// Shades of the map.
const LEVELS: usize = 8;
/// From the rarest to the most frequent latency: white mixed with Okabe & Ito's blue, and beyond it towards ink.
const RAMP: [RGBColor; 3] = [RGBColor(0xD3, 0xE8, 0xF5), RGBColor(0x00, 0x72, 0xB2), RGBColor(0x00, 0x24, 0x3C)];
/// The same for a run whose figures may not be used.
const PALE_RAMP: [RGBColor; 3] = [RGBColor(0xEA, 0xEA, 0xEA), PALE, RGBColor(0x55, 0x55, 0x55)];

/// Some successive seconds: how many operations a second fell into each band.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    from_s: f64,
    to_s: f64,
    per_s: Vec<(u8, f64)>,
}

/// A stretch of time in which a band keeps its shade.
#[derive(Debug, Clone, PartialEq)]
struct Tile {
    from_s: f64,
    to_s: f64,
    band: u8,
    level: usize,
}

/// The chart of one run; none of a record that has no bands.
pub fn of_run(experiment: &Experiment, run: &Run) -> Option<Canvas> {
    let seconds = seconds::shown(run);
    let columns = columns(&seconds);
    let largest = columns.iter().flat_map(|column| &column.per_s).map(|(_, per_s)| *per_s).fold(0.0, f64::max);
    let bands = || columns.iter().flat_map(|column| &column.per_s).map(|(band, _)| *band);
    let ends_ns = log_ends(bands().flat_map(|band| [band, band + 1]).map(Heat::low_ns))?;

    let question = format!("Where did the latencies of {} on {} lie?", run.workload.name, words::store(run));
    let (mut canvas, top) = frame::open(&question, &[run]);
    canvas.finding = finding(run, &seconds);
    let top = withheld(&mut canvas, top, run);
    let marks = marks(run);
    let texts = marks.iter().map(|(text, ..)| text.as_str());
    let right = WIDTH - MARGIN - labels::width_of(texts, 230.0);
    let time = Scale::linear(seconds::ends(&seconds), (LEFT, right));
    let panel = Panel { top: top + 44.0, bottom: top + 44.0 + HEIGHT, time };
    let latency = Scale::log(ends_ns, (panel.bottom, panel.top));

    let meaning = words::latency_meaning(run.load.mode);
    canvas.text((MARGIN, top + 14.0), &format!("{meaning}, log scale \u{b7} lower is better"), LABEL.bold());
    let ramp = if run.verdict.valid { RAMP } else { PALE_RAMP };
    legend(&mut canvas, top + 26.0, largest, ramp);
    panel.ground(&mut canvas, &seconds);
    grid(&mut canvas, &panel, &latency);
    for tile in tiles(&columns, largest) {
        // Whole pixels, or the ground would shine through between neighbours.
        let corner = |at_s: f64, band: u8| (panel.time.px(at_s).round(), latency.px(Heat::low_ns(band)).round());
        let (from, to) = (corner(tile.from_s, tile.band + 1), corner(tile.to_s, tile.band));
        canvas.rect(from, to, shade(ramp, tile.level));
    }
    panel.words(&mut canvas, &seconds);
    let ends: Vec<EndLabel> = marks.into_iter().map(|(text, at, ns)| end(text, at, (right, latency.px(ns)))).collect();
    labels::draw(&mut canvas, &ends, right, (panel.top + 6.0, panel.bottom - 6.0));
    panel.time_axis(&mut canvas);
    frame::close(&mut canvas, panel.bottom + 36.0, &notes(&columns), experiment, &[run]);
    Some(canvas)
}

/// The seconds, some of them together where there are many; never across phases.
fn columns(seconds: &[&Interval]) -> Vec<Column> {
    let together = seconds.len().div_ceil(MOST_COLUMNS).max(1);
    let phases = seconds.chunk_by(|a, b| a.phase == b.phase);
    phases.flat_map(|phase| phase.chunks(together)).map(column).collect()
}

fn column(seconds: &[&Interval]) -> Column {
    let mut heat = Heat::default();
    seconds.iter().for_each(|second| heat.merge(&second.response_bands));
    let length_s: f64 = seconds.iter().map(|second| second.length_s).sum();
    let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
    let per_s = heat.bands().map(|(band, count)| (band, count as f64 / length_s)).collect();
    Column { from_s: first.at_s, to_s: last.at_s + last.length_s, per_s }
}

/// The map, with neighbours of one shade as one tile; band by band.
fn tiles(columns: &[Column], largest: f64) -> Vec<Tile> {
    let mut tiles: Vec<Tile> = Vec::new();
    let mut open: std::collections::BTreeMap<u8, Tile> = std::collections::BTreeMap::new();
    for column in columns {
        for (band, per_s) in &column.per_s {
            let level = level(*per_s, largest);
            match open.get_mut(band) {
                Some(tile) if tile.level == level && tile.to_s == column.from_s => tile.to_s = column.to_s,
                _ => {
                    let tile = Tile { from_s: column.from_s, to_s: column.to_s, band: *band, level };
                    tiles.extend(open.insert(*band, tile));
                }
            }
        }
    }
    tiles.extend(open.into_values());
    tiles
}

/// The shade of a rate: each covers the same ratio between one operation a second and the most of any band.
fn level(per_s: f64, largest: f64) -> usize {
    let share = per_s.max(1.0).ln() / largest.max(2.0).ln();
    ((share * LEVELS as f64) as usize).min(LEVELS - 1)
}

fn shade([light, middle, dark]: [RGBColor; 3], level: usize) -> RGBColor {
    let at = level as f64 / (LEVELS - 1) as f64;
    if at <= 0.5 { blend(light, middle, at * 2.0) } else { blend(middle, dark, at * 2.0 - 1.0) }
}

/// The shades with the rates at their ends.
fn legend(canvas: &mut Canvas, y: f64, largest: f64, ramp: [RGBColor; 3]) {
    const SWATCH: f64 = 22.0;
    let name = "operations per second in a band: 1";
    canvas.text((MARGIN, y + 9.0), name, SMALL);
    let left = MARGIN + super::metrics::width(name, SMALL) + 8.0;
    for level in 0..LEVELS {
        let x = left + level as f64 * SWATCH;
        canvas.rect((x, y), (x + SWATCH, y + 11.0), shade(ramp, level));
    }
    let end = left + LEVELS as f64 * SWATCH + 8.0;
    canvas.text((end, y + 9.0), &format!("{} (log scale)", units::rate(largest.max(2.0))), SMALL);
}

fn grid(canvas: &mut Canvas, panel: &Panel, latency: &Scale) {
    for value in latency.ticks(26.0) {
        let y = latency.px(value);
        canvas.line((LEFT, y), (panel.time.px(f64::INFINITY), y), Pen::solid(GRID, 1.0));
        canvas.text((LEFT - 8.0, y + 4.0), &tick_text(value), SMALL.end());
    }
}

/// The percentiles of the whole measurement, to find one's way; none of an invalid run.
fn marks(run: &Run) -> Vec<(String, usize, f64)> {
    let marks = Percentile::REPORTED.into_iter().enumerate().filter_map(|(at, percentile)| {
        let Reading::Known { value_ns, .. } = reading(&run.total.response_ns, percentile) else { return None };
        let name = ["p50", "p99", "p99.9"][at];
        let text = units::typeset(&format!("{name}, overall {}", units::latency(value_ns)));
        run.verdict.valid.then_some((text, at, value_ns as f64))
    });
    marks.collect()
}

fn end(text: String, at: usize, end: (f64, f64)) -> EndLabel {
    EndLabel { end, text, pen: Pen::solid(PERCENTILES[at], 1.8), shape: PERCENTILE_SHAPES[at] }
}

fn notes(columns: &[Column]) -> Vec<String> {
    let length_s = columns.iter().map(|column| (column.to_s - column.from_s).round() as u64).max().unwrap_or(1);
    let wide = if length_s > 1 { format!("{length_s} seconds") } else { "one second".to_owned() };
    vec![format!(
        "Each column is {wide}, each band a tenth of a decade high. White: no operation. Grey ground: warm-up and drain, not \
         part of the figures."
    )]
}

fn finding(run: &Run, seconds: &[&Interval]) -> String {
    if let Some(reason) = words::invalid(run) {
        return format!("INVALID: {reason}.");
    }
    let measured = seconds.iter().filter(|second| second.phase == crate::record::Phase::Measure);
    let Some(slowest) = measured.max_by_key(|second| second.response_ns.max) else { return "No samples.".to_owned() };
    let total = &run.total.response_ns;
    units::typeset(&format!(
        "Of {} operations half took at most {}; the slowest took {}, {} s into the measurement.",
        units::count(total.count),
        spoken(reading(total, Percentile::P50)),
        units::latency(slowest.response_ns.max),
        slowest.at_s.round()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::style::WHITE;
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_operation_is_in_a_tile_and_neighbours_of_one_shade_are_one() {
        let column = |at: f64, per_s: &[(u8, f64)]| Column { from_s: at, to_s: at + 1.0, per_s: per_s.to_vec() };
        let columns = [
            column(0.0, &[(40, 100.0)]),
            column(1.0, &[(40, 100.0), (60, 1.0)]),
            column(2.0, &[]),
            column(3.0, &[(40, 100.0)]),
        ];
        let tile = |from_s, to_s, band, level| Tile { from_s, to_s, band, level };
        assert_eq!(tiles(&columns, 100.0), [tile(0.0, 2.0, 40, 7), tile(3.0, 4.0, 40, 7), tile(1.0, 2.0, 60, 0)]);
    }

    #[test]
    fn long_runs_keep_their_columns_few_and_all_their_operations() {
        let run =
            fixture::run(&fixture::Plan { seconds: 400, shapes: &[("get", 20.0, 900, 0.3)], ..Default::default() });
        let seconds = seconds::shown(&run);
        let columns = columns(&seconds);
        assert!(columns.len() <= MOST_COLUMNS, "{}", columns.len());
        let drawn: f64 = columns.iter().flat_map(|c| c.per_s.iter().map(|(_, n)| n * (c.to_s - c.from_s))).sum();
        let counted: u64 = run.timeline.iter().map(|second| second.ok).sum();
        assert!((drawn - counted as f64).abs() < 0.5, "{drawn} of {counted}");
    }

    #[test]
    fn shades_rise_with_the_rate() {
        assert_eq!([0.3, 1.0, 10.0, 1e4, 1e5].map(|per_s| level(per_s, 1e4)), [0, 0, 2, 7, 7]);
        assert_ne!(shade(RAMP, 0), WHITE);
        assert_eq!((shade(RAMP, 0), shade(RAMP, LEVELS - 1)), (RAMP[0], RAMP[2]));
    }

    #[test]
    fn a_record_without_bands_has_no_map() {
        let mut run = fixture::read_heavy();
        run.timeline.iter_mut().for_each(|second| second.response_bands = Heat::default());
        let experiment = fixture::experiment(vec![run]);
        assert!(of_run(&experiment, &experiment.runs[0]).is_none());
    }
}
