//! Cost per operation: a dated price catalogue, three models with their sources, and what they say about a run. Pure
//! functions of the record, the catalogue and what the user states; files are read. What is printed of it is in
//! `report::cost`.
//!
//! - Nodes (`node`): `1e6 * sum(n * P) / (3600 * X * u)` at the measured throughput X and a stated utilisation u.
//! - Requests (`requests`): what a service would bill for the operations' own rows and sizes.
//! - Storage (`storage`): the bytes that the store was measured to hold.
//!
//! `bill` adds them up for a month, with a month of 730 h or 2.628e6 s; `interval` says how far that may be off;
//! `ownership` adds what only the user can state; `breakeven` finds the load at which two bills are equal. What has no
//! price gets no figure, and never a default one.

mod bill;
mod breakeven;
mod catalogue;
mod caveats;
mod compare;
mod estimate;
mod file;
mod interval;
mod month;
mod node;
mod offer;
mod ownership;
mod pricing;
mod requests;
mod storage;
mod targets;

#[cfg(test)]
pub(crate) mod tests;

pub use bill::per_million;
pub use catalogue::Catalogue;
pub use compare::{Crossing, MonthAtLoad, OfferComparison};
pub use estimate::{default_offers, estimate, units, unusable};
pub use file::CostError;
pub use month::Monthly;
pub use node::HEADROOM;
pub use offer::{Offer, STALE_AFTER_DAYS};
pub use targets::{Options, Targets};
