//! Axes: from values to pixels, where they have ticks, and how ticks are written.

use crate::units;
use crate::units::usd;

/// No axis reaches farther: a foreign record may hold figures that have no tick, or that are no number.
const FARTHEST: f64 = 1e100;

/// A linear or logarithmic axis. Values beyond its ends are drawn at its ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    logarithmic: bool,
    from: f64,
    to: f64,
    start_px: f64,
    end_px: f64,
}

/// An end of an axis within what can be drawn; `least` where it is no number.
fn bounded(end: f64, least: f64) -> f64 {
    if end.is_nan() { least } else { end.clamp(least, FARTHEST) }
}

impl Scale {
    /// Equal distances for equal differences.
    pub fn linear((from, to): (f64, f64), (start_px, end_px): (f64, f64)) -> Scale {
        let [from, to] = [from, to].map(|end| bounded(end, -FARTHEST));
        Scale { logarithmic: false, from, to: if to > from { to } else { from + 1.0 }, start_px, end_px }
    }

    /// Equal distances for equal ratios; values must be positive.
    pub fn log((from, to): (f64, f64), (start_px, end_px): (f64, f64)) -> Scale {
        let [from, to] = [from, to].map(|end| bounded(end, FARTHEST.recip()));
        Scale { logarithmic: true, from, to: if to > from { to } else { from * 10.0 }, start_px, end_px }
    }

    /// The pixel of a value.
    pub fn px(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        // Of values without bounds, which a foreign record may hold, the quotient is no number.
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        self.start_px + share * (self.end_px - self.start_px)
    }

    /// Whether a value is within the ends of the axis.
    pub fn contains(&self, value: f64) -> bool {
        (self.from..=self.to).contains(&value)
    }

    /// Ticks at least `gap_px` pixels apart: on a linear axis multiples of 1, 2 or 5; on a logarithmic one 1, 2 and 5 of each
    /// decade where there is room, else decades.
    pub fn ticks(&self, gap_px: f64) -> Vec<f64> {
        if self.logarithmic {
            self.log_ticks(gap_px)
        } else {
            self.linear_ticks(&steps_125(self.to - self.from), gap_px)
        }
    }

    /// Ticks of a time axis in seconds: at whole seconds, minutes and hours.
    pub fn time_ticks(&self, gap_px: f64) -> Vec<f64> {
        const STEPS_S: [f64; 15] =
            [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0];
        self.linear_ticks(&STEPS_S, gap_px)
    }

    fn linear_ticks(&self, steps: &[f64], gap_px: f64) -> Vec<f64> {
        let px_per_unit = (self.end_px - self.start_px).abs() / (self.to - self.from);
        let step = steps.iter().copied().find(|step| step * px_per_unit >= gap_px).unwrap_or(self.to - self.from);
        let (first, last) = ((self.from / step).ceil() as i64, (self.to / step + 1e-9).floor() as i64);
        (first..=last).map(|tick| tick as f64 * step).collect()
    }

    fn log_ticks(&self, gap_px: f64) -> Vec<f64> {
        let px_per_decade = (self.end_px - self.start_px).abs() / (self.to / self.from).log10();
        let (first, last) = (self.from.log10().floor() as i32, self.to.log10().ceil() as i32);
        // From 1 to 2 and from 5 to 10 are 0.30 decades.
        let within: &[f64] = if 0.3 * px_per_decade >= gap_px { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let stride = (gap_px / px_per_decade).ceil().max(1.0) as usize;
        let decades = (first..=last).filter(|decade| decade.rem_euclid(stride as i32) == 0);
        let ticks = decades.flat_map(|decade| within.iter().map(move |digit| digit * 10f64.powi(decade)));
        ticks.filter(|tick| (self.from * 0.999..=self.to * 1.001).contains(tick)).collect()
    }
}

/// The ends of a logarithmic axis around values: 1, 2 or 5 of a decade, and at least a factor of ten apart, so that
/// small differences look small. `None` without positive values.
pub fn log_ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|value| *value > 0.0)
        .map(|value| value.max(FARTHEST.recip()).min(FARTHEST))
        .fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| (low.min(value), high.max(value)));
    if high <= 0.0 {
        return None;
    }
    let (mut from, mut to) = (round_125(low * 0.95, f64::floor), round_125(high * 1.05, f64::ceil));
    if to / from < 10.0 {
        let middle = (low * high).sqrt();
        (from, to) = (round_125(middle / 3.2, f64::floor), round_125(middle * 3.2, f64::ceil));
    }
    Some((from, to))
}

