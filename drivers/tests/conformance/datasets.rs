//! Whole datasets: loaded, kept with a note, removed, and apart from each other.

use drivers::{Capability, Key, Op, Part, Value};

use crate::harness::{self, *};

#[test]
fn a_load_leaves_the_same_data_as_in_memory_and_reset_leaves_none() {
    let people = (0..500).map(|key| insert(PEOPLE, Key::Int(key), person(key % 90))).collect();
    let events = vec![vec![text("e"), Value::Time(1), Value::Null]; 300];
    let points = (0..500).map(|at| point(at % 7, at, [at as f64 / 8.0, -1.0])).collect();
    let loads = [
        (Capability::Record, Op::Batch(people)),
        (Capability::Stream, Op::Append { log: EVENTS, stream: word("s"), events }),
        (Capability::Series, Op::InsertPoints { series: CPU, points }),
    ];
    for store in keeping_stores() {
        let reference = harness::store("memory");
        let (mut client, mut truth) = (store.client(), reference.client());
        for (_, load) in loads.iter().filter(|(needs, _)| store.capabilities.meets((*needs).into())) {
            client.load(load);
            truth.load(load);
        }
        store.after_load();
        assert_eq!(client.digests(), truth.digests(), "{}", store.name);
        store.reset();
        assert!(store.client().digests().iter().all(|(_, digest)| digest.rows == 0), "{}", store.name);
    }
}

#[test]
fn a_server_keeps_what_it_is_told_to_keep_with_its_marker_and_removes_the_rest() {
    for store in keeping_stores().filter(Tested::is_server) {
        store.client().apply(insert(ACCOUNTS, word("a"), vec![Value::Int(5), Value::Null]));
        assert_eq!(store.read_marker(), None, "{}", store.name);
        assert!(store.swap_marker(None, "loaded"), "{}", store.name);
        assert!(store.swap_marker(Some("loaded"), "loaded \"again\""), "{}", store.name);
        let kept = store.kept();
        assert_eq!(kept.read_marker().as_deref(), Some("loaded \"again\""), "{}", kept.name);
        assert_eq!(balance(&mut kept.client(), "a"), 5, "{}", kept.name);
        kept.reset();
        assert_eq!(kept.read_marker().as_deref(), Some("loaded \"again\""), "{}: it outlives a reset", kept.name);
        let removed = kept.removed();
        assert_eq!(removed.read_marker(), None, "{}", removed.name);
        assert!(!removed.swap_marker(Some("loaded \"again\""), "gone"), "{}", removed.name);
        assert_eq!(removed.read_marker(), None, "{}", removed.name);
    }
}

#[test]
fn of_two_who_swap_the_same_marker_one_succeeds() {
    for store in keeping_stores().filter(Tested::is_server) {
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
            assert_eq!(winners.iter().filter(|won| **won).count(), 1, "{}: {winners:?}", store.name);
            let winner = winners.iter().position(|won| *won).expect("one");
            let text = format!("{round} by {winner}");
            assert_eq!(store.read_marker().as_deref(), Some(text.as_str()), "{}", store.name);
            assert!(store.swap_marker(Some(&text), &format!("round {round}")), "{}", store.name);
        }
        assert!(!store.swap_marker(None, "first"), "{}: there is one", store.name);
        store.close();
    }
}

#[test]
fn datasets_on_one_server_do_not_touch_each_other() {
    for store in keeping_stores().filter(Tested::is_server) {
        let other = harness::store(store.name);
        store.client().apply(insert(ACCOUNTS, word("a"), vec![Value::Int(5), Value::Null]));
        other.client().apply(insert(ACCOUNTS, word("a"), vec![Value::Int(6), Value::Null]));
        other.reset();
        assert!(other.client().export(Part::Table(ACCOUNTS)).is_empty(), "{}", store.name);
        other.close();
        assert_eq!(balance(&mut store.client(), "a"), 5, "{}", store.name);
    }
}
