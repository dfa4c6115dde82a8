//! Drawing: random streams by name, laws of popularity, choosers of keys and lengths, and how skewed the accesses become.
//!
//! The bottom layer: nothing here knows a workload, an operation or a store.

pub mod keys;
pub mod lengths;
mod popularity;
pub mod rng;
pub mod skew;
pub mod ycsb;
pub mod zipf;
