//! How the points of a series lie in a collection, and the commands that read them: one file per layout, chosen when
//! the store is opened. What both have in common is here; sending is in `session.rs`, adding in `changes.rs`.

mod documents;
mod instants;
mod timeseries;

use std::fmt;

use mongodb::bson::{Document, RawDocument};
use mongodb::options::CreateCollectionOptions;

use super::layout::Index;
use super::writer::Writer;
use crate::{Dataset, Failure, Fold, Key, Op, Point, Series, Value};
use documents::Documents;
pub(super) use documents::id;
use timeseries::{Sequence, Timeseries};

/// The layouts, as an address names them.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Way {
    #[default]
    Documents,
    Timeseries,
}

/// The server's words for how long a bucket of a time-series collection may be: an hour, a day, 30 days.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Granularity {
    #[default]
    Seconds,
    Minutes,
    Hours,
}

/// A point layout and its parameters.
pub(super) enum Kept {
    Documents,
    Timeseries(Granularity, Sequence),
}

/// The points of one series.
pub(super) trait Points: Send + Sync {
    /// What its collection is made with.
    fn options(&self) -> CreateCollectionOptions {
        CreateCollectionOptions::default()
    }

    /// The index beside that of the collection itself.
    fn index(&self) -> Index;

    /// How a point lies.
    fn sentence(&self) -> String;

    /// Whether the server refuses a point whose instant is taken, which is then put in place of the former.
    fn is_unique(&self) -> bool;

    /// Writes the content of a point's document.
    fn write(&self, document: &mut Writer, point: &Point);

    fn last(&self, command: &mut Writer, entity: i64);

    fn range(&self, command: &mut Writer, entity: i64, from_ms: i64, to_ms: i64);

    fn window(&self, command: &mut Writer, asked: &Window);

    fn above(&self, command: &mut Writer, asked: &Above);

    /// Every point once, in batches of a size.
    fn export(&self, command: &mut Writer, batch: i64);

    /// The entity, the instant and the metrics of a document that was read.
    fn decode(&self, document: &RawDocument) -> Result<(Key, Vec<Value>), Failure>;
}

/// The parameters of `window`.
pub(super) struct Window {
    entity: i64,
    metric: usize,
    from_ms: i64,
    to_ms: i64,
    every_ms: i64,
    fold: Fold,
}

/// The parameters of `above`.
pub(super) struct Above {
    metric: usize,
    threshold: f64,
    from_ms: i64,
    to_ms: i64,
    limit: usize,
}

impl Kept {
    /// What an address requests, on a server with this `hello`.
    pub(super) fn new(way: Way, granularity: Option<Granularity>, hello: &Document) -> Result<Self, Failure> {
        match (way, granularity) {
            (Way::Documents, None) => Ok(Kept::Documents),
            (Way::Documents, Some(_)) => Err(Failure::broken(
                "mongodb: `granularity` belongs to time-series collections; write series=timeseries with it",
            )),
            (Way::Timeseries, granularity) => {
                Ok(Kept::Timeseries(granularity.unwrap_or_default(), timeseries::sequence(hello)?))
            }
        }
    }

    /// The series of a dataset.
    pub(super) fn series(&self, dataset: &Dataset) -> Vec<Box<dyn Points>> {
        let one = |series: &Series| -> Box<dyn Points> {
            match self {
                Kept::Documents => Box::new(Documents::new(series)),
                Kept::Timeseries(granularity, sequence) => {
                    Box::new(Timeseries::new(series, *granularity, sequence.clone()))
                }
            }
        };
        dataset.series.iter().map(one).collect()
    }
}

/// As it stands in the mark and among the settings. Data under a mark with other words is laid out differently.
impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kept::Documents => f.write_str("documents"),
            Kept::Timeseries(granularity, _) => write!(f, "timeseries, granularity {}", granularity.name()),
        }
    }
}

impl Granularity {
    fn name(self) -> &'static str {
        match self {
            Granularity::Seconds => "seconds",
            Granularity::Minutes => "minutes",
            Granularity::Hours => "hours",
        }
    }
}

/// Writes the read of points that an operation is.
pub(super) fn read(series: &[Box<dyn Points>], command: &mut Writer, op: &Op) -> Result<(), Failure> {
    match *op {
        Op::LastPoint { series: at, entity } => series[at].last(command, entity),
        Op::PointRange { series: at, entity, from_ms, to_ms } => series[at].range(command, entity, from_ms, to_ms),
        Op::Window { series: at, entity, metric, from_ms, to_ms, every_ms, fold } => {
            series[at].window(command, &Window { entity, metric, from_ms, to_ms, every_ms, fold });
        }
        Op::PointsAbove { series: at, metric, threshold, from_ms, to_ms, limit } => {
            series[at].above(command, &Above { metric, threshold, from_ms, to_ms, limit });
        }
        _ => return Err(Failure::misplaced(op)),
    }
    Ok(())
}

/// How a group folds the values of a path.
fn folded(group: &mut Writer, fold: Fold, path: &str) {
    group.document("folded", |folded| match fold {
        Fold::Mean => folded.text("$avg", path),
        Fold::Min => folded.text("$min", path),
        Fold::Max => folded.text("$max", path),
        Fold::Sum => folded.text("$sum", path),
        Fold::Count => folded.int("$sum", 1),
    });
}

/// The start of the bucket of an instant under a path, as the `_id` of a group: `t - ((t mod every) + every) mod
/// every`. The remainder has the sign of the dividend and is made positive, so buckets before 1970 start right too.
/// `$dateTrunc` counts its buckets from the year 2000.
fn bucket(group: &mut Writer, path: &str, every_ms: i64) {
    let at = |writer: &mut Writer, name: usize| writer.document(name, |long| long.text("$toLong", path));
    let remainder = |writer: &mut Writer| {
        writer.array("$mod", |inner| {
            at(inner, 0);
            inner.number(1, every_ms);
        });
    };
    let positive = |writer: &mut Writer| {
        writer.array("$mod", |outer| {
            outer.document(0, |sum| {
                sum.array("$add", |sum| {
                    sum.document(0, remainder);
                    sum.number(1, every_ms);
                });
            });
            outer.number(1, every_ms);
        });
    };
    group.document("_id", |id| {
        id.array("$subtract", |difference| {
            at(difference, 0);
            difference.document(1, positive);
        });
    });
}
