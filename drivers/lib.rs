//! The seam between the suite and the stores, and a folder for each store.
//!
//! A driver is two types. Its [`Store`] opens from its own configuration, makes sessions and describes itself; its
//! [`Session`] is one logical client with one operation in flight, whose `execute` is a `match` with one arm for each
//! operation that it speaks. Operations are data ([`Op`]); their meanings are written in `seam/op.rs` and, as code, in
//! `stores/memory`. Drivers know no plan, no stopwatch and no histogram, and print nothing.
//!
//! To add a store: write `stores/name/mod.rs`, put its client crate and a feature into `Cargo.toml`, and a line into the
//! list of `stores/mod.rs`. The conformance suite (`tests/conformance.rs`) then holds it to what it declares.

#![allow(async_fn_in_trait)] // Sessions live and die on one thread, so their futures need not be `Send`.

pub mod launch;
mod seam;
#[cfg(any(feature = "libsql", feature = "libsql-server", feature = "postgres"))]
mod sql;
mod store;
mod stores;
mod support;

pub use seam::address::{Address, AddressError};
pub use seam::capability::{
    Binding, Capabilities, Capability, Description, Durability, Footprint, Guarantees, Isolation,
};
pub use seam::dataset::{Dataset, Field, KeyKind, Kind, Log, Part, Series, Table};
pub use seam::failure::{Failure, FailureKind};
pub use seam::leftover::Leftover;
pub use seam::op::{Fields, Fold, Matching, Op, Order, Outcome};
pub use seam::printable::{is_unprintable, one_line, printable_lines};
pub use seam::redaction::{password_in, redacted};
pub use seam::value::{Change, Digest, Key, Point, Record, Row, Rows, Value, row_hash};
pub use store::{Declaration, Opening, Placement, Session, Store};
#[cfg(feature = "libsql")]
pub use stores::libsql;
#[cfg(feature = "libsql-server")]
pub use stores::libsql_server;
#[cfg(feature = "mongodb")]
pub use stores::mongodb;
#[cfg(feature = "postgres")]
pub use stores::postgres;
#[cfg(feature = "redis")]
pub use stores::redis;
pub use stores::{STORES, Visitor, memory, null, sim, visit};
pub use support::disk::{filesystem_of, scratch_folder};
pub use support::{scratch, server};
