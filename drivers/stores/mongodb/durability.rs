//! What acknowledges a write, and what that promises with the settings that the server is read back to run with.
//!
//! Durability is requested with each write, on any server. The journal is WiredTiger's log; its records stay in a
//! buffer of the process until the journal is synced, by default every 100 ms, and can be lost when `mongod` is killed
//! (mongodb.com/docs/manual/core/journaling, "Journaling Process"): of 300 inserts that were acknowledged with `j:
//! false`, 79, 183 and 274 were there after a SIGKILL. So that is `memory`. `j: true` waits for that sync
//! (mongodb.com/docs/manual/reference/write-concern, "j Option"), and there is no setting between: `relaxed` is `{w: 1,
//! j: true}`, which a failover in a set of several members can still take back; in a set of one it is as good as
//! `durable` and is reported as such, but never above the requested tier. `durable` is `{w: "majority", j: true}`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::options::{Acknowledgment, ClientOptions, ReadConcern, Tls, TransactionOptions};
use mongodb::{Client, Database};

use super::admin::{hello, number, run_if_allowed, server_status, value_at};
use super::encode::DocumentWriter;
use crate::support::files::Files;
use crate::{Durability, Failure, Guarantees};

/// When the server acknowledges a write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WriteConcern {
    /// Once most of the voting members have it, and not the primary alone.
    pub(super) majority: bool,
    /// Once it is in the journal on disk.
    pub(super) journal: bool,
}

impl WriteConcern {
    /// What a tier requests of each write.
    pub(super) const fn for_tier(tier: Durability) -> Self {
        match tier {
            Durability::Durable => WriteConcern { majority: true, journal: true },
            Durability::Relaxed => WriteConcern { majority: false, journal: true },
            Durability::Memory => WriteConcern { majority: false, journal: false },
        }
    }

    /// The same for commands that the crate writes.
    pub(super) fn options(self) -> mongodb::options::WriteConcern {
        let members = if self.majority { Acknowledgment::Majority } else { Acknowledgment::Nodes(1) };
        mongodb::options::WriteConcern::builder().w(members).journal(self.journal).build()
    }

    pub(super) fn write(self, concern: &mut DocumentWriter) {
        if self.majority {
            concern.text("w", "majority")
        } else {
            concern.int("w", 1)
        }
        concern.flag("j", self.journal);
    }
}

impl fmt::Display for WriteConcern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = if self.majority { "\"majority\"" } else { "1" };
        write!(f, "{{w: {members}, j: {}}}", self.journal)
    }
}

/// The concerns of a session's commands.
///
/// A transaction of one replica set reads one snapshot of WiredTiger at any read concern, and loses against another
/// that wrote what it writes. Its read concern is `local`, the server's own default, because with `snapshot` it reads
/// where the oplog has no holes, which under concurrent writes is behind what has been acknowledged (seen in the tests:
/// a record inserted just before was missing). Across shards only `snapshot` reads one instant
/// (mongodb.com/docs/manual/core/transactions, "Transactions and Read Concern"), so that is what a mongos gets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Concerns {
    pub(super) write: WriteConcern,
    /// Whether the server is a mongos.
    pub(super) is_sharded: bool,
}

impl Concerns {
    pub(super) fn transaction_options(self) -> TransactionOptions {
        let read = if self.is_sharded { ReadConcern::snapshot() } else { ReadConcern::local() };
        TransactionOptions::builder().read_concern(read).write_concern(self.write.options()).build()
    }
}

/// What the server runs with.
pub(super) struct ServerSettings {
    pub(super) version: String,
    pub(super) settings: BTreeMap<String, String>,
    engine: Option<String>,
    /// How many members the set has, as far as our user may know it.
    members: Option<usize>,
    /// Whether it belongs to no set.
    is_standalone: bool,
    journal_interval_ms: Option<String>,
    /// The file systems of the server's files; unknown if the server runs on another machine.
    pub(super) files: Files,
}

impl ServerSettings {
    /// Reads back what the server lets us. The collection is one of ours: its statistics have a section named after its
    /// storage engine, and need no right beyond reading it.
    pub(super) async fn read(database: &Database, collection: &str, is_local: bool) -> Result<Self, Failure> {
        let client = database.client();
        let admin = || client.database("admin");
        let hello = hello(client).await?;
        let build = run_if_allowed(admin(), doc! { "buildInfo": 1 }).await?.unwrap_or_default();
        let status = server_status(client).await?;
        let parameters = doc! { "getParameter": 1, "journalCommitInterval": 1, "syncdelay": 1 };
        let parameters = run_if_allowed(admin(), parameters).await?;
        let defaults = run_if_allowed(admin(), doc! { "getDefaultRWConcern": 1 }).await?;
        let config = run_if_allowed(admin(), doc! { "replSetGetConfig": 1 }).await?;
        let engine = match value_at(status.as_ref(), "storageEngine.name") {
            None => engine_name(run_if_allowed(database.clone(), doc! { "collStats": collection }).await?.as_ref()),
            engine => engine,
        };
        let journal_interval_ms = value_at(parameters.as_ref(), "journalCommitInterval");
        let is_standalone = !hello.contains_key("setName") && !hello.contains_key("msg");
        let members = if is_standalone { Some(1) } else { config.as_ref().and_then(member_count) };
        let files = if is_local { files(client, status.as_ref()).await? } else { Files::default() };
        let settings = [
            ("storage_engine", engine.clone()),
            ("cache_bytes", value_at(status.as_ref(), "wiredTiger.cache.maximum bytes configured")),
            ("journal_commit_interval_ms", journal_interval_ms.clone()),
            ("checkpoint_every_s", value_at(parameters.as_ref(), "syncdelay")),
            (
                "replica_set",
                match is_standalone {
                    true => Some("none: a standalone server".into()),
                    false => value_at(Some(&hello), "setName").or_else(|| value_at(Some(&hello), "msg")),
                },
            ),
            ("members", members.map(|count| count.to_string()).or_else(|| visible_members(&hello))),
            ("default_write_concern", value_at(defaults.as_ref(), "defaultWriteConcern")),
            ("default_read_concern", value_at(defaults.as_ref(), "defaultReadConcern")),
            ("majority_journals_by_default", value_at(config.as_ref(), "config.writeConcernMajorityJournalDefault")),
        ];
        let or_unknown = |value: Option<String>| value.unwrap_or_else(|| UNKNOWN.into());
        Ok(ServerSettings {
            version: or_unknown(value_at(Some(&build), "version")),
            settings: settings.into_iter().map(|(name, value)| (name.to_owned(), or_unknown(value))).collect(),
            engine,
            members,
            is_standalone,
            journal_interval_ms,
            files,
        })
    }

