//! Which format a workload file is in. Files in YCSB's have no ending of their own, so their content is looked at.

use super::{parse, properties};
use std::path::Path;

/// The format of a workload file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// storebench's own.
    Toml,
    /// YCSB's.
    Properties,
}

/// The format of a file by its content, or by its ending where the content does not tell; none if neither does.
pub(super) fn of(path: &Path, bytes: &[u8]) -> Option<Format> {
    let text = properties::decode(bytes);
    if text.lines().any(parse::is_of_a_workload) {
        return Some(Format::Toml);
    }
    if properties::are_in(&text) {
        return Some(Format::Properties);
    }
    match path.extension()?.to_str()? {
        "toml" => Some(Format::Toml),
        "properties" => Some(Format::Properties),
        _ => None,
    }
}
