//! Every store is held to what it declares: it must answer as `memory` does, and say so where it has no answer.
//!
//! One suite for all: a store in the list of `lib.rs` is tested without a change here. Cases are written by hand where a
//! meaning has an edge, and by chance where nobody would think of one. How quick a store is, is not asked.

#[path = "conformance/harness.rs"]
mod harness;
#[path = "conformance/narrow.rs"]
mod narrow;
#[path = "conformance/random.rs"]
mod random;

use std::collections::BTreeMap;

use drivers::{
    Capabilities, Capability, Change, Done, FailureKind, Fields, Fold, Key, Matching, Op, Order, Part, Row, Value,
};
use harness::*;
use narrow::Narrow;
use random::Random;

/// Runs a case on every store that declares what it needs, each time on an empty dataset.
fn on_each(needs: &[Capability], case: impl Fn(&mut Client)) {
    for store in keeping_stores() {
        if needs.iter().all(|one| store.capabilities.meets((*one).into())) {
            println!("store {}", store.name);
            case(&mut store.client());
            store.close();
        }
    }
}

const ONE: Key = Key::Int(1);

#[test]
fn a_record_is_read_as_it_was_inserted_in_all_its_fields() {
    on_each(&[Capability::Record], |client| {
        client.apply(insert(PEOPLE, ONE, person(36)));
        assert_rows(&client.rows(read(PEOPLE, ONE)), &[(ONE, person(36))]);
    });
}

#[test]
fn a_read_answers_the_asked_fields_in_the_asked_order() {
    on_each(&[Capability::Record], |client| {
        client.apply(insert(PEOPLE, ONE, person(36)));
        let fields = Fields::Some(vec![2, 0, 2]);
        let rows = client.rows(Op::Read { table: PEOPLE, key: ONE, fields });
        assert_rows(&rows, &[(ONE, vec![Value::Int(36), text("Ada"), Value::Int(36)])]);
    });
}

#[test]
fn what_is_not_there_is_missing_and_what_is_there_exists() {
    on_each(&[Capability::Record], |client| {
        for (table, key, record) in [
            (PEOPLE, ONE, person(1)),
            (WORDS, word("a"), vec![Value::Null, Value::Int(1)]),
            (ACCOUNTS, word("a"), vec![Value::Int(1), Value::Null]),
        ] {
            client.fail(FailureKind::Missing, read(table, key.clone()));
            client.fail(FailureKind::Missing, update(table, key.clone(), 0, record[0].clone()));
            client.fail(FailureKind::Missing, delete(table, key.clone()));
            client.apply(insert(table, key.clone(), record.clone()));
            client.fail(FailureKind::Exists, insert(table, key.clone(), record.clone()));
            client.apply(delete(table, key.clone()));
            client.fail(FailureKind::Missing, delete(table, key.clone()));
            client.apply(insert(table, key, record));
        }
    });
}

#[test]
fn an_update_changes_the_named_fields_and_no_others() {
    on_each(&[Capability::Record], |client| {
        client.apply(insert(PEOPLE, ONE, person(36)));
        client.apply(insert(PEOPLE, Key::Int(2), person(36)));
        let changes = vec![Change { field: 4, value: Value::Float(-1.25) }, Change { field: 1, value: Value::Null }];
        client.apply(Op::Update { table: PEOPLE, key: ONE, changes });
        let mut expected = person(36);
        (expected[4], expected[1]) = (Value::Float(-1.25), Value::Null);
        assert_rows(&client.rows(read(PEOPLE, ONE)), &[(ONE, expected)]);
        assert_rows(&client.rows(read(PEOPLE, Key::Int(2))), &[(Key::Int(2), person(36))]);
    });
}

