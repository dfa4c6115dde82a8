//! Whether an answer can be right: the cheap checks that every answer gets, off the clock.
//!
//! A store that answers fast but wrongly must not look fast. What an answer holds in full is compared with `memory` by
//! the conformance suite, and what was written with what is held by the audit after the run.

use drivers::{Key, Op, Outcome, Row, Rows, Value};

/// Checks rows against the operation that asked for them. `begins_at_a_record` says for each table whether a scan has to
/// begin with the very record that it starts from.
///
/// # Errors
/// One sentence that says what is wrong.
#[inline]
pub fn check(op: &Op, outcome: Outcome, rows: &Rows, begins_at_a_record: &[bool]) -> Result<(), String> {
    match op {
        Op::Read { key, .. } => match &rows[..] {
            [row] if row.key == *key => Ok(()),
            [row] => Err(format!("asked for {key}, the store answered {}", row.key)),
            other => Err(format!("asked for {key}, the store answered {} rows", other.len())),
        },
        Op::Insert { .. } | Op::Update { .. } | Op::Delete { .. } | Op::Increment { .. } => Ok(()),
        Op::Append { .. } | Op::InsertPoints { .. } => Ok(()),
        Op::Scan { table, from, limit, .. } => {
            check_count(*limit, rows)?;
            check_order(rows, |a, b| a.key < b.key)?;
            let must_exist = begins_at_a_record.get(*table) == Some(&true) && *limit > 0;
            match rows.first() {
                Some(row) if row.key < *from || must_exist && row.key != *from => {
                    Err(format!("scanned from {from}, the store began at {}", row.key))
                }
                None if must_exist => Err(format!("scanned from {from}, which is there, the store answered no rows")),
                _ => Ok(()),
            }
        }
        Op::Find { limit, .. } => check_count(*limit, rows),
        Op::Tail { stream, limit, .. } => {
            check_count(*limit, rows)?;
            check_rows(rows, |row| row.key == *stream, "an event of another stream")
        }
        Op::LastPoint { entity, .. } => match &rows[..] {
            [row] if row.key == Key::Int(*entity) => Ok(()),
            other => Err(format!("asked for the last point of {entity}, the store answered {} rows", other.len())),
        },
        Op::PointRange { entity, from_ms, to_ms, .. } => {
            check_rows(rows, |row| row.key == Key::Int(*entity), "a point of another entity")?;
            check_rows(
                rows,
                |row| time(row).is_some_and(|at| (*from_ms..*to_ms).contains(&at)),
                "a point outside the range",
            )?;
            check_order(rows, |a, b| time(a) < time(b))
        }
        Op::Window { every_ms, .. } => {
            check_rows(rows, |row| time(row).is_some_and(|at| at.rem_euclid(*every_ms) == 0), "a bucket out of step")?;
            check_order(rows, |a, b| time(a) < time(b))
        }
        Op::PointsAbove { limit, from_ms, to_ms, .. } => {
            check_count(*limit, rows)?;
            check_rows(
                rows,
                |row| time(row).is_some_and(|at| (*from_ms..*to_ms).contains(&at)),
                "a point outside the range",
            )
        }
        Op::Batch(ops) | Op::Transact(ops) => {
            let reads = ops.iter().filter(|op| matches!(op, Op::Read { .. })).count();
            let exact = ops.iter().all(|op| op.writes() || matches!(op, Op::Read { .. }));
            if outcome == Outcome::Applied && exact && rows.len() != reads {
                return Err(format!("{reads} reads in one group, the store answered {} rows", rows.len()));
            }
            Ok(())
        }
    }
}

fn check_count(limit: usize, rows: &Rows) -> Result<(), String> {
    if rows.len() > limit {
        return Err(format!("asked for {limit} rows at most, the store answered {}", rows.len()));
    }
    Ok(())
}

fn check_order(rows: &[Row], before: impl Fn(&Row, &Row) -> bool) -> Result<(), String> {
    if rows.windows(2).all(|pair| before(&pair[0], &pair[1])) {
        return Ok(());
    }
    Err("the store's rows are not in the order that was asked for".to_owned())
}

fn check_rows(rows: &[Row], is_right: impl Fn(&Row) -> bool, wrong: &str) -> Result<(), String> {
    if rows.iter().all(is_right) { Ok(()) } else { Err(format!("the store answered {wrong}")) }
}

fn time(row: &Row) -> Option<i64> {
    match row.values.first() {
        Some(Value::Time(at)) => Some(*at),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::Fields;

    fn rows(keys: &[i64]) -> Rows {
        let mut rows = Rows::default();
        keys.iter().for_each(|key| rows.push(Key::Int(*key), vec![]));
        rows
    }

    #[test]
    fn a_read_is_answered_by_its_own_row_and_no_other() {
        let read = Op::Read { table: 0, key: Key::Int(7), fields: Fields::All };
        assert!(check(&read, Outcome::Applied, &rows(&[7]), &[]).is_ok());
        assert!(check(&read, Outcome::Applied, &rows(&[8]), &[]).is_err());
        assert!(check(&read, Outcome::Applied, &rows(&[]), &[]).is_err());
        assert!(check(&read, Outcome::Applied, &rows(&[7, 7]), &[]).is_err());
    }

    #[test]
    fn a_scan_is_ordered_bounded_and_starts_where_asked() {
        let scan = Op::Scan { table: 0, from: Key::Int(5), limit: 3, fields: Fields::All };
        let is_right = |keys: &[i64], must_exist| check(&scan, Outcome::Applied, &rows(keys), &[must_exist]).is_ok();
        assert!(is_right(&[5, 6, 9], true) && is_right(&[5, 6, 9], false));
        assert!(is_right(&[], false) && !is_right(&[], true));
        assert!(is_right(&[6, 7], false) && !is_right(&[6, 7], true));
        assert!(!is_right(&[6, 5], false) && !is_right(&[4, 5], false) && !is_right(&[5, 6, 7, 8], false));
    }
}
