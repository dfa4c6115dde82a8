//! Operations as steps: the statements that an operation becomes, in one request wherever one suffices.
//!
//! A batch of Hrana carries out each step on a condition about the steps before it, so a whole transaction is one round
//! trip, and the write lock, of which a database has one, is never held across the network. Conditions see errors only:
//! a step that found nothing to change is turned into one by a guard after it, a statement that fails then. Nothing is
//! sent from here.

use super::hrana::Condition;
use crate::sql::outcome::needs_probe;
use crate::sql::render::render;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::sqlite::values::{SqliteValue, encode, encode_key};
use crate::sql::statement::{FieldList, Parameter, Statement, parameters, point_row, record_row};
use crate::{Dataset, Failure, Op};

/// A statement with its parameters and the condition on which it is carried out.
#[derive(Debug)]
pub(super) struct BatchStep<'a> {
    pub(super) statement: StepStatement<'a>,
    pub(super) arguments: Vec<SqliteValue<'a>>,
    pub(super) wants_rows: bool,
    pub(super) condition: Condition,
}

/// The statement of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum StepStatement<'a> {
    /// Of an operation, or of a transaction.
    Common(Statement<'a>),
    /// Fails if the statement before it changed nothing.
    Changed,
    /// Fails if a table lacks a key.
    Present { table: usize },
}

impl StepStatement<'_> {
    /// `abs` of the smallest integer is SQLite's plainest error: "integer overflow" (sqlite.org/lang_corefunc.html#abs).
    pub(super) fn text(&self, layout: &SqliteLayout) -> String {
        match self {
            StepStatement::Common(statement) => render(layout, statement).text,
            StepStatement::Changed => "SELECT abs(CASE changes() WHEN 0 THEN -9223372036854775808 ELSE 0 END)".into(),
            StepStatement::Present { table } => {
                let nothing = FieldList::Positions((&[][..]).into());
                let found = render(layout, &Statement::Read { table: *table, fields: nothing }).text;
                format!("SELECT abs(CASE WHEN EXISTS ({found}) THEN 0 ELSE -9223372036854775808 END)")
            }
        }
    }

    /// The same, to be kept beyond the operation.
    pub(super) fn into_static(self) -> StepStatement<'static> {
        match self {
            StepStatement::Common(statement) => StepStatement::Common(statement.into_static()),
            StepStatement::Changed => StepStatement::Changed,
            StepStatement::Present { table } => StepStatement::Present { table },
        }
    }
}

impl<'a> BatchStep<'a> {
    fn new(statement: Statement<'a>, arguments: Vec<SqliteValue<'a>>, wants_rows: bool) -> Self {
        let statement = StepStatement::Common(statement);
        BatchStep { statement, arguments, wants_rows, condition: Condition::Always }
    }

    /// What begins or ends a transaction.
    pub(super) fn control(statement: Statement<'a>) -> Self {
        BatchStep::new(statement, Vec::new(), false)
    }

    /// What ends a transaction without a change, if one is open.
    pub(super) fn rollback() -> Self {
        BatchStep { condition: Condition::InTransaction, ..BatchStep::control(Statement::Rollback) }
    }

    /// What tells why an increment changed nothing. None if only a missing record can explain it.
    pub(super) fn probe(dataset: &Dataset, op: &'a Op) -> Option<Self> {
        let (statement, key) = Statement::probe(op).filter(|_| needs_probe(dataset, op))?;
        Some(BatchStep::new(statement, vec![encode_key(key)], true))
    }

    /// What fails if an operation found nothing.
    fn guard(op: &'a Op) -> Option<Self> {
        let (statement, arguments) = match op {
            Op::Update { .. } | Op::Delete { .. } | Op::Increment { .. } => (StepStatement::Changed, Vec::new()),
            Op::Read { table, key, .. } => (StepStatement::Present { table: *table }, vec![encode_key(key)]),
            _ => return None,
        };
        Some(BatchStep { statement, arguments, wants_rows: false, condition: Condition::Always })
    }
}

/// The steps of an operation by itself: one, or one for each [`MOST_ROWS`] rows that it adds.
pub(super) fn steps<'a>(dataset: &Dataset, op: &'a Op) -> Result<Vec<BatchStep<'a>>, Failure> {
    if matches!(op, Op::Insert { .. } | Op::Append { .. } | Op::InsertPoints { .. }) {
        let mut inserts = Inserts::default();
        inserts.add(dataset, op)?;
        return Ok(inserts.steps);
    }
    Ok(vec![BatchStep::new(Statement::of(op)?, parameters(op, encode)?, !op.writes())])
}

/// Rows that one statement adds at most: sqld's cost a statement is that of some dozen rows.
pub(super) const MOST_ROWS: usize = 128;

/// Statements that add rows, as many rows as possible each.
#[derive(Debug, Default)]
pub(super) struct Inserts<'a> {
    pub(super) steps: Vec<BatchStep<'a>>,
}

