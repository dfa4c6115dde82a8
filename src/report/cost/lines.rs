//! The estimates that a run carries, in paragraphs for under its table.

use drivers::one_line;

use super::prices::{copies, dated};
use crate::record::{Estimate, Model, Run, Units};
use crate::report::group::Group;
use crate::report::words;
use crate::units::{percent, quantity, usd};

/// What is said about the cost of a store for a workload.
#[derive(Debug)]
pub struct CostParagraphs {
    /// The name of the workload, such as `read-heavy`.
    pub workload: String,
    /// The store's name: `libsql 3.45.1`.
    pub store: String,
    /// Estimates, what they lack, and units per operation.
    pub paragraphs: Vec<String>,
}

/// All of it, from the median run of each store: money follows from a run and not from a single figure. Empty for a record
/// that was made without prices.
pub fn paragraphs(groups: &[Group<'_>]) -> Vec<CostParagraphs> {
    let cells = groups.iter().flat_map(|group| &group.cells);
    let of_cell = cells.filter_map(|cell| {
        let run = cell.median_run()?;
        let paragraphs = [lines(run), left_out([run])].concat();
        let (workload, store) = (cell.terms.workload.to_owned(), words::store(run));
        (!paragraphs.is_empty()).then_some(CostParagraphs { workload, store, paragraphs })
    });
    of_cell.collect()
}

/// The estimates, what is missing of them, and the units per operation, one paragraph each; none for a record that was
/// made without prices. What the estimates leave out is in [`left_out`].
pub fn lines(run: &Run) -> Vec<String> {
    let Some(cost) = &run.cost else { return Vec::new() };
    let figures = cost.estimates.iter().map(figure);
    let missing = cost.missing.iter().map(|reason| format!("cost: {}", one_line(reason)));
    figures.chain(missing).chain(units(&cost.units)).collect()
}

/// What the estimates of these runs leave out, one paragraph for all with the same omissions.
pub fn left_out<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<String> {
    let mut offers_by_omissions: Vec<(&[String], Vec<&str>)> = Vec::new();
    for estimate in runs.into_iter().filter_map(|run| run.cost.as_ref()).flat_map(|cost| &cost.estimates) {
        let id = estimate.offer.id.as_str();
        match offers_by_omissions.iter_mut().find(|(omissions, _)| *omissions == estimate.left_out) {
            Some((_, offers)) if offers.contains(&id) => {}
            Some((_, offers)) => offers.push(id),
            None => offers_by_omissions.push((&estimate.left_out, vec![id])),
        }
    }
    let line = |(omissions, offers): (&[String], Vec<&str>)| {
        one_line(&format!("not in the cost on {}: {}", offers.join(", "), omissions.join(", ")))
    };
    offers_by_omissions.into_iter().map(line).collect()
}

fn figure(estimate: &Estimate) -> String {
    let offer = &estimate.offer;
    let what = match estimate.model {
        Model::Nodes if estimate.measured_on_it => "cost",
        Model::Nodes => "cost, estimate: measured on other hardware",
        Model::Requests => "cost, estimate: from the operations' own sizes",
        Model::Flat => "cost, estimate: a flat price",
    };
    let interval = estimate.interval.map_or(String::new(), |[low, high]| format!(" [{}, {}]", usd(low), usd(high)));
    // What is billed by requests costs the same at any utilisation.
    let others = estimate.by_utilisation.iter().filter(|other| {
        other.utilisation != estimate.utilisation && usd(other.usd_per_million) != usd(estimate.usd_per_million)
    });
    let others: String =
        others.map(|other| format!(", {} at {}", usd(other.usd_per_million), percent(other.utilisation))).collect();
    let owned: f64 = estimate.ownership.values().sum();
    let ownership = if owned > 0.0 { format!("; ownership adds {}", usd(owned)) } else { String::new() };
    let assumed: String = estimate.assumed.iter().map(|clause| format!("; {clause}")).collect();
    let text = format!(
        "{what}: {}{interval} per million operations on {} at {} utilisation{others}{ownership}; {}, {}, {}, {}{assumed}",
        usd(estimate.usd_per_million),
        offer.id,
        percent(estimate.utilisation),
        copies(estimate.copies),
        offer.region,
        offer.term,
        price_of(estimate),
    );
    one_line(&text)
}

/// `price of 2024-07 (A), STALE: 872 days old`.
fn price_of(estimate: &Estimate) -> String {
    let offer = &estimate.offer;
    let stale = match (offer.stale, offer.age_days) {
        (false, _) => String::new(),
        (true, Some(days)) => format!(", STALE: {days} days old"),
        (true, None) => ", STALE: of unknown age".to_owned(),
    };
    format!("{} ({}){stale}", dated(offer), offer.quality)
}

/// The units that are known; none where nothing was measured.
pub(super) fn units(units: &Units) -> Option<String> {
    let Units { server_cpu_s, cpu_includes_suite, stored_bytes, written_bytes, read_units, write_units, rows, .. } =
        *units;
    let cpu = if cpu_includes_suite { "CPU ms (suite included)" } else { "server CPU ms" };
    let known = [
        (server_cpu_s.map(|seconds| seconds * 1e3), cpu),
        (stored_bytes, "bytes stored"),
        (written_bytes, "bytes written"),
        (read_units, "read units of 4 KiB"),
        (write_units, "write units of 1 KiB"),
        (rows, "rows"),
    ];
    let known: Vec<String> =
        known.iter().filter_map(|(number, unit)| Some(format!("{} {unit}", quantity((*number)?)))).collect();
    let added = units.amplification.map(|factor| format!("; {} bytes held per logical byte", quantity(factor)));
    (!known.is_empty()).then(|| format!("per operation: {}{}", known.join(", "), added.unwrap_or_default()))
}
