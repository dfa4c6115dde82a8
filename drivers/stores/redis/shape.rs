//! Where a dataset lies: the names of its keys, and what an operation has to know about a table.
//!
//! Everything is `storebench:<dataset>:…`, beside the mark `storebench:<dataset>` that says whose it is. A table
//! `people` has its records under `…:people:<key>`, all keys in the sorted set `…:people` and an index in
//! `…:people.age`; a log has a stream under `…:events:<stream>`; a series has all points in the sorted set `…:cpu` and
//! those of one entity in `…:cpu:<entity>`. Names of parts hold neither colon nor dot, so no two of these meet.

use std::sync::Arc;

use super::order::Ordering;
use crate::{Dataset, Field, Fields, Part};

/// How a record lies: the option `layout` of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// As a hash with a field for each of its fields: one field is read or changed without the others.
    #[default]
    Hash,
    /// As one string, a JSON document: it is read and written as a whole.
    Json,
}

impl Layout {
    /// The word for it in addresses, settings and marks.
    pub(super) fn name(self) -> &'static str {
        match self {
            Layout::Hash => "hash",
            Layout::Json => "json",
        }
    }
}

/// What all keys begin with.
pub(super) const PREFIX: &str = "storebench:";

/// Names for one dataset.
pub(super) struct Shape {
    pub(super) layout: Layout,
    pub(super) dataset: Arc<Dataset>,
    /// The hash that marks the dataset as ours.
    pub(super) mark: String,
    /// What every other key begins with.
    pub(super) prefix: String,
    pub(super) tables: Vec<TableShape>,
    /// For each log, what its streams' keys begin with.
    pub(super) logs: Vec<String>,
    /// For each series, the sorted set of all points; a colon and an entity follow it in the key of that one's points.
    pub(super) series: Vec<String>,
}

/// Names for one table.
pub(super) struct TableShape {
    /// The sorted set of all keys.
    pub(super) order: String,
    /// What the records' keys begin with.
    pub(super) records: String,
    pub(super) indexes: Vec<Index>,
    /// A field that every record has: a hash without fields is not there.
    pub(super) witness: Option<usize>,
}

/// Names for one index.
pub(super) struct Index {
    pub(super) field: usize,
    /// Its sorted set.
    pub(super) key: String,
    /// How its values are ordered.
    pub(super) ordering: Ordering,
}

/// The name of the field that stands, empty, in records (and events) of which every declared field may be absent.
pub(super) const NO_FIELD: &str = "";

impl Shape {
    pub(super) fn new(layout: Layout, dataset: Arc<Dataset>) -> Self {
        let mark = format!("{PREFIX}{}", dataset.name);
        let name = |part: &str| format!("{mark}:{part}");
        let tables = dataset.tables.iter().map(|table| {
            let order = name(&table.name);
            let index = |field: &usize| Index {
                field: *field,
                key: format!("{order}.{}", table.fields[*field].name),
                ordering: Ordering::of(&table.fields[*field].kind),
            };
            TableShape {
                records: format!("{order}:"),
                indexes: table.indexes.iter().map(index).collect(),
                witness: table.fields.iter().position(|field| !field.optional),
                order,
            }
        });
        Shape {
            layout,
            tables: tables.collect(),
            logs: dataset.logs.iter().map(|log| format!("{}:", name(&log.name))).collect(),
            series: dataset.series.iter().map(|series| name(&series.name)).collect(),
            prefix: format!("{mark}:"),
            mark,
            dataset,
        }
    }

    /// How each part lies, one sentence each.
    pub(super) fn sentences(&self) -> Vec<String> {
        self.dataset.parts().map(|part| self.sentence(part)).collect()
    }

    fn sentence(&self, part: Part) -> String {
        let name = self.dataset.name_of(part);
        match part {
            Part::Table(at) => {
                let TableShape { order, records, indexes, .. } = &self.tables[at];
                let indexes: String = indexes
                    .iter()
                    .map(|index| format!(", one of ordered values and keys in {} (always kept)", index.key))
                    .collect();
                let record = match self.layout {
                    Layout::Hash => "a hash for each record",
                    Layout::Json => "a string with a JSON document for each record",
                };
                let values = match self.layout {
                    Layout::Hash => "absent fields left out; lists, maps, items as JSON",
                    Layout::Json => "absent fields left out; bytes as hexadecimal text",
                };
                format!(
                    "{name}: {record} in {records}<key> ({values}), a sorted set of all keys in {order} (always kept, \
                     for scans){indexes}"
                )
            }
            Part::Log(at) => format!("{name}: a Redis stream for each stream in {}<stream>", self.logs[at]),
            Part::Series(at) => {
                let root = &self.series[at];
                let metrics = self.dataset.series[at].metrics.len();
                format!(
                    "{name}: a sorted set for each entity in {root}:<entity>, score the instant, member it and \
                     {metrics} metrics as packed 64-bit floats; the same points once more, for searches over all \
                     entities, in the sorted set {root}"
                )
            }
        }
    }
}

impl TableShape {
    /// The index of a field.
    pub(super) fn index(&self, field: usize) -> Option<&Index> {
        self.indexes.iter().find(|index| index.field == field)
    }

    /// Whether a read of these fields could not tell a record of absent values from none.
    pub(super) fn needs_witness(&self, declared: &[Field], fields: &Fields) -> bool {
        match fields {
            Fields::All => self.witness.is_none(),
            Fields::Some(asked) => asked.iter().all(|field| declared[*field].optional),
        }
    }

    /// The name of the field that every record has.
    pub(super) fn witness_name<'a>(&self, declared: &'a [Field]) -> &'a str {
        self.witness.map_or(NO_FIELD, |field| &declared[field].name)
    }
}
