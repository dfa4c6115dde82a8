//! A throwaway server: a fresh cluster in a folder of its own, set for a durability tier. It has a password, because
//! whoever may speak to it as its superuser may run programs as the user that it runs as.
//!
//! What is set beside the tier is what anybody would change on a dedicated server first, small enough for a laptop; all
//! else is the version's default, and everything is read back and recorded.

use std::time::Duration;

use super::config::Config;
use crate::support::server::{Program, Server, Site};
use crate::{Address, Durability, Failure};

/// How PostgreSQL is found and stopped.
pub(super) const PROGRAM: Program = Program {
    name: "postgres",
    binary: "postgres",
    variable: "STOREBENCH_POSTGRES_BIN",
    folders: &[
        "/usr/lib/postgresql/*/bin",          // Debian and Ubuntu
        "/usr/pgsql-*/bin",                   // the project's own packages for Red Hat
        "/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
        "/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
        "/Applications/Postgres.app/Contents/Versions/*/bin",
        "/usr/local/pgsql/bin", // built from source
    ],
    install: "Debian: apt install postgresql; macOS: brew install postgresql@17; Docker: docker run -p 5432:5432 -e \
              POSTGRES_PASSWORD=secret postgres",
    stop_signal: "QUIT", // Immediate, but releases shared memory.
    refuses_root: true,
};

/// How long one attempt to connect may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a server at a site.
pub(super) async fn serve(site: Site) -> Result<Server, Failure> {
    let data = site.folder().join("data");
    let mut initdb = site.command(Some("initdb"));
    let password = site.password()?;
    let password_file = site.secret("password", &password)?;
    initdb.arg("--pgdata").arg(&data).args(["--username=postgres", "--encoding=UTF8", "--locale=C"]);
    initdb.arg("--auth=scram-sha-256").arg("--pwfile").arg(password_file);
    // What is lost with the power is made anew by the next run.
    initdb.args(["--no-sync", "--no-instructions"]);
    site.run(&initdb).await?;

    let (fsync, commit) = match site.durability {
        Durability::Durable => ("on", "on"),
        Durability::Relaxed => ("on", "off"),
        Durability::Memory => ("off", "off"),
    };
    let mut postgres = site.command(None);
    postgres.arg("-D").arg(&data);
    for (name, value) in [
        ("port", site.port.to_string().as_str()),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("fsync", fsync),
        ("full_page_writes", fsync),
        ("synchronous_commit", commit),
        ("max_connections", "300"),
        ("shared_buffers", "256MB"),
        ("maintenance_work_mem", "256MB"),
        // One checkpoint in a short run would otherwise decide what it measures.
        ("max_wal_size", "4GB"),
        // The default of a second is a long time to wait for nothing; a check costs little while there are few sessions.
        ("deadlock_timeout", "20ms"),
        // A server that crashes, on a full disk for instance, ends and says why, and is not measured on after it.
        ("restart_after_crash", "off"),
        // Errors go to the client, which counts them; the log is for why the server itself ends.
        ("log_min_messages", "log"),
        ("log_min_error_statement", "panic"),
        ("log_checkpoints", "off"),
    ] {
        postgres.arg("-c").arg(format!("{name}={value}"));
    }
    if cfg!(target_os = "macos") {
        // Its default there flushes into the drive's cache only (`durability.rs`).
        postgres.args(["-c", "wal_sync_method=fsync_writethrough"]);
    }
    let address = format!("postgres://postgres:{password}@127.0.0.1:{}/postgres", site.port);
    let answers = || async {
        let parsed: Result<Address, _> = address.parse();
        let config = parsed.and_then(|address| address.config()).map_err(|error| Failure::broken(error.to_string()))?;
        Config::target(&config, PATIENCE)?.connect("").await.map(|_| ())
    };
    site.start(postgres, address.clone(), answers).await
}
