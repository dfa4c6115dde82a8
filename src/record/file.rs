//! `experiment.json` as a file. It may come from anybody: all of its text, names and values alike and whatever fields there
//! may be, is made safe to show before anything is read from it.

use std::path::Path;

use anyhow::Context;
use drivers::{one_line, printable_lines};

use super::{Experiment, SCHEMA};

/// Values of several lines: workload files, statements, commands. They are in no chart, and not cut.
const OF_SEVERAL_LINES: [&str; 3] = ["text", "statements", "command"];
/// Values that are data and never shown.
const DATA: [&str; 2] = ["histogram", "response_bands"];

impl Experiment {
    /// Reads `experiment.json` from a results folder. Percentiles that its samples do not carry are dropped, and its text is
    /// made safe to show.
    ///
    /// # Errors
    /// When the file cannot be read, is not JSON of this format, or is of another version of it.
    pub fn read(folder: &Path) -> anyhow::Result<Experiment> {
        let path = folder.join("experiment.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}; give a folder that `storebench run` made", path.display()))?;
        Experiment::from_json(&text).with_context(|| format!("cannot use {}", path.display()))
    }

    /// Parses the text of a record, as [`Experiment::read`] does.
    ///
    /// # Errors
    /// When it is not JSON of this format, or is of another version of it.
    pub fn from_json(text: &str) -> anyhow::Result<Experiment> {
        let raw: serde_json::Value = serde_json::from_str(text).context("it is not JSON")?;
        let schema = raw.get("schema").and_then(|value| value.as_str()).unwrap_or("none");
        let schema = one_line(schema);
        anyhow::ensure!(schema == SCHEMA, "it has schema `{schema}`; this version of storebench reads `{SCHEMA}`");
        // From the text and not from `raw`, whose maps have lost the order of the operations.
        let text = harmless(text).context("it is not JSON")?;
        serde_json::from_str(&text).with_context(|| format!("it does not follow schema `{SCHEMA}`"))
    }

    /// The canonical text: pretty JSON with a final newline.
    ///
    /// # Errors
    /// When a number in it is not JSON, which would be a bug.
    pub fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// The same JSON with harmless text.
///
/// # Errors
/// When it is not JSON.
fn harmless(json: &str) -> serde_json::Result<String> {
    let mut clean = String::with_capacity(json.len());
    let (mut rest, mut key) = (json, String::new());
    while let Some(at) = rest.find('"') {
        let (before, from) = rest.split_at(at);
        let (literal, after) = from.split_at(literal_length(from));
        let text: String = serde_json::from_str(literal)?;
        let is_key = after.trim_start().starts_with(':');
        let text = match key.as_str() {
            _ if is_key => one_line(&text),
            key if DATA.contains(&key) => text,
            key if OF_SEVERAL_LINES.contains(&key) => printable_lines(&text).into_owned(),
            _ => one_line(&text),
        };
        clean.push_str(before);
        clean.push_str(&serde_json::to_string(&text)?);
        if is_key {
            key = text;
        }
        rest = after;
    }
    clean.push_str(rest);
    Ok(clean)
}

/// Of the string that the text begins with, quotes included.
fn literal_length(text: &str) -> usize {
    let mut is_escaped = false;
    let ends = |(at, sign): (usize, char)| {
        let ends = sign == '"' && !is_escaped && at > 0;
        is_escaped = sign == '\\' && !is_escaped;
        ends.then_some(at + 1)
    };
    text.char_indices().find_map(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_lose_what_must_not_be_shown_and_nothing_else() {
        let json = "{\"a\\u001b[1m\": [\"x\\\"\\ny\", 1.50, null], \"text\": \"a\\nb\\u202e\", \"histogram\": \"A/+=\", \"\": \"\\\\\"}";
        let clean = harmless(json).expect("it is JSON");
        let expected = "{\"a\u{fffd}[1m\": [\"x\\\" y\", 1.50, null], \"text\": \"a\\nb\u{fffd}\", \"histogram\": \"A/+=\", \"\": \"\\\\\"}";
        assert_eq!(clean, expected);
        assert_eq!(harmless(&clean).expect("still"), clean);
    }

    #[test]
    fn what_is_no_json_is_refused_or_left() {
        assert_eq!(harmless("12").expect("a number"), "12");
        assert!(harmless("{\"open").is_err());
    }
}
