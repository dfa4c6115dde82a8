//! How a dataset is stored in collections: names of fields, and the indexes beside that of `_id`.
//!
//! A table's record is one document under its key, with nested items as nested documents; an absent field is not there.
//!
//! An event is a document of its own in its log's collection. Its place is a server's `Timestamp`: the server replaces
//! an empty one by the next tick of its cluster clock, which is unique and never runs backwards
//! (mongodb.com/docs/manual/reference/bson-types/#timestamps), so the order of acknowledgement costs no round trip. An
//! ObjectId is made by the client and orders nothing between clients.
//!
//! Points are stored in one of two ways: see `points/`.

use std::sync::Arc;

use mongodb::bson::RawDocumentBuf;
use mongodb::options::CreateCollectionOptions;

use super::clauses::Index;
use super::decode::RowDecoder;
use super::encode::DocumentWriter;
use super::names::{stored_names, unused_name};
use super::points::{PointLayout, SeriesLayout};
use crate::{Dataset, Failure, Field, Fields, Log, Order, Part};

/// A dataset with the names of its fields in the store.
pub(super) struct Layout {
    pub(super) dataset: Arc<Dataset>,
    pub(super) tables: Vec<Vec<String>>,
    pub(super) logs: Vec<LogNames>,
    pub(super) series: Vec<Box<dyn SeriesLayout>>,
    /// How all series are stored.
    pub(super) points: PointLayout,
}

/// Names in the documents of a log.
pub(super) struct LogNames {
    pub(super) stream: String,
    pub(super) place: String,
    pub(super) fields: Vec<String>,
}

impl Layout {
    pub(super) fn new(dataset: Arc<Dataset>, points: PointLayout) -> Self {
        let names = |fields: &[Field]| stored_names(fields.iter().map(|field| field.name.clone()).collect());
        let log_names = |log: &Log| {
            let fields = names(&log.fields);
            LogNames { stream: unused_name("stream", &fields), place: unused_name("place", &fields), fields }
        };
        Layout {
            tables: dataset.tables.iter().map(|table| names(&table.fields)).collect(),
            logs: dataset.logs.iter().map(log_names).collect(),
            series: dataset.series.iter().map(|series| points.series_layout(series)).collect(),
            points,
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
        Index(vec![(self.tables[table][field].clone(), Order::Ascending), ("_id".into(), Order::Ascending)])
    }

    /// By stream and then by place: the newest events of a stream are its last entries.
    pub(super) fn log_index(&self, log: usize) -> Index {
        let names = &self.logs[log];
        Index(vec![(names.stream.clone(), Order::Ascending), (names.place.clone(), Order::Ascending)])
    }

    /// The command that makes a part's indexes, if it has any.
    pub(super) fn create_indexes(&self, part: Part) -> Option<Result<RawDocumentBuf, Failure>> {
        let indexes = self.indexes(part);
        if indexes.is_empty() {
            return None;
        }
        let mut command = DocumentWriter::new();
        command.text("createIndexes", self.dataset.name_of(part));
        command.array("indexes", |list| {
            for (at, index) in indexes.iter().enumerate() {
                list.document(at, |specification| {
                    specification.document("key", |key| index.write(key));
                    let fields: Vec<&str> = index.0.iter().map(|(name, _)| name.as_str()).collect();
                    specification.text("name", &fields.join("."));
                });
            }
        });
        Some(command.finish())
    }

    pub(super) fn table_decoder<'a>(&'a self, table: usize, requested: &'a Fields) -> RowDecoder<'a> {
        RowDecoder { key: "_id", names: &self.tables[table], fields: &self.dataset.tables[table].fields, requested }
    }

    pub(super) fn log_decoder(&self, log: usize) -> RowDecoder<'_> {
        let (names, fields) = (&self.logs[log], &self.dataset.logs[log].fields);
        RowDecoder { key: &names.stream, names: &names.fields, fields, requested: &Fields::All }
    }

    /// One sentence for each part.
    pub(super) fn describe(&self) -> Vec<String> {
        let sentence = |part| {
            let documents = match part {
                Part::Table(_) => "a document a record under its key, items nested, absent fields left out".to_owned(),
                Part::Log(at) => {
                    format!("a document an event, ordered by the server's own Timestamp in `{}`", self.logs[at].place)
                }
                Part::Series(at) => self.series[at].describe(),
            };
            let indexes: Vec<String> = self.indexes(part).iter().map(Index::to_string).collect();
            let indexes = if indexes.is_empty() { String::new() } else { format!("; indexes {}", indexes.join(", ")) };
            format!("{}: {documents}{indexes}", self.dataset.name_of(part))
        };
        self.dataset.parts().map(sentence).collect()
    }
}
