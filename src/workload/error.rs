//! What can be wrong with a workload, each as one sentence that names the file and line, the key or the flag to change.

use std::path::PathBuf;
use thiserror::Error;

/// Why a workload cannot be used.
#[derive(Debug, Error)]
pub enum WorkloadError {
    /// Something in the file is wrong.
    #[error("{file}:{line}: {}{problem}", key_prefix(.key))]
    Malformed {
        /// The file, or `ycsb-a.toml (built in)`.
        file: String,
        /// The line in the file, from 1.
        line: usize,
        /// The key as a dotted path; empty if the text is not TOML or the file as a whole is meant.
        key: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// A property of YCSB that the command line sets is wrong.
    #[error("-p {key}: {problem}")]
    Property {
        /// The name of the property that was given with `-p`.
        key: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The file cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The path as the user wrote it.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file is of neither format.
    #[error(
        "{file} is no workload: it has neither the sections of one ([tables.NAME], [operations.NAME]; `storebench list oltp --toml` \
         prints one) nor a property of YCSB's core workload (such as recordcount=1000)"
    )]
    Format {
        /// The path of the file, as it was given.
        file: String,
    },
    /// A file that was said to be in YCSB's format is none.
    #[error("{file} is a workload in TOML and no YCSB file; name it without -P")]
    NotProperties {
        /// The path of the file, as it was given.
        file: String,
    },
    /// No built-in workload has this name.
    #[error("there is no workload `{name}`; {hint}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// What can be written instead.
        hint: String,
    },
    /// The workload is sound but cannot be run at this size.
    #[error("{0}")]
    Size(String),
}

fn key_prefix(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("key `{key}`: ") }
}
