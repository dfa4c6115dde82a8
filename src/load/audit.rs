//! The audit: reads everything back from the store and reconciles it with the ledger and the workload's invariants.
//!
//! Off the clock. Reading back and judging are apart: [`read_back`] speaks with the store, [`reconcile`] is pure.

use std::collections::{BTreeMap, HashMap};

use drivers::{Dataset, Digest, Failure, Key, Kind, Part, Row, Session, Value, row_hash};

use crate::record::CheckResult;
use crate::workload::{Check, Plan};

use super::doubt::{Doubt, Met};
use super::ledger::{Added, Ledger, TableLedger, Write, value_hash};
use super::touched::Sums;

/// What a store holds, by part.
#[derive(Debug, Clone, Default)]
pub struct Holding {
    /// By table.
    pub tables: Vec<Held>,
    /// By log.
    pub logs: Vec<Held>,
    /// By series.
    pub series: Vec<Held>,
}

/// What a store holds of one part.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Digest of its rows, content included, but for those in doubt.
    pub rows: Digest,
    /// Digest of its keys alone, but for those in doubt.
    pub keys: Digest,
    /// Those in doubt that are there.
    pub met: Met,
    /// Its rows by groups of keys.
    pub groups: Sums,
    /// Sums of integer fields, and of the integer fields of nested items, by position.
    pub sums: HashMap<(usize, Option<usize>), i128>,
    /// Events that stand before an earlier one of the same writer in their stream.
    pub disordered: u64,
    /// Hashes of the followed fields' values.
    pub followed: HashMap<(Key, usize), u64>,
}

/// Reads every row of every part.
///
/// # Errors
/// What the store fails with.
pub async fn read_back<S: Session>(session: &mut S, dataset: &Dataset, ledger: &Ledger) -> Result<Holding, Failure> {
    let mut holding = Holding::default();
    for part in dataset.parts() {
        let mut held = Held::default();
        let mut scratch = Vec::new();
        match part {
            Part::Table(at) => {
                let (shape, noted) = (&dataset.tables[at], &ledger.tables[at]);
                session
                    .export(part, &mut |row| {
                        held.add_sums(&row, &shape.fields);
                        held.follow(&row, noted, &mut scratch);
                        held.add_record(&row, noted, &mut scratch);
                    })
                    .await?;
                holding.tables.push(held);
            }
            Part::Log(at) => {
                let doubt = &ledger.logs[at].doubt;
                let mut newest: HashMap<(Key, i64), i64> = HashMap::new();
                session
                    .export(part, &mut |row| {
                        held.disordered += u64::from(!in_order(&mut newest, &row));
                        held.add(&row, doubt, &mut scratch);
                    })
                    .await?;
                holding.logs.push(held);
            }
            Part::Series(at) => {
                let doubt = &ledger.series[at].doubt;
                session.export(part, &mut |row| held.add(&row, doubt, &mut scratch)).await?;
                holding.series.push(held);
            }
        }
    }
    Ok(holding)
}

impl Holding {
    /// The digest of each part, by name.
    pub fn digests(&self, dataset: &Dataset) -> BTreeMap<String, String> {
        let held = self.tables.iter().chain(&self.logs).chain(&self.series);
        let names = dataset.parts().map(|part| dataset.name_of(part).to_owned());
        names.zip(held.map(|held| held.rows.to_string())).collect()
    }
}

impl Held {
    /// An event or a point.
    fn add(&mut self, row: &Row, doubt: &Doubt, scratch: &mut Vec<u8>) {
        doubt.sort(row_hash(&row.key, &row.values, scratch), &mut self.rows, &mut self.met);
    }

    fn add_record(&mut self, row: &Row, noted: &TableLedger, scratch: &mut Vec<u8>) {
        let (key, whole) = (row_hash(&row.key, &[], scratch), row_hash(&row.key, &row.values, scratch));
        let certain = self.keys.rows;
        noted.inserted.doubt.sort(key, &mut self.keys, &mut self.met);
        if self.keys.rows > certain {
            self.rows.add_hash(whole);
        }
        noted.touched.sum(key, whole, &mut self.groups);
    }

