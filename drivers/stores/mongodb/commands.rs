//! The database commands that operations become: those that read here, those that write in `write_commands.rs`.
//!
//! A session sends them and `explain.rs` prints the same ones. Commands are written whole, with every option that bears
//! on the answer, so that no default of the server or the client library stands between what is printed and what is
//! done.

use mongodb::bson::{RawDocumentBuf, Timestamp};

use super::clauses::{batch_size, write_limit};
use super::durability::WriteConcern;
use super::encode::DocumentWriter;
use super::layout::Layout;
use super::points::{PointsAboveQuery, WindowQuery};
use crate::{Failure, Fields, Key, Matching, Op, Order, Part, Value};

/// Builds commands for a layout.
#[derive(Clone, Copy)]
pub(super) struct CommandBuilder<'a> {
    pub(super) layout: &'a Layout,
    /// The concern of a write; none within a transaction, whose commit has it.
    pub(super) write_concern: Option<WriteConcern>,
    /// The cluster time that is read, if not now.
    pub(super) snapshot_at: Option<Timestamp>,
    /// Whether the commands are to be printed and not sent, with placeholders for parameters.
    pub(super) has_placeholders: bool,
}

/// How many documents an export takes at once.
const EXPORT_BATCH: i64 = 5000;

/// Whether two neighbouring operations can share a command.
pub(super) fn share_command(first: &Op, second: &Op) -> bool {
    match (first, second) {
        (Op::Insert { table, .. }, Op::Insert { table: other, .. }) => table == other,
        (
            Op::Update { table, .. } | Op::Increment { table, .. },
            Op::Update { table: other, .. } | Op::Increment { table: other, .. },
        ) => table == other,
        (Op::Delete { table, .. }, Op::Delete { table: other, .. }) => table == other,
        (Op::Append { log, .. }, Op::Append { log: other, .. }) => log == other,
        (Op::InsertPoints { series, .. }, Op::InsertPoints { series: other, .. }) => series == other,
        (Op::Read { table, fields, .. }, Op::Read { table: other, fields: same, .. }) => {
            table == other && fields == same
        }
        _ => false,
    }
}

/// The key of an operation on one record. Runs of others have commands of their own, so that there is always one.
pub(super) fn record_key(op: &Op) -> &Key {
    let (_, key) = op.record().unwrap_or_else(|| unreachable!("`{}` is not about one record", op.verb()));
    key
}

