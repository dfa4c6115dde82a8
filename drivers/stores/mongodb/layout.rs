//! How a dataset lies in collections: names of fields, and the indexes beside that of `_id`.
//!
//! A table's record is one document under its key, with nested items as nested documents; an absent field is not there.
//!
//! An event is a document of its own in its log's collection. Its place is a server's `Timestamp`: the server replaces
//! an empty one by the next tick of its cluster clock, which is unique and never runs backwards
//! (mongodb.com/docs/manual/reference/bson-types/#timestamps), so the order of acknowledgement costs no round trip. An
//! ObjectId is made by the client and orders nothing between clients.
//!
//! Points lie in one of two ways: see `points.rs`.

use std::sync::Arc;

use super::points::{Kept, Points};
use super::writer::Writer;
use crate::{Dataset, Failure, Fields, Part};
use mongodb::bson::RawDocumentBuf;
use mongodb::options::CreateCollectionOptions;

/// A dataset with the names of its fields in the store.
pub(super) struct Layout {
    pub(super) dataset: Arc<Dataset>,
    pub(super) tables: Vec<Vec<String>>,
    pub(super) logs: Vec<LogNames>,
    pub(super) series: Vec<Box<dyn Points>>,
    /// The way of all series.
    pub(super) kept: Kept,
}

/// The fields of an index, and whether they rise.
pub(super) type Index = Vec<(String, bool)>;

/// Names in the documents of a log.
pub(super) struct LogNames {
    pub(super) stream: String,
    pub(super) place: String,
    pub(super) fields: Vec<String>,
}

impl Layout {
    pub(super) fn new(dataset: Arc<Dataset>, kept: Kept) -> Self {
        let declared = |fields: &[crate::Field]| fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
        let log = |log: &crate::Log| {
            let fields = stored(declared(&log.fields));
            LogNames { stream: free("stream", &fields), place: free("place", &fields), fields }
        };
        Layout {
            tables: dataset.tables.iter().map(|table| stored(declared(&table.fields))).collect(),
            logs: dataset.logs.iter().map(log).collect(),
            series: kept.series(&dataset),
            kept,
            dataset,
        }
    }

    /// What the collection of a part is made with: of tables and logs the store's own default, snappy blocks, no
    /// clustering by key.
    pub(super) fn options(&self, part: Part) -> CreateCollectionOptions {
        if let Part::Series(at) = part { self.series[at].options() } else { CreateCollectionOptions::default() }
    }

    /// The secondary indexes of a part.
    pub(super) fn indexes(&self, part: Part) -> Vec<Index> {
        match part {
            Part::Table(at) => {
                self.dataset.tables[at].indexes.iter().map(|field| self.field_index(at, *field)).collect()
            }
            Part::Log(at) => vec![self.log_index(at)],
            Part::Series(at) => vec![self.series[at].index()],
        }
    }

    /// By field and then by key, as `find` answers.
    pub(super) fn field_index(&self, table: usize, field: usize) -> Index {
        vec![(self.tables[table][field].clone(), true), ("_id".into(), true)]
    }

    /// By stream and then by place: the newest of a stream are its last entries.
    pub(super) fn log_index(&self, log: usize) -> Index {
        vec![(self.logs[log].stream.clone(), true), (self.logs[log].place.clone(), true)]
    }

    /// The command that makes a part's indexes, if it has any.
    pub(super) fn create_indexes(&self, part: Part) -> Option<Result<RawDocumentBuf, Failure>> {
        let indexes = self.indexes(part);
        if indexes.is_empty() {
            return None;
        }
        let mut command = Writer::new();
        command.text("createIndexes", self.dataset.name_of(part));
        command.array("indexes", |list| {
            for (at, index) in indexes.iter().enumerate() {
                list.document(at, |one| {
                    one.document("key", |key| directions(key, index));
                    one.text("name", &index.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("."));
                });
            }
        });
        Some(command.finish())
    }

    /// The names of the requested fields of a table.
    pub(super) fn asked<'a>(&'a self, table: usize, fields: &'a Fields) -> impl Iterator<Item = &'a str> {
        let names = &self.tables[table];
        let count = if let Fields::Some(asked) = fields { asked.len() } else { names.len() };
        (0..count).map(move |at| match fields {
            Fields::All => names[at].as_str(),
            Fields::Some(asked) => names[asked[at]].as_str(),
        })
    }

    /// One sentence per part.
    pub(super) fn sentences(&self) -> Vec<String> {
        let sentence = |part| {
            let what = match part {
                Part::Table(_) => "a document a record under its key, items nested, absent fields left out".to_owned(),
                Part::Log(at) => {
                    format!("a document an event, ordered by the server's own Timestamp in `{}`", self.logs[at].place)
                }
                Part::Series(at) => self.series[at].sentence(),
            };
            let direction = |(name, rises): &(String, bool)| format!("{name}: {}", if *rises { 1 } else { -1 });
            let index = |index: &Index| format!("{{{}}}", index.iter().map(direction).collect::<Vec<_>>().join(", "));
            let indexes: Vec<String> = self.indexes(part).iter().map(index).collect();
            let indexed = if indexes.is_empty() { String::new() } else { format!("; indexes {}", indexes.join(", ")) };
            format!("{}: {what}{indexed}", self.dataset.name_of(part))
        };
        self.dataset.parts().map(sentence).collect()
    }
}

/// The fields of an index or a sort with their directions.
pub(super) fn directions(writer: &mut Writer, index: &[(String, bool)]) {
    index.iter().for_each(|(name, rises)| writer.int(name.as_str(), if *rises { 1 } else { -1 }));
}

/// Declared names, but for `_id`, which is the store's own.
pub(super) fn stored(declared: Vec<String>) -> Vec<String> {
    let stand_in = free("_id_", &declared);
    declared.into_iter().map(|name| if name == "_id" { stand_in.clone() } else { name }).collect()
}

/// The wanted name, with underscores added until none of the others is the same.
pub(super) fn free(wanted: &str, taken: &[String]) -> String {
    let mut name = wanted.to_owned();
    while taken.contains(&name) {
        name.push('_');
    }
    name
}
