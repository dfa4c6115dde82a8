//! A point as a measurement of a time-series collection, which the server packs with its neighbours into buckets of one
//! entity: names once a bucket, values in columns, compressed when the bucket is full.
//!
//! Such a collection has no unique index, and a measurement can neither be replaced nor removed by itself (server 6.0.5:
//! `Unique indexes are not supported on time-series collections`, `Cannot perform a non-multi update on a time-series
//! collection`, code 72). So a point that is sent again becomes a further measurement, and every read answers the newest
//! of each (entity, instant): the one with the highest `_id`, a number that this process draws for each point in the
//! order in which its sessions send them. The former ones stay and take room until the dataset is removed.
//!
//! The numbers begin at the server's clock in nanoseconds when the store is opened, so that those of a later run are
//! higher. Two runs at once on one dataset would draw them independently of each other; no run shares its dataset.
//!
//! The server puts neither an `_id` nor its own Timestamp into a measurement, as it does into other documents. It takes
//! no insert into such a collection within a transaction (code 263); operations of a series are none of a transaction's
//! anyway.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mongodb::bson::{Document, RawDocument};
use mongodb::options::{CreateCollectionOptions, TimeseriesGranularity, TimeseriesOptions};

use super::instants::{NEAR, Span, is_far, kept};
use super::{Above, Granularity, Points, Window, bucket, folded};
use crate::mongodb::commands::WHOLE;
use crate::mongodb::layout::{Index, directions, free, stored};
use crate::mongodb::values::{self, malformed, position, value};
use crate::mongodb::writer::Writer;
use crate::{Failure, Key, Point, Series, Value};

/// The next `_id`, shared by the sessions of a store.
pub(super) type Sequence = Arc<AtomicI64>;

/// What a server of 6.0 says of itself: it sorts by time within buckets, and takes indexes for that.
const WIRE_VERSION: i32 = 17;

/// Higher than all that was drawn before, as long as no run sends a point a nanosecond.
pub(super) fn sequence(hello: &Document) -> Result<Sequence, Failure> {
    if hello.get_i32("maxWireVersion").unwrap_or_default() < WIRE_VERSION {
        return Err(Failure::broken("mongodb: series=timeseries needs a server of version 6.0 or later"));
    }
    let now = hello.get_datetime("localTime");
    let now = now.map_err(|error| Failure::broken("mongodb: the server does not tell its time").caused_by(error))?;
    Ok(Arc::new(AtomicI64::new(now.timestamp_millis().saturating_mul(1_000_000))))
}

/// The measurements of a series.
pub(super) struct Timeseries {
    collection: String,
    /// The metaField.
    entity: String,
    /// The timeField.
    at: String,
    /// The exact instant, only where it is not in `at`: see `instants.rs`.
    instant: String,
    metrics: Vec<String>,
    granularity: Granularity,
    sequence: Sequence,
}

impl Timeseries {
    pub(super) fn new(series: &Series, granularity: Granularity, sequence: Sequence) -> Self {
        let metrics = stored(series.metrics.clone());
        let [entity, at, instant] = ["entity", "at", "instant"].map(|name| free(name, &metrics));
        Timeseries { collection: series.name.clone(), entity, at, instant, metrics, granularity, sequence }
    }

