//! What the figures of a comparison rest on, each thing once: assumptions, prices with their dates, and what is left out.

use drivers::one_line;
use indexmap::{IndexMap, IndexSet};
use jiff::civil::Date;

use super::prices::copies;
use crate::cost::{HEADROOM, Offer, OfferComparison, STALE_AFTER_DAYS};
use crate::record::Estimate;
use crate::units::percent;

/// Gathers what the figures of several runs rest on.
pub struct Basis {
    today: Date,
    assumed: IndexSet<String>,
    prices: IndexMap<String, String>,
    left_out: IndexMap<String, IndexSet<String>>,
}

impl Basis {
    /// Of nothing yet; `today` is for the age of prices.
    pub fn new(today: Date) -> Self {
        Basis { today, assumed: IndexSet::new(), prices: IndexMap::new(), left_out: IndexMap::new() }
    }

    /// Adds what one run rests on.
    pub fn add(&mut self, comparison: &OfferComparison<'_>) {
        let terms = comparison.terms;
        let peak = (HEADROOM / terms.utilisation).max(1.0);
        for (offer, estimate) in &comparison.priced {
            let id = &offer.id;
            if offer.is_compute() {
                self.assumed.insert(format!(
                    "{id}: {}; {} utilisation; by the month as many nodes (x) as carry peaks of {peak:.2} times the \
                     average load at {} of each, the load spread evenly",
                    copies(estimate.copies),
                    percent(terms.utilisation),
                    percent(HEADROOM),
                ));
                if !estimate.measured_on_it {
                    self.assumed.insert(format!("{id}: estimate: measured on other hardware"));
                }
            }
            self.assumed.extend(estimate.assumed.iter().map(|clause| format!("{id}: {}", one_line(clause))));
            self.prices.entry(id.clone()).or_insert_with(|| price(offer, estimate, self.today));
            self.left_out.entry(id.clone()).or_default().extend(estimate.left_out.iter().map(|what| one_line(what)));
        }
    }

    /// As text; empty where no figure was printed.
    pub fn text(&self) -> String {
        if self.prices.is_empty() {
            return String::new();
        }
        let mut text =
            "Per million successful operations of the mix. A month has 730 hours, a GB 2^30 bytes. Storage is what the \
                 measured store held after the run, in memory where the service serves from there.\n".to_owned();
        text += "Assumed:\n";
        self.assumed.iter().for_each(|line| text += &format!("  {line}\n"));
        text += "Prices:\n";
        self.prices.iter().for_each(|(id, line)| text += &format!("  {id}: {line}\n"));
        text += "Not in the figures:\n";
        for (id, left_out) in &self.left_out {
            let left_out: Vec<&str> = left_out.iter().map(String::as_str).collect();
            text += &format!("  {id}: {}\n", left_out.join(", "));
        }
        text
    }
}

/// Region, term, source, date, quality, and how old the price is: at the time of the run and now.
fn price(offer: &Offer, estimate: &Estimate, today: Date) -> String {
    let priced = &estimate.offer;
    let now = offer.origin.age_days(today);
    let age = match (priced.age_days, now) {
        (Some(then), Some(now)) => format!("{then} days old at the run, {now} today"),
        (None, Some(now)) => format!("{now} days old today"),
        _ => "of unknown age".to_owned(),
    };
    let stale = if priced.stale || offer.origin.is_stale(today) {
        format!("; STALE: more than {STALE_AFTER_DAYS} days or unknown")
    } else {
        String::new()
    };
    format!(
        "{}, {}, {}, USD, {} ({}), {age}{stale}; source: {}",
        priced.service, priced.region, priced.term, priced.retrieved, priced.quality, priced.source
    )
}
