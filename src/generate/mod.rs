//! Operations and data as pure functions of a seed.

pub mod frontier;
pub mod keys;
pub mod rng;
pub mod skew;
pub mod ycsb;
pub mod zipf;
