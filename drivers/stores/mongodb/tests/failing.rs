//! Failures that the server is made to have: a pause, closed connections and error codes, by its own fail points
//! (`configureFailPoint`, which needs `enableTestCommands`).

use std::time::Duration;

use mongodb::Client;
use mongodb::bson::Bson;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::locked::Other;
use super::*;

/// How long the stores of these tests repeat a commit: after a cut the crate looks for the server every 500 ms.
const LIMIT: Duration = Duration::from_secs(3);

async fn failing() -> (Other, Client) {
    let server = Other::start(&["--setParameter", "enableTestCommands=1"]).await;
    let client = server.client("").await;
    (server, client)
}

/// A store with an empty dataset, and a session of it that has inserted an account and a user.
async fn filled(address: &str, tier: Durability) -> (Mongodb, MongodbSession) {
    let address: Address = address.parse().expect("an address");
    let opening = Opening { timeout: LIMIT, ..Opening::new(dataset("failing"), tier) };
    let store = Mongodb::open(address.config().expect("its options"), opening).await.expect("opened");
    store.reset().await.expect("reset");
    let mut session = store.session().await.expect("a session");
    session.execute(&Op::Batch(vec![account(1, 0), user("ada", "Ada")]), &mut Rows::default()).await.expect("inserted");
    (store, session)
}

/// Makes a command fail from now on, as often as the mode says.
async fn fail(client: &Client, mode: impl Into<Bson>, mut data: Document, command: &str) {
    data.insert("failCommands", vec![command]);
    let point = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data };
    client.database("admin").run_command(point).await.expect("a fail point");
}

/// Ends that, and reports how often it happened since the server's start.
async fn failed(client: &Client) -> i64 {
    let point = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    let was = client.database("admin").run_command(point).await.expect("no fail point");
    admin::number(&was, "count").expect("a count").try_into().expect("a small one")
}

async fn open_transactions(client: &Client) -> u64 {
    let status = client.database("admin").run_command(doc! { "serverStatus": 1 }).await.expect("a status");
    let transactions = status.get_document("transactions").expect("a section");
    admin::number(transactions, "currentOpen").expect("a count")
}

async fn balance(session: &mut MongodbSession) -> Value {
    let mut rows = Rows::default();
    let read = Op::Read { table: 1, key: Key::Int(1), fields: Fields::Some(vec![0]) };
    session.execute(&read, &mut rows).await.expect("read");
    rows[0].values[0].clone()
}

#[tokio::test]
async fn a_transaction_given_up_during_its_first_command_is_ended_before_the_next_session() {
    let server = launch::start::<Mongodb>(Durability::Memory).await.expect("these tests need mongod");
    let (store, mut session) = filled(&server.address, Durability::Memory).await;
    let client = connect(&store.options).await.expect("a client");
    let pid = Pid::from_raw(server.pid());
    kill(pid, Signal::SIGSTOP).expect("paused");
    let transact = Op::Transact(vec![increment(1, 1, None), account(2, 2)]);
    let mut rows = Rows::default();
    let cancelled = tokio::time::timeout(Duration::from_millis(100), session.execute(&transact, &mut rows)).await;
    kill(pid, Signal::SIGCONT).expect("goes on");
    cancelled.expect_err("no answer from a paused server");
    while open_transactions(&client).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut next = store.session().await.expect("a session");
    assert_eq!(open_transactions(&client).await, 0);
    next.execute(&transact, &mut Rows::default()).await.expect("nothing is locked");
    assert_eq!(balance(&mut next).await, Value::Int(1));
}

