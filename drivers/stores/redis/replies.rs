//! What the server answers, read to the last value: anything else than what the command answers is a failure.

use redis::Value as Reply;

use super::failures::refusal;
use super::shape::{Layout, NO_FIELD, Shape};
use super::values::{self, unexpected};
use super::{documents, hashes, requests};
use crate::{Failure, Field, Key, Op, Outcome, Value};

/// Who takes the rows.
pub(super) type Sink<'a> = dyn FnMut(Key, Vec<Value>) + 'a;

/// Reads the answers to an operation's commands.
pub(super) fn take(
    shape: &Shape,
    op: &Op,
    replies: &mut dyn Iterator<Item = Reply>,
    sink: &mut Sink<'_>,
) -> Result<Outcome, Failure> {
    if requests::count(op) == 0 {
        return Ok(Outcome::Applied);
    }
    if let Op::Append { .. } | Op::InsertPoints { .. } = op {
        for _ in 0..requests::count(op) {
            match next(op, replies)? {
                Reply::BulkString(_) | Reply::Int(_) => {}
                other => return Err(unexpected(&op.verb(), &other)),
            }
        }
        return Ok(Outcome::Applied);
    }
    let reply = next(op, replies)?;
    match op {
        Op::Tail { log, stream, .. } => {
            for entry in array(op, reply)? {
                event(shape, *log, stream, entry, sink)?;
            }
        }
        Op::LastPoint { series, entity } => {
            let points = array(op, reply)?;
            if points.is_empty() {
                return Err(Failure::missing(format_args!("{} {entity}", shape.dataset.series[*series].name)));
            }
            points.into_iter().try_for_each(|packed| point(shape, *series, *entity, packed, sink))?;
        }
        Op::PointRange { series, entity, .. } => {
            let points = array(op, reply)?;
            points.into_iter().try_for_each(|packed| point(shape, *series, *entity, packed, sink))?;
        }
        Op::Window { entity, fold, .. } => {
            let packed = text(&op.verb(), reply)?;
            if packed.len() % 16 != 0 {
                return Err(Failure::broken(format!("redis answered {} bytes for buckets", packed.len())));
            }
            let mut floats = values::floats(&packed);
            while let (Some(start), Some(folded)) = (floats.next(), floats.next()) {
                let folded = match fold {
                    crate::Fold::Count => Value::Int(folded as i64),
                    _ => Value::Float(folded),
                };
                sink(Key::Int(*entity), vec![Value::Time(start as i64), folded]);
            }
        }
        Op::PointsAbove { series, .. } => {
            array(op, reply)?.into_iter().try_for_each(|member| point_of_any(shape, *series, member, sink))?;
        }
        of_records => {
            return match shape.layout {
                Layout::Hash => hashes::take(shape, of_records, reply, sink),
                Layout::Json => documents::take(shape, of_records, reply, sink),
            };
        }
    }
    Ok(Outcome::Applied)
}

/// The events of a stream, oldest first.
pub(super) fn event(shape: &Shape, log: usize, stream: &Key, entry: Reply, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let declared = &shape.dataset.logs[log].fields;
    let Reply::Array(entry) = entry else { return Err(unexpected(&"an event", &entry)) };
    let Ok([_, Reply::Array(pairs)]) = <[Reply; 2]>::try_from(entry) else {
        return Err(Failure::broken("redis returned something that is not an event"));
    };
    let mut event = vec![Value::Null; declared.len()];
    let (mut at, mut pairs) = (0, pairs.into_iter());
    while let (Some(Reply::BulkString(name)), Some(value)) = (pairs.next(), pairs.next()) {
        // They come in the order in which they were written, which is the declared one without the absent ones.
        let position = declared[at..].iter().position(|field| field.name.as_bytes() == name);
        match position {
            Some(position) => {
                at += position;
                event[at] = values::value(value, &declared[at])?;
                at += 1;
            }
            None if name == NO_FIELD.as_bytes() => {}
            None => return Err(Failure::broken("redis answered an event with a field of somebody else")),
        }
    }
    let lacks = |(field, value): (&Field, &Value)| !field.optional && *value == Value::Null;
    if declared.iter().zip(&event).any(lacks) {
        return Err(Failure::broken("redis answered an event without all of its fields"));
    }
    sink(stream.clone(), event);
    Ok(())
}

/// A point of an entity.
fn point(shape: &Shape, series: usize, entity: i64, packed: Reply, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let packed = text(&"a point", packed)?;
    sink(Key::Int(entity), values::point(&packed, shape.dataset.series[series].metrics.len())?);
    Ok(())
}

/// A point of the entity that it names itself.
pub(super) fn point_of_any(shape: &Shape, series: usize, member: Reply, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let member = text(&"a point", member)?;
    let (entity, point) = values::entity_and_point(&member, shape.dataset.series[series].metrics.len())?;
    sink(Key::Int(entity), point);
    Ok(())
}

/// How an operation on records ended, as the scripts answer and plans foresee it.
pub(super) mod code {
    pub const APPLIED: i64 = 1;
    pub const REFUSED: i64 = 0;
    pub const MISSING: i64 = -1;
    pub const EXISTS: i64 = -2;
    pub const NO_INTEGER: i64 = -3;
    pub const TOO_LARGE: i64 = -4;
}

/// What a code other than [`code::APPLIED`] means.
pub(super) fn outcome(shape: &Shape, code: i64, op: &Op) -> Result<Outcome, Failure> {
    let (table, key) = match op {
        Op::Insert { table, key, .. }
        | Op::Read { table, key, .. }
        | Op::Update { table, key, .. }
        | Op::Delete { table, key }
        | Op::Increment { table, key, .. } => (*table, key),
        _ => return Err(Failure::broken(format!("redis: a script answered {code} to `{}`", op.verb()))),
    };
    let name = format!("{} {key}", shape.dataset.tables[table].name);
    let broken = |words: &str| Err(Failure::broken(format!("redis: {name}: {words}")));
    match code {
        code::REFUSED => Ok(Outcome::Refused),
        code::MISSING => Err(Failure::missing(name)),
        code::EXISTS => Err(Failure::exists(name)),
        code::NO_INTEGER => broken("a field without an integer cannot be bumped"),
        code::TOO_LARGE => broken("the sum is not a 64-bit integer"),
        _ => broken(&format!("a script answered {code}")),
    }
}

pub(super) fn next(op: &Op, replies: &mut dyn Iterator<Item = Reply>) -> Result<Reply, Failure> {
    match replies.next() {
        Some(Reply::ServerError(error)) => Err(refusal(error, &op.verb())),
        Some(reply) => Ok(reply),
        None => Err(Failure::broken(format!("redis did not answer to all commands of `{}`", op.verb()))),
    }
}

pub(super) fn array(op: &Op, reply: Reply) -> Result<Vec<Reply>, Failure> {
    match reply {
        Reply::Array(values) => Ok(values),
        other => Err(unexpected(&op.verb(), &other)),
    }
}

pub(super) fn text(what: &dyn std::fmt::Display, reply: Reply) -> Result<Vec<u8>, Failure> {
    match reply {
        Reply::BulkString(bytes) => Ok(bytes),
        other => Err(unexpected(what, &other)),
    }
}