#[test]
fn values_at_the_edges_of_their_types_come_back() {
    let cases = [
        (0, text("")),
        (0, text("Ärger 日本 🦀 ' \" \\ % ; -- \n\t")),
        (1, Value::Null),
        (2, Value::Int(i64::MIN)),
        (2, Value::Int(i64::MAX)),
        (4, Value::Float(-0.1)),
        (4, Value::Float(f64::MAX)),
        (4, Value::Float(f64::MIN_POSITIVE)),
        (4, Value::Float(1e15 + 0.3)),
        (4, Value::Float(7.0)),
        (5, Value::Bool(false)),
        (6, Value::Null),
        (6, Value::Time(-62_135_596_800_000)),
        (7, Value::Bytes(vec![])),
        (7, Value::Bytes((0..=255).collect())),
        (8, Value::List(vec![])),
        (8, Value::List(vec![text(""), text("null"), text("\"")])),
        (9, map(&[])),
        (
            9,
            map(&[("", Value::Null), ("π", Value::List(vec![Value::Int(i64::MIN), map(&[("x", Value::Bool(true))])]))]),
        ),
        (9, map(&[("tenth", Value::Float(0.1)), ("text", text("1"))])),
        (9, map(&[("large", Value::Float(-7.573406603622239e17)), ("larger", Value::Float(1e200))])),
        (10, Value::Null),
        (10, Value::List(vec![])),
        (10, Value::List(vec![map(&[("sku", text("")), ("note", Value::Null), ("sent", Value::Time(0))])])),
    ];
    on_each(&[Capability::Record], |client| {
        client.apply(insert(PEOPLE, ONE, person(1)));
        for (field, value) in cases.clone() {
            client.apply(update(PEOPLE, ONE, field, value.clone()));
            let rows = client.rows(Op::Read { table: PEOPLE, key: ONE, fields: Fields::Some(vec![field]) });
            assert_rows(&rows, &[(ONE, vec![value])]);
        }
    });
}

#[test]
fn a_text_with_a_nul_comes_back_whole_or_is_not_taken() {
    on_each(&[Capability::Record], |client| {
        let mut record = person(1);
        record[0] = text("a\0b");
        match client.execute(&insert(PEOPLE, ONE, record.clone())) {
            Ok(_) => assert_rows(&client.rows(read(PEOPLE, ONE)), &[(ONE, record)]),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Broken, "{failure}");
                client.fail(FailureKind::Missing, read(PEOPLE, ONE));
            }
        }
    });
}

#[test]
fn keys_at_the_edges_of_their_types_are_kept_apart_and_scanned_in_order() {
    let numbers = [i64::MIN, -1, 0, 1, i64::MAX].map(Key::Int);
    let words = ["", " ", "A", "B", "a", "aa", "user1234567890123456789", "é", "日本", "🦀"].map(word);
    on_each(&[Capability::Record, Capability::Range], |client| {
        for key in numbers.iter().rev() {
            client.apply(insert(PEOPLE, key.clone(), person(1)));
        }
        for (rank, key) in words.iter().enumerate().rev() {
            client.apply(insert(WORDS, key.clone(), vec![Value::Null, Value::Int(rank as i64)]));
        }
        let scan =
            |table, from: &Key, limit| Op::Scan { table, from: from.clone(), limit, fields: Fields::Some(vec![1]) };
        assert_keys(&client.rows(scan(PEOPLE, &numbers[0], 99)), &numbers);
        assert_keys(&client.rows(scan(WORDS, &words[0], 99)), &words);
        assert_keys(&client.rows(scan(WORDS, &words[3], 2)), &words[3..5]);
        assert_keys(&client.rows(scan(WORDS, &word("AZ"), 1)), &words[3..4]);
        assert_keys(&client.rows(scan(PEOPLE, &Key::Int(2), 1)), &numbers[4..]);
        assert_keys(&client.rows(scan(PEOPLE, &numbers[0], 0)), &[]);
        assert_keys(&client.rows(scan(WORDS, &word("🦀🦀"), 5)), &[]);
    });
}

#[test]
fn find_answers_by_field_and_then_by_key_in_either_direction() {
    on_each(&[Capability::Record, Capability::Index], |client| {
        for (key, age) in [(1, 30), (2, 20), (3, 30), (4, 40), (5, 30)] {
            client.apply(insert(PEOPLE, Key::Int(key), person(age)));
        }
        let mut find = |matching, order, limit| {
            let rows = client.rows(Op::Find {
                table: PEOPLE,
                field: 2,
                matching,
                order,
                limit,
                fields: Fields::Some(vec![2]),
            });
            rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>()
        };
        let keys = |keys: &[i64]| keys.iter().copied().map(Key::Int).collect::<Vec<_>>();
        let equal = |age| Matching::Equal(Value::Int(age));
        let between = |low, high| Matching::Between(Value::Int(low), Value::Int(high));
        assert_eq!(find(equal(30), Order::Ascending, 9), keys(&[1, 3, 5]));
        assert_eq!(find(equal(30), Order::Descending, 2), keys(&[5, 3]));
        assert_eq!(find(between(20, 30), Order::Ascending, 3), keys(&[2, 1, 3]));
        assert_eq!(find(between(30, 40), Order::Descending, 9), keys(&[4, 5, 3, 1]));
        assert_eq!(find(between(20, 40), Order::Ascending, 0), keys(&[]));
        assert_eq!(find(equal(31), Order::Ascending, 9), keys(&[]));
        assert_eq!(find(between(40, 20), Order::Ascending, 9), keys(&[]));
    });
}

