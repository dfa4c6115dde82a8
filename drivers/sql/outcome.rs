//! What the reply to an operation's statement means: what it has to be, how its rows are read, and why an increment changed
//! nothing.

use crate::seam::op::OpSubject;

use crate::{Dataset, Failure, FailureKind, Field, Fields, KeyKind, Op, Outcome, Part};

/// What the reply to a statement has to be for its operation to have succeeded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected<'a> {
    /// So many rows added.
    Added(usize),
    /// One row changed. If none is, the record is missing, or holds what its increment does not allow.
    Changed,
    /// One row, which is there if its key is.
    Row(RowColumns<'a>),
    /// Any number of rows.
    Rows(RowColumns<'a>),
}

/// What the columns of a row are: a key, and then these.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowColumns<'a> {
    /// Those of the declared fields that are selected.
    Fields { key: KeyKind, declared: &'a [Field], selected: &'a Fields },
    /// An instant and numbers.
    Point,
}

impl<'a> Expected<'a> {
    /// Of a single operation.
    pub(crate) fn of(dataset: &'a Dataset, op: &'a Op) -> Result<Self, Failure> {
        let records = |table: usize, selected: &'a Fields| {
            let table = &dataset.tables[table];
            RowColumns::Fields { key: table.key, declared: &table.fields, selected }
        };
        Ok(match op {
            Op::Insert { .. } => Expected::Added(1),
            Op::Update { .. } | Op::Delete { .. } | Op::Increment { .. } => Expected::Changed,
            Op::Read { table, fields, .. } => Expected::Row(records(*table, fields)),
            Op::Scan { table, fields, .. } | Op::Find { table, fields, .. } => Expected::Rows(records(*table, fields)),
            Op::Append { events, .. } => Expected::Added(events.len()),
            Op::Tail { log, .. } => Expected::Rows(RowColumns::of_part(dataset, Part::Log(*log))),
            Op::InsertPoints { points, .. } => Expected::Added(points.len()),
            Op::LastPoint { .. } => Expected::Row(RowColumns::Point),
            Op::PointRange { .. } | Op::Window { .. } | Op::PointsAbove { .. } => Expected::Rows(RowColumns::Point),
            Op::Batch(_) | Op::Transact(_) | Op::Interactive(_) => return Err(Failure::misplaced(op)),
        })
    }
}

impl<'a> RowColumns<'a> {
    /// Of all rows of a part.
    pub(crate) fn of_part(dataset: &'a Dataset, part: Part) -> Self {
        match part {
            Part::Table(at) => {
                let table = &dataset.tables[at];
                RowColumns::Fields { key: table.key, declared: &table.fields, selected: &Fields::All }
            }
            Part::Log(at) => {
                let log = &dataset.logs[at];
                RowColumns::Fields { key: log.stream, declared: &log.fields, selected: &Fields::All }
            }
            Part::Series(_) => RowColumns::Point,
        }
    }
}

/// Whether anything but a missing record can explain that an operation changed nothing, so that its record has to be
/// looked at.
pub(crate) fn needs_probe(dataset: &Dataset, op: &Op) -> bool {
    match op {
        Op::Increment { table, field, floor, .. } => floor.is_some() || dataset.tables[*table].fields[*field].optional,
        _ => false,
    }
}

/// Why an increment changed nothing, from what its field was then found to hold: none if there is no record, and in it
/// none if there is no number.
pub(crate) fn unchanged(
    store: &str,
    dataset: &Dataset,
    op: &Op,
    found: Option<Option<i64>>,
) -> Result<Outcome, Failure> {
    let subject = OpSubject(dataset, op);
    match (op, found) {
        (_, None) => Err(Failure::missing(subject)),
        (Op::Increment { by, floor: Some(floor), .. }, Some(Some(held)))
            if i128::from(held) + i128::from(*by) < i128::from(*floor) =>
        {
            Ok(Outcome::Refused)
        }
        (_, Some(Some(_))) => {
            Err(Failure::new(FailureKind::Conflict, format!("{store}: {subject} changed while it was bumped")))
        }
        (_, Some(None)) => {
            Err(Failure::broken(format!("{store}: {subject}: a field without an integer cannot be bumped")))
        }
    }
}
