//! What is recorded for each second of a run: what ended in it, how quickly, and what the store's server used.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::heat::Heat;
use crate::percentile::Percentile;

/// The phase to which an interval belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the measurement begins.
    Warmup,
    /// From the first instant of the measurement to its planned end.
    #[default]
    Measure,
    /// After its planned end.
    Drain,
}

/// One second of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Interval {
    /// Its start in seconds since the measurement began; negative in the warm-up.
    pub at_s: f64,
    /// Its length in seconds: 1, but for the last.
    pub length_s: f64,
    /// The phase that it belongs to.
    pub phase: Phase,
    /// Operations that succeeded in it.
    pub ok: u64,
    /// Operations that failed in it.
    pub failed: u64,
    /// Operations that were skipped in it.
    pub skipped: u64,
    /// Response time, all operations.
    pub response_ns: Brief,
    /// The same in bands, for the heat map; empty in a record of an older version.
    #[serde(default)]
    pub response_bands: Heat,
    /// Service time, all operations.
    pub service_ns: Brief,
    /// Lag of the start behind the intended instant.
    pub lag_ns: Brief,
    /// What the store's server used in it, where it was started for the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSecond>,
}

/// What a server used in one second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ServerSecond {
    /// CPUs kept busy by all its processes: 1 is one CPU for all of the second.
    pub cpus: f64,
    /// Memory of all its processes at the end of the second, the system's file cache not included.
    pub memory_bytes: u64,
}

/// What a server used over a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ServerUse {
    /// CPU time of all its processes.
    pub cpu_s: f64,
    /// How many seconds were measured.
    pub measured_s: f64,
    /// The most memory that its processes had at the end of a second.
    pub memory_bytes_max: u64,
}

/// A time in which no operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Standstill {
    /// Its start in seconds since the measurement began.
    pub from_s: f64,
    /// Its length in seconds.
    pub length_s: f64,
}

/// A distribution in a line. As in [`Latency`](super::latency::Latency), a percentile is absent where fewer than ten samples rank
/// above it: a p99 needs 1,000 operations in its second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Brief {
    /// How many samples there are.
    #[serde(default)]
    pub count: u64,
    /// 50th percentile, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<u64>,
    /// 99th percentile, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<u64>,
    /// 99.9th percentile, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p999: Option<u64>,
    /// The largest sample, 0 without any.
    pub max: u64,
}

impl Brief {
    /// Takes out what the samples do not carry. Records of versions up to 0.1.0 do not count them: there, all operations
    /// that succeeded in the second are in each of its distributions that has any.
    fn withhold(&mut self, ok: u64) {
        if self.count == 0 && self.max > 0 {
            self.count = ok;
        }
        let count = self.count;
        let carried = |value_ns: Option<u64>, of: Percentile| value_ns.filter(|_| of.is_carried_by(count));
        self.p50 = carried(self.p50, Percentile::P50);
        self.p99 = carried(self.p99, Percentile::P99);
        self.p999 = carried(self.p999, Percentile::P999);
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut second = Interval::deserialize(from)?;
        let ok = second.ok;
        for brief in [&mut second.response_ns, &mut second.service_ns, &mut second.lag_ns] {
            brief.withhold(ok);
        }
        Ok(second)
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Interval::serialize(self, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_bytes_of_an_older_record_are_passed_over() {
        // Version 0.1.0 took them from /proc/pid/io, which tells too much.
        let old = r#"{"cpu_s": 2.5, "measured_s": 2.0, "memory_bytes_max": 9, "written_bytes": 4293000000}"#;
        let read: ServerUse = serde_json::from_str(old).expect("an older record");
        assert_eq!(read, ServerUse { cpu_s: 2.5, measured_s: 2.0, memory_bytes_max: 9 });
        assert!(!serde_json::to_string(&read).expect("plain data").contains("written"));
    }

    #[test]
    fn a_second_of_an_older_record_loses_what_its_operations_do_not_carry() {
        let brief = r#"{"p50": 5, "p99": 11, "p999": 13, "max": 17}"#;
        let none = r#"{"p50": 0, "p99": 0, "p999": 0, "max": 0}"#;
        let old = format!(
            r#"{{"at_s": 0.0, "length_s": 1.0, "phase": "measure", "ok": 900, "failed": 0, "skipped": 0,
                 "response_ns": {brief}, "service_ns": {brief}, "lag_ns": {none}}}"#
        );
        let second: Interval = serde_json::from_str(&old).expect("an old record");
        assert_eq!(second.response_ns, Brief { count: 900, p50: Some(5), p99: None, p999: None, max: 17 });
        assert_eq!(second.lag_ns, Brief::default());
    }
}
