//! The numbers of new keys that one lane takes, and what becomes of them: acknowledged, indeterminate, or used again.

use super::acknowledged_keys::KeyFrontiers;
use drivers::Part;
use std::sync::Arc;

/// What became of an operation, as far as its new keys are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It happened, as the store acknowledged.
    Applied,
    /// It may have happened: a time-out, a broken connection, a batch or sequence that failed half-way.
    Unknown,
    /// It certainly did not happen: refused, or failed without a trace. Its new numbers are used again.
    NotApplied,
}

/// The new numbers of one lane.
#[derive(Debug)]
pub(super) struct KeyAllocator {
    frontiers: Arc<KeyFrontiers>,
    /// Numbers taken for the current operation.
    pending: Vec<(Part, u64)>,
    /// Numbers whose inserts did not happen.
    spare: Vec<(Part, u64)>,
}

impl KeyAllocator {
    pub fn new(frontiers: Arc<KeyFrontiers>) -> Self {
        KeyAllocator { frontiers, pending: Vec::new(), spare: Vec::new() }
    }

    /// The number for a new key: one whose insert did not happen, or else the next one.
    pub fn take(&mut self, part: Part) -> u64 {
        let number = match self.spare.iter().rposition(|(spare, _)| *spare == part) {
            Some(at) => self.spare.swap_remove(at).1,
            None => self.frontiers.get(part).map_or(0, |keys| keys.take()),
        };
        self.pending.push((part, number));
        number
    }

    /// Says what became of the current operation.
    #[inline]
    pub fn complete(&mut self, effect: Effect) {
        if !self.pending.is_empty() {
            self.complete_pending(effect);
        }
    }

    fn complete_pending(&mut self, effect: Effect) {
        for (part, number) in self.pending.drain(..) {
            match (effect, self.frontiers.get(part)) {
                (Effect::NotApplied, _) => self.spare.push((part, number)),
                (Effect::Applied, Some(keys)) => keys.acknowledge(number),
                (Effect::Unknown, Some(keys)) => keys.mark_indeterminate(number),
                (Effect::Applied | Effect::Unknown, None) => {}
            }
        }
    }
}
