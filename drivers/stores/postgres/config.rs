//! Options of an address: `postgres://user:password@host:5432/database?sslmode=verify-full&isolation=serializable`.
//!
//! Those of libpq mean what they mean there (postgresql.org/docs/current/libpq-connect.html); what else stands in URLs is in
//! `options.rs`. As in libpq, what the address leaves open comes from a service (`service`, or PGSERVICE), and the password
//! then from PGPASSWORD or a password file (`passfile`, PGPASSFILE or `~/.pgpass`). No other variable and no file that is not
//! named is read, and to an address with user, password, host and database no service adds anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::Deserializer;
use serde::de::value::{Error as ValueError, MapDeserializer};

use super::connection::{ConnectTarget, ServerRole};
use super::options::FOREIGN;
use super::passfile::{self, Wanted};
use super::service;
use super::socket::Socket;
use super::tls::{CertificateFiles, ChannelBinding, SslMode, Tls};
use crate::seam::options::{RecordedOptions, sort_out};
use crate::seam::secrets;
use crate::{Failure, Isolation};

/// Where the server is and how sessions are set. Not `Debug`: it holds the password.
#[derive(Clone, Default)]
pub struct Config {
    own: OwnOptions,
    recorded: RecordedOptions,
    /// The level of our sessions' transactions: `read-committed`, `repeatable-read` or `serializable`. The server's
    /// default if not given, or what the workload requires if that is stronger.
    pub(super) isolation: Option<Isolation>,
    /// How nested values are kept: `jsonb`, each in a column of its record, or `children`, the items of a table's records as
    /// rows of a table of their own, with a foreign key (PostgreSQL 13 or later); `jsonb` if not given. Tables without items
    /// are the same in both.
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

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(options: D) -> Result<Self, D::Error> {
        let (own, recorded): (OwnOptions, _) = sort_out(options, FOREIGN)?;
        let (isolation, layout) = (own.isolation, own.layout.unwrap_or_default());
        Ok(Config { own, recorded, isolation, layout })
    }
}

/// The options that are honoured.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnOptions {
    /// The URL before its `?`, percent-encoded where needed. Several hosts with commas between are tried in turn.
    location: Option<String>,
    user: Option<String>,
    password: Option<String>,
    dbname: Option<String>,
    /// As in the URL's own place: several with commas between, a folder of sockets if it begins with a slash.
    host: Option<String>,
    /// Where to connect to instead, as numbers: the names then serve certificates and password files.
    hostaddr: Option<String>,
    port: Option<String>,
    /// Whether connections are encrypted; `prefer` if not given.
    sslmode: Option<SslMode>,
    /// `true` is what JDBC has for `sslmode=require`, and libpq takes.
    ssl: Option<bool>,
    /// A file with the certificates of the authorities that are accepted, or `system` for those of the system.
    sslrootcert: Option<PathBuf>,
    sslcert: Option<PathBuf>,
    sslkey: Option<PathBuf>,
    channel_binding: Option<ChannelBinding>,
    /// Seconds for each attempt; none and 0 leave it at --timeout.
    connect_timeout: Option<u32>,
    target_session_attrs: Option<ServerRole>,
    application_name: Option<String>,
    fallback_application_name: Option<String>,
    /// Settings as on the server's command line, `-c name=value`.
    options: Option<String>,
    passfile: Option<PathBuf>,
    service: Option<String>,
    isolation: Option<Isolation>,
    layout: Option<NestedLayout>,
}

