//! What suite and stores say to each other: operations and their values, datasets, capabilities, failures, addresses.
//! Nothing here talks to a store.

pub mod address;
pub mod capability;
pub mod dataset;
pub mod failure;
pub mod leftover;
pub mod notation;
pub mod op;
pub mod options;
pub mod printable;
pub mod redaction;
#[cfg(test)]
pub mod sample;
pub mod secrets;
pub mod value;
pub mod value_order;
