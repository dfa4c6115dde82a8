//! What the drivers of SQLite's dialect share: the SQL, how values lie in columns, and how tables are marked as our own.
//!
//! Nothing here talks to a store.

pub(crate) mod marks;
pub(crate) mod named;
pub(crate) mod sql;
pub(crate) mod values;
