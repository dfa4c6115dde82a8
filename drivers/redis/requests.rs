//! What is sent for each operation: plain commands where one does it, and the scripts of this folder where several have
//! to be one step. Answers are read in `replies.rs`.

use redis::{Cmd, RedisWrite};

use super::scripts::{self, Script, Scripts};
use super::shape::{NO_FIELD, Shape};
use super::values;
use crate::{Binding, Change, Failure, Fields, Key, Matching, Op, Order, Point, Record, Value};

/// Points that one call of the script takes: it keeps others waiting for about 2 ms.
const POINTS_A_CALL: usize = 500;

/// Commands to be sent together. The memory of the first is used again: most operations are one command.
#[derive(Default)]
pub(super) struct Commands(Vec<Cmd>);

impl Commands {
    pub(super) fn clear(&mut self) {
        self.0.truncate(1);
        if let Some(first) = self.0.first_mut() {
            first.clear();
        }
    }

    /// All that were added.
    pub(super) fn list(&self) -> &[Cmd] {
        if self.0.len() == 1 && self.0[0].args_iter().len() == 0 { &[] } else { &self.0 }
    }

    /// All that were added, to be sent as one pipeline.
    pub(super) fn pipeline(&mut self) -> redis::Pipeline {
        let mut pipeline = redis::Pipeline::with_capacity(self.0.len());
        self.0.drain(..).for_each(|command| {
            pipeline.add_command(command);
        });
        pipeline
    }

    fn add(&mut self, name: &str) -> &mut Cmd {
        if self.0.is_empty() || !self.list().is_empty() {
            self.0.push(Cmd::new());
        }
        let at = self.0.len() - 1;
        let command = &mut self.0[at];
        command.write_arg(name.as_bytes());
        command
    }

    fn call(&mut self, sha: &str) -> &mut Cmd {
        let command = self.add("EVALSHA");
        command.write_arg(sha.as_bytes());
        command
    }
}

/// How many commands an operation becomes.
pub(super) fn count(op: &Op) -> usize {
    match op {
        Op::Append { events, .. } => events.len(),
        Op::Ingest { points, .. } => points.len().div_ceil(POINTS_A_CALL),
        Op::Tail { limit: 0, .. } => 0,
        Op::Transact(ops) => usize::from(!ops.is_empty()),
        _ => 1,
    }
}

/// Adds the commands of an operation that is no batch.
pub(super) fn write(shape: &Shape, scripts: &Scripts, op: &Op, out: &mut Commands) -> Result<(), Failure> {
    match op {
        Op::Read { table, key, fields } => {
            let command = out.add("HMGET");
            values::write_name(command, &shape.tables[*table].records, key);
            write_fields(shape, *table, fields, command);
        }
        Op::Insert { .. }
        | Op::Update { .. }
        | Op::Delete { .. }
        | Op::Bump { .. }
        | Op::Scan { .. }
        | Op::Find { .. } => {
            let command = out.call(scripts.sha(Script::Records));
            write_records(shape, "one", std::slice::from_ref(op), command)?;
        }
        Op::Transact(ops) if ops.is_empty() => {}
        Op::Transact(ops) => {
            if let Some(misplaced) = ops.iter().find(|op| !op.transacts()) {
                return Err(Failure::misplaced(misplaced));
            }
            write_records(shape, "all", ops, out.call(scripts.sha(Script::Records)))?;
        }
        Op::Append { log, stream, events } => {
            for event in events {
                write_event(shape, *log, stream, event, out.add("XADD"))?;
            }
        }
        Op::Tail { limit: 0, .. } => {}
        Op::Tail { log, stream, limit } => {
            let command = out.add("XREVRANGE");
            values::write_name(command, &shape.logs[*log], stream);
            command.arg("+").arg("-").arg("COUNT").arg(limited(*limit));
        }
        Op::Ingest { series, points } => {
            for points in points.chunks(POINTS_A_CALL) {
                write_points(&shape.series[*series], points, out.call(scripts.sha(Script::Ingest)))?;
            }
        }
        Op::Last { series, entity } => {
            write_entity(&shape.series[*series], *entity, out.add("ZRANGE"));
            out.last().arg(0).arg(0).arg("REV");
        }
        Op::Range { series, entity, from_ms, to_ms } => {
            write_entity(&shape.series[*series], *entity, out.add("ZRANGE"));
            let command = out.last();
            command.arg(*from_ms);
            command.write_arg_fmt(format_args!("({to_ms}"));
            command.arg("BYSCORE");
        }
        Op::Window { series, entity, metric, from_ms, to_ms, every_ms, fold } => {
            let command = out.call(scripts.sha(Script::Window));
            command.arg(1);
            write_entity(&shape.series[*series], *entity, command);
            command.arg(*from_ms).arg(*to_ms).arg(*every_ms).arg(place_of(*metric));
            command.arg(format!("{fold:?}").to_lowercase());
        }
        Op::Above { series, metric, threshold, from_ms, to_ms, limit } => {
            let command = out.call(scripts.sha(Script::Above));
            command.arg(1).arg(&shape.series[*series]).arg(*from_ms).arg(*to_ms).arg(place_of(*metric));
            command.write_arg_fmt(format_args!("{threshold:?}"));
            command.arg(limited(*limit));
        }
        Op::Batch(_) => return Err(Failure::misplaced(op)),
    }
    Ok(())
}

