//! What several stores need of the machine: servers of our own, folders, files and disks, TLS, JSON.

pub mod disk;
pub mod driven;
pub mod files;
pub mod json;
pub mod scratch;
pub mod server;
#[cfg(feature = "tls")]
pub mod tls;
