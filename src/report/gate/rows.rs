//! The cells of a gate's tables: values, changes, and what would have been seen.

use crate::gate::{GateComparison, GateRecord, GateVerdict, Quantity, change, percent};
use crate::units;

/// What the change of a row is, said once beneath the rows.
pub const CHANGE: &str = "change: Hodges and Lehmann's estimate, the median over all comparisons of pairs (of single runs, where they \
                          are no pairs); a ratio of two medians may say something else";

/// A value with its unit: `1,234/s`, `1.20 ms`.
pub fn value(quantity: Quantity, value: Option<f64>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    match quantity {
        Quantity::Throughput => units::rate(value) + "/s",
        Quantity::Response(_) | Quantity::Cpu => units::latency(value.round() as u64),
        Quantity::BytesWritten => units::bytes(value.round() as u64),
        Quantity::RoundTrips => units::quantity(value),
    }
}

/// `+3.1 %`.
pub fn ratio(of: &GateComparison) -> String {
    of.ratio.map_or_else(|| "-".to_owned(), change)
}

/// `+1.0 % to +5.2 %`.
pub fn interval(of: &GateComparison) -> String {
    of.interval.map_or_else(|| "-".to_owned(), |[low, high]| format!("{} to {}", change(low), change(high)))
}

/// The margin; empty for what does not gate.
pub fn margin(of: &GateComparison) -> String {
    of.margin.map_or_else(String::new, percent)
}

/// The smallest margin that this machine can tell; empty where that is not known.
pub fn floor(of: &GateComparison) -> String {
    of.floor.filter(|_| of.gated).map_or_else(String::new, percent)
}

/// The smallest change that would have been seen; empty for what does not gate.
pub fn detectable(of: &GateComparison) -> String {
    match (of.gated, of.smallest_detectable) {
        (false, _) => String::new(),
        (true, None) => "none".to_owned(),
        (true, Some(share)) => percent(share),
    }
}

/// What else differs where a figure regressed, a sentence each.
pub fn differences(record: &GateRecord) -> Vec<String> {
    let sentences = record.differences.iter();
    sentences.flat_map(|(title, all)| all.iter().map(move |one| format!("{title}: {one}"))).collect()
}

/// The verdict; `shown` for what does not gate.
pub fn verdict(of: &GateComparison) -> &'static str {
    of.verdict.map_or("shown", GateVerdict::label)
}

/// Comparisons of one workload and load on one store together, in their order.
pub fn groups(comparisons: &[GateComparison]) -> impl Iterator<Item = &[GateComparison]> {
    comparisons.chunk_by(GateComparison::is_beside)
}
