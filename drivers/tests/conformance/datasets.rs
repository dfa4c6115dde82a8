//! Whole datasets: loaded, kept with a marker, removed, and apart from each other.

use drivers::{Capability, Key, Op, Part, Value};

use crate::harness::*;

pub const CASES: &[Case] = &[
    case!(Store a_load_leaves_the_same_data_as_in_memory_and_reset_leaves_none),
    case!(Server a_server_keeps_what_it_is_told_to_keep_with_its_marker_and_removes_the_rest),
    case!(Server of_two_who_swap_the_same_marker_one_succeeds),
    case!(Server datasets_on_one_server_do_not_touch_each_other),
];

fn a_load_leaves_the_same_data_as_in_memory_and_reset_leaves_none(store: &Tested) {
    let people = (0..500).map(|key| insert(PEOPLE, Key::Int(key), person(key % 90))).collect();
    let events = vec![vec![text("e"), Value::Time(1), Value::Null]; 300];
    let points = (0..500).map(|at| point(at % 7, at, [at as f64 / 8.0, -1.0])).collect();
    let loads = [
        (Capability::Record, Op::Batch(people)),
        (Capability::Stream, Op::Append { log: EVENTS, stream: word("s"), events }),
        (Capability::Series, Op::InsertPoints { series: CPU, points }),
    ];
    let reference = reference();
    let (mut client, mut truth) = (store.client(), reference.client());
    for (_, load) in loads.iter().filter(|(needs, _)| store.declared.capabilities.meets((*needs).into())) {
        client.load(load);
        truth.load(load);
    }
    store.after_load();
    assert_eq!(client.digests(), truth.digests());
    store.reset();
    assert!(store.client().digests().iter().all(|(_, digest)| digest.rows == 0));
}

fn a_server_keeps_what_it_is_told_to_keep_with_its_marker_and_removes_the_rest(store: Tested) {
    store.client().apply(insert(ACCOUNTS, word("a"), vec![Value::Int(5), Value::Null]));
    assert_eq!(store.read_marker(), None);
    assert!(store.swap_marker(None, "loaded"));
    assert!(store.swap_marker(Some("loaded"), "loaded \"again\""));
    let kept = store.kept();
    assert_eq!(kept.read_marker().as_deref(), Some("loaded \"again\""));
    assert_eq!(balance(&mut kept.client(), "a"), 5);
    kept.reset();
    assert_eq!(kept.read_marker().as_deref(), Some("loaded \"again\""), "it outlives a reset");
    let removed = kept.removed();
    assert_eq!(removed.read_marker(), None);
    assert!(!removed.swap_marker(Some("loaded \"again\""), "gone"));
    assert_eq!(removed.read_marker(), None);
}

fn of_two_who_swap_the_same_marker_one_succeeds(store: Tested) {
    let others: Vec<Tested> = (0..4).map(|_| store.same_place()).collect();
    for (round, expected) in [None, Some("round 0"), Some("round 1")].into_iter().enumerate() {
        let winners = std::thread::scope(|scope| {
            let swaps: Vec<_> = others
                .iter()
                .enumerate()
                .map(|(at, other)| scope.spawn(move || other.swap_marker(expected, &format!("{round} by {at}"))))
                .collect();
            swaps.into_iter().map(|swap| swap.join().expect("an answer")).collect::<Vec<bool>>()
        });
        assert_eq!(winners.iter().filter(|won| **won).count(), 1, "{winners:?}");
        let winner = winners.iter().position(|won| *won).expect("one");
        let text = format!("{round} by {winner}");
        assert_eq!(store.read_marker().as_deref(), Some(text.as_str()));
        assert!(store.swap_marker(Some(&text), &format!("round {round}")));
    }
    assert!(!store.swap_marker(None, "first"), "there is one");
    store.close();
}

fn datasets_on_one_server_do_not_touch_each_other(store: Tested) {
    let other = store.other_place();
    store.client().apply(insert(ACCOUNTS, word("a"), vec![Value::Int(5), Value::Null]));
    other.client().apply(insert(ACCOUNTS, word("a"), vec![Value::Int(6), Value::Null]));
    other.reset();
    assert!(other.client().export(Part::Table(ACCOUNTS)).is_empty());
    other.close();
    assert_eq!(balance(&mut store.client(), "a"), 5);
    store.close();
}
