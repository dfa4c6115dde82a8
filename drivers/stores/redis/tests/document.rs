//! The layout `json`: what it sends, that values are exact in it, and what happens to clients that change a document at
//! once.

use super::content::{
    absent_fields_are_kept, chunks_are_loaded_and_exported, indexes_follow_every_change, integers_are_exact,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::stores::redis::commands::CommandBuffer;
use crate::stores::redis::document::group::OpGroup;
use crate::stores::redis::document::plan::DocumentPlan;
use crate::stores::redis::document::transaction;
use crate::stores::redis::scripts::Scripts;

/// A dataset with a table of every kind that JSON does not have.
fn orders() -> Arc<Dataset> {
    let field = |name: &str, kind, optional| Field { name: name.into(), kind, optional };
    let line = vec![field("sku", Kind::Text, false), field("price", Kind::Float, true)];
    let fields = vec![
        field("count", Kind::Int, false),
        field("rate", Kind::Float, false),
        field("note", Kind::Text, true),
        field("photo", Kind::Bytes, false),
        field("sent", Kind::Time, true),
        field("lines", Kind::Items(line), false),
    ];
    let tables = vec![Table { name: "orders".into(), key: KeyKind::Int, is_keyed: true, fields, indexes: vec![0, 1] }];
    Arc::new(Dataset { name: "json".into(), tables, ..Dataset::default() })
}

fn order(count: i64, rate: f64, note: Value, lines: i64) -> Vec<Value> {
    let line = |at| Value::Map(vec![("sku".into(), Value::Text(format!("№ {at}"))), ("price".into(), Value::Null)]);
    let lines = Value::List((0..lines).map(line).collect());
    vec![Value::Int(count), Value::Float(rate), note, Value::Bytes(vec![0, 255]), Value::Null, lines]
}

async fn orders_in(server: &Server) -> (Redis, RedisSession) {
    let address: Address = format!("{}?layout=json", server.address).parse().expect("an address");
    let opening = Opening::new(orders(), Durability::Memory);
    let store = Redis::open(address.config().expect("its options"), opening).await.expect("opened");
    store.reset().await.expect("reset");
    let session = store.session().await.expect("a session");
    (store, session)
}

#[tokio::test]
async fn values_are_read_back_to_the_last_bit() {
    let server = start_server(Durability::Memory).await;
    let (_store, mut session) = orders_in(&server).await;
    let text = |text: &str| Value::Text(text.into());
    let records = [
        order(i64::MIN, 0.1, text(""), 0),
        order(i64::MAX, -0.0, Value::Null, 15),
        order((1 << 53) + 1, 1e300, text("Ärger 日本 🦀 \" \\ \n"), 1),
        order(-1, 5e-324, text("\0 } ]"), 2),
        order(0, 1e18, text("null"), 0),
    ];
    let same = |found: &[Value], expected: &[Value]| {
        let bits = |values: &[Value]| match values[1] {
            Value::Float(rate) => rate.to_bits(),
            ref other => panic!("{other:?}"),
        };
        assert_eq!((found, bits(found)), (expected, bits(expected)));
    };
    for (at, record) in records.iter().enumerate() {
        let (table, key) = (0, Key::Int(at as i64));
        apply(&mut session, Op::Insert { table, key: key.clone(), record: record.clone() }).await;
        let read = Op::Read { table, key: key.clone(), fields: Fields::All };
        same(&apply(&mut session, read.clone()).await[0].values, record);
        // An update leaves alone what it does not name.
        let changes =
            vec![Change { field: 4, value: Value::Time(i64::MIN) }, Change { field: 3, value: record[3].clone() }];
        apply(&mut session, Op::Update { table, key, changes }).await;
        let mut expected = record.clone();
        expected[4] = Value::Time(i64::MIN);
        same(&apply(&mut session, read).await[0].values, &expected);
    }
    assert_eq!(
        run_command::<String>(&server, "GET storebench:json:orders:2").await,
        concat!(
            r#"{"count":9007199254740993,"rate":1e+300,"note":"Ärger 日本 🦀 \" \\ \n","photo":"00ff","#,
            r#""sent":-9223372036854775808,"lines":[{"sku":"№ 0","price":null}]}"#
        )
    );
    let mut exported = Vec::new();
    session.export(Part::Table(0), &mut |row| exported.push(row)).await.expect("exported");
    assert_eq!(exported.len(), records.len());
    for key in 0..records.len() as i64 {
        apply(&mut session, Op::Delete { table: 0, key: Key::Int(key) }).await;
    }
    assert_eq!(run_command::<u64>(&server, "DBSIZE").await, 1, "the marker is left, and no member of an index");
}

#[tokio::test]
async fn what_holds_of_hashes_holds_of_documents() {
    let (_server, _store, mut session) = set_up_with(RecordFormat::Json).await;
    integers_are_exact(&mut session).await;
    apply(&mut session, Op::Delete { table: 0, key: Key::Text("ada".into()) }).await;
    indexes_follow_every_change(&mut session).await;
    absent_fields_are_kept(&mut session).await;
    let (_server, _store, mut session) = set_up_with(RecordFormat::Json).await;
    chunks_are_loaded_and_exported(&mut session).await;
}

#[tokio::test]
async fn explain_shows_what_is_sent_with_its_round_trips() {
    let (_server, store, _) = set_up_with(RecordFormat::Json).await;
    let ada = || Key::Text("ada".into());
    let explained = |op: &Op| {
        let binding = store.explain(op);
        (binding.statements, binding.round_trips)
    };
    let read = Op::Read { table: 0, key: ada(), fields: Fields::Some(vec![1]) };
    assert_eq!(explained(&read), (vec!["GET storebench:one:users:ada".into()], 1));
    let insert = concat!(
        "EVALSHA <documents.lua> 3 storebench:one:users:ada storebench:one:users storebench:one:users.age insert ",
        r#"{"name":"ada","age":7,"seen":0} ada 10000000000000000007ada -- SET NX, ZADD to all keys and each index"#,
    );
    assert_eq!(explained(&user("ada", 7)), (vec![insert.into()], 1));
    let changes = vec![Change { field: 2, value: Value::Time(5) }];
    let plain = Op::Update { table: 0, key: ada(), changes };
    let (watch, get) = ("WATCH storebench:one:users:ada", "GET storebench:one:users:ada");
    let set = "SET storebench:one:users:ada <document changed>";
    assert_eq!(explained(&plain), ([watch, get, "MULTI", set, "EXEC"].map(str::to_owned).to_vec(), 2));
    let (goes, comes) = ("ZREM storebench:one:users.age <old member>", "ZADD storebench:one:users.age 0 <new member>");
    for op in [set_age("ada", 5), bump("ada", 5, Some(0))] {
        let statements = [watch, get, "MULTI", set, goes, comes, "EXEC"];
        assert_eq!(explained(&op), (statements.map(str::to_owned).to_vec(), 2));
    }
    let gone = ["DEL storebench:one:users:ada", "ZREM storebench:one:users ada"];
    let statements = [watch, get, "MULTI", gone[0], gone[1], goes, "EXEC"];
    assert_eq!(explained(&Op::Delete { table: 0, key: ada() }), (statements.map(str::to_owned).to_vec(), 2));
    let transfer = explained(&Op::Transact(vec![bump("ada", -5, Some(0)), bump("bob", 5, None)]));
    assert_eq!(transfer.0[..2], ["WATCH storebench:one:users:ada storebench:one:users:bob", get]);
    assert_eq!((transfer.0.len(), transfer.1), (11, 2), "{transfer:?}");
    let (reads, changes) = (vec![read.clone(), read.clone()], vec![plain.clone(), read.clone(), plain.clone()]);
    assert_eq!(explained(&Op::Batch(reads.clone())).1, 1);
    assert_eq!(explained(&Op::Batch(changes.clone())).1, 2);
    assert_eq!(explained(&Op::Batch([reads, changes].concat())).1, 3);
    assert_eq!(explained(&Op::Transact(vec![read.clone(), user("eve", 1)])).1, 2);
    assert_eq!(explained(&Op::Transact(vec![read])), (["MULTI", get, "EXEC"].map(str::to_owned).to_vec(), 1));
    assert_eq!(store.explain(&Op::Transact(vec![])), Binding::default());
    let description = store.describe().await.expect("a description");
    assert_eq!(description.settings["layout"], "json");
    assert!(description.layout[0].contains("JSON document"), "{:?}", description.layout);
}

#[tokio::test]
async fn data_of_the_other_layout_is_described_otherwise_and_replaced() {
    let server = start_server(Durability::Memory).await;
    let [hash, json] = ["hash", "json"].map(|layout| format!("{}?layout={layout}", server.address));
    for (kept, other) in [(&hash, &json), (&json, &hash)] {
        let store = open(kept, "one").await.expect("opened");
        store.reset().await.expect("reset");
        apply(&mut store.session().await.expect("a session"), user("ada", 1)).await;
        let kept = store.describe().await.expect("a description").layout;
        store.close(true).await.expect("closed");
        let other = open(other, "one").await.expect("opened");
        assert_ne!(other.describe().await.expect("a description").layout, kept);
        other.reset().await.expect("it is replaced");
        other.close(false).await.expect("closed");
        assert_eq!(run_command::<u64>(&server, "DBSIZE").await, 0);
    }
}

#[test]
fn an_unknown_layout_is_refused_with_those_there_are() {
    let config = |address: &str| address.parse::<Address>().expect("an address").config::<Config>();
    for address in ["redis?layout=xml", "redis://localhost?layout=xml"] {
        let refusal = config(address).err().expect("no such layout").to_string();
        assert!(["`xml`", "`hash`", "`json`"].iter().all(|word| refusal.contains(word)), "{refusal}");
    }
    assert_eq!(config("redis?layout=json").expect("known").layout, RecordFormat::Json);
    assert_eq!(config("redis").expect("known").layout, RecordFormat::Hash);
}

#[tokio::test]
async fn a_document_is_replaced_only_if_nobody_else_has_written_it() {
    let (server, store, mut session) = set_up_with(RecordFormat::Json).await;
    let scripts = Scripts::named(store.layout.records.script());
    let mut connection = Connection::open(&options_of(&server.address)).await.expect("a connection");
    apply(&mut session, user("ada", 1)).await;
    apply(&mut session, user("bob", 2)).await;
    let (transfer, layout) = (Op::Transact(vec![bump("ada", -1, Some(0)), bump("bob", 1, None)]), &store.layout);
    let (group, _) = OpGroup::first(std::slice::from_ref(&transfer), false);
    for (between, is_done) in [(set_age("bob", 7), false), (user("eve", 3), true)] {
        let mut commands = CommandBuffer::default();
        transaction::encode_reads(layout, group, &mut commands);
        let mut replies = connection.round_trip(&mut commands, "transact").await.expect("answers");
        let read = transaction::decode_reads(&transfer, group, &mut replies).expect("documents");
        let plan = DocumentPlan::new(layout, group, read).expect("a plan");
        apply(&mut session, between).await;
        commands.clear();
        transaction::encode_edits(layout, &scripts, group, &plan, &mut commands).expect("commands");
        let mut replies = connection.round_trip(&mut commands, "transact").await.expect("answers");
        let done = transaction::decode_edits(layout, &transfer, group, &plan, &mut replies, &mut |_, _| {});
        assert_eq!(done.expect("answers"), is_done);
        let expected = if is_done { ["ada", "eve", "bob"] } else { ["ada", "bob", ""] };
        let found = keys_of_age(&mut session, 0, 9).await;
        assert_eq!(found, expected.iter().filter(|name| !name.is_empty()).copied().collect::<Vec<_>>());
    }
    assert_eq!(keys_of_age(&mut session, 0, 0).await, ["ada"]);
    assert_eq!(keys_of_age(&mut session, 8, 8).await, ["bob"]);
}

#[tokio::test]
async fn records_left_watched_by_one_operation_do_not_disturb_the_next() {
    let (_server, store, mut session) = set_up_with(RecordFormat::Json).await;
    let mut other = store.session().await.expect("a session");
    apply(&mut session, user("ada", 1)).await;
    let read = Op::Read { table: 0, key: Key::Text("ada".into()), fields: Fields::All };
    for next in [bump("bob", 1, None), Op::Transact(vec![read])] {
        let refused = session.execute(&bump("ada", -100, Some(0)), &mut Rows::default()).await;
        assert_eq!(refused.expect("refused"), Outcome::Refused);
        apply(&mut other, bump("ada", 1, None)).await;
        match next {
            Op::Increment { .. } => assert_eq!(fail(&mut session, next).await.kind, FailureKind::Missing),
            _ => drop(apply(&mut session, next).await),
        }
    }
}

#[tokio::test]
async fn concurrent_changes_of_a_document_are_neither_lost_nor_doubled() {
    const CLIENTS: i64 = 6;
    const TIMES: i64 = 60;
    let (_server, store, mut session) = set_up_with(RecordFormat::Json).await;
    let store = &store;
    for (key, age) in [("ada", 0), ("bob", 1000), ("eve", 0)] {
        apply(&mut session, user(key, age)).await;
    }
    let work = |client: i64| async move {
        let (mut session, mut conflicts) = (store.session().await.expect("a session"), 0);
        for at in 0..TIMES {
            let (from, to) = if (client + at) % 2 == 0 { ("bob", "eve") } else { ("eve", "bob") };
            let alone = bump("ada", 1, None);
            let group = Op::Transact(vec![bump(to, 7, None), bump(from, -7, Some(0))]);
            // Its later parts are retried by themselves: retrying all of it would double the first.
            let event = Op::Append { log: 0, stream: Key::Int(client), events: vec![vec![Value::Null]] };
            let batch = Op::Batch(vec![bump("ada", 1, None), event, bump("ada", 1, None)]);
            for op in [alone, group, batch] {
                while let Err(failure) = session.execute(&op, &mut Rows::default()).await {
                    assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
                    conflicts += 1;
                }
            }
        }
        conflicts
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let clients: Vec<i32> = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || runtime().block_on(work(client)))).collect();
        clients.into_iter().map(|client| client.join().expect("its conflicts")).collect()
    });
    assert!(clients.iter().sum::<i32>() > 0, "no conflicts at all");
    let ages =
        apply(&mut session, Op::Scan { table: 0, from: Key::Text("".into()), limit: 9, fields: Fields::All }).await;
    let ages: Vec<i64> =
        ages.iter().map(|row| if let Value::Int(age) = row.values[1] { age } else { i64::MIN }).collect();
    assert_eq!(ages[0], 3 * CLIENTS * TIMES);
    assert!(ages[1] + ages[2] == 1000 && ages[2] >= 0, "{ages:?}");
    assert_eq!(keys_of_age(&mut session, i64::MIN, i64::MAX).await.len(), 3, "an index holds each of them once");
}

