//! A latency distribution as the record holds it, and which of its percentiles may be told. What is withheld is absent from
//! the record itself, so that nothing derived from it can show it; the number of samples above is always there.
//!
//! The whole distribution stays in the record as a histogram, for those who want to judge for themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Samples that must rank above a percentile to carry it: with ten, the mass of the tail is known to ±62 %.
pub const FEWEST_ABOVE: u64 = 10;

/// The percentiles that a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Percentile {
    /// 50 %.
    P50,
    /// 90 %.
    P90,
    /// 99 %.
    P99,
    /// 99.9 %.
    P999,
}

impl Percentile {
    /// Those that reports show, rising.
    pub const ALL: [Percentile; 3] = [Percentile::P50, Percentile::P99, Percentile::P999];
    /// Those that records hold, rising.
    pub const RECORDED: [Percentile; 4] = [Percentile::P50, Percentile::P90, Percentile::P99, Percentile::P999];

    /// Its name in the record and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Percentile::P50 => "p50",
            Percentile::P90 => "p90",
            Percentile::P99 => "p99",
            Percentile::P999 => "p999",
        }
    }

    /// 0 to 1.
    pub fn share(self) -> f64 {
        match self {
            Percentile::P50 => 0.5,
            Percentile::P90 => 0.9,
            Percentile::P99 => 0.99,
            Percentile::P999 => 0.999,
        }
    }

    /// How many of so many samples rank above it.
    pub fn above(self, count: u64) -> u64 {
        ranked_above(count, self.share())
    }

    /// Whether so many samples carry it. Nothing else decides what is told and what is withheld: a p50 needs 20 samples, a
    /// p90 100, a p99 1,000 and a p99.9 10,000.
    pub fn is_carried_by(self, count: u64) -> bool {
        self.above(count) >= FEWEST_ABOVE
    }
}

/// How many of `count` samples rank above the percentile, ties counted by rank.
pub fn ranked_above(count: u64, p: f64) -> u64 {
    // The subtracted part undoes rounding: 0.999 * 10,000 must not become 9,991.
    count - (p * count as f64 * (1.0 - 1e-12)).ceil().clamp(0.0, count as f64) as u64
}

/// A latency distribution in nanoseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Latency {
    /// Samples.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// 50th percentile; this and those below are absent where fewer than ten samples rank above them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<u64>,
    /// 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<u64>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<u64>,
    /// 99.9th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p999: Option<u64>,
    /// Largest.
    pub max: u64,
    /// How sure each percentile is: `p50`, `p90`, `p99`, `p999`, each of them in every distribution that has samples.
    pub intervals: BTreeMap<String, Uncertainty>,
    /// HdrHistogram, V2 deflated, base64; empty when there are no samples.
    pub histogram: String,
}

/// How sure a percentile is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Uncertainty {
    /// Lower end of the 95 % interval, ns; absent where the run is too short for an interval. Where the percentile itself is
    /// withheld, this much is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<u64>,
    /// Upper end; absent where the samples do not bound it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<u64>,
    /// Samples that rank above the percentile: fewer than 10 do not carry it.
    pub above: u64,
}

impl Latency {
    /// A percentile, unless it is withheld.
    pub fn percentile_ns(&self, percentile: Percentile) -> Option<u64> {
        let value_ns = match percentile {
            Percentile::P50 => self.p50,
            Percentile::P90 => self.p90,
            Percentile::P99 => self.p99,
            Percentile::P999 => self.p999,
        };
        value_ns.filter(|_| percentile.is_carried_by(self.count))
    }

    /// How sure a percentile is; none of a distribution without samples.
    pub fn uncertainty(&self, percentile: Percentile) -> Option<Uncertainty> {
        self.intervals.get(percentile.name()).copied()
    }

    /// Whether any percentile has an interval: a run of few seconds has none.
    pub fn has_intervals(&self) -> bool {
        self.intervals.values().any(|interval| interval.low.is_some())
    }

    /// Takes out what the samples do not carry, and counts those above each percentile. Records of versions up to 0.1.0
    /// hold all percentiles, and counts in long runs only.
    fn withhold(&mut self) {
        let [p50, p90, p99, p999] = Percentile::RECORDED.map(|percentile| self.percentile_ns(percentile));
        (self.p50, self.p90, self.p99, self.p999) = (p50, p90, p99, p999);
        for percentile in Percentile::RECORDED.into_iter().filter(|_| self.count > 0) {
            let above = percentile.above(self.count);
            let unknown = Uncertainty { low: None, high: None, above };
            self.intervals.entry(percentile.name().to_owned()).or_insert(unknown).above = above;
        }
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut latency = Latency::deserialize(from)?;
        latency.withhold();
        Ok(latency)
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Latency::serialize(self, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_samples_above_carry_a_percentile() {
        let fewest = |percentile: Percentile| (0..).find(|count| percentile.is_carried_by(*count));
        assert_eq!(Percentile::RECORDED.map(fewest), [20, 100, 1_000, 10_000].map(Some));
        assert_eq!(ranked_above(0, 0.5), 0);
    }

    #[test]
    fn a_record_of_an_older_version_loses_what_its_samples_do_not_carry() {
        let old = r#"{"count": 1500, "mean": 7.0, "p50": 5, "p90": 8, "p99": 11, "p999": 13, "max": 17,
                      "intervals": {"p999": {"low": 12, "high": null, "above": 1}}, "histogram": ""}"#;
        let latency: Latency = serde_json::from_str(old).expect("an old record");
        assert_eq!((latency.p50, latency.p99, latency.p999, latency.max), (Some(5), Some(11), None, 17));
        let counts = Percentile::RECORDED.map(|percentile| latency.uncertainty(percentile).map(|sure| sure.above));
        assert_eq!(counts, [750, 150, 15, 1].map(Some));
        let again = serde_json::to_string(&latency).expect("it is written");
        assert!(!again.contains(r#""p999":13"#) && again.contains(r#""p999":{"low":12,"above":1}"#), "{again}");
        assert_eq!(serde_json::from_str::<Latency>(&again).expect("its own"), latency);
    }
}
