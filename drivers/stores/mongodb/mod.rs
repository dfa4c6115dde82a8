//! MongoDB, through its own crate. Tested with server 6.0; it needs 5.0. A standalone server, which belongs to no replica set,
//! has no transactions: it runs what needs none.
//!
//! A session (`session.rs`) has operations that share a command carried out (`executor.rs`) on a connection of its own
//! (`connection.rs`). Operations are database commands, written whole (`commands.rs`, `write_commands.rs`); how data
//! is stored is in `layout.rs`. Points are documents, or with `series=timeseries` measurements of time-series collections
//! (`points/`). What is promised is in `durability.rs`. The driver's collection methods and change streams are not used
//! for operations.
//!
//! A reply without an end takes no memory: the crate refuses a message by its header, when it is longer than the
//! server's `maxMessageSizeBytes`, which is 48 MB unless the server says otherwise.

mod abandoned;
mod admin;
mod catalog;
mod clauses;
mod commands;
mod config;
mod connection;
mod decode;
mod durability;
mod encode;
mod executor;
mod explain;
mod failure;
mod launch;
mod layout;
mod marker;
mod names;
mod options;
mod points;
mod session;
#[cfg(test)]
mod tests;
mod write_commands;

use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::doc;
use mongodb::options::ClientOptions;

use crate::seam::options::RecordedOptions;
use crate::support::server::{Program, Server, Site};
use crate::{
    Binding, Capabilities, Capability, Description, Durability, Failure, Footprint, Lack, Leftover, Notation, Op,
    Opening, Placement, Store,
};
use abandoned::AbandonedSessions;
pub use config::Config;
use connection::{Connection, connect};
use durability::{Concerns, ServerSettings, WriteConcern};
use layout::Layout;
use marker::OwnedDatabase;
use points::PointLayout;
pub use session::MongodbSession;

/// A database on a server, with the layout of one dataset.
pub struct Mongodb {
    options: ClientOptions,
    database: String,
    layout: Arc<Layout>,
    concerns: Concerns,
    /// Whether the server belongs to no replica set.
    is_standalone: bool,
    /// Options of the address that change nothing.
    recorded: RecordedOptions,
    timeout: Duration,
    abandoned: AbandonedSessions,
    /// What the server had written to its journal when the store was opened.
    journal_bytes: Option<u64>,
}

