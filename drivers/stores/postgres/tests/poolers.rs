//! A real PgBouncer between us and the server, in each of its modes: where it lends processes briefly nothing is made, set
//! or left, and with a process a session everything works and nothing is left to whoever gets it next. In both, tables of
//! the user's own that have our names stay as they are.

use super::*;
use pgbouncer::PgBouncer;

/// Tables of the user's with the names of ours, where an unqualified name finds them.
const DECOYS: &str = "CREATE TABLE public.users AS SELECT 'user ' || n AS key, n AS name, n AS age \
                        FROM generate_series(1, 500) AS n; \
                      CREATE TABLE public.accounts AS SELECT n AS key, n AS balance FROM generate_series(1, 500) AS n; \
                      CREATE TABLE public.events AS SELECT n AS stream FROM generate_series(1, 500) AS n; \
                      CREATE TABLE public.cpu AS SELECT n AS entity FROM generate_series(1, 500) AS n";

/// All tables that there are, with what they hold and the version of each of their rows.
async fn held(own: &mut Connection) -> String {
    text(
        own,
        "SELECT string_agg(n.nspname || '.' || c.relname || ' ' || c.oid || ' ' || c.relfilenode || \
           query_to_xml('SELECT ctid, xmin, t FROM ' || c.oid::regclass || ' AS t', true, false, '')::text, ' ' \
           ORDER BY c.oid) \
         FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
    )
    .await
}

/// What a session finds that is neither the server's own nor what PgBouncer sets for each of its clients.
const TRACES: &str = "SELECT concat_ws(' ', \
    (SELECT string_agg(name || '=' || setting, ' ') FROM pg_settings WHERE source = 'session' AND name NOT IN \
      ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')), \
    (SELECT 'prepared: ' || string_agg(statement, '; ') FROM pg_prepared_statements WHERE NOT from_sql), \
    (SELECT 'locks: ' || count(*) FROM pg_locks WHERE locktype = 'advisory' HAVING count(*) > 0))";

/// What other clients of the pool find, on every process that it has.
async fn traces(pooler: &PgBouncer) -> Vec<String> {
    let mut found = Vec::new();
    let mut holders = Vec::new();
    for _ in 0..pooler.pool_size {
        let mut holder = connect(&pooler.address).await;
        found.push(match holder.first_value(&format!("BEGIN; {TRACES}")).await {
            Ok(traces) => traces,
            Err(_) => connect(&pooler.address).await.first_value(TRACES).await.expect("an answer"), // Where nothing can be held.
        });
        holders.push(holder);
    }
    for holder in &mut holders {
        let _ = holder.run("ROLLBACK").await;
    }
    found.retain(|traces| !traces.is_empty());
    found
}

#[tokio::test]
async fn a_pooler_that_lends_connections_briefly_is_refused_and_nothing_is_left_or_touched() {
    let server = started(Durability::Memory).await;
    let mut own = connect(&server.address).await;
    own.run(DECOYS).await.expect("made");
    let before = held(&mut own).await;
    for (pool_size, settings) in [
        (5, "pool_mode = transaction"),
        (5, "pool_mode = transaction\nserver_round_robin = 1"),
        (1, "pool_mode = transaction"),
        (5, "pool_mode = statement"),
    ] {
        let pooler = PgBouncer::start(&server.address, pool_size, settings);
        // At first a pool that nobody has used, and then one with as many idle processes as it may have.
        for _ in 0..3 {
            let refused = open(&pooler.address, "pooled", Durability::Relaxed).await.err().expect("refused");
            assert_eq!(refused.kind, FailureKind::Broken, "{refused}");
            assert!(refused.message.contains("pool with pool_mode = session"), "{refused}");
            assert_eq!(traces(&pooler).await, Vec::<String>::new(), "{settings}");
        }
        assert_eq!(held(&mut own).await, before, "{settings}");
    }
    let schemas = "SELECT count(*)::text FROM pg_namespace WHERE nspname LIKE 'storebench%'";
    assert_eq!(text(&mut own, schemas).await, "0");
}

#[tokio::test]
async fn poolers_behind_one_address_are_refused_although_connections_may_not_meet() {
    let server = started(Durability::Memory).await;
    let poolers = [(); 4].map(|()| PgBouncer::start(&server.address, 5, "pool_mode = transaction"));
    let balanced = faults::in_turn(&poolers.each_ref().map(|pooler| pooler.address.clone()));
    let refused = open(&balanced, "balanced", Durability::Memory).await.err().expect("refused");
    assert!(refused.message.contains("pool_mode = session"), "{refused}");
}

