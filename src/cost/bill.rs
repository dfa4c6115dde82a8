//! The monthly bill of an offer for a measured store: the three models put together, line by line. A bill is a function
//! of the average load; which loads to ask it about is not known here.

use super::catalogue::Catalogue;
use super::node::{self, MILLION_SECONDS_PER_MONTH};
use super::offer::Offer;
use super::pricing::{BillingUnit, Pricing, Requests};
use super::requests::{self, Demand, ReadWriteUnits};
use super::storage;
use super::targets::PricingTerms;
use crate::record::{Host, MonthLine, Run};

/// What of a run and its machine a bill rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct BillingBasis {
    /// Successful operations per second.
    pub throughput_per_s: f64,
    /// What the store holds after the run, on disk or in memory where that is all it has.
    pub held_bytes: Option<u64>,
    /// What it holds in memory, if it serves all of its data from there.
    pub memory_bytes: Option<u64>,
    /// What the operations move.
    pub demand: Option<Demand>,
    /// GiB of the measured machine.
    pub memory_gb: f64,
}

/// What an offer costs in a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// What is due, line by line.
    pub lines: Vec<MonthLine>,
    /// The largest average load for which it holds.
    pub carries_per_s: f64,
    /// Nodes on it, copies included; none where the service keeps its own.
    pub nodes: Option<f64>,
}

impl BillingBasis {
    /// From a run and the machine that it ran on.
    pub fn from_run(run: &Run, host: &Host) -> Self {
        let [_, held_bytes] = storage::held_bytes(run);
        BillingBasis {
            throughput_per_s: run.throughput_per_s,
            held_bytes,
            memory_bytes: run.footprint.after_run.memory_bytes,
            demand: Demand::from_run(run),
            memory_gb: host.memory_bytes as f64 / storage::GB,
        }
    }

    /// What of the data counts for a service: all that is held, or what is held in memory. A store that does not tell the
    /// latter serves from its files.
    pub fn counted_bytes(&self, in_memory: bool) -> Option<u64> {
        self.memory_bytes.filter(|_| in_memory).or(self.held_bytes)
    }
}

fn fixed(name: &str, fixed_usd_per_month: f64, per_node: bool) -> MonthLine {
    MonthLine { name: name.to_owned(), fixed_usd_per_month, per_node, ..MonthLine::default() }
}

fn by_load(name: &str, usd_per_million: f64, included_usd_per_month: f64) -> MonthLine {
    MonthLine { name: name.to_owned(), usd_per_million, included_usd_per_month, ..MonthLine::default() }
}

/// USD a month of a line at an average load.
pub fn line_usd_per_month(line: &MonthLine, average_per_s: f64) -> f64 {
    let by_load = line.usd_per_million * average_per_s * MILLION_SECONDS_PER_MONTH;
    line.fixed_usd_per_month + (by_load - line.included_usd_per_month).max(0.0)
}

impl Bill {
    /// USD a month at an average load.
    pub fn usd_per_month(&self, average_per_s: f64) -> f64 {
        self.lines.iter().map(|line| line_usd_per_month(line, average_per_s)).sum()
    }

    /// USD per million operations at an average load.
    pub fn usd_per_million(&self, average_per_s: f64) -> f64 {
        per_million(self.usd_per_month(average_per_s), average_per_s)
    }

    /// The least and the most per million operations at any average load from `low` to `high`.
    ///
    /// Per operation, more load makes a fee cheaper and an included quota dearer, and it is one or the other between the
    /// loads at which a quota is used up: so the extremes are at those or at the ends.
    pub fn range_usd_per_million(&self, [low, high]: [f64; 2]) -> [f64; 2] {
        let used_up = |line: &MonthLine| {
            line.included_usd_per_month / (line.usd_per_million * MILLION_SECONDS_PER_MONTH) // NaN or infinite for none
        };
        let bends = self.lines.iter().map(used_up).filter(|load| (low..=high).contains(load));
        let usd = bends.chain([low, high]).map(|load| self.usd_per_million(load));
        usd.fold([f64::INFINITY, 0.0], |[least, most], usd| [least.min(usd), most.max(usd)])
    }
}

/// USD per million operations of what a month at an average load costs.
pub fn per_million(usd_per_month: f64, average_per_s: f64) -> f64 {
    usd_per_month / (average_per_s * MILLION_SECONDS_PER_MONTH)
}

