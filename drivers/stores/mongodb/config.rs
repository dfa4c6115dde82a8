//! What an address may set, and the crate's options for it.
//!
//! The crate's client is a pool (of 10 connections, opened two at a time) that watches its servers from two more
//! connections each. A session here has a client of its own: one connection in its pool, and one more that looks at the
//! server every 10 s and whenever something broke. Whatever the crate would silently try again is off.

use std::time::Duration;

use mongodb::options::{
    ClientOptions, ConnectionString, Credential, ReadPreference, SelectionCriteria, ServerAddress, ServerMonitoringMode,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde::de::Deserializer;

use super::options::FOREIGN;
use super::points::{Granularity, SeriesMode};
use crate::seam::address::is_this_machine;
use crate::seam::options::{RecordedOptions, sort_out};
use crate::{Durability, Failure, FailureKind};

/// How long the crate looks for a primary, which it does again after every broken connection: the first connection has
/// been made by then, and a lost primary is to be reported and not waited for.
pub(super) const LONGEST_SELECTION: Duration = Duration::from_secs(2);

/// Where the server is. Not `Debug`: it holds the password.
#[derive(Clone, Default)]
pub struct Config {
    own: OwnOptions,
    pub(super) recorded: RecordedOptions,
    /// How points are stored: as `documents`, or with `timeseries` in time-series collections, which keep each point
    /// that is sent again and have reads choose the newest. `documents` if not given.
    pub(super) series: SeriesMode,
    /// How long a bucket of a time-series collection may be: `seconds` (an hour), `minutes` (a day) or `hours` (30
    /// days), of which the server's authors advise the one nearest to the time between two points of an entity. A
    /// dataset does not state that time, so `seconds`, the server's own default, if not given.
    pub(super) granularity: Option<Granularity>,
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(options: D) -> Result<Self, D::Error> {
        let (own, recorded): (OwnOptions, _) = sort_out(options, FOREIGN)?;
        let (series, granularity) = (own.series.unwrap_or_default(), own.granularity);
        Ok(Config { own, recorded, series, granularity })
    }
}

/// The options that are honoured, by the names that they have in every MongoDB URL, and ours that bear on what is measured.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OwnOptions {
    /// The URL up to its options. A database in it is where the user is defined, not where data goes.
    location: Option<String>,
    /// In the place of the URL's own.
    password: Option<String>,
    /// The database in which the user is defined.
    auth_source: Option<String>,
    /// How the user proves who it is: `SCRAM-SHA-256`, `SCRAM-SHA-1` or `MONGODB-X509`.
    auth_mechanism: Option<String>,
    /// The replica set that the hosts must belong to.
    replica_set: Option<String>,
    /// Whether to use the given host alone, whatever other members it names.
    direct_connection: Option<bool>,
    /// `direct` is what older clients have for that.
    connect: Option<String>,
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
    srv_service_name: Option<String>,
    srv_max_hosts: Option<u32>,
    #[serde(rename = "connectTimeoutMS")]
    connect_timeout_ms: Option<u64>,
    /// The least that a write waits for: `1`, which no tier falls short of and `durable` goes beyond.
    w: Option<u32>,
    series: Option<SeriesMode>,
    granularity: Option<Granularity>,
}

/// In the place of a password while the crate reads a URL, whose messages quote it.
const PLACEHOLDER: &str = "password";

impl Config {
    /// For one server, whatever set it belongs to, or none yet.
    pub(super) fn direct(location: String) -> Self {
        let own = OwnOptions { location: Some(location), direct_connection: Some(true), ..OwnOptions::default() };
        Config { own, ..Config::default() }
    }

    /// Refuses what the crate would not read, and a write concern that is not the one that a tier asks for.
    pub(super) fn refuse_contradictions(&self, tier: Durability) -> Result<(), Failure> {
        let Url { text, password, hosts } = self.url()?;
        let read = ConnectionString::parse(&text).map_err(|error| unread(&error, &hosts))?;
        self.password_of(read.credential.as_ref(), password)?;
        match self.own.w {
            Some(_) if tier == Durability::Durable => Err(refused(
                "w=1 is less than --durability durable asks of each write: leave it out, or write --durability relaxed"
                    .into(),
            )),
            _ => Ok(()),
        }
    }

    fn url(&self) -> Result<Url, Failure> {
        let location = self.own.location.as_deref();
        let location = location.ok_or("no server is given; write mongodb://host:port or let storebench start one");
        location.map_err(str::to_owned).and_then(|url| Url::new(url, &self.url_options())).map_err(refused)
    }

    /// The password of a user: the address's own or the one beside it. One without the other is refused.
    fn password_of(&self, user: Option<&Credential>, of_url: Option<String>) -> Result<Option<String>, Failure> {
        if of_url.is_some() && self.own.password.is_some() {
            return Err(refused("a password stands in the address twice: leave out the one behind the `?`".into()));
        }
        let password = self.own.password.clone().or(of_url);
        match (user, &password) {
            (Some(user), None) if user.password.is_some() => {
                Err(refused("a user without a password: give it with --password-file".into()))
            }
            (user, Some(_)) if user.is_none_or(|user| user.username.is_none()) => {
                Err(refused("a password without a user: write mongodb://USER@HOST".into()))
            }
            _ => Ok(password),
        }
    }

