//! What the record keeps beside a figure: whether it was measured on what is priced, and, in a few words each because the
//! record is read by people, what it assumes and what is not in it. The figures themselves are in `estimate`; how a report
//! puts all of this is in `report::cost`.

use drivers::{Placement, one_line};

use super::bill::BillingBasis;
use super::catalogue::Catalogue;
use super::offer::Offer;
use super::pricing::{BillingUnit, OtherCharges, Pricing};
use super::requests::Consistency;
use super::targets::PricingTerms;
use crate::record::{Host, Mode, Run};
use crate::units;

/// Whether the store ran in this process or as a server beside it, on a machine of the priced type.
pub fn measured_on_it(run: &Run, host: &Host, offer: &Offer) -> bool {
    let is_machine = offer.origin.runs.iter().any(|name| name == "any");
    let is_type = host.instance.as_ref().is_some_and(|instance| offer.id == format!("ec2.{instance}"));
    is_machine && is_type && ran_here(run)
}

/// A store that is named by an address may run anywhere.
fn ran_here(run: &Run) -> bool {
    run.store.placement == Placement::Embedded || !run.store.name.contains("://")
}

/// What a figure assumes; one clause each.
pub fn assumed(run: &Run, offer: &Offer, terms: &PricingTerms, measured: &BillingBasis) -> Vec<String> {
    let mut assumed = Vec::new();
    if offer.is_compute() {
        assumed.push(match run.load.mode {
            Mode::Open => "the offered rate counts as what a node carries, so the figure is an upper bound".to_owned(),
            Mode::Closed => format!(
                "{} throughput counts as what a node carries",
                units::possessive(run.load.clients.into(), "client")
            ),
        });
        if terms.offer.is_none() && !ran_here(run) {
            assumed.push("sized by the client's machine, for the server's is not known".to_owned());
        }
    }
    if !offer.runs(&run.store.driver) && !matches!(offer.pricing, Pricing::Storage(_)) {
        assumed.push(format!("measured on {}, which this service does not run", run.store.driver));
    }
    match &offer.pricing {
        Pricing::Serverless(priced) => {
            let units = (measured.memory_gb / priced.memory_gb_per_unit).ceil().max(priced.minimum_units);
            assumed.push(format!("{units} {} without a pause, as much memory as the measured machine", priced.unit));
        }
        Pricing::Requests(priced) if priced.counts == BillingUnit::Rows => {
            assumed.push("rows scanned are rows answered, as with a fitting index".to_owned());
        }
        Pricing::Requests(priced) if priced.counts == BillingUnit::Items => assumed.push(consistency(terms)),
        Pricing::Requests(_) => assumed.push("items of average size".to_owned()),
        Pricing::Provisioned(_) => assumed.push(consistency(terms)),
        _ => {}
    }
    assumed
}

fn consistency(terms: &PricingTerms) -> String {
    format!(
        "items of average size, {} reads",
        if terms.consistency == Consistency::Strong { "strong" } else { "eventual" }
    )
}

/// What is not in a figure; a few words each.
pub fn left_out(catalogue: &Catalogue, offer: &Offer, terms: &PricingTerms, measured: &BillingBasis) -> Vec<String> {
    let storage = catalogue.storage_of(offer);
    let mut left_out = Vec::new();
    if measured.counted_bytes(storage.is_some_and(|(_, storage)| storage.in_memory)).is_none() {
        left_out.push("storage (not measured)".to_owned());
    } else if storage.is_none() {
        left_out.push("storage beyond what the price includes".to_owned());
    }
    left_out.extend(["backups", "network", "licences", "taxes", "discounts"].map(str::to_owned));
    let stated = terms.ownership.lines();
    let unstated = [("engineer hours", "staff"), ("support", "support")];
    left_out
        .extend(unstated.iter().filter(|(line, _)| !stated.contains_key(*line)).map(|(_, name)| (*name).to_owned()));
    let billed = [Some(offer), storage.map(|(storage, _)| storage).filter(|storage| storage.id != offer.id)];
    for [beside, free] in billed.into_iter().flatten().map(Offer::other_charges) {
        left_out.extend(listed("other charges", beside));
        left_out.extend(listed("its free tier", free));
    }
    left_out
}

/// `other charges (usd per iops month 0.005, included iops 3000)`.
fn listed(what: &str, entries: Option<&OtherCharges>) -> Option<String> {
    let entries = entries.filter(|entries| !entries.is_empty())?;
    let entry =
        |(name, number): (&String, &f64)| format!("{} {}", one_line(name).replace('_', " "), units::stated(*number));
    Some(format!("{what} ({})", entries.iter().map(entry).collect::<Vec<_>>().join(", ")))
}
