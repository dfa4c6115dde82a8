//! The libSQL server, sqld: the engine of libSQL behind Hrana 3, spoken over WebSocket with Protocol Buffers.
//!
//! Why not by the crate `libsql`. Its remote half speaks Hrana over HTTP and closes the stream after each statement
//! outside of a transaction, so that the server opens a SQLite connection for each: 430 µs for a read by key on one
//! machine, where one that keeps its stream takes 190 µs, and a WebSocket 118 µs. It has no batches with parameters: a
//! transaction of n statements is n + 2 round trips under the one write lock of the database. It retries on its own and
//! tells an error's code in debugging text only. The protocol's own document calls HTTP the less efficient variant.
//!
//! A session is one WebSocket with one stream: one SQLite connection in the server. Every operation is one round trip,
//! transactions and batches too (`plan.rs`); statements are stored on the server once a session, which nevertheless
//! prepares them for each execution. Data lies as in the embedded driver, under names of the dataset's own
//! (`schema.rs`). Namespaces, which take an administrator, and replicas are not here.
//!
//! Durability. sqld keeps SQLite's log in WAL mode, and PRAGMA synchronous is that of its `durability_mode`, a setting
//! of the admin API (libsql-server/src/connection/config.rs) that holds until sqld ends and that clients can read but
//! not change: `strong` is FULL and syncs the log before a commit is acknowledged, `relaxed`, the default, is NORMAL
//! and syncs at checkpoints, `off` is OFF. Traced in sqld 0.24.32: one fsync of `data-wal` a commit with `strong`, none
//! with the others. Its replication log (`wallog`) is never synced, but it is rebuilt from the database when it is cut
//! or lost, and no commit goes with it (tried, too). So they are the tiers `durable`, `relaxed` and `memory`, by
//! sqlite.org/pragma.html#pragma_synchronous.
//!
//! Checkpoints. By default sqld checkpoints within the commit that fills the log. Its queue of writers loses its place
//! then: of eight sessions that write, all stand still for 5 s, its transaction timeout, again and again, and at worst
//! for ever with a thread that spins (3 runs of 3, and never in 3 with checkpoints by time). A server of our own
//! therefore has `--checkpoint-interval-s 1`, which sets `wal_autocheckpoint` to 0; look there for a server that
//! stalls. Writers that wait also meet SQLITE_BUSY after its busy_timeout of 100 ms: a conflict, for the suite to
//! retry.

mod endpoint;
mod hrana;
mod plan;
mod schema;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod texts;
mod wire;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::sql::sqlite;
use crate::support::files::Files;
use crate::support::server::{Program, Server, Site};
use crate::{
    Binding, Capabilities, Capability, Dataset, Description, Durability, Failure, Footprint, Guarantees, Leftover, Op,
    Opening, Placement, Store,
};
use endpoint::Endpoint;
use plan::{Group, Step};
pub use session::LibsqlServerSession;
use stream::{Stream, patiently};
use texts::Texts;

/// The opened store.
pub struct LibsqlServer {
    endpoint: Arc<Endpoint>,
    dataset: Arc<Dataset>,
    named: Arc<Dataset>,
}

/// Where the server is and how it is reached.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its URL before the `?`: `http://`, `https://`, or `libsql://`, which is `https://`.
    location: Option<String>,
    /// A JSON Web Token, if the server wants one.
    #[serde(rename = "authToken")]
    auth_token: Option<String>,
    /// A file with the certificates to trust (PEM), instead of the system's.
    ca: Option<PathBuf>,
}

