//! Offers compared for one run: what each comes to, its month at one, ten and a hundred times the measured load, and where
//! two of them break even.

use indexmap::IndexMap;

use super::bill::{Bill, BillingBasis, bill};
use super::breakeven::{BreakEven, break_even};
use super::catalogue::Catalogue;
use super::estimate::price;
use super::node;
use super::offer::Offer;
use super::targets::PricingTerms;
use crate::record::{Estimate, Host, Run};

/// Multiples of the measured load at which months are shown.
const LOADS: [f64; 3] = [1.0, 10.0, 100.0];

/// A run, its terms, and what offers for it come to.
pub struct OfferComparison<'a> {
    /// The run that was measured.
    pub run: &'a Run,
    /// On which all of them are priced.
    pub terms: &'a PricingTerms,
    /// Those that have a figure.
    pub priced: Vec<(&'a Offer, Estimate)>,
    /// Those that have none, and why.
    pub missing: Vec<(&'a Offer, String)>,
    catalogue: &'a Catalogue,
    measured: BillingBasis,
}

/// A month on an offer at an average load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MonthAtLoad {
    /// Something that it would bill was not measured.
    Unknown,
    /// The offer does not carry the load.
    Overloaded {
        /// The largest average load that it carries.
        carries_per_s: f64,
    },
    /// It carries the load at this price.
    Billed {
        /// USD a month, ownership included.
        usd: f64,
        /// Nodes that carry the peaks, copies included; none where the service keeps its own.
        nodes: Option<f64>,
    },
}

/// Two offers, by the loads at which each is the cheaper one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Crossing<'a> {
    /// They change places at some load.
    At {
        /// The average load at which they cost the same.
        load_per_s: f64,
        /// Cheaper below that load.
        below: &'a Offer,
        /// The one that is cheaper above it.
        above: &'a Offer,
    },
    /// They never do, as far as both carry the load.
    Never {
        /// The largest average load that both carry; infinite if they carry any.
        up_to_per_s: f64,
        /// The one that is cheaper at every load.
        cheaper: &'a Offer,
        /// The one that is dearer at every load.
        dearer: &'a Offer,
    },
}

impl<'a> OfferComparison<'a> {
    /// Prices a run on each offer.
    pub fn new(
        run: &'a Run,
        host: &Host,
        catalogue: &'a Catalogue,
        terms: &'a PricingTerms,
        offers: &[&'a Offer],
    ) -> Self {
        let (mut priced, mut missing) = (Vec::new(), Vec::new());
        for offer in offers {
            match price(run, host, catalogue, offer, terms) {
                Ok(estimate) => priced.push((*offer, estimate)),
                Err(reason) => missing.push((*offer, reason)),
            }
        }
        OfferComparison { run, terms, priced, missing, catalogue, measured: BillingBasis::from_run(run, host) }
    }

    /// Average loads at which months are compared: multiples of the measured one.
    pub fn loads_per_s(&self) -> [f64; 3] {
        LOADS.map(|times| times * self.run.throughput_per_s)
    }

    /// USD a month by line of what owning the store costs, whatever the offer and the load.
    pub fn ownership(&self) -> IndexMap<String, f64> {
        self.terms.ownership.lines()
    }

    /// An offer's month at an average load.
    pub fn month(&self, offer: &Offer, load_per_s: f64) -> MonthAtLoad {
        let peak_per_s = node::peak_per_s(load_per_s, self.terms.utilisation);
        let serving = if offer.is_compute() { node::serving(peak_per_s, self.run.throughput_per_s) } else { 1.0 };
        let Ok(bill) = self.bill(offer, serving) else { return MonthAtLoad::Unknown };
        if !offer.is_compute() && load_per_s > bill.carries_per_s {
            return MonthAtLoad::Overloaded { carries_per_s: bill.carries_per_s };
        }
        let owned: f64 = self.ownership().values().sum();
        MonthAtLoad::Billed { usd: bill.usd_per_month(load_per_s) + owned, nodes: bill.nodes }
    }

    fn bill(&self, offer: &Offer, serving: f64) -> Result<Bill, String> {
        bill(self.catalogue, offer, &self.measured, self.terms, serving)
    }

    /// Where two offers change places; none where one of them has no bill.
    pub fn crossing(&self, a: &'a Offer, b: &'a Offer) -> Option<Crossing<'a>> {
        let (bill_a, bill_b) = (self.bill(a, 1.0).ok()?, self.bill(b, 1.0).ok()?);
        Some(match break_even(&bill_a, &bill_b) {
            Some(BreakEven { load_per_s, first_is_cheaper_below }) => {
                let (below, above) = if first_is_cheaper_below { (a, b) } else { (b, a) };
                Crossing::At { load_per_s, below, above }
            }
            None => {
                let a_is_cheaper = bill_a.usd_per_month(1.0) < bill_b.usd_per_month(1.0);
                let (cheaper, dearer) = if a_is_cheaper { (a, b) } else { (b, a) };
                Crossing::Never { up_to_per_s: bill_a.carries_per_s.min(bill_b.carries_per_s), cheaper, dearer }
            }
        })
    }
}
