//! Whether an answer can be right: the cheap checks that every answer gets, off the clock.
//!
//! A store that answers fast but wrongly must not look fast: order, keys and what was searched for are compared, and
//! that all rows are there of which that can be known. What an answer holds beside that is compared after the run, for a
//! sample of queries (`audit/queries.rs`).

use std::sync::Arc;

use drivers::{Fields, Key, Matching, Op, Order, OrderedValue, Outcome, Part, Row, Rows, Value};

use super::loaded_rows::LoadedRows;
use crate::generate::{Generator, KeyFrontiers};
use crate::units;

/// What is known of the data that answers have to hold.
#[derive(Debug)]
pub struct AnswerRules {
    generator: Arc<Generator>,
    frontiers: Arc<KeyFrontiers>,
    loaded: Arc<LoadedRows>,
    /// By table, whether a scan has to begin with the very record that it starts from.
    scans_begin_at_a_record: Vec<bool>,
}

impl AnswerRules {
    /// For a run on this data.
    pub fn new(generator: Arc<Generator>, frontiers: Arc<KeyFrontiers>, loaded: Arc<LoadedRows>) -> Self {
        let plan = &generator.plan;
        let scans_begin_at_a_record = (0..plan.tables.len()).map(|table| plan.scans_begin_at_a_record(table)).collect();
        AnswerRules { generator, frontiers, loaded, scans_begin_at_a_record }
    }

    /// Checks rows against the operation that asked for them.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    #[inline]
    pub fn check(&self, op: &Op, outcome: Outcome, rows: &Rows) -> Result<(), String> {
        match op {
            Op::Batch(ops) | Op::Transact(ops) | Op::Interactive(ops) => match outcome {
                Outcome::Applied => self.check_group(ops, rows),
                Outcome::Refused => Ok(()),
            },
            op => self.check_single(op, rows),
        }
    }

    /// The rows of a group come in the order of its operations. Where several of these answer any number of rows, which
    /// row is whose cannot be told, and only their number is checked.
    fn check_group(&self, ops: &[Op], rows: &[Row]) -> Result<(), String> {
        let reads = || ops.iter().filter(|op| !op.writes());
        let exact = reads().filter_map(exact_count).sum::<usize>();
        let open = reads().filter(|op| exact_count(op).is_none()).count();
        if rows.len() < exact || open == 0 && rows.len() != exact {
            return Err(format!(
                "asked for {} in one group, the store answered {}",
                units::counted(exact as u64, "row"),
                rows.len()
            ));
        }
        if open > 1 {
            return Ok(());
        }
        let mut rest = rows;
        for op in reads() {
            let (of_op, others) = rest.split_at(exact_count(op).unwrap_or(rows.len() - exact));
            rest = others;
            self.check_single(op, of_op)?;
        }
        Ok(())
    }

    #[inline]
    fn check_single(&self, op: &Op, rows: &[Row]) -> Result<(), String> {
        match op {
            Op::Read { key, .. } => check_one(key, rows),
            Op::Insert { .. } | Op::Update { .. } | Op::Delete { .. } | Op::Increment { .. } => Ok(()),
            Op::Append { .. } | Op::InsertPoints { .. } => Ok(()),
            Op::Batch(_) | Op::Transact(_) | Op::Interactive(_) => Ok(()),
            Op::Scan { table, from, limit, .. } => {
                self.check_count(op, *limit, rows)?;
                check_order(rows, |a, b| a.key < b.key)?;
                let must_exist = self.scans_begin_at_a_record.get(*table) == Some(&true) && *limit > 0;
                match rows.first() {
                    Some(row) if row.key < *from || must_exist && row.key != *from => {
                        Err(format!("scanned from {from}, the store began at {}", row.key))
                    }
                    None if must_exist => {
                        Err(format!("scanned from {from}, which is there, the store answered no rows"))
                    }
                    _ => Ok(()),
                }
            }
            Op::Find { field, matching, order, limit, fields, .. } => {
                self.check_count(op, *limit, rows)?;
                check_found(rows, matching, *order, answered_position(fields, *field))
            }
            Op::Tail { stream, limit, .. } => {
                self.check_count(op, *limit, rows)?;
                check_rows(rows, |row| row.key == *stream, "an event of another stream")
            }
            _ => self.check_points(op, rows),
        }
    }

