//! Values of fields, written over the values of the previous record: strings and lists keep their memory.
//!
//! What a field of record k holds is a function of (seed, table, k) and the field alone, so that one field can be computed
//! without the others. What the variants of `ValueSpec` mean is said where they are declared.

use super::acknowledged_keys::KeyFrontiers;
use super::generator::Generator;
use super::reuse::{bytes_in, list_in, text_in};
use super::values::{Siblings, instant, push_pattern, push_prose, rounded, sum};
use crate::draw::keys::{KeyChooser, LanePosition};
use crate::draw::rng;
use crate::workload::{FieldSpec, Items, KeyOf, ValueSpec};
use compact_str::CompactString;
use drivers::{Part, Record, Value};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use rand_xoshiro::SplitMix64;
use std::sync::Arc;

/// How often a key that is in the list already is drawn again before the next free one is taken.
const REDRAWS: u32 = 16;

/// Makes the values of records, events and draws for one lane.
#[derive(Debug)]
pub struct ValueGenerator {
    generator: Arc<Generator>,
    frontiers: Arc<KeyFrontiers>,
    state: DrawState,
}

/// What changes while values are drawn, apart from the plan so that both can be borrowed.
#[derive(Debug)]
struct DrawState {
    key_choosers: Vec<KeyChooser>,
    /// The numbers of the keys drawn for the fields of the records and items that are being made.
    numbers: Vec<u64>,
    /// The numbers of the distinct keys of a list, in ascending order.
    distinct: Vec<u64>,
}

/// What the values of one record, event or draw follow from.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordSeed {
    /// The seed of its content.
    pub content: u64,
    /// Its number, or 0 if it has none.
    pub number: u64,
    /// The operation that draws it, for keys that are chosen in order.
    pub position: LanePosition,
}

impl ValueGenerator {
    /// A generator with state of its own, which draws existing keys below these frontiers.
    pub fn new(generator: Arc<Generator>, frontiers: Arc<KeyFrontiers>) -> Self {
        let key_choosers = generator.plan.key_choosers.iter().map(|(_, chooser)| chooser.clone()).collect();
        ValueGenerator {
            generator,
            frontiers,
            state: DrawState { key_choosers, numbers: Vec::new(), distinct: Vec::new() },
        }
    }

    /// The record with this number of a table, as it is loaded, or inserted if nothing is set.
    pub fn record(&mut self, table: usize, number: u64, out: &mut Record) {
        let seed = self.seed(Part::Table(table), number);
        let generator = &*self.generator;
        self.state.record(generator, &self.frontiers, &generator.plan.tables[table].fields, seed, out);
    }

    /// The event with this number (see [`ValueSpec::EventId`]) of a log.
    pub fn event(&mut self, log: usize, event_id: u64, out: &mut Record) {
        let seed = self.seed(Part::Log(log), event_id);
        let generator = &*self.generator;
        self.state.record(generator, &self.frontiers, &generator.plan.logs[log].fields, seed, out);
    }

    /// A record of a table whose content an operation draws.
    pub(super) fn drawn_record(&mut self, table: usize, seed: RecordSeed, out: &mut Record) {
        let generator = &*self.generator;
        self.state.record(generator, &self.frontiers, &generator.plan.tables[table].fields, seed, out);
    }

    /// A value that stands alone.
    pub(super) fn value(&mut self, content: &ValueSpec, seed: RecordSeed, out: &mut Value) {
        let context = FillContext { generator: &self.generator, frontiers: &self.frontiers, seed, numbers_start: 0 };
        self.state.numbers.clear();
        self.state.numbers.push(0);
        self.state.value(context, content, 0, &mut rng::at(seed.content, 0), Siblings::Record(&[]), out);
    }

    /// The number of an existing key.
    #[inline]
    pub(super) fn choose(&mut self, chooser: usize, rng: &mut SplitMix64, position: LanePosition) -> u64 {
        self.state.choose(&self.generator, &self.frontiers, chooser, rng, position)
    }

    fn seed(&self, part: Part, number: u64) -> RecordSeed {
        RecordSeed {
            content: self.generator.content_seed(part, number),
            number,
            position: LanePosition { lane: 0, lanes: 1, i: number },
        }
    }
}

/// What is the same for all fields of one record or item.
#[derive(Clone, Copy)]
struct FillContext<'a> {
    generator: &'a Generator,
    frontiers: &'a KeyFrontiers,
    seed: RecordSeed,
    /// Where the key numbers of its fields begin in [`DrawState::numbers`].
    numbers_start: usize,
}

