//! One step of an operation, written over the same step of an earlier operation; and the numbers of new keys, which a
//! lane takes, gives back or uses again.
//!
//! What the variants of `Action` mean is said where they are declared, the order of steps is in `stream.rs`.

use super::fields::{Place, ValueGenerator};
use super::generator::Generator;
use super::keytext;
use super::scope::{DrawnValue, Scope};
use super::stream::Effect;
use super::values::text_in;
use crate::draw::keys::Turn;
use crate::workload::{Action, Aim, Amount, Content, Drawn, KeyPattern, Matching, Numbers, Source, Span, Which};
use compact_str::CompactString;
use drivers::{Change, Fields, Key, Op, Part, Record, Value};
use rand::{Rng, RngExt};
use rand_xoshiro::SplitMix64;
use std::sync::Arc;

/// Events of one writer are counted in the lower 40 bits of their numbers.
pub(super) const WRITER_SHIFT: u32 = 40;

/// What a lane makes its operations with.
#[derive(Debug)]
pub(super) struct StepWriter {
    generator: Arc<Generator>,
    maker: ValueGenerator,
    turn: Turn,
    /// Who writes its events, and how many it has written.
    writer: u64,
    events: u64,
    /// Numbers taken for the operation under way.
    pending: Vec<(Part, u64)>,
    /// Numbers whose inserts did not happen.
    spare: Vec<(Part, u64)>,
}

impl StepWriter {
    pub fn new(generator: Arc<Generator>, maker: ValueGenerator, lane: u32) -> Self {
        let (pending, spare) = (Vec::new(), Vec::new());
        StepWriter { generator, maker, turn: Turn::default(), writer: u64::from(lane) + 1, events: 0, pending, spare }
    }

    /// A new operation begins. Who did not settle the last one does not know what became of it.
    #[inline]
    pub fn begin(&mut self, turn: Turn) {
        self.turn = turn;
        self.settle(Effect::Unknown);
    }

    #[inline]
    pub fn settle(&mut self, outcome: Effect) {
        if !self.pending.is_empty() {
            self.settle_pending(outcome);
        }
    }

    fn settle_pending(&mut self, outcome: Effect) {
        for (part, number) in self.pending.drain(..) {
            match (outcome, self.maker.frontiers.of(part)) {
                (Effect::NotApplied, _) => self.spare.push((part, number)),
                (Effect::Applied, Some(frontier)) => frontier.done(number),
                (Effect::Unknown, Some(frontier)) => frontier.doubt(number),
                (Effect::Applied | Effect::Unknown, None) => {}
            }
        }
    }

    /// The number for a new key: one whose insert did not happen, or else the next one.
    fn take(&mut self, part: Part) -> u64 {
        let number = match self.spare.iter().rposition(|(spare, _)| *spare == part) {
            Some(at) => self.spare.swap_remove(at).1,
            None => self.maker.frontiers.of(part).map_or(0, |frontier| frontier.take()),
        };
        self.pending.push((part, number));
        number
    }

    pub fn draw(&mut self, what: &Drawn, drawing: &mut DrawnValue, rng: &mut SplitMix64) {
        let content = rng.next_u64();
        match what {
            Drawn::Value(value) => {
                self.maker.value(value, Place { content, number: 0, turn: self.turn }, &mut drawing.value);
            }
            Drawn::New(table) => {
                let number = self.take(Part::Table(*table));
                let pattern = &self.generator.plan.tables[*table].key;
                pattern.write_key(number, &mut drawing.key);
                pattern.write_value(number, &mut drawing.key_value);
                self.maker.drawn(*table, Place { content, number, turn: self.turn }, &mut drawing.record);
            }
        }
    }

    /// Writes a step over an operation made by [`blank`] for the same action.
    #[inline]
    pub fn fill(&mut self, action: &Action, op: &mut Op, scene: Scope<'_>, rng: &mut SplitMix64) {
        match (action, op) {
            // Here for the speed of the shortest operation, which shows the suite's own cost the most.
            (Action::Read { table, key: aim, which }, Op::Read { key, fields, .. }) => {
                self.aim(aim, Part::Table(*table), scene, rng, key);
                one_of(which, fields, rng);
            }
            (action, op) => self.fill_other(action, op, scene, rng),
        }
    }

