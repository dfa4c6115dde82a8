//! What is recorded for each second of a run: what ended in it, how quickly, and what the store's server used.

use serde::{Deserialize, Serialize};

use super::Heat;

/// The phase to which an interval belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the measurement.
    Warmup,
    /// The measurement.
    #[default]
    Measure,
    /// After its planned end.
    Drain,
}

/// One second of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Interval {
    /// Its start in seconds since the measurement began; negative in the warm-up.
    pub at_s: f64,
    /// Its length in seconds: 1, but for the last.
    pub length_s: f64,
    /// Its phase.
    pub phase: Phase,
    /// Succeeded in it.
    pub ok: u64,
    /// Failed in it.
    pub failed: u64,
    /// Skipped in it.
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
    /// Over how long.
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

/// A distribution in a line.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Brief {
    /// 50th percentile.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Largest.
    pub max: u64,
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
}