impl DrawState {
    fn record(
        &mut self,
        generator: &Generator,
        frontiers: &KeyFrontiers,
        fields: &[FieldSpec],
        seed: RecordSeed,
        out: &mut Record,
    ) {
        self.numbers.clear();
        self.numbers.resize(fields.len(), 0);
        let context = FillContext { generator, frontiers, seed, numbers_start: 0 };
        out.resize_with(fields.len(), Value::default);
        for (at, field) in fields.iter().enumerate() {
            let (before, rest) = out.split_at_mut(at);
            self.field(context, field, at, Siblings::Record(before), &mut rest[0]);
        }
    }

    #[inline]
    fn field(
        &mut self,
        context: FillContext<'_>,
        field: &FieldSpec,
        at: usize,
        siblings: Siblings<'_>,
        out: &mut Value,
    ) {
        let mut rng = rng::at(context.seed.content, at as u64);
        if field.present < 1.0 && rng.random::<f64>() >= field.present {
            *out = Value::Null;
        } else {
            self.value(context, &field.content, at, &mut rng, siblings, out);
        }
    }

    #[inline]
    fn value(
        &mut self,
        context: FillContext<'_>,
        content: &ValueSpec,
        at: usize,
        rng: &mut SplitMix64,
        siblings: Siblings<'_>,
        out: &mut Value,
    ) {
        let FillContext { generator, seed, .. } = context;
        match content {
            ValueSpec::Bool(chance) => *out = Value::Bool(rng.random::<f64>() < *chance),
            ValueSpec::Int(numbers) => *out = Value::Int(numbers.int(rng)),
            ValueSpec::Float(numbers, decimals) => *out = Value::Float(rounded(numbers.float(rng), *decimals)),
            ValueSpec::Random(length, alphabet) => {
                let length = length.int(rng) as usize;
                generator.pools.push_text(*alphabet, length, rng, text_in(out));
            }
            ValueSpec::Bytes(length) => {
                let length = length.int(rng) as usize;
                generator.pools.push_bytes(length, rng, bytes_in(out));
            }
            ValueSpec::Pattern(pieces) => push_pattern(pieces, seed.number, rng, siblings, text_in(out)),
            ValueSpec::Pick(pick) => {
                let ticket = rng.random::<f64>();
                let at = pick.cumulative.partition_point(|end| *end <= ticket).min(pick.values.len() - 1);
                text_in(out).push_str(&pick.values[at]);
            }
            ValueSpec::Words(count) => push_prose(generator, count.int(rng), rng, text_in(out)),
            ValueSpec::Time(time) => *out = Value::Time(instant(*time, seed.number, rng)),
            ValueSpec::EventId => *out = Value::Int(seed.number as i64),
            ValueSpec::KeyOf(key) => {
                let number = self.choose(generator, context.frontiers, key.chooser, rng, seed.position);
                self.numbers[context.numbers_start + at] = number;
                generator.plan.tables[key.table].key.write_value(number, out);
            }
            ValueSpec::Referenced { .. } | ValueSpec::Sibling { .. } | ValueSpec::Sum { .. } => {
                self.related(context, content, rng, siblings, out);
            }
            _ => self.nested(context, content, at, rng, siblings, out),
        }
    }

    /// Values that depend on others.
    fn related(
        &mut self,
        context: FillContext<'_>,
        content: &ValueSpec,
        rng: &mut SplitMix64,
        siblings: Siblings<'_>,
        out: &mut Value,
    ) {
        match content {
            // A missing reference refers to nothing.
            ValueSpec::Referenced { key, .. } if *siblings.get(*key) == Value::Null => *out = Value::Null,
            ValueSpec::Referenced { key, table, field } => {
                let record =
                    context.generator.content_seed(Part::Table(*table), self.numbers[context.numbers_start + key]);
                let other = &context.generator.plan.tables[*table].fields[*field].content;
                self.value(context, other, *field, &mut rng::at(record, *field as u64), siblings, out);
            }
            ValueSpec::Sibling { field, factor, noise } => {
                let noise = if *noise > 0.0 { (noise * rng.sample::<f64, _>(StandardNormal)).exp() } else { 1.0 };
                let factor = factor * noise;
                *out = match siblings.get(*field) {
                    Value::Int(number) if factor != 1.0 => Value::Int((*number as f64 * factor).round() as i64),
                    Value::Float(number) if factor != 1.0 => Value::Float(rounded(number * factor, 2)),
                    same => same.clone(),
                };
            }
            ValueSpec::Sum { items, factors } => *out = Value::Int(sum(siblings.get(*items), factors)),
            _ => unreachable!("only values that depend on others come here"),
        }
    }

