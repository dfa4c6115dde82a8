//! The audit: reconciles what the store holds with the ledger and the workload's invariants. Off the clock.
//!
//! What is acknowledged is in `ledger.rs`, what may or may not have been done in `indeterminate.rs`, last values in
//! `last_writes.rs`, sums in `totals.rs` and `counters.rs`, which fields were written to in `written_fields.rs`. Reading back
//! is in `snapshot.rs` and `field_sample.rs`; [`reconcile`] is pure. What operations read is asked again by `queries.rs`, with
//! answers from `expected_answer.rs`.

mod counters;
mod expected_answer;
mod field_sample;
mod indeterminate;
mod last_writes;
pub mod ledger;
pub mod queries;
pub mod snapshot;
mod totals;
pub mod value_hash;
mod written_fields;

use std::time::Duration;

use drivers::{Dataset, Digest, Failure, Session};

use crate::record::CheckResult;
use crate::workload::{Plan, Term};

use indeterminate::{Indeterminate, Observed};
use last_writes::FieldComparison;
use ledger::{AddedRows, Ledger, TableLedger};
use queries::Queries;
use snapshot::{PartSnapshot, Snapshot, read_back};
use totals::{Explained, Total};
use written_fields::GroupComparison;

#[cfg(test)]
mod tests;

/// How long to wait before the store is read again, after each reading that does not pass: 16 s in all.
const PAUSES_MS: [u64; 7] = [250, 250, 500, 1_000, 2_000, 4_000, 8_000];

/// What the store is held to after the run.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a> {
    /// The data, and what was done to it.
    pub plan: &'a Plan,
    /// What is asked again.
    pub queries: &'a Queries,
    /// What the store held before the run.
    pub before: &'a Snapshot,
    /// What it has acknowledged since.
    pub ledger: &'a Ledger,
}

impl Audit<'_> {
    /// Reads what the store holds, reconciles it, and asks the queries again.
    ///
    /// A store may still be at work: at writes that it never answered, half of which may be done when their rows are read.
    /// So what does not pass is read again, until two readings agree on it; what never comes to rest is undecided.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn carry_out<S: Session>(self, session: &mut S) -> Result<Vec<CheckResult>, Failure> {
        read_until_settled(&PAUSES_MS, async || self.read(session).await).await
    }

    /// One reading, as of one instant where the store has such a thing.
    async fn read<S: Session>(self, session: &mut S) -> Result<Vec<CheckResult>, Failure> {
        session.begin_snapshot().await?;
        let results = self.read_and_ask(session).await;
        let ended = session.end_snapshot().await;
        results.and_then(|results| ended.map(|()| results))
    }

    async fn read_and_ask<S: Session>(self, session: &mut S) -> Result<Vec<CheckResult>, Failure> {
        let Audit { plan, queries, before, ledger } = self;
        let mut answers = queries.expected();
        let after = read_back(session, &plan.dataset, ledger, &mut answers).await?;
        let mut results = reconcile(plan, before, ledger, &after);
        results.extend(answers.compare(session, &plan.dataset).await?);
        Ok(results)
    }
}

/// Reads until all passes, or two readings agree on what does not. Waits before each reading but the first.
async fn read_until_settled(
    pauses_ms: &[u64],
    mut read: impl AsyncFnMut() -> Result<Vec<CheckResult>, Failure>,
) -> Result<Vec<CheckResult>, Failure> {
    let mut results = read().await?;
    for pause_ms in pauses_ms {
        if results.iter().all(|result| result.passed) {
            return Ok(results);
        }
        tokio::time::sleep(Duration::from_millis(*pause_ms)).await;
        let earlier = std::mem::replace(&mut results, read().await?);
        let failed = |results: &[CheckResult]| -> Vec<CheckResult> {
            results.iter().filter(|result| !result.passed).cloned().collect()
        };
        if failed(&earlier) == failed(&results) {
            return Ok(results);
        }
    }
    let waited_s = pauses_ms.iter().sum::<u64>() / 1_000;
    // The last reading may have passed.
    for result in results.iter_mut().filter(|result| !result.passed) {
        result.undecided = true;
        result.detail += &format!("; cannot be judged, the store went on changing for {waited_s} s after the run");
    }
    Ok(results)
}

/// Checks that the store holds what was loaded, before the run.
pub fn check_load(dataset: &Dataset, ledger: &Ledger, snapshot: &Snapshot) -> Vec<CheckResult> {
    let held = snapshot.tables.iter().chain(&snapshot.logs).chain(&snapshot.series);
    let names = dataset.parts().map(|part| dataset.name_of(part));
    names
        .zip(ledger.added().zip(held))
        .map(|(name, (added, held))| {
            check_result(
                format!("{name}: the loaded data reads back equal"),
                added.rows == held.rows,
                format!("loaded {}, held {}", added.rows, held.rows),
            )
        })
        .collect()
}

