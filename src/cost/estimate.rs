//! The estimate that every run carries: units per operation, the price on the node nearest to the measured machine (or
//! on a chosen offer), and the prices of request-billed services that stand for the same store. Tables over several
//! loads are in `compare`.

use drivers::Placement;
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};

use super::bill::{BillingBasis, bill, line_usd_per_month, per_million};
use super::catalogue::Catalogue;
use super::caveats::{assumed, left_out, measured_on_it};
use super::file::CostError;
use super::interval::interval;
use super::month;
use super::node;
use super::offer::Offer;
use super::pricing::{BillingUnit, Node, Pricing};
use super::requests::{Consistency, Demand};
use super::storage;
use super::targets::{Options, PricingTerms};
use crate::record::{AtUtilisation, Cost, Estimate, Host, Model, MonthLine, PricedOffer, Run, Units};

/// Shown for every node: the floor, a plan, and a machine that mostly waits.
const UTILISATIONS: [f64; 3] = [1.0, 0.4, 0.1];

/// Prices a run.
///
/// # Errors
/// When the chosen offer is not in the catalogue.
pub fn estimate(run: &Run, host: &Host, catalogue: &Catalogue, options: &Options) -> Result<Cost, CostError> {
    let terms = options.terms(run);
    let chosen = terms.offer.as_deref().map(|id| catalogue.offer(id)).transpose()?;
    if let Some(reasons) = unusable(run) {
        return Ok(Cost { missing: reasons, ..Cost::default() });
    }
    let mut cost = Cost { units: units(run), ..Cost::default() };
    let offers = default_offers(run, host, catalogue, chosen);
    if !offers.iter().any(|offer| offer.is_compute()) && chosen.is_none() {
        cost.missing.push("no node price: the size of the measured machine is unknown".to_owned());
    }
    for offer in offers {
        match price(run, host, catalogue, offer, &terms) {
            Ok(estimate) => cost.estimates.push(estimate),
            Err(reason) => cost.missing.push(format!("{}: no figure: {reason}", offer.id)),
        }
    }
    Ok(cost)
}

/// Why a run must not be priced, if so.
pub fn unusable(run: &Run) -> Option<Vec<String>> {
    if !run.verdict.valid {
        let reasons = run.verdict.reasons.iter().map(|reason| format!("no figure: the run is invalid: {reason}"));
        let reasons: Vec<String> = reasons.collect();
        return Some(if reasons.is_empty() { vec!["no figure: the run is invalid".to_owned()] } else { reasons });
    }
    let works = run.throughput_per_s.is_finite() && run.throughput_per_s > 0.0;
    (!works).then(|| vec!["no figure: no operation succeeded".to_owned()])
}

/// What a run is priced on by default: the chosen or nearest node, and services billed by requests that stand
/// for the same driver.
pub fn default_offers<'a>(
    run: &Run,
    host: &Host,
    catalogue: &'a Catalogue,
    chosen: Option<&'a Offer>,
) -> Vec<&'a Offer> {
    let driver = &run.store.driver;
    let memory_gb = host.memory_bytes as f64 / storage::GB;
    let first = chosen.or_else(|| node::nearest(catalogue, driver, host.cpus as f64, memory_gb));
    let by_requests = catalogue
        .offers()
        .filter(|offer| matches!(offer.pricing, Pricing::Requests(_)) && offer.runs(driver) && Some(*offer) != first);
    first.into_iter().chain(by_requests).collect()
}

