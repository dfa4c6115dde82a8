//! How much a store carries: the search for the highest rate at which it keeps its limits. Pure procedures: what measures a
//! level of load is given to them, a real store or a simulated queue, and they neither print nor write.

mod clients;
mod clock;
mod evidence;
mod level;
mod limit;
mod plan;
mod record;
mod search;
mod verdict;

#[cfg(test)]
mod simulation;

pub use clients::ClientsPlan;
pub use evidence::Evidence;
pub use level::{LevelAsk, LevelFound, MeasuredLevel};
pub use limit::{SweepBound, SweepLimit};
pub use plan::{Announcement, SearchPlan, SearchStage};
pub use record::{AtRate, RateInterval, SWEEP_SCHEMA, ScalabilityRecord, SweepAnswer, SweepLevel, SweepRecord};
pub use search::{SearchResult, search};
pub use verdict::{Breach, LevelVerdict, broke, headroom};
