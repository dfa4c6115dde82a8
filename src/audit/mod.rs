//! The audit: reconciles what the store holds with the ledger and the workload's invariants. Off the clock.
//!
//! What is acknowledged is in `ledger.rs`, what may or may not have been done in `indeterminate.rs`, last values in `last_writes.rs`,
//! sums in `totals.rs`, which records were changed in `dirty_groups.rs`. Reading back is in `snapshot.rs`; [`reconcile`] is pure.

mod dirty_groups;
mod indeterminate;
mod last_writes;
pub mod ledger;
pub mod snapshot;
mod totals;

use drivers::{Dataset, Digest, Failure, Session};

use crate::record::CheckResult;
use crate::workload::{Plan, Term};

use indeterminate::{Indeterminate, Observed};
use last_writes::Comparison;
use ledger::{Added, Ledger, TableLedger};
use snapshot::{PartSnapshot, Snapshot, read_back};
use totals::{Explained, Total};

#[cfg(test)]
mod tests;

/// Reads what the store holds after the run and reconciles it.
///
/// # Errors
/// What the store fails with.
pub async fn audit<S: Session>(
    session: &mut S,
    plan: &Plan,
    before: &Snapshot,
    ledger: &Ledger,
) -> Result<Vec<CheckResult>, Failure> {
    let after = read_back(session, &plan.dataset, ledger).await?;
    let results = reconcile(plan, before, ledger, &after);
    if ledger.unanswered == 0 || results.iter().all(|result| result.passed) {
        return Ok(results);
    }
    // A write that was not answered may have been done between the reading of two rows that it changes: its one half is
    // missing then, and there when they are read again.
    let after = read_back(session, &plan.dataset, ledger).await?;
    Ok(reconcile(plan, before, ledger, &after))
}