/// Reconciles what the store holds after the run with what it held before and what it acknowledged since.
pub fn reconcile(plan: &Plan, before: &Snapshot, ledger: &Ledger, after: &Snapshot) -> Vec<CheckResult> {
    let dataset = &plan.dataset;
    let mut results = Vec::new();
    for (at, table) in dataset.tables.iter().enumerate() {
        let (acknowledged, table_after) = (&ledger.tables[at], &after.tables[at]);
        results.push(check_records(&table.name, &before.tables[at], acknowledged, table_after));
        results.push(check_content(&table.name, &before.tables[at], acknowledged, table_after));
        results.extend(check_counters(&table.name, &before.tables[at], acknowledged, table_after));
        for (field, counter) in table.fields.iter().enumerate() {
            if acknowledged.incremented[field] && !acknowledged.set[field] && acknowledged.deleted_keys.rows == 0 {
                let total = ledger.total(&[Term { sign: 1, table: at, field, item_field: None }]);
                let expected = value(&total, before) + acknowledged.growth[field];
                let name = format!("{}.{}: no acknowledged change is lost", table.name, counter.name);
                results.push(check_total(name, &total, expected, after));
            }
        }
        results.extend(check_last_writes(&table.name, acknowledged, table_after));
    }
    for (at, log) in dataset.logs.iter().enumerate() {
        results.push(check_added(&log.name, "event", &before.logs[at], &ledger.logs[at], &after.logs[at]));
        results.push(check_order(&log.name, &ledger.logs[at], &after.logs[at]));
    }
    for (at, series) in dataset.series.iter().enumerate() {
        results.push(check_added(&series.name, "point", &before.series[at], &ledger.series[at], &after.series[at]));
    }
    results.extend(plan.checks.iter().map(|check| {
        let total = ledger.total(&check.terms);
        check_total(check.name.clone(), &total, value(&total, before), after)
    }));
    results
}

/// The one result that replaces all checks after the run where the store could not be read.
pub fn not_carried_out(failure: &Failure) -> CheckResult {
    let detail = format!("not carried out: {failure}");
    CheckResult { undecided: true, ..check_result("what the store holds after the run".into(), false, detail) }
}

/// The records of a table are those that were there, plus the inserted and minus the deleted ones.
fn check_records(name: &str, before: &PartSnapshot, acknowledged: &TableLedger, after: &PartSnapshot) -> CheckResult {
    let (inserted, deleted) = (acknowledged.inserted_keys, acknowledged.deleted_keys);
    let keys = Digest {
        rows: before.keys.rows + inserted.rows - deleted.rows,
        sum: before.keys.sum.wrapping_add(inserted.sum).wrapping_sub(deleted.sum),
    };
    let name = format!("{name}: exactly the acknowledged records are there");
    let result = check_digest(name, keys, after.keys, &acknowledged.inserted.indeterminate, &after.observed);
    // As many may be missing as deletions were not answered.
    let deletions = acknowledged.indeterminate_deletions;
    let open = match keys.rows.checked_sub(after.keys.rows) {
        Some(missing) if missing <= deletions => deletions,
        _ => 0,
    };
    undecided_if(open, result)
}

/// The acknowledged events of each writer are in the order in which it appended them.
fn check_order(name: &str, acknowledged: &AddedRows, after: &PartSnapshot) -> CheckResult {
    let result = check_result(
        format!("{name}: each writer's events are in order within their stream"),
        after.disordered == 0,
        format!("{} of {} out of order", after.disordered, after.rows.rows),
    );
    let unknown = if acknowledged.indeterminate.is_incomplete() { acknowledged.indeterminate.len() as u64 } else { 0 };
    undecided_if(unknown, result)
}

/// Records that nothing was written to hold what they held before; where no record was changed, all hold what was written.
fn check_content(name: &str, before: &PartSnapshot, acknowledged: &TableLedger, after: &PartSnapshot) -> CheckResult {
    if !acknowledged.changed {
        let mut rows = before.rows;
        rows.merge(acknowledged.inserted.rows);
        let name = format!("{name}: their content is what was written");
        return check_digest(name, rows, after.rows, &acknowledged.inserted.indeterminate, &after.observed);
    }
    let groups = acknowledged.written.compare(&before.fields, &after.fields);
    let is_counted = |field: usize| acknowledged.incremented[field];
    let (sampled, differing) = before.sample.compare(&after.sample, &acknowledged.last_writes, is_counted);
    let GroupComparison { held, compared, different } = groups;
    let detail = format!(
        "{different} of {compared} groups of values without a write are different, of {held} groups in all; of a sample \
         of keys, {differing} of {sampled} values without a write"
    );
    let passed = different + differing == 0;
    let name = format!("{name}: what nothing was written to is as it was");
    CheckResult { sampled: compared < held, ..check_result(name, passed, detail) }
}