    fn fill_other(&mut self, action: &Action, op: &mut Op, scene: Scope<'_>, rng: &mut SplitMix64) {
        match (action, op) {
            (Action::Update { table, key: aim, which, set }, Op::Update { key, changes, .. }) => {
                self.aim(aim, Part::Table(*table), scene, rng, key);
                self.changes(*table, which, set, scene, rng, changes);
            }
            (Action::Insert { table, set }, Op::Insert { key, record, .. }) => {
                let number = self.take(Part::Table(*table));
                self.generator.plan.tables[*table].key.write_key(number, key);
                self.maker.record(*table, number, record);
                set.iter().for_each(|(field, source)| self.source(source, scene, rng, &mut record[*field]));
            }
            // The record itself follows when all steps have been filled in.
            (Action::InsertDrawn { draw, .. }, Op::Insert { key, .. }) => key.clone_from(&scene.draws[*draw].key),
            (Action::Delete { table, key: aim }, Op::Delete { key, .. }) => {
                self.aim(aim, Part::Table(*table), scene, rng, key);
            }
            (Action::Increment { table, key: aim, by: amount, .. }, Op::Increment { key, by, .. }) => {
                self.aim(aim, Part::Table(*table), scene, rng, key);
                *by = match amount {
                    Amount::Fresh(numbers) => numbers.int(rng),
                    Amount::Drawn(path) => scene.int(path),
                };
            }
            (Action::Scan { table, from: aim, limit: numbers, which }, Op::Scan { from, limit, fields, .. }) => {
                self.aim(aim, Part::Table(*table), scene, rng, from);
                *limit = count(numbers, rng);
                one_of(which, fields, rng);
            }
            (
                Action::Find { table, field, matching: wanted, limit: numbers, which, .. },
                Op::Find { matching, limit, fields, .. },
            ) => {
                self.matching(*table, *field, wanted, scene, rng, matching);
                *limit = count(numbers, rng);
                one_of(which, fields, rng);
            }
            (Action::Append { log, stream: aim, events: numbers }, Op::Append { stream, events, .. }) => {
                self.aim(aim, Part::Log(*log), scene, rng, stream);
                events.resize_with(count(numbers, rng), Record::new);
                for event in events {
                    self.events += 1;
                    self.maker.event(*log, (self.writer << WRITER_SHIFT) | self.events, event);
                }
            }
            (Action::Tail { log, stream: aim, limit: numbers }, Op::Tail { stream, limit, .. }) => {
                self.aim(aim, Part::Log(*log), scene, rng, stream);
                *limit = count(numbers, rng);
            }
            (action, op) => self.fill_series(action, op, scene, rng),
        }
    }

