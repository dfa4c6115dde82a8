//! Servers that evict: what happens to a dataset that has lost keys, and how that is reported.

use super::*;

/// A server that may evict, has done so, and then has room again, so that nothing else is evicted by chance.
async fn evicting() -> Server {
    let server = start_server(Durability::Memory).await;
    for command in ["SET victim x", "CONFIG SET maxmemory-policy allkeys-lru", "CONFIG SET maxmemory 1"] {
        let _: () = run_command(&server, command).await;
    }
    while run_command::<u64>(&server, "EXISTS victim").await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let _: () = run_command(&server, "CONFIG SET maxmemory 1gb").await;
    server
}

/// A dataset that has lost its marker, as eviction leaves it.
async fn without_marker(server: &Server) -> Redis {
    let store = open(&server.address, "one").await.expect("opened");
    store.reset().await.expect("reset");
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
    let _: u64 = run_command(server, "DEL storebench:one").await;
    store
}

#[tokio::test]
async fn an_evicted_record_is_reported_with_its_likely_cause() {
    let server = evicting().await;
    let store = open(&server.address, "one").await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    apply(&mut session, user("ada", 1)).await;
    let _: u64 = run_command(&server, "DEL storebench:one:users:ada").await;
    let read = Op::Read { table: 0, key: Key::Text("ada".into()), fields: Fields::All };
    let exported = session.export(Part::Table(0), &mut |_| {}).await.expect_err("a record is missing");
    for (kind, failure) in [(FailureKind::Missing, fail(&mut session, read).await), (FailureKind::Broken, exported)] {
        assert_eq!(failure.kind, kind, "{failure}");
        for part in ["may have evicted", "evicted_keys=1", "maxmemory-policy=allkeys-lru"] {
            assert!(failure.message.contains(part), "{failure}");
        }
    }
}

#[tokio::test]
async fn an_evicted_marker_is_reported_if_its_keys_stay() {
    let server = evicting().await;
    let store = without_marker(&server).await;
    let unread = store.read_marker().await.expect_err("it was there");
    let closed = store.close(false).await.expect_err("nothing says that these are ours");
    let again = open(&server.address, "one").await.expect("opened").reset().await.expect_err("whose are they?");
    for failure in [unread, closed, again] {
        assert!(
            failure.message.contains("storebench:one") && failure.message.contains("may have evicted"),
            "{failure}"
        );
    }
    assert_eq!(run_command::<u64>(&server, "EXISTS storebench:one:users:ada").await, 1, "it is left alone");
}

#[tokio::test]
async fn a_removed_marker_is_reported_without_a_guess() {
    let server = start_server(Durability::Memory).await;
    let closed = without_marker(&server).await.close(false).await.expect_err("nothing says that these are ours");
    assert!(closed.message.contains("storebench:one") && !closed.message.contains("evicted"), "{closed}");
    // A dataset that is gone as a whole leaves nothing to remove.
    let _: () = run_command(&server, "FLUSHDB").await;
    let store = without_marker(&server).await;
    let _: () = run_command(&server, "FLUSHDB").await;
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn what_was_never_ours_is_no_failure_to_close() {
    let server = start_server(Durability::Memory).await;
    let _: () = run_command(&server, "SET storebench:one:x precious").await;
    let store = open(&server.address, "one").await.expect("opened");
    store.reset().await.expect_err("foreign");
    store.close(false).await.expect("closed");
}
