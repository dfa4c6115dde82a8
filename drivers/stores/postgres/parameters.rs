//! The parameters of each operation's statement, in the order of `sql.rs`. Their bytes on the wire are in `values.rs`.

use super::children::Child;
use super::items;
use super::laid::Laid;
use super::values::Param;
use crate::{Failure, Key, Matching, Op, Point, Value};

/// The parameters of a single operation's statement.
pub(super) fn parameters<'a>(laid: &Laid, op: &'a Op) -> Result<Vec<Param<'a>>, Failure> {
    let int = Param::Int;
    Ok(match op {
        Op::Insert { table, key, record } => {
            let mut parameters = with_values(Param::key(key), record);
            for child in laid.children(*table) {
                let value = record.get(child.field).ok_or_else(|| uneven(op))?;
                parameters.extend(items::arrays(&child, value)?);
            }
            parameters
        }
        Op::Read { key, .. } | Op::Delete { key, .. } => vec![Param::key(key)],
        Op::Update { key, changes, .. } => {
            let mut parameters = Vec::with_capacity(changes.len() + 1);
            parameters.extend(changes.iter().map(|change| Param::of(&change.value)));
            parameters.push(Param::key(key));
            parameters
        }
        Op::Increment { key, by, floor, .. } => {
            let mut parameters = vec![int(*by), Param::key(key)];
            parameters.extend(floor.map(|floor| least_held(floor, *by)));
            parameters
        }
        Op::Scan { from, limit, .. } => vec![Param::key(from), Param::limit(*limit)],
        Op::Find { matching, limit, .. } => match matching {
            Matching::Equal(value) => vec![Param::of(value), Param::limit(*limit)],
            Matching::Between(low, high) => vec![Param::of(low), Param::of(high), Param::limit(*limit)],
        },
        Op::Append { stream, events, .. } if events.len() == 1 => with_values(Param::key(stream), &events[0]),
        Op::Append { log, stream, events } => {
            let width = laid.logs[*log].fields.len();
            if events.iter().any(|event| event.len() != width) {
                return Err(uneven(op));
            }
            let mut parameters = vec![Param::key(stream)];
            for field in 0..width {
                let values = events.iter().map(|event| Param::of(&event[field]));
                parameters.push(Param::Array(values.collect()));
            }
            parameters
        }
        Op::Tail { stream, limit, .. } => vec![Param::key(stream), Param::limit(*limit)],
        Op::InsertPoints { points, .. } if points.len() == 1 => {
            let metrics = points[0].metrics.iter().map(|metric| Param::Float(*metric));
            [int(points[0].entity), int(points[0].at_ms)].into_iter().chain(metrics).collect()
        }
        Op::InsertPoints { series, points } => {
            let points = last_of_each(points);
            let mut parameters = vec![
                Param::Array(points.iter().map(|point| int(point.entity)).collect()),
                Param::Array(points.iter().map(|point| int(point.at_ms)).collect()),
            ];
            let width = laid.series[*series].metrics.len();
            if points.iter().any(|point| point.metrics.len() != width) {
                return Err(uneven(op));
            }
            for metric in 0..width {
                let values = points.iter().map(|point| Param::Float(point.metrics[metric]));
                parameters.push(Param::Array(values.collect()));
            }
            parameters
        }
        Op::LastPoint { entity, .. } => vec![int(*entity)],
        Op::PointRange { entity, from_ms, to_ms, .. } => vec![int(*entity), int(*from_ms), int(*to_ms)],
        Op::Window { entity, from_ms, to_ms, every_ms, .. } => {
            vec![int(*entity), int(*from_ms), int(*to_ms), int(*every_ms)]
        }
        Op::PointsAbove { threshold, from_ms, to_ms, limit, .. } => {
            vec![int(*from_ms), int(*to_ms), Param::Float(*threshold), Param::limit(*limit)]
        }
        Op::Batch(_) | Op::Transact(_) => return Err(Failure::misplaced(op)),
    })
}

/// Those of `fill`: a record's key, and its new items.
pub(super) fn filling<'a>(child: &Child<'_>, key: &'a Key, value: &'a Value) -> Result<Vec<Param<'a>>, Failure> {
    let mut parameters = vec![Param::key(key)];
    parameters.extend(items::arrays(child, value)?);
    Ok(parameters)
}

/// The points, by (entity, instant), of equal ones the last: a statement may not meet a row twice, and two statements that
/// lock rows in one order cannot wait for each other.
pub(super) fn last_of_each(points: &[Point]) -> Vec<&Point> {
    let instant = |point: &Point| (point.entity, point.at_ms);
    let mut sorted: Vec<&Point> = points.iter().collect();
    sorted.sort_by_key(|point| instant(point));
    sorted.dedup_by(|later, earlier| {
        let same = instant(later) == instant(earlier);
        if same {
            *earlier = *later;
        }
        same
    });
    sorted
}

/// The least number to which `by` may be added without falling below the floor. NULL if no i64 qualifies, so the
/// comparison is never true.
fn least_held(floor: i64, by: i64) -> Param<'static> {
    let least = i128::from(floor) - i128::from(by);
    i64::try_from(least.max(i64::MIN.into())).map_or(Param::Null, Param::Int)
}

fn with_values<'a>(key: Param<'a>, values: &'a [Value]) -> Vec<Param<'a>> {
    let mut parameters = Vec::with_capacity(1 + values.len());
    parameters.push(key);
    parameters.extend(values.iter().map(Param::of));
    parameters
}

fn uneven(op: &Op) -> Failure {
    Failure::broken(format!("postgres: an `{}` with more or fewer values than columns", op.verb()))
}
