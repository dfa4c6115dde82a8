//! What several stores need of the machine: servers of our own, folders, files and disks, TLS, JSON.

pub mod disk;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub mod driven;
#[cfg(any(
    feature = "libsql",
    feature = "libsql-server",
    feature = "mongodb",
    feature = "postgres",
    feature = "redis"
))]
pub mod files;
#[cfg(any(feature = "libsql", feature = "libsql-server", feature = "postgres", feature = "redis"))]
pub mod json;
pub mod scratch;
pub mod server;
#[cfg(any(feature = "libsql-server", feature = "postgres", feature = "redis"))]
pub mod tls;
