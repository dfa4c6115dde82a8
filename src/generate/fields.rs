//! Values of fields, written over the values of the record before: strings and lists keep their memory.
//!
//! What a field of record k holds is a function of (seed, table, k) and the field alone, so that one field can be computed
//! without the others. What the variants of `Content` mean is said where they are declared.

use super::generator::{Generator, KeyFrontiers};
use super::values::{bytes_in, instant, list_in, pattern, prose, rounded, sum, text_in};
use crate::draw::keys::{KeyChooser, Turn};
use crate::draw::rng;
use crate::workload::{Content, Field, Items, KeyOf};
use compact_str::CompactString;
use drivers::{Part, Record, Value};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use rand_xoshiro::SplitMix64;
use std::sync::Arc;

/// Draws before the next free key is taken instead of another repeated one.
const REDRAWS: u32 = 16;

/// Makes values for one lane.
#[derive(Debug)]
pub struct ValueGenerator {
    generator: Arc<Generator>,
    pub(super) frontiers: Arc<KeyFrontiers>,
    tools: Tools,
}

/// What is written to while the plan is read.
#[derive(Debug)]
struct Tools {
    choosers: Vec<KeyChooser>,
    /// The numbers of the keys drawn for the fields of the records and items that are being made.
    numbers: Vec<u64>,
    /// Different numbers in ascending order.
    distinct: Vec<u64>,
}

/// Which record, event or draw a value belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Names its content.
    pub content: u64,
    /// Its number, or 0 where it has none.
    pub number: u64,
    /// Whose turn it is, for keys that are chosen in order.
    pub turn: Turn,
}

/// The fields before the one that is being made.
#[derive(Clone, Copy)]
pub(super) enum Siblings<'a> {
    Record(&'a [Value]),
    Item(&'a [(CompactString, Value)]),
}

impl Siblings<'_> {
    pub fn get(&self, at: usize) -> &Value {
        match self {
            Siblings::Record(values) => &values[at],
            Siblings::Item(entries) => &entries[at].1,
        }
    }
}

impl ValueGenerator {
    /// A maker of its own; draws of existing keys go by these frontiers.
    pub fn new(generator: Arc<Generator>, frontiers: Arc<KeyFrontiers>) -> Self {
        let choosers = generator.plan.choosers.iter().map(|(_, chooser)| chooser.clone()).collect();
        ValueGenerator { generator, frontiers, tools: Tools { choosers, numbers: Vec::new(), distinct: Vec::new() } }
    }

    /// The record with this number of a table, as loaded and as inserted where nothing is set.
    pub fn record(&mut self, table: usize, number: u64, out: &mut Record) {
        let place = self.place(Part::Table(table), number);
        let generator = &*self.generator;
        self.tools.record(generator, &self.frontiers, &generator.plan.tables[table].fields, place, out);
    }

    /// The event with this number (see [`Content::EventId`]) of a log.
    pub fn event(&mut self, log: usize, event_id: u64, out: &mut Record) {
        let place = self.place(Part::Log(log), event_id);
        let generator = &*self.generator;
        self.tools.record(generator, &self.frontiers, &generator.plan.logs[log].fields, place, out);
    }

    /// A record of a table whose content an operation draws.
    pub(super) fn drawn(&mut self, table: usize, place: Place, out: &mut Record) {
        let generator = &*self.generator;
        self.tools.record(generator, &self.frontiers, &generator.plan.tables[table].fields, place, out);
    }

    /// A value that stands alone.
    pub(super) fn value(&mut self, content: &Content, place: Place, out: &mut Value) {
        let work = Work { generator: &self.generator, frontiers: &self.frontiers, place, mark: 0 };
        self.tools.numbers.clear();
        self.tools.numbers.push(0);
        self.tools.value(work, content, 0, &mut rng::at(place.content, 0), Siblings::Record(&[]), out);
    }

    /// The number of an existing key.
    #[inline]
    pub(super) fn choose(&mut self, chooser: usize, rng: &mut SplitMix64, turn: Turn) -> u64 {
        self.tools.choose(&self.generator, &self.frontiers, chooser, rng, turn)
    }

    fn place(&self, part: Part, number: u64) -> Place {
        Place { content: self.generator.content(part, number), number, turn: Turn { lane: 0, lanes: 1, i: number } }
    }
}

/// What making one record or item goes by.
#[derive(Clone, Copy)]
struct Work<'a> {
    generator: &'a Generator,
    frontiers: &'a KeyFrontiers,
    place: Place,
    /// Where the numbers of its fields begin.
    mark: usize,
}

