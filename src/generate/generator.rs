//! What all lanes of a run share: the plan, the seed, and what is prepared from both.

use super::pool::Pools;
use crate::draw::rng::{self, Purpose, mix};
use crate::workload::{PROSE, Plan};
use drivers::Part;
use rand::Rng;
use rand_xoshiro::SplitMix64;
use std::sync::Arc;

/// A plan with a seed: all operations and all data follow from it.
#[derive(Debug)]
pub struct Generator {
    /// What is generated, and how much of it.
    pub plan: Arc<Plan>,
    /// What all random draws follow from.
    pub seed: u64,
    pub(super) pools: Pools,
    /// A word for each of [`PROSE_DRAWS`] equally likely draws.
    prose: Vec<&'static str>,
    /// The upper ends of the ranges into which the operations' shares divide all 64-bit numbers.
    mix: Vec<u64>,
}

impl Generator {
    /// Prepares a plan for a seed.
    pub fn new(plan: Arc<Plan>, seed: u64) -> Self {
        let ends = plan.operations.iter().scan(0.0, |sum, operation| {
            *sum += operation.share;
            Some((*sum * 2_f64.powi(64)) as u64)
        });
        let mix = ends.collect();
        Generator { pools: Pools::new(seed), prose: prose(), mix, plan, seed }
    }

    /// The operation that a random number selects.
    #[inline]
    pub(super) fn operation(&self, ticket: u64) -> usize {
        let at = self.mix.iter().position(|end| ticket < *end);
        at.unwrap_or(self.mix.len() - 1)
    }

    /// Draws a word of prose.
    #[inline]
    pub(super) fn word(&self, rng: &mut SplitMix64) -> &'static str {
        self.prose[(rng.next_u64() % PROSE_DRAWS) as usize]
    }

    /// The seed of the content of one record, event or entity: of (part, number) under the run's seed.
    #[inline]
    pub(super) fn content_seed(&self, part: Part, number: u64) -> u64 {
        let part = match part {
            Part::Table(at) => at as u64,
            Part::Log(at) => (1 << 32) | at as u64,
            Part::Series(at) => (2 << 32) | at as u64,
        };
        mix(rng::stream(self.seed, Purpose::Content, part), number)
    }
}

/// Fine enough for the rarest words of prose to be drawn, a power of two for the remainder to be one operation.
const PROSE_DRAWS: u64 = 4096;

/// The words of prose, repeated by Zipf's law.
fn prose() -> Vec<&'static str> {
    let harmonic: f64 = (1..=PROSE.len()).map(|rank| 1.0 / rank as f64).sum();
    let mut draws = Vec::with_capacity(PROSE_DRAWS as usize);
    let mut share = 0.0;
    for (rank, word) in PROSE.iter().enumerate() {
        share += 1.0 / ((rank + 1) as f64 * harmonic);
        draws.resize((share * PROSE_DRAWS as f64).round() as usize, *word);
    }
    draws.resize(PROSE_DRAWS as usize, PROSE[0]);
    draws
}
