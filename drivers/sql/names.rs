//! The columns that are ours: keys, streams and instants. Each has the wanted name, with underscores added until no declared
//! name is the same, in upper case or lower.

use crate::{Log, Series, Table};

pub(crate) fn key_name(table: &Table) -> String {
    free_name("key", table.fields.iter().map(|field| field.name.as_str()))
}

pub(crate) fn stream_name(log: &Log) -> String {
    free_name("stream", log.fields.iter().map(|field| field.name.as_str()))
}

/// The place of an event in its stream.
pub(crate) fn seq_name(log: &Log) -> String {
    free_name("seq", log.fields.iter().map(|field| field.name.as_str()))
}

pub(crate) fn entity_name(series: &Series) -> String {
    free_name("entity", series.metrics.iter().map(String::as_str))
}

pub(crate) fn at_name(series: &Series) -> String {
    free_name("at", series.metrics.iter().map(String::as_str))
}

pub(crate) fn free_name<'a>(wanted: &str, declared: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut name = wanted.to_owned();
    while declared.clone().any(|declared| declared.eq_ignore_ascii_case(&name)) {
        name.push('_');
    }
    name
}
