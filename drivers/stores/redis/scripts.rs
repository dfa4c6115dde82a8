//! The scripts that run in the server: their texts, and what they do there in one sentence for `binding`.
//!
//! They are loaded once a session and called by their digest. The server forgets them when it ends or is told to
//! (SCRIPT FLUSH); calling one then fails as unavailable, and the next session brings them again.

use super::failures::failure;
use super::link::Link;
use super::shape::Layout;
use super::{documents, hashes};
use crate::{Failure, Op};

/// One of the scripts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Script {
    Records,
    Ingest,
    Window,
    Above,
}

/// Their texts, where records lie in this way.
fn texts(layout: Layout) -> [&'static str; 4] {
    let records = match layout {
        Layout::Hash => include_str!("records.lua"),
        Layout::Json => include_str!("documents.lua"),
    };
    [records, include_str!("ingest.lua"), include_str!("window.lua"), include_str!("above.lua")]
}

/// What to call the scripts by.
pub(super) struct Scripts([String; 4]);

impl Scripts {
    /// Loads all of them.
    pub(super) async fn load(connection: &mut Link, layout: Layout) -> Result<Self, Failure> {
        let mut load = redis::pipe();
        texts(layout).iter().for_each(|text| {
            load.cmd("SCRIPT").arg("LOAD").arg(text);
        });
        let loaded = load.query_async(connection).await;
        loaded.map(Scripts).map_err(|error| failure(error, &"its scripts cannot be loaded"))
    }

    /// Their names in place of their digests: for printing.
    pub(super) fn named(layout: Layout) -> Self {
        let records = match layout {
            Layout::Hash => "<records.lua>",
            Layout::Json => "<documents.lua>",
        };
        Scripts([records, "<ingest.lua>", "<window.lua>", "<above.lua>"].map(str::to_owned))
    }

    pub(super) fn sha(&self, script: Script) -> &str {
        &self.0[script as usize]
    }
}

/// The commands that an operation's script carries out in the server.
pub(super) fn meaning(layout: Layout, op: &Op) -> Option<&'static str> {
    Some(match op {
        Op::InsertPoints { .. } => {
            "for each point: ZCOUNT, ZADD twice; where one of its instant gives way: ZRANGE, ZREM twice"
        }
        Op::Window { .. } => "ZRANGE BYSCORE, folded",
        Op::PointsAbove { .. } => "ZCOUNT twice, ZRANGE REV of all points, 200 at a time until enough are above",
        of_records => {
            return match layout {
                Layout::Hash => hashes::meaning(of_records),
                Layout::Json => documents::meaning(of_records),
            };
        }
    })
}
