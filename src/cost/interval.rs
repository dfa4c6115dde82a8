//! How far a figure may be off: what each cause of it leaves open by itself, and all of them together.

use super::bill::Bill;
use super::requests::Demand;
use crate::record::Run;

/// The 95 % interval of a run's figure on a bill: from the interval of the throughput and, where requests are billed, from
/// the samples that the demand was counted in; `bill_of` writes the bill of another demand. None where the throughput has
/// no interval or the demand does not say how far it may be off, and where none of this moves the figure.
pub fn interval(
    run: &Run,
    bill: &Bill,
    utilisation: f64,
    demand: Option<&Demand>,
    bill_of: impl Fn(Demand) -> Option<Bill>,
) -> Option<[f64; 2]> {
    let average_per_s = run.throughput_per_s * utilisation;
    let [low, high] = run.throughput_interval.filter(|[low, _]| *low > 0.0)?;
    let [low, high] = [low.min(run.throughput_per_s), high.max(run.throughput_per_s)];
    let mut causes = vec![bill.range_usd_per_million([low * utilisation, high * utilisation])];
    if let Some(demand) = demand {
        // Without fees and quotas, which all operations share.
        let usd_of_one = |demand| Some(bill_of(demand)?.lines.iter().map(|line| line.usd_per_million).sum());
        for [low, high] in demand.ends(usd_of_one)? {
            causes.push([bill_of(low)?, bill_of(high)?].map(|bill| bill.usd_per_million(average_per_s)));
        }
    }
    combined(bill.usd_per_million(average_per_s), &causes)
}

/// An interval from the ranges in which each of several independent causes leaves a figure: their distances from it add up
/// as squares, those below and those above it apart, so that ranges may be lopsided. This is the method of variance estimates
/// recovery (Zou & Donner, Statistics in Medicine 27:10, 2008), which is for sums: a figure is one to the first order.
fn combined(figure: f64, causes: &[[f64; 2]]) -> Option<[f64; 2]> {
    // Rounding up to whole units can put both ends of a cause on one side of the figure.
    let below = causes.iter().map(|[a, b]| figure - a.min(*b).min(figure));
    let above = causes.iter().map(|[a, b]| a.max(*b).max(figure) - figure);
    let [below, above] = [below.fold(0.0, f64::hypot), above.fold(0.0, f64::hypot)];
    let rounding = 1e-9 * figure;
    (below > rounding || above > rounding).then(|| [(figure - below).max(0.0), figure + above])
}
