//! Reads the operations of the mix: `[operations.NAME]` with a weight, a verb and what the verb needs. `sequence`, `batch`
//! and `transact` hold steps, which are verbs again (`steps.rs`) and may use what the operation draws (`values.rs`). With
//! `interactive`, a step of a transaction is sent when the one before it is answered.

use super::declarations::Declarations;
use super::document::{Item, ParseResult, Section};
use super::load;
use super::steps::StepParser;
use crate::workload::operation::{Action, DrawKind, Grouping, OperationSpec, Recipe, Repeat, Slo, StepSpec};

/// The words for operations with several steps.
const GROUPINGS: [(&str, Grouping); 3] =
    [("sequence", Grouping::Sequence), ("batch", Grouping::Batch), ("transact", Grouping::Transact)];

/// Reads `[operations]`; the weights become shares of the mix.
pub(super) fn operations(declared: &mut Declarations, section: &Section<'_>) -> ParseResult<Vec<OperationSpec>> {
    let mut operations = Vec::new();
    let mut total = 0.0;
    for (name, item) in section.entries() {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(is_allowed) {
            return Err(item.error("the name has to be at most 40 lower-case letters, digits, - or _"));
        }
        if name == "total" {
            return Err(item.error("the name means all operations together; choose another one"));
        }
        let section = item.section()?;
        let recipe = recipe(declared, &section)?;
        let weight = section.need("weight")?;
        let share = weight.number_in(0.0, 1e9)?;
        if share == 0.0 {
            return Err(weight.error("a weight is above 0; leave the operation out if it should never happen"));
        }
        total += share;
        let slo = section.get_or("slo", Slo::default(), |item| load::slo(&item.section()?))?;
        operations.push(OperationSpec { name: name.into(), share, slo, recipe });
    }
    if operations.is_empty() {
        return Err(section.error("there are no operations; write at least one [operations.NAME]"));
    }
    operations.iter_mut().for_each(|operation| operation.share /= total);
    Ok(operations)
}

fn recipe(declared: &mut Declarations, section: &Section<'_>) -> ParseResult<Recipe> {
    let verb = section.need("do")?;
    let mut parser = StepParser::new(declared);
    let Some((_, grouping)) = GROUPINGS.iter().find(|(name, _)| verb.text().is_ok_and(|text| text == *name)) else {
        let (verb, action) = parser.action(section, &["weight", "do", "slo"], &GROUPINGS.map(|(name, _)| name))?;
        let steps = vec![StepSpec { verb, repeat: Repeat::Once, action }];
        return Ok(Recipe { grouping: Grouping::Sequence, draws: Vec::new(), steps });
    };
    let (mut known, mut grouping) = (vec!["weight", "do", "slo", "draw", "steps"], *grouping);
    if grouping == Grouping::Transact {
        known.push("interactive");
        if section.get_or("interactive", false, Item::flag)? {
            grouping = Grouping::Interactive;
        }
    }
    section.only(&known)?;
    if let Some(draws) = section.find("draw") {
        for (name, item) in draws.section()?.entries() {
            parser.draw(name, &item)?;
        }
    }
    let list = section.need("steps")?;
    let steps = list.items()?.iter().map(|item| parser.step(item, grouping)).collect::<ParseResult<Vec<_>>>()?;
    if steps.is_empty() {
        return Err(list.error("there are no steps; write at least one"));
    }
    let draws = parser.into_draws();
    for (at, draw) in draws.iter().enumerate().filter(|(_, draw)| matches!(draw.kind, DrawKind::NewRecord(_))) {
        let inserts = |step: &&StepSpec| matches!(step.action, Action::InsertDrawn { draw, .. } if draw == at);
        if steps.iter().filter(inserts).count() != 1 {
            let name = &draw.name;
            return Err(list.error(format!(
                "a new record has to be inserted exactly once; write {{ do = \"insert\", record = \"{name}\" }}"
            )));
        }
    }
    Ok(Recipe { grouping, draws, steps })
}
