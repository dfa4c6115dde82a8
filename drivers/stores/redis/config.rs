//! The options of an address, and how to connect as they say. Nothing here connects.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use tokio_rustls::rustls::ClientConfig;

use crate::seam::address::is_this_machine;
use crate::support::tls;
use crate::{Failure, redacted};

/// Where the server is and how records are kept in it.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS.
    pub(super) location: Option<String>,
    /// A PEM file with the certificate of the authority that signed the server's certificate, if the system does not
    /// know that authority.
    tls_ca: Option<PathBuf>,
    /// PEM files with our own certificate and its private key, for a server that asks for them: Redis does unless
    /// `tls-auth-clients` says otherwise.
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    /// How records are kept; `hash` unless it says `json`.
    #[serde(default)]
    pub(super) layout: RecordFormat,
}

/// How a record is kept: the option `layout` of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordFormat {
    /// A hash with a field for each field of the record: one field is read or changed without the others.
    #[default]
    Hash,
    /// One string, a JSON document, which is read by one GET. An update or bump of a field then reads the document and
    /// puts another in its place, in two round trips, and may lose against other clients as a conflict.
    Json,
}

/// A server's address as the client library wants it, with TLS and time limits.
#[derive(Debug)]
pub(super) struct ConnectOptions {
    pub(super) info: ConnectionInfo,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// How long connecting may take, and each answer.
    pub(super) timeout: Duration,
}

impl Config {
    /// The server at this URL, all else by default.
    pub(super) fn at(location: &str) -> Self {
        Config { location: Some(location.to_owned()), ..Config::default() }
    }

    pub(super) fn connect_options(&self, timeout: Duration) -> Result<ConnectOptions, Failure> {
        let Some(location) = &self.location else {
            return Err(Failure::broken("redis: give the URL of a server, such as redis://localhost:6379"));
        };
        let problem = |problem: &str| Failure::broken(format!("redis: {}: {problem}", redacted(location)));
        // The crate is built without TLS of its own and would not know the scheme.
        let (url, tls) = match location.strip_prefix("rediss://") {
            Some(rest) if rest.contains('#') => {
                return Err(problem(
                    "connections without verification are not supported; name the certificate in tls_ca",
                ));
            }
            Some(rest) => (format!("redis://{rest}"), Some(self.tls()?)),
            None if self.tls_ca.is_some() || self.tls_cert.is_some() || self.tls_key.is_some() => {
                return Err(problem("tls_ca, tls_cert and tls_key are for rediss:// only"));
            }
            None => (location.clone(), None),
        };
        let info: ConnectionInfo = url
            .into_connection_info()
            .map_err(|error| problem(error.detail().unwrap_or("this is not the URL of a Redis server")))?;
        let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        Ok(ConnectOptions { info: info.set_redis_settings(redis), tls, timeout })
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, Failure> {
        let ca = ("tls_ca", self.tls_ca.as_deref());
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => tls::verified(ca.0, ca.1),
            (Some(cert), Some(key)) => tls::verified_as(ca, ("tls_cert", cert), ("tls_key", key)),
            _ => Err(Failure::broken("redis: tls_cert and tls_key belong together: give both or neither")),
        }
    }
}

impl ConnectOptions {
    /// Whether the server runs on this machine.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.info.addr(), ConnectionAddr::Tcp(host, _) if is_this_machine(host))
    }
}

impl fmt::Display for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.info.addr())
    }
}
