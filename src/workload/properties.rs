//! YCSB `.properties` files as workloads: what `-P file` says to YCSB's core workload, said in storebench's TOML.
//!
//! The defaults are those of YCSB's code (d9faaac8), not of its template. Every property of the core workload and of
//! YCSB's client is either honoured or answered with a warning that says what storebench does instead; so is a property
//! that nobody knows. Nothing is read but the text given: not the histogram file that one property names, and not the
//! properties of bindings, which often hold passwords: of unknown properties only the names are printed.

mod java;

use java::{Entry, Properties, parse, shown};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use thiserror::Error;

/// A converted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The workload, in storebench's format.
    pub toml: String,
    /// What of the file is not done as YCSB would do it, one sentence each.
    pub warnings: Vec<String>,
}

/// Why a file cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {}{problem}", in_key(.key))]
pub struct PropertiesError {
    /// The line, from 1, on which the property begins; 1 where it is not written.
    pub line: usize,
    /// The property; empty where the text as a whole is meant.
    pub key: String,
    /// What is wrong and what to write instead.
    pub problem: String,
}

fn in_key(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("key `{key}`: ") }
}

type Reading<T> = Result<T, PropertiesError>;

/// Converts the text of a file; `name` says in the result where it came from.
pub fn to_workload_toml(name: &str, text: &str) -> Reading<Converted> {
    let mut converter = Converter { left: parse(text)?, warnings: Vec::new() };
    let toml = converter.workload(name)?;
    converter.answer();
    Ok(Converted { toml, warnings: converter.warnings })
}

