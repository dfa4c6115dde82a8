//! What stores that speak SQL share.

pub mod named;
#[cfg(any(feature = "libsql", feature = "libsql-server"))]
pub mod sqlite;
