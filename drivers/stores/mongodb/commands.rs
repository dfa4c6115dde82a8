//! The database commands that operations become: of reads here, but for those of points (`points.rs`), of writes in
//! `changes.rs`.
//!
//! A session sends them and `binding` prints the same ones. Commands are written whole, with every option that bears on
//! the answer, so that no default of the server or the client library stands between what is printed and what is done.

use mongodb::bson::RawDocumentBuf;

use super::layout::{self, Layout};
use super::points;
use super::writer::Writer;
use crate::{Failure, Fields, Key, Matching, Op, Order, Part, Value};

/// How commands are written.
#[derive(Clone, Copy)]
pub(super) struct Commands<'a> {
    pub(super) layout: &'a Layout,
    /// What acknowledges a write by itself; within a transaction the commit asks for it.
    pub(super) acknowledged: Option<Acknowledged>,
    /// To be printed, with parameters left out, and not sent.
    pub(super) told: bool,
}

/// A write concern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Acknowledged {
    /// By most of the voting members and not by the primary alone.
    pub(super) majority: bool,
    /// Once it is in the journal on disk.
    pub(super) journal: bool,
}

/// More than any answer holds: a batch ends at 16 MB anyway.
pub(super) const WHOLE: usize = 1 << 30;

/// What a reader of everything asks for at once.
const EXPORTED: i64 = 5000;

impl Commands<'_> {
    /// One record, or with several keys those that are there, in any order.
    pub(super) fn read<'k>(
        self,
        table: usize,
        keys: impl ExactSizeIterator<Item = &'k Key>,
        fields: &Fields,
    ) -> Result<RawDocumentBuf, Failure> {
        let mut find = self.writer();
        find.text("find", &self.layout.dataset.tables[table].name);
        let count = keys.len();
        find.document("filter", |filter| by_keys(filter, keys));
        self.projection(&mut find, table, fields);
        if count == 1 {
            find.int("limit", 1);
            find.flag("singleBatch", true);
        } else {
            find.number("batchSize", batch(count));
        }
        self.local(find)
    }

    pub(super) fn scan(
        self,
        table: usize,
        from: &Key,
        limit: usize,
        fields: &Fields,
    ) -> Result<RawDocumentBuf, Failure> {
        let mut find = self.writer();
        find.text("find", &self.layout.dataset.tables[table].name);
        find.document("filter", |filter| filter.document("_id", |id| id.key("$gte", from)));
        self.projection(&mut find, table, fields);
        find.document("sort", |sort| sort.int("_id", 1));
        limited(&mut find, limit);
        self.local(find)
    }

    pub(super) fn find(
        self,
        table: usize,
        field: usize,
        matching: &Matching,
        order: Order,
        limit: usize,
        fields: &Fields,
    ) -> Result<RawDocumentBuf, Failure> {
        let mut find = self.writer();
        let index = self.layout.field_index(table, field);
        find.text("find", &self.layout.dataset.tables[table].name);
        find.document("filter", |filter| {
            filter.document(index[0].0.as_str(), |condition| match matching {
                // To this store null equals what is absent, which here matches nothing.
                Matching::Equal(Value::Null)
                | Matching::Between(Value::Null, _)
                | Matching::Between(_, Value::Null) => {
                    condition.array("$in", |_| {});
                }
                Matching::Equal(value) => condition.value("$eq", value),
                Matching::Between(low, high) => {
                    condition.value("$gte", low);
                    condition.value("$lte", high);
                }
            });
        });
        self.projection(&mut find, table, fields);
        ordered(&mut find, &index, order == Order::Descending);
        limited(&mut find, limit);
        self.local(find)
    }

    pub(super) fn tail(self, log: usize, stream: &Key, limit: usize) -> Result<RawDocumentBuf, Failure> {
        let mut find = self.writer();
        let index = self.layout.log_index(log);
        find.text("find", &self.layout.dataset.logs[log].name);
        find.document("filter", |filter| filter.key(index[0].0.as_str(), stream));
        ordered(&mut find, &index, true);
        limited(&mut find, limit);
        self.local(find)
    }

    /// A read of the points of a series.
    pub(super) fn points(self, op: &Op) -> Result<RawDocumentBuf, Failure> {
        let mut command = self.writer();
        points::read(&self.layout.series, &mut command, op)?;
        self.local(command)
    }

    /// Everything of a part. Without the index of a log that is not settled yet, its events are sorted on disk.
    pub(super) fn export(self, part: Part) -> Result<RawDocumentBuf, Failure> {
        let mut command = self.writer();
        match part {
            Part::Series(at) => self.layout.series[at].export(&mut command, EXPORTED),
            Part::Table(_) | Part::Log(_) => {
                command.text("find", self.layout.dataset.name_of(part));
                if let Part::Log(at) = part {
                    command.document("sort", |sort| layout::directions(sort, &self.layout.log_index(at)));
                    command.flag("allowDiskUse", true);
                }
                command.int("batchSize", EXPORTED);
            }
        }
        self.local(command)
    }

    pub(super) fn writer(self) -> Writer {
        if self.told { Writer::told() } else { Writer::new() }
    }

    /// A read by itself sees what the primary has applied. A transaction brings its own read concern.
    fn local(self, mut command: Writer) -> Result<RawDocumentBuf, Failure> {
        if self.acknowledged.is_some() {
            command.document("readConcern", |concern| concern.text("level", "local"));
        }
        command.finish()
    }

    /// The key comes with every projection.
    fn projection(self, find: &mut Writer, table: usize, fields: &Fields) {
        if let Fields::Some(asked) = fields {
            find.document("projection", |projection| {
                projection.int("_id", 1);
                for (at, name) in self.layout.asked(table, fields).enumerate() {
                    if !asked[..at].contains(&asked[at]) {
                        projection.int(name, 1);
                    }
                }
            });
        }
    }
}

pub(super) fn by_keys<'k>(filter: &mut Writer, mut keys: impl ExactSizeIterator<Item = &'k Key>) {
    match (keys.len(), keys.next()) {
        (1, Some(key)) => filter.key("_id", key),
        (_, first) => filter.document("_id", |id| {
            id.array("$in", |list| first.into_iter().chain(keys).enumerate().for_each(|(at, key)| list.key(at, key)));
        }),
    }
}

/// Sorts as an index lies, or the other way round. The hint makes a missing index a failure instead of a slow answer.
pub(super) fn ordered(find: &mut Writer, index: &[(String, bool)], reversed: bool) {
    find.document("sort", |sort| {
        index.iter().for_each(|(name, rises)| sort.int(name.as_str(), if *rises != reversed { 1 } else { -1 }));
    });
    find.document("hint", |hint| layout::directions(hint, index));
}

/// A batch that is larger than the limit: with one of its size the server would keep the cursor open for another
/// request.
pub(super) fn limited(find: &mut Writer, limit: usize) {
    find.number("limit", batch(limit) - 1);
    find.number("batchSize", batch(limit));
}

fn batch(limit: usize) -> i64 {
    limit.min(WHOLE) as i64 + 1
}
