//! What a store declares and says of itself, held against what it answers.

use drivers::{FailureKind, Fields, Fold, Matching, Op, Order, Outcome, Value};

use crate::ONE;
use crate::harness::*;
use crate::narrow::Narrow;

/// An operation of every verb, and both kinds of bump.
fn specimens() -> Vec<Op> {
    let (from_ms, to_ms, limit, fields) = (0, 10, 5, Fields::All);
    let (matching, order) = (Matching::Equal(Value::Int(1)), Order::Ascending);
    vec![
        insert(PEOPLE, ONE, person(1)),
        read(PEOPLE, ONE),
        update(PEOPLE, ONE, 2, Value::Int(2)),
        bump(PEOPLE, ONE, 3, 1, None),
        bump(PEOPLE, ONE, 3, 1, Some(0)),
        Op::Scan { table: PEOPLE, from: ONE, limit, fields: fields.clone() },
        Op::Find { table: PEOPLE, field: 2, matching, order, limit, fields },
        Op::Batch(vec![read(PEOPLE, ONE)]),
        Op::Transact(vec![read(PEOPLE, ONE)]),
        delete(PEOPLE, ONE),
        Op::Append { log: MOVES, stream: ONE, events: vec![vec![Value::Float(1.0)]] },
        Op::Tail { log: MOVES, stream: ONE, limit },
        Op::InsertPoints { series: CPU, points: vec![point(1, 1, [1.0, 1.0])] },
        Op::LastPoint { series: CPU, entity: 1 },
        Op::PointRange { series: CPU, entity: 1, from_ms, to_ms },
        Op::Window { series: CPU, entity: 1, metric: 0, from_ms, to_ms, every_ms: 5, fold: Fold::Mean },
        Op::PointsAbove { series: CPU, metric: 0, threshold: 0.0, from_ms, to_ms, limit },
    ]
}

/// The first operation outside of what the store declares to which it answers anything but `Unsupported`.
fn wrongly_answered(store: &Tested) -> Option<Op> {
    let mut client = store.client();
    let undeclared = |op: &Op| !store.capabilities.meets(op.needs());
    let unsupported = |op: &Op| matches!(client.execute(op), Err(failure) if failure.kind == FailureKind::Unsupported);
    let mut unsupported = unsupported;
    specimens().into_iter().filter(undeclared).find(|op| !unsupported(op))
}

#[test]
fn what_a_store_does_not_declare_it_does_not_answer() {
    for store in all_stores() {
        assert_eq!(wrongly_answered(&store), None, "{}", store.name);
    }
}

#[test]
fn a_store_that_answers_more_than_it_declares_is_found_out() {
    let honest = opened::<Narrow<true>>("narrow".parse().expect("an address"));
    assert_eq!(wrongly_answered(&honest), None);
    let liar = opened::<Narrow<false>>("narrow".parse().expect("an address"));
    assert_eq!(wrongly_answered(&liar).map(|op| op.verb()), Some("bump"));
}

#[test]
fn what_a_store_declares_it_answers() {
    for store in all_stores() {
        let mut client = store.client();
        for op in specimens().into_iter().filter(|op| store.capabilities.meets(op.needs())) {
            match client.execute(&op) {
                Ok((Outcome::Applied, rows)) => assert!(store.keeps_data || rows.is_empty(), "{}: {op:?}", store.name),
                other => panic!("{}: {op:?} answered {other:?}", store.name),
            }
        }
        if !store.keeps_data {
            assert!(client.digests().iter().all(|(_, digest)| digest.rows == 0), "{}", store.name);
        }
    }
}

#[test]
fn every_store_describes_itself() {
    for store in all_stores() {
        let description = store.describe();
        assert!(!description.version.is_empty() && !description.guarantees.because.is_empty(), "{}", store.name);
        assert!(!store.keeps_data || description.layout.len() == dataset().parts().count(), "{}", store.name);
    }
}
