//! Operations as a workload declares them, names resolved to positions: what is drawn, and the steps that use it.
//!
//! The TOML spelling is read in `parse/operations.rs` and `parse/steps.rs`; operations are made from this in `generate/`.

use super::distribution::Distribution;
use super::field::ValueSpec;
use crate::percentile::Limit;
use drivers::{Capabilities, Capability, Fold, Order};

/// A named operation of the mix.
#[derive(Debug, Clone)]
pub struct OperationSpec {
    /// The name under which it is reported.
    pub name: String,
    /// Its part of the mix, 0 to 1.
    pub share: f64,
    /// Its own latency limits.
    pub slo: Slo,
    /// How it is made.
    pub recipe: Recipe,
}

/// Latency limits, of one operation or of all together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slo {
    /// In the order of [`Statistic::ALL`](crate::percentile::Statistic::ALL).
    pub limits: Vec<Limit>,
}

/// How an operation is made.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// How its steps are sent and whether they are atomic.
    pub grouping: Grouping,
    /// Values that the steps share, in the order in which they are drawn.
    pub draws: Vec<DrawSpec>,
    /// The steps, in order; at least one.
    pub steps: Vec<StepSpec>,
}

/// How the steps of an operation are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// One after the other, each with its own answer: a single step, or YCSB's read-modify-write.
    Sequence,
    /// All at once, without atomicity.
    Batch,
    /// All at once, as one atomic step.
    Transact,
    /// As one atomic step, each when the one before is answered.
    Interactive,
}

/// A named value that an operation draws before its steps are made.
#[derive(Debug, Clone)]
pub struct DrawSpec {
    /// The name with which paths begin.
    pub name: String,
    /// A new record, or a value.
    pub kind: DrawKind,
}

/// What an operation draws.
#[derive(Debug, Clone)]
pub enum DrawKind {
    /// A new record of the table at this position, with its key, to be inserted by a step.
    NewRecord(usize),
    /// The key of an existing record, or any value.
    Value(ValueSpec),
}

/// A part of an operation.
#[derive(Debug, Clone)]
pub struct StepSpec {
    /// The word for the action in workload files and reports.
    pub verb: &'static str,
    /// How often the step is done within one operation.
    pub repeat: Repeat,
    /// What the step does.
    pub action: Action,
}

/// How often a step is done.
#[derive(Debug, Clone)]
pub enum Repeat {
    /// Once in each operation.
    Once,
    /// As often as drawn.
    Times(Distribution),
    /// Once for each member of a drawn list.
    Each(ValuePath),
}

#[allow(missing_docs, reason = "the fields say what they are")]
/// What a step does; the meanings are those of [`drivers::Op`].
#[derive(Debug, Clone)]
pub enum Action {
    /// Adds the record with the next number, with its generated content except for the fields that are set.
    Insert { table: usize, set: Vec<(usize, ValueSource)> },
    /// Adds the record that was drawn.
    InsertDrawn { table: usize, draw: usize },
    /// Reads a record by its key.
    Read { table: usize, key: KeySource, selection: FieldSelection },
    /// Sets the selected fields to fresh content of theirs, and others to what `set` says.
    Update { table: usize, key: KeySource, selection: FieldSelection, set: Vec<(usize, ValueSource)> },
    /// Removes a record by its key.
    Delete { table: usize, key: KeySource },
    /// Adds to an integer field.
    Increment { table: usize, key: KeySource, field: usize, by: Amount, floor: Option<i64> },
    /// Reads in key order.
    Scan { table: usize, from: KeySource, limit: Distribution, selection: FieldSelection },
    /// Reads by an indexed field.
    Find {
        table: usize,
        field: usize,
        matching: MatchSpec,
        order: Order,
        limit: Distribution,
        selection: FieldSelection,
    },
    /// Adds events to a stream.
    Append { log: usize, stream: KeySource, events: Distribution },
    /// Reads the newest events of a stream.
    Tail { log: usize, stream: KeySource, limit: Distribution },
    /// Adds the points of the next batch of entities.
    InsertPoints { series: usize },
    /// Reads the newest point of an entity.
    LastPoint { series: usize, entity: KeySource },
    /// Reads an entity's points of a span of time.
    PointRange { series: usize, entity: KeySource, span: TimeSpan },
    /// Folds an entity's points of a span of time.
    Window { series: usize, entity: KeySource, metric: usize, span: TimeSpan, every_ms: i64, fold: Fold },
    /// Looks for high values over all entities.
    PointsAbove { series: usize, metric: usize, threshold: Distribution, span: TimeSpan, limit: Distribution },
}

