//! What a report says about a plan's operations: a hash of their stream, and one example of each.

use super::acknowledged_keys::KeyFrontiers;
use super::generator::Generator;
use super::key_allocator::Effect;
use super::stream::OpStream;
use crate::draw::rng::Purpose;
use drivers::Op;
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// How many operations are hashed.
const HASHED: usize = 4096;

/// A hash of the first 4096 operations of the measurement, the lanes taking turns and each operation acknowledged at once.
/// It is the same for every store and machine, and differs with the workload, its size, the seed and the lanes.
pub fn stream_hash(generator: &Arc<Generator>, lanes: u32) -> String {
    let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
    let stream = |lane| OpStream::new(Arc::clone(generator), Arc::clone(&frontiers), Purpose::Measure, lane, lanes);
    let mut streams: Vec<_> = (0..lanes.max(1)).map(stream).collect();
    let lanes = streams.len();
    let mut hasher = Xxh3::new();
    let mut text = Vec::new();
    for at in 0..HASHED {
        let stream = &mut streams[at % lanes];
        let call = stream.next();
        text.clear();
        // Values are finite and keys of maps are texts, so that JSON can express all of it.
        let written = serde_json::to_writer(&mut text, &(call.operation, call.ops));
        debug_assert!(written.is_ok(), "{written:?}");
        hasher.update(&text);
        stream.complete(Effect::Applied);
    }
    format!("{:032x}", hasher.digest128())
}

/// One example of each of the plan's operations, as they are right after the load.
pub fn examples(generator: &Arc<Generator>) -> Vec<Vec<Op>> {
    let frontiers = Arc::new(KeyFrontiers::new(&generator.plan));
    let mut stream = OpStream::new(Arc::clone(generator), frontiers, Purpose::Measure, 0, 1);
    (0..generator.plan.operations.len()).map(|operation| stream.example(operation).to_vec()).collect()
}
