//! Operations as a workload declares them, names resolved to positions: what is drawn, and the steps that use it.
//!
//! The TOML spelling is read in `operations.rs`; real operations are made from this in `generate/steps.rs`.

use super::content::Content;
use super::load::Slo;
use super::numbers::Numbers;
use drivers::{Fold, Order};

/// A named operation of the mix.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// Its part of the mix, 0 to 1.
    pub share: f64,
    /// What its latency must keep to.
    pub slo: Slo,
    /// How it is made.
    pub recipe: Recipe,
}

/// How an operation is made.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// How its steps go together.
    pub grouping: Grouping,
    /// Values that the steps share, in the order in which they are drawn.
    pub draws: Vec<Draw>,
    /// What is sent.
    pub steps: Vec<Step>,
}

/// How the steps of an operation go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// One after the other, each with its own answer: a single step, or YCSB's read-modify-write.
    Sequence,
    /// All sent at once.
    Batch,
    /// One atomic step.
    Transact,
}

/// A named value that an operation draws before its steps are made.
#[derive(Debug, Clone)]
pub struct Draw {
    /// Its name.
    pub name: String,
    /// What it is.
    pub what: Drawn,
}

/// What is drawn.
#[derive(Debug, Clone)]
pub enum Drawn {
    /// A new record of a table with its key, to be inserted by a step.
    New(usize),
    /// The key of an existing record, or any value.
    Value(Content),
}

/// A part of an operation.
#[derive(Debug, Clone)]
pub struct Step {
    /// How often.
    pub repeat: Repeat,
    /// What is done.
    pub action: Action,
}

/// How often a step is done.
#[derive(Debug, Clone)]
pub enum Repeat {
    /// Once.
    Once,
    /// As often as drawn.
    Times(Numbers),
    /// Once for each member of a drawn list.
    Each(ValuePath),
}

#[allow(missing_docs, reason = "the fields say what they are")]
/// What a step does; the meanings are those of [`drivers::Op`].
#[derive(Debug, Clone)]
pub enum Action {
    /// Adds the record with the next number, its content as always but for the fields that are set.
    Insert { table: usize, set: Vec<(usize, Source)> },
    /// Adds the record that was drawn.
    InsertDrawn { table: usize, draw: usize },
    /// Reads a record.
    Read { table: usize, key: Aim, which: Which },
    /// Changes fields to fresh content of theirs, and others to what is set.
    Update { table: usize, key: Aim, which: Which, set: Vec<(usize, Source)> },
    /// Removes a record.
    Delete { table: usize, key: Aim },
    /// Adds to an integer field.
    Increment { table: usize, key: Aim, field: usize, by: Amount, floor: Option<i64> },
    /// Reads in key order.
    Scan { table: usize, from: Aim, limit: Numbers, which: Which },
    /// Reads by an indexed field.
    Find { table: usize, field: usize, matching: Matching, order: Order, limit: Numbers, which: Which },
    /// Adds events to a stream.
    Append { log: usize, stream: Aim, events: Numbers },
    /// Reads the newest events of a stream.
    Tail { log: usize, stream: Aim, limit: Numbers },
    /// Adds the points of the next group of entities.
    InsertPoints { series: usize },
    /// Reads the newest point of an entity.
    LastPoint { series: usize, entity: Aim },
    /// Reads an entity's points of a span of time.
    PointRange { series: usize, entity: Aim, span: Span },
    /// Folds an entity's points of a span of time.
    Window { series: usize, entity: Aim, metric: usize, span: Span, every_ms: i64, fold: Fold },
    /// Looks for high values over all entities.
    PointsAbove { series: usize, metric: usize, threshold: Numbers, span: Span, limit: Numbers },
}

/// Which record, stream or entity.
#[derive(Debug, Clone)]
pub enum Aim {
    /// Drawn by the chooser at this position among the plan's.
    Chosen(usize),
    /// What a draw says.
    Drawn(ValuePath),
}

/// Which fields are read or changed.
#[derive(Debug, Clone)]
pub enum Which {
    /// All of them.
    All(Vec<usize>),
    /// One of these, each time another.
    One(Vec<usize>),
    /// These.
    These(Vec<usize>),
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// It is drawn for this step.
    Fresh(Content),
    /// It was drawn before.
    Drawn(ValuePath),
}

/// A whole number to add.
#[derive(Debug, Clone)]
pub enum Amount {
    /// It is drawn for this step.
    Fresh(Numbers),
    /// It was drawn before.
    Drawn(ValuePath),
}

/// The way from a draw to a value: a record's field, a list's member, an item's field.
#[derive(Debug, Clone)]
pub struct ValuePath {
    /// Where to start.
    pub root: Root,
    /// Positions on the way.
    pub at: Vec<usize>,
    /// Whether the number at the end is negated.
    pub negated: bool,
}

/// Where a path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// A drawn value.
    Value(usize),
    /// The fields of a drawn record; the first position is that of a field.
    Record(usize),
    /// The key of a drawn record.
    Key(usize),
    /// The member of the list that the step is repeated for.
    Each,
}

/// What an indexed field must match.
#[derive(Debug, Clone)]
pub enum Matching {
    /// A value drawn as the field's own content is: what is frequent in the data is asked for often.
    Own,
    /// This value.
    Equal(Source),
    /// Numbers from a drawn start to so much above it.
    Between(Content, Numbers),
}

/// A span of time up to the newest point, or anywhere in the data.
#[derive(Debug, Clone)]
pub struct Span {
    /// Its length, drawn from equally likely lengths.
    pub length_ms: Vec<i64>,
    /// Whether it ends anywhere instead of now.
    pub anywhere: bool,
}
