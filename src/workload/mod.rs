//! Workloads: files, built in or the user's, checked and turned into a plan that the load engine can follow.
//!
//! `file.rs` is the table of contents of the format; `numbers.rs`, `fields.rs`, `pattern.rs`, `operations.rs` and
//! `values.rs` read its parts, all through `reader.rs`, which knows places. Nothing is generated here.

mod check;
mod content;
mod error;
mod fields;
mod file;
mod load;
mod numbers;
mod operation;
mod operations;
mod pattern;
mod plan;
pub mod properties;
mod reader;
mod values;
mod vocabulary;

pub use check::{Check, Term};
pub use content::{Alphabet, Choosing, Content, Field, Items, KeyOf, KeyPattern, Pick, Piece, Times};
pub use error::WorkloadError;
pub use file::{Log, Metric, Series, Spec, Table};
pub use load::{Arrivals, ISOLATIONS, LoadDefaults, Require, Slo};
pub use numbers::Numbers;
pub use operation::{
    Action, Aim, Amount, Draw, Drawn, Grouping, Matching, Operation, Path, Recipe, Repeat, Root, Source, Span, Step,
    Which,
};
pub use plan::{Changes, Plan};
pub use vocabulary::{PROSE, VOCABULARIES};

use xxhash_rust::xxh3::xxh3_64;

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        /// The built-in workloads: the four headline ones, then those after YCSB and pgbench.
        const BUILTIN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../workloads/", $name, ".toml")))),+];
    };
}

builtin!["ycsb-a", "ycsb-c"];

/// A workload as written: its parts, operations and checks, not yet sized.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Its name: that of its file, in lower case, digits and dashes.
    pub name: String,
    /// One sentence on what it mimics.
    pub about: String,
    /// The TOML text.
    pub text: String,
    /// A hash of the text, the same on every machine.
    pub hash: String,
    /// What the text says.
    pub spec: Spec,
}

impl Workload {
    /// The names of the built-in workloads, the headline ones first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// The workload of this name that is compiled in.
    pub fn builtin(name: &str) -> Result<Workload, WorkloadError> {
        match BUILTIN.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Workload::parse(&format!("{name}.toml (built in)"), text),
            None => Err(WorkloadError::Unknown {
                name: name.into(),
                names: Workload::names().collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Reads a workload file.
    pub fn from_file(path: &std::path::Path) -> Result<Workload, WorkloadError> {
        let unreadable = |source| WorkloadError::Unreadable { path: path.into(), source };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8_lossy(&bytes);
        Workload::parse(&path.display().to_string(), &text)
    }

    /// Reads a workload from its text. `file` is what errors call it, and what it is named after.
    pub fn parse(file: &str, text: &str) -> Result<Workload, WorkloadError> {
        let spec = reader::read(file, text, |root| file::spec(&root))?;
        Ok(Workload {
            name: name_of(file),
            about: spec.about.clone(),
            text: text.into(),
            hash: format!("{:016x}", xxh3_64(text.as_bytes())),
            spec,
        })
    }

    /// The workload at a size; see [`Plan::new`].
    pub fn plan(&self, records: Option<u64>, ops: Option<u64>) -> Result<Plan, WorkloadError> {
        Plan::new(self, records, ops)
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
