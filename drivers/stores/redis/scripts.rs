//! The scripts that run in the server. They are loaded once a session and called by the digests that the server answers.
//!
//! The server forgets them when it ends or is told to (SCRIPT FLUSH); calling one then fails as unavailable, and the next
//! session loads them again.

use super::connection::Connection;
use super::failure::client_failure;
use crate::Failure;

/// What a session calls.
#[derive(Debug, Clone, Copy)]
pub(super) enum Script {
    /// The script of the layout of records.
    Records,
    InsertPoints,
    Window,
    PointsAbove,
}

/// A script before it is loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScriptSource {
    /// What stands for its digest where a command is shown.
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// In the order of [`Script`].
fn sources(records: ScriptSource) -> [ScriptSource; 4] {
    [
        records,
        ScriptSource { name: "<ingest.lua>", text: include_str!("series/ingest.lua") },
        ScriptSource { name: "<window.lua>", text: include_str!("series/window.lua") },
        ScriptSource { name: "<above.lua>", text: include_str!("series/above.lua") },
    ]
}

/// The digests by which scripts are called.
pub(super) struct Scripts([String; 4]);

impl Scripts {
    pub(super) async fn load(connection: &mut Connection, records: ScriptSource) -> Result<Self, Failure> {
        let mut load = redis::pipe();
        sources(records).iter().for_each(|source| {
            load.cmd("SCRIPT").arg("LOAD").arg(source.text);
        });
        let digests = load.query_async(connection).await;
        digests.map(Scripts).map_err(|error| client_failure(error, "its scripts cannot be loaded"))
    }

    /// Names in place of digests: for printing.
    pub(super) fn named(records: ScriptSource) -> Self {
        Scripts(sources(records).map(|source| source.name.to_owned()))
    }

    pub(super) fn digest(&self, script: Script) -> &str {
        &self.0[script as usize]
    }
}
