//! The built-in workloads hold what they promise: they can be loaded and run, their mixes are those declared, and what
//! they generate is a function of workload, size, seed and lanes alone.

use drivers::NoOptions;
use drivers::memory::Memory;
use drivers::{Durability, Op, Opening, Outcome, Part, Record, Rows, Session, Store, Value};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use storebench::draw::rng::Purpose;
use storebench::generate::{Effect, Generator, KeyFrontiers, Loader, OpStream, ValueGenerator, shares, stream_hash};
use storebench::stats::{chi_square, chi_square_limit};
use storebench::workload::{Changes, Plan, Term, Workload};

const LANES: u32 = 3;

fn plan(name: &str, records: Option<u64>) -> Arc<Plan> {
    let workload = Workload::builtin(name).expect("a sound built-in workload");
    Arc::new(workload.plan(records, None).expect("a plan"))
}

fn streams(generator: &Arc<Generator>, frontiers: &Arc<KeyFrontiers>, lanes: u32) -> Vec<OpStream> {
    let stream = |lane| OpStream::new(generator.clone(), frontiers.clone(), Purpose::Measure, lane, lanes);
    (0..lanes).map(stream).collect()
}

/// A store with the plan's data, loaded by several lanes; with the rows that they loaded.
async fn loaded(generator: &Arc<Generator>) -> (<Memory as Store>::Session, u64) {
    let dataset = generator.plan.dataset.clone();
    let opening = Opening::new(dataset, Durability::Memory);
    let store = Memory::open(NoOptions {}, opening).await.expect("an open store");
    store.reset().await.expect("an empty dataset");
    let mut session = store.session().await.expect("a session");
    let mut rows = 0;
    for lane in 0..LANES {
        let mut loader = Loader::new(generator.clone(), lane, LANES);
        while let Some(step) = loader.next() {
            session.load(step.op).await.expect("a loaded batch");
            rows += step.rows;
        }
        session.finish_load().await.expect("a whole load");
    }
    (session, rows)
}

async fn rows_of(session: &mut impl Session, part: Part) -> Vec<drivers::Row> {
    let mut rows = Vec::new();
    session.export(part, &mut |row| rows.push(row)).await.expect("an export");
    rows
}

async fn total(session: &mut impl Session, terms: &[Term]) -> i64 {
    let int = |value: &Value| if let Value::Int(number) = value { *number } else { 0 };
    let mut total = 0;
    for term in terms {
        let value = |record: &Record| match (&record[term.field], term.item_field) {
            (Value::List(items), Some(at)) => items
                .iter()
                .map(|item| match item {
                    Value::Map(entries) => int(&entries[at].1),
                    _ => 0,
                })
                .sum(),
            (value, _) => int(value),
        };
        let rows = rows_of(session, Part::Table(term.table)).await;
        total += term.sign * rows.iter().map(|row| value(&row.values)).sum::<i64>();
    }
    total
}

/// Runs the lanes in turn; gives how often each operation was applied and refused.
async fn run(session: &mut impl Session, streams: &mut [OpStream], ops: usize) -> BTreeMap<usize, (u64, u64)> {
    let mut outcomes = BTreeMap::<usize, (u64, u64)>::new();
    let mut rows = Rows::default();
    for at in 0..ops {
        let stream = &mut streams[at % LANES as usize];
        let call = stream.next();
        let (operation, mut outcome) = (call.operation, Effect::Applied);
        for op in call.ops {
            match session.execute(op, &mut rows).await {
                Ok(Outcome::Applied) => {}
                Ok(Outcome::Refused) => outcome = Effect::NotApplied,
                Err(failure) => panic!("{failure} ({:?}): {op:?}", failure.kind),
            }
        }
        let (applied, refused) = outcomes.entry(operation).or_default();
        *if outcome == Effect::Applied { applied } else { refused } += 1;
        stream.complete(outcome);
    }
    outcomes
}

