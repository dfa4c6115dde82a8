//! The commands that write: `insert`, `update` and `delete`, each with as many statements as one message takes.
//! Operations that stand side by side and become the same command share it; which those are is here too.
//!
//! `bulkWrite`, which mixes them, is of server 8.0 (mongodb.com/docs/manual/reference/command/bulkWrite), and is not
//! used.

use std::iter::Peekable;

use mongodb::bson::RawDocumentBuf;

use super::commands::{Acknowledged, Commands};
use super::points;
use super::writer::Writer;
use crate::{Change, Failure, Key, Op, Part, Point, Value};

/// The server takes no more statements in a command (`maxWriteBatchSize` of hello)...
const MOST_STATEMENTS: usize = 100_000;

/// ...and no command above 16 MB, of which this leaves room for the last statement but the very largest.
const MOST_BYTES: usize = 12 << 20;

/// A document to be added.
#[derive(Clone, Copy)]
pub(super) enum Added<'a> {
    Record { table: usize, key: &'a Key, record: &'a [Value] },
    Event { log: usize, stream: &'a Key, event: &'a [Value] },
    Point { series: usize, point: &'a Point },
}

/// Whether two neighbours can be statements of one command.
pub(super) fn share(one: &Op, next: &Op) -> bool {
    match (one, next) {
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

/// All documents that operations add, in order.
pub(super) fn added(run: &[Op]) -> impl Iterator<Item = Added<'_>> + Clone {
    run.iter().flat_map(|op| {
        let count = match op {
            Op::Append { events, .. } => events.len(),
            Op::InsertPoints { points, .. } => points.len(),
            Op::Insert { .. } => 1,
            _ => 0,
        };
        (0..count).filter_map(move |at| match op {
            Op::Insert { table, key, record } => Some(Added::Record { table: *table, key, record }),
            Op::Append { log, stream, events } => Some(Added::Event { log: *log, stream, event: &events[at] }),
            Op::InsertPoints { series, points } => Some(Added::Point { series: *series, point: &points[at] }),
            _ => None,
        })
    })
}

impl Added<'_> {
    pub(super) fn part(self) -> Part {
        match self {
            Added::Record { table, .. } => Part::Table(table),
            Added::Event { log, .. } => Part::Log(log),
            Added::Point { series, .. } => Part::Series(series),
        }
    }
}

