//! The pipelines that read measurements: each chooses the newest of those that were sent for one (entity, instant).

use super::Timeseries;
use crate::Value;
use crate::stores::mongodb::commands::WHOLE;
use crate::stores::mongodb::layout::directions;
use crate::stores::mongodb::points::instants::{Span, kept};
use crate::stores::mongodb::points::{Above, Points, Window, bucket, folded};
use crate::stores::mongodb::writer::Writer;

impl Timeseries {
    /// The first stages are of a form for which the server looks at one bucket of the entity only ("last point query"
    /// in its manual), but returns any measurement of the newest instant. The last ones find the newest of those, in
    /// their buckets only. These are two reads: what is sent between them for that same instant is seen, newer
    /// instants are not.
    pub(super) fn read_last(&self, command: &mut Writer, entity: i64) {
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

    pub(super) fn read_range(&self, command: &mut Writer, entity: i64, from_ms: i64, to_ms: i64) {
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

    pub(super) fn read_window(&self, command: &mut Writer, asked: &Window) {
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
    /// that had one, by the extremes that each bucket knows of itself; only their points are then all read. That is
    /// four to twelve times quicker than reading all points of the span (500 entities, of which 46 and 8 exceed).
    pub(super) fn read_above(&self, command: &mut Writer, asked: &Above) {
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

    pub(super) fn read_export(&self, command: &mut Writer, batch: i64) {
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
