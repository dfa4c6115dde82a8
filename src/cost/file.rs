//! TOML files of this module as their types, with errors that name file, line and key. Their meaning is not known here.

use std::path::Path;

use serde::de::DeserializeOwned;
use thiserror::Error;

/// Why there are no prices to compute with.
#[derive(Debug, Error)]
pub enum CostError {
    /// Something in a file is wrong.
    #[error("{file}:{line}: {}{problem}", in_key(.key))]
    Malformed {
        /// The file, or `prices.toml (built in)`.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What stands on that line: a key or a table's header; empty where the text is not TOML.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file cannot be read.
    #[error("cannot read {file}")]
    Unreadable {
        /// Where it should be.
        file: String,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// Nothing in the catalogue has this id.
    #[error("there is no offer {id:?} in the price catalogue; it has {}", .known.join(", "))]
    UnknownOffer {
        /// What was asked for.
        id: String,
        /// The ids that the catalogue has.
        known: Vec<String>,
    },
}

fn in_key(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("key `{key}`: ") }
}

/// Reads a file from disk.
///
/// # Errors
/// When it cannot be read or does not follow its type.
pub fn open<T: DeserializeOwned>(path: &Path) -> Result<(String, T), CostError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| CostError::Unreadable { file: file.clone(), source })?;
    let read = parse(&file, &text)?;
    Ok((text, read))
}

/// Reads a text; `file` is its name in errors.
///
/// # Errors
/// When it is not TOML or does not follow its type.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, CostError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.as_bytes().iter().take(start).filter(|byte| **byte == b'\n').count();
        malformed(file, text, line, error.message())
    })
}

/// An error at a line, from 0.
pub fn malformed(file: &str, text: &str, line: usize, problem: &str) -> CostError {
    let content = text.lines().nth(line).unwrap_or_default();
    let key = content.split('=').next().unwrap_or_default().trim().trim_matches(['"', '[', ']']);
    CostError::Malformed { file: file.to_owned(), line: line + 1, key: key.to_owned(), problem: problem.to_owned() }
}
