//! Measurement: recorders that a lane owns, the timeline that they are handed to, and histogram files.
//!
//! Operation names are known here, operations and stores are not.

pub mod histogram;