#[test]
fn find_by_text_instant_and_float_follows_their_order_and_passes_over_what_is_absent() {
    on_each(&[Capability::Record, Capability::Index], |client| {
        let cases = [(1, "b", -1.5, Some(5)), (2, "B", 0.25, None), (3, "é", -1.75, Some(-5)), (4, "", 1e10, Some(0))];
        for (key, name, score, born) in cases {
            let mut record = person(1);
            (record[0], record[4]) = (text(name), Value::Float(score));
            record[6] = born.map_or(Value::Null, Value::Time);
            client.apply(insert(PEOPLE, Key::Int(key), record));
        }
        let mut find = |field, low, high| {
            let matching = Matching::Between(low, high);
            let (order, fields) = (Order::Ascending, Fields::All);
            client.rows(Op::Find { table: PEOPLE, field, matching, order, limit: 9, fields })
        };
        let keys = |keys: &[i64]| keys.iter().copied().map(Key::Int).collect::<Vec<_>>();
        assert_keys(&find(0, text(""), text("zz")), &keys(&[4, 2, 1]));
        assert_keys(&find(0, text("c"), text("日")), &keys(&[3]));
        assert_keys(&find(4, Value::Float(-1.75), Value::Float(0.25)), &keys(&[3, 1, 2]));
        assert_keys(&find(6, Value::Time(-9), Value::Time(9)), &keys(&[3, 4, 1]));
        assert_keys(&find(6, Value::Null, Value::Null), &[]);
    });
}

#[test]
fn find_sees_what_was_changed_and_not_what_it_was_before() {
    on_each(&[Capability::Record, Capability::Index], |client| {
        let matching = |age| Matching::Equal(Value::Int(age));
        let find = |age| {
            let (order, fields) = (Order::Ascending, Fields::Some(vec![2]));
            Op::Find { table: PEOPLE, field: 2, matching: matching(age), order, limit: 9, fields }
        };
        client.apply(insert(PEOPLE, ONE, person(30)));
        client.apply(update(PEOPLE, ONE, 2, Value::Int(31)));
        assert_rows(&client.rows(find(30)), &[]);
        assert_rows(&client.rows(find(31)), &[(ONE, vec![Value::Int(31)])]);
        client.apply(delete(PEOPLE, ONE));
        assert_rows(&client.rows(find(31)), &[]);
    });
}

#[test]
fn ties_among_text_keys_are_broken_by_their_bytes() {
    on_each(&[Capability::Record, Capability::Index], |client| {
        for key in ["é", "b", "B", "a"] {
            client.apply(insert(WORDS, word(key), vec![text(key), Value::Int(7)]));
        }
        let find = |order| {
            let (matching, fields) = (Matching::Equal(Value::Int(7)), Fields::All);
            Op::Find { table: WORDS, field: 1, matching, order, limit: 3, fields }
        };
        assert_keys(&client.rows(find(Order::Ascending)), &["B", "a", "b"].map(word));
        assert_keys(&client.rows(find(Order::Descending)), &["é", "b", "a"].map(word));
    });
}

fn balance(client: &mut Client, key: &str) -> i64 {
    match client.rows(read(ACCOUNTS, word(key)))[0].values[0] {
        Value::Int(balance) => balance,
        ref other => panic!("a balance of {other:?}"),
    }
}

fn open_account(client: &mut Client, key: &str, balance: i64) {
    client.apply(insert(ACCOUNTS, word(key), vec![Value::Int(balance), Value::Null]));
}

#[test]
fn a_bump_adds_and_answers_nothing() {
    on_each(&[Capability::Record, Capability::Counter], |client| {
        client.fail(FailureKind::Missing, bump(ACCOUNTS, word("a"), 0, 1, None));
        open_account(client, "a", 10);
        client.apply(bump(ACCOUNTS, word("a"), 0, 5, None));
        client.apply(bump(ACCOUNTS, word("a"), 0, -20, None));
        assert_eq!(balance(client, "a"), -5);
    });
}

#[test]
fn a_bump_that_cannot_be_an_integer_fails_and_changes_nothing() {
    on_each(&[Capability::Record, Capability::Counter], |client| {
        open_account(client, "a", i64::MAX);
        client.fail(FailureKind::Broken, bump(ACCOUNTS, word("a"), 0, 1, None));
        client.fail(FailureKind::Broken, bump(ACCOUNTS, word("a"), 1, 1, None));
        client.apply(bump(ACCOUNTS, word("a"), 0, -1, None));
        assert_eq!(balance(client, "a"), i64::MAX - 1);
    });
}

