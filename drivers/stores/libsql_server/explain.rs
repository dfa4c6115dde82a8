//! What a session sends for an operation.

use super::hrana::Condition;
use super::steps::{BatchStep, StepStatement, TransactionSteps, steps};
use crate::sql::explain::{count_repeated, probe};
use crate::sql::render::render;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::statement::Statement;
use crate::{Binding, Failure, Op, Sending};

/// The statements, each with the condition on which it is carried out, and the round trips.
pub(super) fn explain(layout: &SqliteLayout, op: &Op) -> Binding {
    if let Op::Interactive(ops) = op {
        return interactive(layout, ops);
    }
    let steps = match op {
        Op::Batch(ops) | Op::Transact(ops) if ops.len() != 1 => transaction(layout, ops, matches!(op, Op::Transact(_))),
        Op::Batch(ops) | Op::Transact(ops) => steps(layout, &ops[0]),
        _ => steps(layout, op).and_then(|steps| match steps.len() {
            0 | 1 => Ok(steps),
            _ => transaction(layout, std::slice::from_ref(op), true),
        }),
    };
    // What cannot be sent takes no round trip.
    let steps = steps.unwrap_or_default();
    let texts: Vec<String> = steps.iter().map(|step| text(layout, step)).collect();
    let mut statements = count_repeated(&texts);
    if let ([_], Some(probe)) = (&steps[..], BatchStep::probe(layout, op)) {
        let probe = probe.statement.text(layout);
        statements.push(format!("{probe} -- in a round trip of its own, only if no row changed, to tell why"));
    }
    let transaction = matches!(op, Op::Transact(ops) if ops.len() > 1).then_some(Sending::Batched);
    Binding { statements, round_trips: u32::from(!steps.is_empty()), transaction }
}

/// A statement a round trip.
fn interactive(layout: &SqliteLayout, ops: &[Op]) -> Binding {
    if ops.is_empty() {
        return Binding::default();
    }
    let control = |statement| render(layout, &statement).text;
    let mut statements = vec![control(Statement::Begin { writes: ops.iter().any(Op::writes) })];
    let mut round_trips = 2;
    for op in ops {
        let steps = steps(layout, op).unwrap_or_default();
        round_trips += u32::from(!steps.is_empty());
        statements.extend(steps.iter().map(|step| step.statement.text(layout)));
        statements.extend(BatchStep::probe(layout, op).map(|step| probe(&step.statement.text(layout))));
    }
    statements.push(format!("{} -- or ROLLBACK, when one is refused or fails", control(Statement::Commit)));
    Binding { statements: count_repeated(&statements), round_trips, transaction: Some(Sending::Interactive) }
}

fn transaction<'a>(layout: &SqliteLayout, ops: &'a [Op], atomic: bool) -> Result<Vec<BatchStep<'a>>, Failure> {
    if ops.is_empty() { Ok(Vec::new()) } else { Ok(TransactionSteps::new(layout, ops, atomic)?.steps) }
}

fn text(layout: &SqliteLayout, step: &BatchStep<'_>) -> String {
    let text = step.statement.text(layout);
    match (step.condition, &step.statement) {
        (Condition::Failed(_), _) => format!("{text} -- only if the statement before it failed"),
        (Condition::InTransaction, StepStatement::Common(Statement::Rollback)) => {
            format!("{text} -- only if a transaction is open")
        }
        _ => text,
    }
}
