//! Replies of the server as rows and outcomes. They are read to the last value: anything but what the command answers is a
//! failure. Replies about records are read by their layout; what is sent is in `encode.rs`.

use std::fmt::Display;

use compact_str::CompactString;
use redis::Value as Reply;

use super::encode::command_count;
use super::failure::server_failure;
use super::layout::{Layout, PLACEHOLDER_FIELD, RowSink};
use super::series;
use crate::seam::op::OpSubject;
use crate::support::json;
use crate::{Failure, Field, Fold, Key, KeyKind, Kind, Op, Outcome, Value};

/// Reads the replies to an operation's commands.
pub(super) fn decode(
    layout: &Layout,
    op: &Op,
    replies: &mut dyn Iterator<Item = Reply>,
    sink: &mut RowSink<'_>,
) -> Result<Outcome, Failure> {
    let count = command_count(op);
    if count == 0 {
        return Ok(Outcome::Applied);
    }
    if let Op::Append { .. } | Op::InsertPoints { .. } = op {
        for _ in 0..count {
            match next_reply(op, replies)? {
                Reply::BulkString(_) | Reply::Int(_) => {}
                other => return Err(unexpected(op.verb(), &other)),
            }
        }
        return Ok(Outcome::Applied);
    }
    let reply = next_reply(op, replies)?;
    match op {
        Op::Tail { log, stream, .. } => {
            for entry in array(op, reply)? {
                read_event(layout, *log, stream, entry, sink)?;
            }
        }
        Op::LastPoint { series, entity } | Op::PointRange { series, entity, .. } => {
            let points = array(op, reply)?;
            let declared = &layout.dataset.series[*series];
            if points.is_empty() && matches!(op, Op::LastPoint { .. }) {
                return Err(Failure::missing(format_args!("{} {entity}", declared.name)));
            }
            for point in points {
                let point = series::read_point(&bytes("a point", point)?, declared.metrics.len())?;
                sink(Key::Int(*entity), point);
            }
        }
        Op::Window { entity, fold, .. } => {
            let packed = bytes(op.verb(), reply)?;
            if packed.len() % 16 != 0 {
                return Err(Failure::broken(format!("redis answered {} bytes for buckets", packed.len())));
            }
            let mut floats = series::floats(&packed);
            while let (Some(start), Some(folded)) = (floats.next(), floats.next()) {
                let folded = match fold {
                    Fold::Count => Value::Int(folded as i64),
                    _ => Value::Float(folded),
                };
                sink(Key::Int(*entity), vec![Value::Time(start as i64), folded]);
            }
        }
        Op::PointsAbove { series, .. } => {
            for member in array(op, reply)? {
                read_point_of_all(layout, *series, member, sink)?;
            }
        }
        _ => return layout.records.decode(layout, op, reply, sink),
    }
    Ok(Outcome::Applied)
}

/// Reads an event of a stream.
pub(super) fn read_event(
    layout: &Layout,
    log: usize,
    stream: &Key,
    entry: Reply,
    sink: &mut RowSink<'_>,
) -> Result<(), Failure> {
    let declared = &layout.dataset.logs[log].fields;
    let Reply::Array(entry) = entry else { return Err(unexpected("an event", &entry)) };
    let Ok([_, Reply::Array(pairs)]) = <[Reply; 2]>::try_from(entry) else {
        return Err(Failure::broken("redis returned something that is not an event"));
    };
    let mut event = vec![Value::Null; declared.len()];
    let (mut at, mut pairs) = (0, pairs.into_iter());
    while let (Some(Reply::BulkString(name)), Some(reply)) = (pairs.next(), pairs.next()) {
        // They come in the order in which they were written: the declared order without the absent ones.
        let position = declared[at..].iter().position(|field| field.name.as_bytes() == name);
        match position {
            Some(position) => {
                at += position;
                event[at] = read_value(reply, &declared[at])?;
                at += 1;
            }
            None if name == PLACEHOLDER_FIELD.as_bytes() => {}
            None => return Err(Failure::broken("redis answered an event with a field that is not declared")),
        }
    }
    let is_lacking = |(field, value): (&Field, &Value)| !field.optional && *value == Value::Null;
    if declared.iter().zip(&event).any(is_lacking) {
        return Err(Failure::broken("redis answered an event without all of its fields"));
    }
    sink(stream.clone(), event);
    Ok(())
}

/// Reads a point among those of all entities.
pub(super) fn read_point_of_all(
    layout: &Layout,
    series: usize,
    member: Reply,
    sink: &mut RowSink<'_>,
) -> Result<(), Failure> {
    let metrics = layout.dataset.series[series].metrics.len();
    let (entity, point) = series::read_entity_and_point(&bytes("a point", member)?, metrics)?;
    sink(Key::Int(entity), point);
    Ok(())
}

