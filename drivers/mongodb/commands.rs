//! The database commands that operations become: of reads here, of writes in `changes.rs`.
//!
//! A session sends them and `binding` tells the same ones. Commands are written whole, with every option that bears on
//! the answer, so that no default of the server or the client library stands between what is told and what is done.

use mongodb::bson::RawDocumentBuf;

use super::layout::{self, AT, ENTITY, Layout};
use super::writer::Writer;
use crate::{Failure, Fields, Fold, Key, Matching, Op, Order, Part, Value};

/// How commands are written.
#[derive(Clone, Copy)]
pub(super) struct Commands<'a> {
    pub(super) layout: &'a Layout,
    /// What acknowledges a write by itself; within a transaction the commit asks for it.
    pub(super) acknowledged: Option<Acknowledged>,
    /// To be told, with parameters left out, and not to be sent.
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
const WHOLE: usize = 1 << 30;

/// What a reader of everything asks for at once.
const EXPORTED: usize = 5000;

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

    pub(super) fn last(self, series: usize, entity: i64) -> Result<RawDocumentBuf, Failure> {
        let mut find = self.writer();
        find.text("find", &self.layout.dataset.series[series].name);
        find.document("filter", |filter| {
            filter.document("_id", |id| {
                id.document("$gte", |low| {
                    low.number(ENTITY, entity);
                    low.lowest(AT);
                });
                id.document("$lte", |high| {
                    high.number(ENTITY, entity);
                    high.highest(AT);
                });
            });
        });
        find.document("sort", |sort| sort.int("_id", -1));
        find.int("limit", 1);
        find.flag("singleBatch", true);
        self.local(find)
    }

    pub(super) fn range(self, series: usize, entity: i64, from_ms: i64, to_ms: i64) -> Result<RawDocumentBuf, Failure> {
        let mut find = self.writer();
        find.text("find", &self.layout.dataset.series[series].name);
        find.document("filter", |filter| within(filter, entity, from_ms, to_ms));
        find.document("sort", |sort| sort.int("_id", 1));
        find.int("batchSize", WHOLE as i64);
        self.local(find)
    }

    pub(super) fn window(self, series: usize, metric: usize, op: &Op) -> Result<RawDocumentBuf, Failure> {
        let Op::Window { entity, from_ms, to_ms, every_ms, fold, .. } = op else { return Err(Failure::misplaced(op)) };
        let metric = format!("${}", self.layout.series[series][metric]);
        let mut aggregate = self.writer();
        aggregate.text("aggregate", &self.layout.dataset.series[series].name);
        aggregate.array("pipeline", |stages| {
            stages.document(0, |stage| stage.document("$match", |filter| within(filter, *entity, *from_ms, *to_ms)));
            stages.document(1, |stage| {
                stage.document("$group", |group| {
                    group.document("_id", |id| bucket(id, *every_ms));
                    group.document("folded", |folded| match fold {
                        Fold::Mean => folded.text("$avg", &metric),
                        Fold::Min => folded.text("$min", &metric),
                        Fold::Max => folded.text("$max", &metric),
                        Fold::Sum => folded.text("$sum", &metric),
                        Fold::Count => folded.int("$sum", 1),
                    });
                });
            });
            stages.document(2, |stage| stage.document("$sort", |sort| sort.int("_id", 1)));
        });
        aggregate.document("cursor", |cursor| cursor.int("batchSize", WHOLE as i64));
        self.local(aggregate)
    }

    pub(super) fn above(self, series: usize, metric: usize, op: &Op) -> Result<RawDocumentBuf, Failure> {
        let Op::Above { threshold, from_ms, to_ms, limit, .. } = op else { return Err(Failure::misplaced(op)) };
        let mut find = self.writer();
        let index = layout::time_index();
        find.text("find", &self.layout.dataset.series[series].name);
        find.document("filter", |filter| {
            filter.document(index[0].0.as_str(), |at| {
                at.time("$gte", *from_ms);
                at.time("$lt", *to_ms);
            });
            let metric = self.layout.series[series][metric].as_str();
            filter.document(metric, |metric| metric.value("$gt", &Value::Float(*threshold)));
        });
        ordered(&mut find, &index, false);
        limited(&mut find, *limit);
        self.local(find)
    }

    /// Everything of a part. Without the index of a log that is not settled yet, its events are sorted on disk.
    pub(super) fn export(self, part: Part) -> Result<RawDocumentBuf, Failure> {
        let mut find = self.writer();
        find.text("find", self.layout.dataset.name_of(part));
        if let Part::Log(at) = part {
            find.document("sort", |sort| layout::directions(sort, &self.layout.log_index(at)));
            find.flag("allowDiskUse", true);
        }
        find.int("batchSize", EXPORTED as i64);
        self.local(find)
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
fn ordered(find: &mut Writer, index: &[(String, bool)], reversed: bool) {
    find.document("sort", |sort| {
        index.iter().for_each(|(name, rises)| sort.int(name.as_str(), if *rises != reversed { 1 } else { -1 }));
    });
    find.document("hint", |hint| layout::directions(hint, index));
}

/// A batch that is larger than the limit: with one of its size the server would keep the cursor open and be asked
/// again.
fn limited(find: &mut Writer, limit: usize) {
    find.number("limit", batch(limit) - 1);
    find.number("batchSize", batch(limit));
}

fn batch(limit: usize) -> i64 {
    limit.min(WHOLE) as i64 + 1
}

/// The points of an entity in `from_ms <= t < to_ms`, by the order of embedded documents: field by field.
fn within(filter: &mut Writer, entity: i64, from_ms: i64, to_ms: i64) {
    filter.document("_id", |id| {
        for (bound, at_ms) in [("$gte", from_ms), ("$lt", to_ms)] {
            id.document(bound, |bound| {
                bound.number(ENTITY, entity);
                bound.time(AT, at_ms);
            });
        }
    });
}

/// `t - ((t mod every) + every) mod every`: the remainder has the sign of the dividend and is made positive, so buckets
/// before 1970 start right too. `$dateTrunc` counts its buckets from the year 2000.
fn bucket(id: &mut Writer, every_ms: i64) {
    let at =
        |writer: &mut Writer, name: usize| writer.document(name, |long| long.text("$toLong", &format!("$_id.{AT}")));
    id.array("$subtract", |difference| {
        at(difference, 0);
        difference.document(1, |positive| {
            positive.array("$mod", |outer| {
                outer.document(0, |sum| {
                    sum.array("$add", |sum| {
                        sum.document(0, |inner| {
                            inner.array("$mod", |inner| {
                                at(inner, 0);
                                inner.number(1, every_ms);
                            });
                        });
                        sum.number(1, every_ms);
                    });
                });
                outer.number(1, every_ms);
            });
        });
    });
}