    fn check_points(&self, op: &Op, rows: &[Row]) -> Result<(), String> {
        let is_within =
            |from_ms: i64, to_ms: i64| move |row: &Row| instant(row).is_some_and(|at| (from_ms..to_ms).contains(&at));
        match op {
            Op::LastPoint { series, entity } => {
                check_one(&Key::Int(*entity), rows)?;
                let loaded_until_ms = self.generator.loaded_until_ms(*series);
                let loaded = self.newest_before(*series, *entity, loaded_until_ms);
                match instant(&rows[0]) {
                    None => Err("the store answered a point without its time".to_owned()),
                    Some(at) if loaded.is_some_and(|loaded| at < loaded) => Err(format!(
                        "asked for the last point of {entity}, the store answered an older one than is loaded"
                    )),
                    Some(_) => Ok(()),
                }
            }
            Op::PointRange { series, entity, from_ms, to_ms } => {
                check_rows(rows, |row| row.key == Key::Int(*entity), "a point of another entity")?;
                check_rows(rows, is_within(*from_ms, *to_ms), "a point outside the range")?;
                check_order(rows, |a, b| instant(a) < instant(b))?;
                check_least(self.points(*series, *entity, *from_ms, *to_ms).count(), "points", rows)
            }
            Op::Window { series, entity, from_ms, to_ms, every_ms, .. } => {
                let is_in_step = |row: &Row| instant(row).is_some_and(|at| at.rem_euclid(*every_ms) == 0);
                check_rows(rows, |row| row.key == Key::Int(*entity), "a bucket of another entity")?;
                check_rows(rows, is_in_step, "a bucket out of step")?;
                check_rows(
                    rows,
                    is_within(from_ms.saturating_sub(*every_ms - 1), *to_ms),
                    "a bucket outside the range",
                )?;
                check_order(rows, |a, b| instant(a) < instant(b))?;
                let mut buckets = 0;
                let mut newest = None;
                for at in self.points(*series, *entity, *from_ms, *to_ms) {
                    let bucket = Some(at.div_euclid(*every_ms));
                    buckets += usize::from(bucket != newest);
                    newest = bucket;
                }
                check_least(buckets, "buckets", rows)
            }
            Op::PointsAbove { metric, threshold, limit, from_ms, to_ms, .. } => {
                let is_above =
                    |row: &Row| matches!(row.values.get(1 + metric), Some(Value::Float(value)) if value > threshold);
                check_most(*limit, rows)?;
                check_rows(rows, is_within(*from_ms, *to_ms), "a point outside the range")?;
                check_rows(rows, is_above, "a point that is not above the threshold")?;
                check_order(rows, |a, b| (instant(b), &a.key) < (instant(a), &b.key))
            }
            _ => Ok(()),
        }
    }

    /// No more rows than the limit, and no fewer than are known to be there.
    fn check_count(&self, op: &Op, limit: usize, rows: &[Row]) -> Result<(), String> {
        check_most(limit, rows)?;
        if rows.len() == limit {
            return Ok(());
        }
        check_least(self.loaded.least(op).min(limit), "loaded rows", rows)
    }

    /// The instants of an entity's points in a range that are known to be there: none while it is unknown of some batch
    /// whether it has arrived.
    fn points(&self, series: usize, entity: i64, from_ms: i64, to_ms: i64) -> impl Iterator<Item = i64> {
        let is_known = self.frontiers.get(Part::Series(series)).is_some_and(|batches| !batches.has_indeterminate());
        let to_ms = if is_known { to_ms } else { to_ms.min(self.generator.loaded_until_ms(series)) };
        self.generator.instants(series, entity, from_ms, to_ms)
    }

    /// The newest point of an entity that is known to be there, among the last ones before an instant.
    fn newest_before(&self, series: usize, entity: i64, to_ms: i64) -> Option<i64> {
        const TICKS: i64 = 16;
        let from_ms = to_ms.saturating_sub(TICKS.saturating_mul(self.generator.plan.series[series].interval_ms));
        self.generator.instants(series, entity, from_ms, to_ms).last()
    }
}

/// How many rows an operation that reads answers, if that is always the same.
fn exact_count(op: &Op) -> Option<usize> {
    matches!(op, Op::Read { .. } | Op::LastPoint { .. }).then_some(1)
}

fn check_one(key: &Key, rows: &[Row]) -> Result<(), String> {
    match rows {
        [row] if row.key == *key => Ok(()),
        [row] => Err(format!("asked for {key}, the store answered {}", row.key)),
        other => Err(format!("asked for {key}, the store answered {}", units::counted(other.len() as u64, "row"))),
    }
}

fn check_most(limit: usize, rows: &[Row]) -> Result<(), String> {
    if rows.len() > limit {
        return Err(format!(
            "asked for {} at most, the store answered {}",
            units::counted(limit as u64, "row"),
            rows.len()
        ));
    }
    Ok(())
}

fn check_least(least: usize, what: &str, rows: &[Row]) -> Result<(), String> {
    if rows.len() < least {
        return Err(format!("{least} {what} have to be found at least, the store answered {}", rows.len()));
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

/// Where the values of a row have the searched field, if it was asked for.
fn answered_position(fields: &Fields, field: usize) -> Option<usize> {
    match fields {
        Fields::All => Some(field),
        Fields::Some(asked) => asked.iter().position(|asked| *asked == field),
    }
}

/// Found rows match, and come in the order of (field, key). The field is compared where it was asked for; without it all
/// that is known of a range of values is that no row comes twice in succession.
fn check_found(rows: &[Row], matching: &Matching, order: Order, field: Option<usize>) -> Result<(), String> {
    let value = |row: &Row| field.and_then(|at| row.values.get(at)).cloned().map(OrderedValue);
    let is_match = |row: &Row| match (field.and_then(|at| row.values.get(at)), matching) {
        (None, _) => true,
        (Some(value), Matching::Equal(wanted)) => value == wanted || is_equal(value, wanted),
        (Some(value), Matching::Between(low, high)) => {
            let value = OrderedValue(value.clone());
            value >= OrderedValue(low.clone()) && value <= OrderedValue(high.clone())
        }
    };
    check_rows(rows, is_match, "a record that does not match")?;
    let in_order = |a: &Row, b: &Row| match (matching, field) {
        (Matching::Equal(_), _) => a.key < b.key,
        (Matching::Between(..), Some(_)) => (value(a), &a.key) < (value(b), &b.key),
        (Matching::Between(..), None) => a.key != b.key,
    };
    match order {
        Order::Ascending => check_order(rows, in_order),
        Order::Descending => check_order(rows, |a, b| in_order(b, a)),
    }
}

/// Equal as values that are ordered: 1 and 1.0 are.
#[cold]
fn is_equal(one: &Value, other: &Value) -> bool {
    OrderedValue(one.clone()) == OrderedValue(other.clone())
}

fn instant(row: &Row) -> Option<i64> {
    match row.values.first() {
        Some(Value::Time(at)) => Some(*at),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
