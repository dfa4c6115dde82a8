//! A throwaway server: one `mongod` as a replica set of its own, because only a set has transactions.
//!
//! It is the same for every tier, because durability is requested with each write.

use std::time::Duration;

use mongodb::bson::doc;

use super::admin::hello;
use super::config::Config;
use super::connection::connect;
use super::failure::failure;
use crate::support::server::{Program, Server, Site};
use crate::{Failure, FailureKind};

pub(super) const PROGRAM: Program = Program {
    name: "mongodb",
    binary: "mongod",
    variable: "STOREBENCH_MONGOD_BIN",
    folders: &["/usr/local/bin", "/opt/homebrew/bin", "/opt/mongodb/*/bin", "/opt/mongodb/bin"],
    install: "Debian: scripts/servers; macOS: brew tap mongodb/brew && brew install mongodb-community; \
              Docker: docker run -p 27017:27017 mongo:6.0 --replSet rs0, then rs.initiate()",
    stop_signal: "KILL", // what it would still write is removed anyway
    refuses_root: false,
};

/// Starts a server. It is small where size only costs time: 64 MB of oplog, no diagnostic files. It gets 1 GB of cache,
/// because the default is half of the machine's memory, which it would not share.
pub(super) async fn serve(site: Site) -> Result<Server, Failure> {
    let host = format!("127.0.0.1:{}", site.port);
    let mut command = site.command(None);
    command.arg("--dbpath").arg(site.folder()).args(["--port", &site.port.to_string(), "--bind_ip", "127.0.0.1"]);
    command.args(["--replSet", "storebench", "--oplogSize", "64", "--wiredTigerCacheSizeGB", "1", "--nounixsocket"]);
    command.args(["--quiet", "--setParameter", "diagnosticDataCollectionEnabled=false"]);
    let location = format!("mongodb://{host}/");
    let address = format!("{location}?directConnection=true");
    site.start(command, address, || initiate(&location, &host)).await
}

/// Makes the server the primary of a set with no other members, if it is not yet.
async fn initiate(location: &str, host: &str) -> Result<(), Failure> {
    let options = Config::direct(location.into()).client_options(Duration::from_secs(5)).await?;
    let client = connect(&options).await?;
    let set = doc! { "_id": "storebench", "members": [{ "_id": 0, "host": host }] };
    if !hello(&client).await?.contains_key("setName") {
        let admin = client.database("admin");
        let initiating = admin.run_command(doc! { "replSetInitiate": set });
        initiating.await.map_err(|error| failure(error, "initiating the replica set"))?;
    }
    for _ in 0..500 {
        if hello(&client).await?.get_bool("isWritablePrimary").unwrap_or(false) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(Failure::new(FailureKind::Unavailable, "mongodb: the server does not become a primary"))
}
