//! The parameters of an operation's statement: those of every dialect, and arrays with a value for each row. Their bytes
//! on the wire are in `binary.rs`.

use super::binary::PgParameter;
use super::dialect::PostgresLayout;
use crate::sql::statement::{self, Parameter};
use crate::{Failure, Op, Point};

/// The parameters of a single operation's statement, in order.
pub(super) fn parameters<'a>(layout: &PostgresLayout, op: &'a Op) -> Result<Vec<PgParameter<'a>>, Failure> {
    match op {
        Op::Append { log, stream, events } if events.len() > 1 => {
            let fields = layout.logs[*log].fields.len();
            if events.iter().any(|event| event.len() != fields) {
                return Err(uneven(op));
            }
            let column = |field: usize| array(events.iter().map(|event| Parameter::Value(&event[field])));
            Ok(std::iter::once(Parameter::Key(stream).into()).chain((0..fields).map(column)).collect())
        }
        Op::InsertPoints { series, points } if points.len() > 1 => {
            let metrics = layout.series[*series].metrics.len();
            let points = last_of_each(points);
            if points.iter().any(|point| point.metrics.len() != metrics) {
                return Err(uneven(op));
            }
            let entities = array(points.iter().map(|point| Parameter::Int(point.entity)));
            let instants = array(points.iter().map(|point| Parameter::Int(point.at_ms)));
            let column = |metric: usize| array(points.iter().map(|point| Parameter::Float(point.metrics[metric])));
            Ok([entities, instants].into_iter().chain((0..metrics).map(column)).collect())
        }
        _ => {
            let mut parameters = statement::parameters(op, |parameter| Ok(PgParameter::Common(parameter)))?;
            if let Op::Insert { table, record, .. } = op {
                let table = &layout.tables[*table];
                if record.len() != table.fields.len() {
                    return Err(uneven(op));
                }
                layout.dialect.items.push_parameters(table, record, &mut parameters)?;
            }
            Ok(parameters)
        }
    }
}

fn array<'a>(values: impl Iterator<Item = Parameter<'a>>) -> PgParameter<'a> {
    PgParameter::Array(values.map(PgParameter::Common).collect())
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

fn uneven(op: &Op) -> Failure {
    Failure::broken(format!("postgres: an `{}` with more or fewer values than columns", op.verb()))
}
