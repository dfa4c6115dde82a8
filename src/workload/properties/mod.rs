//! YCSB's properties as workloads: what `-P file -p key=value` say to YCSB's core workload, in storebench's TOML.
//!
//! The defaults are those of YCSB's code (d9faaac8), not of its template. Every property of the core workload and of
//! YCSB's client, and every one of go-ycsb (d383d2be), is converted, or noted where it means something else here, or answered
//! with a warning that says what storebench does instead, or refused; an unknown property is answered with a warning. Nothing
//! is read but the texts given: not the histogram file that one property names, and not the properties of bindings, which
//! often hold passwords: of properties without effect only the names are printed.

mod java;
mod keys;
mod reader;

pub(super) use java::{PropertiesError, PropertyOrigin};

use super::note::{Note, NoteScope};
use java::{Properties, Property};
use reader::PropertyReader;
use std::ops::RangeInclusive;

/// What the command line says of workloads in YCSB's format.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Properties, which take precedence over those of files; the last of a key counts.
    pub properties: Vec<(String, String)>,
    /// How many records are loaded where no property says so.
    pub records: Option<u64>,
}

/// Properties as a workload.
#[derive(Debug)]
pub(super) struct Converted {
    /// The workload, in storebench's format.
    pub toml: String,
    /// What is done otherwise than in YCSB.
    pub notes: Vec<Note>,
    /// What has no effect, one sentence each.
    pub warnings: Vec<String>,
}

/// Converts the texts of files, of which the later ones take precedence; `name` is mentioned in the result as their origin.
pub(super) fn to_workload_toml(
    name: &str,
    texts: &[String],
    overrides: &Overrides,
) -> Result<Converted, PropertiesError> {
    let mut properties = Properties::new();
    for (file, text) in texts.iter().enumerate() {
        properties.extend(java::parse(file, text)?);
    }
    let given = overrides.properties.iter().cloned();
    properties.extend(given.map(|(key, value)| (key, Property { origin: PropertyOrigin::Flag, value })));
    let mut properties = PropertyReader::new(properties);
    let toml = properties.workload(name, overrides.records)?;
    let (notes, warnings) = properties.into_notes_and_warnings();
    Ok(Converted { toml, notes, warnings })
}

/// Whether a text sets a property that only YCSB knows.
pub(super) fn are_in(text: &str) -> bool {
    java::parse(0, text).is_ok_and(|properties| properties.keys().any(|key| keys::is_telling(key)))
}

/// The text of a file's bytes: UTF-8, or ISO-8859-1 (Java's own encoding of such files) if it is not.
pub(super) fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Limits of storebench's workloads.
const MOST_RECORDS: u64 = 1_000_000_000_000;
const MOST_ROWS: u64 = 100_000;
const LONGEST_FIELD: u64 = 1 << 20;
/// Digits of a number in a key: with a prefix of four letters, the most that all stores take.
const MOST_DIGITS: u64 = 60;

impl PropertyReader {
    fn workload(&mut self, name: &str, records: Option<u64>) -> Result<String, PropertiesError> {
        /// The name of YCSB's CoreWorkload in go-ycsb.
        const CORE: &str = "core";
        let is_core = |class: &str| class == CORE || class.rsplit('.').next() == Some("CoreWorkload");
        if let Some(class) = self.unread.remove("workload").filter(|class| !is_core(&class.value)) {
            let problem = format!(
                "{:?} is not YCSB's CoreWorkload, which alone can be converted; write it as a storebench workload",
                class.value
            );
            return Err(class.error("workload", problem));
        }
        self.refuse_batches()?;
        let about = toml::Value::String(format!("YCSB core workload, converted from {name}"));
        let table = self.identifier("table", "usertable");
        let (records, key, fields) = (self.records(records)?, self.key_pattern()?, self.fields()?);
        let operations = self.operations(&table)?;
        let load = self.load()?;
        Ok(format!(
            "about = {about}\n\n[tables.{table}]\nrecords = {records}\nkey = \"{key}\"\n\n\
             [tables.{table}.fields]\n{fields}{operations}\n[load]\n{load}"
        ))
    }