#[tokio::test]
async fn every_workload_loads_what_it_says_and_runs_without_a_miss() {
    for name in Workload::names() {
        let plan = plan(name, Some(1000));
        let generator = Arc::new(Generator::new(plan.clone(), 42));
        let (mut session, loaded_rows) = loaded(&generator).await;
        let mut stored = 0;
        for part in plan.dataset.parts() {
            let rows = rows_of(&mut session, part).await.len() as u64;
            if let Part::Table(at) = part {
                assert_eq!(rows, plan.tables[at].records, "{name}: {}", plan.dataset.name_of(part));
            }
            stored += rows;
        }
        assert_eq!(loaded_rows, stored, "{name}");
        assert!(plan.rows().abs_diff(stored) <= stored / 5, "{name}: {} expected, {stored} loaded", plan.rows());

        let mut before = Vec::new();
        for check in &plan.checks {
            before.push(total(&mut session, &check.terms).await);
        }
        let frontiers = Arc::new(KeyFrontiers::new(&plan));
        run(&mut session, &mut streams(&generator, &frontiers, LANES), 10_000).await;
        for (check, before) in plan.checks.iter().zip(before) {
            assert_eq!(total(&mut session, &check.terms).await, before, "{name}: {}", check.name);
        }
        records_are_those_of_their_numbers(&generator, &mut session, &frontiers).await;
    }
}

/// Tables that only grow hold, key by key, what their numbers say.
async fn records_are_those_of_their_numbers(
    generator: &Arc<Generator>,
    session: &mut impl Session,
    frontiers: &Arc<KeyFrontiers>,
) {
    let plan = &generator.plan;
    let mut values = ValueGenerator::new(generator.clone(), frontiers.clone());
    for part in plan.dataset.parts().filter(|part| plan.changes(*part) <= Changes::Grows) {
        let Part::Table(table) = part else { continue };
        let visible = frontiers.get(part).expect("tables have key numbers").visible();
        let rows: BTreeMap<_, _> = rows_of(session, part).await.into_iter().map(|row| (row.key, row.values)).collect();
        assert_eq!(rows.len() as u64, visible);
        let (mut key, mut record) = (drivers::Key::default(), Record::new());
        for number in 0..visible {
            plan.tables[table].key.write_key(number, &mut key);
            values.record(table, number, &mut record);
            assert_eq!(rows.get(&key), Some(&record), "{}: {key}", plan.name);
        }
    }
}

#[tokio::test]
async fn orders_are_refused_now_and_then_and_leave_no_hole() {
    let plan = plan("oltp", Some(5000));
    let generator = Arc::new(Generator::new(plan.clone(), 7));
    let (mut session, _) = loaded(&generator).await;
    let frontiers = Arc::new(KeyFrontiers::new(&plan));
    let mut streams = streams(&generator, &frontiers, LANES);
    let place = plan.operations.iter().position(|one| one.name == "place-order").expect("orders are placed");
    for part_of_run in 0..4 {
        let outcomes = run(&mut session, &mut streams, 25_000).await;
        let (applied, refused) = outcomes[&place];
        let share = refused as f64 / (applied + refused) as f64;

        assert!((0.005..0.02).contains(&share), "{part_of_run}: {share} of orders refused");
    }
    let orders = Part::Table(plan.tables.iter().position(|table| table.name == "orders").expect("there are orders"));
    let placed = rows_of(&mut session, orders).await.len() as u64;
    let visible = frontiers.get(orders).expect("tables have key numbers").visible();
    // Each lane may still hold one number of a refused order.
    assert!(placed >= visible && placed - visible <= u64::from(LANES), "{placed} placed, {visible} visible");
}