/// Checks that what was loaded is what the store holds before the run.
pub fn loaded(dataset: &Dataset, ledger: &Ledger, held: &Snapshot) -> Vec<CheckResult> {
    let tables = ledger.tables.iter().map(|table| &table.inserted);
    let parts = tables.chain(&ledger.logs).chain(&ledger.series);
    let found = held.tables.iter().chain(&held.logs).chain(&held.series);
    let names = dataset.parts().map(|part| dataset.name_of(part));
    names
        .zip(parts.zip(found))
        .map(|(name, (added, held))| {
            result(
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
    for (at, shape) in dataset.tables.iter().enumerate() {
        let (noted, before_table, after_table) = (&ledger.tables[at], &before.tables[at], &after.tables[at]);
        table(&shape.name, before_table, noted, after_table, &mut results);
        for (field, counter) in shape.fields.iter().enumerate() {
            if noted.bumped[field] && !noted.set[field] && noted.deleted_keys.rows == 0 {
                let total = ledger.total(&[Term { sign: 1, table: at, field, item_field: None }]);
                let expected = sum(&total, before) + noted.grown[field];
                let name = format!("{}.{}: no acknowledged change is lost", shape.name, counter.name);
                results.push(total_check(name, &total, expected, after));
            }
        }
        results.extend(followed(&shape.name, noted, after_table));
    }
    for (at, shape) in dataset.logs.iter().enumerate() {
        results.push(added(&shape.name, "event", &before.logs[at], &ledger.logs[at], &after.logs[at]));
        let disordered = after.logs[at].disordered;
        results.push(result(
            format!("{}: each writer's events are in order within their stream", shape.name),
            disordered == 0,
            format!("{disordered} of {} out of order", after.logs[at].rows.rows),
        ));
    }
    for (at, shape) in dataset.series.iter().enumerate() {
        results.push(added(&shape.name, "point", &before.series[at], &ledger.series[at], &after.series[at]));
    }
    results.extend(plan.checks.iter().map(|check| {
        let total = ledger.total(&check.terms);
        total_check(check.name.clone(), &total, sum(&total, before), after)
    }));
    results
}

fn table(name: &str, before: &PartSnapshot, noted: &TableLedger, after: &PartSnapshot, results: &mut Vec<CheckResult>) {
    let keys = Digest {
        rows: before.keys.rows + noted.inserted_keys.rows - noted.deleted_keys.rows,
        sum: before.keys.sum.wrapping_add(noted.inserted_keys.sum).wrapping_sub(noted.deleted_keys.sum),
    };
    let there = format!("{name}: exactly the acknowledged records are there");
    let there = digest_check(there, keys, after.keys, &noted.inserted.doubt, &after.met);
    // As many may be missing as deletions were not answered.
    let missing = keys.rows.checked_sub(after.keys.rows);
    let open =
        missing.map_or(0, |missing| if missing > noted.doubtful_deletions { 0 } else { noted.doubtful_deletions });
    results.push(undecided_if(open, there));
    if noted.changed {
        let (untouched, different) = noted.touched.compare(&before.groups, &after.groups);
        let (unreplaced, overwritten) = noted.replaced.compare(&before.unwritten, &after.unwritten);
        let mut detail = format!("{different} of {untouched} groups of keys without a write are different");
        if !noted.unwritten.is_empty() {
            detail += &format!("; in fields that no operation writes, {overwritten} of {unreplaced}");
        }
        let name = format!("{name}: what nothing was written to is as it was");
        results.push(result(name, different + overwritten == 0, detail));
    } else {
        let mut rows = before.rows;
        rows.merge(noted.inserted.rows);
        let what = format!("{name}: their content is what was written");
        results.push(digest_check(what, rows, after.rows, &noted.inserted.doubt, &after.met));
    }
}

/// Every followed field holds the last acknowledged value, or one of those whose order nobody can know.
fn followed(name: &str, noted: &TableLedger, after: &PartSnapshot) -> Option<CheckResult> {
    // What a field holds that is counted as well does not follow from what it was set to.
    let is_only_set = |field: usize| !noted.bumped[field];
    let found = noted.followed.compare(&after.followed, noted.may_lack_records(), is_only_set);
    let Comparison { compared, wrong, open } = found;
    if compared + open == 0 {
        return None;
    }
    let written = noted.followed.written;
    let mut detail =
        format!("{wrong} of {compared} updated fields hold something else, after {written} writes to fields");
    let one_in = noted.followed.one_in();
    if one_in > 1 {
        let about = (compared + open) * one_in;
        detail += &format!("; a sample: the fields of one key in {one_in}, of about {about} that were updated");
    }
    if open > 0 {
        detail += &format!("; {open} more cannot be judged");
    }
    let name = format!("{name}: updated fields hold an acknowledged last value");
    let undecided = compared == 0;
    Some(CheckResult { undecided, sampled: one_in > 1, ..result(name, wrong == 0 && !undecided, detail) })
}

fn added(name: &str, noun: &str, before: &PartSnapshot, noted: &Added, after: &PartSnapshot) -> CheckResult {
    let mut rows = before.rows;
    rows.merge(noted.rows);
    let what = format!("{name}: exactly the acknowledged {noun}s are there, unchanged");
    digest_check(what, rows, after.rows, &noted.doubt, &after.met)
}

/// Equal digests of all that is not in doubt, and of what is in doubt nothing twice.
fn digest_check(name: String, expected: Digest, found: Digest, doubt: &Indeterminate, met: &Observed) -> CheckResult {
    let mut detail = format!("expected {expected}, held {found}");
    if !doubt.is_empty() {
        detail += &format!("; of {} rows of unknown outcome {} are there", doubt.len(), met.len());
    }
    if met.doubled() > 0 {
        detail += &format!(", {} of them more than once", met.doubled());
    }
    let found = result(name, expected == found && met.doubled() == 0, detail);
    undecided_if(u64::from(doubt.is_incomplete()) * doubt.len() as u64, found)
}

/// What a total is.
fn sum(total: &Total, holding: &Snapshot) -> i128 {
    let value = |term: &Term| {
        let sums = &holding.tables[term.table].sums;
        i128::from(term.sign) * sums.get(&(term.field, term.item_field)).copied().unwrap_or(0)
    };
    total.terms.iter().map(value).sum()
}

/// A total that is as expected, or off by what unanswered writes add up to.
fn total_check(name: String, total: &Total, expected: i128, after: &Snapshot) -> CheckResult {
    let found = sum(total, after);
    let explained = total.explains(found - expected);
    let doubtful = total.doubtful();
    let mut detail = format!("the sum should be {expected}, is {found}");
    if found != expected && explained == Explained::Yes {
        detail += &format!("; unanswered writes explain the difference, some of {doubtful}");
    }
    let open = if explained == Explained::Perhaps { doubtful } else { 0 };
    undecided_if(open, result(name, explained == Explained::Yes, detail))
}

/// A difference proves nothing while writes that could explain it have an unknown outcome.
fn undecided_if(doubtful: u64, mut found: CheckResult) -> CheckResult {
    if doubtful > 0 && !found.passed {
        found.undecided = true;
        found.detail += &format!("; cannot be judged, {doubtful} writes have an unknown outcome");
    }
    found
}

/// What stands in the place of all checks after the run where the store could not be read.
pub fn not_carried_out(failure: &Failure) -> CheckResult {
    let detail = format!("not carried out: {failure}");
    CheckResult { undecided: true, ..result("what the store holds after the run".into(), false, detail) }
}

fn result(name: String, passed: bool, detail: String) -> CheckResult {
    CheckResult { name, passed, undecided: false, sampled: false, detail }
}
