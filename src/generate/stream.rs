//! The operations of one lane, one after the other.
//!
//! Operation i of a lane is a function of (seed, purpose, lane, i), except for the numbers of keys that depend on what has
//! been inserted (see `acknowledged_keys.rs`). Each named operation has one buffer that is refilled in place, so that
//! operations with a fixed number of steps allocate nothing. A single step is filled in by `steps.rs`; nothing here knows a
//! clock or a store.

use super::acknowledged_keys::KeyFrontiers;
use super::generator::Generator;
use super::key_allocator::Effect;
use super::scope::{DrawnValue, Scope};
use super::steps::StepWriter;
use super::template::template;
use crate::draw::keys::LanePosition;
use crate::draw::rng::{self, Purpose};
use crate::workload::{Action, Grouping, OperationSpec, Repeat, StepSpec};
use drivers::Op;
use rand::Rng;
use rand_xoshiro::SplitMix64;
use std::sync::Arc;

/// The operations of one lane.
#[derive(Debug)]
pub struct OpStream {
    generator: Arc<Generator>,
    writer: StepWriter,
    buffers: Vec<OperationBuffer>,
    /// (seed, purpose, lane): see [`rng::at`].
    stream: u64,
    position: LanePosition,
}

/// One operation to send.
#[derive(Debug)]
pub struct Call<'a> {
    /// Which of the plan's operations it is.
    pub operation: usize,
    /// What to send: one operation, or several one after the other, each when the last is answered.
    pub ops: &'a [Op],
}

/// The buffer of a named operation.
#[derive(Debug)]
struct OperationBuffer {
    draws: Vec<DrawnValue>,
    /// One for each step of a sequence; else the batch or transaction.
    ops: Vec<Op>,
    /// Whether the number of steps is always the same, so that each keeps its op.
    has_fixed_steps: bool,
    /// Whether a drawn record is inserted.
    inserts_drawn: bool,
    /// Whether it is a single step, sent without a batch or transaction.
    is_single: bool,
    /// The step that each op was made for.
    made_for: Vec<usize>,
    /// Ops that are not in use, by step.
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
        let buffers = generator.plan.operations.iter().map(OperationBuffer::new).collect();
        let position = LanePosition { lane: lane.into(), lanes: lanes.max(1).into(), i: 0 };
        let stream = rng::stream(generator.seed, purpose, lane.into());
        OpStream {
            writer: StepWriter::new(Arc::clone(&generator), frontiers, lane),
            generator,
            buffers,
            stream,
            position,
        }
    }

    /// Continues with another purpose, from its operation 0. Numbers to be used again and the count of written events stay.
    pub fn begin(&mut self, purpose: Purpose) {
        self.stream = rng::stream(self.generator.seed, purpose, self.position.lane);
        self.position.i = 0;
    }

    /// The next operation. Call [`complete`](OpStream::complete) before asking for the one after it.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "it lends its buffer, which no iterator can")]
    pub fn next(&mut self) -> Call<'_> {
        let mut rng = rng::at(self.stream, self.position.i);
        let operation = self.generator.operation(rng.next_u64());
        self.fill(operation, &mut rng);
        self.position.i += 1;
        Call { operation, ops: &self.buffers[operation].ops }
    }

    /// What to send for the last operation, by the index that [`next`](OpStream::next) gave.
    #[inline]
    pub fn ops(&self, operation: usize) -> &[Op] {
        &self.buffers[operation].ops
    }

    /// The name of an operation.
    pub fn name(&self, operation: usize) -> &str {
        &self.generator.plan.operations[operation].name
    }

    /// Says what became of the last operation.
    #[inline]
    pub fn complete(&mut self, effect: Effect) {
        self.writer.complete(effect);
    }

    /// One example of a named operation; to be completed like any other.
    pub fn example(&mut self, operation: usize) -> &[Op] {
        let mut rng = rng::at(self.stream, self.position.i);
        self.fill(operation, &mut rng);
        self.position.i += 1;
        &self.buffers[operation].ops
    }

    #[inline]
    fn fill(&mut self, operation: usize, rng: &mut SplitMix64) {
        let generator = &*self.generator;
        let (operation, buffer) = (&generator.plan.operations[operation], &mut self.buffers[operation]);
        self.writer.begin(self.position);
        buffer.draw(operation, &mut self.writer, rng);
        buffer.fill(operation, &mut self.writer, rng);
    }
}

impl OperationBuffer {
    fn new(operation: &OperationSpec) -> Self {
        let steps = &operation.recipe.steps;
        let has_fixed_steps = steps.iter().all(|step| matches!(step.repeat, Repeat::Once));
        let step_count = if has_fixed_steps { steps.len() } else { 0 };
        let ops: Vec<_> = steps[..step_count].iter().map(|step| template(&step.action)).collect();
        let ops = match operation.recipe.grouping {
            Grouping::Sequence => ops,
            Grouping::Batch => vec![Op::Batch(ops)],
            Grouping::Transact => vec![Op::Transact(ops)],
            Grouping::Interactive => vec![Op::Interactive(ops)],
        };
        let draws = operation.recipe.draws.iter().map(|_| DrawnValue::default()).collect();
        let inserts_drawn = steps.iter().any(|step| matches!(step.action, Action::InsertDrawn { .. }));
        OperationBuffer {
            draws,
            has_fixed_steps,
            inserts_drawn,
            is_single: has_fixed_steps
                && !inserts_drawn
                && step_count == 1
                && operation.recipe.grouping == Grouping::Sequence,
            ops,
            made_for: (0..step_count).collect(),
            unused: vec![Vec::new(); steps.len()],
        }
    }

    #[inline]
    fn draw(&mut self, operation: &OperationSpec, writer: &mut StepWriter, rng: &mut SplitMix64) {
        for (draw, drawn) in operation.recipe.draws.iter().zip(&mut self.draws) {
            writer.draw(&draw.kind, drawn, rng);
        }
    }

    #[inline]
    fn fill(&mut self, operation: &OperationSpec, writer: &mut StepWriter, rng: &mut SplitMix64) {
        if self.is_single {
            let scope = Scope { draws: &self.draws, each: None };
            writer.fill(&operation.recipe.steps[0].action, &mut self.ops[0], scope, rng);
        } else {
            self.fill_steps(&operation.recipe.steps, writer, rng);
        }
    }

    fn fill_steps(&mut self, steps: &[StepSpec], writer: &mut StepWriter, rng: &mut SplitMix64) {
        let list = match self.ops.as_mut_slice() {
            [Op::Batch(list) | Op::Transact(list) | Op::Interactive(list)] => list,
            _ => &mut self.ops,
        };
        if self.has_fixed_steps {
            let scope = Scope { draws: &self.draws, each: None };
            steps.iter().zip(list.iter_mut()).for_each(|(step, op)| writer.fill(&step.action, op, scope, rng));
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
                    let mut op = self.unused[at].pop().unwrap_or_else(|| template(&step.action));
                    let scope = Scope { draws: &self.draws, each: members.map(|members| &members[nth]) };
                    writer.fill(&step.action, &mut op, scope, rng);
                    list.push(op);
                    self.made_for.push(at);
                }
            }
        }
        if !self.inserts_drawn {
            return;
        }
        // Last, because steps refer to the records that are moved out here: the old record takes the place of the new one.
        for (op, made_for) in list.iter_mut().zip(&self.made_for) {
            if let (Op::Insert { record, .. }, Action::InsertDrawn { draw, .. }) = (op, &steps[*made_for].action) {
                std::mem::swap(record, &mut self.draws[*draw].record);
            }
        }
    }
}
