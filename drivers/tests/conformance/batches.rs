//! Batches, which are in order and not atomic, and what no group may hold.

use drivers::{FailureKind, Op, Part, Value};

use crate::ONE;
use crate::harness::*;

pub const CASES: &[Case] = &[
    case!(Client a_batch_carries_out_its_operations_in_order_and_answers_all_their_rows: Record, Counter, Batch),
    case!(Client a_batch_fails_as_its_first_failed_operation_and_what_came_before_stays: Record, Counter, Batch),
    case!(Client a_read_that_finds_nothing_fails_behind_rows_of_others: Record, Batch),
    case!(Client a_last_point_that_is_not_there_fails_behind_rows_of_others: Record, Series, Batch),
    case!(Client a_batch_with_a_refused_bump_says_so_and_keeps_the_others: Record, Floor, Batch),
    case!(Client groups_are_not_nested: Record, Batch, Transact),
    case!(Client transactions_hold_no_events: Transact, Stream),
];

fn a_batch_carries_out_its_operations_in_order_and_answers_all_their_rows(client: &mut Client) {
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
}

fn a_batch_fails_as_its_first_failed_operation_and_what_came_before_stays(client: &mut Client) {
    open_account(client, "a", 1);
    let (good, bad) = (bump(ACCOUNTS, word("a"), 0, 1, None), bump(ACCOUNTS, word("nobody"), 0, 1, None));
    client.fail(FailureKind::Missing, Op::Batch(vec![good.clone(), bad]));
    client.fail(FailureKind::Exists, Op::Batch(vec![good, insert(ACCOUNTS, word("a"), vec![Value::Int(0); 2])]));
    assert_eq!(balance(client, "a"), 3);
}

fn a_read_that_finds_nothing_fails_behind_rows_of_others(client: &mut Client) {
    open_account(client, "a", 1);
    let (a, nobody) = (read(ACCOUNTS, word("a")), read(ACCOUNTS, word("nobody")));
    client.fail(FailureKind::Missing, Op::Batch(vec![a.clone(), nobody.clone()]));
    // With something between them that is no read.
    let change = update(ACCOUNTS, word("a"), 1, Value::Int(2));
    client.fail(FailureKind::Missing, Op::Batch(vec![a, change, nobody]));
}

fn a_last_point_that_is_not_there_fails_behind_rows_of_others(client: &mut Client) {
    open_account(client, "a", 1);
    let last = Op::LastPoint { series: CPU, entity: 404 };
    client.fail(FailureKind::Missing, Op::Batch(vec![read(ACCOUNTS, word("a")), last]));
}

fn a_batch_with_a_refused_bump_says_so_and_keeps_the_others(client: &mut Client) {
    open_account(client, "a", 1);
    let bumps = [(1, None), (-9, Some(0)), (1, None)];
    client.refuse(Op::Batch(bumps.map(|(by, floor)| bump(ACCOUNTS, word("a"), 0, by, floor)).to_vec()));
    assert_eq!(balance(client, "a"), 3);
}

fn groups_are_not_nested(client: &mut Client) {
    open_account(client, "a", 1);
    for group in [Op::Batch(vec![]), Op::Transact(vec![]), Op::Interactive(vec![])] {
        client.fail(FailureKind::Broken, Op::Batch(vec![group.clone()]));
        client.fail(FailureKind::Broken, Op::Transact(vec![delete(ACCOUNTS, word("a")), group]));
    }
    assert_eq!(balance(client, "a"), 1);
}

fn transactions_hold_no_events(client: &mut Client) {
    let append = Op::Append { log: MOVES, stream: ONE, events: vec![vec![Value::Float(0.5)]] };
    client.fail(FailureKind::Broken, Op::Transact(vec![append]));
    assert_eq!(client.export(Part::Log(MOVES)), []);
}
