//! Fields and the values that they hold, as a workload declares them: names resolved to positions, nothing drawn yet.
//!
//! The TOML spelling is read in `parse/fields.rs`; values are made from this in `generate/fields.rs`.

use super::distribution::Distribution;
use crate::draw::keys::KeyChoice;
use drivers::{KeyKind, Kind};

/// A field of a table, a log or a nested item.
#[derive(Debug, Clone)]
pub struct FieldSpec {
    /// The field's name in the file and in the stores.
    pub name: String,
    /// The type that stores see.
    pub kind: Kind,
    /// The probability that the field is present, above 0 if it ever is: otherwise it is `Null`.
    pub present: f64,
    /// How its values come about.
    pub content: ValueSpec,
}

impl FieldSpec {
    /// The field as stores see it.
    pub fn declaration(&self) -> drivers::Field {
        drivers::Field { name: self.name.clone(), kind: self.kind.clone(), optional: self.present < 1.0 }
    }
}

/// How a value comes about. Positions of fields are among the siblings: the same record, item or map.
#[derive(Debug, Clone)]
pub enum ValueSpec {
    /// True with this probability.
    Bool(f64),
    /// A whole number from a distribution.
    Int(Distribution),
    /// A number rounded to this many decimals.
    Float(Distribution, i32),
    /// Characters drawn from an alphabet; the distribution is that of their number.
    Random(Distribution, Alphabet),
    /// Bytes with 8 bits of entropy each; the distribution is that of their number.
    Bytes(Distribution),
    /// Text composed of pieces.
    Pattern(Vec<Piece>),
    /// One of several texts.
    Pick(Pick),
    /// Words of prose; the distribution is that of their number.
    Words(Distribution),
    /// Milliseconds since the epoch.
    Time(TimeSpec),
    /// A list of values of one kind; the distribution is that of its length.
    List(Box<ValueSpec>, Distribution),
    /// A list of distinct keys of a table in ascending order of their numbers; the distribution is that of its length.
    Keys(KeyOf, Distribution),
    /// Named values; absent ones are left out.
    Map(Vec<FieldSpec>),
    /// Named values that depend on what a sibling text holds.
    MapBy {
        /// The position of the sibling.
        by: usize,
        /// The values that it may have and the entries that go with each.
        cases: Vec<(String, Vec<FieldSpec>)>,
    },
    /// A list of nested items.
    Items(Items),
    /// The key of a record of another table.
    KeyOf(KeyOf),
    /// A field of the record that the sibling `key`, a `KeyOf`, refers to.
    Referenced {
        /// The position of the sibling.
        key: usize,
        /// The position of the other table.
        table: usize,
        /// The position of its field, one that depends on nothing else.
        field: usize,
    },
    /// A sibling's value, unchanged or, if it is a number, times `factor` with `noise`.
    Sibling {
        /// The position of the sibling.
        field: usize,
        /// What numbers are multiplied by; 1 leaves them as they are.
        factor: f64,
        /// The standard deviation of the factor's logarithm.
        noise: f64,
    },
    /// The sum over a sibling's items of the product of some of their fields.
    Sum {
        /// The position of the sibling.
        items: usize,
        /// Positions of the fields of an item.
        factors: Vec<usize>,
    },
    /// The number of the event: its writer in the upper 24 bits, that writer's count in the lower 40.
    EventId,
}

impl ValueSpec {
    /// Whether it can be drawn without the rest of its record.
    pub fn is_independent(&self) -> bool {
        match self {
            ValueSpec::MapBy { .. }
            | ValueSpec::Referenced { .. }
            | ValueSpec::Sibling { .. }
            | ValueSpec::Sum { .. } => false,
            ValueSpec::Pattern(pieces) => !pieces.iter().any(|piece| matches!(piece, Piece::Field(_))),
            _ => true,
        }
    }
}

/// A list of nested items: maps with the same fields.
#[derive(Debug, Clone)]
pub struct Items {
    /// How many items there are.
    pub count: Distribution,
    /// The fields of each item.
    pub fields: Vec<FieldSpec>,
    /// The field, a `KeyOf`, that is distinct among the items of one record and orders them.
    pub distinct: Option<usize>,
}

/// A reference to a record of a table.
#[derive(Debug, Clone, Copy)]
pub struct KeyOf {
    /// The position of the table.
    pub table: usize,
    /// What chooses the key, by position among the plan's choosers.
    pub chooser: usize,
}

/// One of several texts; with a skew, the first ones are more frequent.
#[derive(Debug, Clone)]
pub struct Pick {
    /// The texts to choose from.
    pub values: Vec<String>,
    /// Running sums of their probabilities.
    pub cumulative: Vec<f64>,
}

/// A part of a composed text.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Text that is written unchanged.
    Literal(String),
    /// The number of the record's key with at least this many digits.
    Number(usize),
    /// YCSB's hash of that number, with at least this many digits.
    Fnv(usize),
    /// This many random decimal digits.
    Digits(usize),
    /// This many random hexadecimal digits.
    Hex(usize),
    /// A word of a vocabulary, by position in the list of vocabularies.
    Word(usize),
    /// The value of a sibling, by position.
    Field(usize),
}

/// How an instant is chosen.
#[derive(Debug, Clone, Copy)]
pub enum TimeSpec {
    /// Any instant in `from_ms..to_ms`, all equally likely.
    Within {
        /// The first instant, in milliseconds since the epoch.
        from_ms: i64,
        /// The first instant that is too late.
        to_ms: i64,
    },
    /// One record after the other: number n falls into the n-th interval.
    Every {
        /// Where the interval of number 0 begins, in milliseconds since the epoch.
        from_ms: i64,
        /// The length of an interval.
        every_ms: i64,
    },
}

/// What random characters are drawn from, with its entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    /// YCSB's printable characters, with YCSB's unequal frequencies: 6.25 bits a character.
    Printable,
    /// 64 letters, digits, `-` and `_`: 6 bits.
    Base64,
    /// Lower-case letters: 4.7 bits.
    Letters,
    /// Hexadecimal digits: 4 bits.
    Hex,
    /// Decimal digits: 3.32 bits.
    Digits,
    /// Blanks, as pgbench fills its rows: 0 bits.
    Blank,
}

/// How keys are written: as integers, or as a number within a text.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyPattern {
    /// Number n is the integer n + 1.
    Int,
    /// A text around the number.
    Text {
        /// The text before the number.
        before: String,
        /// Whether YCSB's hash of the number is written instead of the number.
        hashed: bool,
        /// The least number of digits; shorter numbers are padded with zeros.
        width: usize,
        /// The text after the number.
        after: String,
    },
}

impl KeyPattern {
    /// The type of the keys.
    pub fn kind(&self) -> KeyKind {
        match self {
            KeyPattern::Int => KeyKind::Int,
            KeyPattern::Text { .. } => KeyKind::Text,
        }
    }

    /// The type of a field that holds such a key.
    pub fn value_kind(&self) -> Kind {
        match self {
            KeyPattern::Int => Kind::Int,
            KeyPattern::Text { .. } => Kind::Text,
        }
    }
}

/// Everything that a key chooser is made from once the sizes are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyChooserSpec {
    /// Whose keys are chosen: those of a table, a log's streams, a series' entities.
    pub part: drivers::Part,
    /// The law of the choice.
    pub choice: KeyChoice,
    /// Whether the keys that the run adds may be chosen as well.
    pub grows: bool,
}