impl Tools {
    fn record(
        &mut self,
        generator: &Generator,
        frontiers: &KeyFrontiers,
        fields: &[Field],
        place: Place,
        out: &mut Record,
    ) {
        self.numbers.clear();
        self.numbers.resize(fields.len(), 0);
        let work = Work { generator, frontiers, place, mark: 0 };
        out.resize_with(fields.len(), Value::default);
        for (at, field) in fields.iter().enumerate() {
            let (before, rest) = out.split_at_mut(at);
            self.field(work, field, at, Siblings::Record(before), &mut rest[0]);
        }
    }

    #[inline]
    fn field(&mut self, work: Work<'_>, field: &Field, at: usize, siblings: Siblings<'_>, out: &mut Value) {
        let mut rng = rng::at(work.place.content, at as u64);
        if field.present < 1.0 && rng.random::<f64>() >= field.present {
            *out = Value::Null;
        } else {
            self.value(work, &field.content, at, &mut rng, siblings, out);
        }
    }

    #[inline]
    fn value(
        &mut self,
        work: Work<'_>,
        content: &Content,
        at: usize,
        rng: &mut SplitMix64,
        siblings: Siblings<'_>,
        out: &mut Value,
    ) {
        let Work { generator, place, .. } = work;
        match content {
            Content::Bool(chance) => *out = Value::Bool(rng.random::<f64>() < *chance),
            Content::Int(numbers) => *out = Value::Int(numbers.int(rng)),
            Content::Float(numbers, decimals) => *out = Value::Float(rounded(numbers.float(rng), *decimals)),
            Content::Random(length, alphabet) => {
                let length = length.int(rng) as usize;
                generator.pools.push_text(*alphabet, length, rng, text_in(out));
            }
            Content::Bytes(length) => {
                let length = length.int(rng) as usize;
                generator.pools.push_bytes(length, rng, bytes_in(out));
            }
            Content::Pattern(pieces) => pattern(pieces, place.number, rng, siblings, text_in(out)),
            Content::Pick(pick) => {
                let ticket = rng.random::<f64>();
                let at = pick.cumulative.partition_point(|end| *end <= ticket).min(pick.values.len() - 1);
                text_in(out).push_str(&pick.values[at]);
            }
            Content::Words(count) => prose(generator, count.int(rng), rng, text_in(out)),
            Content::Time(times) => *out = Value::Time(instant(*times, place.number, rng)),
            Content::EventId => *out = Value::Int(place.number as i64),
            Content::KeyOf(key) => {
                let number = self.choose(generator, work.frontiers, key.chooser, rng, place.turn);
                self.numbers[work.mark + at] = number;
                generator.plan.tables[key.table].key.write_value(number, out);
            }
            Content::Of { .. } | Content::From { .. } | Content::Sum { .. } => {
                self.related(work, content, rng, siblings, out);
            }
            _ => self.nested(work, content, at, rng, siblings, out),
        }
    }

    /// Values that follow from others.
    fn related(
        &mut self,
        work: Work<'_>,
        content: &Content,
        rng: &mut SplitMix64,
        siblings: Siblings<'_>,
        out: &mut Value,
    ) {
        match content {
            // A missing reference refers to nothing.
            Content::Of { key, .. } if *siblings.get(*key) == Value::Null => *out = Value::Null,
            Content::Of { key, table, field } => {
                let record = work.generator.content(Part::Table(*table), self.numbers[work.mark + key]);
                let other = &work.generator.plan.tables[*table].fields[*field].content;
                self.value(work, other, *field, &mut rng::at(record, *field as u64), siblings, out);
            }
            Content::From { field, times, noise } => {
                let noise = if *noise > 0.0 { (noise * rng.sample::<f64, _>(StandardNormal)).exp() } else { 1.0 };
                let factor = times * noise;
                *out = match siblings.get(*field) {
                    Value::Int(number) if factor != 1.0 => Value::Int((*number as f64 * factor).round() as i64),
                    Value::Float(number) if factor != 1.0 => Value::Float(rounded(number * factor, 2)),
                    same => same.clone(),
                };
            }
            Content::Sum { items, factors } => *out = Value::Int(sum(siblings.get(*items), factors)),
            _ => unreachable!("only values that follow from others come here"),
        }
    }

    /// Lists, maps and items.
    fn nested(
        &mut self,
        work: Work<'_>,
        content: &Content,
        at: usize,
        rng: &mut SplitMix64,
        siblings: Siblings<'_>,
        out: &mut Value,
    ) {
        match content {
            Content::List(member, count) => {
                let list = list_in(out, count.int(rng) as usize);
                list.iter_mut().for_each(|value| self.value(work, member, at, rng, siblings, value));
            }
            Content::Keys(key, count) => {
                self.different(work, *key, count.int(rng) as usize, rng);
                let pattern = &work.generator.plan.tables[key.table].key;
                let list = list_in(out, self.distinct.len());
                list.iter_mut().zip(&self.distinct).for_each(|(value, number)| pattern.write_value(*number, value));
            }
            Content::Map(fields) => self.map(work, fields, rng, out),
            Content::MapBy { by, cases } => {
                let case = match siblings.get(*by) {
                    Value::Text(text) => cases.iter().find(|(value, _)| value == text),
                    _ => None,
                };
                self.map(work, case.map_or(&[][..], |(_, fields)| fields), rng, out);
            }
            Content::Items(items) => self.items(work, items, rng, out),
            _ => unreachable!("only values with parts come here"),
        }
    }

