//! The stores, a folder each, and the one list of them: the names on the command line, the kinds of URLs, help and tests
//! follow from what is in it.

#[cfg(feature = "libsql")]
pub mod libsql;
#[cfg(feature = "libsql-server")]
pub mod libsql_server;
pub mod memory;
#[cfg(feature = "mongodb")]
pub mod mongodb;
pub mod null;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
pub mod sim;

use std::str::FromStr;

use crate::seam::address::{Address, AddressError};
use crate::seam::notation::Notation;
use crate::store::{Declaration, Store};

/// What to do with a store once its type is known: dispatch is dynamic once a run and static per operation.
pub trait Visitor {
    /// What the visit gives.
    type Output;

    /// Called with the type that the name stands for.
    fn visit<S: Store>(self) -> Self::Output;
}

macro_rules! stores {
    ($($(#[$when:meta])? $store:ty),+ $(,)?) => {
        /// What the drivers of this build declare.
        pub const STORES: &[Declaration] = &[$($(#[$when])? Declaration::of::<$store>()),+];

        /// Visits the store of this name; `None` if this build has no such store.
        pub fn visit<V: Visitor>(name: &str, visitor: V) -> Option<V::Output> {
            $($(#[$when])? if name == <$store as Store>::NAME { return Some(visitor.visit::<$store>()); })+
            None
        }
    };
}

stores! {
    #[cfg(feature = "libsql")] libsql::Libsql,
    #[cfg(feature = "libsql-server")] libsql_server::LibsqlServer,
    memory::Memory,
    #[cfg(feature = "mongodb")] mongodb::Mongodb,
    null::Null,
    #[cfg(feature = "postgres")] postgres::Postgres,
    #[cfg(feature = "redis")] redis::Redis,
    sim::Sim,
}

/// The scheme of a URL, or the name before a colon, chooses among the stores of this build.
impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let named = |store: &Declaration| store.schemes.iter().map(|scheme| (*scheme, store.name)).collect::<Vec<_>>();
        let schemes: Vec<(&str, &str)> = STORES.iter().flat_map(named).collect();
        let foreign: Vec<Notation> = STORES.iter().flat_map(|store| store.foreign_notations).copied().collect();
        Address::parse(text, &schemes, &foreign)
    }
}
