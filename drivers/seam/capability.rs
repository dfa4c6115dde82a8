//! What stores can do and what they promise, as constants and as read back from them.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::seam::printable::one_line;

/// A family of operations. A store declares the ones that it binds without emulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Capability {
    /// insert, read, update, delete.
    Record = 1,
    /// scan in key order.
    Range = 1 << 1,
    /// find by an indexed field.
    Index = 1 << 2,
    /// bump without a floor.
    Counter = 1 << 3,
    /// bump with a floor that refuses.
    Floor = 1 << 4,
    /// batch: several operations sent together, without atomicity.
    Batch = 1 << 5,
    /// transact: atomic and isolated.
    Transact = 1 << 6,
    /// append to a stream, and tail it.
    Stream = 1 << 7,
    /// ingest, last, range, window, above.
    Series = 1 << 8,
    /// transact with `interactive`: a transaction that stays open from one round trip to the next.
    Interactive = 1 << 9,
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u16);

impl Capability {
    /// All families, in the order of reports.
    pub const ALL: [Capability; 10] = [
        Capability::Record,
        Capability::Range,
        Capability::Index,
        Capability::Counter,
        Capability::Floor,
        Capability::Batch,
        Capability::Transact,
        Capability::Interactive,
        Capability::Stream,
        Capability::Series,
    ];

    /// The word for it in messages and tables.
    pub fn name(self) -> &'static str {
        match self {
            Capability::Record => "record",
            Capability::Range => "range",
            Capability::Index => "index",
            Capability::Counter => "counter",
            Capability::Floor => "floor",
            Capability::Batch => "batch",
            Capability::Transact => "transact",
            Capability::Interactive => "interactive transactions",
            Capability::Stream => "stream",
            Capability::Series => "series",
        }
    }
}

impl From<Capability> for Capabilities {
    fn from(one: Capability) -> Self {
        Capabilities(one as u16)
    }
}

impl Capabilities {
    /// The set of these.
    pub const fn of(list: &[Capability]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < list.len() {
            bits |= list[at] as u16;
            at += 1;
        }
        Capabilities(bits)
    }

    /// All families but one.
    pub const fn all_but(one: Capability) -> Self {
        Capabilities(Capabilities::of(&Capability::ALL).0 & !(one as u16))
    }

    /// What either of the two sets has.
    pub fn with(self, other: Capabilities) -> Self {
        Capabilities(self.0 | other.0)
    }

    /// The set without what is in the other one.
    pub fn without(self, other: Capabilities) -> Self {
        Capabilities(self.0 & !other.0)
    }

    /// Whether all of `needs` are in the set.
    pub fn meets(self, needs: Capabilities) -> bool {
        needs.0 & !self.0 == 0
    }

    /// Those of `needs` that the set lacks.
    pub fn lacks(self, needs: Capabilities) -> impl Iterator<Item = Capability> {
        let lacking = needs.0 & !self.0;
        Capability::ALL.into_iter().filter(move |one| *one as u16 & lacking != 0)
    }

    /// The members, in declared order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capabilities::default().lacks(self)
    }
}

/// What an opened store cannot do although stores of its kind can.
#[derive(Debug, Clone, PartialEq)]
pub struct Lack {
    /// The operations.
    pub capabilities: Capabilities,
    /// Why, and what to do about it: one sentence.
    pub because: String,
}

/// What an acknowledged write survives. Ordered: a stronger tier is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Nothing need survive the process or the machine.
    Memory,
    /// Survives a crash of the process; a power cut may take the last moments.
    Relaxed,
    /// Survives a power cut.
    #[default]
    Durable,
}

impl Durability {
    /// The word for it on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Memory => "memory",
            Durability::Relaxed => "relaxed",
            Durability::Durable => "durable",
        }
    }
}

/// What transactions see of each other. Ordered: a stronger level is greater. The names are those of the SQL standard,
/// and `snapshot` of Berenson et al., "A Critique of ANSI SQL Isolation Levels", 1995.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")] // With dashes in addresses, where a space would have to be escaped.
pub enum Isolation {
    /// Each statement sees what was committed before it began.
    #[serde(rename = "read committed", alias = "read-committed")]
    ReadCommitted,
    /// What was read stays as it was read.
    #[serde(rename = "repeatable read", alias = "repeatable-read")]
    RepeatableRead,
    /// All reads see one instant; of two that write the same, one fails.
    Snapshot,
    /// As if one after another.
    Serializable,
}

