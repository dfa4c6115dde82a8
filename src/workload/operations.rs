//! Reads the operations of the mix: `[operations.NAME]` with a weight, a verb and what the verb needs.
//!
//! The verbs are those of `drivers/seam/op.rs`; `sequence`, `batch` and `transact` hold steps, which are verbs again and may
//! use what the operation draws. Values and paths to them are read in `values.rs`.

use super::file::Scope;
use super::load;
use super::numbers::Numbers;
use super::operation::{Action, Draw, Drawn, Grouping, Operation, Recipe, Repeat, Step};
use super::reader::{Item, Reading, Section};
use super::values::Values;

/// The verbs that hold steps.
pub(super) const GROUPS: [(&str, Grouping); 3] =
    [("sequence", Grouping::Sequence), ("batch", Grouping::Batch), ("transact", Grouping::Transact)];

/// Most repetitions of a step, and most events of an append.
pub(super) const MOST_STEPS: i64 = 1000;

/// Reads the mix.
pub(super) fn operations(scope: &mut Scope, section: &Section<'_>) -> Reading<Vec<Operation>> {
    let mut operations = Vec::new();
    let mut total = 0.0;
    for (name, item) in section.entries() {
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(fine) {
            return Err(item.fault("the name has to be at most 40 lower-case letters, digits, - or _"));
        }
        if name == "total" {
            return Err(item.fault("the name means all operations together; choose another one"));
        }
        let section = item.section()?;
        let recipe = recipe(scope, &section)?;
        let weight = section.need("weight")?;
        let share = weight.number_in(0.0, 1e9)?;
        if share == 0.0 {
            return Err(weight.fault("a weight is above 0; leave the operation out if it should never happen"));
        }
        total += share;
        let slo = section.find("slo").map_or(Ok(load::Slo::default()), |item| load::slo(&item.section()?))?;
        operations.push(Operation { name: name.into(), share, slo, recipe });
    }
    if operations.is_empty() {
        return Err(section.fault("there are no operations; write at least one [operations.NAME]"));
    }
    operations.iter_mut().for_each(|operation| operation.share /= total);
    Ok(operations)
}

fn recipe(scope: &mut Scope, section: &Section<'_>) -> Reading<Recipe> {
    let verb = section.need("do")?;
    let Some((_, grouping)) = GROUPS.iter().find(|(name, _)| verb.text().is_ok_and(|text| text == *name)) else {
        let action = Reader { scope, values: Values::default() }.action(section, &["weight", "do", "slo"])?;
        return Ok(Recipe {
            grouping: Grouping::Sequence,
            draws: Vec::new(),
            steps: vec![Step { repeat: Repeat::Once, action }],
        });
    };
    section.only(&["weight", "do", "slo", "draw", "steps"])?;
    let mut reader = Reader { scope, values: Values::default() };
    if let Some(draws) = section.find("draw") {
        for (name, item) in draws.section()?.entries() {
            reader.draw(name, &item)?;
        }
    }
    let written = section.need("steps")?;
    let steps = written.items()?.iter().map(|item| reader.step(item, *grouping)).collect::<Reading<Vec<_>>>()?;
    if steps.is_empty() {
        return Err(written.fault("there are no steps; write at least one"));
    }
    let Reader { values, .. } = reader;
    let draws = values.into_draws();
    for (at, draw) in draws.iter().enumerate().filter(|(_, draw)| matches!(draw.what, Drawn::New(_))) {
        let inserts = |step: &&Step| matches!(step.action, Action::InsertDrawn { draw, .. } if draw == at);
        if steps.iter().filter(inserts).count() != 1 {
            let name = &draw.name;
            return Err(written.fault(format!(
                "a new record has to be inserted exactly once; write {{ do = \"insert\", record = \"{name}\" }}"
            )));
        }
    }
    Ok(Recipe { grouping: *grouping, draws, steps })
}

/// Reads the steps of one operation.
pub(super) struct Reader<'a> {
    pub scope: &'a mut Scope,
    pub values: Values,
}

impl Reader<'_> {
    /// `order = { new = "orders" }`, or any value, such as `amount = { int = [1, 500] }`.
    fn draw(&mut self, name: &str, item: &Item<'_>) -> Reading<()> {
        super::fields::identifier(name, item)?;
        let section = item.section()?;
        if let Some(new) = section.find("new") {
            section.only(&["new"])?;
            let table = self.scope.table(&new)?;
            return self.values.declare(Draw { name: name.into(), what: Drawn::New(table) }, None, item);
        }
        let (content, kind) = self.values.fresh(self.scope, &section)?;
        self.values.declare(Draw { name: name.into(), what: Drawn::Value(content) }, Some(kind), item)
    }

    fn step(&mut self, item: &Item<'_>, grouping: Grouping) -> Reading<Step> {
        let section = item.section()?;
        let verb = section.need("do")?;
        let repeat = match (section.find("each"), section.find("times")) {
            (None, None) => Repeat::Once,
            (None, Some(times)) => Repeat::Times(Numbers::ints(&times, 0, MOST_STEPS)?),
            (Some(each), None) => Repeat::Each(self.values.enter_each(self.scope, &each)?),
            (Some(each), Some(_)) => return Err(each.fault("`each` and `times` exclude each other; write only one")),
        };
        let action = self.action(&section, &["do", "each", "times"])?;
        self.values.leave_each();
        let transactable = matches!(
            action,
            Action::Insert { .. }
                | Action::InsertDrawn { .. }
                | Action::Read { .. }
                | Action::Update { .. }
                | Action::Delete { .. }
                | Action::Increment { .. }
                | Action::Find { .. }
        );
        if grouping == Grouping::Transact && !transactable {
            return Err(verb.fault("a transaction holds insert, read, update, delete, bump and find only"));
        }
        if grouping == Grouping::Sequence && !matches!(repeat, Repeat::Once) {
            return Err(verb.fault("each call of a sequence is measured on its own; repeat steps in a batch instead"));
        }
        if matches!(action, Action::InsertDrawn { .. }) && !matches!(repeat, Repeat::Once) {
            return Err(verb.fault("a new record is inserted once; leave `each` or `times` out"));
        }
        Ok(Step { repeat, action })
    }
}