#[test]
fn a_floor_refuses_what_would_fall_below_it() {
    on_each(&[Capability::Record, Capability::Floor], |client| {
        client.fail(FailureKind::Missing, bump(ACCOUNTS, word("a"), 0, 1, Some(0)));
        open_account(client, "a", 10);
        client.refuse(bump(ACCOUNTS, word("a"), 0, -11, Some(0)));
        assert_eq!(balance(client, "a"), 10);
        client.apply(bump(ACCOUNTS, word("a"), 0, -10, Some(0)));
        client.refuse(bump(ACCOUNTS, word("a"), 0, 1, Some(2)));
        client.apply(bump(ACCOUNTS, word("a"), 0, -3, Some(-3)));
        assert_eq!(balance(client, "a"), -3);
        client.fail(FailureKind::Broken, bump(ACCOUNTS, word("a"), 1, 1, Some(0)));
    });
}

#[test]
fn a_batch_carries_out_its_operations_in_order_and_answers_all_their_rows() {
    on_each(&[Capability::Record, Capability::Counter, Capability::Batch], |client| {
        open_account(client, "a", 1);
        let rows = client.rows(Op::Batch(vec![
            read(ACCOUNTS, word("a")),
            bump(ACCOUNTS, word("a"), 0, 1, None),
            insert(ACCOUNTS, word("b"), vec![Value::Int(5), Value::Int(6)]),
            read(ACCOUNTS, word("a")),
            read(ACCOUNTS, word("b")),
        ]));
        let expected = [
            (word("a"), vec![Value::Int(1), Value::Null]),
            (word("a"), vec![Value::Int(2), Value::Null]),
            (word("b"), vec![Value::Int(5), Value::Int(6)]),
        ];
        assert_rows(&rows, &expected);
        client.apply(Op::Batch(vec![]));
    });
}

#[test]
fn a_batch_fails_as_its_first_failed_operation_and_what_came_before_stays() {
    on_each(&[Capability::Record, Capability::Counter, Capability::Batch], |client| {
        open_account(client, "a", 1);
        let (good, bad) = (bump(ACCOUNTS, word("a"), 0, 1, None), bump(ACCOUNTS, word("nobody"), 0, 1, None));
        client.fail(FailureKind::Missing, Op::Batch(vec![good.clone(), bad]));
        client.fail(FailureKind::Exists, Op::Batch(vec![good, insert(ACCOUNTS, word("a"), vec![Value::Int(0); 2])]));
        assert_eq!(balance(client, "a"), 3);
    });
}

#[test]
fn a_batch_with_a_refused_bump_says_so_and_keeps_the_others() {
    on_each(&[Capability::Record, Capability::Floor, Capability::Batch], |client| {
        open_account(client, "a", 1);
        let bumps = [(1, None), (-9, Some(0)), (1, None)];
        client.refuse(Op::Batch(bumps.map(|(by, floor)| bump(ACCOUNTS, word("a"), 0, by, floor)).to_vec()));
        assert_eq!(balance(client, "a"), 3);
    });
}

#[test]
fn a_transaction_applies_everything_and_sees_its_own_changes() {
    on_each(&[Capability::Record, Capability::Counter, Capability::Transact], |client| {
        open_account(client, "a", 1);
        let rows = client.rows(Op::Transact(vec![
            bump(ACCOUNTS, word("a"), 0, 4, None),
            insert(ACCOUNTS, word("b"), vec![Value::Int(9), Value::Null]),
            read(ACCOUNTS, word("a")),
            delete(ACCOUNTS, word("a")),
        ]));
        assert_rows(&rows, &[(word("a"), vec![Value::Int(5), Value::Null])]);
        client.fail(FailureKind::Missing, read(ACCOUNTS, word("a")));
        assert_eq!(balance(client, "b"), 9);
        client.apply(Op::Transact(vec![]));
    });
}

