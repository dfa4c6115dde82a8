//! Operations as steps: the statements that an operation becomes, in one request wherever one suffices.
//!
//! A batch of Hrana carries out each step on a condition about the steps before it, so a whole transaction is one round
//! trip, and the write lock, of which a database has one, is never held across the network. Conditions see errors only:
//! a step that found nothing to change is turned into one by a guard after it, a statement that fails then. Nothing is
//! sent from here.

use super::hrana::Condition;
use crate::sql::named::Named;
use crate::sql::sqlite::sql::{self, Shape};
use crate::sql::sqlite::values::{Column, column, key_column};
use crate::{Dataset, Failure, Fields, Key, Matching, Op, Value};

/// A statement with its parameters and the condition on which it is carried out.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) what: What,
    pub(super) named: Named<'a>,
    pub(super) arguments: Vec<Column<'a>>,
    pub(super) wants_rows: bool,
    pub(super) condition: Condition,
}

/// A statement's text apart from the fields that it names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum What {
    /// One of the common statements.
    One(Shape),
    /// One that adds so many rows.
    Rows(Shape, usize),
    /// Fails if the statement before it changed nothing.
    Changed,
    /// Fails if a table lacks a key.
    Present(usize),
}

/// `abs` of the smallest integer is SQLite's plainest error: "integer overflow" (sqlite.org/lang_corefunc.html#abs).
pub(super) fn text(dataset: &Dataset, what: What, fields: &Fields) -> String {
    match what {
        What::One(shape) => sql::text(dataset, shape, fields),
        What::Rows(shape, rows) => sql::text_for_rows(dataset, shape, fields, rows),
        What::Changed => "SELECT abs(CASE changes() WHEN 0 THEN -9223372036854775808 ELSE 0 END)".into(),
        What::Present(table) => {
            let found = sql::text(dataset, Shape::Read(table), &Fields::Some(Vec::new()));
            format!("SELECT abs(CASE WHEN EXISTS ({found}) THEN 0 ELSE -9223372036854775808 END)")
        }
    }
}

impl<'a> Step<'a> {
    pub(super) fn query(shape: Shape, named: Named<'a>, arguments: Vec<Column<'a>>) -> Self {
        Step { what: What::One(shape), named, arguments, wants_rows: true, condition: Condition::Always }
    }

    pub(super) fn change(shape: Shape, named: Named<'a>, arguments: Vec<Column<'a>>) -> Self {
        Step { wants_rows: false, ..Step::query(shape, named, arguments) }
    }

    fn guard(what: What, arguments: Vec<Column<'a>>) -> Self {
        Step { what, named: Named::All, arguments, wants_rows: false, condition: Condition::Always }
    }
}

/// What tells why a bump changed nothing.
pub(super) fn probe(table: usize, key: &Key, field: usize) -> Step<'_> {
    Step::query(Shape::Read(table), Named::One(field), vec![key_column(key)])
}

