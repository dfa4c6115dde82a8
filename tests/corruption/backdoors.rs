//! Clients of the stores that the suite does not know: which of them reaches which store, and what cannot happen there.

#[path = "kinds.rs"]
pub mod kinds;
mod mongodb;
mod postgres;
mod redis;
mod sql;
mod sqlite;

pub use self::redis::Client as RedisClient;
use super::servers::Candidate;

/// How much was changed, or what went wrong.
pub type Corrupted = Result<u64, String>;

/// A client that does to a part what its name says.
pub trait Backdoor {
    /// Corrupts the part that has the name of a kind. Nothing is changed if there is nothing yet that could be.
    fn corrupt(&mut self, kind: &str) -> Corrupted;
}

/// A client for the dataset of a run, which is under way at this address.
pub fn open(store: &Candidate, address: &str, dataset: &str) -> Box<dyn Backdoor> {
    match store.declared.name {
        "libsql" => Box::new(sqlite::File::open(address)),
        "libsql-server" => Box::new(sqlite::HttpServer::open(address, dataset)),
        "postgres" => Box::new(postgres::Connection::open(address, dataset)),
        "redis" => Box::new(redis::Client::open(address, dataset)),
        "mongodb" => Box::new(mongodb::Connection::open(address, dataset)),
        other => panic!("there is no client in tests/corruption/ that corrupts {other}: write one"),
    }
}

/// What a client's connection is driven by while it does something.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The kinds that cannot happen in a store, each with the reason.
pub fn impossible(store: &Candidate) -> Vec<(&'static str, &'static str)> {
    match store.name.as_str() {
        "postgres?layout=children" => sql::IMPOSSIBLE.to_vec(),
        "mongodb?series=timeseries" => mongodb::IMPOSSIBLE.to_vec(),
        _ => match store.declared.name {
            "libsql" | "libsql-server" => [sql::IMPOSSIBLE, sql::IMPOSSIBLE_IN_ONE_TABLE, sqlite::IMPOSSIBLE].concat(),
            "postgres" => [sql::IMPOSSIBLE, sql::IMPOSSIBLE_IN_ONE_TABLE].concat(),
            "redis" => redis::IMPOSSIBLE.to_vec(),
            "mongodb" => [mongodb::IMPOSSIBLE, mongodb::IMPOSSIBLE_IN_DOCUMENTS].concat(),
            other => panic!("nobody has said what cannot be corrupted in {other}: say so in tests/corruption/"),
        },
    }
}