/// Writes the bill of an offer; `serving` is the number of nodes among which the load is spread.
///
/// # Errors
/// When something that it rests on was not measured, or the offer cannot hold what the store holds.
pub fn bill(
    catalogue: &Catalogue,
    offer: &Offer,
    measured: &BillingBasis,
    terms: &PricingTerms,
    serving: f64,
) -> Result<Bill, String> {
    let node_carries = serving * measured.throughput_per_s * terms.utilisation.min(node::HEADROOM);
    let units = |counts| {
        let demand = measured.demand.as_ref().ok_or("item sizes unknown")?;
        Ok::<ReadWriteUnits, String>(demand.units(counts, terms.consistency))
    };
    let mut copies = terms.copies;
    let (mut lines, carries_per_s) = match &offer.pricing {
        Pricing::Node(priced) => {
            let holds = priced.memory_gb.unwrap_or(f64::INFINITY) * storage::GB;
            if measured.memory_bytes.is_some_and(|held| held as f64 > holds) {
                return Err("the store holds more in memory than this node has".to_owned());
            }
            copies = copies.max(priced.nodes);
            let sets = copies.div_ceil(priced.nodes.max(1));
            (compute(serving, f64::from(sets), priced.usd_per_hour), node_carries)
        }
        Pricing::Serverless(priced) => {
            let units = (measured.memory_gb / priced.memory_gb_per_unit).ceil().max(priced.minimum_units);
            (compute(serving, f64::from(copies), units * priced.usd_per_unit_hour), node_carries)
        }
        Pricing::Requests(priced) => by_requests(units(priced.counts)?, priced),
        Pricing::Provisioned(priced) => {
            let usd = requests::provisioned_usd_per_million(units(BillingUnit::Items)?, priced, terms.utilisation);
            (vec![by_load("reads", usd.reads, 0.0), by_load("writes", usd.writes, 0.0)], f64::INFINITY)
        }
        Pricing::Plan(plan) => {
            let held = measured.counted_bytes(plan.in_memory);
            if held.is_some_and(|held| held as f64 > plan.max_gb * storage::GB) {
                return Err(format!("the store holds more than the {} GB of this plan", plan.max_gb));
            }
            let commands = units(BillingUnit::Commands)?;
            let carries_per_s = plan.max_commands_per_s / (commands.reads + commands.writes);
            (vec![fixed("plan", plan.usd_per_month, false)], carries_per_s)
        }
        Pricing::Storage(storage) if measured.counted_bytes(storage.in_memory).is_none() => {
            return Err("stored bytes unknown".to_owned());
        }
        Pricing::Storage(_) => (Vec::new(), f64::INFINITY),
    };
    let storage = catalogue.storage_of(offer);
    lines.extend(storage.and_then(|(_, storage)| {
        let held = measured.counted_bytes(storage.in_memory)?;
        Some(fixed("storage", storage::usd_per_month(storage, held, copies), false))
    }));
    Ok(Bill { lines, carries_per_s, nodes: offer.is_compute().then_some(serving * f64::from(copies)) })
}

fn compute(serving: f64, sets: f64, usd_per_hour: f64) -> Vec<MonthLine> {
    let mut lines = vec![fixed("nodes", node::usd_per_month(serving, usd_per_hour), true)];
    if sets > 1.0 {
        lines.push(fixed("copies", node::usd_per_month(serving * (sets - 1.0), usd_per_hour), true));
    }
    lines
}

fn by_requests(units: ReadWriteUnits, priced: &Requests) -> (Vec<MonthLine>, f64) {
    let usd = requests::usd_per_million(units, priced);
    let included = |per_month: f64, usd_per_million: f64| per_month / 1e6 * usd_per_million;
    let mut lines = vec![
        by_load("reads", usd.reads, included(priced.included_reads_per_month, priced.usd_per_million_reads)),
        by_load("writes", usd.writes, included(priced.included_writes_per_month, priced.usd_per_million_writes)),
    ];
    if priced.usd_per_month > 0.0 {
        lines.push(fixed("fee", priced.usd_per_month, false));
    }
    (lines, priced.max_commands_per_s.map_or(f64::INFINITY, |most| most / (units.reads + units.writes)))
}
