//! What stores that speak SQL share. An operation becomes a statement (`statement.rs`), a statement becomes text in a
//! dialect (`render.rs`, `dialect.rs`) on tables that lie as the dialect has them (`layout.rs`), and the reply to it becomes
//! the operation's outcome (`outcome.rs`).
//!
//! Nothing here talks to a store. A store that speaks SQL adds its dialect, its connection, how values are encoded, and
//! what makes it durable.

pub(crate) mod dialect;
pub(crate) mod explain;
pub(crate) mod layout;
pub(crate) mod names;
pub(crate) mod outcome;
pub(crate) mod render;
#[cfg(any(feature = "libsql", feature = "libsql-server"))]
pub(crate) mod sqlite;
pub(crate) mod statement;
