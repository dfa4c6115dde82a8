//! What a server runs with, read back from it, and what that promises.

use std::collections::BTreeMap;

use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{ClientOptions, Tls};

use super::Asked;
use super::commands::Acknowledged;
use super::failure::failure;
use super::marks::{MARKS, allowed};
use crate::support::files::Files;
use crate::{Durability, Failure, Guarantees};

/// What was read back.
pub(super) struct Effective {
    pub(super) version: String,
    pub(super) settings: BTreeMap<String, String>,
    engine: Option<String>,
    /// How many, as far as that is known.
    members: Option<usize>,
    commit_interval_ms: Option<String>,
    /// If the server runs on this machine.
    pub(super) files: Files,
}

/// Reads from the server what it lets us.
pub(super) async fn read_back(client: &Client, database: &str, is_local: bool) -> Result<Effective, Failure> {
    let admin = || client.database("admin");
    let hello = hello(client).await?;
    let build = allowed(admin(), doc! { "buildInfo": 1 }).await?.unwrap_or_default();
    let status = allowed(admin(), status_command()).await?;
    let parameters = doc! { "getParameter": 1, "journalCommitInterval": 1, "syncdelay": 1 };
    let parameters = allowed(admin(), parameters).await?;
    let defaults = allowed(admin(), doc! { "getDefaultRWConcern": 1 }).await?;
    let config = allowed(admin(), doc! { "replSetGetConfig": 1 }).await?;
    let engine = match at(status.as_ref(), "storageEngine.name") {
        None => engine_of(allowed(client.database(database), doc! { "collStats": MARKS }).await?.as_ref()),
        named => named,
    };
    let commit_interval_ms = at(parameters.as_ref(), "journalCommitInterval");
    let members = config.as_ref().and_then(members);
    let files = if is_local { files(client, status.as_ref()).await? } else { Files::default() };
    let told = |value: Option<String>| value.unwrap_or_else(|| "not told".into());
    let settings = [
        ("storage_engine", engine.clone()),
        ("cache_bytes", at(status.as_ref(), "wiredTiger.cache.maximum bytes configured")),
        ("journal_commit_interval_ms", commit_interval_ms.clone()),
        ("checkpoint_every_s", at(parameters.as_ref(), "syncdelay")),
        ("replica_set", at(Some(&hello), "setName").or_else(|| at(Some(&hello), "msg"))),
        ("members", members.map(|count| count.to_string()).or_else(|| seen(&hello))),
        ("default_write_concern", at(defaults.as_ref(), "defaultWriteConcern")),
        ("default_read_concern", at(defaults.as_ref(), "defaultReadConcern")),
        ("majority_journals_by_default", at(config.as_ref(), "config.writeConcernMajorityJournalDefault")),
    ];
    Ok(Effective {
        version: told(at(Some(&build), "version")),
        settings: settings.into_iter().map(|(name, value)| (name.to_owned(), told(value))).collect(),
        engine,
        members,
        commit_interval_ms,
        files,
    })
}

/// On what the server's files lie, if it lets us see its process and its folder: `/data/db` if it was given no other
/// (mongodb.com/docs/manual/reference/configuration-options, storage.dbPath).
async fn files(client: &Client, status: Option<&Document>) -> Result<Files, Failure> {
    let options = allowed(client.database("admin"), doc! { "getCmdLineOpts": 1 }).await?;
    let pid = status.and_then(|status| count(status, "pid")).and_then(|pid| i64::try_from(pid).ok());
    let Some((pid, options)) = pid.zip(options) else { return Ok(Files::default()) };
    let folder = at(Some(&options), "parsed.storage.dbPath").unwrap_or_else(|| "/data/db".into());
    Ok(Files::seen_by(pid, &["mongod"], &folder, "journal"))
}

/// What the server reports of itself to everyone.
pub(super) async fn hello(client: &Client) -> Result<Document, Failure> {
    let hello = client.database("admin").run_command(doc! { "hello": 1 }).await;
    hello.map_err(|error| failure(error, "greeting"))
}

/// Bytes written to the journal since the server's start, by all its users.
pub(super) async fn journal_bytes(client: &Client) -> Result<Option<u64>, Failure> {
    let status = allowed(client.database("admin"), status_command()).await?;
    Ok(at(status.as_ref(), "wiredTiger.log.log bytes written").and_then(|bytes| bytes.parse().ok()))
}

fn status_command() -> Document {
    doc! { "serverStatus": 1, "metrics": 0, "locks": 0, "repl": 0, "tcmalloc": 0 }
}

/// All members of the set, of which some are hidden from everyone who may not see its configuration.
fn members(config: &Document) -> Option<usize> {
    config.get_document("config").and_then(|config| config.get_array("members")).map(Vec::len).ok()
}

