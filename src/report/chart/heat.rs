//! Where the latencies of a run lay, second by second: a heat map. It shows two modes, a stall of few operations or a recurring
//! checkpoint, which no percentile does.

use plotters::style::RGBColor;

use super::canvas::Canvas;
use super::labels::{self, EndLabel};
use super::scale::{Scale, latency_tick, log_ends};
use super::style::{GRID, LABEL, MARGIN, PALE, PERCENTILE_SHAPES, PERCENTILES, Pen, SMALL, WIDTH, blend};
use super::text_metrics::width;
use super::time_panel::{LEFT, TimePanel, invalid_reason};
use super::{frame, time_series};
use crate::record::{Experiment, Heat, Interval, Run};
use crate::report::reading::{Percentile, Reading, reading, sentence_text};
use crate::report::words;
use crate::units;

const HEIGHT: f64 = 300.0;
/// Of longer runs, several seconds make one column.
const MOST_COLUMNS: usize = 120;
/// The number of shades.
const LEVELS: usize = 8;
/// From the rarest to the most frequent latency: white mixed with Okabe & Ito's blue, and beyond it towards ink.
const RAMP: [RGBColor; 3] = [RGBColor(0xD3, 0xE8, 0xF5), RGBColor(0x00, 0x72, 0xB2), RGBColor(0x00, 0x24, 0x3C)];
/// The shades of a run whose figures may not be used.
const PALE_RAMP: [RGBColor; 3] = [RGBColor(0xEA, 0xEA, 0xEA), PALE, RGBColor(0x55, 0x55, 0x55)];

/// Successive seconds, and how many operations per second fell into each band of latencies.
#[derive(Debug, Clone, PartialEq)]
struct HeatColumn {
    from_s: f64,
    to_s: f64,
    per_s: Vec<(u8, f64)>,
}

/// A stretch of time in which a band keeps its shade.
#[derive(Debug, Clone, PartialEq)]
struct HeatTile {
    from_s: f64,
    to_s: f64,
    band: u8,
    level: usize,
}

/// What the chart of a run shows.
struct HeatMap<'a> {
    run: &'a Run,
    seconds: Vec<&'a Interval>,
    columns: Vec<HeatColumn>,
    /// Operations per second in the fullest band of any column: the darkest shade.
    most_per_s: f64,
    /// The ends of the axis of latencies.
    ends_ns: (f64, f64),
}

/// The chart of one run; none of a record that has no bands.
pub fn of_run(experiment: &Experiment, run: &Run) -> Option<Canvas> {
    HeatMap::of(run).map(|map| map.draw(experiment))
}