/// How an operation on a record ended, as scripts answer it and plans foresee it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RecordStatus {
    Applied = 1,
    /// A floor refused it.
    Refused = 0,
    Missing = -1,
    Exists = -2,
    /// The field to increment holds no integer.
    NoInteger = -3,
    /// The sum is not a 64-bit integer.
    TooLarge = -4,
}

impl RecordStatus {
    /// What a script's answer to an operation on one record means.
    pub(super) fn of_code(code: i64, op: &Op) -> Result<Self, Failure> {
        use RecordStatus::{Applied, Exists, Missing, NoInteger, Refused, TooLarge};
        let all = [Applied, Refused, Missing, Exists, NoInteger, TooLarge];
        let status = all.into_iter().find(|status| *status as i64 == code && op.record().is_some());
        status.ok_or_else(|| Failure::broken(format!("redis: a script answered {code} to `{}`", op.verb())))
    }

    /// The outcome of the operation, or its failure.
    pub(super) fn outcome(self, layout: &Layout, op: &Op) -> Result<Outcome, Failure> {
        let subject = OpSubject(&layout.dataset, op);
        let broken = |words: &str| Err(Failure::broken(format!("redis: {subject}: {words}")));
        match self {
            RecordStatus::Applied => Ok(Outcome::Applied),
            RecordStatus::Refused => Ok(Outcome::Refused),
            RecordStatus::Missing => Err(Failure::missing(subject)),
            RecordStatus::Exists => Err(Failure::exists(subject)),
            RecordStatus::NoInteger => broken("a field without an integer cannot be bumped"),
            RecordStatus::TooLarge => broken("the sum is not a 64-bit integer"),
        }
    }
}

/// The value of a field.
pub(super) fn read_value(reply: Reply, field: &Field) -> Result<Value, Failure> {
    let bytes = match reply {
        Reply::BulkString(bytes) => bytes,
        Reply::Nil if field.optional => return Ok(Value::Null),
        other => return Err(unexpected(format_args!("the field `{}`", field.name), &other)),
    };
    let value = match &field.kind {
        Kind::Bytes => return Ok(Value::Bytes(bytes)),
        Kind::Text => String::from_utf8(bytes).ok().map(Value::Text),
        Kind::List(_) | Kind::Map | Kind::Items(_) => {
            let text = std::str::from_utf8(&bytes)
                .map_err(|error| Failure::broken("redis answered text that is not UTF-8").caused_by(error))?;
            return json::decode(text, &field.kind);
        }
        Kind::Bool => match bytes.as_slice() {
            b"1" => Some(Value::Bool(true)),
            b"0" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Int => read_number(&bytes).map(Value::Int),
        Kind::Time => read_number(&bytes).map(Value::Time),
        Kind::Float => read_number(&bytes).map(Value::Float),
    };
    value.ok_or_else(|| not_a_value(field))
}

/// The failure of a stored text that is not a value of its field.
pub(super) fn not_a_value(field: &Field) -> Failure {
    Failure::broken(format!("redis returned something that is not a value of the field `{}`", field.name))
}

/// The key of a record or stream, as a script answers it or as it is behind a prefix.
pub(super) fn read_key(bytes: &[u8], kind: KeyKind) -> Result<Key, Failure> {
    match kind {
        KeyKind::Int => read_number(bytes).map(Key::Int),
        KeyKind::Text => std::str::from_utf8(bytes).ok().map(|text| Key::Text(CompactString::from(text))),
    }
    .ok_or_else(|| Failure::broken("redis returned something that is not a key of the table"))
}

fn read_number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

pub(super) fn next_reply(op: &Op, replies: &mut dyn Iterator<Item = Reply>) -> Result<Reply, Failure> {
    match replies.next() {
        Some(Reply::ServerError(error)) => Err(server_failure(error, op.verb())),
        Some(reply) => Ok(reply),
        None => Err(Failure::broken(format!("redis did not answer all commands of `{}`", op.verb()))),
    }
}

pub(super) fn array(op: &Op, reply: Reply) -> Result<Vec<Reply>, Failure> {
    match reply {
        Reply::Array(values) => Ok(values),
        other => Err(unexpected(op.verb(), &other)),
    }
}

pub(super) fn bytes(what: impl Display, reply: Reply) -> Result<Vec<u8>, Failure> {
    match reply {
        Reply::BulkString(bytes) => Ok(bytes),
        other => Err(unexpected(what, &other)),
    }
}

/// The failure of a reply that the command does not have.
pub(super) fn unexpected(what: impl Display, reply: &Reply) -> Failure {
    let kind = match reply {
        Reply::Nil => "nothing",
        Reply::Int(_) => "an integer",
        Reply::BulkString(_) | Reply::SimpleString(_) | Reply::Okay => "a text",
        Reply::Array(_) => "an array",
        _ => "something unknown",
    };
    Failure::broken(format!("redis answered {kind} for {what}"))
}
