//! Drawing: random streams by name, laws of popularity, choosers of keys and lengths, and how skewed that makes the accesses.
//!
//! Below everything else: nothing here knows a workload, an operation or a store.

pub mod keys;
pub mod lengths;
mod popularity;
pub mod rng;
pub mod skew;
pub mod ycsb;
pub mod zipf;
