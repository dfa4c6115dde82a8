//! Workloads: files, built in or the user's, checked and turned into a plan that the load engine can follow.
//!
//! `parse/` reads a file into what is declared in `spec.rs`, `field.rs`, `distribution.rs` and `operation.rs`; `plan.rs`
//! gives it a size. Nothing is generated here.

mod distribution;
mod error;
mod field;
mod format;
mod note;
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
pub use note::{Note, NoteScope};
pub use operation::{
    Action, Amount, DrawKind, DrawSpec, FieldSelection, Grouping, KeySource, MatchSpec, OperationSpec, PathRoot,
    Recipe, Repeat, Slo, StepSpec, TimeSpan, ValuePath, ValueSource,
};
pub use plan::{Changes, Plan};
pub use properties::Overrides;
pub use spec::{Arrivals, Check, LoadDefaults, LogSpec, MetricSpec, Require, SeriesSpec, Spec, TableSpec, Term};
pub use vocabulary::{PROSE, VOCABULARIES};

use crate::spelling;
use crate::units::{count, counted};
use format::Format;
use properties::{PropertiesError, PropertyOrigin};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
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
    "tpcb-pipelined",
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
    /// Whether it was converted from YCSB's format.
    pub is_converted: bool,
    /// What is done otherwise than YCSB would.
    pub notes: Vec<Note>,
    /// What a file in YCSB's format says without effect, one sentence each.
    pub warnings: Vec<String>,
}

impl Workload {
    /// What is run if no workload is named.
    pub const HEADLINE: [&str; 4] = ["read-heavy", "oltp", "append-only", "time-series"];

    /// The names of the built-in workloads, the headline ones first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// A workload as named on the command line: a built-in one, or a file, which a name with a slash or a dot always means.
    ///
    /// # Errors
    ///
    /// See [`builtin`](Workload::builtin) and [`from_file`](Workload::from_file).
    pub fn find(name: &str, overrides: &Overrides) -> Result<Workload, WorkloadError> {
        let is_builtin = Workload::names().any(|known| known == name);
        if name.contains(['/', '\\', '.']) || !is_builtin && Path::new(name).is_file() {
            Workload::from_file(Path::new(name), overrides)
        } else {
            Workload::builtin(name)
        }
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
                let hint = spelling::meant(name, Workload::names()).map_or_else(
                    || {
                        let names = Workload::names().collect::<Vec<_>>().join(", ");
                        format!("write the path of a file or one of {names}")
                    },
                    |meant| format!("did you mean `{meant}`?"),
                );
                Err(WorkloadError::Unknown { name: name.into(), hint })
            }
        }
    }

    /// Reads a workload file, in TOML or in YCSB's format, whichever its content is.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is of neither format or is malformed.
    pub fn from_file(path: &Path, overrides: &Overrides) -> Result<Workload, WorkloadError> {
        let bytes = read(path)?;
        let file = path.display().to_string();
        match format::of(path, &bytes) {
            Some(Format::Properties) => Workload::convert(&[file], &[properties::decode(&bytes)], overrides),
            None => Err(WorkloadError::Format { file }),
            Some(Format::Toml) => match std::str::from_utf8(&bytes) {
                Ok(text) => Workload::parse(&file, text),
                Err(error) => {
                    let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
                    let problem = "not UTF-8 text; save it as UTF-8".to_string();
                    Err(WorkloadError::Malformed { file, line, key: String::new(), problem })
                }
            },
        }
    }

    /// Reads one workload from several files in YCSB's format, of which the later ones take precedence. It is named after the
    /// first.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is in TOML, or a property is malformed.
    pub fn from_properties(paths: &[PathBuf], overrides: &Overrides) -> Result<Workload, WorkloadError> {
        let (mut files, mut texts) = (Vec::new(), Vec::new());
        for path in paths {
            let bytes = read(path)?;
            let file = path.display().to_string();
            if format::of(path, &bytes) == Some(Format::Toml) {
                return Err(WorkloadError::NotProperties { file });
            }
            files.push(file);
            texts.push(properties::decode(&bytes));
        }
        Workload::convert(&files, &texts, overrides)
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
            is_converted: false,
            notes: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Reads a workload from YCSB's properties in the texts of these files.
    fn convert(files: &[String], texts: &[String], overrides: &Overrides) -> Result<Workload, WorkloadError> {
        let file = |at: usize| files.get(at).cloned().unwrap_or_default();
        let name = name_of(&file(0));
        let converted = properties::to_workload_toml(&name, texts, overrides).map_err(|error| {
            let PropertiesError { origin, key, problem } = error;
            match origin {
                PropertyOrigin::File(at, line) => WorkloadError::Malformed { file: file(at), line, key, problem },
                PropertyOrigin::Flag => WorkloadError::Property { key, problem },
            }
        })?;
        let workload = Workload::parse(&format!("{} (converted)", file(0)), &converted.toml)?;
        let (notes, warnings) = (converted.notes, converted.warnings);
        Ok(Workload { name, is_converted: true, notes, warnings, ..workload })
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
        lines.extend(tables.iter().map(|table| format!("  {:<20} {}", table.name, counted(table.records, "record"))));
        lines.extend(logs.iter().map(|log| format!("  {:<20} {} of events", log.name, counted(log.streams, "stream"))));
        lines.extend(series.iter().map(|series| {
            let points = counted(series.load_ticks, "point");
            let entities =
                if series.entities == 1 { "1 entity".into() } else { format!("{} entities", count(series.entities)) };
            format!("  {:<20} {entities}, {points} each", series.name)
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

/// The bytes of a file, up to one more than a workload may have, which is enough to refuse the rest.
fn read(path: &Path) -> Result<Vec<u8>, WorkloadError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(parse::LARGEST_BYTES as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|source| WorkloadError::Unreadable { path: path.into(), source })?;
    Ok(bytes)
}

/// The file's name without folders and ending, in characters that every store takes.
fn name_of(file: &str) -> String {
    let stem = file.rsplit(['/', '\\']).next().and_then(|name| name.split('.').next()).unwrap_or_default();
    let lower = stem.chars().take(40).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let name: String = lower.collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "workload".into() } else { name.into() }
}