#[test]
fn a_transaction_that_is_refused_or_fails_leaves_no_trace() {
    on_each(&[Capability::Record, Capability::Floor, Capability::Index, Capability::Transact], |client| {
        client.apply(insert(PEOPLE, ONE, person(30)));
        client.apply(insert(PEOPLE, Key::Int(2), person(30)));
        let before = client.digests();
        let changes = [
            insert(PEOPLE, Key::Int(3), person(31)),
            update(PEOPLE, ONE, 2, Value::Int(31)),
            update(PEOPLE, ONE, 0, text("Bob")),
            bump(PEOPLE, ONE, 3, 7, Some(0)),
            delete(PEOPLE, ONE),
            delete(PEOPLE, Key::Int(2)),
            insert(PEOPLE, Key::Int(2), person(99)),
        ];
        let then = |last: Op| Op::Transact([&changes[..], &[last]].concat());
        client.refuse(then(bump(PEOPLE, Key::Int(3), 3, -101, Some(0))));
        client.fail(FailureKind::Missing, then(update(PEOPLE, ONE, 2, Value::Int(0))));
        client.fail(FailureKind::Exists, then(insert(PEOPLE, Key::Int(3), person(0))));
        client.fail(FailureKind::Missing, then(read(PEOPLE, Key::Int(4))));
        assert_eq!(client.digests(), before);
        let find = Op::Find {
            table: PEOPLE,
            field: 2,
            matching: Matching::Between(Value::Int(0), Value::Int(99)),
            order: Order::Ascending,
            limit: 9,
            fields: Fields::All,
        };
        assert_keys(&client.rows(find), &[ONE, Key::Int(2)]);
    });
}

#[test]
fn groups_are_not_nested_and_transactions_hold_records_only() {
    on_each(&[Capability::Record, Capability::Batch, Capability::Transact], |client| {
        open_account(client, "a", 1);
        for group in [Op::Batch(vec![]), Op::Transact(vec![])] {
            client.fail(FailureKind::Broken, Op::Batch(vec![group.clone()]));
            client.fail(FailureKind::Broken, Op::Transact(vec![delete(ACCOUNTS, word("a")), group]));
        }
        assert_eq!(balance(client, "a"), 1);
    });
    on_each(&[Capability::Transact, Capability::Stream], |client| {
        let append = Op::Append { log: MOVES, stream: ONE, events: vec![vec![Value::Float(0.5)]] };
        client.fail(FailureKind::Broken, Op::Transact(vec![append]));
        assert_eq!(client.export(Part::Log(MOVES)), []);
    });
}

#[test]
fn events_keep_the_order_in_which_they_were_appended_in_each_stream() {
    on_each(&[Capability::Stream], |client| {
        let event = |kind: &str| vec![text(kind), Value::Time(5), Value::Null];
        let append = |stream, kinds: &[&str]| Op::Append {
            log: EVENTS,
            stream: word(stream),
            events: kinds.iter().map(|kind| event(kind)).collect(),
        };
        let tail = |stream, limit| Op::Tail { log: EVENTS, stream: word(stream), limit };
        assert_rows(&client.rows(tail("a", 3)), &[]);
        for (stream, kinds) in [("a", &["1", "2"][..]), ("b", &["x"]), ("a", &["3"]), ("a", &[]), ("a", &["4", "5"])] {
            client.apply(append(stream, kinds));
        }
        let newest = |kinds: &[&str]| kinds.iter().map(|kind| (word("a"), event(kind))).collect::<Vec<_>>();
        assert_rows(&client.rows(tail("a", 3)), &newest(&["5", "4", "3"]));
        assert_rows(&client.rows(tail("a", 99)), &newest(&["5", "4", "3", "2", "1"]));
        assert_rows(&client.rows(tail("a", 0)), &[]);
        assert_rows(&client.rows(tail("b", 9)), &[(word("b"), event("x"))]);
        let all = client.export(Part::Log(EVENTS));
        let of_a: Vec<Row> = all.iter().filter(|row| row.key == word("a")).cloned().collect();
        assert_rows(&of_a, &newest(&["1", "2", "3", "4", "5"]));
        assert_eq!(all.len(), 6);
    });
}

fn ingest(client: &mut Client, points: &[(i64, i64, [f64; 2])]) {
    let points = points.iter().map(|(entity, at_ms, metrics)| point(*entity, *at_ms, *metrics)).collect();
    client.apply(Op::Ingest { series: CPU, points });
}

fn observed(entity: i64, at_ms: i64, metrics: [f64; 2]) -> (Key, Vec<Value>) {
    (Key::Int(entity), vec![Value::Time(at_ms), Value::Float(metrics[0]), Value::Float(metrics[1])])
}

