//! Snapshots: reads of one instant, whatever others write. A store that has none says so, and goes on as before.

use drivers::{Capability, FailureKind, Fields, Fold, Key, Matching, Op, Order, Part, Row, Value};

use crate::ONE;
use crate::harness::*;

pub const CASES: &[Case] = &[
    case!(Store a_snapshot_answers_as_when_it_began_whatever_others_write),
    case!(Store a_snapshot_begins_after_all_that_was_acknowledged: Record),
    case!(Store a_snapshot_in_a_snapshot_is_another_one: Record),
    case!(Store a_snapshot_takes_no_writes_and_ends_after_failures: Record, Counter, Batch),
    case!(Store a_session_that_goes_in_a_snapshot_leaves_nothing_open: Record),
];

/// Those of these operations that the store carries out.
fn carried_out(store: &Tested, ops: Vec<Op>) -> Vec<Op> {
    ops.into_iter().filter(|op| store.declared.capabilities.meets(op.needs())).collect()
}

fn event(kind: &str) -> Vec<Value> {
    vec![text(kind), Value::Time(5), Value::Null]
}

fn append(kind: &str) -> Op {
    Op::Append { log: EVENTS, stream: word("s"), events: vec![event(kind), event(kind)] }
}

fn ingest(at_ms: i64, busy: f64) -> Op {
    Op::InsertPoints { series: CPU, points: vec![point(1, at_ms, [busy, 1.0]), point(2, at_ms, [busy, 2.0])] }
}

/// What is there before.
fn beginnings() -> Vec<Op> {
    let people = (0..20).map(|key| insert(PEOPLE, Key::Int(key), person(key)));
    people.chain([append("old"), ingest(10, 0.5), ingest(20, 0.75)]).collect()
}

/// Inserts, changes and removals of every kind, each of which some read shows.
fn changes() -> Vec<Op> {
    vec![
        insert(PEOPLE, Key::Int(-1), person(3)),
        update(PEOPLE, Key::Int(3), 2, Value::Int(99)),
        // The whole of nested items, which may lie in tables of their own.
        update(PEOPLE, Key::Int(4), 10, Value::List(vec![])),
        bump(PEOPLE, Key::Int(5), 3, 1, None),
        delete(PEOPLE, Key::Int(6)),
        append("new"),
        ingest(20, 0.875),
        ingest(30, 0.875),
    ]
}

/// Every operation that reads, alone and in a batch.
fn reads() -> Vec<Op> {
    let (from_ms, to_ms, limit, fields) = (0, 100, 50, Fields::All);
    let (matching, order) = (Matching::Between(Value::Int(0), Value::Int(100)), Order::Ascending);
    let mut reads: Vec<Op> = [3, 4, 5, 6].map(|key| read(PEOPLE, Key::Int(key))).into();
    reads.extend([
        Op::Scan { table: PEOPLE, from: Key::Int(i64::MIN), limit, fields: fields.clone() },
        Op::Find { table: PEOPLE, field: 2, matching, order, limit, fields },
        Op::Tail { log: EVENTS, stream: word("s"), limit },
        Op::LastPoint { series: CPU, entity: 1 },
        Op::PointRange { series: CPU, entity: 1, from_ms, to_ms },
        Op::Window { series: CPU, entity: 1, metric: 0, from_ms, to_ms, every_ms: 15, fold: Fold::Sum },
        Op::PointsAbove { series: CPU, metric: 0, threshold: 0.6, from_ms, to_ms, limit },
    ]);
    let batches = [Op::Batch(reads[..4].to_vec()), Op::Batch(reads[2..].to_vec())];
    reads.into_iter().chain(batches).collect()
}

/// What each read and export answers.
fn seen(client: &mut Client, reads: &[Op]) -> Vec<Result<Vec<Vec<u8>>, FailureKind>> {
    let exports: Vec<Vec<Row>> = dataset().parts().map(|part| client.export(part)).collect();
    let exported = exports.iter().map(|rows| {
        let mut rows = canonical(rows);
        rows.sort();
        Ok(rows)
    });
    let answer = |op: &Op| client.execute(op).map(|(_, rows)| canonical(&rows)).map_err(|failure| failure.kind);
    exported.collect::<Vec<_>>().into_iter().chain(reads.iter().map(answer)).collect()
}