    /// Classified from what was read back and what our own writes request.
    pub(super) fn guarantees(&self, concern: WriteConcern) -> Guarantees {
        let (durability, meaning) = classify(self.engine.as_deref(), concern, self.members);
        let engine = self.engine.as_deref().unwrap_or(UNKNOWN);
        let interval = self.journal_interval_ms.as_deref().unwrap_or("an unknown number of");
        let meaning = meaning.replace("{interval}", interval);
        Guarantees {
            durability,
            isolation: match self.is_standalone {
                true => "none: a standalone server has no transactions; an operation on one document is atomic",
                false => {
                    "snapshot: of two transactions that write one document, one fails; single reads see what the \
                     primary has applied"
                }
            }
            .into(),
            because: format!(
                "storage engine {engine}, members {} and write concern {concern}, {meaning}",
                self.settings["members"]
            ),
        }
    }
}

/// For a setting that the server does not let us read.
const UNKNOWN: &str = "unknown";

/// The tier of writes with a concern on a storage engine, and why. See the head of this file.
pub(super) fn classify(
    engine: Option<&str>,
    concern: WriteConcern,
    members: Option<usize>,
) -> (Durability, &'static str) {
    match engine {
        Some("wiredTiger") => {}
        Some(_) => return (Durability::Memory, "so data is not known to lie on a disk"),
        None => return (Durability::Memory, "and nothing is claimed without knowing where data lies"),
    }
    match concern {
        WriteConcern { journal: false, .. } => {
            (Durability::Memory, "so the last {interval} ms of the journal are in the process alone")
        }
        WriteConcern { majority: true, .. } => {
            (Durability::Durable, "so a write is in the journal on the disks of a majority")
        }
        WriteConcern { .. } if members == Some(1) => (
            Durability::Relaxed,
            "so a write is in the primary's journal, which without other members is as good as durable",
        ),
        WriteConcern { .. } => {
            (Durability::Relaxed, "so a write is in the primary's journal, and a failover may take it back")
        }
    }
}

/// The settings of our own side.
pub(super) fn client_settings(options: &ClientOptions, concerns: Concerns) -> Vec<(&'static str, String)> {
    let read_concern = if concerns.is_sharded { "local; snapshot in transactions" } else { "local" };
    let limit = |limit: Option<Duration>| limit.map_or("none".into(), |limit| format!("{limit:?}"));
    vec![
        ("client_write_concern", concerns.write.to_string()),
        ("client_read_concern", read_concern.into()),
        ("client_read_preference", "primary".into()),
        ("client_connections", "1 a session, and 1 that watches the server every 10 s".into()),
        ("client_retries", "retryWrites=false, retryReads=false; a commit of unknown outcome is repeated".into()),
        ("client_connect_timeout", limit(options.connect_timeout)),
        ("client_server_selection_timeout", limit(options.server_selection_timeout)),
        ("client_response_timeout", "none but the suite's own".into()),
        ("client_nodelay", "true".into()),
        ("client_compression", "none".into()),
        ("client_tls", if matches!(options.tls, Some(Tls::Enabled(_))) { "on" } else { "off" }.into()),
        ("client_direct", options.direct_connection.unwrap_or(false).to_string()),
    ]
}

/// The file systems of the server's files, if it lets us see its process and its folder: `/data/db` if it was started
/// with no other (mongodb.com/docs/manual/reference/configuration-options, storage.dbPath).
async fn files(client: &Client, status: Option<&Document>) -> Result<Files, Failure> {
    let options = run_if_allowed(client.database("admin"), doc! { "getCmdLineOpts": 1 }).await?;
    let pid = status.and_then(|status| number(status, "pid")).and_then(|pid| i64::try_from(pid).ok());
    let Some((pid, options)) = pid.zip(options) else { return Ok(Files::default()) };
    let folder = value_at(Some(&options), "parsed.storage.dbPath").unwrap_or_else(|| "/data/db".into());
    Ok(Files::seen_by(pid, &["mongod"], &folder, "journal"))
}

/// All members of the set, hidden ones too: only its configuration, which not every user may read, names those.
fn member_count(config: &Document) -> Option<usize> {
    config.get_document("config").and_then(|config| config.get_array("members")).map(Vec::len).ok()
}

/// The members that the server names to everyone: `passives` cannot become primaries.
fn visible_members(hello: &Document) -> Option<String> {
    let lists = ["hosts", "passives", "arbiters"].map(|name| hello.get_array(name).map_or(0, Vec::len));
    hello.contains_key("hosts").then(|| format!("at least {}", lists.iter().sum::<usize>()))
}

fn engine_name(statistics: Option<&Document>) -> Option<String> {
    let statistics = statistics?;
    ["wiredTiger", "inMemory"].into_iter().find(|name| statistics.contains_key(name)).map(str::to_owned)
}