#[test]
fn a_point_at_the_same_instant_replaces_the_former() {
    on_each(&[Capability::Series], |client| {
        client.fail(FailureKind::Missing, Op::Last { series: CPU, entity: 1 });
        ingest(client, &[(1, 10, [0.5, 1.0]), (1, 20, [0.25, 2.0]), (1, 10, [0.75, 3.0])]);
        ingest(client, &[(1, 20, [-0.5, 4.0])]);
        ingest(client, &[]);
        assert_rows(&client.rows(Op::Last { series: CPU, entity: 1 }), &[observed(1, 20, [-0.5, 4.0])]);
        let all = Op::Range { series: CPU, entity: 1, from_ms: i64::MIN, to_ms: i64::MAX };
        assert_rows(&client.rows(all), &[observed(1, 10, [0.75, 3.0]), observed(1, 20, [-0.5, 4.0])]);
    });
}

#[test]
fn a_point_that_another_client_sent_again_is_what_everyone_reads() {
    for store in keeping_stores().filter(|store| store.capabilities.meets(Capability::Series.into())) {
        let (mut one, mut other) = (store.client(), store.client());
        let points = |busy: f64| [(1, 10, [busy, 1.0]), (1, 20, [busy, 2.0]), (2, 20, [busy, 3.0])];
        ingest(&mut one, &points(9.0));
        ingest(&mut other, &points(7.0));
        ingest(&mut one, &[(1, 20, [0.5, 2.0])]);
        ingest(&mut other, &[(2, 20, [0.25, 3.0]), (1, 20, [-1.5, 2.0])]);
        let (series, entity, metric, from_ms, to_ms) = (CPU, 1, 0, 0, 30);
        for mut client in [one, other, store.client()] {
            assert_rows(&client.rows(Op::Last { series, entity }), &[observed(1, 20, [-1.5, 2.0])]);
            let both = [observed(1, 10, [7.0, 1.0]), observed(1, 20, [-1.5, 2.0])];
            assert_rows(&client.rows(Op::Range { series, entity, from_ms, to_ms }), &both);
            for (fold, folded) in [(Fold::Count, 2.0), (Fold::Sum, 5.5), (Fold::Max, 7.0), (Fold::Mean, 2.75)] {
                let window = Op::Window { series, entity, metric, from_ms, to_ms, every_ms: 30, fold };
                assert_rows(&client.rows(window), &[(ONE, vec![Value::Time(0), Value::Float(folded)])]);
            }
            let above = Op::Above { series, metric, threshold: 0.0, from_ms, to_ms, limit: 9 };
            assert_rows(&client.rows(above), &[observed(2, 20, [0.25, 3.0]), both[0].clone()]);
            assert_eq!(client.export(Part::Series(series)).len(), 3, "{}", store.name);
        }
        store.close();
    }
}

#[test]
fn a_range_holds_its_start_and_not_its_end_and_one_entity_only() {
    on_each(&[Capability::Series], |client| {
        ingest(client, &[(1, 30, [3.0, 0.0]), (1, -10, [1.0, 0.0]), (1, 20, [2.0, 0.0]), (2, 20, [9.0, 0.0])]);
        let range = |from_ms, to_ms| Op::Range { series: CPU, entity: 1, from_ms, to_ms };
        assert_rows(&client.rows(range(-10, 30)), &[observed(1, -10, [1.0, 0.0]), observed(1, 20, [2.0, 0.0])]);
        assert_rows(&client.rows(range(31, 99)), &[]);
        assert_rows(&client.rows(range(30, -10)), &[]);
    });
}

#[test]
fn a_window_folds_buckets_that_start_at_multiples_of_their_width() {
    on_each(&[Capability::Series], |client| {
        let points = [(-11, 1.0), (-10, 2.0), (-1, 4.5), (0, -3.0), (9, 0.5), (25, 7.25), (30, 99.0)];
        ingest(client, &points.map(|(at_ms, value)| (1, at_ms, [0.0, value])));
        ingest(client, &[(2, 0, [0.0, 1000.0])]);
        let mut window = |fold| {
            client.rows(Op::Window { series: CPU, entity: 1, metric: 1, from_ms: -11, to_ms: 30, every_ms: 10, fold })
        };
        let buckets = |folded: [f64; 4]| {
            let row = |(start, value)| (ONE, vec![Value::Time(start), Value::Float(value)]);
            [-20, -10, 0, 20].into_iter().zip(folded).map(row).collect::<Vec<_>>()
        };
        assert_rows(&window(Fold::Mean), &buckets([1.0, 3.25, -1.25, 7.25]));
        assert_rows(&window(Fold::Min), &buckets([1.0, 2.0, -3.0, 7.25]));
        assert_rows(&window(Fold::Max), &buckets([1.0, 4.5, 0.5, 7.25]));
        assert_rows(&window(Fold::Sum), &buckets([1.0, 6.5, -2.5, 7.25]));
        assert_rows(&window(Fold::Count), &buckets([1.0, 2.0, 2.0, 1.0]));
    });
}

