//! A second's latencies, coarsely: how many fell into each band of a tenth of a decade. Enough for a heat map, and small
//! enough to keep for every second; the exact histograms are in the `.hlog` files.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bands in a decade: each is 26 % wider than the one below.
const PER_DECADE: f64 = 10.0;
/// The band of an hour, which no recorded latency exceeds, and some.
const HIGHEST: u8 = 130;

/// Counts by band; in JSON the text `46:812 47:1500`, band and count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Heat(BTreeMap<u8, u64>);

impl Heat {
    /// Adds so many of one latency.
    pub fn add(&mut self, ns: u64, count: u64) {
        let band = (ns.max(1) as f64).log10() * PER_DECADE;
        // Rounding must not put 1 ms, which begins a band, into the one below.
        let of_band = self.0.entry((band + 1e-9).floor().min(f64::from(HIGHEST)) as u8).or_default();
        *of_band = of_band.saturating_add(count);
    }

    /// Adds all of another second.
    pub fn merge(&mut self, other: &Heat) {
        for (band, count) in &other.0 {
            let of_band = self.0.entry(*band).or_default();
            *of_band = of_band.saturating_add(*count);
        }
    }

    /// Bands that hold any, and how many; rising.
    pub fn bands(&self) -> impl Iterator<Item = (u8, u64)> {
        self.0.iter().map(|(band, count)| (*band, *count))
    }

    /// The least latency of a band in nanoseconds: 10^(band / 10).
    pub fn low_ns(band: u8) -> f64 {
        10f64.powf(f64::from(band) / PER_DECADE)
    }
}

impl From<Heat> for String {
    fn from(heat: Heat) -> String {
        heat.0.iter().map(|(band, count)| format!("{band}:{count}")).collect::<Vec<_>>().join(" ")
    }
}

impl TryFrom<String> for Heat {
    type Error = String;

    fn try_from(text: String) -> Result<Heat, String> {
        let pair = |pair: &str| {
            let (band, count) = pair.split_once(':')?;
            let band = u8::from_str(band).ok().filter(|band| *band <= HIGHEST)?;
            Some((band, u64::from_str(count).ok()?))
        };
        let pairs = text.split_whitespace().map(|one| pair(one).ok_or(one));
        pairs
            .collect::<Result<_, _>>()
            .map(Heat)
            .map_err(|one| format!("`{one}` is not a band and a count, as in 46:812"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_fall_into_tenths_of_a_decade() {
        let mut heat = Heat::default();
        [(0, 1), (10, 2), (12, 2), (13, 1), (1_000_000, 5), (999_999, 1), (u64::MAX, 1)]
            .into_iter()
            .for_each(|(ns, count)| heat.add(ns, count));
        let bands: Vec<_> = heat.bands().collect();
        assert_eq!(bands, [(0, 1), (10, 4), (11, 1), (59, 1), (60, 5), (130, 1)]);
        assert!((Heat::low_ns(60) - 1e6).abs() < 1.0 && Heat::low_ns(11) < 13.0);
    }

    #[test]
    fn it_survives_its_text_form_and_refuses_others() {
        let mut heat = Heat::default();
        heat.add(42_000, 812);
        heat.add(90_000, 3);
        let json = serde_json::to_string(&heat).expect("a text");
        assert_eq!(json, "\"46:812 49:3\"");
        assert_eq!(serde_json::from_str::<Heat>(&json).expect("its own"), heat);
        for wrong in ["\"46\"", "\"131:1\"", "\"-1:4\"", "\"a:b\"", "\"46:-3\"", "7"] {
            assert!(serde_json::from_str::<Heat>(wrong).is_err(), "{wrong}");
        }
    }
}
