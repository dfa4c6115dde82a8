//! What a store declares and says of itself, held against what it answers.

use drivers::{FailureKind, Fields, Fold, Key, Matching, Op, Order, Outcome, Value};

use crate::ONE;
use crate::harness::*;
use crate::narrow::Narrow;

pub const CASES: &[Case] = &[
    case!(Any what_a_store_does_not_declare_it_does_not_answer),
    case!(Any what_a_store_declares_it_answers),
    case!(Any a_store_describes_itself),
    case!(Any a_catalogue_names_what_was_made_and_changes_by_nothing_else),
];

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
        Op::Interactive(vec![read(PEOPLE, ONE)]),
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
    let undeclared = |op: &Op| !store.declared.capabilities.meets(op.needs());
    let unsupported = |op: &Op| matches!(client.execute(op), Err(failure) if failure.kind == FailureKind::Unsupported);
    let mut unsupported = unsupported;
    specimens().into_iter().filter(undeclared).find(|op| !unsupported(op))
}

fn what_a_store_does_not_declare_it_does_not_answer(store: &Tested) {
    assert_eq!(wrongly_answered(store), None);
}

/// No case of a store's: the suite itself is held to what it finds.
pub fn a_store_that_answers_more_than_it_declares_is_found_out() {
    let honest = opened::<Narrow<true>>("narrow".parse().expect("an address"));
    assert_eq!(wrongly_answered(&honest), None);
    let liar = opened::<Narrow<false>>("narrow".parse().expect("an address"));
    assert_eq!(wrongly_answered(&liar).map(|op| op.verb()), Some("bump"));
}

fn what_a_store_declares_it_answers(store: &Tested) {
    let mut client = store.client();
    let declared = &store.declared;
    for op in specimens().into_iter().filter(|op| declared.capabilities.meets(op.needs())) {
        match client.execute(&op) {
            Ok((Outcome::Applied, rows)) => assert!(declared.keeps_data || rows.is_empty(), "{op:?}"),
            other => panic!("{op:?} answered {other:?}"),
        }
    }
    if !declared.keeps_data {
        assert!(client.digests().iter().all(|(_, digest)| digest.rows == 0));
    }
}

fn a_store_describes_itself(store: &Tested) {
    let description = store.describe();
    assert!(!description.version.is_empty() && !description.guarantees.because.is_empty());
    assert!(!store.declared.keeps_data || description.layout.len() == dataset().parts().count());
}

fn a_catalogue_names_what_was_made_and_changes_by_nothing_else(store: &Tested) {
    store.reset();
    let mut client = store.client();
    let carries_out = |op: &Op| store.declared.capabilities.meets(op.needs());
    let changes = || {
        let people = (0..200).map(|key| insert(PEOPLE, Key::Int(key), person(key)));
        let event = vec![text("e"), Value::Time(1), Value::Null];
        let append = Op::Append { log: EVENTS, stream: word("s"), events: vec![event; 50] };
        let points = (0..50).map(|at| point(at, at, [0.5, 1.0])).collect();
        [Op::Batch(people.collect()), append, Op::InsertPoints { series: CPU, points }].into_iter().filter(carries_out)
    };
    changes().for_each(|load| client.load(&load));
    store.after_load();
    let catalog = store.describe().catalog;
    if !store.declared.keeps_catalog {
        return assert_eq!(catalog, [""; 0]);
    }
    assert!(catalog.is_sorted(), "{catalog:?}");
    let is_named = |kind: &[&str], names: &[&str]| {
        catalog.iter().any(|entry| {
            let head = entry.split_once(": ").map_or(&**entry, |(head, _)| head);
            let mut words = head.split(|sign: char| !sign.is_alphanumeric());
            kind.contains(&words.next().unwrap_or_default()) && {
                let words: Vec<&str> = words.collect();
                names.iter().all(|name| words.contains(name))
            }
        })
    };
    let dataset = dataset();
    for part in dataset.parts() {
        let name = dataset.name_of(part);
        assert!(is_named(&["table", "collection", "timeseries"], &[name]), "{name}: {catalog:#?}");
    }
    for table in &dataset.tables {
        for field in table.indexes.iter().map(|field| table.fields[*field].name.as_str()) {
            assert!(is_named(&["index"], &[&table.name, field]), "{} {field}: {catalog:#?}", table.name);
        }
    }
    assert_eq!(store.describe().catalog, catalog);
    changes().filter(|op| !matches!(op, Op::Batch(_))).for_each(|op| client.apply(op));
    client.apply(update(PEOPLE, ONE, 2, Value::Int(2)));
    client.apply(delete(PEOPLE, ONE));
    assert_eq!(store.describe().catalog, catalog, "content is no part of it");
    store.after_load();
    assert_eq!(store.describe().catalog, catalog, "what is there already is not made again");
}