impl Store for LibsqlServer {
    type Config = Config;
    type Session = LibsqlServerSession;
    const NAME: &'static str = "libsql-server";
    const ABOUT: &'static str = "libSQL server (sqld), over its own protocol Hrana";
    const SCHEMES: &'static [&'static str] = &["http", "https", "libsql"];
    const CAPABILITIES: Capabilities = Capabilities::of(&Capability::ALL);
    const PLACEMENT: Placement = Placement::Remote;
    const BEST_DURABILITY: Durability = Durability::Durable;
    const PROGRAM: Option<Program> = Some(Program {
        name: "libsql-server",
        binary: "sqld",
        variable: "STOREBENCH_SQLD_BIN",
        folders: &[],
        install: "Debian: scripts/servers; macOS: brew install libsql/sqld/sqld; \
                  Docker: ghcr.io/tursodatabase/libsql-server",
        stop_signal: "KILL",
        refuses_root: false,
    });

    async fn serve(site: Site) -> Result<Server, Failure> {
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
        // Checkpoints by time and not within commits, see above.
        command.args(["--checkpoint-interval-s", "1", "--no-welcome"]);
        let answers = || async {
            let config = format!(r#"{{"block_reads":false,"block_writes":false,"durability_mode":"{mode}"}}"#);
            admin.ask("POST", "v1/namespaces/default/config", &config).await?;
            user.ask("GET", "health", "").await.map(|_| ())
        };
        site.start(command, address, answers).await
    }

    async fn open(config: Config, opening: Opening) -> Result<Self, Failure> {
        let endpoint = Arc::new(Endpoint::new(&config, opening.timeout)?);
        let named = schema::named(&opening.dataset);
        let store = LibsqlServer { endpoint, dataset: opening.dataset, named };
        store.stream().await?;
        Ok(store)
    }

    async fn reset(&self) -> Result<(), Failure> {
        patiently(async || schema::create(&mut self.stream().await?, &self.named).await).await
    }

    async fn read_marker(&self) -> Result<Option<String>, Failure> {
        patiently(async || schema::read_marker(&mut self.stream().await?, &self.named).await).await
    }

    async fn swap_marker(&self, expected: Option<&str>, new: &str) -> Result<bool, Failure> {
        patiently(async || schema::swap_marker(&mut self.stream().await?, &self.named, expected, new).await).await
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, Failure> {
        patiently(async || schema::leftovers(&mut self.stream().await?).await).await
    }

    async fn after_load(&self) -> Result<(), Failure> {
        patiently(async || schema::settle(&mut self.stream().await?, &self.named).await).await
    }

    async fn session(&self) -> Result<LibsqlServerSession, Failure> {
        Ok(LibsqlServerSession::new(self.stream().await?, self.dataset.clone(), self.named.clone()))
    }

    async fn describe(&self) -> Result<Description, Failure> {
        const PRAGMAS: [&str; 8] = [
            "journal_mode",
            "synchronous",
            "page_size",
            "cache_size",
            "wal_autocheckpoint",
            "busy_timeout",
            "foreign_keys",
            "mmap_size",
        ];
        let mut stream = self.stream().await?;
        let mut settings = BTreeMap::new();
        for pragma in PRAGMAS {
            settings.insert(pragma.to_owned(), one(&mut stream, &format!("PRAGMA {pragma}")).await?);
        }
        settings.insert("sqlite_version".into(), one(&mut stream, "SELECT sqlite_version()").await?);
        settings.insert("client".into(), format!("{} over WebSocket, one a session", hrana::SUBPROTOCOL));
        settings.insert("client_connection".into(), self.endpoint.describe().into());
        settings.insert("client_response_timeout".into(), format!("{:?}, by the suite", self.endpoint.timeout));
        let version = self.endpoint.ask("GET", "version", "").await.map(|version| version.trim().to_owned());
        let file = one(&mut stream, "SELECT file FROM pragma_database_list WHERE name = 'main'").await;
        let mut description = Description {
            // What stands between may hide the server's own.
            version: version.unwrap_or_else(|_| format!("libSQL {}", settings["sqlite_version"])),
            guarantees: guarantees(&settings["journal_mode"], &settings["synchronous"]),
            settings,
            layout: schema::layout(&self.dataset, &self.named),
        };
        self.files(file.ok()).judge(&mut description);
        Ok(description)
    }

    fn explain(&self, op: &Op) -> Binding {
        let steps = match op {
            Op::Batch(ops) | Op::Transact(ops) if ops.len() != 1 => self.grouped(ops, matches!(op, Op::Transact(_))),
            Op::Batch(ops) | Op::Transact(ops) => plan::steps(&self.dataset, &ops[0]),
            _ => plan::steps(&self.dataset, op).and_then(|steps| match steps.len() {
                0 | 1 => Ok(steps),
                _ => self.grouped(std::slice::from_ref(op), true),
            }),
        };
        // What cannot be sent takes no round trip.
        let steps = steps.unwrap_or_default();
        let mut statements = self.told(&steps);
        if let ([_], Op::Increment { table, key, field, .. }) = (&steps[..], op)
            && plan::doubtful(&self.dataset, op)
        {
            let probe = plan::probe(*table, key, *field);
            let probe = self.text(&probe);
            statements.push(format!("{probe} -- in a round trip of its own, only if no row changed, to tell why"));
        }
        Binding { statements, round_trips: u32::from(!steps.is_empty()) }
    }

    async fn footprint(&self) -> Result<Footprint, Failure> {
        let bytes = schema::bytes(&mut self.stream().await?, &self.named).await?;
        Ok(Footprint { disk_bytes: Some(bytes), ..Footprint::default() })
    }

    async fn clean_up(&self) -> Result<Vec<String>, Failure> {
        let taken = patiently(async || schema::drop_own(&mut self.stream().await?, &self.named).await).await?;
        let said = |table: &String| format!("{} {}", self.endpoint.shown, sqlite::marks::left_alone(table));
        Ok(taken.iter().map(said).collect())
    }

    async fn close(&self, keep: bool) -> Result<(), Failure> {
        if keep { Ok(()) } else { self.clean_up().await.map(|_| ()) }
    }
}

impl LibsqlServer {
    /// A stream of its own.
    async fn stream(&self) -> Result<Stream, Failure> {
        Stream::open(&self.endpoint, Texts::new(self.named.clone())).await
    }

    /// On what the database lies, if its file is on this machine. sqld does not tell its process: its own name for the
    /// file, `…/dbs/<namespace>/data`, has to do.
    fn files(&self, file: Option<String>) -> Files {
        let file = file.map(PathBuf::from).filter(|file| self.endpoint.is_local() && file.is_absolute());
        file.map_or_else(Files::default, |file| Files::around(&file))
    }

    fn grouped<'a>(&self, ops: &'a [Op], atomic: bool) -> Result<Vec<Step<'a>>, Failure> {
        if ops.is_empty() { Ok(Vec::new()) } else { Ok(Group::new(&self.dataset, ops, atomic)?.steps) }
    }

    /// The texts of steps with their conditions. Equal neighbours are written once, with their number.
    fn told(&self, steps: &[Step<'_>]) -> Vec<String> {
        let texts: Vec<String> = steps.iter().map(|step| self.text(step)).collect();
        let runs = texts.chunk_by(|one, next| one == next);
        runs.map(|run| if run.len() == 1 { run[0].clone() } else { format!("{} -- {} times", run[0], run.len()) })
            .collect()
    }

    fn text(&self, step: &Step<'_>) -> String {
        let text = plan::text(&self.named, step.what, &step.named.to_fields());
        match step.condition {
            hrana::Condition::Failed(_) => format!("{text} -- only if the statement before it failed"),
            hrana::Condition::InTransaction if text == "ROLLBACK" => format!("{text} -- only if a transaction is open"),
            _ => text,
        }
    }
}

fn local(address: &str) -> Result<Endpoint, Failure> {
    const ON_THIS_MACHINE: Duration = Duration::from_secs(1);
    Endpoint::new(&Config { location: Some(address.to_owned()), ..Config::default() }, ON_THIS_MACHINE)
}

/// What the settings that were read back amount to. That an administrator has set more is not to be read.
fn guarantees(journal_mode: &str, synchronous: &str) -> Guarantees {
    let mut guarantees = sqlite::guarantees::guarantees(journal_mode, synchronous);
    if guarantees.durability == Durability::Relaxed {
        guarantees.because += ", unless an administrator sets durability_mode to strong";
    }
    guarantees
}

/// The first column of the first row that a statement answers, as text.
async fn one(stream: &mut Stream, sql: &str) -> Result<String, Failure> {
    let texts = stream.texts(sql, &[]).await?;
    let nothing = || Failure::broken(format!("libsql-server: nothing is answered to `{sql}`"));
    texts.into_iter().next().ok_or_else(nothing)
}