impl OwnOptions {
    /// What a URL says in front of its options.
    fn of_url(url: &str) -> Result<Self, String> {
        let parsed: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            match cause.contains("`port`") {
                true => {
                    "its port is not a number up to 65535 (an address of IPv6 stands in brackets: [::1]:5432)".into()
                }
                false => format!("it is not an address of a PostgreSQL server: {cause}"),
            }
        })?;
        let hosts: Vec<String> = parsed.get_hosts().iter().map(Socket::name).collect();
        let ports: Vec<String> = parsed.get_ports().iter().map(ToString::to_string).collect();
        let says_port = url.split_once("://").is_some_and(|(_, rest)| {
            let hosts = rest.split('/').next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
            hosts.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
        });
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "its password is not UTF-8".to_owned());
        Ok(OwnOptions {
            user: parsed.get_user().map(str::to_owned),
            password: parsed.get_password().map(text).transpose()?,
            dbname: parsed.get_dbname().map(str::to_owned),
            host: Some(hosts.join(",")).filter(|hosts| !hosts.is_empty()),
            port: Some(ports.join(",")).filter(|_| says_port),
            ..OwnOptions::default()
        })
    }

    /// The same with what the others say that these leave open.
    fn or(self, others: OwnOptions) -> Self {
        OwnOptions {
            location: self.location.or(others.location),
            user: self.user.or(others.user),
            password: self.password.or(others.password),
            dbname: self.dbname.or(others.dbname),
            host: self.host.or(others.host),
            hostaddr: self.hostaddr.or(others.hostaddr),
            port: self.port.or(others.port),
            sslmode: self.sslmode.or(others.sslmode),
            ssl: self.ssl.or(others.ssl),
            sslrootcert: self.sslrootcert.or(others.sslrootcert),
            sslcert: self.sslcert.or(others.sslcert),
            sslkey: self.sslkey.or(others.sslkey),
            channel_binding: self.channel_binding.or(others.channel_binding),
            connect_timeout: self.connect_timeout.or(others.connect_timeout),
            target_session_attrs: self.target_session_attrs.or(others.target_session_attrs),
            application_name: self.application_name.or(others.application_name),
            fallback_application_name: self.fallback_application_name.or(others.fallback_application_name),
            options: self.options.or(others.options),
            passfile: self.passfile.or(others.passfile),
            service: self.service.or(others.service),
            isolation: self.isolation.or(others.isolation),
            layout: self.layout.or(others.layout),
        }
    }

    fn is_complete(&self) -> bool {
        self.user.is_some() && self.password.is_some() && self.host.is_some() && self.dbname.is_some()
    }
}

impl Config {
    /// Where to connect, with this limit of time.
    pub(super) fn target(&self, timeout: Duration) -> Result<ConnectTarget, Failure> {
        self.target_in(timeout, &|name| std::env::var(name).ok())
            .map_err(|problem| Failure::broken(format!("postgres: {problem}")))
    }

