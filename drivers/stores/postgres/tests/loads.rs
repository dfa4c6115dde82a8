//! Loads beside others: freezing rows is an optimisation, which neither waits for anybody nor is a reason not to load.

use super::*;

/// What a load may take that has nobody to wait for, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(10);

async fn loaded(store: &Postgres) -> Result<PostgresSession, Failure> {
    let mut session = store.session().await?;
    session.load(&Op::Batch((0..10).map(|key| account(key, key)).collect())).await?;
    Ok(session)
}

#[tokio::test]
async fn a_load_neither_waits_for_a_reader_nor_keeps_others_waiting() {
    for isolation in ["read-committed", "serializable"] {
        let address = format!("{}?isolation={isolation}", shared());
        let store = open(&address, "load-and-reader", Durability::Memory).await.expect("opened");
        store.reset().await.expect("reset");
        let mut reader = inside(&store).await;
        reader.run("BEGIN; SELECT FROM accounts").await.expect("read");
        let load = tokio::time::timeout(AT_ONCE, loaded(&store)).await;
        let mut session = load.expect("it does not wait for the reader").expect("taken");
        let mut other = inside(&store).await;
        other.run("SET lock_timeout = '1s'; SELECT FROM accounts").await.expect("nobody waits for the load");
        session.finish_load().await.expect("loaded");
        reader.run("COMMIT").await.expect("it was left alone");
        assert_eq!(text(&mut other, "SELECT count(*)::text FROM accounts").await, "10");
        let kept = text(&mut other, "SELECT current_setting('lock_timeout')").await;
        assert_eq!(kept, "1s");
        store.close(false).await.expect("closed");
    }
}

#[tokio::test]
async fn a_role_that_may_not_truncate_loads_all_the_same() {
    let mut own = connect(shared()).await;
    own.run(
        "CREATE ROLE loader LOGIN PASSWORD 'loader'; GRANT CREATE ON DATABASE postgres TO loader; \
         ALTER DEFAULT PRIVILEGES FOR ROLE loader REVOKE TRUNCATE ON TABLES FROM loader",
    )
    .await
    .expect("made");
    let host = shared().rsplit_once('@').expect("a user").1;
    let store = open(&format!("postgres://loader:loader@{host}"), "load-denied", Durability::Memory).await;
    let store = store.expect("opened");
    store.reset().await.expect("reset");
    loaded(&store).await.expect("taken").finish_load().await.expect("loaded");
    assert_eq!(text(&mut own, "SELECT count(*)::text FROM \"storebench_load-denied\".accounts").await, "10");
    own.run("REVOKE INSERT ON \"storebench_load-denied\".users FROM loader").await.expect("revoked");
    let mut session = store.session().await.expect("a session");
    let denied = run(&mut session, &user("a", 1)).await.expect_err("not allowed");
    assert_eq!(denied.kind, FailureKind::Denied, "{denied}");
    own.run("ALTER TABLE \"storebench_load-denied\".users OWNER TO postgres").await.expect("changed");
    let denied = store.after_load().await.expect_err("not the owner");
    assert_eq!(denied.kind, FailureKind::Denied, "{denied}");
    assert!(denied.message.starts_with("postgres: must be owner of table users [42501], to `"), "{denied}");
    assert!(denied.message.len() < 150, "{denied}");
}

#[tokio::test]
async fn a_limit_of_time_on_transactions_does_not_end_a_load() {
    let mut store = ready("load-limits").await;
    let unlimited = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
    assert_eq!(store.server.unlimited("SET"), unlimited);
    store.server.times_transactions = true;
    assert_eq!(
        store.server.unlimited("SET LOCAL"),
        format!("{}; SET LOCAL transaction_timeout = 0", unlimited.replace("SET ", "SET LOCAL "))
    );
}
