//! What several stores need of the machine: servers of our own, folders, files and disks, TLS, JSON, and words for what
//! cannot be reached.

pub mod disk;
pub mod driven;
pub mod files;
pub mod json;
pub mod reach;
pub mod scratch;
pub mod server;
#[cfg(feature = "tls")]
pub mod tls;
