//! The commands that write: `insert`, `update` and `delete`, each with as many statements as one message takes.
//!
//! `bulkWrite`, which mixes them, is of server 8.0 (mongodb.com/docs/manual/reference/command/bulkWrite), and is not
//! used.

use std::iter::Peekable;

use mongodb::bson::RawDocumentBuf;

use super::commands::{CommandBuilder, record_key};
use super::encode::DocumentWriter;
use super::points;
use crate::{Change, Failure, Key, Op, Part, Point, Value};

/// The server takes no more statements in a command (`maxWriteBatchSize` of hello)...
const MOST_STATEMENTS: usize = 100_000;

/// ...and no command above 16 MB, of which this leaves room for the last statement but the very largest.
const MOST_BYTES: usize = 12 << 20;

/// A document to be inserted.
#[derive(Clone, Copy)]
pub(super) enum NewDocument<'a> {
    Record { table: usize, key: &'a Key, record: &'a [Value] },
    Event { log: usize, stream: &'a Key, event: &'a [Value] },
    Point { series: usize, point: &'a Point },
}

impl<'a> NewDocument<'a> {
    /// All documents that operations insert, in order.
    pub(super) fn list(ops: &'a [Op]) -> impl Iterator<Item = NewDocument<'a>> {
        ops.iter().flat_map(|op| (0..).map_while(move |at| NewDocument::at(op, at)))
    }

    /// One of the documents that an operation inserts, by position.
    fn at(op: &'a Op, at: usize) -> Option<Self> {
        match op {
            Op::Insert { table, key, record } if at == 0 => Some(NewDocument::Record { table: *table, key, record }),
            Op::Append { log, stream, events } => {
                events.get(at).map(|event| NewDocument::Event { log: *log, stream, event })
            }
            Op::InsertPoints { series, points } => {
                points.get(at).map(|point| NewDocument::Point { series: *series, point })
            }
            _ => None,
        }
    }

    pub(super) fn part(self) -> Part {
        match self {
            NewDocument::Record { table, .. } => Part::Table(table),
            NewDocument::Event { log, .. } => Part::Log(log),
            NewDocument::Point { series, .. } => Part::Series(series),
        }
    }
}

/// How many statements the operations of a run are: one for each document that is inserted or each record that is
/// changed.
pub(super) fn statement_count(run: &[Op]) -> usize {
    match run.first() {
        Some(Op::Insert { .. } | Op::Append { .. } | Op::InsertPoints { .. }) => NewDocument::list(run).count(),
        _ => run.len(),
    }
}

impl CommandBuilder<'_> {
    /// The command for the statements of a run from a position on, as many as it takes, and how many those are.
    pub(super) fn write(self, run: &[Op], from: usize) -> Result<(RawDocumentBuf, usize), Failure> {
        match &run[0] {
            Op::Insert { .. } | Op::Append { .. } => self.insert(run, from, true),
            // An unordered insert adds every document that it can.
            Op::InsertPoints { .. } => self.insert(run, from, false),
            Op::Update { table, .. } | Op::Increment { table, .. } => self.update(*table, &run[from..]),
            Op::Delete { table, .. } => self.delete(*table, &run[from..]),
            op => Err(Failure::misplaced(op)),
        }
    }

    fn insert(self, run: &[Op], from: usize, is_ordered: bool) -> Result<(RawDocumentBuf, usize), Failure> {
        let mut documents = NewDocument::list(run).skip(from).peekable();
        let mut insert = self.writer();
        if let Some(first) = documents.peek() {
            insert.text("insert", self.layout.dataset.name_of(first.part()));
        }
        let count = write_statements(&mut insert, "documents", documents, |statement, document| {
            self.write_document(statement, document);
        });
        insert.flag("ordered", is_ordered);
        Ok((self.finish_write(insert)?, count))
    }

