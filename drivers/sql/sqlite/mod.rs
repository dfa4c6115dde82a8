//! What the drivers of SQLite's dialect share: the SQL, how values lie in columns, how tables are marked as our own,
//! and what the settings of durability amount to.
//!
//! Nothing here talks to a store.

pub(crate) mod guarantees;
pub(crate) mod marks;
pub(crate) mod sql;
pub(crate) mod values;
