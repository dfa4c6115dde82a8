//! Answers that cannot be right, and those that can.

use super::*;
use crate::generate::Loader;
use crate::workload::Workload;
use drivers::{Fold, Record};

const WORKLOAD: &str = r#"
about = "a shop with sensors"
[tables.goods]
records = 40
index = ["category", "price"]
[tables.goods.fields]
category = { text = ["a", "b"] }
price = { int = [1, 9] }
[logs.events]
streams = 2
events = 3
[logs.events.fields]
what = { text = ["x"] }
[series.sensors]
entities = 2
batch = 2
start = 2026-01-01T00:00:00Z
interval = "10s"
load = "10m"
[series.sensors.metrics]
heat = { walk = [0, 10], step = 1.0 }
[operations]
by-category = { weight = 1, do = "find", table = "goods", by = "category", limit = 9 }
by-price = { weight = 1, do = "find", table = "goods", by = "price", from = { int = [1, 5] }, width = 3, limit = 9 }
page = { weight = 1, do = "scan", table = "goods", key = "uniform", limit = 3 }
recent = { weight = 1, do = "tail", log = "events", key = "uniform", limit = 9 }
minutes = { weight = 1, do = "range", series = "sensors", key = "uniform", span = "1m" }
"#;

/// The rules of the workload's data as it is loaded.
fn rules() -> AnswerRules {
    let plan = Workload::parse("test.toml", WORKLOAD).and_then(|workload| workload.plan(None, None)).expect("a plan");
    let mut loaded = LoadedRows::new(&plan);
    let generator = Arc::new(Generator::new(Arc::new(plan), 1));
    let mut loader = Loader::new(Arc::clone(&generator), 0, 1);
    while let Some(step) = loader.next() {
        loaded.add(step.op);
    }
    loaded.finish();
    let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
    AnswerRules::new(generator, frontiers, Arc::new(loaded))
}

fn rows(keys: &[i64]) -> Rows {
    with_values(&keys.iter().map(|key| (*key, vec![])).collect::<Vec<_>>())
}

fn with_values(content: &[(i64, Record)]) -> Rows {
    let mut rows = Rows::default();
    content.iter().for_each(|(key, values)| rows.push(Key::Int(*key), values.clone()));
    rows
}

fn is_right(rules: &AnswerRules, op: &Op, rows: &Rows) -> bool {
    rules.check(op, Outcome::Applied, rows).is_ok()
}

#[test]
fn a_read_is_answered_by_its_own_row_and_no_other() {
    let (rules, read) = (rules(), Op::Read { table: 0, key: Key::Int(7), fields: Fields::All });
    assert!(is_right(&rules, &read, &rows(&[7])));
    assert!([&[8][..], &[], &[7, 7]].iter().all(|keys| !is_right(&rules, &read, &rows(keys))));
}

#[test]
fn a_scan_is_ordered_bounded_and_starts_where_asked() {
    let rules = rules();
    let scan = |from| Op::Scan { table: 0, from: Key::Int(from), limit: 3, fields: Fields::All };
    assert!(is_right(&rules, &scan(5), &rows(&[5, 6, 9])));
    assert!(
        [&[][..], &[6, 7, 8], &[5, 7, 6], &[4, 5, 6], &[5, 6, 7, 8]]
            .iter()
            .all(|keys| { !is_right(&rules, &scan(5), &rows(keys)) })
    );
    assert!(!is_right(&rules, &scan(5), &rows(&[5, 6])), "35 loaded records follow");
    assert!(is_right(&rules, &scan(39), &rows(&[39, 40])), "the last two");
}

fn found(rules: &AnswerRules, matching: Matching, order: Order, rows: &[(i64, Record)]) -> Result<(), String> {
    let field = usize::from(matches!(matching, Matching::Between(..)));
    let find = Op::Find { table: 0, field, matching, order, limit: 9, fields: Fields::All };
    rules.check(&find, Outcome::Applied, &with_values(rows))
}

#[test]
fn a_find_answers_what_matches_in_order_and_all_that_was_loaded() {
    let rules = rules();
    let record = |category: &str, price| vec![Value::Text(category.into()), Value::Int(price)];
    let equal = || Matching::Equal(Value::Text("a".into()));
    let nine = |from: i64| (from..from + 9).map(|key| (key, record("a", 1))).collect::<Vec<_>>();
    assert_eq!(found(&rules, equal(), Order::Ascending, &nine(1)), Ok(()));
    let descending: Vec<_> = nine(1).into_iter().rev().collect();
    assert_eq!(found(&rules, equal(), Order::Descending, &descending), Ok(()));
    assert!(found(&rules, equal(), Order::Ascending, &descending).is_err_and(|wrong| wrong.contains("order")));
    let mut other = nine(1);
    other[4].1 = record("b", 1);
    assert!(found(&rules, equal(), Order::Ascending, &other).is_err_and(|wrong| wrong.contains("does not match")));
    let short = found(&rules, equal(), Order::Ascending, &nine(1)[..8]).expect_err("more were loaded");
    assert_eq!(short, "9 loaded rows have to be found at least, the store answered 8");
    let empty = found(&rules, equal(), Order::Ascending, &[]).expect_err("some were loaded");
    assert!(empty.contains("the store answered 0"), "{empty}");
    let unmatched = Matching::Equal(Value::Text("z".into()));
    assert_eq!(found(&rules, unmatched, Order::Ascending, &[]), Ok(()), "nothing of the kind was loaded");

    let between = || Matching::Between(Value::Int(1), Value::Int(9));
    let prices = [1, 1, 2, 3, 3, 4, 5, 5, 9];
    let ranged = |prices: &[i64]| (1..).zip(prices).map(|(key, price)| (key, record("a", *price))).collect::<Vec<_>>();
    assert_eq!(found(&rules, between(), Order::Ascending, &ranged(&prices)), Ok(()));
    let shuffled = [1, 1, 2, 4, 3, 3, 5, 5, 9];
    assert!(found(&rules, between(), Order::Ascending, &ranged(&shuffled)).is_err());
    let outside = [1, 1, 2, 3, 3, 4, 5, 5, 10];
    assert!(found(&rules, between(), Order::Ascending, &ranged(&outside)).is_err());
}