    fn aggregate(&self, command: &mut Writer, batch: i64, stages: impl FnOnce(&mut Stages<'_>)) {
        command.text("aggregate", &self.collection);
        pipeline(command, stages);
        command.document("cursor", |cursor| cursor.int("batchSize", batch));
    }

    /// Those of one entity. The hint makes a missing index a failure instead of a slow answer.
    fn of_entity(&self, command: &mut Writer, stages: impl FnOnce(&mut Stages<'_>)) {
        self.aggregate(command, WHOLE as i64, stages);
        command.document("hint", |hint| directions(hint, &self.index()));
    }

    /// Measurements in a span, of one entity or of all.
    fn within(&self, stages: &mut Stages<'_>, entity: Option<i64>, span: &Span) {
        stages.add("$match", |filter| {
            if let Some(entity) = entity {
                filter.number(self.entity.as_str(), entity);
            }
            self.spanning(filter, span);
        });
        if span.is_far() {
            stages.add("$match", |filter| {
                filter.array("$or", |either| {
                    let instant = self.instant.as_str();
                    either.document(0, |near| near.document(instant, |instant| instant.flag("$exists", false)));
                    either.document(1, |far| {
                        far.document(instant, |instant| {
                            instant.time("$gte", span.first_ms);
                            instant.time("$lte", span.last_ms);
                        });
                    });
                });
            });
        }
    }

    fn spanning(&self, filter: &mut Writer, span: &Span) {
        filter.document(self.at.as_str(), |at| {
            at.time("$gte", kept(span.first_ms));
            at.time("$lte", kept(span.last_ms));
        });
    }

    /// The instant of a measurement, wherever it stands.
    fn exact(&self, writer: &mut Writer, name: &str) {
        writer.document(name, |exact| {
            exact.array("$ifNull", |places| {
                places.text(0, &format!("${}", self.instant));
                places.text(1, &format!("${}", self.at));
            });
        });
    }
}

impl Points for Timeseries {
    fn options(&self) -> CreateCollectionOptions {
        let granularity = match self.granularity {
            Granularity::Seconds => TimeseriesGranularity::Seconds,
            Granularity::Minutes => TimeseriesGranularity::Minutes,
            Granularity::Hours => TimeseriesGranularity::Hours,
        };
        let timeseries = TimeseriesOptions::builder().time_field(&self.at).meta_field(self.entity.clone());
        CreateCollectionOptions::builder().timeseries(timeseries.granularity(granularity).build()).build()
    }

    /// The newest of an entity first. Buckets of a span, of whichever entity, are found by their own `_id`, which begins
    /// with their time.
    fn index(&self) -> Index {
        vec![(self.entity.clone(), true), (self.at.clone(), false)]
    }

    fn sentence(&self) -> String {
        let Timeseries { entity, at, instant, .. } = self;
        format!(
            "a time-series collection of granularity {}, a measurement a point: metaField `{entity}`, timeField `{at}`, \
             and `{instant}` for an instant outside of {NEAR}; a point sent again is one more measurement, and reads \
             answer the one with the highest `_id`",
            self.granularity.name()
        )
    }

    fn is_unique(&self) -> bool {
        false
    }

    fn write(&self, measurement: &mut Writer, point: &Point) {
        measurement.number("_id", self.sequence.fetch_add(1, Ordering::Relaxed));
        measurement.number(self.entity.as_str(), point.entity);
        measurement.time(self.at.as_str(), kept(point.at_ms));
        if is_far(point.at_ms) {
            measurement.time(self.instant.as_str(), point.at_ms);
        }
        for (name, metric) in self.metrics.iter().zip(&point.metrics) {
            measurement.value(name.as_str(), &Value::Float(*metric));
        }
    }

    /// The first stages are of a form for which the server looks at one bucket of the entity only ("last point query" in
    /// its manual), but takes any measurement of the newest instant. The last ones find the newest of those, in their
    /// buckets only. These are two looks: what is sent between them for that same instant is seen, newer instants are not.
    fn last(&self, command: &mut Writer, entity: i64) {
        let (at, path) = (self.at.as_str(), |name: &str| format!("${name}"));
        self.of_entity(command, |stages| {
            stages.add("$match", |filter| filter.number(self.entity.as_str(), entity));
            stages.add("$sort", |sort| directions(sort, &self.index()));
            stages.add("$group", |group| {
                group.text("_id", &path(&self.entity));
                group.document(at, |first| first.text("$first", &path(at)));
            });
            stages.add("$lookup", |lookup| {
                lookup.text("from", &self.collection);
                lookup.text("localField", at);
                lookup.text("foreignField", at);
                pipeline(lookup, |stages| {
                    stages.add("$match", |filter| filter.number(self.entity.as_str(), entity));
                    stages.add("$sort", |sort| {
                        sort.int(self.instant.as_str(), -1);
                        sort.int("_id", -1);
                    });
                    stages.one(|stage| stage.int("$limit", 1));
                });
                lookup.text("as", NEWEST);
            });
            stages.add("$replaceWith", |first| first.text("$first", &path(NEWEST)));
        });
    }

    fn range(&self, command: &mut Writer, entity: i64, from_ms: i64, to_ms: i64) {
        self.of_entity(command, |stages| {
            self.within(stages, Some(entity), &Span::new(from_ms, to_ms));
            stages.add("$group", |group| {
                self.exact(group, "_id");
                newest(group, "$$ROOT");
            });
            stages.add("$sort", |sort| sort.int("_id", 1));
            stages.text("$replaceWith", &format!("${NEWEST}"));
        });
    }

    fn window(&self, command: &mut Writer, asked: &Window) {
        self.of_entity(command, |stages| {
            self.within(stages, Some(asked.entity), &Span::new(asked.from_ms, asked.to_ms));
            stages.add("$group", |group| {
                self.exact(group, "_id");
                newest(group, &format!("${}", self.metrics[asked.metric]));
            });
            stages.add("$group", |group| {
                bucket(group, "$_id", asked.every_ms);
                folded(group, asked.fold, &format!("${NEWEST}"));
            });
            stages.add("$sort", |sort| sort.int("_id", 1));
        });
    }

    /// A measurement above the threshold may have been sent again since, with less. So the first stages find entities
    /// that had one, by the extremes that each bucket knows of itself; only their points are then all looked at. That is
    /// four to twelve times quicker than to look at all points of the span (500 entities, of which 46 and 8 exceed).
    fn above(&self, command: &mut Writer, asked: &Above) {
        let span = Span::new(asked.from_ms, asked.to_ms);
        let metric = self.metrics[asked.metric].as_str();
        let exceeding = |metric: &mut Writer| metric.value("$gt", &Value::Float(asked.threshold));
        self.aggregate(command, WHOLE as i64, |stages| {
            stages.add("$match", |filter| {
                self.spanning(filter, &span);
                filter.document(metric, exceeding);
            });
            stages.add("$group", |group| group.text("_id", &format!("${}", self.entity)));
            stages.add("$lookup", |lookup| {
                lookup.text("from", &self.collection);
                lookup.text("localField", "_id");
                lookup.text("foreignField", &self.entity);
                pipeline(lookup, |stages| {
                    self.within(stages, None, &span);
                    stages.add("$group", |group| {
                        self.exact(group, "_id");
                        newest(group, "$$ROOT");
                    });
                    stages.add("$match", |filter| filter.document(format!("{NEWEST}.{metric}").as_str(), exceeding));
                });
                lookup.text("as", "point");
            });
            stages.text("$unwind", "$point");
            stages.add("$sort", |sort| {
                sort.int("point._id", -1);
                sort.int("_id", 1);
            });
            stages.number("$limit", asked.limit.min(WHOLE) as i64);
            stages.text("$replaceWith", &format!("$point.{NEWEST}"));
        });
    }

    fn export(&self, command: &mut Writer, batch: i64) {
        self.aggregate(command, batch, |stages| {
            stages.add("$group", |group| {
                group.document("_id", |id| {
                    id.text("entity", &format!("${}", self.entity));
                    self.exact(id, "at");
                });
                newest(group, "$$ROOT");
            });
            stages.text("$replaceWith", &format!("${NEWEST}"));
        });
        command.flag("allowDiskUse", true);
    }

    fn decode(&self, document: &RawDocument) -> Result<(Key, Vec<Value>), Failure> {
        let mut values = vec![Value::Null; 1 + self.metrics.len()];
        let (mut entity, mut instant, mut next) = (None, None, 0);
        for entry in document {
            let (name, found) = entry.map_err(malformed)?;
            let name = name.as_str();
            if name == self.entity {
                entity = Some(values::key(found)?);
            } else if name == self.at {
                values[0] = value(found)?;
            } else if name == self.instant {
                instant = Some(value(found)?);
            } else if let Some(at) = position(&self.metrics, name, next) {
                values[1 + at] = value(found)?;
                next = at + 1;
            }
        }
        if let Some(instant) = instant {
            values[0] = instant;
        }
        values::whole_point(entity, values)
    }
}

/// What a group calls its newest measurement.
const NEWEST: &str = "newest";

/// Of a group, what a path holds in the measurement that was sent last.
fn newest(group: &mut Writer, path: &str) {
    group.document(NEWEST, |newest| {
        newest.document("$top", |top| {
            top.document("sortBy", |sort| sort.int("_id", -1));
            top.text("output", path);
        });
    });
}

/// The stages of a pipeline, one by one.
struct Stages<'w> {
    list: &'w mut Writer,
    count: usize,
}

fn pipeline(within: &mut Writer, stages: impl FnOnce(&mut Stages<'_>)) {
    within.array("pipeline", |list| stages(&mut Stages { list, count: 0 }));
}

impl Stages<'_> {
    fn one(&mut self, content: impl FnOnce(&mut Writer)) {
        self.list.document(self.count, content);
        self.count += 1;
    }

    fn add(&mut self, operator: &str, content: impl FnOnce(&mut Writer)) {
        self.one(|stage| stage.document(operator, content));
    }

    fn text(&mut self, operator: &str, path: &str) {
        self.one(|stage| stage.text(operator, path));
    }

    fn number(&mut self, operator: &str, number: i64) {
        self.one(|stage| stage.number(operator, number));
    }
}