#[tokio::test]
async fn a_commit_that_was_never_answered_is_repeated_and_at_last_ended() {
    let (server, client) = failing().await;
    let (store, mut session) = filled(&server.address(""), Durability::Memory).await;
    let transact = Op::Transact(vec![increment(1, 1, None), increment(1, 1, None)]);
    let close = || doc! { "closeConnection": true };

    fail(&client, doc! { "times": 2 }, close(), "commitTransaction").await;
    session.execute(&transact, &mut Rows::default()).await.expect("committed by a third message");
    assert_eq!((balance(&mut session).await, open_transactions(&client).await), (Value::Int(2), 0));

    fail(&client, "alwaysOn", close(), "commitTransaction").await;
    let lost = session.execute(&transact, &mut Rows::default()).await.expect_err("no answer");
    assert_eq!((lost.kind, open_transactions(&client).await), (FailureKind::Unavailable, 1), "{lost}");
    let mut next = store.session().await.expect("a session");
    assert_eq!(open_transactions(&client).await, 0);
    failed(&client).await;
    next.execute(&transact, &mut Rows::default()).await.expect("nothing is locked");
    assert_eq!(balance(&mut next).await, Value::Int(4));
}

#[tokio::test]
async fn a_commit_of_unknown_outcome_is_repeated_after_ever_longer_pauses() {
    let (server, client) = failing().await;
    let (store, mut session) = filled(&server.address(""), Durability::Memory).await;
    fail(&client, "alwaysOn", doc! { "errorCode": 50 }, "commitTransaction").await;
    let transact = Op::Transact(vec![increment(1, 1, None)]);
    let late = session.execute(&transact, &mut Rows::default()).await.expect_err("never in time");
    let count = failed(&client).await;
    // After 1, 2, 4, 8, 16 and 32 ms, and then every 64 ms.
    assert!(late.kind == FailureKind::Timeout && (7..=54).contains(&count), "{count}: {late}");
    store.session().await.expect("a session");
    assert_eq!(open_transactions(&client).await, 0);
}

#[tokio::test]
async fn a_conflict_is_one_only_if_nothing_was_applied() {
    let (server, client) = failing().await;
    let (_store, mut session) = filled(&server.address(""), Durability::Memory).await;
    let user = Op::Increment { table: 0, key: Key::Text("ada".into()), field: 1, by: 1, floor: None };
    let conflict = doc! { "errorCode": 112, "namespace": "storebench_failing.users" };
    for (batch, kind, applied, times) in [
        (vec![user.clone(), increment(1, 1, None)], FailureKind::Conflict, 0, 1),
        (vec![increment(1, 1, None), user], FailureKind::Broken, 1, 2),
    ] {
        fail(&client, doc! { "times": 1 }, conflict.clone(), "update").await;
        let failure = session.execute(&Op::Batch(batch), &mut Rows::default()).await.expect_err("a conflict");
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.message.contains("failCommand"), "the server's words: {failure}");
        assert_eq!((failed(&client).await, balance(&mut session).await), (times, Value::Int(applied)));
    }
}

#[tokio::test]
async fn members_that_take_no_part_in_elections_are_counted() {
    let (server, client) = failing().await;
    let admin = client.database("admin");
    for hidden in [false, true] {
        let reply = admin.run_command(doc! { "replSetGetConfig": 1 }).await.expect("a configuration");
        let mut config = reply.get_document("config").expect("a configuration").clone();
        let version = config.get_i32("version").expect("a version");
        let primary = config.get_array("members").expect("members")[0].clone();
        let other = doc! { "_id": 1, "host": "127.0.0.1:1", "priority": 0, "votes": 0, "hidden": hidden };
        config.extend(doc! { "version": version + 1, "members": [primary, other] });
        admin.run_command(doc! { "replSetReconfig": config }).await.expect("a member that is down");
        let address = format!("{}&directConnection=true", server.address(""));
        let (store, _) = filled(&address, Durability::Relaxed).await;
        let description = store.describe().await.expect("a description");
        assert_eq!(description.settings["members"], "2", "hidden: {hidden}");
        assert!(description.guarantees.because.contains("a failover may take it back"), "{:?}", description.guarantees);
    }
}
