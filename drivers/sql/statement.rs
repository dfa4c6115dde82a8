//! What an operation asks of a SQL database: its statement and the statement's parameters, in order. Said once, for every
//! dialect, for sending and for explaining.
//!
//! Nothing here is text: `render.rs` writes a statement in a dialect, and a store's connection encodes the parameters.
//! Operations that take several statements, and forms of a single dialect, are put together by their stores.

use std::borrow::Cow;

use crate::{Change, Failure, Fields, Fold, Key, Matching, Op, Order, Part, Point, Value};

/// A statement apart from its parameters. Numbers are positions in the dataset.
///
/// It borrows the positions of fields from the operation, so that looking for it among prepared statements allocates
/// nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement<'a> {
    /// Begins a transaction. Some dialects want to know at once whether it writes.
    Begin {
        writes: bool,
    },
    Commit,
    Rollback,
    /// Adds so many records, in order.
    Insert {
        table: usize,
        rows: usize,
    },
    Read {
        table: usize,
        fields: FieldList<'a>,
    },
    Update {
        table: usize,
        fields: FieldList<'a>,
    },
    Delete {
        table: usize,
    },
    /// Adds to an integer; with a floor, only if what is held is at least the last parameter.
    Increment {
        table: usize,
        field: usize,
        has_floor: bool,
    },
    Scan {
        table: usize,
        fields: FieldList<'a>,
    },
    Find {
        table: usize,
        field: usize,
        is_range: bool,
        order: Order,
        fields: FieldList<'a>,
    },
    /// Adds so many events, in order.
    Append {
        log: usize,
        rows: usize,
    },
    Tail {
        log: usize,
    },
    /// Adds so many points, in place of those that are there.
    InsertPoints {
        series: usize,
        rows: usize,
    },
    LastPoint {
        series: usize,
    },
    PointRange {
        series: usize,
    },
    Window {
        series: usize,
        metric: usize,
        fold: Fold,
    },
    PointsAbove {
        series: usize,
        metric: usize,
    },
    /// All rows of a part; a log's in the order of each stream.
    Export(Part),
}

