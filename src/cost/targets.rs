//! The targets file: where each store is going to run, so that its figures are priced for that place and not for the
//! machine that is nearest to this one. What the terms cost is not known here.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer};

use super::file::{self, CostError};
use super::ownership::Ownership;
use super::requests::Consistency;
use crate::record::Run;

/// Average load as a share of the measured throughput, where nothing else is said: nights and headroom for peaks leave
/// about this much of a node that is sized for its busiest hour.
pub const UTILISATION: f64 = 0.4;

/// By store, as named on the command line or by its driver.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(transparent)]
pub struct Targets(BTreeMap<String, StoreTarget>);

/// Where one store is going to run.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreTarget {
    /// Id in the price catalogue.
    pub offer: Option<String>,
    /// Nodes that hold the data.
    #[serde(default, deserialize_with = "some_copies")]
    pub copies: Option<u32>,
    /// Average load as a share of the measured throughput.
    #[serde(default, deserialize_with = "some_share")]
    pub utilisation: Option<f64>,
    /// What a read must see.
    #[serde(default)]
    pub consistency: Consistency,
    /// What owning it costs beside its price.
    #[serde(default)]
    pub ownership: Ownership,
}

/// What the command line and the files say about prices. What the command line says wins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// Id in the price catalogue.
    pub offer: Option<String>,
    /// Nodes that hold the data.
    pub copies: Option<u32>,
    /// Average load as a share of the measured throughput.
    pub utilisation: Option<f64>,
    /// Where each store is going to run.
    pub targets: Targets,
}

/// The terms on which one run is priced.
#[derive(Debug, Clone, PartialEq)]
pub struct PricingTerms {
    /// Id in the price catalogue, if one was chosen.
    pub offer: Option<String>,
    /// Nodes that hold the data, at least 1.
    pub copies: u32,
    /// Average load as a share of the measured throughput, above 0 and at most 1.
    pub utilisation: f64,
    /// What a read must see.
    pub consistency: Consistency,
    /// What owning it costs beside its price.
    pub ownership: Ownership,
}

impl Targets {
    /// Reads a targets file.
    ///
    /// # Errors
    /// When it cannot be read or is malformed.
    pub fn open(path: &Path) -> Result<Self, CostError> {
        file::open(path).map(|(_, targets)| targets)
    }

    /// Ids of all offers that the file names.
    pub fn offers(&self) -> impl Iterator<Item = &str> {
        self.0.values().filter_map(|target| target.offer.as_deref())
    }

    fn of(&self, run: &Run) -> Option<&StoreTarget> {
        self.0.get(&run.store.name).or_else(|| self.0.get(&run.store.driver))
    }
}

impl Options {
    /// The terms for a run: the command line's, else its store's, else one copy at 40 %.
    pub fn terms(&self, run: &Run) -> PricingTerms {
        let target = self.targets.of(run).cloned().unwrap_or_default();
        PricingTerms {
            offer: self.offer.clone().or(target.offer),
            copies: self.copies.or(target.copies).unwrap_or(1),
            utilisation: self.utilisation.or(target.utilisation).unwrap_or(UTILISATION),
            consistency: target.consistency,
            ownership: target.ownership,
        }
    }
}

fn some_copies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        copies @ 1..=1_000 => Ok(Some(copies)),
        copies => Err(serde::de::Error::custom(format!("{copies} copies cannot be; write 1 to 1000"))),
    }
}

fn some_share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.001..=1.0).contains(&share) {
        return Ok(Some(share));
    }
    Err(serde::de::Error::custom(format!("{share} is no utilisation; write a share from 0.001 to 1")))
}
