//! What can be said of a plan's operations by generating some: their hash, and one example of each.

use super::generator::{Generator, KeyFrontiers};
use super::stream::{Effect, OpStream};
use crate::draw::rng::Purpose;
use drivers::Op;
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// Operations that are hashed.
const HASHED: usize = 4096;

/// A hash of the first 4096 operations of the measurement, the lanes taking turns and each operation acknowledged at once.
/// It is the same for every store and machine, and differs with the workload, its size, the seed and the lanes.
pub fn stream_hash(generator: &Arc<Generator>, lanes: u32) -> String {
    let mut hasher = Xxh3::new();
    let mut text = Vec::new();
    turns(generator, lanes, HASHED, |operation, ops| {
        text.clear();
        // Values are finite and keys of maps are texts, so that JSON can say all of it.
        let written = serde_json::to_writer(&mut text, &(operation, ops));
        debug_assert!(written.is_ok(), "{written:?}");
        hasher.update(&text);
    });
    format!("{:032x}", hasher.digest128())
}

/// One example of each of the plan's operations, as they are after the load.
pub fn examples(generator: &Arc<Generator>) -> Vec<Vec<Op>> {
    let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
    let mut stream = OpStream::new(Arc::clone(generator), frontiers, Purpose::Measure, 0, 1);
    (0..generator.plan.operations.len()).map(|operation| stream.example(operation).to_vec()).collect()
}

/// Generates operations of the measurement, the lanes taking turns, each acknowledged at once.
fn turns(generator: &Arc<Generator>, lanes: u32, ops: usize, mut see: impl FnMut(usize, &[Op])) {
    let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
    let stream = |lane| OpStream::new(Arc::clone(generator), Arc::clone(&frontiers), Purpose::Measure, lane, lanes);
    let mut streams: Vec<_> = (0..lanes.max(1)).map(stream).collect();
    for at in 0..ops {
        let turn = at % streams.len();
        let call = streams[turn].next();
        see(call.operation, call.ops);
        streams[turn].settle(Effect::Applied);
    }
}
