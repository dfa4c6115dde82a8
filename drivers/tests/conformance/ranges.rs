//! Scans and finds: the order of keys and of indexed fields, and where a range ends.

use drivers::{Fields, Key, Matching, Op, Order, Value};

use crate::ONE;
use crate::harness::*;

pub const CASES: &[Case] = &[
    case!(Client keys_at_the_edges_of_their_types_are_kept_apart_and_scanned_in_order: Record, Range),
    case!(Client find_answers_by_field_and_then_by_key_in_either_direction: Record, Index),
    case!(Client find_by_text_instant_and_float_follows_their_order_and_passes_over_what_is_absent: Record, Index),
    case!(Client find_sees_what_was_changed_and_not_what_it_was_before: Record, Index),
    case!(Client ties_among_text_keys_are_broken_by_their_bytes: Record, Index),
];

fn keys_at_the_edges_of_their_types_are_kept_apart_and_scanned_in_order(client: &mut Client) {
    let numbers = [i64::MIN, -1, 0, 1, i64::MAX].map(Key::Int);
    let words = ["", " ", "A", "B", "a", "aa", "user1234567890123456789", "é", "日本", "🦀"].map(word);
    for key in numbers.iter().rev() {
        client.apply(insert(PEOPLE, key.clone(), person(1)));
    }
    for (rank, key) in words.iter().enumerate().rev() {
        client.apply(insert(WORDS, key.clone(), vec![Value::Null, Value::Int(rank as i64)]));
    }
    let scan = |table, from: &Key, limit| Op::Scan { table, from: from.clone(), limit, fields: Fields::Some(vec![1]) };
    assert_keys(&client.rows(scan(PEOPLE, &numbers[0], 99)), &numbers);
    assert_keys(&client.rows(scan(WORDS, &words[0], 99)), &words);
    assert_keys(&client.rows(scan(WORDS, &words[3], 2)), &words[3..5]);
    assert_keys(&client.rows(scan(WORDS, &word("AZ"), 1)), &words[3..4]);
    assert_keys(&client.rows(scan(PEOPLE, &Key::Int(2), 1)), &numbers[4..]);
    assert_keys(&client.rows(scan(PEOPLE, &numbers[0], 0)), &[]);
    assert_keys(&client.rows(scan(WORDS, &word("🦀🦀"), 5)), &[]);
}

fn find_answers_by_field_and_then_by_key_in_either_direction(client: &mut Client) {
    for (key, age) in [(1, 30), (2, 20), (3, 30), (4, 40), (5, 30)] {
        client.apply(insert(PEOPLE, Key::Int(key), person(age)));
    }
    let mut find = |matching, order, limit| {
        let rows =
            client.rows(Op::Find { table: PEOPLE, field: 2, matching, order, limit, fields: Fields::Some(vec![2]) });
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
}

fn find_by_text_instant_and_float_follows_their_order_and_passes_over_what_is_absent(client: &mut Client) {
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
}

fn find_sees_what_was_changed_and_not_what_it_was_before(client: &mut Client) {
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
}

fn ties_among_text_keys_are_broken_by_their_bytes(client: &mut Client) {
    for key in ["é", "b", "B", "a"] {
        client.apply(insert(WORDS, word(key), vec![text(key), Value::Int(7)]));
    }
    let find = |order| {
        let (matching, fields) = (Matching::Equal(Value::Int(7)), Fields::All);
        Op::Find { table: WORDS, field: 1, matching, order, limit: 3, fields }
    };
    assert_keys(&client.rows(find(Order::Ascending)), &["B", "a", "b"].map(word));
    assert_keys(&client.rows(find(Order::Descending)), &["é", "b", "a"].map(word));
}
