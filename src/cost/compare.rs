//! Offers compared for one run: per million operations by utilisation, per month at one, ten and a hundred times the
//! measured load, and where two of them break even.

use super::bill::{Bill, Measured, bill, per_million};
use super::breakeven::{BreakEven, break_even};
use super::catalogue::Catalogue;
use super::estimate::{price, units};
use super::line;
use super::node;
use super::offer::Offer;
use super::show::{columns, percent, plain, rate, usd};
use super::targets::Terms;
use crate::record::{AtUtilisation, Estimate, Host, Run};

const LOADS: [f64; 3] = [1.0, 10.0, 100.0];

/// A run, its terms, and what offers for it come to.
pub struct Comparison<'a> {
    run: &'a Run,
    catalogue: &'a Catalogue,
    measured: Measured,
    /// On which all of them are priced.
    pub terms: &'a Terms,
    /// Those that have a figure.
    pub priced: Vec<(&'a Offer, Estimate)>,
    missing: Vec<String>,
}

impl<'a> Comparison<'a> {
    /// Prices a run on each offer.
    pub fn of(run: &'a Run, host: &Host, catalogue: &'a Catalogue, terms: &'a Terms, offers: &[&'a Offer]) -> Self {
        let mut comparison = Comparison {
            run,
            catalogue,
            measured: Measured::of(run, host),
            terms,
            priced: Vec::new(),
            missing: Vec::new(),
        };
        for offer in offers {
            match price(run, host, catalogue, offer, terms) {
                Ok(estimate) => comparison.priced.push((offer, estimate)),
                Err(reason) => comparison.missing.push(format!("{}: no figure: {}", offer.id, plain(&reason))),
            }
        }
        comparison
    }

    /// The whole of it, indented by two.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if !self.priced.is_empty() {
            text = columns(&self.by_utilisation()) + "\n" + &columns(&self.by_load()) + "\n";
        }
        for (at, (a, _)) in self.priced.iter().enumerate() {
            for (b, _) in &self.priced[at + 1..] {
                text += &self.break_even(a, b).map_or(String::new(), |line| format!("  {line}\n"));
            }
        }
        self.missing.iter().for_each(|line| text += &format!("  {line}\n"));
        text + &line::units(&units(self.run)).map_or(String::new(), |line| format!("  {line}\n"))
    }

    /// One row an offer: the figure with its interval, those at other utilisations, and what it is made of.
    fn by_utilisation(&self) -> Vec<Vec<String>> {
        let planned = self.terms.utilisation;
        let others = |estimate: &Estimate| -> Vec<AtUtilisation> {
            estimate.by_utilisation.iter().copied().filter(|other| other.utilisation != planned).collect()
        };
        let mut rows = Vec::new();
        for (offer, estimate) in &self.priced {
            if rows.is_empty() {
                let at = |utilisation| format!("at {}", percent(utilisation));
                let mut header = vec!["USD per million".to_owned(), at(planned), "[low, high]".to_owned()];
                header.extend(others(estimate).iter().map(|other| at(other.utilisation)));
                header.push("made of".to_owned());
                rows.push(header);
            }
            let interval = estimate.interval.map(|[low, high]| format!("[{}, {}]", usd(low), usd(high)));
            let made_of: Vec<String> =
                estimate.lines.iter().map(|(name, amount)| format!("{name} {}", usd(*amount))).collect();
            let mut row = vec![offer.id.clone(), usd(estimate.usd_per_million), interval.unwrap_or("-".to_owned())];
            row.extend(others(estimate).iter().map(|other| usd(other.usd_per_million)));
            row.push(made_of.join(", "));
            rows.push(row);
        }
        rows
    }

    /// One row an offer: USD a month, and per million, at multiples of the measured load; ownership in it, and apart.
    fn by_load(&self) -> Vec<Vec<String>> {
        let loads = LOADS.map(|times| times * self.run.throughput_per_s);
        let row = |name: String, cell: &dyn Fn(f64) -> String| -> Vec<String> {
            [name].into_iter().chain(loads.map(cell)).collect()
        };
        let heading = |load: f64| format!("{}x = {}/s", (load / self.run.throughput_per_s).round(), rate(load));
        let mut rows = vec![row("USD a month (per million)".to_owned(), &heading)];
        for (offer, _) in &self.priced {
            rows.push(row(offer.id.clone(), &|load| self.month(offer, load)));
        }
        for (name, amount) in self.terms.ownership.lines() {
            rows.push(row(format!("  of which {name}"), &|load| money(amount, load)));
        }
        rows
    }

    /// An offer's month at an average load, ownership included, and the nodes that it takes, copies included.
    fn month(&self, offer: &Offer, load_per_s: f64) -> String {
        let peak_per_s = node::peak_per_s(load_per_s, self.terms.utilisation);
        let serving = if offer.is_compute() { node::serving(peak_per_s, self.run.throughput_per_s) } else { 1.0 };
        let Ok(bill) = self.bill(offer, serving) else { return "-".to_owned() };
        if !offer.is_compute() && load_per_s > bill.carries_per_s {
            return format!("carries {}/s", rate(bill.carries_per_s));
        }
        let owned: f64 = self.terms.ownership.lines().values().sum();
        let nodes = bill.nodes.map_or(String::new(), |nodes| format!(" x{nodes}"));
        money(bill.usd_per_month(load_per_s) + owned, load_per_s) + &nodes
    }

    fn bill(&self, offer: &Offer, serving: f64) -> Result<Bill, String> {
        bill(self.catalogue, offer, &self.measured, self.terms, serving)
    }

    fn break_even(&self, a: &Offer, b: &Offer) -> Option<String> {
        let (bill_a, bill_b) = (self.bill(a, 1.0).ok()?, self.bill(b, 1.0).ok()?);
        let Some(BreakEven { load_per_s, first_is_cheaper_below }) = break_even(&bill_a, &bill_b) else {
            let up_to_per_s = bill_a.carries_per_s.min(bill_b.carries_per_s);
            let up_to = if up_to_per_s.is_finite() { format!(" up to {}/s", rate(up_to_per_s)) } else { String::new() };
            let is_a = bill_a.usd_per_month(1.0) < bill_b.usd_per_month(1.0);
            let (cheap, dear) = if is_a { (a, b) } else { (b, a) };
            return Some(format!("no break-even{up_to}: {} is cheaper than {}", cheap.id, dear.id));
        };
        let (below, above) = if first_is_cheaper_below { (a, b) } else { (b, a) };
        Some(format!("break-even at {}/s: {} below, {} above", rate(load_per_s), below.id, above.id))
    }
}

fn money(usd_per_month: f64, load_per_s: f64) -> String {
    format!("{} ({})", usd(usd_per_month), usd(per_million(usd_per_month, load_per_s)))
}
