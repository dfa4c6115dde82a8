//! The operations of one lane, one after the other.
//!
//! Operation i of a lane is a function of (seed, purpose, lane, i), but for the numbers of keys that depend on what has
//! been inserted (see `acknowledged_keys.rs`). Each named operation has one buffer that is refilled in place, so that operations of
//! a fixed shape allocate nothing. How a single step is filled in is in `steps.rs`; nothing here knows a clock or a store.

use super::blank::blank;
use super::fields::ValueGenerator;
use super::generator::{Generator, KeyFrontiers};
use super::scope::{DrawnValue, Scope};
use super::steps::StepWriter;
use crate::draw::keys::Turn;
use crate::draw::rng::{self, Purpose};
use crate::workload::{Action, Grouping, Operation, Repeat, Step};
use drivers::Op;
use rand::Rng;
use rand_xoshiro::SplitMix64;
use std::sync::Arc;

/// The operations of one lane.
#[derive(Debug)]
pub struct OpStream {
    generator: Arc<Generator>,
    hand: StepWriter,
    slots: Vec<Slot>,
    /// (seed, purpose, lane): see [`rng::at`].
    stream: u64,
    turn: Turn,
}

/// One operation to send.
#[derive(Debug)]
pub struct Call<'a> {
    /// Which of the plan's operations it is.
    pub operation: usize,
    /// What to send: one, or several one after the other, each once the last is answered.
    pub ops: &'a [Op],
}

/// What became of an operation, as far as its new keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It was done.
    Applied,
    /// It may have been done: a time-out, a broken connection, a batch or sequence that failed half-way.
    Unknown,
    /// It was certainly not done: refused, or failed and left no trace. Its new numbers are used again.
    NotApplied,
}

/// The buffer of a named operation.
#[derive(Debug)]
struct Slot {
    draws: Vec<DrawnValue>,
    /// One for each step of a sequence; else the batch or transaction.
    ops: Vec<Op>,
    /// Whether the number of steps never changes, so that each has its place.
    fixed: bool,
    /// Whether a drawn record is inserted.
    inserts_drawn: bool,
    /// Whether it is one step, sent as it is.
    single: bool,
    /// Which step each op was made for, and ops that are not in use, by step.
    made_for: Vec<usize>,
    unused: Vec<Vec<Op>>,
}

impl OpStream {
    /// The operations of lane `lane` of `lanes`.
    pub fn new(
        generator: Arc<Generator>,
        frontiers: Arc<KeyFrontiers>,
        purpose: Purpose,
        lane: u32,
        lanes: u32,
    ) -> Self {
        let slots = generator.plan.operations.iter().map(Slot::new).collect();
        let maker = ValueGenerator::new(Arc::clone(&generator), frontiers);
        let turn = Turn { lane: lane.into(), lanes: lanes.max(1).into(), i: 0 };
        let stream = rng::stream(generator.seed, purpose, lane.into());
        OpStream { hand: StepWriter::new(Arc::clone(&generator), maker, lane), generator, slots, stream, turn }
    }

    /// Goes over to another purpose, from its operation 0. Numbers to be used again and the count of written events stay.
    pub fn begin(&mut self, purpose: Purpose) {
        self.stream = rng::stream(self.generator.seed, purpose, self.turn.lane);
        self.turn.i = 0;
    }

    /// The next operation. To be settled before the one after it.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "it lends its buffer, which no iterator can")]
    pub fn next(&mut self) -> Call<'_> {
        let mut rng = rng::at(self.stream, self.turn.i);
        let operation = self.generator.operation(rng.next_u64());
        self.fill(operation, &mut rng);
        self.turn.i += 1;
        Call { operation, ops: &self.slots[operation].ops }
    }

    /// What to send for the last operation, given the index that [`next`](OpStream::next) told.
    #[inline]
    pub fn ops(&self, operation: usize) -> &[Op] {
        &self.slots[operation].ops
    }

    /// The name of an operation.
    pub fn name(&self, operation: usize) -> &str {
        &self.generator.plan.operations[operation].name
    }

    /// Says what became of the last operation.
    #[inline]
    pub fn settle(&mut self, outcome: Effect) {
        self.hand.settle(outcome);
    }

    /// One example of a named operation; to be settled like any other.
    pub fn example(&mut self, operation: usize) -> &[Op] {
        let mut rng = rng::at(self.stream, self.turn.i);
        self.fill(operation, &mut rng);
        self.turn.i += 1;
        &self.slots[operation].ops
    }

    #[inline]
    fn fill(&mut self, operation: usize, rng: &mut SplitMix64) {
        let generator = &*self.generator;
        let (operation, slot) = (&generator.plan.operations[operation], &mut self.slots[operation]);
        self.hand.begin(self.turn);
        slot.draw(operation, &mut self.hand, rng);
        slot.fill(operation, &mut self.hand, rng);
    }
}