#[test]
fn mixes_are_those_declared() {
    for name in Workload::names().filter(|name| !name.starts_with("tpcb")) {
        let plan = plan(name, Some(1000));
        let generator = Arc::new(Generator::new(plan.clone(), 3));
        let frontiers = Arc::new(KeyFrontiers::new(&plan));
        // Points take long to make and say nothing of the mix.
        let ops = if plan.series.is_empty() { 1_000_000 } else { 100_000 };
        let mut counts = vec![0_u64; plan.operations.len()];
        let mut streams = streams(&generator, &frontiers, LANES);
        for at in 0..ops {
            let stream = &mut streams[at % LANES as usize];
            counts[stream.next().operation] += 1;
            stream.complete(Effect::Applied);
        }
        let expected: Vec<_> = plan.operations.iter().map(|one| one.share * ops as f64).collect();
        if counts.len() > 1 {
            let statistic = chi_square(&counts, &expected);
            assert!(statistic < chi_square_limit(counts.len() - 1), "{name}: {statistic} of {counts:?}");
        }
    }
}

#[test]
fn operations_are_a_function_of_workload_size_seed_and_lanes() {
    let hash = |name: &str, records, seed, lanes| {
        stream_hash(&Arc::new(Generator::new(plan(name, Some(records)), seed)), lanes)
    };
    for name in Workload::names() {
        let first = hash(name, 1000, 1, 4);
        assert_eq!(first, hash(name, 1000, 1, 4), "{name}");
        for other in [hash(name, 1100, 1, 4), hash(name, 1000, 2, 4), hash(name, 1000, 1, 5)] {
            assert_ne!(first, other, "{name}");
        }
    }
    let hashes: HashSet<_> = Workload::names().map(|name| hash(name, 1000, 1, 4)).collect();
    assert_eq!(hashes.len(), Workload::names().count());
}

#[test]
fn what_is_loaded_does_not_depend_on_the_lanes() {
    for name in Workload::HEADLINE {
        let generator = Arc::new(Generator::new(plan(name, Some(200)), 1));
        let content = |lanes| {
            let mut content = Vec::new();
            for lane in 0..lanes {
                let mut loader = Loader::new(generator.clone(), lane, lanes);
                while let Some(step) = loader.next() {
                    match step.op {
                        Op::Batch(ops) => ops.iter().for_each(|op| match op {
                            Op::Append { stream, events, .. } => {
                                content.extend(events.iter().map(|event| format!("{stream} {event:?}")));
                            }
                            insert => content.push(format!("{insert:?}")),
                        }),
                        Op::InsertPoints { points, .. } => {
                            content.extend(points.iter().map(|point| format!("{point:?}")))
                        }
                        other => panic!("{other:?} is no load"),
                    }
                }
            }
            content.sort_unstable();
            content
        };
        let alone = content(1);
        assert!(alone.len() >= 200, "{name}");
        assert!(alone == content(5), "{name}");
    }
}

#[test]
fn event_ids_are_unique_and_rise_for_each_writer() {
    let plan = plan("append-only", Some(50));
    let generator = Arc::new(Generator::new(plan.clone(), 1));
    let last = plan.logs[0].fields.len() - 1;
    let mut seen = HashSet::new();
    let mut ids = |events: &[Record]| -> Vec<i64> {
        let ids: Vec<_> = events
            .iter()
            .map(|event| match event[last] {
                Value::Int(id) => id,
                ref other => panic!("{other:?} is no event id"),
            })
            .collect();
        assert!(ids.iter().all(|id| seen.insert(*id)), "an id comes twice");
        ids
    };
    let mut loader = Loader::new(generator.clone(), 0, 1);
    while let Some(step) = loader.next() {
        let Op::Batch(appends) = step.op else { panic!("events are loaded in batches of appends") };
        for append in appends {
            let Op::Append { events, .. } = append else { panic!("only events are loaded") };
            assert!(ids(events).iter().all(|id| id >> 40 == 0));
        }
    }
    let frontiers = Arc::new(KeyFrontiers::new(&plan));
    for (lane, stream) in streams(&generator, &frontiers, LANES).iter_mut().enumerate() {
        let mut newest = 0;
        for at in 0..3000 {
            if at == 1500 {
                stream.begin(Purpose::Warmup);
            }
            if let [Op::Append { events, .. }] = stream.next().ops {
                for id in ids(events) {
                    assert_eq!(id >> 40, lane as i64 + 1);
                    assert!(id > newest);
                    newest = id;
                }
            }
            stream.complete(if at % 7 == 0 { Effect::NotApplied } else { Effect::Applied });
        }
    }
}

