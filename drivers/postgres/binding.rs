//! What a session sends for an operation, told in the words that are sent.

use super::batch::is_grouped;
use super::request::shape;
use super::sql::{self, Shape};
use super::talk::{decides, has_reasons};
use crate::{Binding, Change, Dataset, Fields, Op};

/// The statements of an operation, in order, and its round trips. Equal neighbours are written once, with their number.
/// Preparing is left out: it happens once a session and statement.
pub(super) fn binding(dataset: &Dataset, op: &Op) -> Binding {
    let sent = statements(dataset, op);
    let runs = sent.chunk_by(|one, next| one == next);
    let told =
        runs.map(|run| if run.len() == 1 { run[0].clone() } else { format!("{} -- {} times", run[0], run.len()) });
    let round_trips = match op {
        _ if sent.is_empty() => 0,
        Op::Transact(ops) if decides(ops) => 2,
        _ => 1,
    };
    Binding { statements: told.collect(), round_trips }
}

fn statements(dataset: &Dataset, op: &Op) -> Vec<String> {
    match op {
        Op::Batch(ops) => {
            let each = ops.iter().flat_map(|op| {
                let probe = has_reasons(dataset, op).then(|| probe(dataset, op)).flatten();
                single(dataset, op).into_iter().chain(probe)
            });
            let (begin, commit) = if is_grouped(ops) { (Some("BEGIN"), Some("COMMIT")) } else { (None, None) };
            begin.into_iter().map(str::to_owned).chain(each).chain(commit.map(str::to_owned)).collect()
        }
        Op::Transact(ops) => {
            let each = ops.iter().filter_map(|op| single(dataset, op));
            let end = if decides(ops) {
                "COMMIT -- in a second round trip, or ROLLBACK, when all replies are seen"
            } else {
                "COMMIT"
            };
            std::iter::once("BEGIN".to_owned()).chain(each).chain([end.to_owned()]).collect()
        }
        _ => {
            let probe = has_reasons(dataset, op).then(|| probe(dataset, op)).flatten();
            let probe = probe.map(|probe| format!("{probe} -- only if no row changed, to tell why"));
            single(dataset, op).into_iter().chain(probe).collect()
        }
    }
}

fn single(dataset: &Dataset, op: &Op) -> Option<String> {
    let (shape, _) = shape(op).ok()??;
    Some(sql::sql(dataset, shape, &named(op)).text)
}

fn probe(dataset: &Dataset, op: &Op) -> Option<String> {
    let Op::Bump { table, field, .. } = op else { return None };
    Some(sql::sql(dataset, Shape::Read(*table), &Fields::Some(vec![*field])).text)
}

fn named(op: &Op) -> Fields {
    match op {
        Op::Read { fields, .. } | Op::Scan { fields, .. } | Op::Find { fields, .. } => fields.clone(),
        Op::Update { changes, .. } => Fields::Some(changes.iter().map(|Change { field, .. }| *field).collect()),
        _ => Fields::All,
    }
}
