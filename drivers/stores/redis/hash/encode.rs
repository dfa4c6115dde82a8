//! Operations on records that are hashes as keys and arguments of `records.lua`, in the order in which it takes them.

use redis::{Cmd, RedisWrite};

use crate::stores::redis::encode::{write_key, write_value};
use crate::stores::redis::layout::{Layout, PLACEHOLDER_FIELD};
use crate::stores::redis::range::{sorted_set, write_index_member, write_key_member, write_range};
use crate::{Change, Failure, Field, Fields, Key, Op, Record, Value};

/// Adds what a call of `records.lua` takes: the number of keys, the keys of each operation, and the arguments of each.
pub(super) fn write_call(layout: &Layout, mode: &str, ops: &[Op], out: &mut Cmd) -> Result<(), Failure> {
    out.arg(ops.iter().map(|op| key_count(layout, op)).sum::<usize>());
    ops.iter().for_each(|op| write_keys(layout, op, out));
    out.write_arg(mode.as_bytes());
    out.write_arg(if ops.iter().any(|op| replaces_indexed(layout, op)) { b"indexed" } else { b"" });
    ops.iter().try_for_each(|op| write_arguments(layout, op, out))
}

/// Whether an indexed value may be replaced, so that the script has to find its member.
fn replaces_indexed(layout: &Layout, op: &Op) -> bool {
    match op {
        Op::Update { table, changes, .. } => layout.tables[*table].indexes_changed(changes).next().is_some(),
        Op::Delete { table, .. } => !layout.tables[*table].indexes.is_empty(),
        Op::Increment { table, field, .. } => layout.tables[*table].index(*field).is_some(),
        _ => false,
    }
}

/// How many keys [`write_keys`] adds.
fn key_count(layout: &Layout, op: &Op) -> usize {
    match op {
        Op::Insert { table, record, .. } => 2 + layout.tables[*table].indexes_of(record).count(),
        Op::Update { table, changes, .. } => 1 + layout.tables[*table].indexes_changed(changes).count(),
        Op::Delete { table, .. } => 2 + layout.tables[*table].indexes.len(),
        Op::Increment { table, field, .. } => 1 + usize::from(layout.tables[*table].index(*field).is_some()),
        _ => 1,
    }
}

fn write_keys(layout: &Layout, op: &Op, out: &mut Cmd) {
    match op {
        Op::Insert { table, key, record } => {
            let table = &layout.tables[*table];
            write_key(out, &table.records, key);
            out.write_arg(table.order.as_bytes());
            table.indexes_of(record).for_each(|index| out.write_arg(index.key.as_bytes()));
        }
        Op::Update { table, key, changes } => {
            let table = &layout.tables[*table];
            write_key(out, &table.records, key);
            table.indexes_changed(changes).for_each(|(index, _)| out.write_arg(index.key.as_bytes()));
        }
        Op::Delete { table, key } => {
            let table = &layout.tables[*table];
            write_key(out, &table.records, key);
            out.write_arg(table.order.as_bytes());
            table.indexes.iter().for_each(|index| out.write_arg(index.key.as_bytes()));
        }
        Op::Increment { table, key, field, .. } => {
            let table = &layout.tables[*table];
            write_key(out, &table.records, key);
            table.index(*field).into_iter().for_each(|index| out.write_arg(index.key.as_bytes()));
        }
        Op::Read { table, key, .. } => write_key(out, &layout.tables[*table].records, key),
        Op::Scan { .. } | Op::Find { .. } => out.write_arg(sorted_set(layout, op).unwrap_or_default().as_bytes()),
        _ => {}
    }
}

fn write_arguments(layout: &Layout, op: &Op, out: &mut Cmd) -> Result<(), Failure> {
    out.write_arg(op.verb().as_bytes());
    match op {
        Op::Insert { table, key, record } => write_insert(layout, *table, key, record, out)?,
        Op::Update { table, key, changes } => write_update(layout, *table, key, changes, out)?,
        Op::Delete { table, key } => {
            write_key_member(key, out);
            let indexes = &layout.tables[*table].indexes;
            out.arg(indexes.len());
            for index in indexes {
                out.arg(&layout.dataset.tables[*table].fields[index.field].name).arg(index.collation.name());
            }
        }
        Op::Increment { table, key, field, by, floor } => {
            out.arg(&layout.dataset.tables[*table].fields[*field].name).arg(*by);
            match floor {
                Some(floor) => out.arg(*floor),
                None => out.arg(""),
            };
            out.arg(layout.tables[*table].index(*field).map_or("", |index| index.collation.name()));
            write_key_member(key, out);
        }
        Op::Read { table, fields, .. } => write_counted_fields(layout, *table, fields, out),
        Op::Scan { table, fields, .. } | Op::Find { table, fields, .. } => {
            write_range(layout, op, out)?;
            write_counted_fields(layout, *table, fields, out);
        }
        _ => return Err(Failure::misplaced(op)),
    }
    Ok(())
}

