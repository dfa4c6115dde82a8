//! What the drivers of SQLite's dialect share: the dialect, how values lie in columns, how tables are marked as our own,
//! what the schema has of them, and what the settings of durability amount to.
//!
//! Nothing here talks to a store.

pub(crate) mod catalog;
pub(crate) mod dialect;
pub(crate) mod durability;
pub(crate) mod ownership;
pub(crate) mod values;
