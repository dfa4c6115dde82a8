//! What the catalogue holds: offers, each with the source and date of its price. Reading them from a file is in
//! `catalogue`, how they are priced in `pricing`.

use jiff::civil::Date;
use serde::Deserialize;

use super::pricing::{Node, OtherCharges, Pricing, Provisioned, Requests, Serverless, Storage};
use crate::record::Model;

/// Prices older than half a year are said to be stale.
pub const STALE_AFTER_DAYS: i64 = 180;

/// Something that can be bought.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// `ec2.m7g.large`: what `--offer` names.
    pub id: String,
    /// What its whole list says.
    pub origin: Origin,
    /// How it is priced.
    pub pricing: Pricing,
}

/// Where a price comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Who sells it: `AWS`.
    pub provider: String,
    /// What it is a part of: `EC2`.
    pub service: String,
    /// Drivers that the service can stand for; `any` for a machine that runs whatever is installed on it.
    pub runs: Vec<String>,
    /// Where it is sold: `us-east-1`.
    pub region: String,
    /// On which terms: `on-demand`.
    pub term: String,
    /// The document, API or table that states the price.
    pub source: String,
    /// When the source said so; unknown for some.
    pub retrieved: Option<Date>,
    /// How precise that date is.
    pub precision: Precision,
    /// How well the price is verified.
    pub quality: Quality,
}

/// How much of a date is known; the rest stands at its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Year, month and day are known.
    #[default]
    Day,
    /// Year and month are known.
    Month,
    /// Only the year is known.
    Year,
}

/// How well a price is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Quality {
    /// The vendor's document or a dump of its price API was read.
    A,
    /// Several public tables agree.
    B,
    /// Unverified: in a user's file only.
    C,
}

impl Offer {
    /// Whether the service can stand for this driver's store.
    pub fn runs(&self, driver: &str) -> bool {
        self.origin.runs.iter().any(|name| name == driver || name == "any")
    }

    /// What a figure for it follows from.
    pub fn model(&self) -> Model {
        match self.pricing {
            Pricing::Node(_) | Pricing::Serverless(_) => Model::Nodes,
            Pricing::Requests(_) | Pricing::Provisioned(_) => Model::Requests,
            Pricing::Storage(_) | Pricing::Plan(_) => Model::Flat,
        }
    }

    /// Whether it is compute by the hour, whose cost per operation follows from the throughput.
    pub fn is_compute(&self) -> bool {
        self.model() == Model::Nodes
    }

    /// Id of the storage that it is billed with.
    pub fn storage(&self) -> Option<&str> {
        match &self.pricing {
            Pricing::Node(Node { storage, .. })
            | Pricing::Serverless(Serverless { storage, .. })
            | Pricing::Requests(Requests { storage, .. })
            | Pricing::Provisioned(Provisioned { storage, .. }) => storage.as_deref(),
            Pricing::Storage(_) => Some(&self.id),
            Pricing::Plan(_) => None,
        }
    }

    /// Charged but not computed, and free tiers that are ignored.
    pub fn other_charges(&self) -> [Option<&OtherCharges>; 2] {
        match &self.pricing {
            Pricing::Node(Node { beside, .. }) | Pricing::Serverless(Serverless { beside, .. }) => [Some(beside), None],
            Pricing::Requests(Requests { beside, free, .. }) | Pricing::Storage(Storage { beside, free, .. }) => {
                [Some(beside), Some(free)]
            }
            Pricing::Provisioned(_) | Pricing::Plan(_) => [None, None],
        }
    }
}

impl Origin {
    /// The date as far as it is known: `2026-10-02`, `2026-06`, `2025`, `undated`.
    pub fn date(&self) -> String {
        self.retrieved.map_or_else(
            || "undated".to_owned(),
            |date| match self.precision {
                Precision::Day => date.to_string(),
                Precision::Month => date.strftime("%Y-%m").to_string(),
                Precision::Year => date.strftime("%Y").to_string(),
            },
        )
    }

    /// Days from the retrieval to `day`; unknown for an undated price.
    pub fn age_days(&self, day: Date) -> Option<i64> {
        Some(i64::from((day - self.retrieved?).get_days()))
    }

    /// Whether the price is too old to be trusted on `day`, as an undated one always is.
    pub fn is_stale(&self, day: Date) -> bool {
        self.age_days(day).is_none_or(|days| days > STALE_AFTER_DAYS)
    }
}