impl Slot {
    fn new(operation: &Operation) -> Self {
        let steps = &operation.recipe.steps;
        let fixed = steps.iter().all(|step| matches!(step.repeat, Repeat::Once));
        let placed = if fixed { steps.len() } else { 0 };
        let blank: Vec<_> = steps[..placed].iter().map(|step| blank(&step.action)).collect();
        let ops = match operation.recipe.grouping {
            Grouping::Sequence => blank,
            Grouping::Batch => vec![Op::Batch(blank)],
            Grouping::Transact => vec![Op::Transact(blank)],
        };
        let draws = operation.recipe.draws.iter().map(|_| DrawnValue::default()).collect();
        let inserts_drawn = steps.iter().any(|step| matches!(step.action, Action::InsertDrawn { .. }));
        Slot {
            draws,
            fixed,
            inserts_drawn,
            single: fixed && !inserts_drawn && placed == 1 && operation.recipe.grouping == Grouping::Sequence,
            ops,
            made_for: (0..placed).collect(),
            unused: vec![Vec::new(); steps.len()],
        }
    }

    #[inline]
    fn draw(&mut self, operation: &Operation, hand: &mut StepWriter, rng: &mut SplitMix64) {
        for (draw, drawing) in operation.recipe.draws.iter().zip(&mut self.draws) {
            hand.draw(&draw.what, drawing, rng);
        }
    }

    #[inline]
    fn fill(&mut self, operation: &Operation, hand: &mut StepWriter, rng: &mut SplitMix64) {
        if self.single {
            let scene = Scope { draws: &self.draws, each: None };
            hand.fill(&operation.recipe.steps[0].action, &mut self.ops[0], scene, rng);
        } else {
            self.fill_steps(&operation.recipe.steps, hand, rng);
        }
    }

    fn fill_steps(&mut self, steps: &[Step], hand: &mut StepWriter, rng: &mut SplitMix64) {
        let list = match self.ops.as_mut_slice() {
            [Op::Batch(list) | Op::Transact(list)] => list,
            _ => &mut self.ops,
        };
        if self.fixed {
            let scene = Scope { draws: &self.draws, each: None };
            steps.iter().zip(list.iter_mut()).for_each(|(step, op)| hand.fill(&step.action, op, scene, rng));
        } else {
            list.drain(..).zip(self.made_for.drain(..)).for_each(|(op, step)| self.unused[step].push(op));
            for (at, step) in steps.iter().enumerate() {
                let (times, members) = match &step.repeat {
                    Repeat::Once => (1, None),
                    Repeat::Times(times) => (times.int(rng) as usize, None),
                    Repeat::Each(path) => {
                        let members = Scope { draws: &self.draws, each: None }.list(path);
                        (members.len(), Some(members))
                    }
                };
                for nth in 0..times {
                    let mut op = self.unused[at].pop().unwrap_or_else(|| blank(&step.action));
                    let scene = Scope { draws: &self.draws, each: members.map(|members| &members[nth]) };
                    hand.fill(&step.action, &mut op, scene, rng);
                    list.push(op);
                    self.made_for.push(at);
                }
            }
        }
        if !self.inserts_drawn {
            return;
        }
        // Last, since steps refer to the records that are moved out here: the old record takes the place of the new one.
        for (op, made_for) in list.iter_mut().zip(&self.made_for) {
            if let (Op::Insert { record, .. }, Action::InsertDrawn { draw, .. }) = (op, &steps[*made_for].action) {
                std::mem::swap(record, &mut self.draws[*draw].record);
            }
        }
    }
}