/// The end of a linear axis from zero: the next 1, 1.5, 2, 3, 4, 5, 6 or 8 of a decade.
pub fn linear_end(largest: f64) -> f64 {
    if largest <= 0.0 {
        return 1.0;
    }
    let decade = 10f64.powf(largest.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * decade).find(|end| *end >= largest * 1.02).unwrap_or(15.0 * decade)
}

/// Steps of 1, 2 or 5 of a decade, from a hundredth of a span's decade on.
fn steps_125(span: f64) -> Vec<f64> {
    let decade = 10f64.powf(span.log10().floor() - 2.0);
    (0..4).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * decade * 10f64.powi(power))).collect()
}

/// The nearest 1, 2 or 5 of a decade below (`f64::floor`) or above (`f64::ceil`).
fn round_125(value: f64, towards: fn(f64) -> f64) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    let within = value / decade;
    let steps = [1.0, 2.0, 5.0, 10.0];
    let up = towards(0.5) > 0.5;
    let found = if up {
        steps.into_iter().find(|step| *step >= within)
    } else {
        steps.into_iter().rfind(|step| *step <= within)
    };
    found.unwrap_or(1.0) * decade
}

/// A latency at a tick, without needless decimals: `1 ms`, not `1.00 ms`.
pub fn latency_tick(ns: f64) -> String {
    let text = units::latency(ns.round() as u64);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    units::typeset(&format!("{number} {unit}"))
}

/// Money at a tick, without needless digits: `$0.05`, `$100`, `$20k`, `$1M`.
pub fn usd_tick(amount: f64) -> String {
    if amount >= 1e4 {
        return format!("${}", units::short(amount));
    }
    let text = usd(amount);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_axis_spaces_ratios_evenly() {
        let scale = Scale::log((1e3, 1e6), (0.0, 300.0));
        assert!((scale.px(1e4) - 100.0).abs() < 1e-9 && scale.px(1.0) == 0.0 && scale.px(1e9) == 300.0);
        assert_eq!(scale.ticks(50.0), [1e3, 1e4, 1e5, 1e6]);
        assert_eq!(Scale::log((1e3, 1e4), (0.0, 300.0)).ticks(50.0), [1e3, 2e3, 5e3, 1e4]);
        assert_eq!(Scale::log((1e2, 1e11), (0.0, 270.0)).ticks(50.0), [1e2, 1e4, 1e6, 1e8, 1e10]);
    }

    #[test]
    fn a_linear_axis_has_round_ticks() {
        assert_eq!(Scale::linear((0.0, 3_000.0), (200.0, 0.0)).ticks(40.0), [0.0, 1_000.0, 2_000.0, 3_000.0]);
        assert_eq!(
            Scale::linear((-5.0, 30.0), (0.0, 700.0)).time_ticks(60.0),
            [-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]
        );
        assert_eq!(Scale::linear((0.0, 7200.0), (0.0, 700.0)).time_ticks(60.0).len(), 7);
    }

    #[test]
    fn ends_are_round_and_never_closer_than_a_decade() {
        assert_eq!(log_ends([42e3, 1.3e6].into_iter()), Some((2e4, 2e6)));
        let (from, to) = log_ends([70.0].into_iter()).expect("a value");
        assert!(to / from >= 10.0 && from < 70.0 && to > 70.0, "{from} {to}");
        assert_eq!(log_ends([0.0].into_iter()), None);
        assert_eq!([1_997.0, 0.0, 99.0].map(linear_end), [3_000.0, 1.0, 150.0]);
    }
}
