//! Drawing: random streams by name, laws of popularity, choosers of keys and lengths, and how skewed what was drawn is.
//!
//! Below everything else: nothing here knows a workload, an operation or a store.

pub mod keys;
pub mod lengths;
pub mod rng;
pub mod skew;
pub mod ycsb;
pub mod zipf;
