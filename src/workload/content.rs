//! What a field holds, as data: names resolved to positions, nothing drawn yet.
//!
//! The TOML spelling is read in `fields.rs`; values are made from this in `generate/fields.rs`.

use super::numbers::Numbers;
use crate::draw::keys::KeyChoice;
use drivers::Kind;

/// A field of a table, a log or a nested item.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The type that stores see.
    pub kind: Kind,
    /// How often it is there, above 0 where it is ever: the rest is `Null`.
    pub present: f64,
    /// What it holds.
    pub content: Content,
}

/// How a value comes about. Positions of fields are among the siblings: the same record, item or map.
#[derive(Debug, Clone)]
pub enum Content {
    /// True with this probability.
    Bool(f64),
    /// A whole number.
    Int(Numbers),
    /// A number rounded to this many decimals.
    Float(Numbers, i32),
    /// Characters drawn from an alphabet.
    Random(Numbers, Alphabet),
    /// Bytes with 8 bits of entropy each.
    Bytes(Numbers),
    /// Text composed of pieces.
    Pattern(Vec<Piece>),
    /// One of these texts.
    Pick(Pick),
    /// So many words of prose.
    Words(Numbers),
    /// Milliseconds since the epoch.
    Time(Times),
    /// So many values of one kind, all different if asked for.
    List(Box<Content>, Numbers),
    /// So many different keys of a table in ascending order of their numbers, each of this content.
    Keys(KeyOf, Numbers),
    /// Named values; absent ones are left out.
    Map(Vec<Field>),
    /// Named values that depend on what a sibling text holds.
    MapBy {
        /// The sibling.
        by: usize,
        /// The values that it may have and the entries that go with each.
        cases: Vec<(String, Vec<Field>)>,
    },
    /// Nested items.
    Items(Items),
    /// The key of a record of another table.
    KeyOf(KeyOf),
    /// A field of the record that the sibling `key`, a `KeyOf`, points to.
    Of {
        /// The sibling.
        key: usize,
        /// The other table.
        table: usize,
        /// Its field, one that depends on nothing else.
        field: usize,
    },
    /// A sibling's value, as it is or, where it is a number, times `times` with `noise` (a relative deviation).
    From {
        /// The sibling.
        field: usize,
        /// The factor.
        times: f64,
        /// The standard deviation of the factor's logarithm.
        noise: f64,
    },
    /// The sum over a sibling's items of the product of these fields of theirs.
    Sum {
        /// The sibling.
        items: usize,
        /// Fields of an item.
        factors: Vec<usize>,
    },
    /// The number of the event: its writer in the upper 24 bits, that writer's count in the lower 40.
    EventId,
}

impl Content {
    /// Whether it can be drawn without the rest of its record.
    pub fn is_independent(&self) -> bool {
        match self {
            Content::MapBy { .. } | Content::Of { .. } | Content::From { .. } | Content::Sum { .. } => false,
            Content::Pattern(pieces) => !pieces.iter().any(|piece| matches!(piece, Piece::Field(_))),
            _ => true,
        }
    }
}

/// Nested items: so many maps of these fields.
#[derive(Debug, Clone)]
pub struct Items {
    /// How many.
    pub count: Numbers,
    /// The fields of each.
    pub fields: Vec<Field>,
    /// The field, a `KeyOf`, in which no two items of one record agree and by which they are ordered.
    pub distinct: Option<usize>,
}

/// A reference to a record of a table.
#[derive(Debug, Clone, Copy)]
pub struct KeyOf {
    /// The table.
    pub table: usize,
    /// Which of its keys, by position among the plan's choosers.
    pub chooser: usize,
}

/// One of several texts, the first ones more often where there is a skew.
#[derive(Debug, Clone)]
pub struct Pick {
    /// The texts.
    pub values: Vec<String>,
    /// Running sums of their probabilities.
    pub cumulative: Vec<f64>,
}

/// A part of a composed text.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As it is.
    Literal(String),
    /// The number of the record's key with at least so many digits.
    Number(usize),
    /// YCSB's hash of that number, with at least so many digits.
    Fnv(usize),
    /// So many random decimal digits.
    Digits(usize),
    /// So many random hexadecimal digits.
    Hex(usize),
    /// A word of a vocabulary, by position in the list of vocabularies.
    Word(usize),
    /// What a sibling holds.
    Field(usize),
}

/// Instants.
#[derive(Debug, Clone, Copy)]
pub enum Times {
    /// Anywhere in `from_ms..to_ms`.
    Within {
        /// The first.
        from_ms: i64,
        /// The first that is too late.
        to_ms: i64,
    },
    /// One record after the other: number n falls into the n-th interval.
    Every {
        /// Where number 0 begins.
        from_ms: i64,
        /// The length of an interval.
        every_ms: i64,
    },
}

/// What random characters are drawn from, named after it, with its entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// How keys look: integers, or a number within a text.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyPattern {
    /// Number n is n + 1.
    Int,
    /// A text.
    Text {
        /// What stands before the number.
        before: String,
        /// Whether the number is written as YCSB's hash of it.
        hashed: bool,
        /// Digits at least.
        width: usize,
        /// What stands after it.
        after: String,
    },
}

/// Which keys of what are drawn: everything that a chooser is made from once the sizes are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choosing {
    /// Whose keys: a table's, a log's streams, a series' entities.
    pub part: drivers::Part,
    /// How.
    pub choice: KeyChoice,
    /// Whether the keys that the run adds count as well.
    pub grows: bool,
}