/// Forwards bytes between a session and its server; before some of the session's EXECs another client writes.
async fn forward(listener: TcpListener, server: &Server, conflicting: &[u32], other: &mut RedisSession) {
    let (mut near, _) = listener.accept().await.expect("a session");
    let mut far = TcpStream::connect(("127.0.0.1", server.port())).await.expect("its server");
    let (mut request, mut reply, mut execs) = (vec![0; 1 << 16], vec![0; 1 << 16], 0);
    loop {
        tokio::select! {
            count = near.read(&mut request) => {
                let request = &request[..count.expect("a request")];
                if request.ends_with(b"EXEC\r\n") {
                    execs += 1;
                    if conflicting.contains(&execs) {
                        apply(other, bump("ada", 100, None)).await;
                    }
                }
                far.write_all(request).await.expect("sent");
            }
            count = far.read(&mut reply) => {
                near.write_all(&reply[..count.expect("a reply")]).await.expect("sent");
            }
        }
    }
}

#[tokio::test]
async fn a_batch_is_a_conflict_until_a_part_of_it_is_applied_and_then_counts_its_retries() {
    let (server, store, mut other) = set_up_with(RecordFormat::Json).await;
    apply(&mut other, user("ada", 0)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let address = server.address.replace(&server.port().to_string(), &port.to_string());
    let options = options_of(&address);
    let event = Op::Append { log: 0, stream: Key::Int(1), events: vec![vec![Value::Null]] };
    let batch = Op::Batch(vec![bump("ada", 1, None), event, bump("ada", 1, None)]);
    let attempts = async {
        let connection = Connection::open_for_operations(&options).await.expect("a connection");
        let mut session = RedisSession::new(connection, Arc::clone(&store.layout), false).await.expect("a session");
        assert_eq!(fail(&mut session, batch.clone()).await.kind, FailureKind::Conflict);
        assert_eq!(session.take_retries(), 0, "the first part is for its caller to retry");
        apply(&mut session, batch).await;
        assert_eq!((session.take_retries(), session.take_retries()), (4, 0));
    };
    tokio::select! {
        () = forward(listener, &server, &[1, 3, 4, 5, 6], &mut other) => {}
        () = attempts => {}
    }
    assert_eq!(keys_of_age(&mut other, 502, 502).await, ["ada"]);
    assert_eq!(run_command::<u64>(&server, "XLEN storebench:one:events:1").await, 1);
}

#[tokio::test]
async fn what_is_not_a_document_is_broken_and_left_alone() {
    let (server, _store, mut session) = set_up_with(RecordFormat::Json).await;
    let read = |key: &str| Op::Read { table: 0, key: Key::Text(key.into()), fields: Fields::All };
    for foreign in ["SET", "SET foreign", "SET {}", r#"SET {"name":"bob"}"#, r#"SET {"x":1}"#, "HSET age 1"] {
        let (command, value) = foreign.split_once(' ').unwrap_or((foreign, ""));
        let _: redis::Value = run_command(&server, &format!("{command} storebench:one:users:bob {value}")).await;
        assert_eq!(fail(&mut session, read("bob")).await.kind, FailureKind::Broken, "{foreign}");
        for changing in [vec![bump("bob", 1, None)], vec![user("ada", 1), bump("bob", 1, None)]] {
            assert_eq!(fail(&mut session, Op::Transact(changing)).await.kind, FailureKind::Broken, "{foreign}");
        }
        assert_eq!(fail(&mut session, read("ada")).await.kind, FailureKind::Missing, "{foreign}");
        let _: () = run_command(&server, "DEL storebench:one:users:bob").await;
    }
}
