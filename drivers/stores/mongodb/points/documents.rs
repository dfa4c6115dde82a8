//! A point as a document whose `_id` is (entity, instant): the server itself refuses a second one, which is then put in
//! place of the first. What it costs beside a time-series collection is room: every point repeats all names.

use mongodb::bson::RawDocument;

use super::{Above, Points, Window, bucket, folded};
use crate::stores::mongodb::commands::{WHOLE, limited, ordered};
use crate::stores::mongodb::layout::{Index, stored};
use crate::stores::mongodb::values::{self, malformed, position, unexpected, value};
use crate::stores::mongodb::writer::Writer;
use crate::{Failure, Key, Point, Series, Value};

/// The instant and the entity of a point, within its `_id`.
const ENTITY: &str = "entity";
const AT: &str = "at";

/// The points of a series.
pub(super) struct Documents {
    collection: String,
    metrics: Vec<String>,
}

impl Documents {
    pub(super) fn new(series: &Series) -> Self {
        Documents { collection: series.name.clone(), metrics: stored(series.metrics.clone()) }
    }
}

impl Points for Documents {
    /// In the order in which `above` answers, so that it stops at its limit without sorting. One by metric would find a
    /// rare excess sooner, but every point would pay for every metric.
    fn index(&self) -> Index {
        vec![(format!("_id.{AT}"), false), (format!("_id.{ENTITY}"), true)]
    }

    fn sentence(&self) -> String {
        format!("a document a point under {{{ENTITY}, {AT}}}, which a point sent again replaces")
    }

    fn is_unique(&self) -> bool {
        true
    }

    fn write(&self, document: &mut Writer, point: &Point) {
        document.document("_id", |id| self::id(id, point));
        for (name, metric) in self.metrics.iter().zip(&point.metrics) {
            document.value(name.as_str(), &Value::Float(*metric));
        }
    }

    fn last(&self, find: &mut Writer, entity: i64) {
        find.text("find", &self.collection);
        find.document("filter", |filter| {
            filter.document("_id", |id| {
                id.document("$gte", |low| {
                    low.number(ENTITY, entity);
                    low.lowest(AT);
                });
                id.document("$lte", |high| {
                    high.number(ENTITY, entity);
                    high.highest(AT);
                });
            });
        });
        find.document("sort", |sort| sort.int("_id", -1));
        find.int("limit", 1);
        find.flag("singleBatch", true);
    }

    fn range(&self, find: &mut Writer, entity: i64, from_ms: i64, to_ms: i64) {
        find.text("find", &self.collection);
        find.document("filter", |filter| within(filter, entity, from_ms, to_ms));
        find.document("sort", |sort| sort.int("_id", 1));
        find.int("batchSize", WHOLE as i64);
    }

    fn window(&self, aggregate: &mut Writer, asked: &Window) {
        aggregate.text("aggregate", &self.collection);
        aggregate.array("pipeline", |stages| {
            stages.document(0, |stage| {
                stage.document("$match", |filter| within(filter, asked.entity, asked.from_ms, asked.to_ms));
            });
            stages.document(1, |stage| {
                stage.document("$group", |group| {
                    bucket(group, &format!("$_id.{AT}"), asked.every_ms);
                    folded(group, asked.fold, &format!("${}", self.metrics[asked.metric]));
                });
            });
            stages.document(2, |stage| stage.document("$sort", |sort| sort.int("_id", 1)));
        });
        aggregate.document("cursor", |cursor| cursor.int("batchSize", WHOLE as i64));
    }

    fn above(&self, find: &mut Writer, asked: &Above) {
        let index = self.index();
        find.text("find", &self.collection);
        find.document("filter", |filter| {
            filter.document(index[0].0.as_str(), |at| {
                at.time("$gte", asked.from_ms);
                at.time("$lt", asked.to_ms);
            });
            let metric = self.metrics[asked.metric].as_str();
            filter.document(metric, |metric| metric.value("$gt", &Value::Float(asked.threshold)));
        });
        ordered(find, &index, false);
        limited(find, asked.limit);
    }

    fn export(&self, find: &mut Writer, batch: i64) {
        find.text("find", &self.collection);
        find.int("batchSize", batch);
    }

    fn decode(&self, document: &RawDocument) -> Result<(Key, Vec<Value>), Failure> {
        let mut values = vec![Value::Null; 1 + self.metrics.len()];
        let (mut entity, mut next) = (None, 0);
        for entry in document {
            let (name, found) = entry.map_err(malformed)?;
            if name == "_id" {
                let id = found.as_document().ok_or_else(|| unexpected(found))?;
                let part = |name| id.get(name).map_err(malformed)?.ok_or_else(|| unexpected(found));
                entity = Some(values::key(part(ENTITY)?)?);
                values[0] = value(part(AT)?)?;
            } else if let Some(at) = position(&self.metrics, name.as_str(), next) {
                values[1 + at] = value(found)?;
                next = at + 1;
            }
        }
        values::whole_point(entity, values)
    }
}

/// The content of the `_id` of a point.
pub(in crate::stores::mongodb) fn id(id: &mut Writer, point: &Point) {
    id.number(ENTITY, point.entity);
    id.time(AT, point.at_ms);
}

/// The points of an entity in `from_ms <= t < to_ms`, by the order of embedded documents: field by field.
fn within(filter: &mut Writer, entity: i64, from_ms: i64, to_ms: i64) {
    filter.document("_id", |id| {
        for (bound, at_ms) in [("$gte", from_ms), ("$lt", to_ms)] {
            id.document(bound, |bound| {
                bound.number(ENTITY, entity);
                bound.time(AT, at_ms);
            });
        }
    });
}
