//! Workloads: files, built-in or the user's, checked and turned into a plan that the load engine can follow.

pub mod properties;