/// Adds the key, fields and values, and the members of indexes.
fn write_insert(layout: &Layout, table: usize, key: &Key, record: &Record, out: &mut Cmd) -> Result<(), Failure> {
    let declared = &layout.dataset.tables[table].fields;
    write_key_member(key, out);
    let has_required = layout.tables[table].required_field.is_some();
    write_counted_pairs(declared.iter().map(|field| field.name.as_str()).zip(record), has_required, out)?;
    out.arg(layout.tables[table].indexes_of(record).count());
    for index in layout.tables[table].indexes_of(record) {
        write_index_member(index.collation, &record[index.field], key, out)?;
    }
    Ok(())
}

/// Adds fields with their new values, fields that lose theirs, the key, and of indexed fields their collation and new
/// member.
fn write_update(layout: &Layout, table: usize, key: &Key, changes: &[Change], out: &mut Cmd) -> Result<(), Failure> {
    let declared = &layout.dataset.tables[table].fields;
    let pairs = last_changes(changes).map(|change| (declared[change.field].name.as_str(), &change.value));
    write_counted_pairs(pairs, true, out)?;
    let removed = || last_changes(changes).filter(|change| change.value == Value::Null);
    out.arg(removed().count());
    removed().for_each(|change| out.write_arg(declared[change.field].name.as_bytes()));
    write_key_member(key, out);
    out.arg(layout.tables[table].indexes_changed(changes).count());
    for (index, value) in layout.tables[table].indexes_changed(changes) {
        out.arg(&declared[index.field].name).arg(index.collation.name());
        match value {
            Value::Null => out.write_arg(b""),
            value => write_index_member(index.collation, value, key, out)?,
        }
    }
    Ok(())
}

/// Adds the number of arguments that follow, and then fields and values that are not absent. Unless `has_required` the
/// placeholder is added, so that there is at least one field.
fn write_counted_pairs<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a Value)> + Clone,
    has_required: bool,
    out: &mut Cmd,
) -> Result<(), Failure> {
    let present = |(_, value): &(&str, &Value)| **value != Value::Null;
    out.arg(2 * (pairs.clone().filter(present).count() + usize::from(!has_required)));
    for (name, value) in pairs.filter(present) {
        out.write_arg(name.as_bytes());
        write_value(out, value)?;
    }
    if !has_required {
        out.arg(PLACEHOLDER_FIELD).arg("");
    }
    Ok(())
}

/// The changes without those that a later one of the same field overrides.
fn last_changes(changes: &[Change]) -> impl Iterator<Item = &Change> + Clone {
    let is_last = |(at, change): &(usize, &Change)| changes[at + 1..].iter().all(|later| later.field != change.field);
    changes.iter().enumerate().filter(is_last).map(|(_, change)| change)
}

/// Adds the names of the wanted fields, and one that every record has if none of them is.
pub(super) fn write_fields(layout: &Layout, table: usize, fields: &Fields, out: &mut Cmd) {
    let declared = &layout.dataset.tables[table].fields;
    wanted_fields(declared, fields).for_each(|field| out.write_arg(field.name.as_bytes()));
    if layout.tables[table].needs_required_field(declared, fields) {
        out.write_arg(layout.tables[table].required_name(declared).as_bytes());
    }
}

fn write_counted_fields(layout: &Layout, table: usize, fields: &Fields, out: &mut Cmd) {
    let declared = &layout.dataset.tables[table].fields;
    let count = wanted_fields(declared, fields).len();
    out.arg(count + usize::from(layout.tables[table].needs_required_field(declared, fields)));
    write_fields(layout, table, fields, out);
}

/// The fields that a read answers, in its order.
pub(super) fn wanted_fields<'a>(declared: &'a [Field], fields: &'a Fields) -> impl ExactSizeIterator<Item = &'a Field> {
    let count = match fields {
        Fields::All => declared.len(),
        Fields::Some(wanted) => wanted.len(),
    };
    (0..count).map(move |at| match fields {
        Fields::All => &declared[at],
        Fields::Some(wanted) => &declared[wanted[at]],
    })
}
