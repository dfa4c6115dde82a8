//! What an address may set, and the crate's options for it.
//!
//! The crate's client is a pool (of 10 connections, opened two at a time) that watches its servers from two more
//! connections each. A session here has a client of its own: one connection in its pool, and one more that looks at the
//! server every 10 s and whenever something broke. Whatever the crate would silently try again is off.

use std::time::Duration;

use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria, ServerAddress, ServerMonitoringMode};

use super::points::{Granularity, SeriesMode};
use crate::seam::address::is_this_machine;
use crate::{Failure, redacted};

/// How long the crate looks for a primary, which it does again after every broken connection: the first connection has
/// been made by then, and a lost primary is to be reported and not waited for.
pub(super) const LONGEST_SELECTION: Duration = Duration::from_secs(2);

/// Where the server is. Options have the names that they have in every MongoDB URL
/// (mongodb.com/docs/manual/reference/connection-string-options); those that bear on what is measured are ours.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// The URL up to its options. A database in it is where the user is defined, not where data goes.
    location: Option<String>,
    /// The database in which the user is defined.
    auth_source: Option<String>,
    /// How the user proves who it is: `SCRAM-SHA-256`, `SCRAM-SHA-1` or `MONGODB-X509`.
    auth_mechanism: Option<String>,
    /// The replica set that the hosts must belong to.
    replica_set: Option<String>,
    /// Whether to use the given host alone, whatever other members it names.
    direct_connection: Option<bool>,
    /// Our name in the server's log; `storebench` if not given.
    app_name: Option<String>,
    /// Whether to encrypt the connection.
    tls: Option<bool>,
    /// A file of certificates to trust, instead of the usual ones.
    #[serde(rename = "tlsCAFile")]
    tls_ca_file: Option<String>,
    /// A file with our own certificate and key.
    tls_certificate_key_file: Option<String>,
    /// Whether to trust any certificate.
    tls_allow_invalid_certificates: Option<bool>,
    /// How points are stored: as `documents`, or with `timeseries` in time-series collections, which keep each point
    /// that is sent again and have reads choose the newest. `documents` if not given.
    #[serde(default)]
    pub(super) series: SeriesMode,
    /// How long a bucket of a time-series collection may be: `seconds` (an hour), `minutes` (a day) or `hours` (30
    /// days), of which the server's authors advise the one nearest to the time between two points of an entity. A
    /// dataset does not state that time, so `seconds`, the server's own default, if not given.
    pub(super) granularity: Option<Granularity>,
}

impl Config {
    /// For one server, whatever set it belongs to, or none yet.
    pub(super) fn direct(location: String) -> Self {
        Config { location: Some(location), direct_connection: Some(true), ..Config::default() }
    }

    /// The crate's options, set as a session needs them, with a limit for connecting.
    pub(super) async fn client_options(&self, limit: Duration) -> Result<ClientOptions, Failure> {
        let location = self.location.as_deref().ok_or_else(|| {
            Failure::broken("mongodb: no server is given; write mongodb://host:port or let storebench start one")
        })?;
        if location.starts_with("mongodb+srv://") {
            return Err(Failure::broken(
                "mongodb: this build resolves no mongodb+srv:// names; write \
                 mongodb://host1,host2/?replicaSet=name&tls=true",
            ));
        }
        let url = url(location, &self.url_options());
        let parsed = ClientOptions::parse(&url).await;
        let mut options = parsed.map_err(|error| {
            let problem = without_password(&error.kind.to_string(), location);
            Failure::broken(format!("mongodb: {}: {problem}", redacted(location)))
        })?;
        options.app_name.get_or_insert_with(|| "storebench".into());
        options.max_pool_size = Some(1);
        options.max_connecting = Some(1);
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        options.connect_timeout = Some(limit);
        options.server_selection_timeout = Some(limit.min(LONGEST_SELECTION));
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.retry_reads = Some(false);
        options.retry_writes = Some(false);
        Ok(options)
    }

    /// The options that the URL had.
    fn url_options(&self) -> Vec<(&'static str, String)> {
        let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
        let all = [
            ("authSource", self.auth_source.clone()),
            ("authMechanism", self.auth_mechanism.clone()),
            ("replicaSet", self.replica_set.clone()),
            ("directConnection", flag(self.direct_connection)),
            ("appName", self.app_name.clone()),
            ("tls", flag(self.tls)),
            ("tlsCAFile", self.tls_ca_file.clone()),
            ("tlsCertificateKeyFile", self.tls_certificate_key_file.clone()),
            ("tlsAllowInvalidCertificates", flag(self.tls_allow_invalid_certificates)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Whether every given host is this machine. The set may name others, but the process that answers also says where its
/// files are.
pub(super) fn is_local(options: &ClientOptions) -> bool {
    options.hosts.iter().all(|host| match host {
        ServerAddress::Tcp { host, .. } => is_this_machine(host),
        _ => true, // A socket in a folder.
    })
}

/// The URL with its options again, because the crate parses them itself. The URL of a server that we started has some
/// already.
fn url(location: &str, options: &[(&str, String)]) -> String {
    let hosts = location.split_once("://").map_or(location, |(_, rest)| rest);
    let path = if hosts.contains('/') { "" } else { "/" };
    let joint = if location.contains('?') { '&' } else { '?' };
    let options: Vec<String> = options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if options.is_empty() { location.to_owned() } else { format!("{location}{path}{joint}{}", options.join("&")) }
}

/// What the crate says about a URL may quote parts of it.
fn without_password(message: &str, location: &str) -> String {
    let authority = location.split_once("://").map_or(location, |(_, rest)| rest);
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    match user.split_once(':') {
        Some((_, password)) if !password.is_empty() => redacted(&message.replace(password, "***")),
        _ => redacted(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_put_together_again() {
        let options = [("replicaSet", "rs0".to_owned()), ("tls", "true".to_owned())];
        assert_eq!(url("mongodb://a:1,b", &options), "mongodb://a:1,b/?replicaSet=rs0&tls=true");
        assert_eq!(url("mongodb://u:p@a/app", &[]), "mongodb://u:p@a/app");
        assert_eq!(url("mongodb://a/?tls=true", &options[..1]), "mongodb://a/?tls=true&replicaSet=rs0");
    }

    #[test]
    fn messages_about_a_url_do_not_quote_its_password() {
        let message = "invalid: the password hunter2 of mongodb://ada:hunter2@db";
        assert!(!without_password(message, "mongodb://ada:hunter2@db").contains("hunter2"));
    }
}