/// The fields of a table that a statement names, as the operation holds them.
#[derive(Debug, Clone)]
pub(crate) enum FieldList<'a> {
    /// All, in declared order.
    All,
    /// Those at these positions.
    Positions(Cow<'a, [usize]>),
    /// Those that are changed.
    Changes(&'a [Change]),
}

/// A parameter of a statement, as the operation holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parameter<'a> {
    Null,
    Int(i64),
    Float(f64),
    Key(&'a Key),
    Value(&'a Value),
}

impl<'a> Statement<'a> {
    /// The statement of a single operation; one that adds rows, with all of them.
    pub(crate) fn of(op: &'a Op) -> Result<Self, Failure> {
        Ok(match op {
            Op::Insert { table, .. } => Statement::Insert { table: *table, rows: 1 },
            Op::Read { table, fields, .. } => Statement::Read { table: *table, fields: fields.into() },
            Op::Update { table, changes, .. } => {
                Statement::Update { table: *table, fields: FieldList::Changes(changes) }
            }
            Op::Delete { table, .. } => Statement::Delete { table: *table },
            Op::Increment { table, field, floor, .. } => {
                Statement::Increment { table: *table, field: *field, has_floor: floor.is_some() }
            }
            Op::Scan { table, fields, .. } => Statement::Scan { table: *table, fields: fields.into() },
            Op::Find { table, field, matching, order, fields, .. } => {
                let is_range = matches!(matching, Matching::Between(..));
                Statement::Find { table: *table, field: *field, is_range, order: *order, fields: fields.into() }
            }
            Op::Append { log, events, .. } => Statement::Append { log: *log, rows: events.len() },
            Op::Tail { log, .. } => Statement::Tail { log: *log },
            Op::InsertPoints { series, points } => Statement::InsertPoints { series: *series, rows: points.len() },
            Op::LastPoint { series, .. } => Statement::LastPoint { series: *series },
            Op::PointRange { series, .. } => Statement::PointRange { series: *series },
            Op::Window { series, metric, fold, .. } => {
                Statement::Window { series: *series, metric: *metric, fold: *fold }
            }
            Op::PointsAbove { series, metric, .. } => Statement::PointsAbove { series: *series, metric: *metric },
            Op::Batch(_) | Op::Transact(_) | Op::Interactive(_) => return Err(Failure::misplaced(op)),
        })
    }

    /// The statement that reads the field of an increment, to tell why it changed nothing. Its parameter is the key.
    pub(crate) fn probe(op: &'a Op) -> Option<(Self, &'a Key)> {
        let Op::Increment { table, key, field, .. } = op else { return None };
        let fields = FieldList::Positions(std::slice::from_ref(field).into());
        Some((Statement::Read { table: *table, fields }, key))
    }

    /// The same, to be kept beyond the operation.
    pub(crate) fn into_static(self) -> Statement<'static> {
        match self {
            Statement::Begin { writes } => Statement::Begin { writes },
            Statement::Commit => Statement::Commit,
            Statement::Rollback => Statement::Rollback,
            Statement::Insert { table, rows } => Statement::Insert { table, rows },
            Statement::Read { table, fields } => Statement::Read { table, fields: fields.into_static() },
            Statement::Update { table, fields } => Statement::Update { table, fields: fields.into_static() },
            Statement::Delete { table } => Statement::Delete { table },
            Statement::Increment { table, field, has_floor } => Statement::Increment { table, field, has_floor },
            Statement::Scan { table, fields } => Statement::Scan { table, fields: fields.into_static() },
            Statement::Find { table, field, is_range, order, fields } => {
                Statement::Find { table, field, is_range, order, fields: fields.into_static() }
            }
            Statement::Append { log, rows } => Statement::Append { log, rows },
            Statement::Tail { log } => Statement::Tail { log },
            Statement::InsertPoints { series, rows } => Statement::InsertPoints { series, rows },
            Statement::LastPoint { series } => Statement::LastPoint { series },
            Statement::PointRange { series } => Statement::PointRange { series },
            Statement::Window { series, metric, fold } => Statement::Window { series, metric, fold },
            Statement::PointsAbove { series, metric } => Statement::PointsAbove { series, metric },
            Statement::Export(part) => Statement::Export(part),
        }
    }
}

/// The parameters of a single operation's statement, in order, each encoded.
pub(crate) fn parameters<'a, T>(
    op: &'a Op,
    encode: impl Fn(Parameter<'a>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let (key, value, int) = (Parameter::Key, Parameter::Value, Parameter::Int);
    // There are fewer rows than the largest integer, so a larger limit means the same.
    let limit = |limit: usize| int(i64::try_from(limit).unwrap_or(i64::MAX));
    let mut encoded = Vec::with_capacity(match op {
        Op::Insert { record, .. } => 1 + record.len(),
        Op::Update { changes, .. } => changes.len() + 1,
        Op::Append { events, .. } => events.iter().map(|event| 1 + event.len()).sum(),
        Op::InsertPoints { points, .. } => points.iter().map(|point| 2 + point.metrics.len()).sum(),
        _ => 4,
    });
    let mut add = |parameter| encode(parameter).map(|parameter| encoded.push(parameter));
    match op {
        Op::Insert { key, record, .. } => record_row(key, record).try_for_each(add)?,
        Op::Read { key: of, .. } | Op::Delete { key: of, .. } => add(key(of))?,
        Op::Update { key: of, changes, .. } => {
            changes.iter().map(|change| value(&change.value)).chain([key(of)]).try_for_each(add)?;
        }
        Op::Increment { key: of, by, floor, .. } => {
            [int(*by), key(of)].into_iter().chain(floor.map(|floor| least_held(floor, *by))).try_for_each(add)?;
        }
        Op::Scan { from, limit: most, .. } => [key(from), limit(*most)].into_iter().try_for_each(add)?,
        Op::Find { matching: Matching::Equal(equal), limit: most, .. } => {
            [value(equal), limit(*most)].into_iter().try_for_each(add)?;
        }
        Op::Find { matching: Matching::Between(low, high), limit: most, .. } => {
            [value(low), value(high), limit(*most)].into_iter().try_for_each(add)?;
        }
        Op::Append { stream, events, .. } => {
            events.iter().flat_map(|event| record_row(stream, event)).try_for_each(add)?;
        }
        Op::Tail { stream, limit: most, .. } => [key(stream), limit(*most)].into_iter().try_for_each(add)?,
        Op::InsertPoints { points, .. } => points.iter().flat_map(point_row).try_for_each(add)?,
        Op::LastPoint { entity, .. } => add(int(*entity))?,
        Op::PointRange { entity, from_ms, to_ms, .. } => {
            [*entity, *from_ms, *to_ms].into_iter().map(int).try_for_each(add)?;
        }
        Op::Window { entity, from_ms, to_ms, every_ms, .. } => {
            [*entity, *from_ms, *to_ms, *every_ms].into_iter().map(int).try_for_each(add)?;
        }
        Op::PointsAbove { threshold, from_ms, to_ms, limit: most, .. } => {
            [int(*from_ms), int(*to_ms), Parameter::Float(*threshold), limit(*most)].into_iter().try_for_each(add)?;
        }
        Op::Batch(_) | Op::Transact(_) | Op::Interactive(_) => return Err(Failure::misplaced(op)),
    }
    Ok(encoded)
}

/// The parameters of a record's row, or of an event's under its stream.
pub(crate) fn record_row<'a>(key: &'a Key, values: &'a [Value]) -> impl Iterator<Item = Parameter<'a>> {
    std::iter::once(Parameter::Key(key)).chain(values.iter().map(Parameter::Value))
}

/// The parameters of a point's row.
pub(crate) fn point_row(point: &Point) -> impl Iterator<Item = Parameter<'_>> {
    let keys = [point.entity, point.at_ms].map(Parameter::Int);
    keys.into_iter().chain(point.metrics.iter().copied().map(Parameter::Float))
}