impl<'a> Inserts<'a> {
    /// The rows of an operation that adds records, events or points.
    pub(super) fn add(&mut self, dataset: &Dataset, op: &'a Op) -> Result<(), Failure> {
        match op {
            Op::Insert { table, key, record } => {
                let width = 1 + dataset.tables[*table].fields.len();
                self.row(|rows| Statement::Insert { table: *table, rows }, width, record_row(key, record))
            }
            Op::Append { log, stream, events } => {
                let width = 1 + dataset.logs[*log].fields.len();
                let statement = |rows| Statement::Append { log: *log, rows };
                events.iter().try_for_each(|event| self.row(statement, width, record_row(stream, event)))
            }
            Op::InsertPoints { series, points } => {
                let width = 2 + dataset.series[*series].metrics.len();
                let statement = |rows| Statement::InsertPoints { series: *series, rows };
                points.iter().try_for_each(|point| self.row(statement, width, point_row(point)))
            }
            _ => Err(Failure::misplaced(op)),
        }
    }

    /// Adds a row to the last statement, if that adds rows of the same kind and takes one more, or to another one.
    fn row(
        &mut self,
        statement: impl Fn(usize) -> Statement<'static>,
        width: usize,
        row: impl Iterator<Item = Parameter<'a>>,
    ) -> Result<(), Failure> {
        /// sqlite.org/limits.html#max_variable_number
        const MOST_PARAMETERS: usize = 32766;
        let most = MOST_ROWS.min(MOST_PARAMETERS / width).max(1);
        let rows = self.steps.last().map_or(0, |step| step.arguments.len() / width);
        let takes = |step: &BatchStep<'_>| rows < most && step.statement == StepStatement::Common(statement(rows));
        if self.steps.last().is_some_and(takes) {
            let last = self.steps.len() - 1;
            self.steps[last].statement = StepStatement::Common(statement(rows + 1));
        } else {
            self.steps.push(BatchStep::new(statement(1), Vec::new(), false));
        }
        let last = self.steps.len() - 1;
        for parameter in row {
            self.steps[last].arguments.push(encode(parameter)?);
        }
        Ok(())
    }
}

/// Where an operation's steps are in a transaction.
#[derive(Debug)]
pub(super) struct StepPositions {
    pub(super) own: std::ops::Range<usize>,
    pub(super) guard: Option<usize>,
    pub(super) probe: Option<usize>,
}

/// BEGIN, the steps of operations, COMMIT, and ROLLBACK in case.
#[derive(Debug)]
pub(super) struct TransactionSteps<'a> {
    pub(super) steps: Vec<BatchStep<'a>>,
    /// One for each operation.
    pub(super) positions: Vec<StepPositions>,
}

impl<'a> TransactionSteps<'a> {
    /// The operations as one transaction. `atomic`: what fails or finds nothing undoes it all. Otherwise it ends the
    /// batch and what came before is committed; one commit instead of many is how bulk is written to this store.
    pub(super) fn new(dataset: &Dataset, ops: &'a [Op], atomic: bool) -> Result<Self, Failure> {
        let writes = ops.iter().any(Op::writes);
        let (mut transaction, mut last) = (TransactionSteps::begin(writes), 0);
        for op in ops {
            let first = transaction.steps.len();
            for step in steps(dataset, op)? {
                last = transaction.push(step, Condition::Succeeded(last));
            }
            let own = first..transaction.steps.len();
            let guard = BatchStep::guard(op).filter(|_| atomic && writes);
            let guard = guard.map(|guard| transaction.push(guard, Condition::Succeeded(last)));
            let nothing_changed = guard.map_or(Condition::Succeeded(last), Condition::Failed);
            let probe = BatchStep::probe(dataset, op).map(|probe| transaction.push(probe, nothing_changed));
            last = guard.unwrap_or(last);
            transaction.positions.push(StepPositions { own, guard, probe });
        }
        transaction.end(if atomic { Condition::Succeeded(last) } else { Condition::InTransaction });
        Ok(transaction)
    }

    /// Statements that add rows as one transaction.
    pub(super) fn inserting(inserts: Inserts<'a>) -> Self {
        let mut transaction = TransactionSteps::begin(true);
        for (last, step) in inserts.steps.into_iter().enumerate() {
            transaction.push(step, Condition::Succeeded(last));
        }
        transaction.end(Condition::Succeeded(transaction.steps.len() - 1));
        transaction
    }

    fn begin(writes: bool) -> Self {
        let begin = BatchStep::control(Statement::Begin { writes });
        TransactionSteps { steps: vec![begin], positions: Vec::new() }
    }

    fn end(&mut self, when: Condition) {
        self.push(BatchStep::control(Statement::Commit), when);
        self.push(BatchStep::rollback(), Condition::InTransaction);
    }

    fn push(&mut self, step: BatchStep<'a>, condition: Condition) -> usize {
        self.steps.push(BatchStep { condition, ..step });
        self.steps.len() - 1
    }
}
