//! Workloads: files, built in or the user's, checked and turned into a plan that the load engine can follow.
//!
//! `parse/` reads a file into what is declared in `spec.rs`, `field.rs`, `distribution.rs` and `operation.rs`; `plan.rs`
//! gives it a size. Nothing is generated here.

mod distribution;
mod error;
mod field;
mod operation;
mod parse;
mod plan;
mod properties;
mod spec;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use distribution::Distribution;
pub use error::WorkloadError;
pub use field::{Alphabet, FieldSpec, Items, KeyChooserSpec, KeyOf, KeyPattern, Pick, Piece, TimeSpec, ValueSpec};
pub use operation::{
    Action, Amount, DrawKind, DrawSpec, FieldSelection, Grouping, KeySource, MatchSpec, OperationSpec, PathRoot,
    Recipe, Repeat, Slo, StepSpec, TimeSpan, ValuePath, ValueSource,
};
pub use plan::{Changes, Plan};
pub use spec::{Arrivals, Check, LoadDefaults, LogSpec, MetricSpec, Require, SeriesSpec, Spec, TableSpec, Term};
pub use vocabulary::{PROSE, VOCABULARIES};

use std::fs::File;
use std::io::Read;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        /// The built-in workloads: the four headline ones, then those after YCSB and pgbench.
        const BUILTIN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../workloads/", $name, ".toml")))),+];
    };
}

builtin![
    "read-heavy",
    "oltp",
    "append-only",
    "time-series",
    "ycsb-a",
    "ycsb-b",
    "ycsb-c",
    "ycsb-d",
    "ycsb-e",
    "ycsb-f",
    "tpcb",
    "tpcb-simple-update",
    "tpcb-select-only",
];

/// A workload as written: its parts, operations and checks, not yet sized.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The name of its file, in lower case, digits and dashes.
    pub name: String,
    /// One sentence on the application that the workload mimics.
    pub about: String,
    /// The TOML text that was parsed.
    pub text: String,
    /// A hash of the text, the same on every machine.
    pub hash: String,
    /// What the text says, not yet sized.
    pub spec: Spec,
    /// What is done differently from what a file in YCSB's format says, one sentence each.
    pub warnings: Vec<String>,
}

impl Workload {
    /// What is run if no workload is named.
    pub const HEADLINE: [&str; 4] = ["read-heavy", "oltp", "append-only", "time-series"];

    /// The names of the built-in workloads, the headline ones first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// A workload as named on the command line: a built-in one, or the path of a file, recognized by a slash or a dot.
    ///
    /// # Errors
    ///
    /// See [`builtin`](Workload::builtin) and [`from_file`](Workload::from_file).
    pub fn find(name: &str) -> Result<Workload, WorkloadError> {
        if name.contains(['/', '\\', '.']) { Workload::from_file(Path::new(name)) } else { Workload::builtin(name) }
    }

    /// The built-in workload of this name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn builtin(name: &str) -> Result<Workload, WorkloadError> {
        match BUILTIN.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Workload::parse(&format!("{name}.toml (built in)"), text),
            None => {
                let names = Workload::names().collect::<Vec<_>>().join(", ");
                Err(WorkloadError::Unknown { name: name.into(), names })
            }
        }
    }

    /// Reads a workload file: YCSB's format if its name ends in `.properties`, else TOML.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is malformed.
    pub fn from_file(path: &Path) -> Result<Workload, WorkloadError> {
        // One byte more than is allowed is enough to refuse the rest.
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(parse::LARGEST_BYTES as u64 + 1).read_to_end(&mut bytes));
        read.map_err(|source| WorkloadError::Unreadable { path: path.into(), source })?;
        let file = path.display().to_string();
        if path.extension().is_some_and(|extension| extension == "properties") {
            return Workload::convert(&file, &properties::decode(&bytes));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Workload::parse(&file, text),
            Err(error) => {
                let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
                let problem = "not UTF-8 text; save it as UTF-8".to_string();
                Err(WorkloadError::Malformed { file, line, key: String::new(), problem })
            }
        }
    }

    /// Reads a workload from its text. `file` is what errors call it, and what it is named after.
    ///
    /// # Errors
    ///
    /// If the text is malformed: the first mistake, with its line and key.
    pub fn parse(file: &str, text: &str) -> Result<Workload, WorkloadError> {
        let spec = parse::parse(file, text)?;
        Ok(Workload {
            name: name_of(file),
            about: spec.about.clone(),
            text: text.into(),
            hash: format!("{:016x}", xxh3_64(text.as_bytes())),
            spec,
            warnings: Vec::new(),
        })
    }

    /// Reads a workload from YCSB's properties.
    fn convert(file: &str, text: &str) -> Result<Workload, WorkloadError> {
        let converted = properties::to_workload_toml(&name_of(file), text).map_err(|error| {
            let (line, key, problem) = (error.line, error.key, error.problem);
            WorkloadError::Malformed { file: file.into(), line, key, problem }
        })?;
        let workload = Workload::parse(&format!("{file} (converted)"), &converted.toml)?;
        Ok(Workload { name: name_of(file), warnings: converted.warnings, ..workload })
    }

    /// The workload at a size. `records` sets the size of its primary part, and the other parts follow in proportion; `ops`
    /// is how many operations are expected, if that is known, for whose inserts some ways of choosing keys make room.
    ///
    /// # Errors
    ///
    /// If the workload cannot be run at this size.
    pub fn plan(&self, records: Option<u64>, ops: Option<u64>) -> Result<Plan, WorkloadError> {
        Plan::new(&self.name, self.spec.clone(), records, ops)
    }

    /// A description for people: a line for each part of the data, each operation and each check.
    pub fn summary(&self) -> String {
        let Spec { tables, logs, series, operations, checks, .. } = &self.spec;
        let mut lines = vec!["Data".to_string()];
        lines.extend(tables.iter().map(|table| format!("  {:<20} {} records", table.name, table.records)));
        lines.extend(logs.iter().map(|log| format!("  {:<20} {} streams of events", log.name, log.streams)));
        lines.extend(series.iter().map(|series| {
            format!("  {:<20} {} entities, {} points each", series.name, series.entities, series.load_ticks)
        }));
        lines.push("Operations".to_string());
        lines.extend(operations.iter().map(|operation| {
            let verbs: Vec<_> = operation.recipe.steps.iter().map(|step| step.verb).collect();
            format!("  {:<20} {:>5.1} %  {}", operation.name, 100.0 * operation.share, verbs.join(", "))
        }));
        if !checks.is_empty() {
            lines.push("Checks".to_string());
            lines.extend(checks.iter().map(|check| format!("  {}", check.name)));
        }
        lines.join("\n") + "\n"
    }
}

/// The file's name without folders and ending, in characters that every store takes.
fn name_of(file: &str) -> String {
    let stem = file.rsplit(['/', '\\']).next().and_then(|name| name.split('.').next()).unwrap_or_default();
    let lower = stem.chars().take(40).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let name: String = lower.collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "workload".into() } else { name.into() }
}