/// The least number to which `by` may be added without falling below the floor: what is held is compared with it, because
/// the sum itself might not be a 64-bit integer. NULL if no i64 qualifies, so that the comparison is never true.
fn least_held(floor: i64, by: i64) -> Parameter<'static> {
    let least = i128::from(floor) - i128::from(by);
    i64::try_from(least.max(i64::MIN.into())).map_or(Parameter::Null, Parameter::Int)
}

impl FieldList<'_> {
    /// Their positions in a table with so many fields.
    pub(crate) fn positions(&self, fields: usize) -> impl Iterator<Item = usize> {
        let (all, positions, changes): (_, &[usize], &[Change]) = match self {
            FieldList::All => (0..fields, &[], &[]),
            FieldList::Positions(positions) => (0..0, positions, &[]),
            FieldList::Changes(changes) => (0..0, &[], changes),
        };
        all.chain(positions.iter().copied()).chain(changes.iter().map(|change| change.field))
    }

    fn into_static(self) -> FieldList<'static> {
        match self {
            FieldList::All => FieldList::All,
            some => FieldList::Positions(some.positions(0).collect()),
        }
    }
}

impl PartialEq for FieldList<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (FieldList::All, FieldList::All) => true,
            (FieldList::All, _) | (_, FieldList::All) => false,
            (FieldList::Positions(one), FieldList::Positions(other)) => one == other,
            (one, other) => one.positions(0).eq(other.positions(0)),
        }
    }
}

impl<'a> From<&'a Fields> for FieldList<'a> {
    fn from(fields: &'a Fields) -> Self {
        match fields {
            Fields::All => FieldList::All,
            Fields::Some(positions) => FieldList::Positions(positions.into()),
        }
    }
}
