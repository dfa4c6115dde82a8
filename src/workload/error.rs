//! What can be wrong with a workload, each as one sentence that names the file and line, the key or the flag to change.

use std::path::PathBuf;
use thiserror::Error;

/// Why a workload cannot be used.
#[derive(Debug, Error)]
pub enum WorkloadError {
    /// Something in the file is wrong.
    #[error("{file}:{line}: {}{problem}", in_key(.key))]
    Malformed {
        /// The file, or `ycsb-a.toml (built in)`.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// The key as a dotted path; empty where the text is not TOML or the file as a whole is meant.
        key: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The file cannot be read.
    #[error("{}: {source}", .path.display())]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No built-in workload has this name.
    #[error("there is no workload {name:?}; write the path of a file or one of {names}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        names: String,
    },
    /// The workload is sound but cannot be run at this size.
    #[error("{0}")]
    Size(String),
}

fn in_key(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("key `{key}`: ") }
}