impl Commands {
    fn last(&mut self) -> &mut Cmd {
        let at = self.0.len() - 1;
        &mut self.0[at]
    }
}

/// A call of `records.lua`: the number of keys, the keys of each operation, and the arguments of each.
fn write_records(shape: &Shape, mode: &str, ops: &[Op], out: &mut Cmd) -> Result<(), Failure> {
    out.arg(ops.iter().map(|op| keys_of(shape, op)).sum::<usize>());
    ops.iter().for_each(|op| write_keys(shape, op, out));
    out.write_arg(mode.as_bytes());
    ops.iter().try_for_each(|op| write_arguments(shape, op, out))
}

/// How many keys `write_keys` adds.
fn keys_of(shape: &Shape, op: &Op) -> usize {
    match op {
        Op::Insert { table, record, .. } => 2 + indexed(shape, *table, record).count(),
        Op::Update { table, changes, .. } => 1 + indexed_changes(shape, *table, changes).count(),
        Op::Delete { table, .. } => 2 + shape.tables[*table].indexes.len(),
        Op::Bump { table, field, .. } => 1 + usize::from(shape.tables[*table].index(*field).is_some()),
        _ => 1,
    }
}

/// The keys in the order in which `records.lua` takes them.
fn write_keys(shape: &Shape, op: &Op, out: &mut Cmd) {
    match op {
        Op::Insert { table, key, record } => {
            let table_shape = &shape.tables[*table];
            values::write_name(out, &table_shape.records, key);
            out.write_arg(table_shape.order.as_bytes());
            indexed(shape, *table, record).for_each(|index| out.write_arg(index.key.as_bytes()));
        }
        Op::Update { table, key, changes } => {
            values::write_name(out, &shape.tables[*table].records, key);
            indexed_changes(shape, *table, changes).for_each(|index| out.write_arg(index.key.as_bytes()));
        }
        Op::Delete { table, key } => {
            let table = &shape.tables[*table];
            values::write_name(out, &table.records, key);
            out.write_arg(table.order.as_bytes());
            table.indexes.iter().for_each(|index| out.write_arg(index.key.as_bytes()));
        }
        Op::Bump { table, key, field, .. } => {
            let table = &shape.tables[*table];
            values::write_name(out, &table.records, key);
            table.index(*field).into_iter().for_each(|index| out.write_arg(index.key.as_bytes()));
        }
        Op::Read { table, key, .. } => values::write_name(out, &shape.tables[*table].records, key),
        Op::Find { table, field, .. } => {
            let index = shape.tables[*table].index(*field);
            out.write_arg(index.map_or(&b""[..], |index| index.key.as_bytes()));
        }
        Op::Scan { table, .. } => out.write_arg(shape.tables[*table].order.as_bytes()),
        _ => {}
    }
}