    /// The crate's options, set as a session needs them, with a limit for connecting.
    pub(super) async fn client_options(&self, limit: Duration) -> Result<ClientOptions, Failure> {
        let Url { text, password, hosts } = self.url()?;
        // Names of mongodb+srv:// are looked up here.
        let parsed = tokio::time::timeout(limit, ClientOptions::parse(&text)).await;
        let parsed = parsed.map_err(|_| {
            Failure::unreached(format!("mongodb: the servers of {hosts} are not found within {limit:?}"))
        })?;
        let mut options = parsed.map_err(|error| unread(&error, &hosts))?;
        let password = self.password_of(options.credential.as_ref(), password)?;
        if let Some(credential) = &mut options.credential {
            credential.password = password;
        }
        options.app_name.get_or_insert_with(|| "storebench".into());
        options.max_pool_size = Some(1);
        options.max_connecting = Some(1);
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        let own_limit = self.own.connect_timeout_ms.filter(|limit| *limit > 0).map(Duration::from_millis);
        options.connect_timeout = Some(own_limit.map_or(limit, |own| own.min(limit)));
        options.server_selection_timeout = Some(limit.min(LONGEST_SELECTION));
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.retry_reads = Some(false);
        options.retry_writes = Some(false);
        Ok(options)
    }

    /// The options that the URL had.
    fn url_options(&self) -> Vec<(&'static str, String)> {
        let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
        let own = &self.own;
        let all = [
            ("authSource", own.auth_source.clone()),
            ("authMechanism", own.auth_mechanism.clone()),
            ("replicaSet", own.replica_set.clone()),
            ("directConnection", flag(own.direct_connection.or(own.connect.as_ref().map(|_| true)))),
            ("appName", own.app_name.clone()),
            ("tls", flag(own.tls)),
            ("tlsCAFile", own.tls_ca_file.clone()),
            ("tlsCertificateKeyFile", own.tls_certificate_key_file.clone()),
            ("tlsAllowInvalidCertificates", flag(own.tls_allow_invalid_certificates)),
            ("srvServiceName", own.srv_service_name.clone()),
            ("srvMaxHosts", own.srv_max_hosts.map(|hosts| hosts.to_string())),
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

/// A URL with its options again, because the crate parses them itself, and with a placeholder for its password.
#[derive(Debug, PartialEq)]
struct Url {
    text: String,
    password: Option<String>,
    /// As messages name the server.
    hosts: String,
}

impl Url {
    fn new(location: &str, options: &[(&str, String)]) -> Result<Url, String> {
        let (scheme, rest) = location.split_once("://").unwrap_or(("mongodb", location));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        refuse_hosts(scheme, hosts)?;
        let (user, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            None => (String::new(), None),
            Some((user, "")) => (format!("{user}:{PLACEHOLDER}@"), None),
            Some((user, password)) => {
                let password = percent_decode_str(password).decode_utf8().map_err(|_| "its password is not UTF-8")?;
                (format!("{user}:{PLACEHOLDER}@"), Some(password.into_owned()))
            }
        };
        // The crate finds no password where none is needed.
        let is_x509 = options.iter().any(|(name, value)| *name == "authMechanism" && value == "MONGODB-X509");
        let user = if is_x509 { user.replace(&format!(":{PLACEHOLDER}@"), "@") } else { user };
        let encoded = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        let options: Vec<String> = options.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let query = if options.is_empty() { String::new() } else { format!("?{}", options.join("&")) };
        Ok(Url { text: format!("{scheme}://{user}{hosts}/{database}{query}"), password, hosts: hosts.to_owned() })
    }
}

/// Refuses hosts and ports that the crate would explain badly.
fn refuse_hosts(scheme: &str, hosts: &str) -> Result<(), String> {
    if hosts.is_empty() {
        return Err("no host is given: write mongodb://localhost".into());
    }
    let is_srv = scheme == "mongodb+srv";
    if is_srv && (hosts.contains(',') || hosts.contains(':')) {
        return Err(
            "mongodb+srv:// takes one name without a port, under which the servers are looked up; write mongodb:// \
                    for hosts with their ports"
                .into(),
        );
    }
    for host in hosts.split(',').filter(|host| !host.contains("%2F") && !host.contains("%2f")) {
        let port = host.rsplit(']').next().unwrap_or_default().rsplit_once(':').map(|(_, port)| port);
        let has_colons = !host.starts_with('[') && host.matches(':').count() > 1;
        if has_colons || port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
            let port = port.unwrap_or_default();
            let problem = "is not a number from 1 to 65535 (an address of IPv6 stands in brackets: [::1]:27017)";
            return Err(format!("port `{port}` {problem}"));
        }
    }
    Ok(())
}

fn refused(problem: String) -> Failure {
    Failure::broken(format!("mongodb: {problem}"))
}

/// What the crate says of a URL, which holds no password of ours.
fn unread(error: &mongodb::error::Error, hosts: &str) -> Failure {
    match error.kind.as_ref() {
        mongodb::error::ErrorKind::DnsResolve { message, .. } => Failure::new(
            FailureKind::Unavailable,
            format!(
                "mongodb: the servers of {hosts} are not found ({message}): check the name, or write \
                 mongodb://HOST1,HOST2/?replicaSet=NAME&tls=true"
            ),
        ),
        kind => refused(format!("{hosts}: {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_put_together_again_without_its_password() {
        let options = [("replicaSet", "rs0".to_owned()), ("appName", "a b@c".to_owned())];
        let url = |location, options| Url::new(location, options).map(|url| (url.text, url.password));
        assert_eq!(
            url("mongodb://a:1,b", &options),
            Ok(("mongodb://a:1,b/?replicaSet=rs0&appName=a%20b%40c".into(), None))
        );
        let with_password = url("mongodb://u:p%40s@a/app", &[]);
        assert_eq!(with_password, Ok(("mongodb://u:password@a/app".into(), Some("p@s".into()))));
        assert_eq!(url("mongodb+srv://u@a.b.c", &[]), Ok(("mongodb+srv://u:password@a.b.c/".into(), None)));
    }
}
