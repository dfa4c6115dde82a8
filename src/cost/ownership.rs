//! What owning a store costs beside its price: lines that only the user can state. They are added to a bill and shown
//! apart, because they are statements and not measurements. Copies for availability are billed with the nodes.

use std::collections::BTreeMap;

use drivers::one_line;
use indexmap::IndexMap;
use serde::Deserialize;

use super::pricing::amount;

/// Stated by the user, USD.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ownership {
    /// The time of the people who operate it.
    pub engineer: Option<Engineer>,
    /// What a support contract costs.
    #[serde(default, deserialize_with = "amount")]
    pub support_usd_per_month: f64,
    /// Anything else by name: licences, audits.
    #[serde(default)]
    pub other_usd_per_month: BTreeMap<String, Usd>,
}

/// Hours and what one costs: neither means anything alone.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engineer {
    /// Spent on this store.
    #[serde(deserialize_with = "amount")]
    pub hours_per_month: f64,
    /// Salary with all that comes on top.
    #[serde(deserialize_with = "amount")]
    pub usd_per_hour: f64,
}

/// An amount that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Usd(#[serde(deserialize_with = "amount")] pub f64);

impl Ownership {
    /// USD a month by line; lines of nothing are left out.
    pub fn lines(&self) -> IndexMap<String, f64> {
        let engineer = self.engineer.map_or(0.0, |engineer| engineer.hours_per_month * engineer.usd_per_hour);
        let stated = [("engineer hours".to_owned(), engineer), ("support".to_owned(), self.support_usd_per_month)];
        let other = self.other_usd_per_month.iter().map(|(name, usd)| (one_line(name), usd.0));
        stated.into_iter().chain(other).filter(|(_, usd)| *usd > 0.0).collect()
    }
}
