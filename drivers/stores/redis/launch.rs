//! Starting a server for a run: one that is thrown away afterwards.

use std::time::Duration;

use super::config::Config;
use super::connection::Connection;
use super::info;
use crate::support::server::{Program, Server, Site};
use crate::{Durability, Failure, FailureKind};

pub(super) const PROGRAM: Program = Program {
    name: "redis",
    binary: "redis-server",
    variable: "STOREBENCH_REDIS_BIN",
    folders: &["/usr/local/bin", "/opt/homebrew/bin", "/opt/redis/bin"],
    install: "Debian: apt install redis-server; macOS: brew install redis; Docker: docker run -p 6379:6379 redis",
    // Everything that it holds is removed anyway, and TERM would write a snapshot first.
    stop_signal: "KILL",
    refuses_root: false,
};

/// Starts a server that is set for a tier, with a password.
pub(super) async fn start(site: Site) -> Result<Server, Failure> {
    let (appendonly, appendfsync) = match site.durability {
        Durability::Durable => ("yes", "always"),
        Durability::Relaxed => ("yes", "everysec"),
        Durability::Memory => ("no", "everysec"),
    };
    // One executable does everything and looks at its own name: Debian's redis-server is a link to redis-check-rdb, which
    // is what following the link finds.
    let is_other_name = site.binary.file_name().is_some_and(|name| name.to_string_lossy().starts_with("redis-check-"));
    let mut command = site.command(is_other_name.then_some("redis-server"));
    // Whoever can talk to the server can write files as the user that it runs as.
    let password = site.password()?;
    command.arg(site.secret("redis.conf", &format!("requirepass {password}\n"))?);
    command.args(["--port", &site.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.arg("--dir").arg(site.folder());
    command.args(["--appendonly", appendonly, "--appendfsync", appendfsync]);
    let address = format!("redis://:{password}@127.0.0.1:{}", site.port);
    let options = Config::at(&address).connect_options(Duration::from_secs(1))?;
    let server = site.start(command, address, || async { Connection::open(&options).await.map(|_| ()) }).await?;
    let mut connection = Connection::open(&options).await?;
    let info = info::info(&mut connection, &["server"]).await?;
    if info.get("process_id") != Some(&server.pid().to_string()) {
        return Err(Failure::new(
            FailureKind::Unavailable,
            "redis: a server that we did not start answers at the free port",
        ));
    }
    Ok(server)
}
