//! What is sent for an operation, as text: the very commands of `commands.rs` and `changes.rs`, with `?` for
//! parameters.

use mongodb::bson::RawDocumentBuf;

use super::changes::{added, share};
use super::commands::{Acknowledged, Commands};
use super::layout::Layout;
use super::session::key_of;
use super::writer::told;
use crate::{Binding, Failure, Fields, Op};

/// The commands of an operation and its round trips when nothing is refused or taken.
pub(super) fn binding(layout: &Layout, acknowledged: Acknowledged, op: &Op) -> Binding {
    let (ops, within) = match op {
        Op::Transact(ops) => (ops.as_slice(), true),
        Op::Batch(ops) => (ops.as_slice(), false),
        _ => (std::slice::from_ref(op), false),
    };
    let written = Commands { layout, acknowledged: (!within).then_some(acknowledged), told: true };
    let mut statements = Vec::new();
    let mut round_trips = 0;
    for run in ops.chunk_by(share) {
        let sent = commands(written, run).unwrap_or_default();
        round_trips += sent.len() as u32;
        statements.extend(sent.iter().map(|command| told(command)));
        statements.extend(perhaps(written, run).unwrap_or_default());
    }
    if within && !ops.is_empty() {
        let concern = concern_of(acknowledged);
        statements
            .push(format!("{{commitTransaction: 1, writeConcern: {concern}}} -- abortTransaction if one is refused"));
        round_trips += 1;
    }
    Binding { statements, round_trips }
}

fn concern_of(acknowledged: Acknowledged) -> String {
    let mut writer = super::writer::Writer::told();
    acknowledged.write(&mut writer);
    writer.finish().map(|concern| told(&concern)).unwrap_or_default()
}

/// The command that operations share, or several if one message does not take them all.
pub(super) fn commands(commands: Commands<'_>, run: &[Op]) -> Result<Vec<RawDocumentBuf>, Failure> {
    let mut sent = Vec::new();
    match &run[0] {
        Op::Insert { .. } | Op::Append { .. } | Op::InsertPoints { .. } => {
            let mut documents = added(run).peekable();
            let ordered = !matches!(run[0], Op::InsertPoints { .. });
            while documents.peek().is_some() {
                sent.push(commands.insert(&mut documents, ordered)?.0);
            }
        }
        Op::Update { table, .. } | Op::Increment { table, .. } => {
            let mut ops = run.iter().peekable();
            while ops.peek().is_some() {
                sent.push(commands.update(*table, &mut ops)?.0);
            }
        }
        Op::Delete { table, .. } => {
            let mut keys = run.iter().map(key_of).peekable();
            while keys.peek().is_some() {
                sent.push(commands.delete(*table, &mut keys)?.0);
            }
        }
        Op::Read { table, fields, .. } => sent.push(commands.read(*table, run.iter().map(key_of), fields)?),
        Op::Scan { table, from, limit, fields } => sent.push(commands.scan(*table, from, *limit, fields)?),
        Op::Find { table, field, matching, order, limit, fields } => {
            sent.push(commands.find(*table, *field, matching, *order, *limit, fields)?);
        }
        Op::Tail { log, stream, limit } => sent.push(commands.tail(*log, stream, *limit)?),
        op @ (Op::LastPoint { .. } | Op::PointRange { .. } | Op::Window { .. } | Op::PointsAbove { .. }) => {
            sent.push(commands.points(op)?);
        }
        Op::Batch(_) | Op::Transact(_) => {}
    }
    Ok(sent)
}

/// What is sent only where the first command did not do it all.
fn perhaps(commands: Commands<'_>, run: &[Op]) -> Result<Option<String>, Failure> {
    let bumped = |op: &Op| if let Op::Increment { field, .. } = op { Some(*field) } else { None };
    Ok(match &run[0] {
        Op::Update { table, .. } | Op::Increment { table, .. } => {
            let fields = Fields::Some(run.iter().filter_map(bumped).collect());
            let probe = told(&commands.read(*table, run.iter().map(key_of), &fields)?);
            Some(format!("{probe} -- only if fewer records matched, to tell why"))
        }
        Op::InsertPoints { series, points } if commands.layout.series[*series].is_unique() => {
            let replacing = told(&commands.replace(*series, &mut points.iter().take(1).peekable())?.0);
            Some(format!("{replacing} -- only for points whose instant is taken"))
        }
        _ => None,
    })
}