#[test]
fn above_answers_the_newest_first_and_entities_in_order_within_an_instant() {
    on_each(&[Capability::Series], |client| {
        ingest(client, &[(3, 10, [0.9, 0.0]), (1, 10, [0.8, 0.0]), (2, 10, [0.1, 0.0]), (2, 20, [0.7, 0.0])]);
        ingest(client, &[(1, 30, [0.9, 0.0]), (1, 20, [0.5, 0.0]), (-4, 20, [0.6, 0.0])]);
        let above = |limit| Op::Above { series: CPU, metric: 0, threshold: 0.5, from_ms: 10, to_ms: 30, limit };
        let expected = [(-4, 20, 0.6), (2, 20, 0.7), (1, 10, 0.8), (3, 10, 0.9)];
        let expected = expected.map(|(entity, at_ms, busy)| observed(entity, at_ms, [busy, 0.0]));
        assert_rows(&client.rows(above(9)), &expected);
        assert_rows(&client.rows(above(3)), &expected[..3]);
        assert_rows(&client.rows(above(0)), &[]);
    });
}

#[test]
fn whatever_happens_it_happens_as_in_memory() {
    const STEPS: usize = 4000;
    for store in keeping_stores() {
        let reference = harness::store("memory");
        let (mut client, mut truth) = (store.client(), reference.client());
        let mut random = Random(42);
        let mut answers = BTreeMap::new();
        for step in 0..STEPS {
            let op = random.op();
            if !store.capabilities.meets(op.needs()) {
                continue;
            }
            let (found, expected) = (outcome(client.execute(&op)), outcome(truth.execute(&op)));
            assert!(
                found == expected,
                "{}, step {step}: {op:?}\nfound    {found:?}\nexpected {expected:?}",
                store.name
            );
            let answered = matches!(&found, Ok((Done::Applied, rows)) if op.writes() || !rows.is_empty());
            *answers.entry(op.verb()).or_insert(0) += u32::from(answered);
        }
        assert_eq!(client.digests(), truth.digests(), "{}", store.name);
        // Chance must have asked something of every verb, or agreeing would mean little.
        assert!(answers.values().all(|times| *times >= 20), "{}: {answers:?}", store.name);
    }
}

/// What must agree: the kind of a failure, or how it ended and the rows, by their meaning.
fn outcome(answer: Result<(Done, Vec<Row>), drivers::Failure>) -> Result<(Done, Vec<Vec<u8>>), FailureKind> {
    match answer {
        Ok((Done::Applied, rows)) => Ok((Done::Applied, canonical(&rows))),
        Ok((Done::Refused, _)) => Ok((Done::Refused, Vec::new())),
        Err(failure) => Err(failure.kind),
    }
}

#[test]
fn a_load_leaves_the_same_data_as_in_memory_and_reset_leaves_none() {
    let people = (0..500).map(|key| insert(PEOPLE, Key::Int(key), person(key % 90))).collect();
    let events = vec![vec![text("e"), Value::Time(1), Value::Null]; 300];
    let points = (0..500).map(|at| point(at % 7, at, [at as f64 / 8.0, -1.0])).collect();
    let loads = [
        (Capability::Record, Op::Batch(people)),
        (Capability::Stream, Op::Append { log: EVENTS, stream: word("s"), events }),
        (Capability::Series, Op::Ingest { series: CPU, points }),
    ];
    for store in keeping_stores() {
        let reference = harness::store("memory");
        let (mut client, mut truth) = (store.client(), reference.client());
        for (_, load) in loads.iter().filter(|(needs, _)| store.capabilities.meets((*needs).into())) {
            client.load(load);
            truth.load(load);
        }
        store.settle();
        assert_eq!(client.digests(), truth.digests(), "{}", store.name);
        store.reset();
        assert!(store.client().digests().iter().all(|(_, digest)| digest.rows == 0), "{}", store.name);
    }
}

