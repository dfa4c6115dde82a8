//! What `storebench cost` prints: for each run a comparison of offers, and below all of them what they rest on.

use drivers::one_line;
use jiff::civil::Date;

use super::basis::Basis;
use super::lines;
use crate::cost::{
    Catalogue, CostError, Crossing, MonthAtLoad, Offer, OfferComparison, Options, default_offers, per_million, units,
    unusable,
};
use crate::record::{AtUtilisation, Estimate, Experiment, Run};
use crate::report::table::{self, Align};
use crate::units::{percent, rate, usd};

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
    let mut basis = Basis::new(today);
    for run in &experiment.runs {
        let terms = options.terms(run);
        let chosen = terms.offer.as_deref().map(|id| catalogue.offer(id)).transpose()?;
        let reasons = unusable(run);
        text += &title(run, reasons.is_none());
        if let Some(reasons) = reasons {
            reasons.iter().for_each(|reason| text += &format!("  {}\n", one_line(reason)));
        } else {
            let offers = if named.is_empty() { default_offers(run, host, catalogue, chosen) } else { named.clone() };
            let comparison = OfferComparison::new(run, host, catalogue, &terms, &offers);
            text += &compared(&comparison);
            basis.add(&comparison);
        }
        text.push('\n');
    }
    Ok(text + &basis.text())
}

fn title(run: &Run, is_usable: bool) -> String {
    let version = &run.store.description.version;
    let name = one_line(&format!("{} on {} {version}, run {}", run.workload.name, run.store.name, run.id));
    if !is_usable {
        return format!("{name}\n");
    }
    let interval = run.throughput_interval.map(|[low, high]| format!(" [{}, {}]", rate(low), rate(high)));
    format!("{name}: {} operations/s{}\n", rate(run.throughput_per_s), interval.unwrap_or_default())
}

/// The offers of one run, indented by two.
fn compared(comparison: &OfferComparison<'_>) -> String {
    let mut text = String::new();
    if !comparison.priced.is_empty() {
        text = by_utilisation(comparison) + "\n" + &by_load(comparison) + "\n";
    }
    for (at, (a, _)) in comparison.priced.iter().enumerate() {
        for (b, _) in &comparison.priced[at + 1..] {
            text +=
                &comparison.crossing(a, b).map_or_else(String::new, |crossing| format!("  {}\n", break_even(crossing)));
        }
    }
    for (offer, reason) in &comparison.missing {
        text += &format!("  {}: no figure: {}\n", offer.id, one_line(reason));
    }
    text + &lines::units(&units(comparison.run)).map_or_else(String::new, |line| format!("  {line}\n"))
}

/// One row an offer: the figure with its interval, those at other utilisations, and what it is made of.
fn by_utilisation(comparison: &OfferComparison<'_>) -> String {
    let planned = comparison.terms.utilisation;
    let others = |estimate: &Estimate| -> Vec<AtUtilisation> {
        estimate.by_utilisation.iter().copied().filter(|other| other.utilisation != planned).collect()
    };
    let at = |utilisation| format!("at {}", percent(utilisation));
    let mut header = vec!["USD per million".to_owned(), at(planned), "[low, high]".to_owned()];
    if let Some((_, first)) = comparison.priced.first() {
        header.extend(others(first).iter().map(|other| at(other.utilisation)));
    }
    header.push("made of".to_owned());
    let row = |(offer, estimate): &(&Offer, Estimate)| {
        let interval = estimate.interval.map(|[low, high]| format!("[{}, {}]", usd(low), usd(high)));
        let made_of: Vec<String> =
            estimate.lines.iter().map(|(name, amount)| format!("{name} {}", usd(*amount))).collect();
        let mut row = vec![offer.id.clone(), usd(estimate.usd_per_million), interval.unwrap_or("-".to_owned())];
        row.extend(others(estimate).iter().map(|other| usd(other.usd_per_million)));
        row.push(made_of.join(", "));
        row
    };
    laid_out(&header, comparison.priced.iter().map(row).collect())
}

/// One row an offer: USD a month, and per million, at multiples of the measured load; ownership in it, and apart.
fn by_load(comparison: &OfferComparison<'_>) -> String {
    let loads = comparison.loads_per_s();
    let row = |name: String, cell: &dyn Fn(f64) -> String| -> Vec<String> {
        [name].into_iter().chain(loads.map(cell)).collect()
    };
    let heading = |load: f64| format!("{}x = {}/s", (load / comparison.run.throughput_per_s).round(), rate(load));
    let offers = comparison.priced.iter();
    let offers = offers.map(|(offer, _)| row(offer.id.clone(), &|load| month(comparison.month(offer, load), load)));
    let ownership = comparison.ownership().into_iter();
    let ownership = ownership.map(|(name, amount)| row(format!("  of which {name}"), &|load| money(amount, load)));
    laid_out(&row("USD a month (per million)".to_owned(), &heading), offers.chain(ownership).collect())
}

fn laid_out(header: &[String], rows: Vec<Vec<String>>) -> String {
    let columns: Vec<(&str, Align)> = header.iter().map(|name| (name.as_str(), Align::Left)).collect();
    table::layout(&columns, &rows)
}

/// `$3,180 ($0.0242) x50`, `carries 900/s`.
fn month(month: MonthAtLoad, load_per_s: f64) -> String {
    match month {
        MonthAtLoad::Unknown => "-".to_owned(),
        MonthAtLoad::Overloaded { carries_per_s } => format!("carries {}/s", rate(carries_per_s)),
        MonthAtLoad::Billed { usd, nodes } => {
            money(usd, load_per_s) + &nodes.map_or_else(String::new, |nodes| format!(" x{nodes}"))
        }
    }
}

fn money(usd_per_month: f64, load_per_s: f64) -> String {
    format!("{} ({})", usd(usd_per_month), usd(per_million(usd_per_month, load_per_s)))
}

fn break_even(crossing: Crossing<'_>) -> String {
    match crossing {
        Crossing::At { load_per_s, below, above } => {
            format!("break-even at {}/s: {} below, {} above", rate(load_per_s), below.id, above.id)
        }
        Crossing::Never { up_to_per_s, cheaper, dearer } => {
            let up_to = if up_to_per_s.is_finite() { format!(" up to {}/s", rate(up_to_per_s)) } else { String::new() };
            format!("no break-even{up_to}: {} is cheaper than {}", cheaper.id, dearer.id)
        }
    }
}
