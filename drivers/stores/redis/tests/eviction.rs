//! Servers that evict: what becomes of a dataset that has lost keys, and how that is told.

use super::*;

/// A server that may evict, has done so, and then has room again, so that nothing else goes by chance.
async fn evicting() -> Server {
    let server = started(Durability::Memory).await;
    for command in ["SET victim x", "CONFIG SET maxmemory-policy allkeys-lru", "CONFIG SET maxmemory 1"] {
        let _: () = tell(&server, command).await;
    }
    while tell::<u64>(&server, "EXISTS victim").await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let _: () = tell(&server, "CONFIG SET maxmemory 1gb").await;
    server
}

/// A mark that is gone while its keys are there, as eviction leaves them.
async fn without_mark(server: &Server) -> Redis {
    let store = open(&server.address, "one").await.expect("opened");
    store.reset().await.expect("reset");
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
    let _: u64 = tell(server, "DEL storebench:one").await;
    store
}

#[tokio::test]
async fn a_record_that_was_evicted_is_told_with_its_likely_cause() {
    let server = evicting().await;
    let store = open(&server.address, "one").await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    apply(&mut session, user("ada", 1)).await;
    let _: u64 = tell(&server, "DEL storebench:one:users:ada").await;
    let read = Op::Read { table: 0, key: Key::Text("ada".into()), fields: Fields::All };
    let exported = session.export(Part::Table(0), &mut |_| {}).await.expect_err("a record is cut");
    for (kind, failure) in [(FailureKind::Missing, fail(&mut session, read).await), (FailureKind::Broken, exported)] {
        assert_eq!(failure.kind, kind, "{failure}");
        for told in ["may have evicted", "evicted_keys=1", "maxmemory-policy=allkeys-lru"] {
            assert!(failure.message.contains(told), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_mark_that_was_evicted_is_told_when_its_keys_stay() {
    let server = evicting().await;
    let store = without_mark(&server).await;
    let unread = store.read_marker().await.expect_err("it was there");
    let closed = store.close(false).await.expect_err("nothing says that these are ours");
    let again = open(&server.address, "one").await.expect("opened").reset().await.expect_err("whose are they?");
    for failure in [unread, closed, again] {
        assert!(
            failure.message.contains("storebench:one") && failure.message.contains("may have evicted"),
            "{failure}"
        );
    }
    assert_eq!(tell::<u64>(&server, "EXISTS storebench:one:users:ada").await, 1, "it is left alone");
}

#[tokio::test]
async fn a_mark_that_was_removed_is_told_without_a_guess() {
    let server = started(Durability::Memory).await;
    let closed = without_mark(&server).await.close(false).await.expect_err("nothing says that these are ours");
    assert!(closed.message.contains("storebench:one") && !closed.message.contains("evicted"), "{closed}");
    // What goes as a whole leaves nothing to remove.
    let _: () = tell(&server, "FLUSHDB").await;
    let store = without_mark(&server).await;
    let _: () = tell(&server, "FLUSHDB").await;
    store.close(false).await.expect("closed");
}

#[tokio::test]
async fn what_was_never_ours_is_no_failure_to_close() {
    let server = started(Durability::Memory).await;
    let _: () = tell(&server, "SET storebench:one:x precious").await;
    let store = open(&server.address, "one").await.expect("opened");
    store.reset().await.expect_err("foreign");
    store.close(false).await.expect("closed");
}
