//! Bumps, with a floor and without one.

use drivers::FailureKind;

use crate::harness::*;

pub const CASES: &[Case] = &[
    case!(Client a_bump_adds_and_answers_nothing: Record, Counter),
    case!(Client a_bump_that_cannot_be_an_integer_fails_and_changes_nothing: Record, Counter),
    case!(Client a_floor_refuses_what_would_fall_below_it: Record, Floor),
    case!(Client a_floor_refuses_also_where_no_integer_could_hold_the_sum: Record, Floor),
];

fn a_bump_adds_and_answers_nothing(client: &mut Client) {
    client.fail(FailureKind::Missing, bump(ACCOUNTS, word("a"), 0, 1, None));
    open_account(client, "a", 10);
    client.apply(bump(ACCOUNTS, word("a"), 0, 5, None));
    client.apply(bump(ACCOUNTS, word("a"), 0, -20, None));
    assert_eq!(balance(client, "a"), -5);
}

fn a_bump_that_cannot_be_an_integer_fails_and_changes_nothing(client: &mut Client) {
    open_account(client, "a", i64::MAX);
    client.fail(FailureKind::Broken, bump(ACCOUNTS, word("a"), 0, 1, None));
    client.fail(FailureKind::Broken, bump(ACCOUNTS, word("a"), 1, 1, None));
    client.apply(bump(ACCOUNTS, word("a"), 0, -1, None));
    assert_eq!(balance(client, "a"), i64::MAX - 1);
}

fn a_floor_refuses_what_would_fall_below_it(client: &mut Client) {
    client.fail(FailureKind::Missing, bump(ACCOUNTS, word("a"), 0, 1, Some(0)));
    open_account(client, "a", 10);
    client.refuse(bump(ACCOUNTS, word("a"), 0, -11, Some(0)));
    assert_eq!(balance(client, "a"), 10);
    client.apply(bump(ACCOUNTS, word("a"), 0, -10, Some(0)));
    client.refuse(bump(ACCOUNTS, word("a"), 0, 1, Some(2)));
    client.apply(bump(ACCOUNTS, word("a"), 0, -3, Some(-3)));
    assert_eq!(balance(client, "a"), -3);
    client.fail(FailureKind::Broken, bump(ACCOUNTS, word("a"), 1, 1, Some(0)));
}

fn a_floor_refuses_also_where_no_integer_could_hold_the_sum(client: &mut Client) {
    open_account(client, "low", i64::MIN + 5);
    client.refuse(bump(ACCOUNTS, word("low"), 0, -10, Some(i64::MIN)));
    client.refuse(bump(ACCOUNTS, word("low"), 0, i64::MIN, Some(i64::MAX)));
    client.apply(bump(ACCOUNTS, word("low"), 0, -5, Some(i64::MIN)));
    assert_eq!(balance(client, "low"), i64::MIN);
    open_account(client, "high", i64::MAX);
    client.fail(FailureKind::Broken, bump(ACCOUNTS, word("high"), 0, 1, Some(i64::MAX)));
    client.apply(bump(ACCOUNTS, word("high"), 0, 0, Some(i64::MAX)));
    assert_eq!(balance(client, "high"), i64::MAX);
}