/// The steps of an operation by itself: one, or one for each [`MOST_ROWS`] rows that it adds.
pub(super) fn steps<'a>(dataset: &Dataset, op: &'a Op) -> Result<Vec<Step<'a>>, Failure> {
    let mut added = Added::default();
    let one = match op {
        Op::Insert { .. } | Op::Append { .. } | Op::InsertPoints { .. } => {
            added.add(dataset, op)?;
            return Ok(added.steps);
        }
        Op::Read { table, key, fields } => {
            Step::query(Shape::Read(*table), Named::Fields(fields), vec![key_column(key)])
        }
        Op::Update { table, key, changes } => {
            let mut arguments = Vec::with_capacity(changes.len() + 1);
            for change in changes {
                arguments.push(column(&change.value)?);
            }
            arguments.push(key_column(key));
            Step::change(Shape::Update(*table), Named::Changed(changes), arguments)
        }
        Op::Delete { table, key } => Step::change(Shape::Delete(*table), Named::All, vec![key_column(key)]),
        Op::Increment { table, key, field, by, floor } => {
            let mut arguments = vec![Column::Integer(*by), key_column(key)];
            arguments.extend(floor.map(Column::Integer));
            let shape = Shape::Bump { table: *table, field: *field, floored: floor.is_some() };
            Step::change(shape, Named::All, arguments)
        }
        Op::Scan { table, from, limit, fields } => {
            Step::query(Shape::Scan(*table), Named::Fields(fields), vec![key_column(from), limited(*limit)])
        }
        Op::Find { table, field, matching, order, limit, fields } => {
            let (equal, mut arguments) = match matching {
                Matching::Equal(value) => (true, vec![column(value)?]),
                Matching::Between(low, high) => (false, vec![column(low)?, column(high)?]),
            };
            arguments.push(limited(*limit));
            let shape = Shape::Find { table: *table, field: *field, equal, order: *order };
            Step::query(shape, Named::Fields(fields), arguments)
        }
        Op::Tail { log, stream, limit } => {
            Step::query(Shape::Tail(*log), Named::All, vec![key_column(stream), limited(*limit)])
        }
        Op::LastPoint { series, entity } => {
            Step::query(Shape::Last(*series), Named::All, vec![Column::Integer(*entity)])
        }
        Op::PointRange { series, entity, from_ms, to_ms } => {
            let arguments = [*entity, *from_ms, *to_ms].map(Column::Integer).to_vec();
            Step::query(Shape::Range(*series), Named::All, arguments)
        }
        Op::Window { series, entity, metric, from_ms, to_ms, every_ms, fold } => {
            let arguments = [*entity, *from_ms, *to_ms, *every_ms].map(Column::Integer).to_vec();
            Step::query(Shape::Window { series: *series, metric: *metric, fold: *fold }, Named::All, arguments)
        }
        Op::PointsAbove { series, metric, threshold, from_ms, to_ms, limit } => {
            let (from, to) = (Column::Integer(*from_ms), Column::Integer(*to_ms));
            let arguments = vec![from, to, Column::Real(*threshold), limited(*limit)];
            Step::query(Shape::Above { series: *series, metric: *metric }, Named::All, arguments)
        }
        Op::Batch(_) | Op::Transact(_) => return Err(Failure::misplaced(op)),
    };
    Ok(vec![one])
}

/// A limit as a parameter. There are fewer rows than the largest integer, so a larger limit means the same.
fn limited(limit: usize) -> Column<'static> {
    Column::Integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// Rows that one statement adds at most: sqld's cost a statement is that of some dozen rows.
pub(super) const MOST_ROWS: usize = 128;

/// Statements that add rows, as many rows as possible each.
#[derive(Debug, Default)]
pub(super) struct Added<'a> {
    pub(super) steps: Vec<Step<'a>>,
}

impl<'a> Added<'a> {
    /// The rows of an operation that adds records, events or points.
    pub(super) fn add(&mut self, dataset: &Dataset, op: &'a Op) -> Result<(), Failure> {
        match op {
            Op::Insert { table, key, record } => {
                self.row(Shape::Insert(*table), 1 + dataset.tables[*table].fields.len(), key_column(key), record)?;
            }
            Op::Append { log, stream, events } => {
                for event in events {
                    self.row(Shape::Append(*log), 1 + dataset.logs[*log].fields.len(), key_column(stream), event)?;
                }
            }
            Op::InsertPoints { series, points } => {
                let width = 2 + dataset.series[*series].metrics.len();
                for point in points {
                    let arguments = self.arguments(Shape::Ingest(*series), width);
                    arguments.extend([point.entity, point.at_ms].map(Column::Integer));
                    arguments.extend(point.metrics.iter().copied().map(Column::Real));
                }
            }
            _ => return Err(Failure::misplaced(op)),
        }
        Ok(())
    }

    fn row(&mut self, shape: Shape, width: usize, key: Column<'a>, values: &'a [Value]) -> Result<(), Failure> {
        let arguments = self.arguments(shape, width);
        arguments.push(key);
        for value in values {
            arguments.push(column(value)?);
        }
        Ok(())
    }

