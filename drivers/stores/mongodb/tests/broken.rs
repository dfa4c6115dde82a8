//! Servers that are not there, that are no MongoDB, and that are killed.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;

#[tokio::test]
async fn a_server_that_is_not_there_is_reported_at_once() {
    let start = Instant::now();
    let failure = open("mongodb://ada:hunter2@127.0.0.1:1", "nobody", Durability::Memory).await.err().expect("nobody");
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.message.contains("127.0.0.1:1") && !failure.message.contains("hunter2"), "{failure}");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

/// The failure of a store whose server takes connections and sends this, or nothing.
async fn failure_of_answer(answer: &'static [u8]) -> Failure {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("mongodb://{}", listener.local_addr().expect("its address"));
    let answers = tokio::spawn(async move {
        let mut peers = Vec::new();
        while let Ok((mut peer, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut peer, answer).await;
            peers.push(peer);
        }
    });
    let address: Address = address.parse().expect("an address");
    let opening = Opening { timeout: Duration::from_millis(300), ..Opening::new(dataset("none"), Durability::Memory) };
    let failure = Mongodb::open(address.config().expect("its options"), opening).await.err().expect("no MongoDB");
    answers.abort();
    failure
}

#[tokio::test]
async fn a_server_that_is_no_mongodb_is_reported_in_one_sentence() {
    let silent = failure_of_answer(b"").await;
    let advice = "does not answer in 300ms as a primary: check the address, or raise --timeout";
    assert!(silent.kind == FailureKind::Unavailable && silent.message.ends_with(advice), "{silent}");
    let other = failure_of_answer(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert!(other.message.contains("check the address") && !other.message.contains("Topology"), "{other}");
    assert!(!format!("{silent}{other}").contains('\n'));
}

#[tokio::test]
async fn an_invalid_address_is_reported_without_its_password() {
    for address in ["mongodb+srv://ada:hunter2@a.example,b", "mongodb://ada:hunter2@:x:y", "mongodb://a:hunter2@h:0"] {
        let failure = open(address, "nobody", Durability::Memory).await.err().expect("no address");
        assert_eq!(failure.kind, FailureKind::Broken);
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
    let unknown = "mongodb://a/?retryWritten=true".parse::<Address>().expect("an address").config::<Config>();
    assert!(unknown.err().expect("not an option").to_string().contains("retryWritten"));
}

/// An operation that is in flight when its server is killed, and the time that its failure then takes.
async fn killed_during(op: &Op) -> (Failure, Duration) {
    let server = launch::start::<Mongodb>(Durability::Durable).await.expect("these tests need mongod");
    let store = open(&server.address, "killed", Durability::Durable).await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    let mut rows = Rows::default();
    session.execute(&account(1, 1), &mut rows).await.expect("inserted");
    let pid = Pid::from_raw(server.pid());
    kill(pid, Signal::SIGSTOP).expect("paused");
    // The signal stops its threads one after another: until then they may still answer.
    std::thread::sleep(Duration::from_millis(50));
    let killed = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        kill(pid, Signal::SIGKILL).expect("killed");
        Instant::now()
    });
    let failure = session.execute(op, &mut rows).await.expect_err("no server");
    (failure, killed.join().expect("killed").elapsed())
}

#[tokio::test]
async fn an_operation_in_flight_fails_when_the_server_is_killed() {
    for op in [increment(1, 1, None), Op::Transact(vec![increment(1, 1, None), account(2, 2)])] {
        let (failure, after) = killed_during(&op).await;
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
        // At once, or after the crate has looked for another primary, if it saw the broken connection first.
        assert!(after < Duration::from_secs(3), "{op:?}: {after:?}");
    }
}

/// Acknowledged writes that are there after a crash and a restart, of a number of them.
async fn survivors(tier: Durability, part: Part, options: &str, written: i64) -> usize {
    let mut server = launch::start::<Mongodb>(tier).await.expect("these tests need mongod");
    let address = format!("{}{options}", server.address);
    let store = open(&address, "crashed", tier).await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    for key in 0..written {
        let points = vec![Point { entity: key % 3, at_ms: key, metrics: vec![0.5, 1.5] }];
        let op = if let Part::Series(series) = part { Op::InsertPoints { series, points } } else { account(key, key) };
        session.execute(&op, &mut Rows::default()).await.expect("acknowledged");
    }
    server.crash().expect("started again");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        if let Ok(store) = open(&address, "crashed", tier).await {
            let mut session = store.session().await.expect("a session");
            let mut found = 0;
            if session.export(part, &mut |_| found += 1).await.is_ok() {
                return found;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server did not come back");
}

#[tokio::test]
async fn what_is_acknowledged_from_relaxed_on_survives_a_crash() {
    for tier in [Durability::Relaxed, Durability::Durable] {
        for (part, options) in [(Part::Table(1), ""), (Part::Series(0), ""), (Part::Series(0), "&series=timeseries")] {
            assert_eq!(survivors(tier, part, options, 50).await, 50, "{tier:?} {part:?} {options}");
        }
    }
}
