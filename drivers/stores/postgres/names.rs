//! Identifiers of the server: the schema of a dataset, and names that are not cut.

use xxhash_rust::xxh3::xxh3_64;

/// The longest identifier; the server cuts longer ones silently (NAMEDATALEN - 1).
const LONGEST_NAME: usize = 63;

/// The schema of a dataset.
pub(super) fn schema_name(dataset: &str) -> String {
    identifier(&format!("storebench_{dataset}"))
}

/// A name that the server does not cut: a longer one ends with its hash instead.
pub(super) fn identifier(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let kept = LONGEST_NAME - 17;
    // Names of datasets and their parts are ASCII; any others are cut where a character begins.
    let kept = (0..=kept).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}-{:016x}", &name[..kept], xxh3_64(name.as_bytes()))
}

/// A name as an identifier, whatever it is.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", identifier(name).replace('"', "\"\""))
}
