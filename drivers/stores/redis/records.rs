//! Operations on records that are hashes as keys and arguments of `records.lua`, in the order in which it takes them.

use std::io::Write;

use redis::{Cmd, RedisWrite};

use super::order::{self, Ordering};
use super::requests::limited;
use super::shape::{Index, NO_FIELD, Shape};
use super::values;
use crate::{Change, Failure, Fields, Key, KeyKind, Matching, Op, Order, Record, Value};

/// A call of `records.lua`: the number of keys, the keys of each operation, and the arguments of each.
pub(super) fn write_records(shape: &Shape, mode: &str, ops: &[Op], out: &mut Cmd) -> Result<(), Failure> {
    out.arg(ops.iter().map(|op| keys_of(shape, op)).sum::<usize>());
    ops.iter().for_each(|op| write_keys(shape, op, out));
    out.write_arg(mode.as_bytes());
    out.write_arg(if ops.iter().any(|op| replaces_indexed(shape, op)) { b"indexed" } else { b"" });
    ops.iter().try_for_each(|op| write_arguments(shape, op, out))
}

/// Whether a value that has an index may give way, so that the script has to find its member.
fn replaces_indexed(shape: &Shape, op: &Op) -> bool {
    match op {
        Op::Update { table, changes, .. } => indexed_changes(shape, *table, changes).next().is_some(),
        Op::Delete { table, .. } => !shape.tables[*table].indexes.is_empty(),
        Op::Increment { table, field, .. } => shape.tables[*table].index(*field).is_some(),
        _ => false,
    }
}

/// How many keys `write_keys` adds.
fn keys_of(shape: &Shape, op: &Op) -> usize {
    match op {
        Op::Insert { table, record, .. } => 2 + indexed(shape, *table, record).count(),
        Op::Update { table, changes, .. } => 1 + indexed_changes(shape, *table, changes).count(),
        Op::Delete { table, .. } => 2 + shape.tables[*table].indexes.len(),
        Op::Increment { table, field, .. } => 1 + usize::from(shape.tables[*table].index(*field).is_some()),
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
            indexed_changes(shape, *table, changes).for_each(|(index, _)| out.write_arg(index.key.as_bytes()));
        }
        Op::Delete { table, key } => {
            let table = &shape.tables[*table];
            values::write_name(out, &table.records, key);
            out.write_arg(table.order.as_bytes());
            table.indexes.iter().for_each(|index| out.write_arg(index.key.as_bytes()));
        }
        Op::Increment { table, key, field, .. } => {
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
        Op::Insert { table, key, record } => write_insert(shape, *table, key, record, out)?,
        Op::Update { table, key, changes } => write_update(shape, *table, key, changes, out)?,
        Op::Delete { table, key } => {
            write_member(key, out);
            let indexes = &shape.tables[*table].indexes;
            out.arg(indexes.len());
            for index in indexes {
                out.arg(&shape.dataset.tables[*table].fields[index.field].name).arg(index.ordering.name());
            }
        }
        Op::Increment { table, key, field, by, floor } => {
            out.arg(&shape.dataset.tables[*table].fields[*field].name).arg(*by);
            match floor {
                Some(floor) => out.arg(*floor),
                None => out.arg(""),
            };
            out.arg(shape.tables[*table].index(*field).map_or("", |index| index.ordering.name()));
            write_member(key, out);
        }
        Op::Read { table, fields, .. } => write_counted_fields(shape, *table, fields, out),
        Op::Scan { table, fields, .. } | Op::Find { table, fields, .. } => {
            write_range(shape, op, out)?;
            write_counted_fields(shape, *table, fields, out);
        }
        _ => return Err(Failure::misplaced(op)),
    }
    Ok(())
}

/// Where the records of a scan or find are, and which of them in what order: the same in both layouts.
pub(super) fn write_range(shape: &Shape, op: &Op, out: &mut Cmd) -> Result<(), Failure> {
    match op {
        Op::Scan { table, from, limit, .. } => {
            write_rows_of(shape, *table, 0, out);
            let mut bound = out.writer_for_next_arg();
            let _ = bound.write_all(b"[");
            order::write_key(&mut bound, from);
            drop(bound);
            out.arg("+").arg("up").arg(limited(*limit));
        }
        Op::Find { table, field, matching, order, limit, .. } => {
            let declared = &shape.dataset.tables[*table];
            let index = shape.tables[*table].index(*field).ok_or_else(|| {
                Failure::broken(format!("redis: {} has no index on `{}`", declared.name, declared.fields[*field].name))
            })?;
            write_rows_of(shape, *table, index.ordering.width(), out);
            let (low, high) = match matching {
                Matching::Equal(value) => (value, value),
                Matching::Between(low, high) => (low, high),
            };
            // An absent value matches nothing.
            let nothing = *low == Value::Null || *high == Value::Null;
            if nothing {
                out.arg("+").arg("-");
            } else {
                write_bound(index.ordering, low, b"", out)?;
                // No key begins with the byte 255, so it stands behind all keys of a value.
                write_bound(index.ordering, high, &[255], out)?;
            }
            out.arg(if *order == Order::Ascending { "up" } else { "down" }).arg(limited(*limit));
        }
        _ => return Err(Failure::misplaced(op)),
    }
    Ok(())
}

