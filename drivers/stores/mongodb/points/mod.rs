//! How the points of a series are stored and read: one layout of two for all series, chosen when the store is opened.

mod documents;
mod pipeline;
mod series_layout;
mod timeseries;

use std::fmt;

use mongodb::bson::Document;

use crate::{Failure, Series};
use documents::Documents;
pub(super) use documents::write_id;
pub(super) use series_layout::{PointsAboveQuery, SeriesLayout, WindowQuery};
pub(super) use timeseries::Granularity;
use timeseries::{IdSequence, Timeseries};

/// The layouts, as an address names them.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SeriesMode {
    #[default]
    Documents,
    Timeseries,
}

/// A layout with its parameters.
pub(super) enum PointLayout {
    Documents,
    Timeseries(Granularity, IdSequence),
}

impl PointLayout {
    /// What an address requests, on a server with this `hello`.
    pub(super) fn new(mode: SeriesMode, granularity: Option<Granularity>, hello: &Document) -> Result<Self, Failure> {
        match (mode, granularity) {
            (SeriesMode::Documents, None) => Ok(PointLayout::Documents),
            (SeriesMode::Documents, Some(_)) => Err(Failure::broken(
                "mongodb: `granularity` belongs to time-series collections; write series=timeseries with it",
            )),
            (SeriesMode::Timeseries, granularity) => {
                Ok(PointLayout::Timeseries(granularity.unwrap_or_default(), IdSequence::new(hello)?))
            }
        }
    }

    pub(super) fn series_layout(&self, series: &Series) -> Box<dyn SeriesLayout> {
        match self {
            PointLayout::Documents => Box::new(Documents::new(series)),
            PointLayout::Timeseries(granularity, ids) => Box::new(Timeseries::new(series, *granularity, ids.clone())),
        }
    }
}

/// As it stands among the settings.
impl fmt::Display for PointLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PointLayout::Documents => f.write_str("documents"),
            PointLayout::Timeseries(granularity, _) => write!(f, "timeseries, granularity {}", granularity.name()),
        }
    }
}
