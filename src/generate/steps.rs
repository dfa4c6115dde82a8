//! One step of an operation, written over the same step of an earlier operation.
//!
//! What the variants of `Action` mean is said where they are declared; the order of steps is decided in `stream.rs`.

use super::acknowledged_keys::KeyFrontiers;
use super::fields::{RecordSeed, ValueGenerator};
use super::generator::Generator;
use super::key_allocator::{Effect, KeyAllocator};
use super::key_text::int_key;
use super::reuse::text_in;
use super::scope::{DrawnValue, Scope};
use super::values::event_id;
use crate::draw::keys::LanePosition;
use crate::workload::{
    Action, Amount, Distribution, DrawKind, FieldSelection, KeyPattern, KeySource, MatchSpec, TimeSpan, ValueSource,
    ValueSpec,
};
use compact_str::CompactString;
use drivers::{Change, Fields, Key, Op, Part, Record, Value};
use rand::{Rng, RngExt};
use rand_xoshiro::SplitMix64;
use std::sync::Arc;

/// What a lane makes its operations with.
#[derive(Debug)]
pub(super) struct StepWriter {
    generator: Arc<Generator>,
    frontiers: Arc<KeyFrontiers>,
    values: ValueGenerator,
    new_keys: KeyAllocator,
    position: LanePosition,
    /// The number under which this lane writes events; the load is writer 0.
    event_writer: u64,
    events_written: u64,
}

impl StepWriter {
    pub fn new(generator: Arc<Generator>, frontiers: Arc<KeyFrontiers>, lane: u32) -> Self {
        StepWriter {
            values: ValueGenerator::new(Arc::clone(&generator), Arc::clone(&frontiers)),
            new_keys: KeyAllocator::new(Arc::clone(&frontiers)),
            generator,
            frontiers,
            position: LanePosition::default(),
            event_writer: u64::from(lane) + 1,
            events_written: 0,
        }
    }

    /// Begins a new operation. If the last one was not completed, it is unknown what became of it.
    #[inline]
    pub fn begin(&mut self, position: LanePosition) {
        self.position = position;
        self.complete(Effect::Unknown);
    }

    /// Says what became of the current operation.
    #[inline]
    pub fn complete(&mut self, effect: Effect) {
        self.new_keys.complete(effect);
    }

    /// The seed of a value that stands alone.
    fn fresh_seed(&self, rng: &mut SplitMix64) -> RecordSeed {
        RecordSeed { content: rng.next_u64(), number: 0, position: self.position }
    }

    /// Draws what the steps share.
    pub fn draw(&mut self, kind: &DrawKind, drawn: &mut DrawnValue, rng: &mut SplitMix64) {
        let seed = self.fresh_seed(rng);
        match kind {
            DrawKind::Value(value) => self.values.value(value, seed, &mut drawn.value),
            DrawKind::NewRecord(table) => {
                let number = self.new_keys.take(Part::Table(*table));
                let pattern = &self.generator.plan.tables[*table].key;
                pattern.write_key(number, &mut drawn.key);
                pattern.write_value(number, &mut drawn.key_value);
                self.values.drawn_record(*table, RecordSeed { number, ..seed }, &mut drawn.record);
            }
        }
    }

    /// Writes a step over an operation made by [`template`](super::template::template) for the same action.
    #[inline]
    pub fn fill(&mut self, action: &Action, op: &mut Op, scope: Scope<'_>, rng: &mut SplitMix64) {
        match (action, op) {
            // Here for the speed of the shortest operation, which shows the suite's own cost the most.
            (Action::Read { table, key: source, selection }, Op::Read { key, fields, .. }) => {
                self.key(source, Part::Table(*table), scope, rng, key);
                select(selection, fields, rng);
            }
            (action, op) => self.fill_other(action, op, scope, rng),
        }
    }

