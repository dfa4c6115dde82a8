//! How skewed the accesses of a plan are: which keys its operations use, by the laws that choose them. Nothing is drawn but
//! the lengths of lists, and nothing is counted, so that the answer does not depend on the length of a run.

use crate::draw::rng;
use crate::draw::skew::Shares;
use crate::workload::{
    Action, Distribution, DrawKind, FieldSpec, KeyOf, KeySource, OperationSpec, PathRoot, Plan, Repeat, StepSpec,
    ValuePath, ValueSpec,
};
use drivers::Part;
use std::collections::BTreeMap;

/// The part whose existing keys are accessed most, and the expected shares of its hottest ones, as the table is after the
/// load. `None` if no keys are accessed, there are too many of them, or some are not chosen by a law.
///
/// Members of a list of distinct keys count as if they were drawn one by one; such a list favours its popular members a
/// little less.
pub fn shares(plan: &Plan) -> Option<(Part, Shares)> {
    let mut accesses: BTreeMap<Part, BTreeMap<Option<usize>, f64>> = BTreeMap::new();
    for operation in &plan.operations {
        for step in &operation.recipe.steps {
            let Some((part, source)) = key_source(&step.action) else { continue };
            let each = member(plan, operation, step);
            let times = operation.share * times(plan, operation, step);
            *accesses.entry(part).or_default().entry(chooser(plan, operation, source, each)).or_default() += times;
        }
    }
    let total = |by_chooser: &BTreeMap<Option<usize>, f64>| by_chooser.values().sum::<f64>();
    // Of equal parts the first.
    let (part, by_chooser) = accesses.into_iter().rev().max_by(|a, b| total(&a.1).total_cmp(&total(&b.1)))?;
    let mut weights: Vec<f64> = Vec::new();
    for (at, accesses) in by_chooser {
        let (spec, chooser) = &plan.key_choosers[at?];
        let probabilities = chooser.probabilities(plan.part_size(part)).filter(|_| spec.part == part)?;
        weights.resize(probabilities.len(), 0.0);
        weights.iter_mut().zip(probabilities).for_each(|(weight, probability)| *weight += accesses * probability);
    }
    Some((part, Shares::from_weights(weights)?))
}

/// The source of the existing key that an action uses.
fn key_source(action: &Action) -> Option<(Part, &KeySource)> {
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

/// What a path leads to.
#[derive(Clone, Copy)]
enum PathTarget<'a> {
    Value(&'a ValueSpec),
    Key(KeyOf),
    Item(&'a [FieldSpec]),
}

/// The chooser that draws a key; `None` if no law does.
fn chooser(plan: &Plan, operation: &OperationSpec, source: &KeySource, each: Option<PathTarget<'_>>) -> Option<usize> {
    match source {
        KeySource::Chosen(chooser) => Some(*chooser),
        KeySource::Drawn(path) => match follow(plan, operation, path, each)? {
            PathTarget::Value(ValueSpec::KeyOf(key)) => Some(key.chooser),
            PathTarget::Key(key) => Some(key.chooser),
            _ => None,
        },
    }
}

/// Follows a path through the values that an operation draws.
fn follow<'a>(
    plan: &'a Plan,
    operation: &'a OperationSpec,
    path: &ValuePath,
    each: Option<PathTarget<'a>>,
) -> Option<PathTarget<'a>> {
    let kind = |draw: usize| &operation.recipe.draws[draw].kind;
    let mut at = path.positions.iter();
    let start = match path.root {
        PathRoot::Each => each?,
        PathRoot::Key(_) => return None,
        PathRoot::Value(draw) | PathRoot::Record(draw) => match kind(draw) {
            DrawKind::Value(content) => PathTarget::Value(content),
            DrawKind::NewRecord(table) => PathTarget::Value(&plan.tables[*table].fields.get(*at.next()?)?.content),
        },
    };
    at.try_fold(start, |place, at| within(place, *at))
}

/// What is at a position of a list, item or map.
fn within(place: PathTarget<'_>, at: usize) -> Option<PathTarget<'_>> {
    match place {
        PathTarget::Value(ValueSpec::List(member, _)) => Some(PathTarget::Value(member)),
        PathTarget::Value(ValueSpec::Keys(key, _)) => Some(PathTarget::Key(*key)),
        PathTarget::Value(ValueSpec::Items(items)) => Some(PathTarget::Item(&items.fields)),
        PathTarget::Value(ValueSpec::Map(fields)) => Some(PathTarget::Value(&fields.get(at)?.content)),
        PathTarget::Item(fields) => Some(PathTarget::Value(&fields.get(at)?.content)),
        PathTarget::Value(_) | PathTarget::Key(_) => None,
    }
}

/// The member of a list for which a step is repeated.
fn member<'a>(plan: &'a Plan, operation: &'a OperationSpec, step: &StepSpec) -> Option<PathTarget<'a>> {
    let Repeat::Each(path) = &step.repeat else { return None };
    within(follow(plan, operation, path, None)?, 0)
}

/// How often a step is done in one operation on average.
fn times(plan: &Plan, operation: &OperationSpec, step: &StepSpec) -> f64 {
    let count = match &step.repeat {
        Repeat::Once => None,
        Repeat::Times(times) => Some(times),
        Repeat::Each(path) => match follow(plan, operation, path, None) {
            Some(PathTarget::Value(ValueSpec::List(_, count) | ValueSpec::Keys(_, count))) => Some(count),
            Some(PathTarget::Value(ValueSpec::Items(items))) => Some(&items.count),
            _ => None,
        },
    };
    count.map_or(1.0, mean)
}

fn mean(numbers: &Distribution) -> f64 {
    const SAMPLE: u64 = 10_000;
    let sum: i64 = (0..SAMPLE).map(|stream| numbers.int(&mut rng::at(0, stream))).sum();
    sum as f64 / SAMPLE as f64
}