/// One figure with all that it rests on.
///
/// # Errors
/// When something that the offer bills was not measured.
pub fn price(
    run: &Run,
    host: &Host,
    catalogue: &Catalogue,
    offer: &Offer,
    terms: &PricingTerms,
) -> Result<Estimate, String> {
    let measured = BillingBasis::from_run(run, host);
    let bill_at = |demand: Option<Demand>, utilisation: f64| {
        let measured = BillingBasis { demand, ..measured.clone() };
        bill(catalogue, offer, &measured, &PricingTerms { utilisation, ..terms.clone() }, 1.0)
    };
    let at = |utilisation: f64| {
        let bill = bill_at(measured.demand.clone(), utilisation)?;
        let average_per_s = run.throughput_per_s * utilisation;
        if !offer.is_compute() && average_per_s > bill.carries_per_s {
            return Err(format!("it carries at most {:.0} operations per second", bill.carries_per_s));
        }
        Ok(bill.usd_per_million(average_per_s))
    };
    let average_per_s = run.throughput_per_s * terms.utilisation;
    let usd_per_million = at(terms.utilisation)?;
    let planned = bill_at(measured.demand.clone(), terms.utilisation)?;
    let line =
        |line: &MonthLine| (line.name.clone(), per_million(line_usd_per_month(line, average_per_s), average_per_s));
    let ownership = terms.ownership.lines().into_iter().map(|(name, usd)| (name, per_million(usd, average_per_s)));
    let by_utilisation = UTILISATIONS
        .into_iter()
        .map(|utilisation| Ok(AtUtilisation { utilisation, usd_per_million: at(utilisation)? }));
    let bill_of = |demand: Demand| bill_at(Some(demand), terms.utilisation).ok();
    let by_requests = measured.demand.as_ref().filter(|_| offer.model() == Model::Requests);
    Ok(Estimate {
        offer: priced_offer(offer, day_of(run)),
        model: offer.model(),
        usd_per_million,
        interval: interval(run, &planned, terms.utilisation, by_requests, bill_of),
        utilisation: terms.utilisation,
        copies: copies(offer, terms),
        average_per_s,
        lines: planned.lines.iter().map(line).collect(),
        ownership: ownership.collect(),
        by_utilisation: by_utilisation.collect::<Result<_, String>>()?,
        month: Some(month::month(&planned)),
        measured_on_it: measured_on_it(run, host, offer),
        assumed: assumed(run, offer, terms, &measured),
        left_out: left_out(catalogue, offer, terms, &measured),
    })
}

/// Units per operation, which carry over to any price.
pub fn units(run: &Run) -> Units {
    let demand = Demand::from_run(run);
    let items = demand.as_ref().map(|demand| demand.units(BillingUnit::Items, Consistency::Strong));
    // The footprints enclose the warm-up and the drain, so all that succeeded between them shares in their difference.
    let between = run.timeline.iter().map(|second| second.ok).sum::<u64>().max(run.counts.succeeded).max(1) as f64;
    // A store that shrank, by a checkpoint for one, says nothing of what an operation stores.
    let grown = |[before, after]: [Option<u64>; 2]| Some(after?.checked_sub(before?)? as f64 / between);
    let held_bytes = storage::held_bytes(run);
    let embedded = run.store.placement == Placement::Embedded;
    let cpu_ns = if embedded { Some(run.client.cpu_ns_per_op) } else { run.server_cpu_ns_per_op };
    Units {
        server_cpu_s: cpu_ns.filter(|ns| *ns > 0.0).map(|ns| ns / 1e9),
        cpu_includes_suite: embedded,
        stored_bytes: grown(held_bytes),
        written_bytes: grown([run.footprint.after_load.written_bytes, run.footprint.after_run.written_bytes]),
        read_units: items.map(|units| units.reads),
        write_units: items.map(|units| units.writes),
        rows: demand.as_ref().map(Demand::rows),
        held_bytes: held_bytes[1],
        amplification: storage::amplification(run),
    }
}

/// The day of a run, UTC.
fn day_of(run: &Run) -> Option<Date> {
    run.started_at.parse::<Timestamp>().ok().map(|instant| instant.to_zoned(TimeZone::UTC).date())
}

fn priced_offer(offer: &Offer, day: Option<Date>) -> PricedOffer {
    let origin = &offer.origin;
    PricedOffer {
        id: offer.id.clone(),
        // `Turso Developer` of Turso needs its provider no second time.
        service: if origin.service.starts_with(&origin.provider) {
            origin.service.clone()
        } else {
            format!("{} {}", origin.provider, origin.service)
        },
        region: origin.region.clone(),
        term: origin.term.clone(),
        source: origin.source.clone(),
        retrieved: origin.date(),
        quality: format!("{:?}", origin.quality),
        age_days: day.and_then(|day| origin.age_days(day)),
        stale: day.is_none_or(|day| origin.is_stale(day)),
    }
}

/// Nodes that hold the data; none where the service keeps its own copies.
fn copies(offer: &Offer, terms: &PricingTerms) -> Option<u32> {
    match &offer.pricing {
        Pricing::Node(Node { nodes, .. }) => Some(terms.copies.max(*nodes)),
        Pricing::Serverless(_) => Some(terms.copies),
        _ => None,
    }
}
