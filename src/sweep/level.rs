//! One level of load: what is asked for, and what was found.

use std::time::Duration;

use super::evidence::Evidence;
use super::plan::SearchStage;
use super::verdict::{self, Breach, LevelVerdict};

/// One level that is to be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelAsk {
    /// What for.
    pub stage: SearchStage,
    /// The rate that is offered; none for a closed loop.
    pub rate_per_s: Option<f64>,
    /// How many clients; none for as many as the search has.
    pub clients: Option<u32>,
    /// For how long, after a warm-up.
    pub window: Duration,
}

impl LevelAsk {
    /// A closed loop of so many clients.
    pub fn of_clients(clients: u32, window: Duration) -> LevelAsk {
        LevelAsk { stage: SearchStage::Clients, rate_per_s: None, clients: Some(clients), window }
    }
}

/// What was found at a level.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelFound {
    /// Successes per second.
    pub completed_per_s: f64,
    /// What it took, warm-up, loading and drain included.
    pub spent: Duration,
    /// The limit over its figure, of the limit that is nearest to breaking: 1 at the limit, less beyond. Absent without limits
    /// and where the figures are withheld.
    pub headroom: Option<f64>,
    /// What broke whatever the limits are.
    pub broke: Option<Breach>,
    /// What it says about each limit.
    pub evidence: Vec<Evidence>,
    /// Why the latencies are more than the store's, where they are: then a limit that is kept is kept, and one that is not
    /// says nothing about the store.
    pub shaped: Option<String>,
}

impl LevelFound {
    /// Whether it is within the limits, as far as it alone says.
    pub fn verdict(&self) -> LevelVerdict {
        if let Some(broke) = &self.broke {
            return LevelVerdict::Beyond(broke.clone());
        }
        let judged = verdict::judge(&self.evidence);
        match &self.shaped {
            Some(reason) if !judged.leans_within() => LevelVerdict::Beyond(Breach::Unusable(reason.clone())),
            _ => judged,
        }
    }
}

/// A level and what was found at it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredLevel {
    /// What was to be measured.
    pub ask: LevelAsk,
    /// What came out of it.
    pub found: LevelFound,
}
