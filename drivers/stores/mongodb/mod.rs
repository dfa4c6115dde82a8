//! MongoDB, through its own crate. Tested with server 6.0; it needs 5.0 and a replica set or a mongos, because a
//! standalone server has no transactions.
//!
//! Operations are database commands, written whole (`mongodb/commands.rs`, `mongodb/changes.rs`); how data lies is in
//! `mongodb/layout.rs`. Points are documents, or with `series=timeseries` measurements of time-series collections
//! (`mongodb/points.rs`). The driver's collection methods and change streams are not used here.
//!
//! A reply without an end takes no memory: the crate refuses a message by its header, when it is longer than the
//! server's `maxMessageSizeBytes`, which is 48 MB unless the server says otherwise.
//!
//! Durability is requested with each write, on any server. The journal is WiredTiger's log; its records stay in a
//! buffer of the process until the journal is synced, by default every 100 ms, and can be lost when `mongod` ends hard
//! (mongodb.com/docs/manual/core/journaling, "Journaling Process"). Of 300 inserts that were acknowledged with `j:
//! false` 79, 183 and 274 were there after a SIGKILL. So that is `memory`. `j: true` waits for that sync
//! (mongodb.com/docs/manual/reference/write-concern, "j Option"), and there is no setting between: `relaxed` is `{w: 1,
//! j: true}`, which a failover in a set of several members can still take back; in a set of one it is as good as
//! `durable` and is reported as such, but never above the requested tier. `durable` is `{w: "majority", j: true}`.
//!
//! A transaction of one replica set reads one snapshot of WiredTiger at any read concern, and loses against another
//! that wrote what it writes. Its read concern is `local`, the server's own default, because with `snapshot` it reads
//! where the oplog has no holes, which under concurrent writes is behind what has been acknowledged (seen in the tests:
//! a record inserted just before was missing). Across shards only `snapshot` reads one instant
//! (mongodb.com/docs/manual/core/transactions, "Transactions and Read Concern"), so that is what a mongos gets.

mod applying;
mod binding;
mod changes;
mod commands;
mod connect;
mod failure;
mod given_up;
mod layout;
mod line;
mod marks;
mod points;
mod serve;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod values;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::doc;
use mongodb::options::ClientOptions;

use crate::support::server::{Program, Server, Site};
use crate::{
    Binding, Capabilities, Capability, Description, Durability, Failure, Footprint, Leftover, Op, Opening, Placement,
    Store,
};
use commands::Acknowledged;
use given_up::GivenUp;
use layout::Layout;
use line::Line;
use marks::Own;
use points::{Granularity, Kept, Way};
pub use session::MongodbSession;

/// The opened store.
pub struct Mongodb {
    options: ClientOptions,
    database: String,
    layout: Arc<Layout>,
    asked: Asked,
    timeout: Duration,
    given_up: GivenUp,
    /// What the server had written to its journal before.
    journal_bytes: Option<u64>,
}

/// What our own commands request of the server.
#[derive(Debug, Clone, Copy)]
struct Asked {
    acknowledged: Acknowledged,
    is_sharded: bool,
}

/// Where the server is. Options have the names that they have in every MongoDB URL
/// (mongodb.com/docs/manual/reference/connection-string-options); those that bear on what is measured are ours.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// The URL up to its options. A database in it is where the user is known, not where data goes.
    location: Option<String>,
    /// The database in which the user is known.
    auth_source: Option<String>,
    /// `SCRAM-SHA-256`, `SCRAM-SHA-1`, `MONGODB-X509`.
    auth_mechanism: Option<String>,
    /// The set that the hosts must belong to.
    replica_set: Option<String>,
    /// Whether to speak with the given host alone, whatever other members it names.
    direct_connection: Option<bool>,
    /// Our name in the server's log; `storebench` if not given.
    app_name: Option<String>,
    /// Whether to encrypt.
    tls: Option<bool>,
    /// A file of certificates to trust, instead of the usual ones.
    #[serde(rename = "tlsCAFile")]
    tls_ca_file: Option<String>,
    /// A file with our own certificate and key.
    tls_certificate_key_file: Option<String>,
    /// Whether to trust any certificate.
    tls_allow_invalid_certificates: Option<bool>,
    /// How points lie: `documents`, or `timeseries` for time-series collections, which keep each point that is sent
    /// again and have reads choose the newest. `documents` if not given.
    #[serde(default)]
    series: Way,
    /// How long a bucket of a time-series collection may be: `seconds` (an hour), `minutes` (a day) or `hours` (30
    /// days), of which the server's authors advise the one nearest to the time between two points of an entity. A
    /// dataset does not state that time, so `seconds`, the server's own default, if not given.
    granularity: Option<Granularity>,
}