#[test]
fn events_and_points_follow_from_their_numbers() {
    let log = Arc::new(Generator::new(plan("append-only", Some(50)), 1));
    let frontiers = Arc::new(KeyFrontiers::new(&log.plan));
    let mut values = ValueGenerator::new(log.clone(), frontiers.clone());
    let mut again = Record::new();
    let mut stream = streams(&log, &frontiers, 1).remove(0);
    for _ in 0..300 {
        if let [Op::Append { events, .. }] = stream.next().ops {
            for event in events {
                let Some(Value::Int(id)) = event.last() else { panic!("an event ends with its id") };
                values.event(0, id.unsigned_abs(), &mut again);
                assert_eq!(event, &again);
            }
        }
    }

    let series = Arc::new(Generator::new(plan("time-series", Some(40)), 1));
    let spec = &series.plan.series[0];
    let mut seen = HashSet::new();
    for number in 0..spec.batches_per_tick() * (spec.load_ticks + spec.late_ticks) {
        let mut points = Vec::new();
        let count = series.points(0, number, 0, &mut points);
        assert!(count > 0, "batch {number} is empty");
        assert!(points.iter().all(|point| seen.insert((point.entity, point.at_ms))), "a point comes twice");
    }
    let due = spec.entities * spec.load_ticks;
    let there = seen.iter().filter(|(_, at)| (at - spec.start_ms) / spec.interval_ms < spec.load_ticks as i64).count();
    let missing = 1.0 - there as f64 / due as f64;
    assert!((0.005..0.015).contains(&missing), "{missing} of the points never arrive");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever fails, numbers are neither lost nor used twice: those applied or unknown are distinct, and those not
    /// applied come again.
    #[test]
    fn numbers_of_inserts_that_did_not_happen_are_used_again(outcomes in prop::collection::vec(0_u8..3, 1..300)) {
        let plan = plan("ycsb-d", Some(100));
        let generator = Arc::new(Generator::new(plan.clone(), 5));
        let frontiers = Arc::new(KeyFrontiers::new(&plan));
        let mut streams = streams(&generator, &frontiers, LANES);
        let insert = plan.operations.iter().position(|one| one.name == "insert").expect("D inserts");
        let (mut used, mut free) = (HashSet::new(), HashSet::new());
        for (at, outcome) in outcomes.iter().enumerate() {
            let stream = &mut streams[at % LANES as usize];
            let [Op::Insert { key, .. }] = stream.example(insert) else { panic!("an insert") };
            let key = key.clone();
            free.remove(&key);
            stream.complete(match outcome {
                0 => Effect::NotApplied,
                1 => Effect::Unknown,
                _ => Effect::Applied,
            });
            if *outcome == 0 {
                free.insert(key);
            } else {
                prop_assert!(used.insert(key));
            }
        }
        prop_assert!(free.len() <= LANES as usize);
        let keys = frontiers.get(Part::Table(0)).expect("tables have key numbers");
        let highest = keys.take();
        prop_assert_eq!(highest, 100 + used.len() as u64 + free.len() as u64);
    }
}

