//! A small dataset that the tests of several drivers use: one of each part, and nothing that only one store would need.

use crate::{Dataset, Field, KeyKind, Kind, Log, Series, Table};

/// Users by text, accounts by number, a log and a series.
pub(crate) fn dataset(name: &str) -> Dataset {
    let users = vec![field("name", Kind::Text), field("age", Kind::Int)];
    let accounts = vec![field("balance", Kind::Int)];
    Dataset {
        name: name.into(),
        tables: vec![
            Table { name: "users".into(), key: KeyKind::Text, is_keyed: true, fields: users, indexes: vec![1] },
            Table { name: "accounts".into(), key: KeyKind::Int, is_keyed: true, fields: accounts, indexes: vec![0] },
        ],
        logs: vec![Log { name: "events".into(), stream: KeyKind::Int, fields: vec![field("what", Kind::Text)] }],
        series: vec![Series { name: "cpu".into(), metrics: vec!["busy".into(), "idle".into()] }],
    }
}

/// A field that every record has.
pub(crate) fn field(name: &str, kind: Kind) -> Field {
    Field { name: name.into(), kind, optional: false }
}