    /// How many records are loaded: `asked` where no property says so. YCSB splits the loading over processes; storebench
    /// does not.
    fn records(&mut self, asked: Option<u64>) -> Result<u64, PropertiesError> {
        let origin = self.unread.get("recordcount").map_or(PropertyOrigin::UNWRITTEN, |property| property.origin);
        let is_written = self.unread.get("recordcount").is_some_and(|property| property.value != "0");
        let written = is_written.then(|| self.number("recordcount", 1, 1..=MOST_RECORDS)).transpose()?;
        self.skip(&["recordcount"]);
        let Some(records) = written.or(asked) else {
            let problem = "it is missing or 0, which YCSB takes for 2147483647; write how many records are loaded, such as \
                           recordcount=1000000, or give --records";
            return Err(PropertiesError { origin, key: "recordcount".into(), problem: problem.into() });
        };
        let start = self.number("insertstart", 0, 0..=records)?;
        let count = self.number("insertcount", records - start, 0..=records - start)?;
        for (key, whole) in [("insertstart", start == 0), ("insertcount", start + count == records)] {
            if !whole {
                self.note(NoteScope::Always, key, "all of recordcount is loaded and read, by one process");
            }
        }
        Ok(records)
    }

    /// The prefix and the hash of the number, or the number itself, with leading zeros.
    fn key_pattern(&mut self) -> Result<String, PropertiesError> {
        let hashed = self.text("insertorder", "hashed") == "hashed";
        let prefix = self.key_prefix()?;
        let number = if hashed { "fnv" } else { "number" };
        Ok(match self.number("zeropadding", 1, 0..=i32::MAX as u64)? {
            0..=1 => format!("{prefix}{{{number}}}"),
            digits => {
                let most = MOST_DIGITS + 4 - prefix.len().max(4) as u64;
                if digits > most {
                    let instead = format!("keys are padded to {most} digits, the most that all stores take");
                    self.note(NoteScope::Always, "zeropadding", instead);
                }
                format!("{prefix}{{{number}:{}}}", digits.min(most))
            }
        })
    }

    /// What keys begin with: a property of go-ycsb.
    fn key_prefix(&mut self) -> Result<String, PropertiesError> {
        /// With the 20 digits of a hash a key is then as long as all stores take.
        const LONGEST: usize = 44;
        let Some(prefix) = self.unread.remove("keyprefix") else { return Ok("user".into()) };
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        match prefix.value.len() <= LONGEST && prefix.value.bytes().all(is_allowed) {
            true => Ok(prefix.value),
            false => Err(prefix.error("keyprefix", format!("write at most {LONGEST} letters, digits and _-.:/"))),
        }
    }

    /// Refuses go-ycsb's batches, in which one measured operation is several.
    fn refuse_batches(&mut self) -> Result<(), PropertiesError> {
        let origin = self.unread.get("batch.size").map_or(PropertyOrigin::UNWRITTEN, |property| property.origin);
        if self.number("batch.size", 1, 0..=i64::MAX as u64)? <= 1 {
            return Ok(());
        }
        let problem = "batches cannot be converted; leave it out, print the workload with `storebench list FILE --toml`, and \
                       make its operations `do = \"batch\"`";
        Err(PropertiesError { origin, key: "batch.size".into(), problem: problem.into() })
    }

    /// One line a field.
    fn fields(&mut self) -> Result<String, PropertiesError> {
        const MOST_FIELDS: u64 = 1000;
        let count = self.number("fieldcount", 10, 1..=MOST_FIELDS)?;
        let prefix = self.identifier("fieldnameprefix", "field");
        let longest = self.number("fieldlength", 100, 0..=LONGEST_FIELD)?;
        let laws = self.unread.get("fieldlengthdistribution").filter(|law| law.value == "histogram");
        if let Some(histogram) = laws {
            let problem = "histogram files are not read; leave it out, print the workload with `storebench list FILE --toml`, \
                           and write the histogram into it as text = { choose = \"histogram\", block = 10, weights = [3, 2, 1] }";
            return Err(histogram.error("fieldlengthdistribution", problem.into()));
        }
        let law = self.one_of("fieldlengthdistribution", &["constant", "uniform", "zipfian"])?;
        let length = match law {
            "uniform" | "zipfian" => self.lengths(law, "minfieldlength", 0..=longest)?,
            _ => longest.to_string(),
        };
        self.skip(&["minfieldlength", "fieldlengthhistogram"]);
        Ok((0..count).map(|at| format!("{prefix}{at} = {{ text = {length} }}\n")).collect())
    }

