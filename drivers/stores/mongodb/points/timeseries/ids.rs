//! Numbers for the measurements of a store, by which the newest of several for the same instant is found.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mongodb::bson::Document;

use crate::Failure;

/// Draws the `_id` of each measurement, rising in the order in which the sessions of a store send them.
///
/// It begins at the server's clock in nanoseconds when the store is opened, so that the numbers of a later run are
/// higher, as long as no run sends a point every nanosecond. Two runs at once on one dataset would draw them
/// independently of each other; no run shares its dataset.
#[derive(Clone)]
pub(in crate::stores::mongodb) struct IdSequence(Arc<AtomicI64>);

/// The wire version of server 6.0, which sorts by time within buckets and has indexes for that.
const WIRE_VERSION: i32 = 17;

impl IdSequence {
    /// For a server with this `hello`, which must know all that measurements need.
    pub(in crate::stores::mongodb) fn new(hello: &Document) -> Result<Self, Failure> {
        if hello.get_i32("maxWireVersion").unwrap_or_default() < WIRE_VERSION {
            return Err(Failure::broken("mongodb: series=timeseries needs a server of version 6.0 or later"));
        }
        let now = hello.get_datetime("localTime");
        let now =
            now.map_err(|error| Failure::broken("mongodb: the server does not tell its time").caused_by(error))?;
        Ok(IdSequence(Arc::new(AtomicI64::new(now.timestamp_millis().saturating_mul(1_000_000)))))
    }

    pub(super) fn draw(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
