//! Measurement: recorders that a lane owns, the collector that they are handed to, and histogram files.
//!
//! Operation names are known here, operations and stores are not.

pub mod collector;
mod completions;
pub mod histogram;
pub mod hlog;
pub mod recorder;

/// What is recorded apart: an operation, or one step of a sequence such as the read of a read-modify-write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The operation's name; a step's is `operation.step`.
    pub name: String,
    /// Whether this is a step: its samples are part of its operation's and not of any total.
    pub is_step: bool,
}

/// The three instants of an operation, in nanoseconds since the run's clock started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it should have started. In a closed loop, when it did.
    pub intended_ns: u64,
    /// When it did.
    pub started_ns: u64,
    /// When its answer was there.
    pub ended_ns: u64,
}