    #[inline]
    fn choose(
        &mut self,
        generator: &Generator,
        frontiers: &KeyFrontiers,
        chooser: usize,
        rng: &mut SplitMix64,
        turn: Turn,
    ) -> u64 {
        let (choosing, _) = &generator.plan.choosers[chooser];
        let visible = match choosing.part {
            Part::Table(table) if !choosing.grows => generator.plan.tables[table].records,
            Part::Table(_) => {
                let Some(frontier) = frontiers.of(choosing.part) else { return 0 };
                return frontier.sure(self.choosers[chooser].draw(rng, frontier.visible(), turn));
            }
            Part::Log(log) => generator.plan.logs[log].streams,
            Part::Series(series) => generator.plan.series[series].entities,
        };
        self.choosers[chooser].draw(rng, visible, turn)
    }

    /// Leaves `count` different numbers of keys in `distinct`, in ascending order; fewer where there are fewer keys.
    fn different(&mut self, work: Work<'_>, key: KeyOf, count: usize, rng: &mut SplitMix64) {
        let keys = work.generator.plan.tables[key.table].records;
        let count = count.min(usize::try_from(keys).unwrap_or(usize::MAX));
        let mut distinct = std::mem::take(&mut self.distinct);
        distinct.clear();
        while distinct.len() < count {
            let draw = |tools: &mut Self, rng: &mut SplitMix64| {
                tools.choose(work.generator, work.frontiers, key.chooser, rng, work.place.turn)
            };
            let mut number = draw(self, rng);
            let mut redraws = 0;
            while distinct.binary_search(&number).is_ok() {
                redraws += 1;
                number = if redraws < REDRAWS { draw(self, rng) } else { (number + 1) % keys };
            }
            let at = distinct.partition_point(|other| *other < number);
            distinct.insert(at, number);
        }
        self.distinct = distinct;
    }

    fn map(&mut self, work: Work<'_>, fields: &[Field], rng: &mut SplitMix64, out: &mut Value) {
        let mut entries = match std::mem::take(out) {
            Value::Map(entries) => entries,
            _ => Vec::new(),
        };
        let mut item = Vec::new();
        self.entries(work, fields, None, rng, &mut item);
        entries.clear();
        entries.extend(item.into_iter().filter(|(_, value)| *value != Value::Null));
        *out = Value::Map(entries);
    }

    fn items(&mut self, work: Work<'_>, items: &Items, rng: &mut SplitMix64, out: &mut Value) {
        let mut count = items.count.int(rng) as usize;
        let key = items.distinct.map(|at| (at, &items.fields[at].content));
        let key = if let Some((at, Content::KeyOf(key))) = key { Some((at, *key)) } else { None };
        if let Some((_, key)) = key {
            self.different(work, key, count, rng);
            count = self.distinct.len();
        }
        for (nth, item) in list_in(out, count).iter_mut().enumerate() {
            if !matches!(item, Value::Map(entries) if entries.len() == items.fields.len()) {
                *item = Value::Map(Vec::new());
            }
            let Value::Map(entries) = item else { continue };
            let given = key.map(|(at, key)| (at, key, self.distinct[nth]));
            self.entries(work, &items.fields, given, rng, entries);
        }
    }

    /// The fields of one item or map, with the number of one key given.
    fn entries(
        &mut self,
        work: Work<'_>,
        fields: &[Field],
        given: Option<(usize, KeyOf, u64)>,
        rng: &mut SplitMix64,
        out: &mut Vec<(CompactString, Value)>,
    ) {
        if out.len() != fields.len() {
            out.clear();
            out.extend(fields.iter().map(|field| (CompactString::from(&field.name), Value::Null)));
        }
        let mark = self.numbers.len();
        self.numbers.resize(mark + fields.len(), 0);
        let work = Work { mark, place: Place { content: rng.next_u64(), ..work.place }, ..work };
        for (at, field) in fields.iter().enumerate() {
            let (before, rest) = out.split_at_mut(at);
            match given {
                Some((same, key, number)) if same == at => {
                    self.numbers[mark + at] = number;
                    work.generator.plan.tables[key.table].key.write_value(number, &mut rest[0].1);
                }
                _ => self.field(work, field, at, Siblings::Item(before), &mut rest[0].1),
            }
        }
        self.numbers.truncate(mark);
    }
}
