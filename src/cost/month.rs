//! What an estimate comes to by the month at any load, from the record alone: the prices are those of the day on which it
//! was made, whatever the catalogue says today.

use super::bill::{Bill, line_usd_per_month};
use super::breakeven;
use super::node;
use crate::record::{Estimate, Model, Month, Run};

/// A month on an offer as a function of the average load.
#[derive(Debug, Clone)]
pub struct Monthly<'a> {
    estimate: &'a Estimate,
    bill: Bill,
    throughput_per_s: f64,
}

/// What the record keeps of a bill for one serving node.
pub(super) fn month(bill: &Bill) -> Month {
    let carries_per_s = Some(bill.carries_per_s).filter(|load| load.is_finite());
    Month { lines: bill.lines.clone(), carries_per_s }
}

impl<'a> Monthly<'a> {
    /// Of an estimate of a run; none in a record that does not hold its month.
    pub fn from_estimate(run: &Run, estimate: &'a Estimate) -> Option<Monthly<'a>> {
        let month = estimate.month.as_ref()?;
        let carries_per_s = month.carries_per_s.unwrap_or(f64::INFINITY);
        let bill = Bill { lines: month.lines.clone(), carries_per_s, nodes: None };
        let is_sound = run.throughput_per_s.is_finite() && run.throughput_per_s > 0.0 && estimate.utilisation > 0.0;
        is_sound.then_some(Monthly { estimate, bill, throughput_per_s: run.throughput_per_s })
    }

    /// The estimate that it is the month of.
    pub fn estimate(&self) -> &'a Estimate {
        self.estimate
    }

    /// Whether it is paid by the node, of which more are needed for more load.
    pub fn is_by_node(&self) -> bool {
        self.estimate.model == Model::Nodes
    }

    /// USD a month at an average load, with as many nodes as carry its peaks; none where the offer does not carry it.
    pub fn usd_per_month(&self, average_per_s: f64) -> Option<f64> {
        if !self.is_by_node() {
            return (average_per_s <= self.bill.carries_per_s).then(|| self.bill.usd_per_month(average_per_s));
        }
        let peak_per_s = node::peak_per_s(average_per_s, self.estimate.utilisation);
        let serving = node::serving(peak_per_s, self.throughput_per_s);
        let usd = self
            .bill
            .lines
            .iter()
            .map(|line| line_usd_per_month(line, average_per_s) * if line.per_node { serving } else { 1.0 });
        Some(usd.sum())
    }

    /// The load at which this and another cost the same, as long as one node serves.
    pub fn break_even_per_s(&self, other: &Monthly<'_>) -> Option<f64> {
        breakeven::break_even(&self.bill, &other.bill).map(|found| found.load_per_s)
    }
}
