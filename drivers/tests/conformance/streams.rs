//! Streams: appended to at one end, and read from there.

use drivers::{Op, Part, Row, Value};

use crate::harness::*;

pub const CASES: &[Case] = &[case!(Client events_keep_the_order_in_which_they_were_appended_in_each_stream: Stream)];

fn events_keep_the_order_in_which_they_were_appended_in_each_stream(client: &mut Client) {
    let event = |kind: &str| vec![text(kind), Value::Time(5), Value::Null];
    let append = |stream, kinds: &[&str]| Op::Append {
        log: EVENTS,
        stream: word(stream),
        events: kinds.iter().map(|kind| event(kind)).collect(),
    };
    let tail = |stream, limit| Op::Tail { log: EVENTS, stream: word(stream), limit };
    assert_rows(&client.rows(tail("a", 3)), &[]);
    for (stream, kinds) in [("a", &["1", "2"][..]), ("b", &["x"]), ("a", &["3"]), ("a", &[]), ("a", &["4", "5"])] {
        client.apply(append(stream, kinds));
    }
    let newest = |kinds: &[&str]| kinds.iter().map(|kind| (word("a"), event(kind))).collect::<Vec<_>>();
    assert_rows(&client.rows(tail("a", 3)), &newest(&["5", "4", "3"]));
    assert_rows(&client.rows(tail("a", 99)), &newest(&["5", "4", "3", "2", "1"]));
    assert_rows(&client.rows(tail("a", 0)), &[]);
    assert_rows(&client.rows(tail("b", 9)), &[(word("b"), event("x"))]);
    let all = client.export(Part::Log(EVENTS));
    let of_a: Vec<Row> = all.iter().filter(|row| row.key == word("a")).cloned().collect();
    assert_rows(&of_a, &newest(&["1", "2", "3", "4", "5"]));
    assert_eq!(all.len(), 6);
}