/// The arguments in the order in which `records.lua` takes them.
fn write_arguments(shape: &Shape, op: &Op, out: &mut Cmd) -> Result<(), Failure> {
    out.write_arg(op.verb().as_bytes());
    match op {
        Op::Insert { table, key, record } => {
            write_kind_and_key(shape, *table, key, out);
            write_insert(shape, *table, record, out)?;
        }
        Op::Update { table, key, changes } => {
            write_kind_and_key(shape, *table, key, out);
            write_update(shape, *table, changes, out)?;
        }
        Op::Delete { table, key } => {
            write_kind_and_key(shape, *table, key, out);
            let indexes = &shape.tables[*table].indexes;
            out.arg(indexes.len());
            for index in indexes {
                out.arg(&shape.dataset.tables[*table].fields[index.field].name).arg(index.kind);
            }
        }
        Op::Bump { table, key, field, by, floor } => {
            write_kind_and_key(shape, *table, key, out);
            out.arg(&shape.dataset.tables[*table].fields[*field].name).arg(*by);
            match floor {
                Some(floor) => out.arg(*floor),
                None => out.arg(""),
            };
            out.arg(shape.tables[*table].index(*field).map_or("", |index| index.kind));
        }
        Op::Read { table, fields, .. } => write_counted_fields(shape, *table, fields, out),
        Op::Scan { table, from, limit, fields } => {
            out.arg(&shape.tables[*table].records).arg(shape.tables[*table].key_kind);
            values::write_key(out, from);
            out.arg(limited(*limit));
            write_counted_fields(shape, *table, fields, out);
        }
        Op::Find { table, field, matching, order, limit, fields } => {
            let table_shape = &shape.tables[*table];
            let declared = &shape.dataset.tables[*table];
            let index = table_shape.index(*field).ok_or_else(|| {
                Failure::broken(format!("redis: {} has no index on `{}`", declared.name, declared.fields[*field].name))
            })?;
            out.arg(&table_shape.records).arg(table_shape.key_kind).arg(index.kind);
            let (low, high) = match matching {
                Matching::Equal(value) => (value, value),
                Matching::Between(low, high) => (low, high),
            };
            // An absent value matches nothing: none of the records from 0 to 0 is asked for.
            let nothing = *low == Value::Null || *high == Value::Null;
            for bound in [low, high] {
                if nothing { out.write_arg(b"0") } else { write_bound(index.kind, bound, out)? }
            }
            out.arg(if *order == Order::Ascending { "up" } else { "down" });
            out.arg(if nothing { 0 } else { limited(*limit) });
            write_counted_fields(shape, *table, fields, out);
        }
        _ => return Err(Failure::misplaced(op)),
    }
    Ok(())
}

fn write_kind_and_key(shape: &Shape, table: usize, key: &Key, out: &mut Cmd) {
    out.arg(shape.tables[table].key_kind);
    values::write_key(out, key);
}

/// A bound of a `find`, which must be of the kind that the index orders.
fn write_bound(kind: &str, value: &Value, out: &mut Cmd) -> Result<(), Failure> {
    let fits = match value {
        Value::Int(_) => kind == "int" || kind == "float",
        Value::Time(_) => kind == "int",
        Value::Float(_) => kind == "float",
        Value::Bool(_) => kind == "flag",
        Value::Text(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_) => kind == "text",
        Value::Null => false,
    };
    if fits { values::write(out, value) } else { Err(Failure::broken("redis: no bound of the index's kind")) }
}

