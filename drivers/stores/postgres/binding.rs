//! What a session sends for an operation, told in the words that are sent.

use super::batch::is_grouped;
use super::children::Child;
use super::laid::Laid;
use super::request::{replaced, shape};
use super::sql::{self, Shape};
use super::talk::{decides, has_reasons};
use crate::{Binding, Change, Fields, Op};

/// The statements of an operation, in order, and its round trips. Equal neighbours are written once, with their number.
/// Preparing is left out: it happens once a session and statement.
pub(super) fn binding(laid: &Laid, op: &Op) -> Binding {
    let sent = statements(laid, op);
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

fn statements(laid: &Laid, op: &Op) -> Vec<String> {
    match op {
        Op::Batch(ops) if ops.len() == 1 => statements(laid, &ops[0]),
        Op::Batch(ops) => batch(laid, ops),
        _ if replaced(laid, op).next().is_some() => batch(laid, std::slice::from_ref(op)),
        Op::Transact(ops) => {
            let each = ops.iter().flat_map(|op| single(laid, op));
            let end = if decides(ops) {
                "COMMIT -- in a second round trip, or ROLLBACK, when all replies are seen"
            } else {
                "COMMIT"
            };
            std::iter::once("BEGIN".to_owned()).chain(each).chain([end.to_owned()]).collect()
        }
        _ => {
            let probe = has_reasons(laid, op).then(|| probe(laid, op)).flatten();
            let probe = probe.map(|probe| format!("{probe} -- only if no row changed, to tell why"));
            single(laid, op).into_iter().chain(probe).collect()
        }
    }
}

fn batch(laid: &Laid, ops: &[Op]) -> Vec<String> {
    let each = ops.iter().flat_map(|op| {
        let probe = has_reasons(laid, op).then(|| probe(laid, op)).flatten();
        single(laid, op).into_iter().chain(probe)
    });
    let (begin, commit) = if is_grouped(laid, ops) { (Some("BEGIN"), Some("COMMIT")) } else { (None, None) };
    begin.into_iter().map(str::to_owned).chain(each).chain(commit.map(str::to_owned)).collect()
}

/// The statements of a single operation, without its probe.
fn single(laid: &Laid, op: &Op) -> Vec<String> {
    let mut own = shape(op).ok().flatten().map(|(shape, _)| sql::sql(laid, shape, &named(op)).text);
    if let (Op::Delete { table, .. }, Some(own)) = (op, &mut own)
        && laid.children(*table).next().is_some()
    {
        own.push_str(" -- with its items, by their foreign key");
    }
    let replacing = replaced(laid, op).flat_map(|(Child { table, field, .. }, ..)| {
        let shapes = [Shape::Clear { table, field }, Shape::Fill { table, field }];
        shapes.map(|shape| sql::sql(laid, shape, &Fields::All).text)
    });
    own.into_iter().chain(replacing).collect()
}

fn probe(laid: &Laid, op: &Op) -> Option<String> {
    let Op::Increment { table, field, .. } = op else { return None };
    Some(sql::sql(laid, Shape::Read(*table), &Fields::Some(vec![*field])).text)
}

fn named(op: &Op) -> Fields {
    match op {
        Op::Read { fields, .. } | Op::Scan { fields, .. } | Op::Find { fields, .. } => fields.clone(),
        Op::Update { changes, .. } => Fields::Some(changes.iter().map(|Change { field, .. }| *field).collect()),
        _ => Fields::All,
    }
}