    fn fill_series(&mut self, action: &Action, op: &mut Op, scene: Scope<'_>, rng: &mut SplitMix64) {
        match (action, op) {
            (Action::InsertPoints { series }, Op::InsertPoints { points, .. }) => {
                let number = self.take(Part::Series(*series));
                let filled = self.generator.points(*series, number, 0, points);
                points.truncate(filled);
            }
            (Action::LastPoint { entity: aim, .. }, Op::LastPoint { entity, .. }) => {
                *entity = self.entity(aim, scene, rng)
            }
            (Action::PointRange { series, entity: aim, span }, Op::PointRange { entity, from_ms, to_ms, .. }) => {
                *entity = self.entity(aim, scene, rng);
                (*from_ms, *to_ms) = self.span(*series, span, rng);
            }
            (Action::Window { series, entity: aim, span, .. }, Op::Window { entity, from_ms, to_ms, .. }) => {
                *entity = self.entity(aim, scene, rng);
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
    fn aim(&mut self, aim: &Aim, part: Part, scene: Scope<'_>, rng: &mut SplitMix64, key: &mut Key) {
        match aim {
            Aim::Chosen(chooser) => {
                let number = self.maker.choose(*chooser, rng, self.turn);
                match part {
                    Part::Table(table) => self.generator.plan.tables[table].key.write_key(number, key),
                    Part::Log(log) => self.generator.plan.logs[log].key.write_key(number, key),
                    Part::Series(_) => KeyPattern::Int.write_key(number, key),
                }
            }
            Aim::Drawn(path) => match (scene.value(path), key) {
                (Some(Value::Text(drawn)), Key::Text(text)) => {
                    text.clear();
                    text.push_str(drawn);
                }
                (Some(Value::Text(drawn)), key) => *key = Key::Text(CompactString::from(drawn)),
                (_, key) => *key = Key::Int(scene.int(path)),
            },
        }
    }

    fn entity(&mut self, aim: &Aim, scene: Scope<'_>, rng: &mut SplitMix64) -> i64 {
        match aim {
            Aim::Chosen(chooser) => keytext::int(self.maker.choose(*chooser, rng, self.turn)),
            Aim::Drawn(path) => scene.int(path),
        }
    }

    fn changes(
        &mut self,
        table: usize,
        which: &Which,
        set: &[(usize, Source)],
        scene: Scope<'_>,
        rng: &mut SplitMix64,
        changes: &mut Vec<Change>,
    ) {
        let one;
        let fresh: &[usize] = match which {
            Which::All(all) => all,
            Which::One(all) => {
                one = [all[rng.random_range(0..all.len())]];
                &one
            }
            Which::These(these) => these,
        };
        changes.resize_with(fresh.len() + set.len(), Change::default);
        for (change, field) in changes.iter_mut().zip(fresh) {
            change.field = *field;
            let content = &self.generator.plan.tables[table].fields[*field].content;
            let place = Place { content: rng.next_u64(), number: 0, turn: self.turn };
            self.maker.value(content, place, &mut change.value);
        }
        for (change, (field, source)) in changes[fresh.len()..].iter_mut().zip(set) {
            change.field = *field;
            self.source(source, scene, rng, &mut change.value);
        }
    }

    fn matching(
        &mut self,
        table: usize,
        field: usize,
        wanted: &Matching,
        scene: Scope<'_>,
        rng: &mut SplitMix64,
        matching: &mut drivers::Matching,
    ) {
        match (wanted, matching) {
            (Matching::Own, drivers::Matching::Equal(value)) => {
                let content = &self.generator.plan.tables[table].fields[field].content;
                self.maker.value(content, Place { content: rng.next_u64(), number: 0, turn: self.turn }, value);
            }
            (Matching::Equal(source), drivers::Matching::Equal(value)) => self.source(source, scene, rng, value),
            (Matching::Between(start, width), drivers::Matching::Between(from, to)) => {
                self.maker.value(start, Place { content: rng.next_u64(), number: 0, turn: self.turn }, from);
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

    fn source(&mut self, source: &Source, scene: Scope<'_>, rng: &mut SplitMix64, out: &mut Value) {
        match source {
            Source::Fresh(content) => self.fresh(content, rng, out),
            Source::Drawn(path) => match scene.value(path) {
                Some(Value::Text(drawn)) => text_in(out).push_str(drawn),
                Some(Value::Int(_)) => *out = Value::Int(scene.int(path)),
                Some(value) => out.clone_from(value),
                None => *out = Value::Null,
            },
        }
    }

    fn fresh(&mut self, content: &Content, rng: &mut SplitMix64, out: &mut Value) {
        self.maker.value(content, Place { content: rng.next_u64(), number: 0, turn: self.turn }, out);
    }

    /// A span of time that ends with the newest tick, or anywhere after as much data as it is long.
    fn span(&self, series: usize, span: &Span, rng: &mut SplitMix64) -> (i64, i64) {
        let now_ms = self.generator.now_ms(series, &self.maker.frontiers);
        let length_ms = span.length_ms[rng.random_range(0..span.length_ms.len())];
        let earliest_ms = self.generator.plan.series[series].start_ms.saturating_add(length_ms);
        let to_ms = if span.anywhere && earliest_ms < now_ms { rng.random_range(earliest_ms..=now_ms) } else { now_ms };
        (to_ms.saturating_sub(length_ms), to_ms)
    }
}

#[inline]
fn one_of(which: &Which, fields: &mut Fields, rng: &mut SplitMix64) {
    if let (Which::One(all), Fields::Some(one)) = (which, fields) {
        one.clear();
        one.push(all[rng.random_range(0..all.len())]);
    }
}

fn count(numbers: &Numbers, rng: &mut SplitMix64) -> usize {
    numbers.int(rng) as usize
}
