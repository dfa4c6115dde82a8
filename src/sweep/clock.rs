//! How much of a search's budget is spent, and what its next level is going to take.

use std::time::Duration;

/// The time of a search.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SearchClock {
    budget: Duration,
    spent: Duration,
    /// The most that a level took beyond its window and what its backlog needs to drain.
    overhead: Duration,
    /// The most that a level completed, per second.
    carried_per_s: f64,
}

impl SearchClock {
    pub(super) fn new(budget: Duration) -> SearchClock {
        SearchClock { budget, ..SearchClock::default() }
    }

    /// A level of this rate is over.
    pub(super) fn add(&mut self, window: Duration, rate_per_s: Option<f64>, spent: Duration, completed_per_s: f64) {
        self.carried_per_s = self.carried_per_s.max(completed_per_s);
        let drain = self.drain(window, rate_per_s);
        self.overhead = self.overhead.max(spent.saturating_sub(window + drain));
        self.spent += spent;
    }

    /// What is left of the budget.
    pub(super) fn left(&self) -> Duration {
        self.budget.saturating_sub(self.spent)
    }

    /// What a level takes beyond its window, if it leaves no backlog.
    pub(super) fn overhead(&self) -> Duration {
        self.overhead
    }

    /// How long a level is going to take.
    pub(super) fn expected(&self, window: Duration, rate_per_s: Option<f64>) -> Duration {
        window + self.overhead + self.drain(window, rate_per_s)
    }

    /// How long a store that completes no more than it has shown so far needs for what a window of this rate leaves undone.
    fn drain(&self, window: Duration, rate_per_s: Option<f64>) -> Duration {
        let beyond = rate_per_s.map_or(0.0, |per_s| per_s / self.carried_per_s - 1.0);
        if self.carried_per_s > 0.0 { window.mul_f64(beyond.clamp(0.0, 10.0)) } else { Duration::ZERO }
    }
}