impl HeatMap<'_> {
    fn of(run: &Run) -> Option<HeatMap<'_>> {
        let seconds = time_series::shown(run);
        let columns = columns(&seconds);
        let bands = || columns.iter().flat_map(|column| &column.per_s);
        let most_per_s = bands().map(|(_, per_s)| *per_s).fold(0.0, f64::max);
        let ends_ns = log_ends(bands().flat_map(|(band, _)| [*band, band + 1]).map(Heat::low_ns))?;
        Some(HeatMap { run, seconds, columns, most_per_s, ends_ns })
    }

    fn draw(&self, experiment: &Experiment) -> Canvas {
        let HeatMap { run, seconds, .. } = self;
        let question = format!("Where did the latencies of {} on {} lie?", run.workload.name, words::store(run));
        let (mut canvas, top) = frame::open(&question, &[run]);
        canvas.finding = finding(run, seconds);
        let top = invalid_reason(&mut canvas, top, run);
        let percentiles = percentiles(run);
        let texts = percentiles.iter().map(|(text, ..)| text.as_str());
        let right = WIDTH - MARGIN - labels::width_of(texts, 230.0);
        let time = Scale::linear(time_series::ends(seconds), (LEFT, right));
        let panel = TimePanel { top: top + 44.0, bottom: top + 44.0 + HEIGHT, time };
        let latency = Scale::log(self.ends_ns, (panel.bottom, panel.top));

        canvas.text((MARGIN, top + 14.0), &frame::latency_axis(&[run]), LABEL.bold());
        let ramp = if run.verdict.valid { RAMP } else { PALE_RAMP };
        legend(&mut canvas, top + 26.0, self.most_per_s, ramp);
        panel.shade_phases(&mut canvas, seconds);
        grid(&mut canvas, &panel, &latency);
        for tile in tiles(&self.columns, self.most_per_s) {
            // Whole pixels, or the ground would shine through between neighbours.
            let corner = |at_s: f64, band: u8| (panel.time.px(at_s).round(), latency.px(Heat::low_ns(band)).round());
            let (from, to) = (corner(tile.from_s, tile.band + 1), corner(tile.to_s, tile.band));
            canvas.rect(from, to, shade(ramp, tile.level));
        }
        panel.name_phases(&mut canvas, seconds);
        let end = |(text, at, ns): (String, usize, f64)| EndLabel {
            end: (right, latency.px(ns)),
            text,
            pen: Pen::solid(PERCENTILES[at], 1.8),
            shape: PERCENTILE_SHAPES[at],
        };
        let ends: Vec<EndLabel> = percentiles.into_iter().map(end).collect();
        labels::draw(&mut canvas, &ends, right, (panel.top + 6.0, panel.bottom - 6.0));
        panel.time_axis(&mut canvas);
        frame::close(&mut canvas, panel.bottom + 36.0, &notes(&self.columns), experiment, &[run]);
        canvas
    }
}

/// The columns of some seconds, never across phases.
fn columns(seconds: &[&Interval]) -> Vec<HeatColumn> {
    let per_column = seconds.len().div_ceil(MOST_COLUMNS).max(1);
    let phases = seconds.chunk_by(|a, b| a.phase == b.phase);
    phases.flat_map(|phase| phase.chunks(per_column)).map(column).collect()
}

fn column(seconds: &[&Interval]) -> HeatColumn {
    let mut heat = Heat::default();
    seconds.iter().for_each(|second| heat.merge(&second.response_bands));
    let length_s: f64 = seconds.iter().map(|second| second.length_s).sum();
    let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
    let per_s = heat.bands().map(|(band, count)| (band, count as f64 / length_s)).collect();
    HeatColumn { from_s: first.at_s, to_s: last.at_s + last.length_s, per_s }
}

/// The map, with neighbours of one shade as one tile; band by band.
fn tiles(columns: &[HeatColumn], most_per_s: f64) -> Vec<HeatTile> {
    let mut tiles: Vec<HeatTile> = Vec::new();
    let mut open: std::collections::BTreeMap<u8, HeatTile> = std::collections::BTreeMap::new();
    for column in columns {
        for (band, per_s) in &column.per_s {
            let level = level(*per_s, most_per_s);
            match open.get_mut(band) {
                Some(tile) if tile.level == level && tile.to_s == column.from_s => tile.to_s = column.to_s,
                _ => {
                    let tile = HeatTile { from_s: column.from_s, to_s: column.to_s, band: *band, level };
                    tiles.extend(open.insert(*band, tile));
                }
            }
        }
    }
    tiles.extend(open.into_values());
    tiles
}

/// The shade of a rate: each covers the same ratio between one operation per second and the most of any band.
fn level(per_s: f64, most_per_s: f64) -> usize {
    let share = per_s.max(1.0).ln() / most_per_s.max(2.0).ln();
    ((share * LEVELS as f64) as usize).min(LEVELS - 1)
}

fn shade([light, middle, dark]: [RGBColor; 3], level: usize) -> RGBColor {
    let at = level as f64 / (LEVELS - 1) as f64;
    if at <= 0.5 { blend(light, middle, at * 2.0) } else { blend(middle, dark, at * 2.0 - 1.0) }
}

