//! A point as a document whose `_id` is (entity, instant): the server itself refuses a second one, which then replaces
//! the first. What this costs compared with a time-series collection is room: every point repeats all names.

use mongodb::bson::RawDocument;

use super::pipeline::{aggregate, write_window_group};
use super::series_layout::{PointsAboveQuery, SeriesLayout, WindowQuery};
use crate::stores::mongodb::clauses::{Index, WHOLE_ANSWER, write_limit};
use crate::stores::mongodb::decode::{complete_point, key, malformed, position, unexpected, value};
use crate::stores::mongodb::encode::DocumentWriter;
use crate::stores::mongodb::names::stored_names;
use crate::{Failure, Key, Order, Point, Series, Value};

/// The entity and the instant of a point, within its `_id`.
const ENTITY: &str = "entity";
const AT: &str = "at";

/// The points of a series.
pub(super) struct Documents {
    collection: String,
    metrics: Vec<String>,
}

impl Documents {
    pub(super) fn new(series: &Series) -> Self {
        Documents { collection: series.name.clone(), metrics: stored_names(series.metrics.clone()) }
    }
}

impl SeriesLayout for Documents {
    /// In the order in which `PointsAbove` answers, so that it stops at its limit without sorting. One by metric would
    /// find a rare excess sooner, but every point would pay for every metric.
    fn index(&self) -> Index {
        Index(vec![(format!("_id.{AT}"), Order::Descending), (format!("_id.{ENTITY}"), Order::Ascending)])
    }

    fn describe(&self) -> String {
        format!("a document a point under {{{ENTITY}, {AT}}}, which a point sent again replaces")
    }

    fn is_unique(&self) -> bool {
        true
    }

    fn write_point(&self, document: &mut DocumentWriter, point: &Point) {
        document.document("_id", |id| write_id(id, point));
        for (name, metric) in self.metrics.iter().zip(&point.metrics) {
            document.value(name.as_str(), &Value::Float(*metric));
        }
    }

    fn last(&self, find: &mut DocumentWriter, entity: i64) {
        find.text("find", &self.collection);
        find.document("filter", |filter| {
            filter.document("_id", |id| {
                id.document("$gte", |low| {
                    low.parameter_int(ENTITY, entity);
                    low.min_key(AT);
                });
                id.document("$lte", |high| {
                    high.parameter_int(ENTITY, entity);
                    high.max_key(AT);
                });
            });
        });
        find.document("sort", |sort| sort.int("_id", -1));
        find.int("limit", 1);
        find.flag("singleBatch", true);
    }

    fn range(&self, find: &mut DocumentWriter, entity: i64, from_ms: i64, to_ms: i64) {
        find.text("find", &self.collection);
        find.document("filter", |filter| write_range(filter, entity, from_ms, to_ms));
        find.document("sort", |sort| sort.int("_id", 1));
        find.int("batchSize", WHOLE_ANSWER as i64);
    }

    fn window(&self, command: &mut DocumentWriter, query: &WindowQuery) {
        let metric = format!("${}", self.metrics[query.metric]);
        aggregate(command, &self.collection, WHOLE_ANSWER as i64, |stages| {
            stages.document("$match", |filter| write_range(filter, query.entity, query.from_ms, query.to_ms));
            stages.document("$group", |group| {
                write_window_group(group, &format!("$_id.{AT}"), query.every_ms, query.fold, &metric);
            });
            stages.document("$sort", |sort| sort.int("_id", 1));
        });
    }

    fn points_above(&self, find: &mut DocumentWriter, query: &PointsAboveQuery) {
        let index = self.index();
        find.text("find", &self.collection);
        find.document("filter", |filter| {
            filter.document(index.first_field(), |at| {
                at.parameter_time("$gte", query.from_ms);
                at.parameter_time("$lt", query.to_ms);
            });
            let metric = self.metrics[query.metric].as_str();
            filter.document(metric, |metric| metric.value("$gt", &Value::Float(query.threshold)));
        });
        index.write_sort(find, false);
        write_limit(find, query.limit);
    }

    fn export(&self, find: &mut DocumentWriter, batch_size: i64) {
        find.text("find", &self.collection);
        find.int("batchSize", batch_size);
    }

    fn decode(&self, document: &RawDocument) -> Result<(Key, Vec<Value>), Failure> {
        let mut values = vec![Value::Null; 1 + self.metrics.len()];
        let (mut entity, mut next) = (None, 0);
        for element in document {
            let (name, bson) = element.map_err(malformed)?;
            if name == "_id" {
                let id = bson.as_document().ok_or_else(|| unexpected(bson))?;
                let part = |name| id.get(name).map_err(malformed)?.ok_or_else(|| unexpected(bson));
                entity = Some(key(part(ENTITY)?)?);
                values[0] = value(part(AT)?)?;
            } else if let Some(metric) = position(&self.metrics, name.as_str(), next) {
                values[1 + metric] = value(bson)?;
                next = metric + 1;
            }
        }
        complete_point(entity, values)
    }
}

/// The content of a point's `_id`.
pub(in crate::stores::mongodb) fn write_id(id: &mut DocumentWriter, point: &Point) {
    id.parameter_int(ENTITY, point.entity);
    id.parameter_time(AT, point.at_ms);
}

/// The points of an entity in `from_ms <= t < to_ms`, by the order of embedded documents: field by field.
fn write_range(filter: &mut DocumentWriter, entity: i64, from_ms: i64, to_ms: i64) {
    filter.document("_id", |id| {
        for (bound, at_ms) in [("$gte", from_ms), ("$lt", to_ms)] {
            id.document(bound, |bound| {
                bound.parameter_int(ENTITY, entity);
                bound.parameter_time(AT, at_ms);
            });
        }
    });
}