/// The text of a file's bytes: UTF-8, or ISO-8859-1 (Java's own encoding of such files) where it is not.
pub fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Properties that storebench has no use for: the value with which nothing is lost, and what is done otherwise.
const ANSWERS: [(&str, &str, &str); 26] = [
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
const MOST_UNKNOWN: usize = 100;
/// Limits of storebench's workloads.
const MOST_RECORDS: u64 = 1_000_000_000_000;
const MOST_ROWS: u64 = 100_000;
const LONGEST_FIELD: u64 = 1 << 20;

/// Takes properties out as they are honoured; what is left at the end has to be answered.
struct Converter {
    left: Properties,
    warnings: Vec<String>,
}

impl Converter {
    fn workload(&mut self, name: &str) -> Reading<String> {
        if let Some(class) = self.left.remove("workload").filter(|class| !class.value.ends_with("CoreWorkload")) {
            let problem = "only YCSB's CoreWorkload can be converted; write it as a storebench workload";
            return Err(class.fault("workload", problem.into()));
        }
        let about = toml::Value::String(format!("YCSB core workload, converted from {name}"));
        let table = self.identifier("table", "usertable");
        let (records, key, fields) = (self.records()?, self.key_pattern()?, self.fields()?);
        let operations = self.operations(&table)?;
        let load = self.load()?;
        Ok(format!(
            "about = {about}\n\n[tables.{table}]\nrecords = {records}\nkey = \"{key}\"\n\n\
             [tables.{table}.fields]\n{fields}{operations}\n[load]\n{load}"
        ))
    }

    /// How many records are loaded. YCSB splits the loading over processes; storebench does not.
    fn records(&mut self) -> Reading<u64> {
        /// What YCSB takes for 0, its default.
        const UNSET: u64 = 2_147_483_647;
        let mut records = self.number("recordcount", 0, 0..=MOST_RECORDS)?;
        if records == 0 {
            records = UNSET;
            self.warn("recordcount", "it is missing or 0, which YCSB takes for 2147483647; set it, or use --records");
        }
        let start = self.number("insertstart", 0, 0..=records)?;
        let count = self.number("insertcount", records - start, 0..=records - start)?;
        for (key, whole) in [("insertstart", start == 0), ("insertcount", start + count == records)] {
            if !whole {
                self.warn(key, "all of recordcount is loaded and read, by one process");
            }
        }
        Ok(records)
    }

    /// `user` + the hash of the number, or the number itself with leading zeros.
    fn key_pattern(&mut self) -> Reading<String> {
        const MOST_DIGITS: u64 = 60;
        let hashed = self.text("insertorder", "hashed") == "hashed";
        let digits = self.number("zeropadding", 1, 0..=i32::MAX as u64)?;
        match (hashed, digits) {
            (true, 0..=1) => Ok("user{fnv}".into()),
            (true, _) => {
                self.warn("zeropadding", "hashed keys are written without leading zeros");
                Ok("user{fnv}".into())
            }
            (false, 0..=1) => Ok("user{number}".into()),
            (false, 2..=MOST_DIGITS) => Ok(format!("user{{number:{digits}}}")),
            (false, _) => {
                self.warn(
                    "zeropadding",
                    format!("keys are padded to {MOST_DIGITS} digits, the most that all stores take"),
                );
                Ok(format!("user{{number:{MOST_DIGITS}}}"))
            }
        }
    }

    /// One line a field.
    fn fields(&mut self) -> Reading<String> {
        const MOST_FIELDS: u64 = 1000;
        let count = self.number("fieldcount", 10, 1..=MOST_FIELDS)?;
        let prefix = self.identifier("fieldnameprefix", "field");
        let longest = self.number("fieldlength", 100, 0..=LONGEST_FIELD)?;
        let law = self.one_of("fieldlengthdistribution", &["constant", "uniform", "zipfian", "histogram"])?;
        let length = match law {
            "uniform" | "zipfian" => self.lengths(law, "minfieldlength", 0..=longest)?,
            _ => longest.to_string(),
        };
        if law == "histogram" {
            let instead = format!(
                "histogram files are not read: all fields have {longest} characters; write the histogram into the \
                 workload as text = {{ choose = \"histogram\", block = 10, weights = [3, 2, 1] }}"
            );
            self.warn("fieldlengthdistribution", instead);
        }
        self.skip(&["minfieldlength", "fieldlengthhistogram"]);
        Ok((0..count).map(|at| format!("{prefix}{at} = {{ text = {length} }}\n")).collect())
    }

    /// Lengths over the upper part of a range, which begins at what the property `min` says.
    fn lengths(&mut self, law: &str, min: &str, range: RangeInclusive<u64>) -> Reading<String> {
        let max = *range.end();
        let min = self.number(min, 1, range)?;
        Ok(match law {
            "uniform" => format!("[{min}, {max}]"),
            _ => format!("{{ choose = \"zipfian-ycsb\", min = {min}, max = {max} }}"),
        })
    }

    fn operations(&mut self, table: &str) -> Reading<String> {
        let line = self.left.get("readproportion").map_or(1, |entry| entry.line);
        let mut share = |key, default| self.number(key, default, 0.0..=1e9);
        let (read, update) = (share("readproportion", 0.95)?, share("updateproportion", 0.05)?);
        let (insert, scan) = (share("insertproportion", 0.0)?, share("scanproportion", 0.0)?);
        let modify = share("readmodifywriteproportion", 0.0)?;
        let which = |all| if all { "all" } else { "one" };
        let (reads, writes) = (which(self.flag("readallfields", true)?), which(self.flag("writeallfields", false)?));
        let key = self.key_choice()?;
        let aim = format!("table = \"{table}\"\nkey = {key}\n");
        let limit = if scan > 0.0 { self.scan_lengths()? } else { String::new() };
        self.skip(&["minscanlength", "maxscanlength", "scanlengthdistribution"]);
        let written = [
            ("read", read, format!("do = \"read\"\n{aim}fields = \"{reads}\"\n")),
            ("update", update, format!("do = \"update\"\n{aim}fields = \"{writes}\"\n")),
            ("insert", insert, format!("do = \"insert\"\ntable = \"{table}\"\n")),
            ("scan", scan, format!("do = \"scan\"\n{aim}limit = {limit}\nfields = \"{reads}\"\n")),
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
            return Err(PropertiesError { line, key: "readproportion".into(), problem });
        }
        Ok(mix)
    }

    /// How keys are chosen, as a TOML value.
    fn key_choice(&mut self) -> Reading<String> {
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

    fn scan_lengths(&mut self) -> Reading<String> {
        let max = self.number("maxscanlength", 1000, 1..=MOST_ROWS)?;
        let law = self.one_of("scanlengthdistribution", &["uniform", "zipfian"])?;
        self.lengths(law, "minscanlength", 1..=max)
    }

    /// Clients, rate and end of the run. YCSB ends with whatever comes first of operations and time.
    fn load(&mut self) -> Reading<String> {
        let mut load = format!("clients = {}\n", self.number("threadcount", 1, 1..=10_000)?);
        let rate = self.number("target", 0.0, 0.0..=1e9)?;
        if rate > 0.0 {
            load += &format!("rate_per_s = {rate:?}\narrivals = \"constant\"\n");
        }
        let ops = self.number("operationcount", 0, 0..=i64::MAX as u64)?;
        match (self.number("maxexecutiontime", 0, 0..=1_000_000_000_u64)?, ops) {
            (0, 0) => self.warn(
                "operationcount",
                "neither it nor maxexecutiontime ends the run, as for YCSB; storebench's own default does",
            ),
            (0, ops) => load += &format!("ops = {ops}\n"),
            (seconds, ops) => {
                load += &format!("duration = \"{seconds}s\"\n");
                if ops > 0 {
                    self.warn("operationcount", "the run ends after maxexecutiontime, even if YCSB were done before");
                }
            }
        }
        Ok(load)
    }

    /// Warns of all that is left.
    fn answer(&mut self) {
        for (key, harmless, instead) in ANSWERS {
            match self.left.remove(key) {
                Some(entry) if entry.value != harmless => self.warn(key, instead),
                _ => {}
            }
        }
        let unknown = std::mem::take(&mut self.left);
        for key in unknown.keys().take(MOST_UNKNOWN) {
            self.warn(&shown(key), "it is no property of YCSB's core workload and has no effect");
        }
        if unknown.len() > MOST_UNKNOWN {
            self.warnings.push(format!("{} more unknown properties have no effect", unknown.len() - MOST_UNKNOWN));
        }
    }

    fn warn(&mut self, key: &str, instead: impl Display) {
        self.warnings.push(format!("key `{key}`: {instead}"));
    }

    /// Forgets properties that mean nothing here, as YCSB does.
    fn skip(&mut self, keys: &[&str]) {
        keys.iter().for_each(|key| drop(self.left.remove(*key)));
    }

    fn text(&mut self, key: &str, default: &str) -> String {
        self.left.remove(key).map_or_else(|| default.into(), |entry| entry.value)
    }

    /// A name that every store takes: lower-case letters, digits and _, starting with a letter. At most 36 of them, which
    /// leaves room for the number of a field.
    fn identifier(&mut self, key: &str, default: &str) -> String {
        let written = self.text(key, default);
        let fine = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let name: String = written.chars().map(fine).skip_while(|c| !c.is_ascii_lowercase()).take(36).collect();
        let name = if name.is_empty() { default.into() } else { name };
        if name != written {
            self.warn(key, format!("`{name}` is used instead, which every store takes for a name"));
        }
        name
    }

    fn flag(&mut self, key: &str, default: bool) -> Reading<bool> {
        let Some(entry) = self.left.remove(key) else { return Ok(default) };
        match entry.value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            // YCSB takes anything else for false, a misspelt `true` as well.
            _ => Err(entry.fault(key, format!("{:?} is neither true nor false", entry.value))),
        }
    }

    /// One of several names, the first by default.
    fn one_of(&mut self, key: &str, names: &[&'static str]) -> Reading<&'static str> {
        let Some(entry) = self.left.remove(key) else { return Ok(names[0]) };
        match names.iter().find(|name| **name == entry.value) {
            Some(name) => Ok(name),
            None => Err(entry.fault(key, format!("{:?} is unknown; write one of {}", entry.value, names.join(", ")))),
        }
    }

    fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        key: &str,
        default: T,
        range: RangeInclusive<T>,
    ) -> Reading<T> {
        let entry = self.left.remove(key).unwrap_or_else(|| Entry { line: 1, value: default.to_string() });
        match entry.value.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => {
                let (least, most) = range.into_inner();
                Err(entry.fault(key, format!("{:?} is not a number from {least} to {most}", entry.value)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::keys::KeyChoice;
    use crate::draw::lengths::LengthChoice;
    use crate::workload::Workload;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};
    use toml::Value;

    /// `workloada` as YCSB ships it, without its comments.
    const STOCK: &str = "\
        # Core workload A\n\
        recordcount=1000\noperationcount=1000\nworkload=site.ycsb.workloads.CoreWorkload\n\nreadallfields=true\n\n\
        readproportion=0.5\nupdateproportion=0.5\nscanproportion=0\ninsertproportion=0\n\n\
        requestdistribution=zipfian\n";

    fn convert(text: &str) -> Converted {
        to_workload_toml("test", text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    fn toml(text: &str) -> Value {
        let converted = convert(text);
        toml::from_str(&converted.toml).unwrap_or_else(|error| panic!("{}: {error}", converted.toml))
    }

    fn refusal(text: &str) -> PropertiesError {
        to_workload_toml("test", text).expect_err("the file is wrong")
    }

    fn value(text: &str, key: &str) -> Option<String> {
        parse(text).expect("the text is a properties file").remove(key).map(|entry| entry.value)
    }

    #[test]
    fn the_stock_file_runs_unchanged() {
        let converted = convert(STOCK);
        assert_eq!(converted.warnings, [""; 0]);
        insta::assert_snapshot!(converted.toml, @r#"
        about = "YCSB core workload, converted from test"

        [tables.usertable]
        records = 1000
        key = "user{fnv}"

        [tables.usertable.fields]
        field0 = { text = 100 }
        field1 = { text = 100 }
        field2 = { text = 100 }
        field3 = { text = 100 }
        field4 = { text = 100 }
        field5 = { text = 100 }
        field6 = { text = 100 }
        field7 = { text = 100 }
        field8 = { text = 100 }
        field9 = { text = 100 }

        [operations.read]
        weight = 0.5
        do = "read"
        table = "usertable"
        key = "zipfian-ycsb"
        fields = "all"

        [operations.update]
        weight = 0.5
        do = "update"
        table = "usertable"
        key = "zipfian-ycsb"
        fields = "one"

        [load]
        clients = 1
        ops = 1000
        "#);
    }

    #[test]
    fn an_empty_file_means_the_defaults_of_the_code() {
        let workload = toml("");
        let table = &workload["tables"]["usertable"];
        assert_eq!(table["records"].as_integer(), Some(2_147_483_647));
        assert_eq!(table["fields"].as_table().map(toml::Table::len), Some(10));
        assert_eq!(workload["operations"]["read"]["weight"].as_float(), Some(0.95));
        assert_eq!(workload["operations"]["update"]["weight"].as_float(), Some(0.05));
        assert_eq!(workload["operations"]["update"]["fields"].as_str(), Some("one"));
        assert_eq!(workload["operations"]["read"]["key"].as_str(), Some("uniform"));
        assert_eq!(workload["load"]["clients"].as_integer(), Some(1));
        let warnings = convert("").warnings;
        assert!(warnings[0].contains("recordcount") && warnings[1].contains("operationcount"), "{warnings:?}");
    }

    #[test]
    fn every_law_is_one_that_key_and_length_choosers_read() {
        for law in ["uniform", "zipfian", "latest", "hotspot", "exponential", "sequential"] {
            let key = toml(&format!("requestdistribution={law}"))["operations"]["read"]["key"].clone();
            let choice: KeyChoice = key.try_into().expect("the choice is valid");
            if law == "exponential" {
                assert_eq!(choice, KeyChoice::Exponential { percentile: 95.0, data_fraction: 0.857_142_857_1 });
            }
        }
        let workload = toml(
            "scanproportion=1\nminscanlength=2\nmaxscanlength=9\nscanlengthdistribution=zipfian\n\
             fieldlengthdistribution=zipfian\nfieldlength=50\nfieldcount=1",
        );
        let limit: LengthChoice =
            workload["operations"]["scan"]["limit"].clone().try_into().expect("the length is valid");
        assert_eq!(limit, LengthChoice::ZipfianYcsb { min: 2, max: 9 });
        let length = workload["tables"]["usertable"]["fields"]["field0"]["text"].clone();
        assert_eq!(length.try_into(), Ok(LengthChoice::ZipfianYcsb { min: 1, max: 50 }));
    }

    #[test]
    fn the_run_is_the_load_of_the_workload() {
        let load = toml("threadcount=8\ntarget=500\noperationcount=3000000000")["load"].clone();
        assert_eq!(load["clients"].as_integer(), Some(8));
        assert_eq!(load["rate_per_s"].as_float(), Some(500.0));
        assert_eq!(load["arrivals"].as_str(), Some("constant"));
        assert_eq!(load["ops"].as_integer(), Some(3_000_000_000));
        let load = toml("operationcount=10\nmaxexecutiontime=60")["load"].clone();
        assert_eq!(load["duration"].as_str(), Some("60s"));
        assert!(load.get("ops").is_none());
    }

    #[test]
    fn keys_are_hashed_or_padded() {
        let key = |text| toml(text)["tables"]["usertable"]["key"].as_str().map(String::from);
        assert_eq!(key("insertorder=hashed").as_deref(), Some("user{fnv}"));
        assert_eq!(key("insertorder=ordered").as_deref(), Some("user{number}"));
        assert_eq!(key("insertorder=ordered\nzeropadding=12").as_deref(), Some("user{number:12}"));
    }

    /// All properties of YCSB with a value that changes something.
    #[rustfmt::skip]
    const EVERYTHING: [(&str, &str, bool); 61] = [
        ("recordcount", "10", true), ("operationcount", "5", true), ("insertstart", "1", false),
        ("insertcount", "8", false), ("maxexecutiontime", "5", true), ("table", "t", true),
        ("threadcount", "2", true), ("target", "5", true), ("fieldcount", "2", true), ("fieldlength", "20", true),
        ("minfieldlength", "3", true), ("fieldnameprefix", "f", true), ("fieldlengthdistribution", "uniform", true),
        ("fieldlengthdistribution", "histogram", false), ("fieldlengthhistogram", "h.txt", true),
        ("readallfields", "false", true), ("writeallfields", "true", true), ("readallfieldsbyname", "true", false),
        ("readproportion", "0.1", true), ("updateproportion", "0.1", true), ("insertproportion", "0.1", true),
        ("scanproportion", "0.1", true), ("readmodifywriteproportion", "0.1", true),
        ("requestdistribution", "latest", true), ("minscanlength", "2", true), ("maxscanlength", "3", true),
        ("scanlengthdistribution", "zipfian", true), ("insertorder", "ordered", true), ("zeropadding", "4", false),
        ("hotspotdatafraction", "0.1", true), ("hotspotopnfraction", "0.1", true),
        ("exponential.percentile", "90", true), ("exponential.frac", "0.5", true),
        ("core_workload_insertion_retry_limit", "1", false), ("core_workload_insertion_retry_interval", "1", false),
        ("core_workload_insertion_keep_going_on_error", "true", false), ("dataintegrity", "true", false),
        ("reportlatencyforeacherror", "true", false), ("latencytrackederrors", "a", false),
        ("measurementtype", "raw", false), ("measurement.interval", "op", false),
        ("hdrhistogram.percentiles", "1", false), ("hdrhistogram.fileoutput", "true", false),
        ("hdrhistogram.output.path", "/x", false), ("histogram.buckets", "5", false),
        ("timeseries.granularity", "5", false), ("measurement.histogram.verbose", "true", false),
        ("measurement.raw.output_file", "x", false), ("measurement.raw.no_summary", "true", false),
        ("measurement.trackjvm", "true", false), ("status", "true", false), ("status.interval", "1", false),
        ("label", "x", false), ("exporter", "x", false), ("exportfile", "x", false), ("spin.sleep", "true", false),
        ("workload", "site.ycsb.workloads.CoreWorkload", true), ("db", "x", false), ("dotransactions", "false", false),
        ("recordcuont", "10", false), ("redis.password", "secret", false),
    ];

    #[test]
    fn every_property_is_honoured_or_answered_by_name() {
        for (key, value, honoured) in EVERYTHING {
            let warnings = convert(&format!("recordcount=10\noperationcount=5\n{key}={value}")).warnings;
            let named = warnings.iter().any(|warning| warning.contains(&format!("`{key}`")));
            let both_ends = key == "maxexecutiontime" && warnings.len() == 1;
            assert_eq!(warnings.is_empty() || both_ends, honoured, "{key}: {warnings:?}");
            assert_eq!(named, !honoured, "{key}: {warnings:?}");
            assert!(!warnings.concat().contains("secret"));
        }
    }

    #[test]
    fn what_is_converted_is_a_workload() {
        const ALL: &str = "recordcount=10\noperationcount=10\ninsertproportion=0.1\nscanproportion=0.1\n\
                           readmodifywriteproportion=0.1\n";
        let laws = ["uniform", "zipfian", "latest", "hotspot", "exponential", "sequential"];
        let mut texts: Vec<_> = EVERYTHING.iter().map(|(key, value, _)| format!("{ALL}{key}={value}")).collect();
        texts.extend(laws.map(|law| format!("{ALL}requestdistribution={law}")));
        texts
            .push(format!("{ALL}table=My-Table\nfieldnameprefix=1F\nfieldcount=1000\ninsertorder=x\nzeropadding=1000"));
        texts.push("target=100\nmaxexecutiontime=1000000000\nthreadcount=10000".into());
        texts.extend([String::new(), STOCK.into()]);
        for text in texts {
            let toml = convert(&text).toml;
            let plan = Workload::parse("test.toml", &toml).and_then(|workload| workload.plan(Some(1000), Some(1000)));
            assert!(plan.is_ok(), "{text}\n{toml}\n{:?}", plan.err());
        }
    }

    #[test]
    fn what_ycsb_could_not_run_is_refused_with_its_line_and_key() {
        let wrong = [
            ("recordcount=10\nthreadcount=many", 2, "threadcount"),
            ("recordcount=-1", 1, "recordcount"),
            ("recordcount=10\ninsertcount=11", 2, "insertcount"),
            ("readproportion=NaN", 1, "readproportion"),
            ("\n\nreadproportion=0\nupdateproportion=0", 3, "readproportion"),
            ("readallfields=yes", 1, "readallfields"),
            ("# x\nrequestdistribution=zipf", 2, "requestdistribution"),
            ("scanproportion=1\nminscanlength=9\nmaxscanlength=3", 2, "minscanlength"),
            ("requestdistribution=hotspot\nhotspotdatafraction=2", 2, "hotspotdatafraction"),
            ("workload=site.ycsb.workloads.TimeSeriesWorkload", 1, "workload"),
            ("fieldcount=0", 1, "fieldcount"),
            ("a=b\nx=\\u12g4", 2, "x"),
        ];
        for (text, line, key) in wrong {
            let error = refusal(text);
            assert_eq!((error.line, error.key.as_str()), (line, key), "{error}");
        }
        let shown = refusal("threadcount=0").to_string();
        assert_eq!(shown, "line 1: key `threadcount`: \"0\" is not a number from 1 to 10000");
    }

    #[test]
    fn names_that_a_store_might_refuse_are_changed_and_said() {
        let converted = convert("recordcount=1\noperationcount=1\ntable=My-Table\nfieldnameprefix=1F");
        let workload: Value = toml::from_str(&converted.toml).expect("the names are valid TOML");
        assert!(workload["tables"]["my_table"]["fields"].get("f0").is_some());
        assert_eq!(converted.warnings.len(), 2);
    }

    #[test]
    fn the_format_is_that_of_java() {
        assert_eq!(value("a=1", "a").as_deref(), Some("1"));
        assert_eq!(value("  a : 1  ", "a").as_deref(), Some("1"));
        assert_eq!(value("a\t1", "a").as_deref(), Some("1"));
        assert_eq!(value("a", "a").as_deref(), Some(""));
        assert_eq!(value("a==1", "a").as_deref(), Some("=1"));
        assert_eq!(value("a=1\r\na=2\rb=3", "a").as_deref(), Some("2"));
        assert_eq!(value("# a=1\n ! a=2", "a"), None);
        assert_eq!(value("# a=1\\\nb=2", "b").as_deref(), Some("2"));
        assert_eq!(value("a=1\\\n   2\\\n  #3", "a").as_deref(), Some("12#3"));
        assert_eq!(value("a=1\\\\\nb=2", "a").as_deref(), Some("1\\"));
        assert_eq!(value("a\\=b\\:c\\ d=1", "a=b:c d").as_deref(), Some("1"));
        assert_eq!(value("a=\\u0041\\u00e9\\ud83d\\ude00\\q\\", "a").as_deref(), Some("A\u{e9}\u{1f600}q"));
        assert_eq!(decode(b"label=caf\xe9"), "label=caf\u{e9}");
        assert_eq!(decode("\u{feff}label=caf\u{e9}".as_bytes()), "label=caf\u{e9}");
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_is_converted_is_toml(
            text in "([ \t\\\\=:#!a-zA-Z0-9.\r\n]|\\PC|\\\\u00|recordcount|table|fieldnameprefix|=|\n){0,60}",
            key in proptest::sample::select(EVERYTHING.map(|(key, ..)| key).to_vec()),
            value in "[-0-9.a-zA-Z{}\"]{0,12}",
        ) {
            for text in [text.clone(), format!("{key}={value}"), format!("{key}={value}\n{text}")] {
                if let Ok(converted) = to_workload_toml(&text, &text) {
                    prop_assert!(toml::from_str::<Value>(&converted.toml).is_ok(), "{}", converted.toml);
                }
            }
        }
    }

    #[test]
    fn noise_is_answered_at_once() {
        let start = Instant::now();
        for piece in ["\\", "\\\n", "a\\\n", "a\n", "=", "\\u0041", "x=\\\\\\\n", "#\n", "\u{1f600}", " "] {
            let huge = to_workload_toml("noise", &piece.repeat(10_000_000 / piece.len()));
            assert_eq!(huge.expect_err("it is too large").line, 1);
            let noise = piece.repeat((1 << 20) / piece.len());
            let warnings = convert(&noise).warnings;
            assert!(warnings.len() <= MOST_UNKNOWN + 3 && warnings.iter().all(|warning| warning.len() < 1000));
        }
        let many: String = (0..100_000).map(|n| format!("key{n}\n")).collect();
        assert!(convert(&many).warnings.last().is_some_and(|last| last.starts_with("99900 more")));
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}
