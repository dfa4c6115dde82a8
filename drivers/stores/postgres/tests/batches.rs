//! What a batch leaves behind when something in it fails, by triggers that fail on purpose: the engine sends again what is
//! called a conflict, so nothing of that may be there.

use super::*;
use crate::Outcome;

const BALANCE: &str = "SELECT balance::text FROM accounts WHERE key = 1";

/// A store with account 1, and a connection that may change its tables.
async fn with_account(name: &str, options: &str) -> (Postgres, Connection, PostgresSession) {
    let store = open(&format!("{}{options}", shared()), name, Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("settled");
    let own = inside(&store).await;
    let mut session = store.session().await.expect("a session");
    run(&mut session, &account(1, 10)).await.expect("inserted");
    (store, own, session)
}

/// Makes `accounts` a view that answers a conflict to whoever reads a balance that was changed.
async fn conflict_once_changed(own: &mut Connection) {
    own.run(
        "CREATE FUNCTION unchanged(held bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN \
           IF held <> 10 THEN RAISE SQLSTATE '40001'; END IF; RETURN held; END $$; \
         ALTER TABLE accounts RENAME TO held; \
         CREATE VIEW accounts AS SELECT key, unchanged(balance) AS balance FROM held; \
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN \
           UPDATE held SET balance = NEW.balance WHERE key = NEW.key; RETURN NEW; END $$; \
         CREATE TRIGGER keep INSTEAD OF UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    .await
    .expect("made");
}

#[tokio::test]
async fn a_batch_of_one_is_applied_once_or_not_at_all() {
    let (_store, mut own, mut session) = with_account("batch-of-one", "?isolation=serializable").await;
    conflict_once_changed(&mut own).await;
    let held = "SELECT balance::text FROM held";
    let two = Op::Batch(vec![bump(1, 1, Some(0)), bump(1, 1, Some(0))]);
    assert_eq!(run(&mut session, &two).await.expect_err("changed").kind, FailureKind::Conflict);
    assert_eq!(text(&mut own, held).await, "10", "a conflict leaves nothing");
    let one = Op::Batch(vec![bump(1, 1, Some(0))]);
    assert_eq!(
        run(&mut session, &one).await.expect("nothing is asked of a bump that changed its record"),
        Outcome::Applied
    );
    assert_eq!(text(&mut own, held).await, "11");
}

#[tokio::test]
async fn a_batch_of_one_is_told_as_it_is_sent() {
    let store = ready("one-told").await;
    let one = bump(1, -5, Some(0));
    assert_eq!(store.explain(&Op::Batch(vec![one.clone()])), store.explain(&one));
    let mut session = store.session().await.expect("a session");
    run(&mut session, &account(1, 3)).await.expect("inserted");
    assert_eq!(run(&mut session, &Op::Batch(vec![one])).await.expect("refused"), Outcome::Refused);
    let gone = Op::Batch(vec![bump(2, -5, Some(0))]);
    assert_eq!(run(&mut session, &gone).await.expect_err("no such account").kind, FailureKind::Missing);
}

#[tokio::test]
async fn what_undid_a_batch_is_its_failure_and_not_what_was_met_before() {
    let (_store, mut own, mut session) = with_account("batch-undone", "").await;
    own.run(
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '40001'; END $$; \
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION late()",
    )
    .await
    .expect("made");
    let ops = vec![bump(1, 1, None), bump(2, 1, None), user("a", 1)];
    let failure = run(&mut session, &Op::Batch(ops)).await.expect_err("undone when it is committed");
    assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
    assert_eq!(text(&mut own, BALANCE).await, "10");
}

#[tokio::test]
async fn a_batch_that_was_committed_with_an_unexpected_answer_is_not_sent_again() {
    let (_store, mut own, mut session) = with_account("batch-misread", "").await;
    own.run(
        "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
         CREATE TRIGGER skip BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION skip()",
    )
    .await
    .expect("made");
    let ops = vec![bump(1, 1, None), user("a", 1)];
    let failure = run(&mut session, &Op::Batch(ops)).await.expect_err("a row was not taken");
    assert_eq!(failure.kind, FailureKind::Broken, "{failure}");
    assert_eq!(text(&mut own, BALANCE).await, "11");
}
