//! Snapshots as the server sees them: how long one lasts, and that none is left open; and what its catalogue tells.

use super::*;
use pgbouncer::PgBouncer;

/// Waits until no session is in a transaction but our own.
async fn until_none_is_open(own: &mut Connection) {
    let open = "SELECT count(*)::text FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    for _ in 0..250 {
        if text(own, open).await == "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a transaction stays open");
}

async fn accounts(session: &mut PostgresSession) -> Result<usize, Failure> {
    let mut rows = 0;
    session.export(Part::Table(1), &mut |_| rows += 1).await.map(|()| rows)
}

#[tokio::test]
async fn a_snapshot_outlasts_the_limits_of_the_server_and_of_operations() {
    let server = started(Durability::Memory).await;
    let mut own = connect(&server.address).await;
    own.run("ALTER ROLE CURRENT_USER SET idle_in_transaction_session_timeout = 300").await.expect("set");
    let opening = Opening { timeout: Duration::from_millis(300), ..Opening::new(dataset("long"), Durability::Memory) };
    let store = open_with(&server.address, opening).await.expect("opened");
    store.reset().await.expect("reset");
    let (mut session, mut other) =
        (store.session().await.expect("a session"), store.session().await.expect("a session"));
    assert!(session.begin_snapshot().await.expect("an answer"));
    run(&mut other, &account(1, 1)).await.expect("inserted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(accounts(&mut session).await.expect("exported"), 0);
    session.end_snapshot().await.expect("ended");
    until_none_is_open(&mut own).await;
    assert_eq!(accounts(&mut session).await.expect("exported"), 1);
}

#[tokio::test]
async fn a_snapshot_that_the_server_has_aborted_ends_and_the_session_goes_on() {
    let server = started(Durability::Memory).await;
    let store = open(&server.address, "aborted", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    let mut own = inside(&store).await;
    assert!(session.begin_snapshot().await.expect("an answer"));
    own.run("ALTER TABLE accounts RENAME TO elsewhere").await.expect("renamed");
    let read = Op::Read { table: 1, key: Key::Int(1), fields: Fields::All };
    assert_eq!(run(&mut session, &read).await.expect_err("it is gone").kind, FailureKind::Broken);
    own.run("ALTER TABLE elsewhere RENAME TO accounts").await.expect("renamed");
    assert_eq!(run(&mut session, &read).await.expect_err("aborted").kind, FailureKind::Broken);
    assert_eq!(accounts(&mut session).await.expect_err("aborted").kind, FailureKind::Broken);
    session.end_snapshot().await.expect("ended");
    until_none_is_open(&mut own).await;
    run(&mut session, &account(1, 1)).await.expect("inserted");
}

#[tokio::test]
async fn an_export_that_fails_leaves_no_transaction_open() {
    let server = started(Durability::Memory).await;
    let store = open(&server.address, "failing", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    run(&mut session, &account(1, 1)).await.expect("inserted");
    let mut own = inside(&store).await;
    own.run("ALTER TABLE accounts ALTER balance TYPE integer").await.expect("changed");
    assert_eq!(accounts(&mut session).await.expect_err("no bigint").kind, FailureKind::Broken);
    until_none_is_open(&mut own).await;
    run(&mut session, &user("a", 1)).await.expect("inserted");
}

#[tokio::test]
async fn a_session_that_goes_in_a_snapshot_leaves_nothing_open_also_behind_a_pooler() {
    let server = started(Durability::Memory).await;
    let mut own = connect(&server.address).await;
    let pooler = PgBouncer::start(&server.address, 5, "pool_mode = session\nserver_reset_query =");
    for address in [&server.address, &pooler.address] {
        let store = open(address, "dropped", Durability::Memory).await.expect("opened");
        store.reset().await.expect("reset");
        let (mut session, mut other) =
            (store.session().await.expect("a session"), store.session().await.expect("a session"));
        assert!(session.begin_snapshot().await.expect("an answer"));
        run(&mut other, &account(1, 1)).await.expect("inserted");
        assert_eq!(accounts(&mut session).await.expect("exported"), 0);
        drop(session);
        until_none_is_open(&mut own).await;
        store.reset().await.expect("nobody holds a lock");
    }
}

/// What a change removes from the catalogue and adds to it.
async fn changed(store: &Postgres, own: &mut Connection, statements: &str) -> (Vec<String>, Vec<String>) {
    let catalog = async || {
        let catalog = store.describe().await.expect("a description").catalog;
        catalog.iter().map(|entry| crate::seam::printable::one_line(entry)).collect::<Vec<_>>()
    };
    let before = catalog().await;
    // One fails on purpose; what another should have done is missed below.
    let _ = own.run(statements).await;
    let after = catalog().await;
    let lacking = |one: &[String], other: &[String]| {
        one.iter().filter(|entry| !other.contains(entry)).cloned().collect::<Vec<_>>()
    };
    (lacking(&before, &after), lacking(&after, &before))
}

#[tokio::test]
async fn a_change_to_a_table_changes_the_catalogue_by_just_that() {
    let server = started(Durability::Memory).await;
    let store = open(&server.address, "catalogue", Durability::Memory).await.expect("opened");
    store.reset().await.expect("reset");
    assert!(
        store.describe().await.expect("a description").catalog.iter().all(|entry| !entry.starts_with("index users"))
    );
    store.after_load().await.expect("settled");
    let mut own = inside(&store).await;
    let mut own = async |statements: &str| changed(&store, &mut own, statements).await;
    let index = "CREATE INDEX \"users.by.age\" ON storebench_catalogue.users USING btree (age, key)";
    let index = format!("index \"users.by.age\": {index}");
    assert_eq!(own("DROP INDEX \"users.by.age\"").await, (vec![index.clone()], vec![]));
    let create = "CREATE INDEX \"users.by.age\" ON users (age, key)";
    assert_eq!(own(create).await, (vec![], vec![index.clone()]));
    let invalid = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"users.by.age\"'::regclass";
    assert_eq!(own(invalid).await, (vec![index.clone()], vec![format!("{index}, not valid")]));
    own("REINDEX INDEX \"users.by.age\"").await;
    // As CREATE INDEX CONCURRENTLY leaves behind when it fails.
    run(&mut store.session().await.expect("a session"), &Op::Batch(vec![user("a", 1), user("b", 1)]))
        .await
        .expect("in");
    let (gone, left) = own("CREATE UNIQUE INDEX CONCURRENTLY failed ON users (age)").await;
    assert!(gone.is_empty() && left.len() == 1 && left[0].contains(", not valid"), "{gone:?} {left:?}");
    let made = async |statement: &str, entries: &[&str]| {
        let (gone, made) = changed(&store, &mut inside(&store).await, statement).await;
        assert_eq!((gone.len(), made), (0, entries.iter().map(ToString::to_string).collect()), "{statement}");
    };
    made(
        "CREATE INDEX extra ON cpu (busy)",
        &["index extra: CREATE INDEX extra ON storebench_catalogue.cpu USING btree (busy)"],
    )
    .await;
    made(
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER slow BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION nothing()",
        &["trigger slow: CREATE TRIGGER slow BEFORE INSERT ON storebench_catalogue.users FOR EACH ROW EXECUTE FUNCTION storebench_catalogue.nothing()"],
    )
    .await;
    made("ALTER TABLE accounts ADD COLUMN more text DEFAULT 'x'", &["column accounts.more: text DEFAULT 'x'::text"])
        .await;
    made(
        "ALTER TABLE accounts ADD CONSTRAINT floor CHECK (balance > -9) NOT VALID",
        &["constraint floor on accounts: CHECK ((balance > '-9'::integer)) NOT VALID"],
    )
    .await;
    made(
        "CREATE TABLE public.below () INHERITS (events)",
        &[
            "column public.below.seq: bigint NOT NULL",
            "column public.below.stream: bigint NOT NULL",
            "column public.below.what: text COLLATE \"C\" NOT NULL",
            "table public.below inherits events",
            "table public.below, using heap",
        ],
    )
    .await;
    made(
        "CREATE RULE silent AS ON DELETE TO users DO INSTEAD NOTHING",
        &["rule silent: CREATE RULE silent AS ON DELETE TO storebench_catalogue.users DO INSTEAD NOTHING;"],
    )
    .await;
    made("CREATE POLICY few ON users USING (age > 1)", &["policy few on users, *, {-}, (age > 1)"]).await;
    let mut own = inside(&store).await;
    let table = |words: &str| vec![format!("table accounts, {words}")];
    for (statement, was, is) in [
        ("ALTER TABLE accounts SET UNLOGGED", "using heap", "unlogged, using heap"),
        (
            "ALTER TABLE accounts SET (fillfactor = 50)",
            "unlogged, using heap",
            "unlogged, using heap, with fillfactor=50",
        ),
    ] {
        assert_eq!(changed(&store, &mut own, statement).await, (table(was), table(is)));
    }
    let (gone, made) = changed(&store, &mut own, "ALTER TABLE users DISABLE TRIGGER slow").await;
    assert_eq!((gone.len(), made.len()), (1, 1), "{made:?}");
    assert!(made[0].ends_with(", disabled"), "{made:?}");
    // What is no change of the layout.
    let quiet = "VACUUM (ANALYZE, FULL) accounts";
    assert_eq!(changed(&store, &mut own, quiet).await, (vec![], vec![]));
}

#[tokio::test]
async fn items_in_tables_of_their_own_are_in_the_catalogue_with_what_holds_them() {
    let mut with_items = sample::dataset("catalogue-children");
    let item = vec![sample::field("count", crate::Kind::Int)];
    with_items.tables[1].fields.push(sample::field("lines", crate::Kind::Items(item)));
    let opening = Opening::new(Arc::new(with_items), Durability::Memory);
    let store = open_with(&format!("{}?layout=children", shared()), opening).await.expect("opened");
    store.reset().await.expect("reset");
    store.after_load().await.expect("settled");
    let mut own = inside(&store).await;
    let (gone, made) = changed(&store, &mut own, "ALTER TABLE \"accounts/lines\" DISABLE TRIGGER ALL").await;
    assert!(
        gone.is_empty() && made.iter().all(|entry| entry.starts_with("trigger of \"accounts/lines.of\"")),
        "{made:?}"
    );
    let (gone, made) =
        changed(&store, &mut own, "ALTER TABLE \"accounts/lines\" DROP CONSTRAINT \"accounts/lines.of\"").await;
    assert!(made.is_empty() && gone.iter().any(|entry| entry.contains("FOREIGN KEY (key) REFERENCES")), "{gone:?}");
    let catalog = store.describe().await.expect("a description").catalog;
    assert!(catalog.contains(&"column \"accounts/lines\".count: bigint".to_owned()), "{catalog:?}");
    store.close(false).await.expect("closed");
}