    fn add_sums(&mut self, row: &Row, fields: &[drivers::Field]) {
        for (at, (field, value)) in fields.iter().zip(&row.values).enumerate() {
            match (value, &field.kind) {
                (Value::Int(number), _) => *self.sums.entry((at, None)).or_default() += i128::from(*number),
                (Value::List(items), Kind::Items(parts)) => {
                    for (name, number) in items.iter().flat_map(integers) {
                        if let Some(part) = parts.iter().position(|part| part.name == name) {
                            *self.sums.entry((at, Some(part))).or_default() += number;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn follow(&mut self, row: &Row, noted: &TableLedger, scratch: &mut Vec<u8>) {
        if noted.followed.is_empty() {
            return;
        }
        for (field, value) in row.values.iter().enumerate() {
            if noted.set[field] && noted.followed.contains_key(&(row.key.clone(), field)) {
                self.followed.insert((row.key.clone(), field), value_hash(value, scratch));
            }
        }
    }
}

/// The integers of a nested item, by name. JSON may have made them floats.
fn integers(item: &Value) -> Vec<(&str, i128)> {
    let Value::Map(entries) = item else { return Vec::new() };
    let number = |value: &Value| match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Float(number) if number.fract() == 0.0 => Some(*number as i128),
        _ => None,
    };
    entries.iter().filter_map(|(name, value)| Some((name.as_str(), number(value)?))).collect()
}

/// Whether an event's id (writer in the upper bits, that writer's count in the lower 40) is above the writer's last in
/// the stream.
fn in_order(newest: &mut HashMap<(Key, i64), i64>, row: &Row) -> bool {
    let Some(Value::Int(id)) = row.values.last() else { return false };
    let last = newest.entry((row.key.clone(), id >> 40)).or_insert(i64::MIN);
    let in_order = *id > *last;
    *last = *id;
    in_order
}

/// Checks that what was loaded is what the store holds before the run.
pub fn loaded(dataset: &Dataset, ledger: &Ledger, held: &Holding) -> Vec<CheckResult> {
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
pub fn reconcile(plan: &Plan, before: &Holding, ledger: &Ledger, after: &Holding) -> Vec<CheckResult> {
    let dataset = &plan.dataset;
    let mut results = Vec::new();
    for (at, shape) in dataset.tables.iter().enumerate() {
        let noted = &ledger.tables[at];
        let fields: Vec<&str> = shape.fields.iter().map(|field| field.name.as_str()).collect();
        table(&shape.name, &fields, &before.tables[at], noted, &after.tables[at], &mut results);
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
    let doubtful: u64 = ledger.tables.iter().map(|table| table.doubtful_writes).sum();
    results.extend(plan.checks.iter().map(|check| conserved(check, before, after, doubtful)));
    results
}

fn table(
    name: &str,
    fields: &[&str],
    before: &Held,
    noted: &TableLedger,
    after: &Held,
    results: &mut Vec<CheckResult>,
) {
    let keys = Digest {
        rows: before.keys.rows + noted.inserted_keys.rows - noted.deleted_keys.rows,
        sum: before.keys.sum.wrapping_add(noted.inserted_keys.sum).wrapping_sub(noted.deleted_keys.sum),
    };
    let there = format!("{name}: exactly the acknowledged records are there");
    let there = digest_check(there, keys, after.keys, &noted.inserted.doubt, &after.met);
    results.push(undecided_if(noted.doubtful_deletions, there));
    if noted.changed {
        let (untouched, different) = noted.touched.compare(&before.groups, &after.groups);
        results.push(result(
            format!("{name}: records that nothing was written to are as they were"),
            different == 0,
            format!("{different} of {untouched} groups of keys without a write are different"),
        ));
    } else {
        let mut rows = before.rows;
        rows.merge(noted.inserted.rows);
        let what = format!("{name}: their content is what was written");
        results.push(digest_check(what, rows, after.rows, &noted.inserted.doubt, &after.met));
    }
    for (at, field) in fields.iter().enumerate() {
        if noted.bumped[at] && !noted.set[at] && noted.deleted_keys.rows == 0 {
            let sum = |held: &Held| held.sums.get(&(at, None)).copied().unwrap_or(0);
            let (expected, found) = (sum(before) + noted.grown[at], sum(after));
            results.push(undecided_if(
                noted.doubtful_writes,
                result(
                    format!("{name}.{field}: no acknowledged change is lost"),
                    expected == found,
                    format!("sum should be {expected}, is {found}"),
                ),
            ));
        }
    }
    if !noted.followed.is_empty() {
        results.push(followed(name, noted, after));
    }
}

/// Every followed field holds the last acknowledged value, or one of those whose order nobody can know.
fn followed(name: &str, noted: &TableLedger, after: &Held) -> CheckResult {
    let mut wrong = 0;
    let mut checked = 0;
    for (field, writes) in &noted.followed {
        let possible = |write: &&Write| !writes.iter().any(|other| other.started_ns > write.ended_ns);
        let candidates: Vec<Option<u64>> = writes.iter().filter(possible).map(|write| write.value).collect();
        let held = after.followed.get(field).copied();
        if candidates.contains(&None) || (held.is_none() && noted.deleted_keys.rows > 0) {
            continue;
        }
        checked += 1;
        wrong += u64::from(!candidates.contains(&held));
    }
    result(
        format!("{name}: sampled updates hold an acknowledged last value"),
        wrong == 0,
        format!("{wrong} of {checked} sampled fields hold something else"),
    )
}

fn added(name: &str, noun: &str, before: &Held, noted: &Added, after: &Held) -> CheckResult {
    let mut rows = before.rows;
    rows.merge(noted.rows);
    let what = format!("{name}: exactly the acknowledged {noun}s are there, unchanged");
    digest_check(what, rows, after.rows, &noted.doubt, &after.met)
}

/// Equal digests of all that is not in doubt, and of what is in doubt nothing twice.
fn digest_check(name: String, expected: Digest, found: Digest, doubt: &Doubt, met: &Met) -> CheckResult {
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

fn conserved(check: &Check, before: &Holding, after: &Holding, doubtful: u64) -> CheckResult {
    let total = |holding: &Holding| -> i128 {
        let value = |term: &crate::workload::Term| {
            let sums = &holding.tables[term.table].sums;
            i128::from(term.sign) * sums.get(&(term.field, term.item_field)).copied().unwrap_or(0)
        };
        check.terms.iter().map(value).sum()
    };
    let (was, is) = (total(before), total(after));
    let found = result(check.name.clone(), was == is, format!("the total was {was} after the load and is {is}"));
    undecided_if(doubtful, found)
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
    CheckResult { name: "what the store holds after the run".into(), passed: false, undecided: true, detail }
}

fn result(name: String, passed: bool, detail: String) -> CheckResult {
    CheckResult { name, passed, undecided: false, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Workload;
    use drivers::{Change, Op};

    const WORKLOAD: &str = r#"
about = "two accounts"
[tables.accounts]
records = 2
[tables.accounts.fields]
balance = { int = 100 }
note = { text = ["a", "b"] }
[logs.events]
streams = 1
events = 0
[logs.events.fields]
what = { text = ["x"] }
[operations]
read = { weight = 1, do = "read", table = "accounts", key = "uniform" }
[[checks]]
name = "money is conserved"
conserved = ["accounts.balance"]
"#;

    fn plan() -> Plan {
        Workload::parse("test.toml", WORKLOAD).and_then(|workload| workload.plan(None, None)).expect("a plan")
    }

    fn account(key: i64, balance: i64, note: &str) -> Row {
        Row { key: Key::Int(key), values: vec![Value::Int(balance), Value::Text(note.into())] }
    }

    fn event(id: i64) -> Row {
        Row { key: Key::Int(1), values: vec![Value::Text("x".into()), Value::Int(id)] }
    }

    /// What a store with these rows would hold.
    fn holding(plan: &Plan, ledger: &Ledger, accounts: &[Row], events: &[Row]) -> Holding {
        let mut store = Rows { accounts, events };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(read_back(&mut store, &plan.dataset, ledger)).expect("rows are read")
    }

    struct Rows<'a> {
        accounts: &'a [Row],
        events: &'a [Row],
    }

    impl Session for Rows<'_> {
        async fn execute(&mut self, op: &Op, _: &mut drivers::Rows) -> Result<drivers::Done, Failure> {
            Err(Failure::unsupported("rows", op))
        }

        async fn export(&mut self, part: Part, sink: &mut dyn FnMut(Row)) -> Result<(), Failure> {
            let rows = if matches!(part, Part::Table(_)) { self.accounts } else { self.events };
            rows.iter().cloned().for_each(sink);
            Ok(())
        }
    }

    /// The names of the checks that fail when these writes were acknowledged and these rows are held.
    fn failed(writes: &[(Op, u64, u64)], accounts: &[Row], events: &[Row]) -> Vec<String> {
        let results = results(writes, &[], accounts, events);
        results.into_iter().filter(|result| !result.passed).map(|result| result.name).collect()
    }

    /// What the checks find when some writes were acknowledged, others never answered, and these rows are held.
    fn results(writes: &[(Op, u64, u64)], unanswered: &[Op], accounts: &[Row], events: &[Row]) -> Vec<CheckResult> {
        let plan = plan();
        let mut ledger = Ledger::new(&plan);
        let before = holding(&plan, &ledger, &[account(1, 100, "a"), account(2, 100, "a")], &[]);
        // Each write is by a lane of its own.
        for (op, started_ns, ended_ns) in writes {
            let mut lane = Ledger::new(&plan);
            lane.acknowledged(op, *started_ns, *ended_ns);
            ledger.merge(&lane);
        }
        unanswered.iter().for_each(|op| ledger.unknown(op));
        let after = holding(&plan, &ledger, accounts, events);
        reconcile(&plan, &before, &ledger, &after)
    }

    fn bump(key: i64, by: i64) -> (Op, u64, u64) {
        (Op::Bump { table: 0, key: Key::Int(key), field: 0, by, floor: None }, 0, 1)
    }

    fn write(note: &str, started_ns: u64, ended_ns: u64) -> (Op, u64, u64) {
        let changes = vec![Change { field: 1, value: Value::Text(note.into()) }];
        (Op::Update { table: 0, key: Key::Int(1), changes }, started_ns, ended_ns)
    }

    fn append(ids: &[i64]) -> (Op, u64, u64) {
        let events = ids.iter().map(|id| event(*id).values).collect();
        (Op::Append { log: 0, stream: Key::Int(1), events }, 0, 1)
    }

    #[test]
    fn a_transfer_that_is_held_whole_passes_and_half_of_it_fails() {
        let transfer = [bump(1, -30), bump(2, 30)];
        assert_eq!(failed(&transfer, &[account(1, 70, "a"), account(2, 130, "a")], &[]), [""; 0]);
        let torn = failed(&transfer, &[account(1, 70, "a"), account(2, 100, "a")], &[]);
        assert_eq!(torn, ["accounts.balance: no acknowledged change is lost", "money is conserved"]);
    }

    #[test]
    fn a_lost_or_foreign_record_is_noticed() {
        assert_eq!(failed(&[], &[account(1, 100, "a")], &[]).len(), 3);
        let insert = Op::Insert { table: 0, key: Key::Int(3), record: account(3, 5, "b").values };
        let held = [account(1, 100, "a"), account(2, 100, "a"), account(3, 5, "b")];
        assert_eq!(failed(&[(insert.clone(), 0, 1)], &held, &[]), ["money is conserved"]);
        let changed = [account(1, 100, "a"), account(2, 100, "a"), account(3, 5, "x")];
        assert!(
            failed(&[(insert, 0, 1)], &changed, &[]).contains(&"accounts: their content is what was written".into())
        );
    }

    #[test]
    fn the_last_of_ordered_writes_must_be_held_and_either_of_concurrent_ones() {
        let held = |note| [account(1, 100, note), account(2, 100, "a")];
        let lost = "accounts: sampled updates hold an acknowledged last value";
        let ordered = [write("first", 0, 10), write("second", 20, 30)];
        assert_eq!(failed(&ordered, &held("second"), &[]), [""; 0]);
        assert_eq!(failed(&ordered, &held("first"), &[]), [lost]);
        let concurrent = [write("first", 0, 25), write("second", 20, 30)];
        assert_eq!(failed(&concurrent, &held("first"), &[]), [""; 0]);
        assert_eq!(failed(&concurrent, &held("second"), &[]), [""; 0]);
        assert_eq!(failed(&concurrent, &held("a"), &[]), [lost]);
    }

    #[test]
    fn events_must_be_there_once_and_in_their_writers_order() {
        let held = [account(1, 100, "a"), account(2, 100, "a")];
        let appended = [append(&[(1 << 40) | 1, (1 << 40) | 2]), append(&[(2 << 40) | 1])];
        let interleaved = [event((1 << 40) | 1), event((2 << 40) | 1), event((1 << 40) | 2)];
        assert_eq!(failed(&appended, &held, &interleaved), [""; 0]);
        let swapped = [event((1 << 40) | 2), event((1 << 40) | 1), event((2 << 40) | 1)];
        assert_eq!(
            failed(&appended, &held, &swapped),
            ["events: each writer's events are in order within their stream"]
        );
        assert_eq!(failed(&appended, &held, &interleaved[..2]).len(), 1, "one is lost");
    }

    #[test]
    fn an_unanswered_write_hides_no_loss_of_an_acknowledged_one() {
        let held = [account(1, 100, "a"), account(2, 100, "a")];
        let (first, second) = ((1 << 40) | 1, (1 << 40) | 2);
        let check = |events: &[Row]| {
            let results = results(&[append(&[first])], &[append(&[second]).0], &held, events);
            let there = results.into_iter().find(|result| result.name.contains("acknowledged events"));
            there.expect("the check of the events")
        };
        for there in [vec![event(first)], vec![event(first), event(second)]] {
            let check = check(&there);
            assert!(check.passed && check.detail.contains("of 1 rows of unknown outcome"), "{check:?}");
        }
        for there in [vec![event(second)], vec![], vec![event(first), event(second), event(second)]] {
            let check = check(&there);
            assert!(!check.passed && !check.undecided, "{check:?}");
        }
        let insert = Op::Insert { table: 0, key: Key::Int(3), record: account(3, 5, "b").values };
        let lost = results(&[], &[insert], &[account(1, 100, "a"), account(3, 5, "b")], &[]);
        assert!(lost.iter().any(|check| check.name.contains("exactly the acknowledged records") && !check.passed));
    }

    #[test]
    fn a_record_that_nobody_wrote_to_must_be_as_it_was_loaded() {
        let untouched = "accounts: records that nothing was written to are as they were";
        let update = [write("b", 0, 1)];
        assert_eq!(failed(&update, &[account(1, 100, "b"), account(2, 100, "a")], &[]), [""; 0]);
        assert_eq!(failed(&update, &[account(1, 100, "b"), account(2, 100, "b")], &[]), [untouched]);
    }

    #[test]
    fn of_a_refused_batch_all_but_bumps_with_a_floor_was_applied() {
        let plan = plan();
        let mut ledger = Ledger::new(&plan);
        let before = holding(&plan, &ledger, &[account(1, 100, "a"), account(2, 100, "a")], &[]);
        let refused = Op::Bump { table: 0, key: Key::Int(1), field: 0, by: -500, floor: Some(0) };
        ledger.refused(&[append(&[1]).0, refused], 0, 1);
        let judge = |events: &[Row]| {
            let after = holding(&plan, &ledger, &[account(1, 100, "a"), account(2, 100, "a")], events);
            reconcile(&plan, &before, &ledger, &after).iter().filter(|check| !check.passed).count()
        };
        assert_eq!((judge(&[event(1)]), judge(&[])), (0, 1));
    }
}
