//! What a session sends for an operation.

use crate::Op;
use crate::sql::explain::{count_repeated, probe};
use crate::sql::outcome::needs_probe;
use crate::sql::render::render;
use crate::sql::sqlite::dialect::SqliteLayout;
use crate::sql::statement::Statement;

/// Whether an operation is sent within BEGIN and COMMIT. A single statement is a transaction by itself.
///
/// A batch is too, although it need not be atomic: one commit instead of many is how bulk is written to this store.
pub(super) fn is_grouped(op: &Op) -> bool {
    match op {
        Op::Batch(_) | Op::Transact(_) | Op::Interactive(_) => true,
        Op::Append { events, .. } => events.len() > 1,
        Op::InsertPoints { points, .. } => points.len() > 1,
        _ => false,
    }
}

/// The statements in the order in which they are sent.
pub(super) fn explain(layout: &SqliteLayout, op: &Op) -> Vec<String> {
    let mut statements = statements(layout, op);
    if is_grouped(op) {
        statements.insert(0, render(layout, &Statement::Begin { writes: op.writes() }).text);
        statements.push(render(layout, &Statement::Commit).text);
    }
    count_repeated(&statements)
}

fn statements(layout: &SqliteLayout, op: &Op) -> Vec<String> {
    let text = |statement| render(layout, &statement).text;
    match op {
        Op::Batch(ops) | Op::Transact(ops) | Op::Interactive(ops) => {
            ops.iter().flat_map(|op| statements(layout, op)).collect()
        }
        Op::Append { log, events, .. } => vec![text(Statement::Append { log: *log, rows: 1 }); events.len()],
        Op::InsertPoints { series, points } => {
            vec![text(Statement::InsertPoints { series: *series, rows: 1 }); points.len()]
        }
        _ => {
            let own = Statement::of(op).ok().map(text);
            let probed = Statement::probe(op).filter(|_| needs_probe(layout, op));
            own.into_iter().chain(probed.map(|(statement, _)| probe(&text(statement)))).collect()
        }
    }
}
