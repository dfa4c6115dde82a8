//! Reads the properties of a file one by one; those that nobody has read are answered by warnings at the end.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::java::{Properties, PropertiesError, Property, parse, printable};

type ReadResult<T> = Result<T, PropertiesError>;

/// The properties that have not been read yet, and the warnings so far.
pub(super) struct PropertyReader {
    pub(super) unread: Properties,
    warnings: Vec<String>,
}

impl PropertyReader {
    pub(super) fn new(text: &str) -> ReadResult<Self> {
        Ok(PropertyReader { unread: parse(text)?, warnings: Vec::new() })
    }

    /// Warns of all properties that have not been read, and returns all warnings.
    pub(super) fn into_warnings(mut self) -> Vec<String> {
        for (key, harmless, instead) in UNUSED {
            match self.unread.remove(key) {
                Some(property) if property.value != harmless => self.warn(key, instead),
                _ => {}
            }
        }
        let unknown = std::mem::take(&mut self.unread);
        for key in unknown.keys().take(MOST_UNKNOWN) {
            self.warn(&printable(key), "it is no property of YCSB's core workload and has no effect");
        }
        if unknown.len() > MOST_UNKNOWN {
            self.warnings.push(format!("{} more unknown properties have no effect", unknown.len() - MOST_UNKNOWN));
        }
        self.warnings
    }

    pub(super) fn warn(&mut self, key: &str, instead: impl Display) {
        self.warnings.push(format!("key `{key}`: {instead}"));
    }

    /// Drops properties that have no effect beside the others, as in YCSB.
    pub(super) fn skip(&mut self, keys: &[&str]) {
        keys.iter().for_each(|key| drop(self.unread.remove(*key)));
    }

    pub(super) fn text(&mut self, key: &str, default: &str) -> String {
        self.unread.remove(key).map_or_else(|| default.into(), |property| property.value)
    }

    /// A name that every store takes: lower-case letters, digits and _, starting with a letter. At most 36 of them, which
    /// leaves room for the number of a field.
    pub(super) fn identifier(&mut self, key: &str, default: &str) -> String {
        let written = self.text(key, default);
        let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let name: String = written.chars().map(allowed).skip_while(|c| !c.is_ascii_lowercase()).take(36).collect();
        let name = if name.is_empty() { default.into() } else { name };
        if name != written {
            self.warn(key, format!("`{name}` is used instead, which every store takes for a name"));
        }
        name
    }

    pub(super) fn flag(&mut self, key: &str, default: bool) -> ReadResult<bool> {
        let Some(property) = self.unread.remove(key) else { return Ok(default) };
        match property.value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            // YCSB takes anything else for false, a misspelt `true` as well.
            _ => Err(property.error(key, format!("{:?} is neither true nor false", property.value))),
        }
    }

    /// One of several names, the first by default.
    pub(super) fn one_of(&mut self, key: &str, names: &[&'static str]) -> ReadResult<&'static str> {
        let Some(property) = self.unread.remove(key) else { return Ok(names[0]) };
        match names.iter().find(|name| **name == property.value) {
            Some(name) => Ok(name),
            None => {
                Err(property.error(key, format!("{:?} is unknown; write one of {}", property.value, names.join(", "))))
            }
        }
    }

    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        key: &str,
        default: T,
        range: RangeInclusive<T>,
    ) -> ReadResult<T> {
        let property = self.unread.remove(key).unwrap_or_else(|| Property { line: 1, value: default.to_string() });
        match property.value.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => {
                let (least, most) = range.into_inner();
                Err(property.error(key, format!("{:?} is not a number from {least} to {most}", property.value)))
            }
        }
    }
}

/// Properties that storebench does not use: the value with which nothing is lost, and what is done instead of any other.
const UNUSED: [(&str, &str, &str); 26] = [
    ("core_workload_insertion_keep_going_on_error", "", "failed inserts are counted and never stop the load"),
    ("core_workload_insertion_retry_interval", "3", "a failed insert is counted as failed and not tried again"),
    ("core_workload_insertion_retry_limit", "0", "a failed insert is counted as failed and not tried again"),
    ("dataintegrity", "false", "acknowledged writes are reconciled with what the store holds after the run"),
    ("db", "", "the store is chosen with --store"),
    ("dotransactions", "true", "a run always loads the data and then measures the operations"),
    ("exporter", "", "results are written as JSON, CSV, charts and a report"),
    ("exportfile", "", "results are written into the folder given with --out"),
    ("hdrhistogram.fileoutput", "false", "histogram logs are always written, into hlog/ of the results"),
    ("hdrhistogram.output.path", "", "histogram logs are always written, into hlog/ of the results"),
    ("hdrhistogram.percentiles", "50,95,99", "p50, p90, p99 and p99.9 are reported, and the histograms kept"),
    ("histogram.buckets", "1000", "latencies are kept in HDR histograms with 3 digits"),
    ("label", "", "results are named by the folder given with --out"),
    ("latencytrackederrors", "", "all failed operations have histograms of their own"),
    ("measurement.histogram.verbose", "false", "the histograms are kept in the results"),
    ("measurement.interval", "both", "latencies from the intended and from the actual start are both kept"),
    ("measurement.raw.no_summary", "false", "histograms are kept instead of single latencies"),
    ("measurement.raw.output_file", "", "histograms are kept instead of single latencies"),
    ("measurement.trackjvm", "false", "there is no JVM; the load of the client is always recorded"),
    ("measurementtype", "hdrhistogram", "latencies are kept in HDR histograms with 3 digits, and second by second"),
    ("readallfieldsbyname", "false", "how fields are asked for is the driver's choice, printed with the results"),
    ("reportlatencyforeacherror", "false", "all failed operations have histograms of their own"),
    ("spin.sleep", "false", "how a client waits for its next operation cannot be chosen; its lateness is recorded"),
    ("status", "", "progress is shown unless --quiet is given"),
    ("status.interval", "", "progress is shown unless --quiet is given"),
    ("timeseries.granularity", "1000", "the timeline has a histogram a second"),
];

/// Unknown properties that are warned of by name; the others are counted.
pub(super) const MOST_UNKNOWN: usize = 100;
