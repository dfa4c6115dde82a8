//! Operations whose documents are read together and then changed in one step.

use crate::{Key, Op};

/// Operations of a batch that go together: they keep other clients waiting for less than 1 ms.
const MAX_OPS: usize = 100;

/// Operations that go together.
#[derive(Debug, Clone, Copy)]
pub(in crate::stores::redis) enum OpGroup<'a> {
    /// One operation alone, or a transaction: all are done or none.
    All(&'a [Op]),
    /// Part of a batch: what comes before a failure stays, and a refusal stops nothing.
    Each(&'a [Op]),
}

impl<'a> OpGroup<'a> {
    /// The group at the front, and how many of `ops` it takes.
    pub(in crate::stores::redis) fn first(ops: &'a [Op], in_batch: bool) -> (Self, usize) {
        match ops {
            [Op::Transact(inner), ..] => (OpGroup::All(inner), 1),
            _ if in_batch => {
                let count = ops.iter().take(MAX_OPS).take_while(|op| op.transacts()).count();
                (OpGroup::Each(&ops[..count]), count)
            }
            _ => (OpGroup::All(ops), 1),
        }
    }

    pub(in crate::stores::redis) fn ops(self) -> &'a [Op] {
        match self {
            OpGroup::All(ops) | OpGroup::Each(ops) => ops,
        }
    }

    /// The records to read and watch; none if the group only reads.
    pub(in crate::stores::redis) fn watched(self) -> impl Iterator<Item = (usize, &'a Key)> {
        let writes = self.ops().iter().any(Op::writes);
        self.ops().iter().filter(move |_| writes).filter_map(Op::record)
    }
}