    /// Replaces points by others of the same instant, where the server reports which those are.
    pub(super) fn replace<'p>(
        self,
        series: usize,
        points: &mut Peekable<impl Iterator<Item = &'p Point>>,
    ) -> Result<(RawDocumentBuf, usize), Failure> {
        let mut update = self.writer();
        update.text("update", &self.layout.dataset.series[series].name);
        let count = write_statements(&mut update, "updates", points, |statement, point| {
            statement.document("q", |filter| filter.document("_id", |id| points::write_id(id, point)));
            statement.document("u", |document| self.write_document(document, NewDocument::Point { series, point }));
            statement.flag("upsert", true);
        });
        update.flag("ordered", true);
        Ok((self.finish_write(update)?, count))
    }

    /// The floor stands in the filter, so that one statement checks and adds in one step; one that matches no document
    /// changes none.
    fn update(self, table: usize, ops: &[Op]) -> Result<(RawDocumentBuf, usize), Failure> {
        let mut update = self.writer();
        update.text("update", &self.layout.dataset.tables[table].name);
        let count = write_statements(&mut update, "updates", ops.iter(), |statement, op| match op {
            Op::Update { key, changes, .. } => {
                statement.document("q", |filter| filter.key("_id", key));
                statement.document("u", |change| self.write_changes(change, table, changes));
            }
            Op::Increment { key, field, by, floor, .. } => {
                let name = self.layout.tables[table][*field].as_str();
                statement.document("q", |filter| {
                    filter.key("_id", key);
                    match floor {
                        Some(floor) => filter.document(name, |value| write_floor(value, *floor, *by)),
                        // Adding to a field that is not there would make it.
                        None if self.layout.dataset.tables[table].fields[*field].optional => {
                            filter.document(name, |value| value.flag("$exists", true));
                        }
                        None => {}
                    }
                });
                statement.document("u", |change| change.document("$inc", |sum| sum.parameter_int(name, *by)));
            }
            _ => {}
        });
        update.flag("ordered", true);
        Ok((self.finish_write(update)?, count))
    }

    fn delete(self, table: usize, ops: &[Op]) -> Result<(RawDocumentBuf, usize), Failure> {
        let mut delete = self.writer();
        delete.text("delete", &self.layout.dataset.tables[table].name);
        let count = write_statements(&mut delete, "deletes", ops.iter(), |statement, op| {
            statement.document("q", |filter| filter.key("_id", record_key(op)));
            statement.int("limit", 1);
        });
        delete.flag("ordered", true);
        Ok((self.finish_write(delete)?, count))
    }

    fn finish_write(self, mut command: DocumentWriter) -> Result<RawDocumentBuf, Failure> {
        if let Some(write_concern) = self.write_concern {
            command.document("writeConcern", |concern| write_concern.write(concern));
        }
        command.finish()
    }

    fn write_document(self, document: &mut DocumentWriter, new: NewDocument<'_>) {
        match new {
            NewDocument::Record { table, key, record } => {
                document.key("_id", key);
                write_present(document, &self.layout.tables[table], record);
            }
            NewDocument::Event { log, stream, event } => {
                let names = &self.layout.logs[log];
                document.key(names.stream.as_str(), stream);
                document.empty_timestamp(names.place.as_str());
                write_present(document, &names.fields, event);
            }
            NewDocument::Point { series, point } => self.layout.series[series].write_point(document, point),
        }
    }

    /// Of several changes to one field the last counts; the server refuses two.
    fn write_changes(self, update: &mut DocumentWriter, table: usize, changes: &[Change]) {
        let names = &self.layout.tables[table];
        let is_last = |at: usize| !changes[at + 1..].iter().any(|later| later.field == changes[at].field);
        let last_ones = || changes.iter().enumerate().filter(|(at, _)| is_last(*at)).map(|(_, change)| change);
        update.document("$set", |set| {
            last_ones().filter(|change| change.value != Value::Null).for_each(|change| {
                set.value(names[change.field].as_str(), &change.value);
            });
        });
        if changes.iter().any(|change| change.value == Value::Null) {
            update.document("$unset", |unset| {
                last_ones().filter(|change| change.value == Value::Null).for_each(|change| {
                    unset.int(names[change.field].as_str(), 1);
                });
            });
        }
    }
}

/// The values from which the sum does not fall below the floor. Where the smallest of them is above all integers, no
/// value will do.
fn write_floor(value: &mut DocumentWriter, floor: i64, by: i64) {
    let smallest = i128::from(floor) - i128::from(by);
    match i64::try_from(smallest) {
        Ok(smallest) => value.parameter_int("$gte", smallest),
        Err(_) if smallest > 0 => value.parameter_int("$gt", i64::MAX),
        Err(_) => value.parameter_int("$gte", i64::MIN),
    }
}

/// Writes statements until there are no more or the command is full.
fn write_statements<T>(
    command: &mut DocumentWriter,
    name: &str,
    mut statements: impl Iterator<Item = T>,
    write: impl Fn(&mut DocumentWriter, T),
) -> usize {
    let mut count = 0;
    command.array(name, |list| {
        while count < MOST_STATEMENTS && list.len() < MOST_BYTES {
            let Some(statement) = statements.next() else { break };
            list.document(count, |document| write(document, statement));
            count += 1;
        }
    });
    count
}

/// Absent fields are left out.
fn write_present(document: &mut DocumentWriter, names: &[String], values: &[Value]) {
    for (name, value) in names.iter().zip(values) {
        if *value != Value::Null {
            document.value(name.as_str(), value);
        }
    }
}