#[tokio::test]
async fn with_a_process_a_session_all_works_and_nothing_is_left_or_touched() {
    let server = started(Durability::Memory).await;
    let mut own = connect(&server.address).await;
    own.run(DECOYS).await.expect("made");
    let before = held(&mut own).await;
    for settings in ["pool_mode = session", "pool_mode = session\nserver_reset_query ="] {
        let pooler = PgBouncer::start(&server.address, 5, settings);
        drop(open(&pooler.address, "pooled", Durability::Relaxed).await.expect("opened"));
        assert_eq!(traces(&pooler).await, Vec::<String>::new(), "{settings}: opened and no more");
        for layout in ["jsonb", "children"] {
            let opening = Opening::new(dataset("pooled"), Durability::Relaxed);
            let address = format!("{}?layout={layout}&isolation=serializable", pooler.address);
            let store = open_with(&address, opening).await.expect("opened");
            store.reset().await.expect("reset");
            let mut session = store.session().await.expect("a session");
            let loaded = (0..500).map(|key| account(key, key)).chain([user("user 1", 1), user("user 2", 2)]);
            session.load(&Op::Batch(loaded.collect())).await.expect("taken");
            session.finish_load().await.expect("loaded");
            store.after_load().await.expect("settled");
            assert!(store.swap_marker(None, "loaded").await.expect("an answer"));
            assert_eq!(store.read_marker().await.expect("an answer").as_deref(), Some("loaded"));
            let point =
                Op::InsertPoints { series: 0, points: vec![Point { entity: 1, at_ms: 1, metrics: vec![0.5, 1.0] }] };
            let event = Op::Append { log: 0, stream: Key::Int(1), events: vec![vec![Value::Text("x".into())]] };
            let delete = Op::Delete { table: 1, key: Key::Int(7) };
            let transfer = Op::Transact(vec![bump(1, 5, None), bump(2, -1, Some(0))]);
            for op in [point, event, delete, transfer, user("user 3", 3)] {
                run(&mut session, &op).await.unwrap_or_else(|failure| panic!("{layout}: {op:?}: {failure}"));
            }
            let mut rows = 0;
            session.export(Part::Table(1), &mut |_| rows += 1).await.expect("exported");
            assert_eq!(rows, 499);
            let reported = store.describe().await.expect("a description").settings;
            assert_eq!(
                (&*reported["synchronous_commit"], &*reported["plan_cache_mode"]),
                ("off", "force_generic_plan")
            );
            assert!(reported["client.pooler"].contains("a process a session"), "{reported:?}");
            store.footprint().await.expect("a footprint");
            drop(session);
            store.close(false).await.expect("closed");
            assert_eq!(traces(&pooler).await, Vec::<String>::new(), "{settings}");
            assert_eq!(held(&mut own).await, before, "{settings} {layout}");
        }
        // One that is given up on in the middle of an operation, and one with a load open.
        let store = open(&pooler.address, "pooled", Durability::Relaxed).await.expect("opened");
        store.reset().await.expect("reset");
        let mut holder = connect(&server.address).await;
        holder.run("BEGIN; LOCK TABLE storebench_pooled.accounts").await.expect("locked");
        let mut waiting = store.session().await.expect("a session");
        let given_up = tokio::time::timeout(Duration::from_millis(200), run(&mut waiting, &account(1, 1))).await;
        given_up.expect_err("it waits");
        drop(waiting);
        holder.run("ROLLBACK").await.expect("released");
        let mut loading = store.session().await.expect("a session");
        loading.load(&Op::Batch(vec![account(1, 1), account(2, 1)])).await.expect("taken");
        drop(loading);
        store.close(false).await.expect("closed");
        assert_eq!(traces(&pooler).await, Vec::<String>::new(), "{settings}");
    }
}

#[tokio::test]
async fn a_pool_that_is_too_small_is_told_and_not_waited_for() {
    let server = started(Durability::Memory).await;
    let pooler = PgBouncer::start(&server.address, 1, "pool_mode = session");
    let opening = Opening { timeout: Duration::from_secs(1), ..Opening::new(dataset("small"), Durability::Memory) };
    let failure = open_with(&pooler.address, opening).await.err().expect("no second connection");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert!(failure.message.contains("a second connection is not served within 1s"), "{failure}");
}

#[tokio::test]
async fn without_a_pooler_none_is_told_however_connections_are_encrypted() {
    for options in ["", "?sslmode=disable"] {
        let store = open(&format!("{}{options}", shared()), "direct", Durability::Memory).await.expect("opened");
        assert!(!store.target.is_pooled, "{options}");
    }
}
