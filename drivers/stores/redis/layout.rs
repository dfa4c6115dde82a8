//! Where a dataset lies: the names of its keys, and what a layout of records has to say.
//!
//! Everything is `storebench:<dataset>:…`, beside the marker `storebench:<dataset>` that says whose it is. A table
//! `people` has its records under `…:people:<key>`, all keys in the sorted set `…:people` and an index in
//! `…:people.age`; a log has a stream under `…:events:<stream>`; a series has all points in the sorted set `…:cpu` and
//! those of one entity in `…:cpu:<entity>`. Names of parts contain neither colon nor dot, so no two of these coincide.

use std::sync::Arc;

use redis::Value as Reply;

use super::collation::Collation;
use super::commands::CommandBuffer;
use super::scripts::{ScriptSource, Scripts};
use crate::{Change, Dataset, Failure, Field, Fields, Key, Op, Outcome, Part, Record, Sending, Value};

/// How records are kept, encoded and decoded. Everything else is the same in all layouts of records.
pub(super) trait RecordLayout: Sync {
    /// The word for it in addresses and settings.
    fn name(&self) -> &'static str;

    /// What holds a record, and how its values are kept there, to be shown.
    fn description(&self) -> (&'static str, &'static str);

    /// The script that works on records.
    fn script(&self) -> ScriptSource;

    /// The commands that the script runs for an operation; `None` for one that needs no script.
    fn script_commands(&self, op: &Op) -> Option<&'static str>;

    /// How a transaction is sent.
    fn transaction(&self) -> Sending;

    /// How many operations at the front of a batch can be sent together, because nothing has to be read before the first.
    fn sendable(&self, layout: &Layout, ops: &[Op]) -> usize {
        let _ = layout;
        ops.len()
    }

    /// Adds the command of an operation on records, for which nothing has to be read before.
    fn encode(&self, layout: &Layout, scripts: &Scripts, op: &Op, out: &mut CommandBuffer) -> Result<(), Failure>;

    /// Reads the reply to that command.
    fn decode(&self, layout: &Layout, op: &Op, reply: Reply, sink: &mut RowSink<'_>) -> Result<Outcome, Failure>;
}

/// Takes the rows of an answer, one at a time.
pub(super) type RowSink<'a> = dyn FnMut(Key, Vec<Value>) + 'a;

/// What the names of all keys begin with.
pub(super) const PREFIX: &str = "storebench:";

/// The name of the empty field of records and events of which every declared field may be absent.
pub(super) const PLACEHOLDER_FIELD: &str = "";

/// The names of one dataset's keys.
pub(super) struct Layout {
    pub(super) records: &'static dyn RecordLayout,
    pub(super) dataset: Arc<Dataset>,
    /// The hash that marks the dataset as ours.
    pub(super) marker: String,
    /// What every other key begins with.
    pub(super) prefix: String,
    pub(super) tables: Vec<TableLayout>,
    /// For each log, what its streams' keys begin with.
    pub(super) logs: Vec<String>,
    /// For each series, the sorted set of all points. The key of one entity's points is this, a colon and the entity.
    pub(super) series: Vec<String>,
}

/// The names of one table's keys.
pub(super) struct TableLayout {
    /// The sorted set of all keys of records.
    pub(super) order: String,
    /// What the records' keys begin with.
    pub(super) records: String,
    pub(super) indexes: Vec<IndexLayout>,
    /// A field that every record has: a hash without fields would not exist.
    pub(super) required_field: Option<usize>,
}

/// The sorted set of one index, and how it orders values.
pub(super) struct IndexLayout {
    /// The position of the indexed field in its table.
    pub(super) field: usize,
    pub(super) key: String,
    pub(super) collation: Collation,
}

impl Layout {
    pub(super) fn new(records: &'static dyn RecordLayout, dataset: Arc<Dataset>) -> Self {
        let marker = format!("{PREFIX}{}", dataset.name);
        let name = |part: &str| format!("{marker}:{part}");
        let tables = dataset.tables.iter().map(|table| {
            let order = name(&table.name);
            let index = |field: &usize| IndexLayout {
                field: *field,
                key: format!("{order}.{}", table.fields[*field].name),
                collation: Collation::of(&table.fields[*field].kind),
            };
            TableLayout {
                records: format!("{order}:"),
                indexes: table.indexes.iter().map(index).collect(),
                required_field: table.fields.iter().position(|field| !field.optional),
                order,
            }
        });
        Layout {
            records,
            tables: tables.collect(),
            logs: dataset.logs.iter().map(|log| format!("{}:", name(&log.name))).collect(),
            series: dataset.series.iter().map(|series| name(&series.name)).collect(),
            prefix: format!("{marker}:"),
            marker,
            dataset,
        }
    }

    /// How each part lies, one sentence each.
    pub(super) fn describe(&self) -> Vec<String> {
        self.dataset.parts().map(|part| self.describe_part(part)).collect()
    }

    fn describe_part(&self, part: Part) -> String {
        let name = self.dataset.name_of(part);
        match part {
            Part::Table(at) => {
                let TableLayout { order, records, indexes, .. } = &self.tables[at];
                let indexes: String = indexes
                    .iter()
                    .map(|index| format!(", one of ordered values and keys in {} (always kept)", index.key))
                    .collect();
                let (record, values) = self.records.description();
                format!(
                    "{name}: {record} for each record in {records}<key> ({values}), a sorted set of all keys in {order} \
                     (always kept, for scans){indexes}"
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

impl TableLayout {
    /// The index of a field.
    pub(super) fn index(&self, field: usize) -> Option<&IndexLayout> {
        self.indexes.iter().find(|index| index.field == field)
    }

    /// The indexes that a record appears in.
    pub(super) fn indexes_of(&self, record: &Record) -> impl Iterator<Item = &IndexLayout> {
        self.indexes.iter().filter(|index| record[index.field] != Value::Null)
    }

    /// The indexes of the fields that change, with the new values. Of several changes of one field the last counts.
    pub(super) fn indexes_changed<'a, 'b>(
        &'a self,
        changes: &'b [Change],
    ) -> impl Iterator<Item = (&'a IndexLayout, &'b Value)> {
        self.indexes.iter().filter_map(|index| {
            let last = changes.iter().rev().find(|change| change.field == index.field)?;
            Some((index, &last.value))
        })
    }

    /// Whether reading these fields alone could not distinguish a record of absent values from no record.
    pub(super) fn needs_required_field(&self, declared: &[Field], fields: &Fields) -> bool {
        match fields {
            Fields::All => self.required_field.is_none(),
            Fields::Some(wanted) => wanted.iter().all(|field| declared[*field].optional),
        }
    }

    /// The name of the field that every record has.
    pub(super) fn required_name<'a>(&self, declared: &'a [Field]) -> &'a str {
        self.required_field.map_or(PLACEHOLDER_FIELD, |field| &declared[field].name)
    }
}