fn a_snapshot_answers_as_when_it_began_whatever_others_write(store: &Tested) {
    let (mut client, mut other) = (store.client(), store.client());
    carried_out(store, beginnings()).into_iter().for_each(|op| other.apply(op));
    let reads = carried_out(store, reads());
    let before = seen(&mut client, &reads);
    let has_snapshots = client.begin_snapshot();
    carried_out(store, changes()).into_iter().for_each(|op| other.apply(op));
    let after = seen(&mut other, &reads);
    let differ = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    // Of exports those of the two other tables and of the other log show nothing.
    let unchanged = dataset().parts().count()
        - [Capability::Record, Capability::Stream, Capability::Series]
            .map(|needs| usize::from(store.declared.capabilities.meets(needs.into())))
            .iter()
            .sum::<usize>();
    assert_eq!(differ, before.len() - unchanged, "each change shows somewhere");
    assert!(seen(&mut client, &reads) == if has_snapshots { before } else { after.clone() });
    client.end_snapshot();
    assert!(seen(&mut client, &reads) == after);
    carried_out(store, vec![insert(PEOPLE, Key::Int(77), person(1))]).into_iter().for_each(|op| client.apply(op));
}

fn a_snapshot_begins_after_all_that_was_acknowledged(store: &Tested) {
    let (mut client, mut other) = (store.client(), store.client());
    for key in (0..50).map(Key::Int) {
        other.apply(insert(PEOPLE, key.clone(), person(1)));
        client.begin_snapshot();
        assert_eq!(client.rows(read(PEOPLE, key)).len(), 1);
        client.end_snapshot();
    }
}

fn a_snapshot_in_a_snapshot_is_another_one(store: &Tested) {
    let (mut client, mut other) = (store.client(), store.client());
    let people = |client: &mut Client| client.export(Part::Table(PEOPLE)).len();
    let has_snapshots = client.begin_snapshot();
    other.apply(insert(PEOPLE, ONE, person(1)));
    assert_eq!(people(&mut client), usize::from(!has_snapshots));
    client.begin_snapshot();
    assert_eq!(people(&mut client), 1);
    client.end_snapshot();
    other.apply(insert(PEOPLE, Key::Int(2), person(1)));
    assert_eq!(people(&mut client), 2);
    client.end_snapshot();
    client.apply(insert(PEOPLE, Key::Int(3), person(1)));
}

fn a_snapshot_takes_no_writes_and_ends_after_failures(store: &Tested) {
    let (mut client, mut other) = (store.client(), store.client());
    other.apply(insert(PEOPLE, ONE, person(1)));
    let absent = read(PEOPLE, Key::Int(404));
    if client.begin_snapshot() {
        for op in [insert(PEOPLE, Key::Int(2), person(1)), bump(PEOPLE, ONE, 3, 1, None)] {
            client.fail(FailureKind::Broken, Op::Batch(vec![read(PEOPLE, ONE), op.clone()]));
            client.fail(FailureKind::Broken, op);
        }
        other.apply(insert(PEOPLE, Key::Int(2), person(1)));
        client.fail(FailureKind::Missing, absent.clone());
        client.fail(FailureKind::Missing, Op::Batch(vec![read(PEOPLE, ONE), absent]));
        assert_eq!(client.rows(read(PEOPLE, ONE)).len(), 1);
        assert_eq!(client.export(Part::Table(PEOPLE)).len(), 1);
        assert!(client.is_load_refused(&Op::Batch(vec![insert(PEOPLE, Key::Int(3), person(1))])));
    }
    client.end_snapshot();
    client.apply(bump(PEOPLE, ONE, 3, 1, None));
    client.load(&Op::Batch(vec![insert(PEOPLE, Key::Int(3), person(1))]));
    assert_eq!(client.export(Part::Table(PEOPLE)).len(), other.export(Part::Table(PEOPLE)).len());
    client.end_snapshot();
}

fn a_session_that_goes_in_a_snapshot_leaves_nothing_open(store: &Tested) {
    let mut client = store.client();
    store.client().apply(insert(PEOPLE, ONE, person(1)));
    client.begin_snapshot();
    client.rows(read(PEOPLE, ONE));
    drop(client);
    store.client().apply(delete(PEOPLE, ONE));
    store.after_load();
    store.reset();
}
