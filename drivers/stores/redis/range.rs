//! Sorted sets of keys and of indexed values: their members, and the ranges of them that a scan or find reads. The arguments
//! are in the order in which `range.lua` takes them, which runs in front of the script of either layout of records.

use std::io::Write;

use redis::{Cmd, RedisWrite};

use super::collation::{self, Collation};
use super::commands::limit_argument;
use super::layout::Layout;
use crate::{Failure, Key, KeyKind, Matching, Op, Order, Value};

/// Adds a key as a member of the sorted set of all keys.
pub(super) fn write_key_member(key: &Key, out: &mut Cmd) {
    collation::write_key(&mut out.writer_for_next_arg(), key);
}

/// Adds a value and a key as a member of an index.
pub(super) fn write_index_member(collation: Collation, value: &Value, key: &Key, out: &mut Cmd) -> Result<(), Failure> {
    let mut member = out.writer_for_next_arg();
    collation::write_value(&mut member, collation, value)?;
    collation::write_key(&mut member, key);
    Ok(())
}

/// The sorted set that a scan or find reads; none for a find without an index, which `write_range` refuses.
pub(super) fn sorted_set<'a>(layout: &'a Layout, op: &Op) -> Option<&'a str> {
    match op {
        Op::Scan { table, .. } => Some(&layout.tables[*table].order),
        Op::Find { table, field, .. } => layout.tables[*table].index(*field).map(|index| index.key.as_str()),
        _ => None,
    }
}

/// Adds where the records of a scan or find are, and which of them in what order.
pub(super) fn write_range(layout: &Layout, op: &Op, out: &mut Cmd) -> Result<(), Failure> {
    match op {
        Op::Scan { table, from, limit, .. } => {
            write_records_of(layout, *table, 0, out);
            let mut bound = out.writer_for_next_arg();
            // Writing to memory does not fail.
            let _ = bound.write_all(b"[");
            collation::write_key(&mut bound, from);
            drop(bound);
            out.arg("+").arg("up").arg(limit_argument(*limit));
        }
        Op::Find { table, field, matching, order, limit, .. } => {
            let declared = &layout.dataset.tables[*table];
            let index = layout.tables[*table].index(*field).ok_or_else(|| {
                Failure::broken(format!("redis: {} has no index on `{}`", declared.name, declared.fields[*field].name))
            })?;
            write_records_of(layout, *table, index.collation.width(), out);
            let (low, high) = match matching {
                Matching::Equal(value) => (value, value),
                Matching::Between(low, high) => (low, high),
            };
            // An absent value matches nothing: this range is empty.
            if *low == Value::Null || *high == Value::Null {
                out.arg("+").arg("-");
            } else {
                write_bound(index.collation, low, b"", out)?;
                // No key begins with the byte 255, so this is above all keys of the value.
                write_bound(index.collation, high, &[255], out)?;
            }
            out.arg(if *order == Order::Ascending { "up" } else { "down" }).arg(limit_argument(*limit));
        }
        _ => return Err(Failure::misplaced(op)),
    }
    Ok(())
}

/// Adds where the records are, the kind of their keys, and after how many bytes of a member its key begins.
fn write_records_of(layout: &Layout, table: usize, width: i64, out: &mut Cmd) {
    let kind = if layout.dataset.tables[table].key == KeyKind::Int { "int" } else { "text" };
    out.arg(&layout.tables[table].records).arg(kind).arg(width);
}

/// Adds an included bound of a find: a value, and bytes in the place of a key.
fn write_bound(collation: Collation, value: &Value, key: &[u8], out: &mut Cmd) -> Result<(), Failure> {
    let mut bound = out.writer_for_next_arg();
    let _ = bound.write_all(b"[");
    collation::write_value(&mut bound, collation, value)?;
    let _ = bound.write_all(key);
    Ok(())
}