/// Draws the shades with the rates at their ends.
fn legend(canvas: &mut Canvas, y: f64, most_per_s: f64, ramp: [RGBColor; 3]) {
    const SWATCH: f64 = 22.0;
    let name = "operations per second in a band: 1";
    canvas.text((MARGIN, y + 9.0), name, SMALL);
    let left = MARGIN + width(name, SMALL) + 8.0;
    for level in 0..LEVELS {
        let x = left + level as f64 * SWATCH;
        canvas.rect((x, y), (x + SWATCH, y + 11.0), shade(ramp, level));
    }
    let end = left + LEVELS as f64 * SWATCH + 8.0;
    canvas.text((end, y + 9.0), &format!("{} (log scale)", units::rate(most_per_s.max(2.0))), SMALL);
}

fn grid(canvas: &mut Canvas, panel: &TimePanel, latency: &Scale) {
    for value in latency.ticks(26.0) {
        let y = latency.px(value);
        canvas.line((LEFT, y), (panel.time.px(f64::INFINITY), y), Pen::solid(GRID, 1.0));
        canvas.text((LEFT - 8.0, y + 4.0), &latency_tick(value), SMALL.end());
    }
}

/// The percentiles of the whole measurement, for orientation: text, number and nanoseconds; none of an invalid run.
fn percentiles(run: &Run) -> Vec<(String, usize, f64)> {
    let known = Percentile::REPORTED.into_iter().enumerate().filter_map(|(at, percentile)| {
        let Reading::Known { value_ns, .. } = reading(&run.total.response_ns, percentile) else { return None };
        let text = units::typeset(&format!("{}, overall {}", percentile.label(), units::latency(value_ns)));
        run.verdict.valid.then_some((text, at, value_ns as f64))
    });
    known.collect()
}

fn notes(columns: &[HeatColumn]) -> Vec<String> {
    let length_s = columns.iter().map(|column| (column.to_s - column.from_s).round() as u64).max().unwrap_or(1);
    let width = if length_s > 1 { format!("{length_s} seconds") } else { "one second".to_owned() };
    vec![format!(
        "Each column is {width}, each band a tenth of a decade high. White: no operation. Grey ground: warm-up and drain, not \
         part of the figures."
    )]
}