    /// The same in an environment that has these variables.
    pub(super) fn target_in(
        &self,
        timeout: Duration,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<ConnectTarget, String> {
        let Some(url) = &self.own.location else {
            return Err("there is no address; write postgres://user@host:5432/database, or let one be started".into());
        };
        let of_url = OwnOptions::of_url(url)?;
        if of_url.host.is_some() && self.own.host.is_some() {
            return Err("the host stands in the address twice: leave out the option host=, or use hostaddr=".into());
        }
        let mut own = self.own.clone().or(of_url);
        let mut recorded = self.recorded.clone();
        let service = own.service.clone().or_else(|| variable("PGSERVICE").filter(|_| !own.is_complete()));
        if let Some(service) = service.filter(|service| !service.is_empty()) {
            let given = service::read(&service, variable)?;
            let given = MapDeserializer::<_, ValueError>::new(given.into_iter());
            let (added, more): (OwnOptions, _) =
                sort_out(given, FOREIGN).map_err(|problem| format!("service `{service}`: {problem}"))?;
            own = own.or(added);
            recorded.extend(more);
            recorded.insert("client.service".into(), service);
        }
        let sockets = sockets(own.host.as_deref(), own.hostaddr.as_deref(), own.port.as_deref())?;
        let user =
            own.user.clone().or_else(system_user).ok_or("there is no user; write postgres://user@host/database")?;
        let database = own.dbname.clone().unwrap_or_else(|| user.clone());
        let mut config = tokio_postgres::Config::new();
        config.user(&user).dbname(&database);
        let name = own.application_name.clone().or(own.fallback_application_name.clone());
        config.application_name(name.unwrap_or_else(|| "storebench".into()));
        if let Some(options) = &own.options {
            config.options(options.as_str());
        }
        let binding = own.channel_binding.unwrap_or_default();
        config.channel_binding(binding.into());
        let mut hints = Vec::new();
        let servers = sockets
            .into_iter()
            .map(|socket| {
                let mut config = config.clone();
                let wanted = Wanted { host: &socket.name, port: socket.port, database: &database, user: &user };
                let password = own.password.clone().or_else(|| variable("PGPASSWORD"));
                let password = password.filter(|password| !password.is_empty()).or_else(|| {
                    let found = passfile::find(&passfile(own.passfile.as_deref(), variable)?, &wanted);
                    found.unwrap_or_else(|unused| {
                        hints.push(unused);
                        None
                    })
                });
                if let Some(password) = password {
                    secrets::learn(&password, &format!("{socket} {user} {database}"));
                    config.password(password);
                }
                (socket, config)
            })
            .collect();
        let mode = own.sslmode.unwrap_or(if own.ssl == Some(true) { SslMode::Require } else { SslMode::default() });
        if own.ssl == Some(false) && own.sslmode.is_none() {
            return Err("ssl=false: write sslmode=disable".into());
        }
        let identity = match (own.sslcert, own.sslkey) {
            (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
            (None, None) => None,
            _ => return Err("sslcert and sslkey belong together: give both or neither".into()),
        };
        let tls = Tls::new(mode, own.sslrootcert.as_deref(), identity.as_ref()).map_err(|failure| failure.message)?;
        let own_limit = own.connect_timeout.filter(|seconds| *seconds > 0).map(|s| Duration::from_secs(s.into()));
        recorded.extend(own.connect_timeout.map(|limit| ("client.connect_timeout_s".into(), limit.to_string())));
        if binding == ChannelBinding::Require {
            recorded.insert("client.channel_binding".into(), "required, by tls-server-end-point".into());
        }
        let role = own.target_session_attrs.unwrap_or_default();
        let attempt = own_limit.map_or(timeout, |limit| limit.min(timeout));
        Ok(ConnectTarget { servers, tls, role, timeout, attempt, hint: hints.pop(), recorded, is_pooled: false })
    }
}

/// The sockets that hosts and ports name: of one port for all of them, or one for each. Without a host it is this machine.
fn sockets(hosts: Option<&str>, addresses: Option<&str>, ports: Option<&str>) -> Result<Vec<Socket>, String> {
    let list = |text: Option<&str>| -> Vec<String> {
        text.map(|text| text.split(',').map(|part| part.trim().to_owned()).collect()).unwrap_or_default()
    };
    let (hosts, addresses, ports) = (list(hosts), list(addresses), list(ports));
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err(format!("it has {} hosts and {} addresses in hostaddr=", hosts.len(), addresses.len()));
    }
    let count = hosts.len().max(addresses.len()).max(1);
    if ports.len() > 1 && ports.len() != count {
        return Err(format!("it has {count} hosts and {} ports: give one port, or one for each host", ports.len()));
    }
    let port_of = |at: usize| match ports.get(at).or(ports.first()).map_or("", String::as_str) {
        "" => Ok(5432),
        port => port.parse().map_err(|_| format!("port `{port}` is not a number up to 65535")),
    };
    let socket = |at: usize| {
        let name = hosts.get(at).filter(|host| !host.is_empty()).or(addresses.get(at));
        let name = name.cloned().unwrap_or_else(|| "localhost".into());
        if let Some(address) = addresses.get(at)
            && address.parse::<std::net::IpAddr>().is_err()
        {
            return Err(format!("hostaddr `{address}` is not an address of IPv4 or IPv6"));
        }
        Ok(Socket { address: addresses.get(at).cloned().unwrap_or_else(|| name.clone()), name, port: port_of(at)? })
    };
    (0..count).map(socket).collect()
}

/// The file of passwords: the address's, the environment's, or the one in the home folder.
fn passfile(given: Option<&Path>, variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let named = given.map(Path::to_owned).or_else(|| variable("PGPASSFILE").map(PathBuf::from));
    named.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".pgpass")))
}

/// Who runs this process, whom libpq takes for the user.
fn system_user() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).ok()??;
    Some(user.name)
}