impl Isolation {
    /// All levels, weakest first.
    pub const ALL: [Isolation; 4] =
        [Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Snapshot, Isolation::Serializable];

    /// The words for it in workload files and results.
    pub fn name(self) -> &'static str {
        match self {
            Isolation::ReadCommitted => "read committed",
            Isolation::RepeatableRead => "repeatable read",
            Isolation::Snapshot => "snapshot",
            Isolation::Serializable => "serializable",
        }
    }

    /// The level with which a store's own words for it begin, in whatever case.
    pub fn parse(words: &str) -> Option<Isolation> {
        let words = words.to_lowercase();
        Isolation::ALL.into_iter().find(|level| words.starts_with(level.name()))
    }
}

/// What a store promises, classified from its effective settings as it reports them, not from what was asked.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Guarantees {
    /// The tier that the effective settings amount to.
    pub durability: Durability,
    /// The isolation level of a transaction in the store's own words, beginning with the [`Isolation`] that it meets.
    pub isolation: String,
    /// The settings from which this was concluded, as one sentence.
    pub because: String,
}

/// An opened store, described by itself.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Description {
    /// The engine's version as it reports it.
    pub version: String,
    /// What it promises with the settings that it has now.
    pub guarantees: Guarantees,
    /// Effective settings, server's and client's, that bear on speed or safety.
    pub settings: BTreeMap<String, String>,
    /// How logical data lies in it: one sentence a table, log or series.
    pub layout: Vec<String>,
    /// Tables, indexes and the like that it has for the dataset now, as it reports them, each with all that decides how
    /// it answers. Empty where it keeps no such catalogue. One that is dropped during a run is found by this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catalog: Vec<String>,
}

impl Description {
    /// The same with what the server said in it made fit to be shown.
    pub fn printable(self) -> Self {
        let line = |text: String| one_line(&text);
        let Description { version, guarantees, settings, layout, catalog } = self;
        Description {
            version: line(version),
            guarantees: Guarantees {
                durability: guarantees.durability,
                isolation: line(guarantees.isolation),
                because: line(guarantees.because),
            },
            settings: settings.into_iter().map(|(name, value)| (line(name), line(value))).collect(),
            layout: layout.into_iter().map(line).collect(),
            catalog: catalog.into_iter().map(|entry| catalog_line(&entry)).collect(),
        }
    }
}

/// An entry of a catalogue as one line. What is not shown of it is compared all the same, by its hash.
fn catalog_line(entry: &str) -> String {
    let shown = one_line(entry);
    if shown == entry { shown } else { format!("{shown} (xxh3 {:016x})", xxh3_64(entry.as_bytes())) }
}

/// How a driver turns one logical operation into the store's language.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Binding {
    /// Statements or commands in the order in which they are sent.
    pub statements: Vec<String>,
    /// How often the client waits for the store: 0 for an embedded one.
    pub round_trips: u32,
    /// How a transaction is sent; absent for anything else, and where nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Sending>,
}

/// How the statements of a transaction are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sending {
    /// Each when the one before is answered.
    Interactive,
    /// Without waiting for answers, but where one decides how the transaction ends.
    Pipelined,
    /// As one request, with conditions by which the server goes on.
    Batched,
    /// As one call of a script in the server.
    Scripted,
}

impl Sending {
    /// The word for it in tables and records.
    pub fn name(self) -> &'static str {
        match self {
            Sending::Interactive => "interactive",
            Sending::Pipelined => "pipelined",
            Sending::Batched => "batched",
            Sending::Scripted => "scripted",
        }
    }
}

/// What the data weighs where the store keeps it. Unknown is `None`, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Footprint {
    /// Bytes of its files, logs and indexes included, as the store or the file system tells.
    pub disk_bytes: Option<u64>,
    /// Bytes that the data takes in memory, of a store that serves all of it from there.
    pub memory_bytes: Option<u64>,
    /// Bytes written to storage since the store was opened.
    pub written_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_catalogue_that_differ_where_it_is_not_shown_stay_apart() {
        let shown = |end: &str| catalog_line(&format!("table t: {}{end}", "x".repeat(3_000)));
        assert_ne!(shown("a"), shown("b"));
        assert_eq!(shown("a"), shown("a"));
        assert_ne!(catalog_line("CHECK (a <> '\n')"), catalog_line("CHECK (a <> ' ')"));
        assert_eq!(catalog_line("index i"), "index i");
    }
}
