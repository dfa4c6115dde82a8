//! A latency distribution as the record holds it, and which of its percentiles may be shown. What is withheld is absent from
//! the record itself, so that nothing derived from it can show it; the number of samples above is always there.
//!
//! The whole distribution stays in the record as a histogram, for those who want to judge for themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::percentile::Percentile;

/// A latency distribution in nanoseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Latency {
    /// How many samples there are.
    pub count: u64,
    /// Their arithmetic mean, 0 without samples.
    pub mean: f64,
    /// 50th percentile; this and those below are absent where fewer than ten samples rank above them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<u64>,
    /// 90th percentile: 100 samples carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<u64>,
    /// 99th percentile: 1,000 samples carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<u64>,
    /// 99.9th percentile: 10,000 samples carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p999: Option<u64>,
    /// The largest sample, 0 without any.
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
    fn a_record_of_an_older_version_loses_what_its_samples_do_not_carry() {
        let old = r#"{"count": 1500, "mean": 7.0, "p50": 5, "p90": 8, "p99": 11, "p999": 13, "max": 17,
                      "intervals": {"p999": {"low": 12, "high": null, "above": 1}}, "histogram": ""}"#;
        let latency: Latency = serde_json::from_str(old).expect("an old record");
        assert_eq!((latency.p50, latency.p99, latency.p999, latency.max), (Some(5), Some(11), None, 17));
        let counts =
            Percentile::RECORDED.map(|percentile| latency.uncertainty(percentile).map(|uncertainty| uncertainty.above));
        assert_eq!(counts, [750, 150, 15, 1].map(Some));
        let again = serde_json::to_string(&latency).expect("it is written");
        assert!(!again.contains(r#""p999":13"#) && again.contains(r#""p999":{"low":12,"above":1}"#), "{again}");
        assert_eq!(serde_json::from_str::<Latency>(&again).expect("its own"), latency);
    }
}
