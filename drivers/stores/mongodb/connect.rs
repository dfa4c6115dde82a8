//! From an address to a client of the crate with exactly one connection for commands.
//!
//! The crate's client is a pool (of 10 connections, opened two at a time) that watches its servers from two more
//! connections each. A session here has a client of its own: one connection in its pool, and one more that looks at the
//! server every 10 s and whenever something broke. Whatever the crate would silently try again is off.

use std::io;
use std::time::Duration;

use mongodb::error::ErrorKind;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria, ServerAddress, ServerMonitoringMode};
use mongodb::{Client, bson::rawdoc};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Config;
use super::failure::{failure, heard};
use crate::seam::address::is_this_machine;
use crate::{Failure, FailureKind, redacted};

/// How long the crate looks for a primary, which it does again after every broken connection: the first connection has
/// been made by then, and a lost primary is to be reported and not waited for.
pub(super) const LONGEST_SELECTION: Duration = Duration::from_secs(2);

/// The crate's options for an address, set as a session needs them.
pub(super) async fn options(config: &Config, limit: Duration) -> Result<ClientOptions, Failure> {
    let location = config.location.as_deref().ok_or_else(|| {
        Failure::broken("mongodb: no server is given; write mongodb://host:port or let storebench start one")
    })?;
    if location.starts_with("mongodb+srv://") {
        return Err(Failure::broken(
            "mongodb: this build resolves no mongodb+srv:// names; write mongodb://host1,host2/?replicaSet=name&tls=true",
        ));
    }
    let url = url(location, &config.options());
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

/// Whether every given host is this machine. The set may name others, but the process that answers is the one that says
/// where its files are.
pub(super) fn is_local(options: &ClientOptions) -> bool {
    let is_local = |host: &ServerAddress| match host {
        ServerAddress::Tcp { host, .. } => is_this_machine(host),
        _ => true, // A socket in a folder.
    };
    options.hosts.iter().all(is_local)
}

/// A client whose connection is made and whose password is checked. Its tasks live on the runtime that calls this.
pub(super) async fn connect(options: &ClientOptions) -> Result<Client, Failure> {
    let limit = options.connect_timeout.unwrap_or(LONGEST_SELECTION);
    reach(&options.hosts, limit).await?;
    let client = Client::with_options(options.clone()).map_err(|error| failure(error, "its options"))?;
    let pinged = timeout(limit, client.database("admin").run_raw_command(rawdoc! { "ping": 1 })).await;
    let problem = match pinged {
        Ok(Ok(_)) => return Ok(client),
        Ok(Err(error)) => match error.kind.as_ref() {
            ErrorKind::ServerSelection { message, .. } => unanswered(options, &heard(message)).caused_by(error),
            _ => failure(error, "connecting"),
        },
        Err(_) => unanswered(options, ""),
    };
    match problem.kind {
        FailureKind::Unavailable if turned_away(&options.hosts).await => Err(Failure::new(
            FailureKind::Overload,
            "mongodb: the server closes each connection as it takes it, as mongod does above net.maxIncomingConnections",
        )),
        _ => Err(problem),
    }
}

/// Whether a host ends a connection before anything was said on it.
async fn turned_away(hosts: &[ServerAddress]) -> bool {
    const SOON: Duration = Duration::from_millis(200);
    for host in hosts {
        let ServerAddress::Tcp { host, port } = host else { continue };
        let Ok(line) = TcpStream::connect((host.as_str(), port.unwrap_or(27017))).await else { continue };
        let is_readable = timeout(SOON, line.readable()).await.is_ok();
        let has_ended = |line: &TcpStream| match line.try_read(&mut [0]) {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        if is_readable && has_ended(&line) {
            return true;
        }
    }
    false
}

/// Whether any of the hosts takes a connection. The crate would keep looking until its limit of time, and then not
/// distinguish a refused connection from a silent one.
async fn reach(hosts: &[ServerAddress], limit: Duration) -> Result<(), Failure> {
    let mut problem = "no host is given".to_owned();
    for host in hosts {
        let ServerAddress::Tcp { host, port } = host else { return Ok(()) };
        match timeout(limit, TcpStream::connect((host.as_str(), port.unwrap_or(27017)))).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => problem = error.to_string(),
            Err(_) => problem = format!("no answer within {limit:?}"),
        }
    }
    Err(unreachable(hosts, &problem))
}

fn unreachable(hosts: &[ServerAddress], problem: &str) -> Failure {
    Failure::new(FailureKind::Unavailable, format!("mongodb: {} cannot be reached: {problem}", names(hosts)))
}

/// A connection is accepted there, but no server that takes writes is found behind it.
fn unanswered(options: &ClientOptions, heard: &str) -> Failure {
    let (limit, hosts) = (options.server_selection_timeout.unwrap_or(LONGEST_SELECTION), names(&options.hosts));
    // A limit of ours that is the longest cannot be raised.
    let remedy = if limit < LONGEST_SELECTION { ", or raise --timeout" } else { "" };
    let problem =
        format!("mongodb: {hosts} does not answer in {limit:?} as a primary{heard}: check the address{remedy}");
    Failure::new(FailureKind::Unavailable, problem)
}

fn names(hosts: &[ServerAddress]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The URL with its options again, which the crate reads itself. That of a server of our own brings some already.
fn url(location: &str, options: &[(&str, String)]) -> String {
    let hosts = location.split_once("://").map_or(location, |(_, rest)| rest);
    let path = if hosts.contains('/') { "" } else { "/" };
    let joint = if location.contains('?') { '&' } else { '?' };
    let options: Vec<String> = options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if options.is_empty() { location.to_owned() } else { format!("{location}{path}{joint}{}", options.join("&")) }
}

/// The crate's words about a URL may quote parts of it.
fn without_password(words: &str, location: &str) -> String {
    let authority = location.split_once("://").map_or(location, |(_, rest)| rest);
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    match user.split_once(':') {
        Some((_, password)) if !password.is_empty() => redacted(&words.replace(password, "***")),
        _ => redacted(words),
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
    fn words_about_a_url_do_not_quote_its_password() {
        let words = "invalid: the password hunter2 of mongodb://ada:hunter2@db";
        assert!(!without_password(words, "mongodb://ada:hunter2@db").contains("hunter2"));
    }
}
