//! What a session sends for an operation.

use super::batch::is_grouped;
use super::dialect::PostgresLayout;
use super::executor::decided_by_replies;
use super::statement::PgStatement;
use crate::sql::explain;
use crate::sql::outcome::needs_probe;
use crate::sql::statement::Statement;
use crate::{Binding, Op, Sending};

/// The statements of an operation, in order, and its round trips. Preparing is left out: it happens once a session and
/// statement.
pub(super) fn explain(layout: &PostgresLayout, op: &Op) -> Binding {
    let statements = statements(layout, op);
    let round_trips = match op {
        _ if statements.is_empty() => 0,
        Op::Transact(ops) if decided_by_replies(ops) => 2,
        Op::Interactive(ops) => 2 + ops.iter().map(|op| single(layout, op).len() as u32).sum::<u32>(),
        _ => 1,
    };
    let transaction = match op {
        Op::Transact(_) => Some(Sending::Pipelined),
        Op::Interactive(_) => Some(Sending::Interactive),
        _ => None,
    };
    Binding { statements: explain::count_repeated(&statements), round_trips, transaction }
}

fn statements(layout: &PostgresLayout, op: &Op) -> Vec<String> {
    match op {
        Op::Batch(ops) if ops.len() == 1 => statements(layout, &ops[0]),
        Op::Batch(ops) => batch(layout, ops),
        _ if layout.dialect.items.has_follow_ups(layout, op) => batch(layout, std::slice::from_ref(op)),
        Op::Transact(ops) => {
            let each = ops.iter().flat_map(|op| single(layout, op));
            let end = if decided_by_replies(ops) {
                "COMMIT -- in a second round trip, or ROLLBACK, when all replies are seen"
            } else {
                "COMMIT"
            };
            std::iter::once("BEGIN".to_owned()).chain(each).chain([end.to_owned()]).collect()
        }
        Op::Interactive(ops) => {
            let each = ops.iter().flat_map(|op| with_probe(layout, op));
            let end = "COMMIT -- or ROLLBACK, when one is refused or fails";
            std::iter::once("BEGIN".to_owned()).chain(each).chain([end.to_owned()]).collect()
        }
        _ => with_probe(layout, op),
    }
}

fn with_probe(layout: &PostgresLayout, op: &Op) -> Vec<String> {
    let probe = probe(layout, op).map(|probe| explain::probe(&probe));
    single(layout, op).into_iter().chain(probe).collect()
}

fn batch(layout: &PostgresLayout, ops: &[Op]) -> Vec<String> {
    let each = ops.iter().flat_map(|op| single(layout, op).into_iter().chain(probe(layout, op)));
    let (begin, commit) = if is_grouped(layout, ops) { (Some("BEGIN"), Some("COMMIT")) } else { (None, None) };
    begin.into_iter().map(str::to_owned).chain(each).chain(commit.map(str::to_owned)).collect()
}

/// The statements of a single operation, without its probe.
fn single(layout: &PostgresLayout, op: &Op) -> Vec<String> {
    let mut own = PgStatement::of(op).ok().flatten().map(|statement| statement.sql(layout).text);
    if let (Op::Delete { table, .. }, Some(own)) = (op, &mut own) {
        own.push_str(layout.dialect.items.delete_comment(&layout.tables[*table]));
    }
    let follow_ups = layout.dialect.items.follow_ups(layout, op).unwrap_or_default();
    let follow_ups = follow_ups.iter().map(|follow_up| PgStatement::Items(follow_up.statement).sql(layout).text);
    own.into_iter().chain(follow_ups).collect()
}

/// The text of what is asked to tell why an increment changed nothing.
fn probe(layout: &PostgresLayout, op: &Op) -> Option<String> {
    let (statement, _) = Statement::probe(op).filter(|_| needs_probe(layout, op))?;
    Some(PgStatement::Common(statement).sql(layout).text)
}