#[test]
fn concurrent_transfers_lose_no_money_and_concurrent_bumps_lose_no_count() {
    const THREADS: i64 = 4;
    const TRANSFERS: i64 = 200;
    let needs = Capabilities::of(&[Capability::Record, Capability::Counter, Capability::Floor, Capability::Transact]);
    for store in keeping_stores().filter(|store| store.capabilities.meets(needs)) {
        let mut client = store.client();
        let account = |number: i64| word(&format!("account {}", number % 3));
        (0..3).for_each(|number| open_account(&mut client, &format!("account {number}"), 20));
        open_account(&mut client, "count", 0);
        let work = |thread: i64| {
            let mut client = store.client();
            for at in 0..TRANSFERS {
                let (from, to, amount) = (account(thread + at), account(thread + at + 1 + at % 2), 1 + at % 7);
                let leave = bump(ACCOUNTS, from, 0, -amount, Some(0));
                retried(&mut client, &Op::Transact(vec![leave, bump(ACCOUNTS, to, 0, amount, Some(0))]));
                retried(&mut client, &bump(ACCOUNTS, word("count"), 0, 1, None));
            }
        };
        std::thread::scope(|scope| (0..THREADS).for_each(|thread| drop(scope.spawn(move || work(thread)))));
        let balances = [0, 1, 2].map(|number| balance(&mut client, &format!("account {number}")));
        assert_eq!(balances.iter().sum::<i64>(), 60, "{}: {balances:?}", store.name);
        assert!(balances.iter().all(|balance| *balance >= 0), "{}: {balances:?}", store.name);
        assert_eq!(balance(&mut client, "count"), THREADS * TRANSFERS, "{}", store.name);
    }
}

/// As the load engine does: conflicts again, up to a limit, and everything else once.
fn retried(client: &mut Client, op: &Op) {
    for _ in 0..10_000 {
        match client.execute(op) {
            Ok(_) => return,
            Err(failure) if failure.kind == FailureKind::Conflict => {}
            Err(failure) => panic!("{op:?}: {failure}"),
        }
    }
    panic!("{op:?} meets nothing but conflicts");
}

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
        Op::Ingest { series: CPU, points: vec![point(1, 1, [1.0, 1.0])] },
        Op::Last { series: CPU, entity: 1 },
        Op::Range { series: CPU, entity: 1, from_ms, to_ms },
        Op::Window { series: CPU, entity: 1, metric: 0, from_ms, to_ms, every_ms: 5, fold: Fold::Mean },
        Op::Above { series: CPU, metric: 0, threshold: 0.0, from_ms, to_ms, limit },
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
                Ok((Done::Applied, rows)) => assert!(store.keeps_data || rows.is_empty(), "{}: {op:?}", store.name),
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

#[test]
fn a_server_keeps_what_it_is_told_to_keep_with_its_note_and_removes_the_rest() {
    for store in keeping_stores().filter(Tested::is_server) {
        store.client().apply(insert(ACCOUNTS, word("a"), vec![Value::Int(5), Value::Null]));
        assert_eq!(store.noted(), None, "{}", store.name);
        store.note("loaded");
        store.note("loaded \"again\"");
        let kept = store.kept();
        assert_eq!(kept.noted().as_deref(), Some("loaded \"again\""), "{}", kept.name);
        assert_eq!(balance(&mut kept.client(), "a"), 5, "{}", kept.name);
        kept.reset();
        assert_eq!(kept.noted(), None, "{}: the note of data that is no more", kept.name);
        let removed = kept.removed();
        assert_eq!(removed.noted(), None, "{}", removed.name);
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

#[test]
fn any_record_comes_back_as_it_was() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    let scalar = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Int),
        prop::num::f64::NORMAL.prop_map(Value::Float),
        "[^\0]*".prop_map(Value::Text)
    ];
    let record = (
        "[^\0]*",
        any::<i64>(),
        prop::num::f64::NORMAL,
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec("[^\0]*".prop_map(Value::Text), 0..4),
        // Names of one map differ: what a name that is given twice would mean, no store says.
        prop::collection::btree_map("[^\0]{0,9}", scalar, 0..4)
            .prop_map(|entries| entries.into_iter().map(|(name, value)| (name.into(), value)).collect::<Vec<_>>()),
    );
    on_each(&[Capability::Record], |client| {
        let client = std::cell::RefCell::new(client);
        let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
        let comes_back = |(name, number, float, bytes, tags, entries)| {
            let mut given = person(number);
            (given[0], given[4], given[6]) = (Value::Text(name), Value::Float(float), Value::Time(number));
            (given[7], given[8], given[9]) = (Value::Bytes(bytes), Value::List(tags), Value::Map(entries));
            let mut client = client.borrow_mut();
            client.apply(insert(PEOPLE, ONE, given.clone()));
            assert_rows(&client.rows(read(PEOPLE, ONE)), &[(ONE, given)]);
            client.apply(delete(PEOPLE, ONE));
            Ok(())
        };
        runner.run(&record, comes_back).expect("every record comes back");
    });
}
