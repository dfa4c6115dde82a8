//! What goes wrong, and its kind of failure: refused access, servers that do not answer, and errors within a pipeline.

use std::net::TcpListener;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;

#[tokio::test]
async fn passwords_and_privileges_are_denied_and_never_shown() {
    let server = start_server(Durability::Memory).await;
    let _: () = run_command(&server, "ACL SETUSER guest on >hunter2 ~storebench:* +@all -hset").await;
    let url = |user: &str| address_for(&server, user);
    let (stranger, base) = (url("").replace('@', ""), format!("{}/99", server.address));
    for address in [url("guest:hunter3"), url(":hunter3"), url("nobody:hunter3"), stranger, base] {
        let failure = open(&address, "one").await.err().expect("denied");
        assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
        let shown = format!("{failure} {failure:?}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
    let guest = open(&url("guest:hunter2"), "one").await.expect("opened");
    let failure = guest.reset().await.expect_err("it may not write");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    for malformed in ["redis://:hunter2@", "redis://:hunter2@host:port", "redis://:hunter2@host/base"] {
        let failure = open(malformed, "one").await.err().expect("no URL of a server");
        assert!(!format!("{failure} {failure:?}").contains("hunter2"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_unavailable_in_time() {
    let limit = Duration::from_millis(300);
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("redis://{}", free.local_addr().expect("its address"));
    let started = Instant::now();
    let failure = open_for(&silent, "one", limit).await.err().expect("nothing answers");
    assert!(matches!(failure.kind, FailureKind::Unavailable | FailureKind::Timeout), "{failure}");
    drop(free);
    let failure = open_for(&silent, "one", limit).await.err().expect("nothing listens");
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert!(failure.message.contains("127.0.0.1:"), "{failure}");
    assert!(started.elapsed() < 5 * limit);
    let nameless = Redis::open(Config::default(), Opening::new(dataset("one"), Durability::Memory)).await;
    assert!(nameless.err().expect("no URL").message.contains("redis://"));
}

#[tokio::test]
async fn an_answer_that_is_cut_is_unavailable_and_a_malformed_one_is_broken() {
    for (answer, kind) in
        [("$100\r\nabc", FailureKind::Unavailable), ("", FailureKind::Unavailable), ("!?\r\n", FailureKind::Broken)]
    {
        let failure = failure_after(answer).await;
        assert_eq!(failure.kind, kind, "{answer:?}: {failure}");
    }
}

#[tokio::test]
async fn a_server_of_another_protocol_is_reported_in_one_sentence() {
    let failure = failure_after("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno").await;
    assert_eq!(failure.kind, FailureKind::Broken);
    assert_eq!(failure.message, "redis: PING: the server at this address is not Redis (Parse error at 1)");
}

/// The failure of opening a store whose server answers this and closes.
async fn failure_after(answer: &'static str) -> Failure {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("redis://{}", listener.local_addr().expect("its address"));
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut peer, _) = listener.accept().expect("a client");
        let _ = peer.read(&mut [0; 64]);
        let _ = peer.write_all(answer.as_bytes());
    });
    let failure = open(&address, "one").await.err().expect("no answer");
    server.join().expect("served");
    failure
}

#[tokio::test]
async fn a_killed_server_fails_the_operation_in_flight_at_once() {
    let (server, _store, mut session) = set_up().await;
    let pid = Pid::from_raw(server.pid());
    kill(pid, Signal::SIGSTOP).expect("stopped");
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        kill(pid, Signal::SIGKILL).expect("killed");
    });
    let started = Instant::now();
    let failure = fail(&mut session, user("ada", 1)).await;
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    killer.join().expect("killed");
    assert_eq!(fail(&mut session, user("ada", 1)).await.kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn no_room_and_no_connection_left_are_overload() {
    let (server, store, mut session) = set_up().await;
    apply(&mut session, user("ada", 1)).await;
    let _: () = run_command(&server, "CONFIG SET maxmemory 1").await;
    assert_eq!(fail(&mut session, user("bob", 1)).await.kind, FailureKind::Overload);
    assert_eq!(fail(&mut session, Op::Transact(vec![bump("ada", 1, None)])).await.kind, FailureKind::Overload);
    assert_eq!(keys_of_age(&mut session, 0, 9).await, ["ada"]);
    let _: () = run_command(&server, "CONFIG SET maxmemory 0").await;
    // The connections of this test come and go: one is left for the session above.
    let _: () = run_command(&server, "CONFIG SET maxclients 1").await;
    let failure = store.session().await.err().expect("no connection is left");
    assert_eq!(failure.kind, FailureKind::Overload, "{failure}");
}

#[tokio::test]
async fn a_session_whose_scripts_are_forgotten_is_replaced_by_a_new_one() {
    let (server, store, mut session) = set_up().await;
    let _: () = run_command(&server, "SCRIPT FLUSH").await;
    assert_eq!(fail(&mut session, user("ada", 1)).await.kind, FailureKind::Unavailable);
    apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
}

#[tokio::test]
async fn an_error_within_a_batch_or_a_transaction_is_found() {
    let (server, _store, mut session) = set_up().await;
    let _: () = run_command(&server, "SET storebench:one:users:bob foreign").await;
    let batch = vec![user("ada", 1), bump("bob", 1, None), user("eve", 1)];
    let failure = fail(&mut session, Op::Batch(batch)).await;
    assert!(failure.kind == FailureKind::Broken && failure.message.contains("WRONGTYPE"), "{failure}");
    let changes = vec![bump("ada", 5, None), user("new", 9), set_age("eve", 9), bump("bob", 1, None)];
    let failure = fail(&mut session, Op::Transact(changes)).await;
    assert!(failure.kind == FailureKind::Broken && failure.message.contains("WRONGTYPE"), "{failure}");
    assert_eq!(keys_of_age(&mut session, 0, 99).await, ["ada", "eve"], "an error leaves no trace either");
    assert_eq!(keys_of_age(&mut session, 1, 1).await, ["ada", "eve"]);
    let read = Op::Read { table: 0, key: Key::Text("bob".into()), fields: Fields::All };
    assert_eq!(fail(&mut session, read).await.kind, FailureKind::Broken);
    let _: () = run_command(&server, "HDEL storebench:one:users:ada seen").await;
    let read = Op::Read { table: 0, key: Key::Text("ada".into()), fields: Fields::All };
    assert_eq!(fail(&mut session, read).await.kind, FailureKind::Broken, "a field that must be there");
}

#[tokio::test]
async fn a_demoted_primary_is_unavailable_until_there_is_one_again() {
    for format in [RecordFormat::Hash, RecordFormat::Json] {
        let (server, store, mut session) = set_up_with(format).await;
        apply(&mut session, user("ada", 1)).await;
        let _: () = run_command(&server, "REPLICAOF 127.0.0.1 1").await;
        for op in [user("bob", 1), bump("ada", 1, None), Op::Transact(vec![bump("ada", 1, None), user("eve", 1)])] {
            let failure = fail(&mut session, op).await;
            assert!(
                failure.kind == FailureKind::Unavailable && failure.message.contains("read only replica"),
                "{failure}"
            );
        }
        let _: () = run_command(&server, "REPLICAOF NO ONE").await;
        apply(&mut store.session().await.expect("a session"), user("bob", 1)).await;
    }
}