impl Store for Mongodb {
    type Config = Config;
    type Session = MongodbSession;
    const NAME: &'static str = "mongodb";
    const ABOUT: &'static str = "MongoDB: documents in a replica set, over its own protocol";
    const SCHEMES: &'static [&'static str] = &["mongodb", "mongodb+srv"];
    const LAYOUTS: &'static [&'static str] = &["series=timeseries"];
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Remote;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const CLIENTS_CHOOSE_DURABILITY: bool = true;
    const PROGRAM: Option<Program> = Some(serve::PROGRAM);

    async fn serve(site: Site) -> Result<Server, Failure> {
        serve::serve(site).await
    }

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let options = connect::options(&config, opening.timeout).await?;
        let client = connect::connect(&options).await?;
        let hello = settings::hello(&client).await?;
        let is_sharded = hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid");
        if !hello.contains_key("setName") && !is_sharded {
            return Err(Failure::broken(
                "mongodb: a standalone server has no transactions; start it with --replSet and call rs.initiate()",
            ));
        }
        let kept = Kept::new(config.series, config.granularity, &hello)?;
        Ok(Mongodb {
            options,
            database: marks::database_name(&opening.dataset.name),
            layout: Arc::new(Layout::new(opening.dataset, kept)),
            asked: Asked { acknowledged: acknowledged(opening.durability), is_sharded },
            timeout: opening.timeout,
            given_up: GivenUp::default(),
            journal_bytes: settings::journal_bytes(&client).await?,
        })
    }

    async fn reset(&self) -> Result<(), Failure> {
        self.own().await?.create(&self.layout).await
    }

    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        self.own().await?.read_marker().await
    }

    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        self.own().await?.swap_marker(&self.layout.dataset.name, expected, new).await
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        marks::leftovers(&self.client().await?).await
    }

    async fn after_load(&self) -> Result<(), Failure> {
        self.own().await?.after_load(&self.layout).await
    }

    async fn session(&self) -> Result<MongodbSession, Failure> {
        let client = self.client().await?;
        let line = Line::new(&client, &self.database, self.asked, self.timeout, self.given_up.clone()).await?;
        Ok(MongodbSession::new(Arc::clone(&self.layout), line, self.asked.acknowledged))
    }

    async fn describe(&self) -> Result<Description, Failure> {
        let client = connect::connect(&self.options).await?;
        let mut effective = settings::read_back(&client, &self.database, connect::is_local(&self.options)).await?;
        let own = settings::client_settings(&self.options, self.asked);
        effective.settings.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
        effective.settings.insert("series".into(), self.layout.kept.to_string());
        let mut description = Description {
            guarantees: effective.guarantees(self.asked.acknowledged),
            version: effective.version,
            settings: effective.settings,
            layout: self.layout.sentences(),
        };
        effective.files.judge(&mut description);
        Ok(description)
    }

    fn explain(&self, op: &Op) -> Binding {
        binding::binding(&self.layout, self.asked.acknowledged, op)
    }

    /// Written bytes are the whole server's: its journal does not tell databases apart.
    async fn footprint(&self) -> Result<Footprint, Failure> {
        let own = self.own().await?;
        own.checkpoint().await?;
        let weighing = own.database.run_command(doc! { "dbStats": 1 }).await;
        let sizes = weighing.map_err(|error| failure::failure(error, "weighing the database"))?;
        let part = |name| settings::count(&sizes, name);
        let written = settings::journal_bytes(own.database.client()).await?;
        Ok(Footprint {
            disk_bytes: part("storageSize").zip(part("indexSize")).map(|(data, indexes)| data + indexes),
            memory_bytes: None,
            written_bytes: written.zip(self.journal_bytes).map(|(now, before)| now.saturating_sub(before)),
        })
    }

    async fn clean_up(&self) -> Result<Vec<String>, Failure> {
        let taken = self.own().await?.drop_made().await?;
        let said = |name: &String| {
            let database = &self.database;
            format!(
                "mongodb: {database} holds a `{name}` that is no longer the one that was made there: it was left alone"
            )
        };
        Ok(taken.iter().map(said).collect())
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if keep { Ok(()) } else { self.clean_up().await.map(|_| ()) }
    }
}

impl Mongodb {
    /// A connection for work beside the sessions. Each call has its own, because a client of the crate lives and dies
    /// with the runtime that made it.
    async fn own(&self) -> Result<Own, Failure> {
        Ok(Own::new(&self.client().await?, &self.database))
    }

    /// A client on a server where no transaction is left of sessions that were given up.
    async fn client(&self) -> Result<Client, Failure> {
        let client = connect::connect(&self.options).await?;
        self.given_up.kill(&client, self.timeout).await?;
        Ok(client)
    }
}

impl Config {
    /// The options that were given, as the URL had them.
    fn options(&self) -> Vec<(&'static str, String)> {
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

/// What a tier requests of each write.
fn acknowledged(durability: Durability) -> Acknowledged {
    match durability {
        Durability::Durable => Acknowledged { majority: true, journal: true },
        Durability::Relaxed => Acknowledged { majority: false, journal: true },
        Durability::Memory => Acknowledged { majority: false, journal: false },
    }
}