/// Where the records of an answer are, and where in a member their keys begin.
fn write_rows_of(shape: &Shape, table: usize, width: i64, out: &mut Cmd) {
    let kind = if shape.dataset.tables[table].key == KeyKind::Int { "int" } else { "text" };
    out.arg(&shape.tables[table].records).arg(kind).arg(width);
}

/// A key as a member of the sorted set of all keys.
pub(super) fn write_member(key: &Key, out: &mut Cmd) {
    order::write_key(&mut out.writer_for_next_arg(), key);
}

/// A value and a key as a member of an index.
pub(super) fn write_entry(ordering: Ordering, value: &Value, key: &Key, out: &mut Cmd) -> Result<(), Failure> {
    let mut member = out.writer_for_next_arg();
    order::write_value(&mut member, ordering, value)?;
    order::write_key(&mut member, key);
    Ok(())
}

/// A bound of a `find`, itself included, with something behind it.
fn write_bound(ordering: Ordering, value: &Value, behind: &[u8], out: &mut Cmd) -> Result<(), Failure> {
    let mut bound = out.writer_for_next_arg();
    let _ = bound.write_all(b"[");
    order::write_value(&mut bound, ordering, value)?;
    let _ = bound.write_all(behind);
    Ok(())
}

/// The key, fields and values, and the members of indexes.
fn write_insert(shape: &Shape, table: usize, key: &Key, record: &Record, out: &mut Cmd) -> Result<(), Failure> {
    let declared = &shape.dataset.tables[table].fields;
    write_member(key, out);
    let has_always = shape.tables[table].witness.is_some();
    write_counted_pairs(declared.iter().map(|field| field.name.as_str()).zip(record), has_always, out)?;
    out.arg(indexed(shape, table, record).count());
    for index in indexed(shape, table, record) {
        write_entry(index.ordering, &record[index.field], key, out)?;
    }
    Ok(())
}

/// Fields with their new values, fields that lose theirs, the key, and of indexed ones how they are ordered and where
/// they stand now.
fn write_update(shape: &Shape, table: usize, key: &Key, changes: &[Change], out: &mut Cmd) -> Result<(), Failure> {
    let declared = &shape.dataset.tables[table].fields;
    let pairs = last_changes(changes).map(|change| (declared[change.field].name.as_str(), &change.value));
    write_counted_pairs(pairs, true, out)?;
    let gone = || last_changes(changes).filter(|change| change.value == Value::Null);
    out.arg(gone().count());
    gone().for_each(|change| out.write_arg(declared[change.field].name.as_bytes()));
    write_member(key, out);
    out.arg(indexed_changes(shape, table, changes).count());
    for (index, value) in indexed_changes(shape, table, changes) {
        out.arg(&declared[index.field].name).arg(index.ordering.name());
        match value {
            Value::Null => out.write_arg(b""),
            value => write_entry(index.ordering, value, key, out)?,
        }
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

/// The indexes in which a record stands.
pub(super) fn indexed<'a>(shape: &'a Shape, table: usize, record: &'a Record) -> impl Iterator<Item = &'a Index> {
    shape.tables[table].indexes.iter().filter(|index| record[index.field] != Value::Null)
}

/// The indexes of the fields that are changed, with the new values.
pub(super) fn indexed_changes<'a, 'b>(
    shape: &'a Shape,
    table: usize,
    changes: &'b [Change],
) -> impl Iterator<Item = (&'a Index, &'b Value)> {
    let indexes = &shape.tables[table].indexes;
    indexes.iter().filter_map(|index| {
        let last = changes.iter().rev().find(|change| change.field == index.field)?;
        Some((index, &last.value))
    })
}

/// Of several changes of one field the last counts.
fn last_changes(changes: &[Change]) -> impl Iterator<Item = &Change> + Clone {
    let is_last = |(at, change): &(usize, &Change)| changes[at + 1..].iter().all(|later| later.field != change.field);
    changes.iter().enumerate().filter(is_last).map(|(_, change)| change)
}

/// The asked fields, and one that every record has if none of them is.
pub(super) fn write_fields(shape: &Shape, table: usize, fields: &Fields, out: &mut Cmd) {
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
