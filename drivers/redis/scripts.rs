//! The scripts that run in the server: their texts, and what they do there in one sentence for `binding`.
//!
//! They are loaded once a session and called by their digest. The server forgets them when it ends or is told to
//! (SCRIPT FLUSH); calling one then fails as unavailable, and the next session brings them again.

use redis::aio::MultiplexedConnection;

use super::failures::failure;
use crate::{Failure, Op};

/// One of the scripts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Script {
    Records,
    Ingest,
    Window,
    Above,
}

const TEXTS: [&str; 4] =
    [include_str!("records.lua"), include_str!("ingest.lua"), include_str!("window.lua"), include_str!("above.lua")];

const NAMES: [&str; 4] = ["<records.lua>", "<ingest.lua>", "<window.lua>", "<above.lua>"];

/// What to call the scripts by.
pub(super) struct Scripts([String; 4]);

impl Scripts {
    /// Loads all of them.
    pub(super) async fn load(connection: &mut MultiplexedConnection) -> Result<Self, Failure> {
        let mut load = redis::pipe();
        TEXTS.iter().for_each(|text| {
            load.cmd("SCRIPT").arg("LOAD").arg(text);
        });
        let loaded = load.query_async(connection).await;
        loaded.map(Scripts).map_err(|error| failure(error, &"its scripts cannot be loaded"))
    }

    /// Their names in place of their digests: for printing.
    pub(super) fn named() -> Self {
        Scripts(NAMES.map(str::to_owned))
    }

    pub(super) fn sha(&self, script: Script) -> &str {
        &self.0[script as usize]
    }
}

/// The commands that an operation's script carries out in the server.
pub(super) fn meaning(op: &Op) -> Option<&'static str> {
    Some(match op {
        Op::Insert { .. } => "EXISTS, HSET, ZADD to all keys and each index",
        Op::Update { .. } => "EXISTS, HSET, HDEL; where indexed: HGET, ZREM, ZADD",
        Op::Delete { .. } => "EXISTS, HGET and ZREM for each index, ZREM from all keys, DEL",
        Op::Bump { .. } => "HGET, HINCRBY; where indexed: ZREM, ZADD",
        Op::Scan { .. } => "ZRANGE BYLEX of all keys, HMGET for each record",
        Op::Find { .. } => "ZRANGE BYLEX of the index, HMGET for each record",
        Op::Transact(_) => "each operation in turn; what was changed is put back if one is refused or fails",
        Op::Ingest { .. } => {
            "for each point: ZCOUNT, ZADD twice; where one of its instant gives way: ZRANGE, ZREM twice"
        }
        Op::Window { .. } => "ZRANGE BYSCORE, folded",
        Op::Above { .. } => "ZCOUNT twice, ZRANGE REV of all points, 200 at a time until enough are above",
        _ => return None,
    })
}
