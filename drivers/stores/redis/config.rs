//! The options of an address, and how to connect as they say. Nothing here connects.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};
use serde::Deserialize;
use serde::de::Deserializer;
use tokio_rustls::rustls::ClientConfig;

use super::options::FOREIGN;
use crate::Failure;
use crate::seam::address::is_this_machine;
use crate::seam::options::{RecordedOptions, sort_out};
use crate::support::tls::{self, OwnCertificate, Trust};

/// Where the server is and how records are kept in it. Not `Debug`: it holds the password.
#[derive(Clone, Default)]
pub struct Config {
    own: OwnOptions,
    recorded: RecordedOptions,
    /// How records are kept; `hash` unless it says `json`.
    pub(super) layout: RecordFormat,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(options: D) -> Result<Self, D::Error> {
        let (own, recorded): (OwnOptions, _) = sort_out(options, FOREIGN)?;
        let layout = own.layout.unwrap_or_default();
        Ok(Config { own, recorded, layout })
    }
}

/// The options that are honoured.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnOptions {
    /// `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS, `unix:///path` for a socket; the same with
    /// `valkey` in the place of `redis`.
    location: Option<String>,
    /// In the place of the URL's own, and for a socket.
    user: Option<String>,
    password: Option<String>,
    db: Option<i64>,
    /// A PEM file with the certificate of the authority that signed the server's certificate, if the system does not
    /// know that authority.
    tls_ca: Option<PathBuf>,
    /// PEM files with our own certificate and its private key, for a server that asks for them: Redis does unless
    /// `tls-auth-clients` says otherwise.
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    layout: Option<RecordFormat>,
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

/// A server's address as the client library wants it, with TLS and time limits. Not `Debug`: it holds the password.
pub(super) struct ConnectOptions {
    pub(super) info: ConnectionInfo,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// Whether anybody's certificate is accepted.
    pub(super) is_unverified: bool,
    /// How long connecting may take, and each answer.
    pub(super) timeout: Duration,
    /// Options of the address that change nothing.
    pub(super) recorded: RecordedOptions,
}

/// Schemes of a socket's URL.
const SOCKETS: [&str; 3] = ["unix", "redis+unix", "valkey+unix"];

/// What Redis has by default; more are a setting of the server.
const USUAL_DATABASES: &str = "0 to 15 unless the server has more";

impl Config {
    /// The server at this URL, all else by default.
    pub(super) fn at(location: &str) -> Self {
        Config { own: OwnOptions { location: Some(location.to_owned()), ..OwnOptions::default() }, ..Config::default() }
    }

