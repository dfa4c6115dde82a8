//! What `storebench cost` prints: for each run a comparison of offers, and below all of them what they rest on.

use jiff::civil::Date;

use super::catalogue::Catalogue;
use super::compare::Comparison;
use super::estimate::{default_offers, unusable};
use super::file::CostError;
use super::footer::Footer;
use super::offer::Offer;
use super::show::{plain, rate};
use super::targets::Options;
use crate::record::{Experiment, Run};

/// The table of an experiment. Without ids, each run is priced on its default offers. `today` is for the age of prices.
///
/// # Errors
/// When an id is not in the catalogue.
pub fn table(
    experiment: &Experiment,
    catalogue: &Catalogue,
    options: &Options,
    ids: &[String],
    today: Date,
) -> Result<String, CostError> {
    let named: Vec<&Offer> = ids.iter().map(|id| catalogue.offer(id)).collect::<Result<_, _>>()?;
    let host = &experiment.host;
    let mut text = String::new();
    let mut footer = Footer::new(today);
    for run in &experiment.runs {
        let terms = options.terms(run);
        let chosen = terms.offer.as_deref().map(|id| catalogue.offer(id)).transpose()?;
        text += &title(run);
        if let Some(reasons) = unusable(run) {
            reasons.iter().for_each(|reason| text += &format!("  {}\n", plain(reason)));
        } else {
            let offers = if named.is_empty() { default_offers(run, host, catalogue, chosen) } else { named.clone() };
            let comparison = Comparison::of(run, host, catalogue, &terms, &offers);
            text += &comparison.text();
            footer.add(&comparison);
        }
        text.push('\n');
    }
    Ok(text + &footer.text())
}

fn title(run: &Run) -> String {
    let version = &run.store.description.version;
    let name = plain(&format!("{} on {} {version}, run {}", run.workload.name, run.store.name, run.id));
    if unusable(run).is_some() {
        return format!("{name}\n");
    }
    let interval = run.throughput_interval.map(|[low, high]| format!(" [{}, {}]", rate(low), rate(high)));
    format!("{name}: {} operations/s{}\n", rate(run.throughput_per_s), interval.unwrap_or_default())
}