/// Counters have grown by what was acknowledged, in each group of keys.
fn check_counters(
    name: &str,
    before: &PartSnapshot,
    acknowledged: &TableLedger,
    after: &PartSnapshot,
) -> Option<CheckResult> {
    let is_counted = acknowledged.counters.iter().any(|counter| acknowledged.incremented[*counter]);
    let (known, wrong) = acknowledged.counter_growth.compare(&before.counters, &after.counters);
    let detail = format!("{wrong} of {known} groups of counters have grown by something else");
    let result = || check_result(format!("{name}: counters grew where they were incremented"), wrong == 0, detail);
    (is_counted && known > 0).then(result)
}

/// Every followed field holds the last acknowledged value, or one of those whose order nobody can know.
fn check_last_writes(name: &str, acknowledged: &TableLedger, after: &PartSnapshot) -> Option<CheckResult> {
    let last_writes = &acknowledged.last_writes;
    // What a field holds that is incremented as well does not follow from what it was set to.
    let is_only_set = |field: usize| !acknowledged.incremented[field];
    let FieldComparison { compared, wrong, open } = last_writes.compare(&after.last_values, is_only_set);
    if compared + open == 0 {
        return None;
    }
    let written = last_writes.written;
    let mut detail =
        format!("{wrong} of {compared} written fields hold something else, after {written} updates of fields");
    let one_in = last_writes.one_in();
    if one_in > 1 {
        let about = (compared + open) * one_in;
        detail += &format!("; a sample: the fields of one key in {one_in}, of about {about} that were written");
    }
    if open > 0 {
        detail += &format!("; {open} more cannot be judged");
    }
    let name = format!("{name}: written fields hold an acknowledged last value");
    let undecided = compared == 0;
    Some(CheckResult { undecided, sampled: one_in > 1, ..check_result(name, wrong == 0 && !undecided, detail) })
}

/// A log or a series holds what it held before, and what was added.
fn check_added(name: &str, noun: &str, before: &PartSnapshot, added: &AddedRows, after: &PartSnapshot) -> CheckResult {
    let mut rows = before.rows;
    rows.merge(added.rows);
    let name = format!("{name}: exactly the acknowledged {noun}s are there, unchanged");
    check_digest(name, rows, after.rows, &added.indeterminate, &after.observed)
}

/// The digests of all determinate rows are equal, and no indeterminate row is there twice.
fn check_digest(
    name: String,
    expected: Digest,
    found: Digest,
    indeterminate: &Indeterminate,
    observed: &Observed,
) -> CheckResult {
    let mut detail = format!("expected {expected}, held {found}");
    if !indeterminate.is_empty() {
        detail += &format!("; of {} rows of unknown outcome {} are there", indeterminate.len(), observed.len());
    }
    if observed.doubled() > 0 {
        detail += &format!(", {} of them more than once", observed.doubled());
    }
    let result = check_result(name, expected == found && observed.doubled() == 0, detail);
    undecided_if(u64::from(indeterminate.is_incomplete()) * indeterminate.len() as u64, result)
}

/// The value of a total in a snapshot.
fn value(total: &Total, snapshot: &Snapshot) -> i128 {
    let value = |term: &Term| {
        let sums = &snapshot.tables[term.table].sums;
        i128::from(term.sign) * sums.get(&(term.field, term.item_field)).copied().unwrap_or(0)
    };
    total.terms.iter().map(value).sum()
}

/// A total is as expected, or off by what unanswered writes add up to.
fn check_total(name: String, total: &Total, expected: i128, after: &Snapshot) -> CheckResult {
    let found = value(total, after);
    let explained = total.explains(found - expected);
    let writes = total.indeterminate_writes();
    let mut detail = format!("the sum should be {expected}, is {found}");
    if found != expected && explained == Explained::Yes {
        detail += &format!("; unanswered writes explain the difference, some of {writes}");
    }
    let open = if explained == Explained::Perhaps { writes } else { 0 };
    undecided_if(open, check_result(name, explained == Explained::Yes, detail))
}

/// A difference proves nothing while writes that could explain it have an unknown outcome.
fn undecided_if(indeterminate_writes: u64, mut result: CheckResult) -> CheckResult {
    if indeterminate_writes > 0 && !result.passed {
        result.undecided = true;
        result.detail += &format!("; cannot be judged, {indeterminate_writes} writes have an unknown outcome");
    }
    result
}

fn check_result(name: String, passed: bool, detail: String) -> CheckResult {
    CheckResult { name, passed, undecided: false, sampled: false, detail }
}