impl Commands<'_> {
    /// Adds as many of the documents as one command takes, and returns how many. An unordered insert adds every
    /// document that it can.
    pub(super) fn insert<'d>(
        self,
        documents: &mut Peekable<impl Iterator<Item = Added<'d>>>,
        ordered: bool,
    ) -> Result<(RawDocumentBuf, usize), Failure> {
        let mut insert = self.writer();
        if let Some(first) = documents.peek() {
            insert.text("insert", self.layout.dataset.name_of(first.part()));
        }
        let count = statements(&mut insert, "documents", documents, |one, added| self.document(one, *added));
        insert.flag("ordered", ordered);
        Ok((self.concerned(insert)?, count))
    }

    /// Puts points in place of those at the same instant, where the server reports which those are.
    pub(super) fn replace<'p>(
        self,
        series: usize,
        points: &mut Peekable<impl Iterator<Item = &'p Point>>,
    ) -> Result<(RawDocumentBuf, usize), Failure> {
        let mut update = self.writer();
        update.text("update", &self.layout.dataset.series[series].name);
        let count = statements(&mut update, "updates", points, |one, point| {
            one.document("q", |filter| filter.document("_id", |id| points::id(id, point)));
            one.document("u", |document| self.document(document, Added::Point { series, point }));
            one.flag("upsert", true);
        });
        update.flag("ordered", true);
        Ok((self.concerned(update)?, count))
    }

    /// As many of the updates and bumps as one command takes, and how many. The floor stands in the filter, so that one
    /// statement checks and adds in one step; one that matches no document changes none.
    pub(super) fn update<'o>(
        self,
        table: usize,
        ops: &mut Peekable<impl Iterator<Item = &'o Op>>,
    ) -> Result<(RawDocumentBuf, usize), Failure> {
        let mut update = self.writer();
        update.text("update", &self.layout.dataset.tables[table].name);
        let count = statements(&mut update, "updates", ops, |one, op| match op {
            Op::Update { key, changes, .. } => {
                one.document("q", |filter| filter.key("_id", key));
                one.document("u", |set| self.set(set, table, changes));
            }
            Op::Increment { key, field, by, floor, .. } => {
                let name = self.layout.tables[table][*field].as_str();
                one.document("q", |filter| {
                    filter.key("_id", key);
                    match floor {
                        Some(floor) => filter.document(name, |least| self.least(least, *floor, *by)),
                        // Adding to a field that is not there would make it.
                        None if self.layout.dataset.tables[table].fields[*field].optional => {
                            filter.document(name, |there| there.flag("$exists", true));
                        }
                        None => {}
                    }
                });
                one.document("u", |change| change.document("$inc", |add| add.number(name, *by)));
            }
            _ => {}
        });
        update.flag("ordered", true);
        Ok((self.concerned(update)?, count))
    }

    pub(super) fn delete<'k>(
        self,
        table: usize,
        keys: &mut Peekable<impl Iterator<Item = &'k Key>>,
    ) -> Result<(RawDocumentBuf, usize), Failure> {
        let mut delete = self.writer();
        delete.text("delete", &self.layout.dataset.tables[table].name);
        let count = statements(&mut delete, "deletes", keys, |one, key| {
            one.document("q", |filter| filter.key("_id", key));
            one.int("limit", 1);
        });
        delete.flag("ordered", true);
        Ok((self.concerned(delete)?, count))
    }

    fn concerned(self, mut command: Writer) -> Result<RawDocumentBuf, Failure> {
        if let Some(acknowledged) = self.acknowledged {
            command.document("writeConcern", |concern| acknowledged.write(concern));
        }
        command.finish()
    }

    fn document(self, document: &mut Writer, added: Added<'_>) {
        match added {
            Added::Record { table, key, record } => {
                document.key("_id", key);
                present(document, &self.layout.tables[table], record);
            }
            Added::Event { log, stream, event } => {
                let names = &self.layout.logs[log];
                document.key(names.stream.as_str(), stream);
                document.server_time(names.place.as_str());
                present(document, &names.fields, event);
            }
            Added::Point { series, point } => self.layout.series[series].write(document, point),
        }
    }

    /// Of several changes to one field the last counts; the server refuses two.
    fn set(self, update: &mut Writer, table: usize, changes: &[Change]) {
        let names = &self.layout.tables[table];
        let last = |at: usize| !changes[at + 1..].iter().any(|later| later.field == changes[at].field);
        let counting = || changes.iter().enumerate().filter(|(at, _)| last(*at)).map(|(_, change)| change);
        update.document("$set", |set| {
            counting().filter(|change| change.value != Value::Null).for_each(|change| {
                set.value(names[change.field].as_str(), &change.value);
            });
        });
        if changes.iter().any(|change| change.value == Value::Null) {
            update.document("$unset", |unset| {
                counting().filter(|change| change.value == Value::Null).for_each(|change| {
                    unset.int(names[change.field].as_str(), 1);
                });
            });
        }
    }

    /// The least value from which the sum does not fall below the floor. Where that is above all integers, none will
    /// do.
    fn least(self, condition: &mut Writer, floor: i64, by: i64) {
        let least = i128::from(floor) - i128::from(by);
        match i64::try_from(least) {
            Ok(least) => condition.number("$gte", least),
            Err(_) if least > 0 => condition.number("$gt", i64::MAX),
            Err(_) => condition.number("$gte", i64::MIN),
        }
    }
}

impl Acknowledged {
    pub(super) fn write(self, concern: &mut Writer) {
        if self.majority {
            concern.text("w", "majority")
        } else {
            concern.int("w", 1)
        }
        concern.flag("j", self.journal);
    }
}

/// Writes statements until there are no more or the command is full.
fn statements<T>(
    command: &mut Writer,
    name: &str,
    rest: &mut Peekable<impl Iterator<Item = T>>,
    write: impl Fn(&mut Writer, &T),
) -> usize {
    let mut count = 0;
    command.array(name, |list| {
        while count < MOST_STATEMENTS && list.len() < MOST_BYTES {
            let Some(one) = rest.next() else { break };
            list.document(count, |document| write(document, &one));
            count += 1;
        }
    });
    count
}

fn present(document: &mut Writer, names: &[String], values: &[Value]) {
    for (name, value) in names.iter().zip(values) {
        if *value != Value::Null {
            document.value(name.as_str(), value);
        }
    }
}
