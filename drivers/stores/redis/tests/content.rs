//! What records, events and points hold: exact numbers, absent fields, indexes, and large loads. What is a function of its
//! own is tested with the layout `json` as well.

use super::*;

#[tokio::test]
async fn integers_are_exact_where_floats_are_not() {
    let (_server, _store, mut session) = set_up().await;
    integers_are_exact(&mut session).await;
}

pub(super) async fn integers_are_exact(session: &mut RedisSession) {
    const EDGE: i64 = 1 << 53;
    for (old, by, floor, refused) in [
        (EDGE + 1, -1, EDGE + 1, true),
        (EDGE + 1, -1, EDGE, false),
        (i64::MIN, -1, i64::MIN, true),
        (i64::MAX, i64::MIN, -1, false),
        (i64::MAX, i64::MIN, 0, true),
        (-EDGE - 1, 0, -EDGE, true),
        (-EDGE - 1, 1, -EDGE, false),
        (999_999_999_999_999, -1, 999_999_999_999_999, true),
        (1_000_000_000, -1, 999_999_999, false),
        (0, -1, i64::MIN, false),
    ] {
        apply(session, user("ada", old)).await;
        let done = session.execute(&bump("ada", by, Some(floor)), &mut Rows::default()).await.expect("answered");
        assert_eq!(done == Outcome::Refused, refused, "{old} + {by} >= {floor}");
        let expected = if refused { old } else { old + by };
        assert_eq!(keys_of_age(session, expected, expected).await, ["ada"]);
        apply(session, Op::Delete { table: 0, key: Key::Text("ada".into()) }).await;
        assert!(keys_of_age(session, i64::MIN, i64::MAX).await.is_empty());
    }
    apply(session, user("ada", i64::MAX)).await;
    assert_eq!(fail(session, bump("ada", 1, Some(0))).await.kind, FailureKind::Broken);
}

#[tokio::test]
async fn indexes_follow_every_change_and_are_restored_with_what_is_undone() {
    let (_server, _store, mut session) = set_up().await;
    indexes_follow_every_change(&mut session).await;
}

pub(super) async fn indexes_follow_every_change(session: &mut RedisSession) {
    for (key, age) in [("ada", 10), ("bob", -20), ("eve", i64::MIN)] {
        apply(session, user(key, age)).await;
    }
    assert_eq!(keys_of_age(session, i64::MIN, 99).await, ["eve", "bob", "ada"]);
    apply(session, bump("ada", -31, None)).await;
    apply(session, set_age("eve", i64::MAX)).await;
    let expected = ["ada", "bob", "eve"];
    assert_eq!(keys_of_age(session, i64::MIN, i64::MAX).await, expected);
    let changes = vec![
        bump("ada", 100, Some(0)),
        set_age("bob", 7),
        set_age("bob", -7),
        Op::Delete { table: 0, key: Key::Text("eve".into()) },
        user("eve", 3),
        bump("eve", -9, Some(0)),
    ];
    let done = session.execute(&Op::Transact(changes), &mut Rows::default()).await.expect("answered");
    assert_eq!(done, Outcome::Refused);
    assert_eq!(keys_of_age(session, i64::MIN, i64::MAX).await, expected);
    assert_eq!(keys_of_age(session, -21, -20).await, ["ada", "bob"]);
    let twice = [1, 2].map(|age| Change { field: 1, value: Value::Int(age) }).to_vec();
    apply(session, Op::Update { table: 0, key: Key::Text("ada".into()), changes: twice }).await;
    assert_eq!((keys_of_age(session, 1, 1).await.len(), keys_of_age(session, 2, 2).await.len()), (0, 1));
}

#[tokio::test]
async fn a_record_or_event_of_absent_fields_exists() {
    let (_server, _store, mut session) = set_up().await;
    absent_fields_are_kept(&mut session).await;
}

pub(super) async fn absent_fields_are_kept(session: &mut RedisSession) {
    let (key, read) = (Key::Int(-1), Op::Read { table: 1, key: Key::Int(-1), fields: Fields::All });
    assert_eq!(fail(session, read.clone()).await.kind, FailureKind::Missing);
    apply(session, Op::Insert { table: 1, key: key.clone(), record: vec![Value::Null] }).await;
    assert_eq!(apply(session, read.clone()).await[0].values, [Value::Null]);
    for word in [Value::Text("a".into()), Value::Null] {
        let changes = vec![Change { field: 0, value: word.clone() }];
        apply(session, Op::Update { table: 1, key: key.clone(), changes }).await;
        assert_eq!(apply(session, read.clone()).await[0].values, [word]);
    }
    let scan = Op::Scan { table: 1, from: Key::Int(-5), limit: 5, fields: Fields::All };
    assert_eq!(apply(session, scan).await[0].key, key);
    apply(session, Op::Append { log: 0, stream: key.clone(), events: vec![vec![Value::Null]; 2] }).await;
    assert_eq!(apply(session, Op::Tail { log: 0, stream: key, limit: 9 }).await.len(), 2);
}

#[tokio::test]
async fn more_than_one_chunk_is_loaded_and_exported() {
    let (_server, _store, mut session) = set_up().await;
    chunks_are_loaded_and_exported(&mut session).await;
}

pub(super) async fn chunks_are_loaded_and_exported(session: &mut RedisSession) {
    let inserts = (0..2500).map(|key| Op::Insert { table: 1, key: Key::Int(key - 9), record: vec![Value::Null] });
    session.load(&Op::Batch(inserts.collect())).await.expect("loaded");
    let events = vec![vec![Value::Text("e".into())]; 2500];
    session.load(&Op::Append { log: 0, stream: Key::Int(1), events }).await.expect("loaded");
    let points = (0..2500).map(|at| Point { entity: at % 3 - 1, at_ms: at, metrics: vec![0.5, at as f64] }).collect();
    session.load(&Op::InsertPoints { series: 0, points }).await.expect("loaded");
    for part in [Part::Table(1), Part::Log(0), Part::Series(0)] {
        let mut count = 0;
        session.export(part, &mut |_| count += 1).await.expect("exported");
        assert_eq!(count, 2500, "{part:?}");
    }
    let far = vec![Point { entity: 1, at_ms: (1 << 53) + 1, metrics: vec![0.0, 0.0] }];
    assert_eq!(fail(session, Op::InsertPoints { series: 0, points: far }).await.kind, FailureKind::Broken);
}
