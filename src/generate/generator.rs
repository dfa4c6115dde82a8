//! What all lanes of a run share: the plan, the seed, and what is prepared from both; and the numbering of new keys.

use super::acknowledged_keys::AcknowledgedKeys;
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
    /// The plan.
    pub plan: Arc<Plan>,
    /// The seed.
    pub seed: u64,
    pub(super) pools: Pools,
    /// A word for each of [`PROSE_DRAWS`] equally likely draws.
    prose: Vec<&'static str>,
    /// Upper ends of the operations' parts of all 64-bit numbers.
    mix: Vec<u64>,
}

/// The numbering of new records of each table and of the ingested batches of each series. One for a run: the warm-up and
/// the measurement go on from each other.
#[derive(Debug)]
pub struct KeyFrontiers {
    tables: Vec<AcknowledgedKeys>,
    series: Vec<AcknowledgedKeys>,
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

    /// The operation that a random number stands for.
    #[inline]
    pub(super) fn operation(&self, ticket: u64) -> usize {
        let at = self.mix.iter().position(|end| ticket < *end);
        at.unwrap_or(self.mix.len() - 1)
    }

    /// A word of prose.
    #[inline]
    pub(super) fn word(&self, rng: &mut SplitMix64) -> &'static str {
        self.prose[(rng.next_u64() % PROSE_DRAWS) as usize]
    }

    /// Names the content of one record, event or point: (part, number) under this seed.
    #[inline]
    pub(super) fn content(&self, part: Part, number: u64) -> u64 {
        let place = match part {
            Part::Table(at) => at as u64,
            Part::Log(at) => (1 << 32) | at as u64,
            Part::Series(at) => (2 << 32) | at as u64,
        };
        mix(rng::stream(self.seed, Purpose::Content, place), number)
    }
}

impl KeyFrontiers {
    /// As they are after the load.
    pub fn new(plan: &Plan) -> Self {
        KeyFrontiers {
            tables: plan.tables.iter().map(|table| AcknowledgedKeys::new(table.records)).collect(),
            series: plan
                .series
                .iter()
                .map(|series| AcknowledgedKeys::new(series.load_ticks * series.groups()))
                .collect(),
        }
    }

    /// The frontier of a table's records or a series' batches; streams of a log are not added to.
    #[inline]
    pub fn of(&self, part: Part) -> Option<&AcknowledgedKeys> {
        match part {
            Part::Table(at) => self.tables.get(at),
            Part::Series(at) => self.series.get(at),
            Part::Log(_) => None,
        }
    }
}

/// Fine enough for the rarest words of prose to be drawn, a power of two for the remainder to be one operation.
const PROSE_DRAWS: u64 = 4096;

/// The words of prose, each as often as Zipf's law says.
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