    /// Lengths over the upper part of a range, which begins at what the property `min` says.
    fn lengths(&mut self, law: &str, min: &str, range: RangeInclusive<u64>) -> Result<String, PropertiesError> {
        let max = *range.end();
        let min = self.number(min, 1, range)?;
        Ok(match law {
            "uniform" => format!("[{min}, {max}]"),
            _ => format!("{{ choose = \"zipfian-ycsb\", min = {min}, max = {max} }}"),
        })
    }

    fn operations(&mut self, table: &str) -> Result<String, PropertiesError> {
        let origin = self.unread.get("readproportion").map_or(PropertyOrigin::UNWRITTEN, |property| property.origin);
        let mut share = |key, default| self.number(key, default, 0.0..=1e9);
        let (read, update) = (share("readproportion", 0.95)?, share("updateproportion", 0.05)?);
        let (insert, scan) = (share("insertproportion", 0.0)?, share("scanproportion", 0.0)?);
        let modify = share("readmodifywriteproportion", 0.0)?;
        let which = |all| if all { "all" } else { "one" };
        let (reads, writes) = (which(self.flag("readallfields", true)?), which(self.flag("writeallfields", false)?));
        let key = self.key_choice()?;
        let target = format!("table = \"{table}\"\nkey = {key}\n");
        let limit = if scan > 0.0 { self.scan_lengths()? } else { String::new() };
        self.skip(&["minscanlength", "maxscanlength", "scanlengthdistribution"]);
        let written = [
            ("read", read, format!("do = \"read\"\n{target}fields = \"{reads}\"\n")),
            ("update", update, format!("do = \"update\"\n{target}fields = \"{writes}\"\n")),
            ("insert", insert, format!("do = \"insert\"\ntable = \"{table}\"\n")),
            ("scan", scan, format!("do = \"scan\"\n{target}limit = {limit}\nfields = \"{reads}\"\n")),
            (
                "read-modify-write",
                modify,
                format!(
                    "do = \"sequence\"\ndraw.record = {{ key_of = \"{table}\", key = {key} }}\nsteps = [\n    \
                     {{ do = \"read\", table = \"{table}\", key = \"record\", fields = \"{reads}\" }},\n    \
                     {{ do = \"update\", table = \"{table}\", key = \"record\", fields = \"{writes}\" }},\n]\n"
                ),
            ),
        ];
        let mix: String = written
            .into_iter()
            .filter(|(_, share, _)| *share > 0.0)
            .map(|(name, share, body)| format!("\n[operations.{name}]\nweight = {share:?}\n{body}"))
            .collect();
        if mix.is_empty() {
            let problem = "no proportion is above 0; write at least one".into();
            return Err(PropertiesError { origin, key: "readproportion".into(), problem });
        }
        Ok(mix)
    }

    /// How keys are chosen, as a TOML value.
    fn key_choice(&mut self) -> Result<String, PropertiesError> {
        let laws = ["uniform", "zipfian", "latest", "hotspot", "exponential", "sequential"];
        let choice = match self.one_of("requestdistribution", &laws)? {
            "zipfian" => "\"zipfian-ycsb\"".into(),
            "hotspot" => {
                let data = self.number("hotspotdatafraction", 0.2, 0.0..=1.0)?;
                let operations = self.number("hotspotopnfraction", 0.8, 0.0..=1.0)?;
                format!("{{ choose = \"hotspot\", data_fraction = {data:?}, operation_fraction = {operations:?} }}")
            }
            "exponential" => {
                let percentile = self.number("exponential.percentile", 95.0, 0.001..=99.999_999)?;
                let data = self.number("exponential.frac", 0.857_142_857_1, 0.000_001..=1.0)?;
                format!("{{ choose = \"exponential\", percentile = {percentile:?}, data_fraction = {data:?} }}")
            }
            law => format!("\"{law}\""),
        };
        self.skip(&["hotspotdatafraction", "hotspotopnfraction", "exponential.percentile", "exponential.frac"]);
        Ok(choice)
    }