    pub(super) fn connect_options(&self, timeout: Duration) -> Result<ConnectOptions, Failure> {
        let refused = |problem: String| Failure::broken(format!("redis: {problem}"));
        let Some((scheme, rest)) = self.own.location.as_deref().and_then(|url| url.split_once("://")) else {
            return Err(refused("give the URL of a server, such as redis://localhost:6379".into()));
        };
        let is_tls = ["rediss", "valkeys"].contains(&scheme);
        let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, fragment)| (rest, Some(fragment)));
        let is_unverified = match fragment {
            None => false,
            Some("insecure") if is_tls && self.own.tls_ca.is_none() => true,
            Some("insecure") if is_tls => {
                return Err(refused("#insecure trusts everybody: leave out it or tls_ca".into()));
            }
            Some("insecure") => return Err(refused("#insecure is for rediss:// only: leave it out".into())),
            Some(_) => return Err(refused("the URL has a `#`: in a password write %23, else leave it out".into())),
        };
        let tls = match is_tls {
            true => Some(self.tls(is_unverified)?),
            false if self.own.tls_ca.is_some() || self.own.tls_cert.is_some() || self.own.tls_key.is_some() => {
                return Err(refused("tls_ca, tls_cert and tls_key are for rediss:// only".into()));
            }
            false => None,
        };
        let info = match SOCKETS.contains(&scheme) {
            true => socket(rest).map_err(refused)?,
            // The crate is built without TLS of its own and would not know that scheme.
            false => server(rest).map_err(refused)?,
        };
        let mut redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        redis = self.signed_in(redis).map_err(refused)?;
        let recorded = self.recorded.clone();
        Ok(ConnectOptions { info: info.set_redis_settings(redis), tls, is_unverified, timeout, recorded })
    }

    /// With the user, password and database that stand among the options.
    fn signed_in(&self, mut redis: RedisConnectionInfo) -> Result<RedisConnectionInfo, String> {
        let own = &self.own;
        if own.password.is_some() && redis.password().is_some() || own.user.is_some() && redis.username().is_some() {
            return Err("user or password stand in the address twice: leave out those behind the `?`".into());
        }
        if let Some(user) = &own.user {
            redis = redis.set_username(user);
        }
        if let Some(password) = &own.password {
            redis = redis.set_password(password);
        }
        if redis.username().is_some() && redis.password().is_none() {
            return Err(
                "a user without a password: give it with --password-file, or write redis://:PASSWORD@HOST if that \
                        was the password"
                    .into(),
            );
        }
        match own.db {
            Some(database) if database >= 0 => Ok(redis.set_db(database)),
            Some(database) => Err(format!("db={database} is not the number of a database: {USUAL_DATABASES}")),
            None => Ok(redis),
        }
    }

    fn tls(&self, is_unverified: bool) -> Result<Arc<ClientConfig>, Failure> {
        let trust = match is_unverified {
            true => Trust::Anyone,
            false => Trust::Named("tls_ca", self.own.tls_ca.as_deref()),
        };
        let own = match (&self.own.tls_cert, &self.own.tls_key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some(OwnCertificate { certificate: ("tls_cert", cert), key: ("tls_key", key) }),
            _ => return Err(Failure::broken("redis: tls_cert and tls_key belong together: give both or neither")),
        };
        tls::client(&trust, own.as_ref())
    }
}

/// The server that follows the `://` of a URL.
fn server(rest: &str) -> Result<ConnectionInfo, String> {
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = database.trim_end_matches('/');
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Err(format!("`/{database}` is not the number of a database: {USUAL_DATABASES}"));
    }
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    if hosts.contains(',') {
        return Err("several hosts are for a cluster or Sentinel, which are not spoken to: give the primary".into());
    }
    let port = hosts.rsplit(']').next().unwrap_or_default().rsplit_once(':').map_or("", |(_, port)| port);
    if !port.is_empty() && port.parse::<u16>().is_err() || !hosts.contains('[') && hosts.matches(':').count() > 1 {
        let problem = "is not a number up to 65535 (an address of IPv6 stands in brackets: [::1]:6379)";
        return Err(format!("port `{port}` {problem}"));
    }
    if hosts.is_empty() {
        return Err("no host is given: write redis://localhost, or unix:///PATH for a socket".into());
    }
    let info = format!("redis://{rest}").into_connection_info();
    info.map_err(|error| error.detail().unwrap_or("this is not the URL of a Redis server").to_owned())
}

/// The socket that follows the `://` of a URL: a path from the root on.
fn socket(rest: &str) -> Result<ConnectionInfo, String> {
    if !rest.starts_with('/') {
        return Err(
            "the path of a socket begins with a slash: write unix:///PATH, and its password as ?password=".into()
        );
    }
    let path = percent_decode_str(rest).decode_utf8().map_err(|_| "the path of the socket is not UTF-8")?;
    let info = ConnectionAddr::Unix(PathBuf::from(path.as_ref())).into_connection_info();
    info.map_err(|error| error.to_string())
}

impl ConnectOptions {
    /// Whether the server runs on this machine.
    pub(super) fn is_local(&self) -> bool {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, _) => is_this_machine(host),
            address => matches!(address, ConnectionAddr::Unix(_)),
        }
    }
}

impl fmt::Display for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            address => write!(f, "{address}"),
        }
    }
}