/// Fields and values, and of the indexed ones where their values stand among them.
fn write_insert(shape: &Shape, table: usize, record: &Record, out: &mut Cmd) -> Result<(), Failure> {
    let declared = &shape.dataset.tables[table].fields;
    write_counted_pairs(
        declared.iter().map(|field| field.name.as_str()).zip(record),
        declared_always(shape, table),
        out,
    )?;
    out.arg(indexed(shape, table, record).count());
    for index in indexed(shape, table, record) {
        let before = record[..index.field].iter().filter(|value| **value != Value::Null).count();
        out.arg(index.kind).arg(2 * before + 1);
    }
    Ok(())
}

/// Fields with their new values, fields without one, and the indexed ones among both.
fn write_update(shape: &Shape, table: usize, changes: &[Change], out: &mut Cmd) -> Result<(), Failure> {
    let declared = &shape.dataset.tables[table].fields;
    let pairs = last_changes(changes).map(|change| (declared[change.field].name.as_str(), &change.value));
    write_counted_pairs(pairs, true, out)?;
    let gone = || last_changes(changes).filter(|change| change.value == Value::Null);
    out.arg(gone().count());
    gone().for_each(|change| out.write_arg(declared[change.field].name.as_bytes()));
    out.arg(indexed_changes(shape, table, changes).count());
    for index in indexed_changes(shape, table, changes) {
        out.arg(&declared[index.field].name).arg(index.kind);
    }
    Ok(())
}

/// The number of arguments that follow, and then fields and values that are not absent. Unless `always` is true the
/// field without a name is added, so that there is one.
fn write_counted_pairs<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a Value)> + Clone,
    always: bool,
    out: &mut Cmd,
) -> Result<(), Failure> {
    let present = |(_, value): &(&str, &Value)| **value != Value::Null;
    out.arg(2 * (pairs.clone().filter(present).count() + usize::from(!always)));
    for (name, value) in pairs.filter(present) {
        out.write_arg(name.as_bytes());
        values::write(out, value)?;
    }
    if !always {
        out.arg(NO_FIELD).arg("");
    }
    Ok(())
}

/// Whether some field of the table is in every record.
fn declared_always(shape: &Shape, table: usize) -> bool {
    shape.tables[table].witness.is_some()
}

/// The indexes in which a record stands.
fn indexed<'a>(shape: &'a Shape, table: usize, record: &'a Record) -> impl Iterator<Item = &'a super::shape::Index> {
    shape.tables[table].indexes.iter().filter(|index| record[index.field] != Value::Null)
}

/// The indexes of the fields that are changed.
fn indexed_changes<'a>(
    shape: &'a Shape,
    table: usize,
    changes: &'a [Change],
) -> impl Iterator<Item = &'a super::shape::Index> {
    let changed = |index: &&super::shape::Index| changes.iter().any(|change| change.field == index.field);
    shape.tables[table].indexes.iter().filter(changed)
}

/// Of several changes of one field the last counts.
fn last_changes(changes: &[Change]) -> impl Iterator<Item = &Change> + Clone {
    let is_last = |(at, change): &(usize, &Change)| changes[at + 1..].iter().all(|later| later.field != change.field);
    changes.iter().enumerate().filter(is_last).map(|(_, change)| change)
}

/// The asked fields, and one that every record has if none of them is.
fn write_fields(shape: &Shape, table: usize, fields: &Fields, out: &mut Cmd) {
    let declared = &shape.dataset.tables[table].fields;
    match fields {
        Fields::All => declared.iter().for_each(|field| out.write_arg(field.name.as_bytes())),
        Fields::Some(asked) => asked.iter().for_each(|field| out.write_arg(declared[*field].name.as_bytes())),
    }
    if shape.tables[table].needs_witness(declared, fields) {
        out.write_arg(shape.tables[table].witness_name(declared).as_bytes());
    }
}

