//! The load at which two offers cost the same. Between a fixed price and one by the operation it is
//! `P_month / (2.628 * C)`, with C in USD per million operations, 2.628 million seconds being a month; bills with fees, storage or
//! allowances bend, so it is searched for. Loads that need more than one node are not looked at: there bills jump.

use super::bill::Bill;

/// No service of the catalogue is asked about more than this.
const MOST_PER_S: f64 = 1e9;
/// And the least: a thousandth of an operation per second is one in a quarter of an hour.
const LEAST_PER_S: f64 = 1e-3;

/// Two bills that change places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakEven {
    /// The average load at which they are equal.
    pub load_per_s: f64,
    /// Whether the first is the cheaper one below that load.
    pub first_is_cheaper_below: bool,
}

/// Where two bills are equal, among the loads for which both hold; none if one of them is cheaper for all of those.
pub fn break_even(a: &Bill, b: &Bill) -> Option<BreakEven> {
    let first_is_cheaper = |load_per_s: f64| a.usd_per_month(load_per_s) < b.usd_per_month(load_per_s);
    let (mut low, mut high) = (LEAST_PER_S, a.carries_per_s.min(b.carries_per_s).min(MOST_PER_S));
    let below = first_is_cheaper(low);
    if high <= low || first_is_cheaper(high) == below {
        return None;
    }
    // 60 halvings of twelve decades leave less than the last digit of a double.
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        if first_is_cheaper(middle) == below { low = middle } else { high = middle }
    }
    Some(BreakEven { load_per_s: high, first_is_cheaper_below: below })
}
