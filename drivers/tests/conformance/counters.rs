//! Bumps, with a floor and without one.

use drivers::{Capability, FailureKind};

use crate::harness::*;
use crate::on_each;

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
