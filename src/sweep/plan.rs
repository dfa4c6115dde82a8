//! How long the levels of a search are measured, and what it comes to: announced beforehand, and kept.

use std::time::Duration;

use super::limit::SweepLimit;

/// A step of a search, and how sure it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchStage {
    /// A closed loop, for the order of magnitude.
    Probe,
    /// Rising rates, until the store is overloaded: the curve.
    Ramp,
    /// Between the last rate within the limits and the first beyond.
    Bisect,
    /// The two rates of the answer, by windows long enough to be sure.
    Confirm,
    /// A number of clients in a closed loop, in a sweep over those.
    Clients,
}

/// What a search may spend, and how exact it has to be.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPlan {
    /// Time for all of it, warm-ups and loading included.
    pub budget: Duration,
    /// The answer's two rates lie this share below and above where the limit is crossed, if the budget can tell them from it.
    pub resolution: f64,
    /// Share of operations above the rarest percentile that is limited; 0 without one.
    pub rarest: f64,
    /// Decides which of the answer's two rates is confirmed first.
    pub seed: u64,
}

/// What is going to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// Levels of load that fit into the budget, at most.
    pub levels: usize,
    /// The time that will not be exceeded.
    pub budget: Duration,
}

impl SearchPlan {
    /// A shorter search could not confirm its answer: a percentile's interval takes ten seconds, twice.
    pub const SHORTEST: Duration = Duration::from_secs(60);

    /// A search for the highest rate within these limits.
    pub fn new(budget: Duration, limits: &[SweepLimit], seed: u64) -> SearchPlan {
        let above = limits.iter().filter_map(SweepLimit::percentile).map(|percentile| 1.0 - percentile.quantile());
        let rarest = above.reduce(f64::min).unwrap_or(0.0);
        // What can be told apart shrinks with the root of the time (simulation.rs).
        let resolution = 0.03 * (300.0 / budget.as_secs_f64()).sqrt().clamp(1.0, 2.4);
        SearchPlan { budget, resolution, rarest, seed }
    }

    /// How long a rate is measured: long enough for some samples above the rarest percentile, 20 to find the way and 1,000
    /// to decide (then the tail is known to 6 %, 1.96 / sqrt(1,000)), within a share of the budget.
    pub fn window(&self, stage: SearchStage, rate_per_s: f64) -> Duration {
        let budget_s = self.budget.as_secs_f64();
        let (samples, least_s, most_s) = match stage {
            SearchStage::Probe | SearchStage::Ramp | SearchStage::Clients => {
                (20.0, (budget_s / 60.0).clamp(2.0, 10.0), budget_s / 24.0)
            }
            SearchStage::Bisect => (50.0, (budget_s / 16.0).clamp(3.0, 60.0), budget_s / 12.0),
            SearchStage::Confirm => (1_000.0, (budget_s / 6.0).clamp(12.0, 120.0), budget_s / 3.5),
        };
        let wanted_s = if self.rarest > 0.0 { samples / (self.rarest * rate_per_s.max(1e-9)) } else { least_s };
        Duration::from_secs_f64(wanted_s.max(least_s).min(most_s.max(least_s)).ceil())
    }

    /// The shortest window that may decide: an interval takes ten whole seconds, and where fewer than 120 operations lie above the
    /// percentile, blocks of it are shorter than a busy queue's memory, and intervals too narrow (simulation.rs).
    pub fn shortest_confirming(&self, rate_per_s: f64) -> Duration {
        let wanted_s = if self.rarest > 0.0 { 120.0 / (self.rarest * rate_per_s.max(1e-9)) } else { 0.0 };
        Duration::from_secs_f64(wanted_s.min(self.budget.as_secs_f64() / 5.0).max(12.0).ceil())
    }

    /// How many levels fit into the budget at most, and how long they take.
    pub fn announce(&self, warmup: Duration) -> Announcement {
        let shortest = self.window(SearchStage::Ramp, f64::INFINITY) + warmup;
        let confirming = 2 * (self.window(SearchStage::Confirm, f64::INFINITY) + warmup);
        let left = self.budget.saturating_sub(confirming);
        Announcement { levels: 2 + (left.as_secs_f64() / shortest.as_secs_f64()) as usize, budget: self.budget }
    }
}

impl SearchStage {
    /// Its name in files and in what is printed.
    pub fn name(self) -> &'static str {
        match self {
            SearchStage::Probe => "probe",
            SearchStage::Ramp => "ramp",
            SearchStage::Bisect => "bisect",
            SearchStage::Confirm => "confirm",
            SearchStage::Clients => "clients",
        }
    }
}