    fn fill_other(&mut self, action: &Action, op: &mut Op, scope: Scope<'_>, rng: &mut SplitMix64) {
        match (action, op) {
            (Action::Update { table, key: source, selection, set }, Op::Update { key, changes, .. }) => {
                self.key(source, Part::Table(*table), scope, rng, key);
                self.changes(*table, selection, set, scope, rng, changes);
            }
            (Action::Insert { table, set }, Op::Insert { key, record, .. }) => {
                let number = self.new_keys.take(Part::Table(*table));
                self.generator.plan.tables[*table].key.write_key(number, key);
                self.values.record(*table, number, record);
                set.iter().for_each(|(field, source)| self.source(source, scope, rng, &mut record[*field]));
            }
            // The record itself follows when all steps have been filled in.
            (Action::InsertDrawn { draw, .. }, Op::Insert { key, .. }) => key.clone_from(&scope.draws[*draw].key),
            (Action::Delete { table, key: source }, Op::Delete { key, .. }) => {
                self.key(source, Part::Table(*table), scope, rng, key);
            }
            (Action::Increment { table, key: source, by: amount, .. }, Op::Increment { key, by, .. }) => {
                self.key(source, Part::Table(*table), scope, rng, key);
                *by = match amount {
                    Amount::Fresh(numbers) => numbers.int(rng),
                    Amount::Drawn(path) => scope.int(path),
                };
            }
            (Action::Scan { table, from: source, limit: numbers, selection }, Op::Scan { from, limit, fields, .. }) => {
                self.key(source, Part::Table(*table), scope, rng, from);
                *limit = count(numbers, rng);
                select(selection, fields, rng);
            }
            (
                Action::Find { table, field, matching: wanted, limit: numbers, selection, .. },
                Op::Find { matching, limit, fields, .. },
            ) => {
                self.matching(*table, *field, wanted, scope, rng, matching);
                *limit = count(numbers, rng);
                select(selection, fields, rng);
            }
            (Action::Append { log, stream: source, events: numbers }, Op::Append { stream, events, .. }) => {
                self.key(source, Part::Log(*log), scope, rng, stream);
                events.resize_with(count(numbers, rng), Record::new);
                for event in events {
                    self.events_written += 1;
                    self.values.event(*log, event_id(self.event_writer, self.events_written), event);
                }
            }
            (Action::Tail { log, stream: source, limit: numbers }, Op::Tail { stream, limit, .. }) => {
                self.key(source, Part::Log(*log), scope, rng, stream);
                *limit = count(numbers, rng);
            }
            (action, op) => self.fill_series(action, op, scope, rng),
        }
    }

    fn fill_series(&mut self, action: &Action, op: &mut Op, scope: Scope<'_>, rng: &mut SplitMix64) {
        match (action, op) {
            (Action::InsertPoints { series }, Op::InsertPoints { points, .. }) => {
                let number = self.new_keys.take(Part::Series(*series));
                let filled = self.generator.points(*series, number, 0, points);
                points.truncate(filled);
            }
            (Action::LastPoint { entity: source, .. }, Op::LastPoint { entity, .. }) => {
                *entity = self.entity(source, scope, rng)
            }
            (Action::PointRange { series, entity: source, span }, Op::PointRange { entity, from_ms, to_ms, .. }) => {
                *entity = self.entity(source, scope, rng);
                (*from_ms, *to_ms) = self.span(*series, span, rng);
            }
            (Action::Window { series, entity: source, span, .. }, Op::Window { entity, from_ms, to_ms, .. }) => {
                *entity = self.entity(source, scope, rng);
                (*from_ms, *to_ms) = self.span(*series, span, rng);
            }
            (
                Action::PointsAbove { series, threshold: numbers, span, limit: rows, .. },
                Op::PointsAbove { threshold, from_ms, to_ms, limit, .. },
            ) => {
                *threshold = numbers.float(rng);
                (*from_ms, *to_ms) = self.span(*series, span, rng);
                *limit = count(rows, rng);
            }
            _ => unreachable!("an operation is refilled by the action that made it"),
        }
    }

    #[inline]
    fn key(&mut self, source: &KeySource, part: Part, scope: Scope<'_>, rng: &mut SplitMix64, key: &mut Key) {
        match source {
            KeySource::Chosen(chooser) => {
                let number = self.values.choose(*chooser, rng, self.position);
                match part {
                    Part::Table(table) => self.generator.plan.tables[table].key.write_key(number, key),
                    Part::Log(log) => self.generator.plan.logs[log].key.write_key(number, key),
                    Part::Series(_) => KeyPattern::Int.write_key(number, key),
                }
            }
            KeySource::Drawn(path) => match (scope.value(path), key) {
                (Some(Value::Text(drawn)), Key::Text(text)) => {
                    text.clear();
                    text.push_str(drawn);
                }
                (Some(Value::Text(drawn)), key) => *key = Key::Text(CompactString::from(drawn)),
                (_, key) => *key = Key::Int(scope.int(path)),
            },
        }
    }

