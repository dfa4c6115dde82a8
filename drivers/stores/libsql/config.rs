//! Options of an address: `libsql:FILE?cache_mb=64&busy_timeout_ms=1000&writers=queue`.

use std::path::PathBuf;

use super::writers::Writers;

/// Where the file is and how connections are set.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A file to use: one that is there stays there. Without it a new one is made, and removed in the end.
    pub(super) location: Option<PathBuf>,
    /// Page cache of each connection. The store's own default if not given.
    pub(super) cache_mb: Option<u32>,
    /// How long an operation waits for the write lock before it fails as a conflict; 5000 if not given.
    pub(super) busy_timeout_ms: Option<u32>,
    /// How a client comes to write where others do.
    pub(super) writers: Writers,
}
