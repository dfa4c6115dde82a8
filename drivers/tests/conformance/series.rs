//! Series: points, the newest of an instant, and what is asked of spans of time.

use drivers::{FailureKind, Fold, Key, Op, Part, Value};

use crate::ONE;
use crate::harness::*;

pub const CASES: &[Case] = &[
    case!(Client a_point_at_the_same_instant_replaces_the_former: Series),
    case!(Store a_point_that_another_client_sent_again_is_what_everyone_reads: Series),
    case!(Client a_range_holds_its_start_and_not_its_end_and_one_entity_only: Series),
    case!(Client a_window_folds_buckets_that_start_at_multiples_of_their_width: Series),
    case!(Client above_answers_the_newest_first_and_entities_in_order_within_an_instant: Series),
];

fn ingest(client: &mut Client, points: &[(i64, i64, [f64; 2])]) {
    let points = points.iter().map(|(entity, at_ms, metrics)| point(*entity, *at_ms, *metrics)).collect();
    client.apply(Op::InsertPoints { series: CPU, points });
}

fn observed(entity: i64, at_ms: i64, metrics: [f64; 2]) -> (Key, Vec<Value>) {
    (Key::Int(entity), vec![Value::Time(at_ms), Value::Float(metrics[0]), Value::Float(metrics[1])])
}

fn a_point_at_the_same_instant_replaces_the_former(client: &mut Client) {
    client.fail(FailureKind::Missing, Op::LastPoint { series: CPU, entity: 1 });
    ingest(client, &[(1, 10, [0.5, 1.0]), (1, 20, [0.25, 2.0]), (1, 10, [0.75, 3.0])]);
    ingest(client, &[(1, 20, [-0.5, 4.0])]);
    ingest(client, &[]);
    assert_rows(&client.rows(Op::LastPoint { series: CPU, entity: 1 }), &[observed(1, 20, [-0.5, 4.0])]);
    let all = Op::PointRange { series: CPU, entity: 1, from_ms: i64::MIN, to_ms: i64::MAX };
    assert_rows(&client.rows(all), &[observed(1, 10, [0.75, 3.0]), observed(1, 20, [-0.5, 4.0])]);
}

fn a_point_that_another_client_sent_again_is_what_everyone_reads(store: &Tested) {
    let (mut one, mut other) = (store.client(), store.client());
    let points = |busy: f64| [(1, 10, [busy, 1.0]), (1, 20, [busy, 2.0]), (2, 20, [busy, 3.0])];
    ingest(&mut one, &points(9.0));
    ingest(&mut other, &points(7.0));
    ingest(&mut one, &[(1, 20, [0.5, 2.0])]);
    ingest(&mut other, &[(2, 20, [0.25, 3.0]), (1, 20, [-1.5, 2.0])]);
    let (series, entity, metric, from_ms, to_ms) = (CPU, 1, 0, 0, 30);
    for mut client in [one, other, store.client()] {
        assert_rows(&client.rows(Op::LastPoint { series, entity }), &[observed(1, 20, [-1.5, 2.0])]);
        let both = [observed(1, 10, [7.0, 1.0]), observed(1, 20, [-1.5, 2.0])];
        assert_rows(&client.rows(Op::PointRange { series, entity, from_ms, to_ms }), &both);
        for (fold, folded) in [(Fold::Count, 2.0), (Fold::Sum, 5.5), (Fold::Max, 7.0), (Fold::Mean, 2.75)] {
            let window = Op::Window { series, entity, metric, from_ms, to_ms, every_ms: 30, fold };
            assert_rows(&client.rows(window), &[(ONE, vec![Value::Time(0), Value::Float(folded)])]);
        }
        let above = Op::PointsAbove { series, metric, threshold: 0.0, from_ms, to_ms, limit: 9 };
        assert_rows(&client.rows(above), &[observed(2, 20, [0.25, 3.0]), both[0].clone()]);
        assert_eq!(client.export(Part::Series(series)).len(), 3);
    }
}

fn a_range_holds_its_start_and_not_its_end_and_one_entity_only(client: &mut Client) {
    ingest(client, &[(1, 30, [3.0, 0.0]), (1, -10, [1.0, 0.0]), (1, 20, [2.0, 0.0]), (2, 20, [9.0, 0.0])]);
    let range = |from_ms, to_ms| Op::PointRange { series: CPU, entity: 1, from_ms, to_ms };
    assert_rows(&client.rows(range(-10, 30)), &[observed(1, -10, [1.0, 0.0]), observed(1, 20, [2.0, 0.0])]);
    assert_rows(&client.rows(range(31, 99)), &[]);
    assert_rows(&client.rows(range(30, -10)), &[]);
}

fn a_window_folds_buckets_that_start_at_multiples_of_their_width(client: &mut Client) {
    let points = [(-11, 1.0), (-10, 2.0), (-1, 4.5), (0, -3.0), (9, 0.5), (25, 7.25), (30, 99.0)];
    ingest(client, &points.map(|(at_ms, value)| (1, at_ms, [0.0, value])));
    ingest(client, &[(2, 0, [0.0, 1000.0])]);
    let mut window = |fold| {
        client.rows(Op::Window { series: CPU, entity: 1, metric: 1, from_ms: -11, to_ms: 30, every_ms: 10, fold })
    };
    let buckets = |folded: [f64; 4]| {
        let row = |(start, value)| (ONE, vec![Value::Time(start), Value::Float(value)]);
        [-20, -10, 0, 20].into_iter().zip(folded).map(row).collect::<Vec<_>>()
    };
    assert_rows(&window(Fold::Mean), &buckets([1.0, 3.25, -1.25, 7.25]));
    assert_rows(&window(Fold::Min), &buckets([1.0, 2.0, -3.0, 7.25]));
    assert_rows(&window(Fold::Max), &buckets([1.0, 4.5, 0.5, 7.25]));
    assert_rows(&window(Fold::Sum), &buckets([1.0, 6.5, -2.5, 7.25]));
    assert_rows(&window(Fold::Count), &buckets([1.0, 2.0, 2.0, 1.0]));
}

fn above_answers_the_newest_first_and_entities_in_order_within_an_instant(client: &mut Client) {
    ingest(client, &[(3, 10, [0.9, 0.0]), (1, 10, [0.8, 0.0]), (2, 10, [0.1, 0.0]), (2, 20, [0.7, 0.0])]);
    ingest(client, &[(1, 30, [0.9, 0.0]), (1, 20, [0.5, 0.0]), (-4, 20, [0.6, 0.0])]);
    let above = |limit| Op::PointsAbove { series: CPU, metric: 0, threshold: 0.5, from_ms: 10, to_ms: 30, limit };
    let expected = [(-4, 20, 0.6), (2, 20, 0.7), (1, 10, 0.8), (3, 10, 0.9)];
    let expected = expected.map(|(entity, at_ms, busy)| observed(entity, at_ms, [busy, 0.0]));
    assert_rows(&client.rows(above(9)), &expected);
    assert_rows(&client.rows(above(3)), &expected[..3]);
    assert_rows(&client.rows(above(0)), &[]);
}