impl Store for Mongodb {
    type Config = Config;
    type Session = MongodbSession;
    const NAME: &'static str = "mongodb";
    const ABOUT: &'static str = "MongoDB: documents in a replica set, over its own protocol";
    const ALIASES: &'static [&'static str] = &["ferretdb"];
    const SCHEMES: &'static [&'static str] = &["mongodb", "mongodb+srv"];
    const FOREIGN_NOTATIONS: &'static [Notation] = options::NOTATIONS;
    const LAYOUTS: &'static [&'static str] = &["series=timeseries"];
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Remote;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const CLIENTS_CHOOSE_DURABILITY: bool = true;
    const PROGRAM: Option<Program> = Some(launch::PROGRAM);

    async fn serve(site: Site) -> Result<Server, Failure> {
        launch::serve(site).await
    }

    fn refuse(config: &Config, tier: Durability) -> Result<(), Failure> {
        config.refuse_contradictions(tier)
    }

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let options = config.client_options(opening.timeout).await?;
        let client = connect(&options).await?;
        let hello = admin::hello(&client).await?;
        let is_sharded = hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid");
        let is_standalone = !hello.contains_key("setName") && !is_sharded;
        let points = PointLayout::new(config.series, config.granularity, &hello)?;
        Ok(Mongodb {
            options,
            database: marker::database_name(&opening.dataset.name),
            layout: Arc::new(Layout::new(opening.dataset, points)),
            concerns: Concerns { write: WriteConcern::for_tier(opening.durability), is_sharded },
            is_standalone,
            recorded: config.recorded,
            timeout: opening.timeout,
            abandoned: AbandonedSessions::default(),
            journal_bytes: admin::journal_bytes(&client).await?,
        })
    }

    fn lacks(&self) -> Option<Lack> {
        self.is_standalone.then(|| Lack {
            capabilities: Capabilities::of(&[Capability::Transact, Capability::Interactive]),
            because:
                "this mongod belongs to no replica set, and only a set has transactions: start it with --replSet rs0 \
                      and run rs.initiate() in mongosh, which makes a set of it alone"
                    .into(),
        })
    }

    async fn reset(&self) -> Result<(), Failure> {
        self.owned_database().await?.create(&self.layout).await
    }

    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        self.owned_database().await?.read_marker().await
    }

    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        self.owned_database().await?.swap_marker(&self.layout.dataset.name, expected, new).await
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        marker::leftovers(&self.client().await?).await
    }

    async fn after_load(&self) -> Result<(), Failure> {
        self.owned_database().await?.after_load(&self.layout).await
    }

    async fn session(&self) -> Result<MongodbSession, Failure> {
        let client = self.client().await?;
        let abandoned = self.abandoned.clone();
        let connection = Connection::new(&client, &self.database, self.concerns, self.timeout, abandoned).await?;
        Ok(MongodbSession::new(Arc::clone(&self.layout), connection, self.concerns.write))
    }

    async fn describe(&self) -> Result<Description, Failure> {
        let database = connect(&self.options).await?.database(&self.database);
        let is_local = config::is_local(&self.options);
        let mut server = ServerSettings::read(&database, marker::MARKS, is_local).await?;
        let client = durability::client_settings(&self.options, self.concerns);
        server.settings.extend(client.into_iter().map(|(name, value)| (name.to_owned(), value)));
        server.settings.extend(self.recorded.clone());
        server.settings.insert("series".into(), self.layout.points.to_string());
        let mut description = Description {
            guarantees: server.guarantees(self.concerns.write),
            version: server.version,
            settings: server.settings,
            layout: self.layout.describe(),
            catalog: catalog::read(&database, &self.layout.dataset).await?,
        };
        server.files.judge(&mut description);
        Ok(description)
    }

    fn explain(&self, op: &Op) -> Binding {
        explain::explain(&self.layout, self.concerns.write, op)
    }

    /// Written bytes are the whole server's: its journal does not tell databases apart.
    async fn footprint(&self) -> Result<Footprint, Failure> {
        let owned = self.owned_database().await?;
        owned.checkpoint().await?;
        let statistics = owned.database.run_command(doc! { "dbStats": 1 }).await;
        let statistics = statistics.map_err(|error| failure::failure(error, "weighing the database"))?;
        let bytes = |name| admin::number(&statistics, name);
        let written = admin::journal_bytes(owned.database.client()).await?;
        Ok(Footprint {
            disk_bytes: bytes("storageSize").zip(bytes("indexSize")).map(|(data, indexes)| data + indexes),
            memory_bytes: None,
            written_bytes: written.zip(self.journal_bytes).map(|(now, before)| now.saturating_sub(before)),
        })
    }

    async fn clean_up(&self) -> Result<Vec<String>, Failure> {
        let replaced = self.owned_database().await?.drop_made().await?;
        let notice = |name: &String| {
            let database = &self.database;
            format!(
                "mongodb: {database} holds a `{name}` that is no longer the one that was made there: it was left alone"
            )
        };
        Ok(replaced.iter().map(notice).collect())
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if keep { Ok(()) } else { self.clean_up().await.map(|_| ()) }
    }
}

impl Mongodb {
    /// The database for work beside the sessions. Each call has a connection of its own, because a client of the crate
    /// lives and dies with the runtime that made it.
    async fn owned_database(&self) -> Result<OwnedDatabase, Failure> {
        Ok(OwnedDatabase::new(&self.client().await?, &self.database))
    }

    /// A client on a server where no transaction of an abandoned session is left.
    async fn client(&self) -> Result<Client, Failure> {
        let client = connect(&self.options).await?;
        self.abandoned.kill(&client, self.timeout).await?;
        Ok(client)
    }
}
