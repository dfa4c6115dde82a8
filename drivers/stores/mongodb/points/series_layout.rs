//! What a layout of points has to be able to do, and the queries that take several parameters.

use mongodb::bson::RawDocument;
use mongodb::options::CreateCollectionOptions;

use crate::stores::mongodb::clauses::Index;
use crate::stores::mongodb::encode::DocumentWriter;
use crate::{Failure, Fold, Key, Point, Value};

/// One series as it is stored. Those of its functions that read write a whole command.
pub(in crate::stores::mongodb) trait SeriesLayout: Send + Sync {
    /// What the collection is made with.
    fn options(&self) -> CreateCollectionOptions {
        CreateCollectionOptions::default()
    }

    /// The index beside that of the collection itself.
    fn index(&self) -> Index;

    /// How a point is stored, in a few words.
    fn describe(&self) -> String;

    /// Whether the server refuses a second point of an (entity, instant), which must then replace the first.
    fn is_unique(&self) -> bool;

    /// Writes the content of a point's document.
    fn write_point(&self, document: &mut DocumentWriter, point: &Point);

    /// The newest point of an entity.
    fn last(&self, command: &mut DocumentWriter, entity: i64);

    /// The points of an entity in `from_ms <= t < to_ms`, oldest first.
    fn range(&self, command: &mut DocumentWriter, entity: i64, from_ms: i64, to_ms: i64);

    fn window(&self, command: &mut DocumentWriter, query: &WindowQuery);

    fn points_above(&self, command: &mut DocumentWriter, query: &PointsAboveQuery);

    /// Every point once, in batches of a size.
    fn export(&self, command: &mut DocumentWriter, batch_size: i64);

    /// The entity of a document that was read, and then its instant and its metrics.
    fn decode(&self, document: &RawDocument) -> Result<(Key, Vec<Value>), Failure>;
}

/// The parameters of `Op::Window`.
pub(in crate::stores::mongodb) struct WindowQuery {
    pub entity: i64,
    pub metric: usize,
    pub from_ms: i64,
    pub to_ms: i64,
    pub every_ms: i64,
    pub fold: Fold,
}

/// The parameters of `Op::PointsAbove`.
pub(in crate::stores::mongodb) struct PointsAboveQuery {
    pub metric: usize,
    pub threshold: f64,
    pub from_ms: i64,
    pub to_ms: i64,
    pub limit: usize,
}
