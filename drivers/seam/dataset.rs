//! The logical shape of the data: tables, logs and series, as a workload declares them.
//!
//! A driver turns this into its physical layout when it resets. How the content is generated is not here.

/// What a store must hold for one workload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dataset {
    /// The workload's name in lower case, digits and dashes: stores that share a server use it to mark what is theirs.
    pub name: String,
    /// Collections of records with a primary key.
    pub tables: Vec<Table>,
    /// Collections of append-only streams of events.
    pub logs: Vec<Log>,
    /// Collections of entities observed over time.
    pub series: Vec<Series>,
}

/// One part of a dataset, by position in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Position in [`Dataset::tables`].
    Table(usize),
    /// Position in [`Dataset::logs`].
    Log(usize),
    /// Position in [`Dataset::series`].
    Series(usize),
}

/// Records of one shape, each with a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Letters, digits and underscores; usable as an identifier in every store.
    pub name: String,
    /// The type of its primary key.
    pub key: KeyKind,
    /// Whether records are found by their keys, which are unique. Where not, they are only inserted, and read all together: a
    /// store that can do without keeps no index of the keys, and need not notice one that is taken.
    pub is_keyed: bool,
    /// Its fields; a record holds one value for each, in this order.
    pub fields: Vec<Field>,
    /// Positions of the fields on which `find` must be answered by an index.
    pub indexes: Vec<usize>,
}

/// Streams of events of one shape; order within a stream is the order of acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Letters, digits and underscores.
    pub name: String,
    /// The type of a stream's key.
    pub stream: KeyKind,
    /// The fields of an event.
    pub fields: Vec<Field>,
}

/// Entities with metrics observed over time; (entity, instant) is unique.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Letters, digits and underscores.
    pub name: String,
    /// What is observed at each instant, all floats.
    pub metrics: Vec<String>,
}

/// A named, typed field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Letters, digits and underscores.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Whether it may be absent.
    pub optional: bool,
}

/// The type of a primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// 64-bit signed integers, ordered as numbers.
    Int,
    /// UTF-8 texts, ordered by their bytes.
    Text,
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// [`Value::Bool`](crate::Value::Bool).
    Bool,
    /// 64-bit signed integers.
    Int,
    /// 64-bit floats, all of them finite.
    Float,
    /// UTF-8 text without the character NUL.
    Text,
    /// Bytes of any content.
    Bytes,
    /// Milliseconds since the Unix epoch.
    Time,
    /// A list of values of one type.
    List(Box<Kind>),
    /// Free-form named values that differ from record to record, of JSON's own types: neither bytes nor instants.
    Map,
    /// Nested items, each a map of these fields: the lines of an order, the variants of a product.
    Items(Vec<Field>),
}

impl Dataset {
    /// The declared name of a part.
    pub fn name_of(&self, part: Part) -> &str {
        match part {
            Part::Table(at) => &self.tables[at].name,
            Part::Log(at) => &self.logs[at].name,
            Part::Series(at) => &self.series[at].name,
        }
    }

    /// All parts, tables first.
    pub fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let tables = (0..self.tables.len()).map(Part::Table);
        let logs = (0..self.logs.len()).map(Part::Log);
        tables.chain(logs).chain((0..self.series.len()).map(Part::Series))
    }
}