    fn entity(&mut self, source: &KeySource, scope: Scope<'_>, rng: &mut SplitMix64) -> i64 {
        match source {
            KeySource::Chosen(chooser) => int_key(self.values.choose(*chooser, rng, self.position)),
            KeySource::Drawn(path) => scope.int(path),
        }
    }

    fn changes(
        &mut self,
        table: usize,
        selection: &FieldSelection,
        set: &[(usize, ValueSource)],
        scope: Scope<'_>,
        rng: &mut SplitMix64,
        changes: &mut Vec<Change>,
    ) {
        let one;
        let fresh: &[usize] = match selection {
            FieldSelection::All(all) => all,
            FieldSelection::One(all) => {
                one = [all[rng.random_range(0..all.len())]];
                &one
            }
            FieldSelection::Listed(fields) => fields,
        };
        changes.resize_with(fresh.len() + set.len(), Change::default);
        for (change, field) in changes.iter_mut().zip(fresh) {
            change.field = *field;
            let content = &self.generator.plan.tables[table].fields[*field].content;
            let place = self.fresh_seed(rng);
            self.values.value(content, place, &mut change.value);
        }
        for (change, (field, source)) in changes[fresh.len()..].iter_mut().zip(set) {
            change.field = *field;
            self.source(source, scope, rng, &mut change.value);
        }
    }

    fn matching(
        &mut self,
        table: usize,
        field: usize,
        wanted: &MatchSpec,
        scope: Scope<'_>,
        rng: &mut SplitMix64,
        matching: &mut drivers::Matching,
    ) {
        match (wanted, matching) {
            (MatchSpec::OwnContent, drivers::Matching::Equal(value)) => {
                let content = &self.generator.plan.tables[table].fields[field].content;
                self.values.value(content, self.fresh_seed(rng), value);
            }
            (MatchSpec::Equal(source), drivers::Matching::Equal(value)) => self.source(source, scope, rng, value),
            (MatchSpec::Between(start, width), drivers::Matching::Between(from, to)) => {
                self.values.value(start, self.fresh_seed(rng), from);
                *to = match from {
                    Value::Int(from) => Value::Int(from.saturating_add(width.int(rng))),
                    Value::Time(from) => Value::Time(from.saturating_add(width.int(rng))),
                    Value::Float(from) => Value::Float(*from + width.float(rng)),
                    other => other.clone(),
                };
            }
            _ => unreachable!("an operation is refilled by the action that made it"),
        }
    }

    fn source(&mut self, source: &ValueSource, scope: Scope<'_>, rng: &mut SplitMix64, out: &mut Value) {
        match source {
            ValueSource::Fresh(content) => self.fresh(content, rng, out),
            ValueSource::Drawn(path) => match scope.value(path) {
                Some(Value::Text(drawn)) => text_in(out).push_str(drawn),
                Some(Value::Int(_)) => *out = Value::Int(scope.int(path)),
                Some(value) => out.clone_from(value),
                None => *out = Value::Null,
            },
        }
    }

    fn fresh(&mut self, content: &ValueSpec, rng: &mut SplitMix64, out: &mut Value) {
        self.values.value(content, self.fresh_seed(rng), out);
    }

    /// A span of time that ends with the newest tick, or anywhere after as much data as it is long.
    fn span(&self, series: usize, span: &TimeSpan, rng: &mut SplitMix64) -> (i64, i64) {
        let now_ms = self.generator.now_ms(series, &self.frontiers);
        let length_ms = span.length_ms[rng.random_range(0..span.length_ms.len())];
        let earliest_ms = self.generator.plan.series[series].start_ms.saturating_add(length_ms);
        let to_ms = if span.anywhere && earliest_ms < now_ms { rng.random_range(earliest_ms..=now_ms) } else { now_ms };
        (to_ms.saturating_sub(length_ms), to_ms)
    }
}

#[inline]
fn select(selection: &FieldSelection, fields: &mut Fields, rng: &mut SplitMix64) {
    if let (FieldSelection::One(all), Fields::Some(one)) = (selection, fields) {
        one.clear();
        one.push(all[rng.random_range(0..all.len())]);
    }
}

fn count(numbers: &Distribution, rng: &mut SplitMix64) -> usize {
    numbers.int(rng) as usize
}
