//! Model A: nodes by the hour at the measured throughput.
//!
//! Cost per million operations: `C = 1e6 * sum(n_i * P_i) / (3600 * X * u)`, with X successful operations per second
//! and u the average load as a share of X; `bill` arrives at the same by the month. Nodes for a load:
//! `copies * ceil(peak / (0.7 * X))`. Often it is `max(copies, ceil(peak / (0.7 * X)))`, which is the same while one
//! node carries the load; beyond, that would count standbys as if they served. What requests or storage cost is not here.

use super::catalogue::Catalogue;
use super::offer::Offer;
use super::pricing::{Node, Pricing};

/// Hours in a month: 365 days / 12, as price lists have it.
pub const HOURS_PER_MONTH: f64 = 730.0;
/// Million seconds in a month, and so million operations in a month at one per second.
pub const MILLION_SECONDS_PER_MONTH: f64 = HOURS_PER_MONTH * 3_600.0 / 1e6;
/// Share of a node's measured throughput that a peak may use: above it a queue with random arrivals waits for more than
/// twice the time that it serves (M/M/1: 0.7 / 0.3).
pub const HEADROOM: f64 = 0.7;

/// USD a month of nodes that cost this by the hour.
pub fn usd_per_month(nodes: f64, usd_per_hour: f64) -> f64 {
    nodes * usd_per_hour * HOURS_PER_MONTH
}

/// Nodes that must serve so that a peak uses no more than [`HEADROOM`] of each; copies are not counted.
pub fn serving(peak_per_s: f64, throughput_per_s: f64) -> f64 {
    // Ten nodes that are used to the last operation are ten, whatever the last digit of the quotient says.
    (peak_per_s / (HEADROOM * throughput_per_s) * (1.0 - 1e-9)).ceil().max(1.0)
}

/// The peak that an average load is planned for: at utilisation u the average is u and the peak 0.7 of the capacity.
pub fn peak_per_s(average_per_s: f64, utilisation: f64) -> f64 {
    average_per_s * (HEADROOM / utilisation).max(1.0)
}

/// The offer nearest to a machine among the nodes that can run its store: the smallest Euclidean distance in
/// log2(vCPUs) and log2(memory), so that half as much is as far as twice as much; of equally near ones the cheapest.
pub fn nearest<'a>(catalogue: &'a Catalogue, driver: &str, vcpus: f64, memory_gb: f64) -> Option<&'a Offer> {
    if vcpus <= 0.0 || memory_gb <= 0.0 {
        return None;
    }
    let sized = catalogue.offers().filter(|offer| offer.runs(driver)).filter_map(|offer| match &offer.pricing {
        Pricing::Node(Node { vcpus: Some(has_vcpus), memory_gb: Some(has_gb), usd_per_hour, .. }) => {
            let distance = (has_vcpus / vcpus).log2().hypot((has_gb / memory_gb).log2());
            Some((offer, distance, *usd_per_hour))
        }
        _ => None,
    });
    let best = sized.min_by(|a, b| a.1.total_cmp(&b.1).then(a.2.total_cmp(&b.2)).then(a.0.id.cmp(&b.0.id)));
    best.map(|(offer, ..)| offer)
}