#[test]
fn a_tail_is_of_its_stream_and_as_long_as_what_was_loaded() {
    let (rules, tail) = (rules(), Op::Tail { log: 0, stream: Key::Int(1), limit: 9 });
    assert!(is_right(&rules, &tail, &rows(&[1, 1, 1])));
    assert!([&[1, 1][..], &[], &[1, 2, 1]].iter().all(|keys| !is_right(&rules, &tail, &rows(keys))));
}

#[test]
fn points_are_of_their_entity_and_range_and_none_that_arrived_is_missing() {
    let rules = rules();
    let now_ms = rules.generator.loaded_until_ms(0);
    let range = Op::PointRange { series: 0, entity: 1, from_ms: now_ms - 60_000, to_ms: now_ms };
    let points = |entity: i64, every_ms: usize| {
        let instants = (now_ms - 60_000..now_ms).step_by(every_ms);
        with_values(&instants.map(|at| (entity, vec![Value::Time(at), Value::Float(1.0)])).collect::<Vec<_>>())
    };
    assert_eq!(rules.check(&range, Outcome::Applied, &points(1, 10_000)), Ok(()));
    assert!(!is_right(&rules, &range, &points(2, 10_000)) && !is_right(&rules, &range, &Rows::default()));
    let short = rules.check(&range, Outcome::Applied, &points(1, 20_000)).expect_err("one in two is missing");
    assert_eq!(short, "6 points have to be found at least, the store answered 3");

    let window = Op::Window {
        series: 0,
        entity: 1,
        metric: 0,
        from_ms: now_ms - 60_000,
        to_ms: now_ms,
        every_ms: 20_000,
        fold: Fold::Mean,
    };
    assert!(is_right(&rules, &window, &points(1, 20_000)));
    assert!(!is_right(&rules, &window, &points(1, 40_000)) && !is_right(&rules, &window, &Rows::default()));

    let last = Op::LastPoint { series: 0, entity: 1 };
    let point = |at_ms| with_values(&[(1, vec![Value::Time(at_ms), Value::Float(1.0)])]);
    assert!(is_right(&rules, &last, &point(now_ms - 10_000)) && is_right(&rules, &last, &point(now_ms + 10_000)));
    assert!(!is_right(&rules, &last, &point(now_ms - 20_000)), "a newer one was loaded");

    let above =
        Op::PointsAbove { series: 0, metric: 0, threshold: 5.0, from_ms: now_ms - 60_000, to_ms: now_ms, limit: 2 };
    let high = |at_ms, value| (1, vec![Value::Time(at_ms), Value::Float(value)]);
    let rows = |rows: &[(i64, Record)]| is_right(&rules, &above, &with_values(rows));
    assert!(rows(&[high(now_ms - 1, 6.0), high(now_ms - 2, 7.0)]));
    assert!(!rows(&[high(now_ms - 2, 6.0), high(now_ms - 1, 7.0)]), "the newest comes first");
    assert!(!rows(&[high(now_ms - 1, 5.0)]) && !rows(&[high(now_ms, 6.0)]));
}

#[test]
fn while_it_is_unknown_whether_a_batch_arrived_no_point_after_the_load_is_demanded() {
    let rules = rules();
    let loaded_ms = rules.generator.loaded_until_ms(0);
    let batches = rules.frontiers.get(Part::Series(0)).expect("a series grows");
    let range = Op::PointRange { series: 0, entity: 1, from_ms: loaded_ms, to_ms: loaded_ms + 20_000 };
    batches.acknowledge(batches.take());
    assert!(!is_right(&rules, &range, &Rows::default()));
    batches.mark_indeterminate(batches.take());
    assert!(is_right(&rules, &range, &Rows::default()));
}

#[test]
fn the_rows_of_a_group_are_checked_one_operation_after_the_other() {
    let rules = rules();
    let read = |key| Op::Read { table: 0, key: Key::Int(key), fields: Fields::All };
    let tail = Op::Tail { log: 0, stream: Key::Int(1), limit: 9 };
    let group = Op::Batch(vec![read(7), tail.clone(), read(9)]);
    assert!(is_right(&rules, &group, &rows(&[7, 1, 1, 1, 9])));
    assert!(
        [&[7, 1, 1, 9][..], &[7], &[9, 1, 1, 1, 7], &[7, 1, 2, 1, 9]]
            .iter()
            .all(|keys| { !is_right(&rules, &group, &rows(keys)) })
    );
    let reads = Op::Transact(vec![read(7), read(9)]);
    assert!(is_right(&rules, &reads, &rows(&[7, 9])) && !is_right(&rules, &reads, &rows(&[9, 7])));
    assert!(!is_right(&rules, &reads, &rows(&[7])));
    assert_eq!(rules.check(&reads, Outcome::Refused, &Rows::default()), Ok(()));
    let two = Op::Batch(vec![tail.clone(), tail]);
    assert!(is_right(&rules, &two, &rows(&[1, 1, 1, 1, 1, 1])));
}
