//! Records: what was written is what is read, whatever it holds.

use drivers::{Change, FailureKind, Fields, Key, Op, Part, Value};

use crate::ONE;
use crate::harness::*;

pub const CASES: &[Case] = &[
    case!(Client a_record_is_read_as_it_was_inserted_in_all_its_fields: Record),
    case!(Client records_without_a_primary_key_are_added_and_read_together: Record),
    case!(Client a_read_answers_the_asked_fields_in_the_asked_order: Record),
    case!(Client what_is_not_there_is_missing_and_what_is_there_exists: Record),
    case!(Client an_update_changes_the_named_fields_and_no_others: Record),
    case!(Client values_at_the_edges_of_their_types_come_back: Record),
    case!(Client a_text_with_a_nul_comes_back_whole_or_is_not_taken: Record),
    case!(Client any_record_comes_back_as_it_was: Record),
];

fn a_record_is_read_as_it_was_inserted_in_all_its_fields(client: &mut Client) {
    client.apply(insert(PEOPLE, ONE, person(36)));
    assert_rows(&client.rows(read(PEOPLE, ONE)), &[(ONE, person(36))]);
}

fn a_read_answers_the_asked_fields_in_the_asked_order(client: &mut Client) {
    client.apply(insert(PEOPLE, ONE, person(36)));
    let fields = Fields::Some(vec![2, 0, 2]);
    let rows = client.rows(Op::Read { table: PEOPLE, key: ONE, fields });
    assert_rows(&rows, &[(ONE, vec![Value::Int(36), text("Ada"), Value::Int(36)])]);
}

fn what_is_not_there_is_missing_and_what_is_there_exists(client: &mut Client) {
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
}

fn an_update_changes_the_named_fields_and_no_others(client: &mut Client) {
    client.apply(insert(PEOPLE, ONE, person(36)));
    client.apply(insert(PEOPLE, Key::Int(2), person(36)));
    let changes = vec![Change { field: 4, value: Value::Float(-1.25) }, Change { field: 1, value: Value::Null }];
    client.apply(Op::Update { table: PEOPLE, key: ONE, changes });
    let mut expected = person(36);
    (expected[4], expected[1]) = (Value::Float(-1.25), Value::Null);
    assert_rows(&client.rows(read(PEOPLE, ONE)), &[(ONE, expected)]);
    assert_rows(&client.rows(read(PEOPLE, Key::Int(2))), &[(Key::Int(2), person(36))]);
}

fn values_at_the_edges_of_their_types_come_back(client: &mut Client) {
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
    client.apply(insert(PEOPLE, ONE, person(1)));
    for (field, value) in cases.clone() {
        client.apply(update(PEOPLE, ONE, field, value.clone()));
        let rows = client.rows(Op::Read { table: PEOPLE, key: ONE, fields: Fields::Some(vec![field]) });
        assert_rows(&rows, &[(ONE, vec![value])]);
    }
}

fn a_text_with_a_nul_comes_back_whole_or_is_not_taken(client: &mut Client) {
    let mut record = person(1);
    record[0] = text("a\0b");
    match client.execute(&insert(PEOPLE, ONE, record.clone())) {
        Ok(_) => assert_rows(&client.rows(read(PEOPLE, ONE)), &[(ONE, record)]),
        Err(failure) => {
            assert_eq!(failure.kind, FailureKind::Broken, "{failure}");
            client.fail(FailureKind::Missing, read(PEOPLE, ONE));
        }
    }
}

fn any_record_comes_back_as_it_was(client: &mut Client) {
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
}

fn records_without_a_primary_key_are_added_and_read_together(client: &mut Client) {
    let visit = |at: i64| vec![Value::Time(at), if at % 2 == 0 { Value::Null } else { text("/") }];
    client.load(&Op::Batch((0..3).map(|at| insert(VISITS, Key::Int(at), visit(at))).collect()));
    client.apply(insert(VISITS, Key::Int(3), visit(3)));
    let mut rows = client.export(Part::Table(VISITS));
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    assert_rows(&rows, &[0, 1, 2, 3].map(|at| (Key::Int(at), visit(at))));
}