#[test]
fn values_that_follow_from_others_do() {
    let plan = plan("oltp", Some(500));
    let generator = Arc::new(Generator::new(plan.clone(), 9));
    let mut values = ValueGenerator::new(generator.clone(), Arc::new(KeyFrontiers::new(&plan)));
    let table = |name: &str| plan.tables.iter().position(|table| table.name == name).expect("a table of oltp");
    let field = |table: usize, name: &str| {
        plan.tables[table].fields.iter().position(|field| field.name == name).expect("a field of the table")
    };
    let (orders, products) = (table("orders"), table("products"));
    let int = |value: &Value| if let Value::Int(number) = value { *number } else { panic!("{value:?} is no number") };
    let (mut order, mut product) = (Record::new(), Record::new());
    for number in 0..plan.tables[orders].records {
        values.record(orders, number, &mut order);
        let Value::List(lines) = &order[field(orders, "lines")] else { panic!("an order has lines") };
        let (mut total, mut before) = (0, 0);
        for line in lines {
            let Value::Map(line) = line else { panic!("a line has fields") };
            let [key, quantity, price] = [0, 1, 2].map(|at| int(&line[at].1));
            assert!(key > before, "products of an order differ and ascend");
            values.record(products, key.unsigned_abs() - 1, &mut product);
            assert_eq!(price, int(&product[field(products, "price")]));
            (total, before) = (total + quantity * price, key);
        }
        assert!((1..=15).contains(&lines.len()));
        assert_eq!(total, int(&order[field(orders, "total")]));
    }
}

#[test]
fn attributes_depend_on_the_category() {
    let plan = plan("read-heavy", Some(2000));
    let generator = Arc::new(Generator::new(plan.clone(), 9));
    let mut values = ValueGenerator::new(generator.clone(), Arc::new(KeyFrontiers::new(&plan)));
    let field = |name: &str| plan.tables[0].fields.iter().position(|field| field.name == name).expect("a field");
    let (mut product, mut on_sale) = (Record::new(), 0);
    for number in 0..2000 {
        values.record(0, number, &mut product);
        let Value::Map(attributes) = &product[field("attributes")] else { panic!("attributes are named values") };
        let names: Vec<_> = attributes.iter().map(|(name, _)| name.as_str()).collect();
        match &product[field("category")] {
            Value::Text(category) if category == "audio" => assert_eq!(names, ["watts", "wireless", "impedance_ohm"]),
            Value::Text(category) if category == "furniture" => assert!(names.starts_with(&["width_cm", "depth_cm"])),
            Value::Text(category) if category == "books" => assert!(names.is_empty()),
            _ => {}
        }
        if let (Value::Int(price), Value::Int(list)) = (&product[field("price")], &product[field("list_price")]) {
            let ratio = *list as f64 / *price as f64;
            assert!((0.9..1.6).contains(&ratio), "{list} before, {price} now");
            on_sale += 1;
        }
    }
    assert!((500..700).contains(&on_sale), "{on_sale} of 2000 on sale, 30 % expected");
}

#[test]
fn the_hottest_keys_get_their_share() {
    // Computed in peers-classic.md section 1, E2, for 10^5 keys.
    let (part, of_ycsb) = shares(&plan("ycsb-c", Some(100_000))).expect("C reads keys");
    assert_eq!(part, Part::Table(0));
    assert!((of_ycsb.top_1 - 0.30).abs() < 0.01, "{of_ycsb:?}");
    assert!((of_ycsb.hottest - 0.0378).abs() < 0.001, "{of_ycsb:?}");
    // pgbench's accounts are all alike, and drawn as a field of the history's row.
    let (part, of_accounts) = shares(&plan("tpcb", Some(100_000))).expect("accounts are read by key");
    assert_eq!(part, Part::Table(2));
    assert!((of_accounts.top_1 - 0.01).abs() < 1e-9 && (of_accounts.hottest - 1e-5).abs() < 1e-12, "{of_accounts:?}");
}

#[test]
fn files_are_short_and_say_what_they_mimic() {
    for name in Workload::names() {
        let workload = Workload::builtin(name).expect("a sound built-in workload");
        let lines = workload.text.lines().count();
        assert!((25..=100).contains(&lines), "{name} has {lines} lines");
        assert!(workload.text.starts_with("# "), "{name} does not open with the application that it mimics");
        assert!(workload.text.lines().all(|line| line.chars().count() <= 135), "{name} has a very long line");
        assert!((30..=100).contains(&workload.about.len()), "{name}: {}", workload.about);
    }
    assert!(Workload::names().take(4).eq(Workload::HEADLINE));
}
