//! What is sent for an operation, as text: the very commands that a session sends, with `?` for parameters.

use mongodb::bson::{RawBson, RawBsonRef, RawDocument, RawDocumentBuf};

use super::commands::{CommandBuilder, share_command};
use super::durability::WriteConcern;
use super::encode::PLACEHOLDER;
use super::layout::Layout;
use super::write_commands::statement_count;
use crate::{Binding, Failure, Fields, Op, Sending};

/// The commands of an operation, and its round trips when nothing is refused and no instant is taken.
pub(super) fn explain(layout: &Layout, write_concern: WriteConcern, op: &Op) -> Binding {
    let (ops, is_transaction) = match op {
        Op::Transact(ops) | Op::Interactive(ops) => (ops.as_slice(), true),
        Op::Batch(ops) => (ops.as_slice(), false),
        _ => (std::slice::from_ref(op), false),
    };
    let runs: Vec<&[Op]> = match op {
        Op::Interactive(ops) => ops.chunks(1).collect(),
        _ => ops.chunk_by(share_command).collect(),
    };
    let write_concern_of_each = (!is_transaction).then_some(write_concern);
    let builder =
        CommandBuilder { layout, write_concern: write_concern_of_each, snapshot_at: None, has_placeholders: true };
    let mut statements = Vec::new();
    let mut round_trips = 0;
    for run in runs {
        let commands = commands(builder, run).unwrap_or_default();
        round_trips += commands.len() as u32;
        statements.extend(commands.iter().map(|command| render(command)));
        statements.extend(follow_up(builder, run).unwrap_or_default());
    }
    if is_transaction && !ops.is_empty() {
        statements.push(format!(
            "{{commitTransaction: 1, writeConcern: {write_concern}}} -- abortTransaction if one is refused"
        ));
        round_trips += 1;
    }
    // The replies to commands are waited for in any case: the protocol has no pipelines.
    let transaction = (is_transaction && !ops.is_empty()).then_some(Sending::Interactive);
    Binding { statements, round_trips, transaction }
}

/// The command that the operations of a run share, or several if one message does not take them all.
pub(super) fn commands(builder: CommandBuilder<'_>, run: &[Op]) -> Result<Vec<RawDocumentBuf>, Failure> {
    match &run[0] {
        Op::Batch(_) | Op::Transact(_) | Op::Interactive(_) => Ok(Vec::new()),
        Op::Read { table, fields, .. } => Ok(vec![builder.read(*table, run, fields)?]),
        op if !op.writes() => Ok(vec![builder.query(op)?]),
        _ => {
            let (mut commands, mut written, total) = (Vec::new(), 0, statement_count(run));
            while written < total {
                let (command, count) = builder.write(run, written)?;
                commands.push(command);
                written += count;
            }
            Ok(commands)
        }
    }
}

/// What is sent only where the first command did not do it all.
fn follow_up(builder: CommandBuilder<'_>, run: &[Op]) -> Result<Option<String>, Failure> {
    Ok(match &run[0] {
        Op::Update { table, .. } | Op::Increment { table, .. } => {
            let incremented = |op: &Op| if let Op::Increment { field, .. } = op { Some(*field) } else { None };
            let fields = Fields::Some(run.iter().filter_map(incremented).collect());
            let read = render(&builder.read(*table, run, &fields)?);
            Some(format!("{read} -- only if fewer records matched, to tell why"))
        }
        Op::InsertPoints { series, points } if builder.layout.series[*series].is_unique() => {
            let replace = render(&builder.replace(*series, &mut points.iter().take(1).peekable())?.0);
            Some(format!("{replace} -- only for points whose instant is taken"))
        }
        _ => None,
    })
}

/// A command as the shell writes it. Equal neighbours in a list are written once, with their number.
fn render(command: &RawDocument) -> String {
    let element = |name: &str, value| {
        let quote = if name.contains('.') { "\"" } else { "" };
        format!("{quote}{name}{quote}: {}", render_value(value))
    };
    let elements = command.iter().flatten().map(|(name, value)| element(name.as_str(), value));
    format!("{{{}}}", elements.collect::<Vec<_>>().join(", "))
}

fn render_value(value: RawBsonRef<'_>) -> String {
    match value {
        RawBsonRef::Document(document) => render(document),
        RawBsonRef::Array(array) => {
            let elements: Vec<String> = array.into_iter().flatten().map(render_value).collect();
            let runs = elements.chunk_by(|first, second| first == second).map(|run| match run.len() {
                1 => run[0].clone(),
                count => format!("{} x {count}", run[0]),
            });
            format!("[{}]", runs.collect::<Vec<_>>().join(", "))
        }
        RawBsonRef::String(PLACEHOLDER) => PLACEHOLDER.into(),
        RawBsonRef::String(text) => format!("\"{text}\""),
        RawBsonRef::Int64(number) => number.to_string(),
        RawBsonRef::Boolean(flag) => flag.to_string(),
        RawBsonRef::Timestamp(_) => "Timestamp(0, 0)".into(),
        RawBsonRef::MinKey => "MinKey".into(),
        RawBsonRef::MaxKey => "MaxKey".into(),
        other => format!("{:?}", RawBson::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::mongodb::encode::DocumentWriter;
    use crate::{Key, Value};

    #[test]
    fn a_command_is_rendered_without_its_parameters_and_with_repetitions_counted() {
        let mut writer = DocumentWriter::with_placeholders();
        writer.text("insert", "people");
        writer.array("documents", |list| {
            (0..3).for_each(|at| list.document(at, |document| document.value("name", &Value::Text("Ada".into()))));
        });
        writer.document("filter", |filter| {
            filter.key("a.b", &Key::Int(1));
            filter.array("list", |list| (0..3).for_each(|at| list.int(at, 9 + at as i64)));
        });
        assert_eq!(
            render(&writer.finish().expect("a document")),
            r#"{insert: "people", documents: [{name: ?} x 3], filter: {"a.b": ?, list: [9, 10, 11]}}"#
        );
    }
}