    /// Lists, maps and items.
    fn nested(
        &mut self,
        context: FillContext<'_>,
        content: &ValueSpec,
        at: usize,
        rng: &mut SplitMix64,
        siblings: Siblings<'_>,
        out: &mut Value,
    ) {
        match content {
            ValueSpec::List(member, count) => {
                let list = list_in(out, count.int(rng) as usize);
                list.iter_mut().for_each(|value| self.value(context, member, at, rng, siblings, value));
            }
            ValueSpec::Keys(key, count) => {
                self.draw_distinct(context, *key, count.int(rng) as usize, rng);
                let pattern = &context.generator.plan.tables[key.table].key;
                let list = list_in(out, self.distinct.len());
                list.iter_mut().zip(&self.distinct).for_each(|(value, number)| pattern.write_value(*number, value));
            }
            ValueSpec::Map(fields) => self.map(context, fields, rng, out),
            ValueSpec::MapBy { by, cases } => {
                let case = match siblings.get(*by) {
                    Value::Text(text) => cases.iter().find(|(value, _)| value == text),
                    _ => None,
                };
                self.map(context, case.map_or(&[][..], |(_, fields)| fields), rng, out);
            }
            ValueSpec::Items(items) => self.items(context, items, rng, out),
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
        position: LanePosition,
    ) -> u64 {
        let (spec, _) = &generator.plan.key_choosers[chooser];
        let visible = match spec.part {
            Part::Table(table) if !spec.grows => generator.plan.tables[table].records,
            Part::Table(_) => {
                let Some(keys) = frontiers.get(spec.part) else { return 0 };
                return keys.nearest_determinate(self.key_choosers[chooser].draw(rng, keys.visible(), position));
            }
            Part::Log(log) => generator.plan.logs[log].streams,
            Part::Series(series) => generator.plan.series[series].entities,
        };
        self.key_choosers[chooser].draw(rng, visible, position)
    }

    /// Draws `count` distinct numbers of keys into `distinct`, in ascending order; fewer if there are fewer keys.
    fn draw_distinct(&mut self, context: FillContext<'_>, key: KeyOf, count: usize, rng: &mut SplitMix64) {
        let keys = context.generator.plan.tables[key.table].records;
        let count = count.min(usize::try_from(keys).unwrap_or(usize::MAX));
        let mut distinct = std::mem::take(&mut self.distinct);
        distinct.clear();
        while distinct.len() < count {
            let draw = |state: &mut Self, rng: &mut SplitMix64| {
                state.choose(context.generator, context.frontiers, key.chooser, rng, context.seed.position)
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

    fn map(&mut self, context: FillContext<'_>, fields: &[FieldSpec], rng: &mut SplitMix64, out: &mut Value) {
        let mut entries = match std::mem::take(out) {
            Value::Map(entries) => entries,
            _ => Vec::new(),
        };
        let mut item = Vec::new();
        self.entries(context, fields, None, rng, &mut item);
        entries.clear();
        entries.extend(item.into_iter().filter(|(_, value)| *value != Value::Null));
        *out = Value::Map(entries);
    }

    fn items(&mut self, context: FillContext<'_>, items: &Items, rng: &mut SplitMix64, out: &mut Value) {
        let mut count = items.count.int(rng) as usize;
        let key = items.distinct.map(|at| (at, &items.fields[at].content));
        let key = if let Some((at, ValueSpec::KeyOf(key))) = key { Some((at, *key)) } else { None };
        if let Some((_, key)) = key {
            self.draw_distinct(context, key, count, rng);
            count = self.distinct.len();
        }
        for (nth, item) in list_in(out, count).iter_mut().enumerate() {
            if !matches!(item, Value::Map(entries) if entries.len() == items.fields.len()) {
                *item = Value::Map(Vec::new());
            }
            let Value::Map(entries) = item else { continue };
            let fixed_key = key.map(|(at, key)| (at, key, self.distinct[nth]));
            self.entries(context, &items.fields, fixed_key, rng, entries);
        }
    }

    /// The fields of one item or map. `fixed_key` is the position of a field whose key is drawn already, with its number.
    fn entries(
        &mut self,
        context: FillContext<'_>,
        fields: &[FieldSpec],
        fixed_key: Option<(usize, KeyOf, u64)>,
        rng: &mut SplitMix64,
        out: &mut Vec<(CompactString, Value)>,
    ) {
        if out.len() != fields.len() {
            out.clear();
            out.extend(fields.iter().map(|field| (CompactString::from(&field.name), Value::Null)));
        }
        let numbers_start = self.numbers.len();
        self.numbers.resize(numbers_start + fields.len(), 0);
        let context =
            FillContext { numbers_start, seed: RecordSeed { content: rng.next_u64(), ..context.seed }, ..context };
        for (at, field) in fields.iter().enumerate() {
            let (before, rest) = out.split_at_mut(at);
            match fixed_key {
                Some((same, key, number)) if same == at => {
                    self.numbers[numbers_start + at] = number;
                    context.generator.plan.tables[key.table].key.write_value(number, &mut rest[0].1);
                }
                _ => self.field(context, field, at, Siblings::Item(before), &mut rest[0].1),
            }
        }
        self.numbers.truncate(numbers_start);
    }
}
