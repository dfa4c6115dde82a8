//! What becomes of a run's evidence: all that was measured and found is assembled into one record, with a verdict on whether
//! its figures may be used.
//!
//! Nothing here waits or reads a clock. The load engine gathers the evidence; reports know only the record.

mod assemble;
#[cfg(test)]
mod fixtures;
mod measurement;
mod overload;
mod stability;
mod store_changes;
mod timeline;
mod usage;
mod verdict;
pub mod work;

pub use assemble::{EarlyEnd, RunEvidence, StoreEvidence, assemble};
pub use measurement::Measurement;
pub use store_changes::store_changes;
pub use usage::UsageSamples;