/// The members that the server names to everyone: `passives` cannot become primaries.
fn seen(hello: &Document) -> Option<String> {
    let lists = ["hosts", "passives", "arbiters"].map(|name| hello.get_array(name).map_or(0, Vec::len));
    hello.contains_key("hosts").then(|| format!("at least {}", lists.iter().sum::<usize>()))
}

/// Statistics of a collection have a section named after its storage engine, and need no right beyond reading it.
fn engine_of(statistics: Option<&Document>) -> Option<String> {
    let statistics = statistics?;
    ["wiredTiger", "inMemory"].into_iter().find(|name| statistics.contains_key(name)).map(str::to_owned)
}

impl Effective {
    /// Classified from what was read back and what our own writes request.
    pub(super) fn guarantees(&self, acknowledged: Acknowledged) -> Guarantees {
        let (durability, meaning) = classify(self.engine.as_deref(), acknowledged, self.members);
        let concern = concern(acknowledged);
        let engine = self.engine.as_deref().unwrap_or("not told");
        let interval = self.commit_interval_ms.as_deref().unwrap_or("an unknown number of");
        let meaning = meaning.replace("{interval}", interval);
        Guarantees {
            durability,
            isolation: "snapshot: of two transactions that write one document, one fails; single reads see what the \
                        primary has applied"
                .into(),
            because: format!(
                "storage engine {engine}, members {} and write concern {concern}, {meaning}",
                self.settings["members"]
            ),
        }
    }
}

/// See the head of `mongodb.rs`.
pub(super) fn classify(
    engine: Option<&str>,
    acknowledged: Acknowledged,
    members: Option<usize>,
) -> (Durability, &'static str) {
    match engine {
        Some("wiredTiger") => {}
        Some(_) => return (Durability::Memory, "so data is not known to lie on a disk"),
        None => return (Durability::Memory, "and nothing is claimed without knowing where data lies"),
    }
    match acknowledged {
        Acknowledged { journal: false, .. } => {
            (Durability::Memory, "so the last {interval} ms of the journal are in the process alone")
        }
        Acknowledged { majority: true, .. } => {
            (Durability::Durable, "so a write is in the journal on the disks of a majority")
        }
        Acknowledged { .. } if members == Some(1) => (
            Durability::Relaxed,
            "so a write is in the primary's journal, which without other members is as good as durable",
        ),
        Acknowledged { majority: false, .. } => {
            (Durability::Relaxed, "so a write is in the primary's journal, and a failover may take it back")
        }
    }
}

/// The settings of our own side.
pub(super) fn client_settings(options: &ClientOptions, asked: Asked) -> Vec<(&'static str, String)> {
    let read_concern = if asked.is_sharded { "local; snapshot in transactions" } else { "local" };
    let seconds = |limit: Option<std::time::Duration>| limit.map_or("none".into(), |limit| format!("{limit:?}"));
    vec![
        ("client_write_concern", concern(asked.acknowledged)),
        ("client_read_concern", read_concern.into()),
        ("client_read_preference", "primary".into()),
        ("client_connections", "1 a session, and 1 that watches the server every 10 s".into()),
        ("client_retries", "retryWrites=false, retryReads=false; a commit of unknown outcome is repeated".into()),
        ("client_connect_timeout", seconds(options.connect_timeout)),
        ("client_server_selection_timeout", seconds(options.server_selection_timeout)),
        ("client_response_timeout", "none but the suite's own".into()),
        ("client_nodelay", "true".into()),
        ("client_compression", "none".into()),
        ("client_tls", if matches!(options.tls, Some(Tls::Enabled(_))) { "on" } else { "off" }.into()),
        ("client_direct", options.direct_connection.unwrap_or(false).to_string()),
    ]
}

fn concern(Acknowledged { majority, journal }: Acknowledged) -> String {
    format!("{{w: {}, j: {journal}}}", if majority { "\"majority\"" } else { "1" })
}

/// A value under a path, as text.
fn at(document: Option<&Document>, path: &str) -> Option<String> {
    let mut names = path.split('.');
    let first = document?.get(names.next()?)?;
    let found = names.try_fold(first, |found, name| found.as_document()?.get(name))?;
    Some(match found {
        Bson::String(text) => text.clone(),
        Bson::Double(number) if number.fract() == 0.0 => format!("{number:.0}"),
        other => other.to_string(),
    })
}

/// A number that the server writes as whichever type it fits.
pub(super) fn count(document: &Document, name: &str) -> Option<u64> {
    match document.get(name)? {
        Bson::Int32(number) => u64::try_from(*number).ok(),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        Bson::Double(number) if *number >= 0.0 => Some(*number as u64),
        _ => None,
    }
}
