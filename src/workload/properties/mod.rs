//! YCSB `.properties` files as workloads: what `-P file` says to YCSB's core workload, in storebench's TOML.
//!
//! The defaults are those of YCSB's code (d9faaac8), not of its template. Every property of the core workload and of
//! YCSB's client is either honoured or answered with a warning that says what storebench does instead; so is an
//! unknown property. Nothing is read but the text given: not the histogram file that one property names, and not the
//! properties of bindings, which often hold passwords: of unknown properties only the names are printed.

mod java;
mod reader;

use java::PropertiesError;
use reader::PropertyReader;
use std::ops::RangeInclusive;

/// A properties file as a workload.
#[derive(Debug)]
pub(super) struct Converted {
    /// The workload, in storebench's format.
    pub toml: String,
    /// What is done differently from YCSB, one sentence each.
    pub warnings: Vec<String>,
}

/// Converts the text of a file; `name` is mentioned in the result as its origin.
pub(super) fn to_workload_toml(name: &str, text: &str) -> Result<Converted, PropertiesError> {
    let mut properties = PropertyReader::new(text)?;
    let toml = properties.workload(name)?;
    Ok(Converted { toml, warnings: properties.into_warnings() })
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

impl PropertyReader {
    fn workload(&mut self, name: &str) -> Result<String, PropertiesError> {
        if let Some(class) = self.unread.remove("workload").filter(|class| !class.value.ends_with("CoreWorkload")) {
            let problem = "only YCSB's CoreWorkload can be converted; write it as a storebench workload";
            return Err(class.error("workload", problem.into()));
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
    fn records(&mut self) -> Result<u64, PropertiesError> {
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
    fn key_pattern(&mut self) -> Result<String, PropertiesError> {
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
    fn fields(&mut self) -> Result<String, PropertiesError> {
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
    fn lengths(&mut self, law: &str, min: &str, range: RangeInclusive<u64>) -> Result<String, PropertiesError> {
        let max = *range.end();
        let min = self.number(min, 1, range)?;
        Ok(match law {
            "uniform" => format!("[{min}, {max}]"),
            _ => format!("{{ choose = \"zipfian-ycsb\", min = {min}, max = {max} }}"),
        })
    }

    fn operations(&mut self, table: &str) -> Result<String, PropertiesError> {
        let line = self.unread.get("readproportion").map_or(1, |property| property.line);
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
            return Err(PropertiesError { line, key: "readproportion".into(), problem });
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

    /// Clients, rate and end of the run. YCSB ends with whatever comes first of operations and time.
    fn load(&mut self) -> Result<String, PropertiesError> {
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
}

#[cfg(test)]
mod tests;
