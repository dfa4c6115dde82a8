//! Stores with their prices, for the charts about money: what the record's estimates say, and the words for a price.

use crate::cost::Monthly;
use crate::record::{Estimate, Model, PricedOffer, Run};
use crate::report::group::Cell;
use crate::report::lists::distinct;
use crate::stats::spread_of;

/// What a store costs for a million operations, on nodes.
#[derive(Debug)]
pub struct PerMillion<'a> {
    /// USD: lowest, value and highest.
    pub usd: [f64; 3],
    /// The estimate of the first valid run.
    pub estimate: &'a Estimate,
}

/// The node-priced figure of a store over its valid runs: of one run with its interval, which is that of the throughput;
/// of several their median with the extremes. None without one, or where the runs were priced on different offers.
pub fn per_million<'a>(cell: &Cell<'a>) -> Option<PerMillion<'a>> {
    let estimates: Option<Vec<&Estimate>> = cell.valid().map(node_priced).collect();
    let estimates = estimates?;
    let estimate = *estimates.first()?;
    if estimates.iter().any(|other| other.offer.id != estimate.offer.id) {
        return None;
    }
    let usd = match (&estimates[..], estimate.interval) {
        ([_], Some([low, high])) => [low, estimate.usd_per_million, high],
        _ => spread_of(estimates.iter().map(|one| one.usd_per_million)),
    };
    usd.iter().all(|usd| usd.is_finite() && *usd > 0.0).then_some(PerMillion { usd, estimate })
}

fn node_priced(run: &Run) -> Option<&Estimate> {
    run.cost.as_ref()?.estimates.iter().find(|estimate| estimate.model == Model::Nodes)
}

/// The median run of a store at the level of load that carried most, and its month on each offer that it was priced on:
/// money follows from a run and not from a single figure.
pub fn by_month<'a>(levels: &[Cell<'a>]) -> Option<(&'a Run, Vec<Monthly<'a>>)> {
    let medians = levels.iter().filter_map(Cell::median_run);
    let run = medians.max_by(|a, b| a.throughput_per_s.total_cmp(&b.throughput_per_s))?;
    let months: Vec<Monthly<'a>> =
        run.cost.as_ref()?.estimates.iter().filter_map(|estimate| Monthly::from_estimate(run, estimate)).collect();
    (!months.is_empty()).then_some((run, months))
}

/// One sentence for each price: what it is, how old, and on which terms.
pub fn prices<'a>(estimates: impl Iterator<Item = &'a Estimate>) -> Vec<String> {
    distinct(estimates.map(price))
}

fn price(estimate: &Estimate) -> String {
    let offer = &estimate.offer;
    let stale = if offer.stale { ", STALE" } else { "" };
    let copies = estimate.copies.map_or_else(String::new, |_| format!(", {}", copies(estimate.copies)));
    let elsewhere = match estimate.model {
        Model::Nodes if !estimate.measured_on_it => "; estimate: measured on other hardware",
        _ => "",
    };
    format!(
        "{}: {}, {}, {}, {} (quality {}){stale}{copies}{elsewhere}.",
        offer.id,
        offer.service,
        offer.region,
        offer.term,
        dated(offer),
        offer.quality
    )
}

/// `price of 2024-07`, `undated price`.
pub fn dated(offer: &PricedOffer) -> String {
    if offer.retrieved == "undated" { "undated price".to_owned() } else { format!("price of {}", offer.retrieved) }
}

/// `1 copy`, `3 copies`, or that the service keeps its own.
pub fn copies(copies: Option<u32>) -> String {
    match copies {
        None => "the service's own copies".to_owned(),
        Some(1) => "1 copy".to_owned(),
        Some(copies) => format!("{copies} copies"),
    }
}

/// What none of these figures includes.
pub fn unpriced<'a>(estimates: impl Iterator<Item = &'a Estimate>) -> String {
    let words = distinct(estimates.flat_map(|estimate| estimate.left_out.iter().map(String::as_str)));
    // Charges of single offers, in brackets, are in the text of the report.
    let words: Vec<&str> = words.into_iter().filter(|word| !word.contains('(')).collect();
    format!("USD, list prices. Not in it: {}.", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixtures, group};

    #[test]
    fn repetitions_give_their_median_and_extremes_and_prices_are_named_once() {
        let experiment = fixtures::priced_stores();
        let cells = group::cells(&experiment);
        let libsql = per_million(&cells[0]).expect("priced");
        let [low, usd, high] = libsql.usd;
        assert!(low <= usd && usd <= high && low < high, "{:?}", libsql.usd);
        let estimates = || cells.iter().filter_map(per_million).map(|one| one.estimate);
        assert_eq!(prices(estimates()).len(), 1, "all on the same node");
        assert!(unpriced(estimates()).contains("backups"));
        assert!(per_million(&cells[4]).is_none(), "an invalid run has no figure");
    }

    #[test]
    fn a_month_follows_from_the_record_alone_and_grows_by_whole_nodes() {
        let experiment = fixtures::priced_stores();
        let cells = group::cells(&experiment);
        let (run, months) = by_month(&cells[..1]).expect("priced");
        let median = spread_of(cells[0].valid().map(|run| run.throughput_per_s))[1];
        assert_eq!(run.throughput_per_s, median, "of three runs the one that the tables show");
        let [node, turso] = &months[..] else { panic!("a node and a service") };
        let (one, two) = (node.usd_per_month(1.0), node.usd_per_month(run.throughput_per_s * 0.5));
        assert!(node.is_by_node() && !turso.is_by_node());
        assert!((two.expect("carried") / one.expect("carried") - 2.0).abs() < 0.01, "{one:?} {two:?}");
        let even = node.break_even_per_s(turso).expect("they cross");
        let [a, b] = [node, turso].map(|month| month.usd_per_month(even).expect("carried"));
        assert!((a / b - 1.0).abs() < 1e-6, "{a} {b}");
    }
}