fn finding(run: &Run, seconds: &[&Interval]) -> String {
    if let Some(withheld) = words::withheld(run) {
        return format!("{withheld}.");
    }
    let measured = seconds.iter().filter(|second| second.phase == crate::record::Phase::Measure);
    let Some(slowest) = measured.max_by_key(|second| second.response_ns.max) else { return "No samples.".to_owned() };
    let total = &run.total.response_ns;
    units::typeset(&format!(
        "Of {} operations half took at most {}; the slowest took {}, {} s into the measurement.",
        units::count(total.count),
        sentence_text(reading(total, Percentile::P50)),
        units::latency(slowest.response_ns.max),
        slowest.at_s.round()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::style::WHITE;
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn every_operation_is_in_a_tile_and_neighbours_of_one_shade_are_one() {
        let column = |at: f64, per_s: &[(u8, f64)]| HeatColumn { from_s: at, to_s: at + 1.0, per_s: per_s.to_vec() };
        let columns = [
            column(0.0, &[(40, 100.0)]),
            column(1.0, &[(40, 100.0), (60, 1.0)]),
            column(2.0, &[]),
            column(3.0, &[(40, 100.0)]),
        ];
        let tile = |from_s, to_s, band, level| HeatTile { from_s, to_s, band, level };
        assert_eq!(tiles(&columns, 100.0), [tile(0.0, 2.0, 40, 7), tile(3.0, 4.0, 40, 7), tile(1.0, 2.0, 60, 0)]);
    }

    #[test]
    fn long_runs_keep_their_columns_few_and_all_their_operations() {
        let run = fixtures::run(&fixtures::SyntheticRun {
            seconds: 400,
            operations: &[("get", 20.0, 900, 0.3)],
            ..Default::default()
        });
        let seconds = time_series::shown(&run);
        let columns = columns(&seconds);
        assert!(columns.len() <= MOST_COLUMNS, "{}", columns.len());
        let drawn: f64 = columns.iter().flat_map(|c| c.per_s.iter().map(|(_, n)| n * (c.to_s - c.from_s))).sum();
        let counted: u64 = run.timeline.iter().map(|second| second.ok).sum();
        assert!((drawn - counted as f64).abs() < 0.5, "{drawn} of {counted}");
    }

    #[test]
    fn the_map_of_a_run_has_a_column_for_each_second() {
        let experiment = fixtures::small();
        let map = HeatMap::of(&experiment.runs[0]).expect("its record has bands");
        let latency = |band: u8| units::latency(Heat::low_ns(band).round() as u64);
        let band = |(band, per_s): &(u8, f64)| {
            format!("{} {}/s ({})", latency(*band), units::rate(*per_s), level(*per_s, map.most_per_s))
        };
        let column = |column: &HeatColumn| {
            let bands: Vec<String> = column.per_s.iter().map(band).collect();
            format!("  {} s: {}", column.from_s, bands.join(", "))
        };
        let [from, to] = <[f64; 2]>::from(map.ends_ns).map(latency_tick);
        let mut lines = vec![
            format!("axis from {from} to {to}"),
            "seconds, and the lower edge, the rate and the shade of each band".to_owned(),
        ];
        lines.extend(map.columns.iter().map(column));
        lines.extend(percentiles(map.run).into_iter().map(|(text, ..)| text));
        insta::assert_snapshot!(map.draw(&experiment).outline(&lines, &notes(&map.columns)), @r"
        Where did the latencies of small on libsql 3.45.1 lie?

        Of 1,177 operations half took at most 897 µs; the slowest took 1.30 ms, 0 s into the measurement.

        axis from 200 µs to 5 ms
        seconds, and the lower edge, the rate and the shade of each band
          -3 s: 631 us 41.0/s (5), 794 us 272/s (7), 1.00 ms 48.0/s (5)
          -2 s: 631 us 39.0/s (5), 794 us 319/s (7), 1.00 ms 54.0/s (5)
          -1 s: 631 us 43.0/s (5), 794 us 282/s (7), 1.00 ms 49.0/s (5)
          0 s: 631 us 42.0/s (5), 794 us 300/s (7), 1.00 ms 62.0/s (5), 1.26 ms 1.00/s (0)
          1 s: 631 us 55.0/s (5), 794 us 298/s (7), 1.00 ms 52.0/s (5), 1.26 ms 1.00/s (0)
          2 s: 631 us 33.0/s (4), 794 us 279/s (7), 1.00 ms 54.0/s (5)
        p50, overall 897 µs
        p99, overall 1.12 ms

        Each column is one second, each band a tenth of a decade high. White: no operation. Grey ground:
        warm-up and drain, not part of the figures.

        drawn with 24 texts, 15 lines, 16 areas and 2 circles on 1000 x 554: a5d78bbc603b55f5
        ");
    }

    #[test]
    fn shades_rise_with_the_rate() {
        assert_eq!([0.3, 1.0, 10.0, 1e4, 1e5].map(|per_s| level(per_s, 1e4)), [0, 0, 2, 7, 7]);
        assert_ne!(shade(RAMP, 0), WHITE);
        assert_eq!((shade(RAMP, 0), shade(RAMP, LEVELS - 1)), (RAMP[0], RAMP[2]));
    }

    #[test]
    fn a_record_without_bands_has_no_map() {
        let mut run = fixtures::read_heavy();
        run.timeline.iter_mut().for_each(|second| second.response_bands = Heat::default());
        let experiment = fixtures::experiment(vec![run]);
        assert!(of_run(&experiment, &experiment.runs[0]).is_none());
    }
}