fn write_counted_fields(shape: &Shape, table: usize, fields: &Fields, out: &mut Cmd) {
    let declared = &shape.dataset.tables[table].fields;
    let asked = match fields {
        Fields::All => declared.len(),
        Fields::Some(asked) => asked.len(),
    };
    out.arg(asked + usize::from(shape.tables[table].needs_witness(declared, fields)));
    write_fields(shape, table, fields, out);
}

fn write_event(shape: &Shape, log: usize, stream: &Key, event: &Record, out: &mut Cmd) -> Result<(), Failure> {
    values::write_name(out, &shape.logs[log], stream);
    out.write_arg(b"*");
    let mut is_empty = true;
    for (field, value) in shape.dataset.logs[log].fields.iter().zip(event) {
        if *value != Value::Null {
            out.write_arg(field.name.as_bytes());
            values::write(out, value)?;
            is_empty = false;
        }
    }
    if is_empty {
        out.arg(NO_FIELD).arg("");
    }
    Ok(())
}

fn write_points(root: &str, points: &[Point], out: &mut Cmd) -> Result<(), Failure> {
    out.arg(1 + points.len());
    out.write_arg(root.as_bytes());
    points.iter().for_each(|point| write_entity(root, point.entity, out));
    for point in points {
        out.arg(point.at_ms);
        values::write_point(out, point)?;
    }
    Ok(())
}

fn write_entity(root: &str, entity: i64, out: &mut Cmd) {
    out.write_arg_fmt(format_args!("{root}:{entity}"));
}

/// Where a metric stands in a packed point, counted from 1: behind the instant.
fn place_of(metric: usize) -> usize {
    8 * (1 + metric) + 1
}

/// A limit as an argument. There are fewer rows than the largest integer, so a larger limit means the same.
fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// How an operation is bound: the same commands, for printing. Scripts stand by their names.
pub(super) fn binding(shape: &Shape, op: &Op) -> Binding {
    let ops = match op {
        Op::Batch(ops) => ops.as_slice(),
        one => std::slice::from_ref(one),
    };
    let scripts = Scripts::named();
    let mut statements: Vec<(String, u32)> = Vec::new();
    for one in ops {
        let mut commands = Commands::default();
        if let Err(failure) = write(shape, &scripts, one, &mut commands) {
            return Binding { statements: vec![format!("-- refused: {failure}")], round_trips: 0 };
        }
        for command in commands.list() {
            let told = told(command, scripts::meaning(one));
            match statements.last_mut() {
                Some((last, times)) if *last == told => *times += 1,
                _ => statements.push((told, 1)),
            }
        }
    }
    let round_trips = u32::from(!statements.is_empty());
    let repeated = |(told, times)| if times == 1 { told } else { format!("{told} -- {times} times") };
    Binding { statements: statements.into_iter().map(repeated).collect(), round_trips }
}

/// A command as text, long and packed arguments cut short.
fn told(command: &Cmd, meaning: Option<&str>) -> String {
    const SHOWN: usize = 32;
    let argument = |argument: redis::Arg<&[u8]>| match argument {
        redis::Arg::Simple(bytes) => match std::str::from_utf8(bytes) {
            Ok("") => "\"\"".to_owned(),
            Ok(text) if text.chars().any(char::is_control) => format!("({} bytes)", bytes.len()),
            Ok(text) if text.chars().count() > SHOWN && !text.starts_with("storebench:") => {
                text.chars().take(SHOWN).chain(['…']).collect()
            }
            Ok(text) => text.to_owned(),
            Err(_) => format!("({} bytes)", bytes.len()),
        },
        _ => String::new(),
    };
    let arguments: Vec<String> = command.args_iter().map(argument).collect();
    let meaning = meaning.map(|meaning| format!(" -- {meaning}")).unwrap_or_default();
    arguments.join(" ") + &meaning
}
