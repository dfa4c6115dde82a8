//! Options of an address: `postgres://user:password@host:5432/database?sslmode=verify-full&isolation=serializable`.

use std::path::PathBuf;
use std::time::Duration;

use super::connection::ConnectTarget;
use super::tls::{SslMode, Tls};
use crate::{Failure, Isolation, redacted};

/// Where the server is and how sessions are set. Not `Debug`: it holds the password.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The URL before its `?`, percent-encoded where needed. Several hosts with commas between are tried in turn.
    location: Option<String>,
    /// Whether connections are encrypted; `prefer` if not given, as in libpq.
    #[serde(default)]
    sslmode: SslMode,
    /// A file with the certificates of the authorities that `verify-full` accepts; those of the system if not given.
    sslrootcert: Option<PathBuf>,
    /// The level of our sessions' transactions: `read-committed`, `repeatable-read` or `serializable`. The server's
    /// default if not given, or what the workload requires if that is stronger.
    pub(super) isolation: Option<Isolation>,
    /// How nested values are kept: `jsonb`, each in a column of its record, or `children`, the items of a table's records as
    /// rows of a table of their own, with a foreign key (PostgreSQL 13 or later); `jsonb` if not given. Tables without items
    /// are the same in both.
    #[serde(default)]
    pub(super) layout: NestedLayout,
}

/// How nested values are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NestedLayout {
    /// Each in a `jsonb` column of its record.
    #[default]
    Jsonb,
    /// The items of a record as rows of a table of their own; lists and maps, and the items of events, as `jsonb`. The same
    /// as the other for tables without items.
    Children,
}

impl Config {
    /// Where to connect, with this limit of time.
    pub(super) fn target(&self, timeout: Duration) -> Result<ConnectTarget, Failure> {
        let url = self.location.as_deref().ok_or_else(|| {
            Failure::broken(
                "postgres: there is no address; write postgres://user@host:5432/database, or let one be started",
            )
        })?;
        let shown = redacted(url);
        let parsed: Result<tokio_postgres::Config, _> = url.parse();
        let mut config = parsed.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Failure::broken(format!("postgres: {shown} is not an address of a PostgreSQL server{cause}"))
        })?;
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        // Encryption is ours, beneath the crate (`stream.rs`).
        config.application_name("storebench").ssl_mode(tokio_postgres::config::SslMode::Disable);
        let tls = Tls::new(self.sslmode, self.sslrootcert.as_deref())?;
        Ok(ConnectTarget { config, tls, timeout, url: shown, is_pooled: false })
    }
}
