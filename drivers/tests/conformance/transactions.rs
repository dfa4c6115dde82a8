//! Transactions: all or nothing, and alone among others that run at once.

use drivers::{FailureKind, Fields, Key, Matching, Op, Order, Value};

use crate::ONE;
use crate::harness::*;

pub const CASES: &[Case] = &[
    case!(Client a_transaction_applies_everything_and_sees_its_own_changes: Record, Counter, Transact),
    case!(Client so_does_an_interactive_one: Record, Counter, Interactive),
    case!(Client a_transaction_that_is_refused_or_fails_leaves_no_trace: Record, Floor, Index, Transact),
    case!(Client nor_does_an_interactive_one: Record, Floor, Index, Interactive),
    case!(Store concurrent_transfers_lose_no_money_and_concurrent_bumps_lose_no_count: Record, Counter, Floor, Transact),
    case!(Store nor_do_interactive_ones: Record, Counter, Floor, Interactive),
];

/// A transaction of these operations, of one kind or the other.
type Transaction = fn(Vec<Op>) -> Op;

fn a_transaction_applies_everything_and_sees_its_own_changes(client: &mut Client) {
    applies_everything(client, Op::Transact);
}

fn so_does_an_interactive_one(client: &mut Client) {
    applies_everything(client, Op::Interactive);
}

fn applies_everything(client: &mut Client, transaction: Transaction) {
    open_account(client, "a", 1);
    let rows = client.rows(transaction(vec![
        bump(ACCOUNTS, word("a"), 0, 4, None),
        insert(ACCOUNTS, word("b"), vec![Value::Int(9), Value::Null]),
        read(ACCOUNTS, word("a")),
        delete(ACCOUNTS, word("a")),
    ]));
    assert_rows(&rows, &[(word("a"), vec![Value::Int(5), Value::Null])]);
    client.fail(FailureKind::Missing, read(ACCOUNTS, word("a")));
    assert_eq!(balance(client, "b"), 9);
    client.apply(transaction(vec![]));
}

fn a_transaction_that_is_refused_or_fails_leaves_no_trace(client: &mut Client) {
    leaves_no_trace(client, Op::Transact);
}

fn nor_does_an_interactive_one(client: &mut Client) {
    leaves_no_trace(client, Op::Interactive);
}

fn leaves_no_trace(client: &mut Client, transaction: Transaction) {
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
    let then = |last: Op| transaction([&changes[..], &[last]].concat());
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
}

fn concurrent_transfers_lose_no_money_and_concurrent_bumps_lose_no_count(store: &Tested) {
    concurrent_transfers(store, Op::Transact);
}

fn nor_do_interactive_ones(store: &Tested) {
    concurrent_transfers(store, Op::Interactive);
}

fn concurrent_transfers(store: &Tested, transaction: Transaction) {
    const THREADS: i64 = 4;
    const TRANSFERS: i64 = 200;
    let mut client = store.client();
    let account = |number: i64| word(&format!("account {}", number % 3));
    (0..3).for_each(|number| open_account(&mut client, &format!("account {number}"), 20));
    open_account(&mut client, "count", 0);
    let work = |thread: i64| {
        let mut client = store.client();
        for at in 0..TRANSFERS {
            let (from, to, amount) = (account(thread + at), account(thread + at + 1 + at % 2), 1 + at % 7);
            let leave = bump(ACCOUNTS, from, 0, -amount, Some(0));
            retried(&mut client, &transaction(vec![leave, bump(ACCOUNTS, to, 0, amount, Some(0))]));
            retried(&mut client, &bump(ACCOUNTS, word("count"), 0, 1, None));
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|thread| drop(scope.spawn(move || work(thread)))));
    let balances = [0, 1, 2].map(|number| balance(&mut client, &format!("account {number}")));
    assert_eq!(balances.iter().sum::<i64>(), 60, "{balances:?}");
    assert!(balances.iter().all(|balance| *balance >= 0), "{balances:?}");
    assert_eq!(balance(&mut client, "count"), THREADS * TRANSFERS);
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