/// Where the key of a record, stream or entity comes from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// It is drawn by the chooser at this position among the plan's.
    Chosen(usize),
    /// It was drawn before the steps.
    Drawn(ValuePath),
}

/// The fields that are read or changed.
#[derive(Debug, Clone)]
pub enum FieldSelection {
    /// All fields; their positions are listed.
    All(Vec<usize>),
    /// One of these fields, drawn each time.
    One(Vec<usize>),
    /// Each of these fields.
    Listed(Vec<usize>),
}

impl FieldSelection {
    /// Positions of all fields that may be read or changed.
    pub fn fields(&self) -> &[usize] {
        let (FieldSelection::All(fields) | FieldSelection::One(fields) | FieldSelection::Listed(fields)) = self;
        fields
    }
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub enum ValueSource {
    /// It is drawn for this step.
    Fresh(ValueSpec),
    /// It was drawn before the steps.
    Drawn(ValuePath),
}

/// A whole number to add.
#[derive(Debug, Clone)]
pub enum Amount {
    /// It is drawn for this step.
    Fresh(Distribution),
    /// It was drawn before the steps.
    Drawn(ValuePath),
}

/// The way from a draw to a value: a record's field, a list's member, an item's field.
#[derive(Debug, Clone)]
pub struct ValuePath {
    /// Where the path starts.
    pub root: PathRoot,
    /// Positions of fields, members and entries along the way.
    pub positions: Vec<usize>,
    /// Whether the number at the end is negated.
    pub negated: bool,
}

/// Where a path starts. Draws are meant by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathRoot {
    /// The value of a draw.
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
pub enum MatchSpec {
    /// A value drawn as the field's own content is: frequent values are looked for often.
    OwnContent,
    /// The value from this source.
    Equal(ValueSource),
    /// Numbers from a drawn start up to a drawn distance above it.
    Between(ValueSpec, Distribution),
}

/// A span of time up to the newest point, or anywhere in the data.
#[derive(Debug, Clone)]
pub struct TimeSpan {
    /// Equally likely lengths, in milliseconds.
    pub length_ms: Vec<i64>,
    /// Whether it ends anywhere instead of now.
    pub anywhere: bool,
}

impl OperationSpec {
    /// The names of the calls that it makes one after the other: the verbs, numbered if one is repeated.
    pub fn step_names(&self) -> Vec<String> {
        if self.recipe.grouping != Grouping::Sequence {
            return vec![self.name.clone()];
        }
        let verbs: Vec<_> = self.recipe.steps.iter().map(|step| step.verb).collect();
        let name = |(at, verb): (usize, &&str)| match verbs[..at].iter().filter(|earlier| *earlier == verb).count() {
            0 => (*verb).to_string(),
            earlier => format!("{verb}-{}", earlier + 1),
        };
        verbs.iter().enumerate().map(name).collect()
    }

    /// What a store must be able to do for it.
    pub fn needs(&self) -> Capabilities {
        let group = match self.recipe.grouping {
            Grouping::Sequence => Capabilities::default(),
            Grouping::Batch => Capability::Batch.into(),
            Grouping::Transact => Capability::Transact.into(),
            Grouping::Interactive => Capabilities::of(&[Capability::Transact, Capability::Interactive]),
        };
        self.recipe.steps.iter().fold(group, |needs, step| needs.with(step.action.needs().into()))
    }
}

impl Action {
    /// The table whose records it finds by key, or in an order that keys decide.
    pub fn finds_by_key(&self) -> Option<usize> {
        match self {
            Action::Read { table, .. }
            | Action::Update { table, .. }
            | Action::Delete { table, .. }
            | Action::Increment { table, .. }
            | Action::Scan { table, .. }
            | Action::Find { table, .. } => Some(*table),
            _ => None,
        }
    }

    fn needs(&self) -> Capability {
        match self {
            Action::Insert { .. } | Action::InsertDrawn { .. } | Action::Read { .. } => Capability::Record,
            Action::Update { .. } | Action::Delete { .. } => Capability::Record,
            Action::Increment { floor: None, .. } => Capability::Counter,
            Action::Increment { floor: Some(_), .. } => Capability::Floor,
            Action::Scan { .. } => Capability::Range,
            Action::Find { .. } => Capability::Index,
            Action::Append { .. } | Action::Tail { .. } => Capability::Stream,
            Action::InsertPoints { .. } | Action::LastPoint { .. } | Action::PointRange { .. } => Capability::Series,
            Action::Window { .. } | Action::PointsAbove { .. } => Capability::Series,
        }
    }
}