    /// The parameters of the statement that takes the next row.
    fn arguments(&mut self, shape: Shape, width: usize) -> &mut Vec<Column<'a>> {
        /// sqlite.org/limits.html#max_variable_number
        const MOST_PARAMETERS: usize = 32766;
        let most = MOST_ROWS.min(MOST_PARAMETERS / width).max(1);
        let takes = |step: &Step<'_>| matches!(step.what, What::Rows(one, rows) if one == shape && rows < most);
        if !self.steps.last().is_some_and(takes) {
            let step = Step { what: What::Rows(shape, 0), ..Step::change(shape, Named::All, Vec::new()) };
            self.steps.push(step);
        }
        let last = self.steps.len() - 1;
        let step = &mut self.steps[last];
        step.what = match step.what {
            What::Rows(shape, rows) => What::Rows(shape, rows + 1),
            other => other,
        };
        &mut step.arguments
    }
}

/// Where an operation's steps are in a batch.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) steps: std::ops::Range<usize>,
    pub(super) guard: Option<usize>,
    pub(super) probe: Option<usize>,
}

/// A batch: BEGIN, the steps of its operations, COMMIT, and ROLLBACK in case.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) steps: Vec<Step<'a>>,
    /// One for each operation.
    pub(super) places: Vec<Place>,
}

impl<'a> Group<'a> {
    /// The operations as one transaction. `atomic`: what fails or finds nothing undoes it all. Otherwise it ends the
    /// batch and what came before is committed; one commit instead of many is how bulk is written to this store.
    pub(super) fn new(dataset: &Dataset, ops: &'a [Op], atomic: bool) -> Result<Group<'a>, Failure> {
        let writes = ops.iter().any(Op::writes);
        let (mut group, mut last) = (Group::begun(writes), 0);
        for op in ops {
            let first = group.steps.len();
            for step in steps(dataset, op)? {
                last = group.push(step, Condition::Succeeded(last));
            }
            let steps = first..group.steps.len();
            let guard = guard(op).filter(|_| atomic && writes);
            let guard = guard.map(|guard| group.push(guard, Condition::Succeeded(last)));
            let probe = match op {
                Op::Increment { table, key, field, .. } if doubtful(dataset, op) => {
                    let nothing_changed = guard.map_or(Condition::Succeeded(last), Condition::Failed);
                    Some(group.push(probe(*table, key, *field), nothing_changed))
                }
                _ => None,
            };
            last = guard.unwrap_or(last);
            group.places.push(Place { steps, guard, probe });
        }
        group.end(if atomic { Condition::Succeeded(last) } else { Condition::InTransaction });
        Ok(group)
    }

    /// Statements that add rows as one transaction.
    pub(super) fn adding(added: Added<'a>) -> Group<'a> {
        let mut group = Group::begun(true);
        for (last, step) in added.steps.into_iter().enumerate() {
            group.push(step, Condition::Succeeded(last));
        }
        group.end(Condition::Succeeded(group.steps.len() - 1));
        group
    }

    fn begun(writes: bool) -> Group<'a> {
        let begin = Step::change(Shape::Begin { writes }, Named::All, Vec::new());
        Group { steps: vec![begin], places: Vec::new() }
    }

    fn end(&mut self, when: Condition) {
        for (shape, condition) in [(Shape::Commit, when), (Shape::Rollback, Condition::InTransaction)] {
            self.push(Step::change(shape, Named::All, Vec::new()), condition);
        }
    }

    fn push(&mut self, step: Step<'a>, condition: Condition) -> usize {
        self.steps.push(Step { condition, ..step });
        self.steps.len() - 1
    }
}

/// What fails if an operation found nothing.
fn guard(op: &Op) -> Option<Step<'_>> {
    match op {
        Op::Update { .. } | Op::Delete { .. } | Op::Increment { .. } => Some(Step::guard(What::Changed, Vec::new())),
        Op::Read { table, key, .. } => Some(Step::guard(What::Present(*table), vec![key_column(key)])),
        _ => None,
    }
}

/// Whether a bump that changed nothing can mean anything but a missing record.
pub(super) fn doubtful(dataset: &Dataset, op: &Op) -> bool {
    matches!(op, Op::Increment { table, field, floor, .. }
        if floor.is_some() || dataset.tables[*table].fields[*field].optional)
}