    fn scan_lengths(&mut self) -> Result<String, PropertiesError> {
        let max = self.number("maxscanlength", 1000, 1..=MOST_ROWS)?;
        let law = self.one_of("scanlengthdistribution", &["uniform", "zipfian"])?;
        self.lengths(law, "minscanlength", 1..=max)
    }

    /// Clients, rate, warm-up and end of the run. YCSB ends with whatever comes first of operations and time.
    fn load(&mut self) -> Result<String, PropertiesError> {
        let mut load = format!("clients = {}\n", self.number("threadcount", 1, 1..=10_000)?);
        load += &self.rate()?;
        load += &self.warmup()?;
        let ops = self.number("operationcount", 0, 0..=i64::MAX as u64)?;
        match (self.number("maxexecutiontime", 0, 0..=1_000_000_000_u64)?, ops) {
            (0, 0) => self.note(
                NoteScope::OwnLength,
                "operationcount",
                "neither it nor maxexecutiontime ends the run, as for YCSB; storebench's own default does",
            ),
            (0, ops) => load += &format!("ops = {ops}\n"),
            (seconds, ops) => {
                load += &format!("duration = \"{seconds}s\"\n");
                if ops > 0 {
                    let instead = "the run ends after maxexecutiontime, even if YCSB were done before";
                    self.note(NoteScope::OwnLength, "operationcount", instead);
                }
            }
        }
        Ok(load)
    }

    /// YCSB gives each thread instants at equal gaps, at which or as soon as possible after which it sends: an open loop,
    /// with one operation of each thread in flight. Only where `measurement.interval` says so do its latencies count from
    /// those instants. go-ycsb has the same property for the seconds between two lines of its output.
    fn rate(&mut self) -> Result<String, PropertiesError> {
        let interval = self.unread.remove("measurement.interval");
        let figures = match interval.as_ref().map_or("op", |interval| &interval.value) {
            "intended" => "as YCSB's do with measurement.interval=intended",
            "both" => "as YCSB's Intended- do; its others are the service times",
            _ => "YCSB's, without measurement.interval=intended, are the service times",
        };
        if let Some(interval) = interval.filter(|interval| interval.value.parse::<u64>().is_err()) {
            self.unread.insert("measurement.interval".into(), interval);
            self.one_of("measurement.interval", &["op", "intended", "both"])?;
        }
        let rate = self.number("target", 0.0, 0.0..=1e9)?;
        if rate == 0.0 {
            return Ok(String::new());
        }
        let instead = format!(
            "an open loop with equal gaps, one schedule for all clients where YCSB has one a thread; response times count from \
             the instant at which an operation is due ({figures}); --closed drops the rate"
        );
        self.note(NoteScope::OwnRate, "target", instead);
        Ok(format!("rate_per_s = {rate:?}\narrivals = \"constant\"\n"))
    }

    /// None, as in YCSB, whose operationcount counts from the first operation: what a warm-up inserts stays in the data,
    /// of which the measurement would begin with more than the file says. go-ycsb has a property for it.
    fn warmup(&mut self) -> Result<String, PropertiesError> {
        let seconds = self.number("warmuptime", 0, 0..=1_000_000_u64)?;
        self.notes.push(Note {
            scope: NoteScope::WithoutWarmup,
            text: "no warm-up, as in YCSB: the first operations are measured too; --warmup adds one".into(),
        });
        self.notes.push(Note {
            scope: NoteScope::WithWarmup,
            text: "YCSB has no warm-up; what this one wrote is in the data with which the measurement began".into(),
        });
        Ok(format!("warmup = \"{seconds}s\"\n"))
    }
}

#[cfg(test)]
mod tests;
