//! How skewed the accesses of a plan are: which keys its operations aim at, by the laws that choose them. Nothing is drawn
//! but the lengths of lists, and nothing is counted, so that a short run tells the same as a long one.

use crate::draw::rng;
use crate::draw::skew::Shares;
use crate::workload::{
    Action, Aim, Content, Drawn, Field, KeyOf, Numbers, Operation, Plan, Repeat, Root, Step, ValuePath,
};
use drivers::Part;
use std::collections::BTreeMap;

/// The part at whose existing keys most accesses are aimed, and the expected shares of its hottest ones, as the table is
/// after the load. `None` where no keys are aimed at, there are too many of them, or some are not chosen by a law.
///
/// Members of a list without repetition count as if they were drawn one by one; such a list favours its popular members
/// a little less.
pub fn shares(plan: &Plan) -> Option<(Part, Shares)> {
    let mut accesses: BTreeMap<Part, BTreeMap<Option<usize>, f64>> = BTreeMap::new();
    for operation in &plan.operations {
        for step in &operation.recipe.steps {
            let Some((part, aim)) = aimed(&step.action) else { continue };
            let each = member(plan, operation, step);
            let times = operation.share * times(plan, operation, step);
            *accesses.entry(part).or_default().entry(chooser(plan, operation, aim, each)).or_default() += times;
        }
    }
    let total = |by_chooser: &BTreeMap<Option<usize>, f64>| by_chooser.values().sum::<f64>();
    // Of equal ones the first.
    let (part, by_chooser) = accesses.into_iter().rev().max_by(|a, b| total(&a.1).total_cmp(&total(&b.1)))?;
    let mut weights: Vec<f64> = Vec::new();
    for (at, accesses) in by_chooser {
        let (choosing, chooser) = &plan.choosers[at?];
        let keys = match part {
            Part::Table(at) => plan.tables[at].records,
            Part::Log(at) => plan.logs[at].streams,
            Part::Series(at) => plan.series[at].entities,
        };
        let probabilities = chooser.probabilities(keys).filter(|_| choosing.part == part)?;
        weights.resize(probabilities.len(), 0.0);
        weights.iter_mut().zip(probabilities).for_each(|(weight, probability)| *weight += accesses * probability);
    }
    Some((part, Shares::of(weights)?))
}

/// The existing key that an action aims at.
fn aimed(action: &Action) -> Option<(Part, &Aim)> {
    match action {
        Action::Read { table, key, .. } | Action::Update { table, key, .. } => Some((Part::Table(*table), key)),
        Action::Delete { table, key } | Action::Increment { table, key, .. } => Some((Part::Table(*table), key)),
        Action::Scan { table, from, .. } => Some((Part::Table(*table), from)),
        Action::Append { log, stream, .. } | Action::Tail { log, stream, .. } => Some((Part::Log(*log), stream)),
        Action::LastPoint { series, entity } => Some((Part::Series(*series), entity)),
        Action::PointRange { series, entity, .. } | Action::Window { series, entity, .. } => {
            Some((Part::Series(*series), entity))
        }
        Action::Insert { .. } | Action::InsertDrawn { .. } | Action::Find { .. } => None,
        Action::InsertPoints { .. } | Action::PointsAbove { .. } => None,
    }
}

/// What a path has led to.
#[derive(Clone, Copy)]
enum Place<'a> {
    Content(&'a Content),
    Key(KeyOf),
    Item(&'a [Field]),
}

/// The chooser that draws a key; none if no law does.
fn chooser(plan: &Plan, operation: &Operation, aim: &Aim, each: Option<Place<'_>>) -> Option<usize> {
    match aim {
        Aim::Chosen(chooser) => Some(*chooser),
        Aim::Drawn(path) => match followed(plan, operation, path, each)? {
            Place::Content(Content::KeyOf(key)) => Some(key.chooser),
            Place::Key(key) => Some(key.chooser),
            _ => None,
        },
    }
}

/// Where a path ends, among the contents that an operation draws.
fn followed<'a>(
    plan: &'a Plan,
    operation: &'a Operation,
    path: &ValuePath,
    each: Option<Place<'a>>,
) -> Option<Place<'a>> {
    let what = |draw: usize| &operation.recipe.draws[draw].what;
    let mut at = path.at.iter();
    let start = match path.root {
        Root::Each => each?,
        Root::Key(_) => return None,
        Root::Value(draw) | Root::Record(draw) => match what(draw) {
            Drawn::Value(content) => Place::Content(content),
            Drawn::New(table) => Place::Content(&plan.tables[*table].fields.get(*at.next()?)?.content),
        },
    };
    at.try_fold(start, |place, at| within(place, *at))
}

/// What stands at a position of a list, item or map.
fn within(place: Place<'_>, at: usize) -> Option<Place<'_>> {
    match place {
        Place::Content(Content::List(member, _)) => Some(Place::Content(member)),
        Place::Content(Content::Keys(key, _)) => Some(Place::Key(*key)),
        Place::Content(Content::Items(items)) => Some(Place::Item(&items.fields)),
        Place::Content(Content::Map(fields)) => Some(Place::Content(&fields.get(at)?.content)),
        Place::Item(fields) => Some(Place::Content(&fields.get(at)?.content)),
        Place::Content(_) | Place::Key(_) => None,
    }
}

/// The member of a list for which a step is repeated.
fn member<'a>(plan: &'a Plan, operation: &'a Operation, step: &Step) -> Option<Place<'a>> {
    let Repeat::Each(path) = &step.repeat else { return None };
    within(followed(plan, operation, path, None)?, 0)
}

/// How often a step is done on average.
fn times(plan: &Plan, operation: &Operation, step: &Step) -> f64 {
    let count = match &step.repeat {
        Repeat::Once => None,
        Repeat::Times(times) => Some(times),
        Repeat::Each(path) => match followed(plan, operation, path, None) {
            Some(Place::Content(Content::List(_, count) | Content::Keys(_, count))) => Some(count),
            Some(Place::Content(Content::Items(items))) => Some(&items.count),
            _ => None,
        },
    };
    count.map_or(1.0, mean)
}

fn mean(numbers: &Numbers) -> f64 {
    const SAMPLE: u64 = 10_000;
    let sum: i64 = (0..SAMPLE).map(|stream| numbers.int(&mut rng::at(0, stream))).sum();
    sum as f64 / SAMPLE as f64
}
