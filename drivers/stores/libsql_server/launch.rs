//! A throwaway server, set for a durability tier.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use super::config::{Config, OwnOptions};
use super::endpoint::Endpoint;
use crate::support::server::{Program, Server, Site};
use crate::{Durability, Failure};

/// How sqld is found and stopped.
pub(super) const PROGRAM: Program = Program {
    name: "libsql-server",
    binary: "sqld",
    variable: "STOREBENCH_SQLD_BIN",
    folders: &[],
    install: "Debian: scripts/servers; macOS: brew install libsql/sqld/sqld; \
              Docker: ghcr.io/tursodatabase/libsql-server",
    stop_signal: "KILL",
    refuses_root: false,
};

/// Starts a server at a site.
pub(super) async fn serve(site: Site) -> Result<Server, Failure> {
    let mode = match site.durability {
        Durability::Durable => "strong",
        Durability::Relaxed => "relaxed",
        Durability::Memory => "off",
    };
    let admin_port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let no_port = |error| Failure::broken(format!("libsql-server: no free port: {error}"));
    let admin_port = admin_port.map_err(no_port)?.port();
    let address = format!("http://127.0.0.1:{}", site.port);
    let (user, admin) = (local(&address)?, local(&format!("http://127.0.0.1:{admin_port}"))?);
    let mut command = site.command(None);
    command.arg("--db-path").arg(site.folder().join("data"));
    command.args(["--http-listen-addr", &format!("127.0.0.1:{}", site.port)]);
    // It is where the durability is set. Without it, sqld would gather no metrics: so it does not with it either.
    command.args(["--admin-listen-addr", &format!("127.0.0.1:{admin_port}"), "--disable-metrics"]);
    // By default 128, and sqld drops further ones after a second.
    command.args(["--max-concurrent-connections", "4096"]);
    // Checkpoints by time and not within commits, see `mod.rs`.
    command.args(["--checkpoint-interval-s", "1", "--no-welcome"]);
    let answers = || async {
        let config = format!(r#"{{"block_reads":false,"block_writes":false,"durability_mode":"{mode}"}}"#);
        admin.ask("POST", "v1/namespaces/default/config", &config).await?;
        user.ask("GET", "health", "").await.map(|_| ())
    };
    site.start(command, address, answers).await
}

/// A server on this machine.
pub(super) fn local(address: &str) -> Result<Endpoint, Failure> {
    const ON_THIS_MACHINE: Duration = Duration::from_secs(1);
    let own = OwnOptions { location: Some(address.to_owned()), ..OwnOptions::default() };
    Endpoint::new(&Config { own, ..Config::default() }, ON_THIS_MACHINE)
}
