//! Measurement: recorders that a lane owns, the collector that they are handed to, and histogram files.
//!
//! Knows the names of operations, and neither operations nor stores.

pub mod collector;
mod completions;
pub mod histogram;
pub mod hlog;
pub mod recorder;