impl CommandBuilder<'_> {
    /// The records of operations on one table, in any order; those that are not there are left out.
    pub(super) fn read(self, table: usize, ops: &[Op], fields: &Fields) -> Result<RawDocumentBuf, Failure> {
        let mut find = self.find(table);
        find.document("filter", |filter| match ops {
            [op] => filter.key("_id", record_key(op)),
            _ => filter.document("_id", |id| {
                id.array("$in", |list| ops.iter().enumerate().for_each(|(at, op)| list.key(at, record_key(op))));
            }),
        });
        self.write_projection(&mut find, table, fields);
        if ops.len() == 1 {
            find.int("limit", 1);
            find.flag("singleBatch", true);
        } else {
            find.parameter_int("batchSize", batch_size(ops.len()));
        }
        self.finish_read(find)
    }

    /// A read that answers any number of rows in the order of an index.
    pub(super) fn query(self, op: &Op) -> Result<RawDocumentBuf, Failure> {
        let command = match op {
            Op::Scan { table, from, limit, fields } => {
                let mut find = self.find(*table);
                find.document("filter", |filter| filter.document("_id", |id| id.key("$gte", from)));
                self.write_projection(&mut find, *table, fields);
                find.document("sort", |sort| sort.int("_id", 1));
                write_limit(&mut find, *limit);
                find
            }
            Op::Find { table, field, matching, order, limit, fields } => {
                let index = self.layout.field_index(*table, *field);
                let mut find = self.find(*table);
                find.document("filter", |filter| {
                    filter.document(index.first_field(), |condition| write_matching(condition, matching));
                });
                self.write_projection(&mut find, *table, fields);
                index.write_sort(&mut find, *order == Order::Descending);
                write_limit(&mut find, *limit);
                find
            }
            Op::Tail { log, stream, limit } => {
                let index = self.layout.log_index(*log);
                let mut find = self.writer();
                find.text("find", &self.layout.dataset.logs[*log].name);
                find.document("filter", |filter| filter.key(index.first_field(), stream));
                index.write_sort(&mut find, true);
                write_limit(&mut find, *limit);
                find
            }
            _ => return self.query_points(op),
        };
        self.finish_read(command)
    }

    fn query_points(self, op: &Op) -> Result<RawDocumentBuf, Failure> {
        let (mut command, series) = (self.writer(), &self.layout.series);
        match *op {
            Op::LastPoint { series: at, entity } => series[at].last(&mut command, entity),
            Op::PointRange { series: at, entity, from_ms, to_ms } => {
                series[at].range(&mut command, entity, from_ms, to_ms);
            }
            Op::Window { series: at, entity, metric, from_ms, to_ms, every_ms, fold } => {
                series[at].window(&mut command, &WindowQuery { entity, metric, from_ms, to_ms, every_ms, fold });
            }
            Op::PointsAbove { series: at, metric, threshold, from_ms, to_ms, limit } => {
                series[at].points_above(&mut command, &PointsAboveQuery { metric, threshold, from_ms, to_ms, limit });
            }
            _ => return Err(Failure::misplaced(op)),
        }
        self.finish_read(command)
    }

    /// Everything of a part. Before `after_load` a log has no index, and its events are sorted on disk.
    pub(super) fn export(self, part: Part) -> Result<RawDocumentBuf, Failure> {
        let mut command = self.writer();
        match part {
            Part::Series(at) => self.layout.series[at].export(&mut command, EXPORT_BATCH),
            Part::Table(_) | Part::Log(_) => {
                command.text("find", self.layout.dataset.name_of(part));
                if let Part::Log(at) = part {
                    command.document("sort", |sort| self.layout.log_index(at).write(sort));
                    command.flag("allowDiskUse", true);
                }
                command.int("batchSize", EXPORT_BATCH);
            }
        }
        self.finish_read(command)
    }

    pub(super) fn writer(self) -> DocumentWriter {
        if self.has_placeholders { DocumentWriter::with_placeholders() } else { DocumentWriter::new() }
    }

    fn find(self, table: usize) -> DocumentWriter {
        let mut find = self.writer();
        find.text("find", &self.layout.dataset.tables[table].name);
        find
    }

    /// A read by itself sees what the primary has applied, or what was there at the time of a snapshot. A transaction
    /// brings its own read concern.
    fn finish_read(self, mut command: DocumentWriter) -> Result<RawDocumentBuf, Failure> {
        match self.snapshot_at {
            Some(at) => command.document("readConcern", |concern| {
                concern.text("level", "snapshot");
                concern.timestamp("atClusterTime", at);
            }),
            None if self.write_concern.is_some() => {
                command.document("readConcern", |concern| concern.text("level", "local"));
            }
            None => {}
        }
        command.finish()
    }

    /// The key comes with every projection.
    fn write_projection(self, find: &mut DocumentWriter, table: usize, fields: &Fields) {
        if let Fields::Some(requested) = fields {
            let names = &self.layout.tables[table];
            find.document("projection", |projection| {
                projection.int("_id", 1);
                for (at, field) in requested.iter().enumerate() {
                    if !requested[..at].contains(field) {
                        projection.int(names[*field].as_str(), 1);
                    }
                }
            });
        }
    }
}

fn write_matching(condition: &mut DocumentWriter, matching: &Matching) {
    match matching {
        // To this store null equals what is absent, which here matches nothing.
        Matching::Equal(Value::Null) | Matching::Between(Value::Null, _) | Matching::Between(_, Value::Null) => {
            condition.array("$in", |_| {});
        }
        Matching::Equal(value) => condition.value("$eq", value),
        Matching::Between(low, high) => {
            condition.value("$gte", low);
            condition.value("$lte", high);
        }
    }
}
