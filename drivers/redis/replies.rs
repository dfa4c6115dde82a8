//! What the server answers, read to the last value: anything else than what the command answers is a failure.

use redis::Value as Reply;

use super::failures::refusal;
use super::requests;
use super::shape::{NO_FIELD, Shape};
use super::values::{self, unexpected};
use crate::{Done, Failure, Field, Fields, Key, Op, Value};

/// Who takes the rows.
pub(super) type Sink<'a> = dyn FnMut(Key, Vec<Value>) + 'a;

/// Reads the answers to an operation's commands.
pub(super) fn take(
    shape: &Shape,
    op: &Op,
    replies: &mut dyn Iterator<Item = Reply>,
    sink: &mut Sink<'_>,
) -> Result<Done, Failure> {
    if requests::count(op) == 0 {
        return Ok(Done::Applied);
    }
    if let Op::Append { .. } | Op::Ingest { .. } = op {
        for _ in 0..requests::count(op) {
            match next(op, replies)? {
                Reply::BulkString(_) | Reply::Int(_) => {}
                other => return Err(unexpected(&op.verb(), &other)),
            }
        }
        return Ok(Done::Applied);
    }
    let reply = next(op, replies)?;
    match op {
        Op::Read { .. } => read(shape, op, array(op, reply)?, sink)?,
        Op::Transact(ops) => return records(shape, ops, array(op, reply)?, sink),
        Op::Tail { log, stream, .. } => {
            for entry in array(op, reply)? {
                event(shape, *log, stream, entry, sink)?;
            }
        }
        Op::Last { series, entity } => {
            let points = array(op, reply)?;
            if points.is_empty() {
                return Err(Failure::missing(format_args!("{} {entity}", shape.dataset.series[*series].name)));
            }
            points.into_iter().try_for_each(|packed| point(shape, *series, *entity, packed, sink))?;
        }
        Op::Range { series, entity, .. } => {
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
        Op::Above { series, .. } => {
            let mut found = array(op, reply)?.into_iter();
            while let Some(entity) = found.next() {
                let entity = values::entity(&text(&op.verb(), entity)?)?;
                let packed = found.next().unwrap_or_default();
                point(shape, *series, entity, packed, sink)?;
            }
        }
        _ => return records(shape, std::slice::from_ref(op), array(op, reply)?, sink),
    }
    Ok(Done::Applied)
}

/// The events of a stream, oldest first.
pub(super) fn event(shape: &Shape, log: usize, stream: &Key, entry: Reply, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let declared = &shape.dataset.logs[log].fields;
    let Reply::Array(entry) = entry else { return Err(unexpected(&"an event", &entry)) };
    let Ok([_, Reply::Array(pairs)]) = <[Reply; 2]>::try_from(entry) else {
        return Err(Failure::broken("redis answered what is no event"));
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
pub(super) fn point(
    shape: &Shape,
    series: usize,
    entity: i64,
    packed: Reply,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let packed = text(&"a point", packed)?;
    sink(Key::Int(entity), values::point(&packed, shape.dataset.series[series].metrics.len())?);
    Ok(())
}

/// The answer of `records.lua`.
fn records(shape: &Shape, ops: &[Op], answer: Vec<Reply>, sink: &mut Sink<'_>) -> Result<Done, Failure> {
    let mut answer = answer.into_iter();
    let code = match answer.next() {
        Some(Reply::Int(code)) => code,
        other => return Err(unexpected(&"a script's code", &other.unwrap_or_default())),
    };
    if code != 1 {
        let position = match answer.next() {
            Some(Reply::Int(position)) => usize::try_from(position).ok(),
            _ => None,
        };
        let failed = position.and_then(|position| ops.get(position));
        return outcome(shape, code, failed.ok_or_else(|| Failure::broken("redis: a script failed nowhere"))?);
    }
    for op in ops {
        match op {
            Op::Read { .. } => read(shape, op, array(op, answer.next().unwrap_or_default())?, sink)?,
            Op::Scan { table, fields, .. } | Op::Find { table, fields, .. } => {
                for row in array(op, answer.next().unwrap_or_default())? {
                    keyed_row(shape, *table, fields, array(op, row)?, sink)?;
                }
            }
            _ => {}
        }
    }
    match answer.next() {
        None => Ok(Done::Applied),
        Some(_) => Err(Failure::broken("redis: a script answered more than was asked")),
    }
}

/// What a code other than success of `records.lua` means.
fn outcome(shape: &Shape, code: i64, op: &Op) -> Result<Done, Failure> {
    let (table, key) = match op {
        Op::Insert { table, key, .. }
        | Op::Read { table, key, .. }
        | Op::Update { table, key, .. }
        | Op::Delete { table, key }
        | Op::Bump { table, key, .. } => (*table, key),
        _ => return Err(Failure::broken(format!("redis: a script answered {code} to `{}`", op.verb()))),
    };
    let name = format!("{} {key}", shape.dataset.tables[table].name);
    match code {
        0 => Ok(Done::Refused),
        -1 => Err(Failure::missing(name)),
        -2 => Err(Failure::exists(name)),
        -3 => Err(Failure::broken(format!("redis: {name}: a field without an integer cannot be bumped"))),
        -4 => Err(Failure::broken(format!("redis: {name}: the sum is not a 64-bit integer"))),
        _ => Err(Failure::broken(format!("redis: {name}: a script answered {code}"))),
    }
}

/// The answer of HMGET, in which a record that is not there has nothing in any field.
fn read(shape: &Shape, op: &Op, values: Vec<Reply>, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let Op::Read { table, key, fields } = op else { return Err(Failure::misplaced(op)) };
    if values.iter().all(|value| *value == Reply::Nil) {
        return Err(Failure::missing(format_args!("{} {key}", shape.dataset.tables[*table].name)));
    }
    sink(key.clone(), row(shape, *table, fields, values)?);
    Ok(())
}

/// Values, and behind them the key.
fn keyed_row(
    shape: &Shape,
    table: usize,
    fields: &Fields,
    mut values: Vec<Reply>,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let key = text(&"a key", values.pop().unwrap_or_default())?;
    let key = values::key(&key, shape.dataset.tables[table].key)?;
    sink(key, row(shape, table, fields, values)?);
    Ok(())
}

/// The values of the asked fields, behind which one may stand that every record has.
fn row(shape: &Shape, table: usize, fields: &Fields, values: Vec<Reply>) -> Result<Vec<Value>, Failure> {
    let declared = &shape.dataset.tables[table].fields;
    let asked = match fields {
        Fields::All => declared.len(),
        Fields::Some(asked) => asked.len(),
    };
    let witnessed = shape.tables[table].needs_witness(declared, fields);
    if values.len() != asked + usize::from(witnessed) || witnessed && values[asked] == Reply::Nil {
        return Err(Failure::broken(format!("redis answered {} values of {asked}", values.len())));
    }
    let field = |at: usize| match fields {
        Fields::All => &declared[at],
        Fields::Some(asked) => &declared[asked[at]],
    };
    let mut row = Vec::with_capacity(asked);
    for (at, value) in values.into_iter().take(asked).enumerate() {
        row.push(values::value(value, field(at))?);
    }
    Ok(row)
}

fn next(op: &Op, replies: &mut dyn Iterator<Item = Reply>) -> Result<Reply, Failure> {
    match replies.next() {
        Some(Reply::ServerError(error)) => Err(refusal(error, &op.verb())),
        Some(reply) => Ok(reply),
        None => Err(Failure::broken(format!("redis did not answer to all commands of `{}`", op.verb()))),
    }
}

fn array(op: &Op, reply: Reply) -> Result<Vec<Reply>, Failure> {
    match reply {
        Reply::Array(values) => Ok(values),
        other => Err(unexpected(&op.verb(), &other)),
    }
}

fn text(what: &dyn std::fmt::Display, reply: Reply) -> Result<Vec<u8>, Failure> {
    match reply {
        Reply::BulkString(bytes) => Ok(bytes),
        other => Err(unexpected(what, &other)),
    }
}
