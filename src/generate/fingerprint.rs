//! What can be said of a plan's operations by generating some: their hash, one example of each, and how skewed they are.

use super::generator::{Frontiers, Generator};
use super::stream::{OpStream, Outcome};
use crate::draw::rng::Purpose;
use crate::draw::skew::Shares;
use drivers::{Key, Op, Part};
use std::collections::HashMap;
use std::sync::Arc;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The most keys whose shares are counted: 64 MiB of counts.
const MOST_KEYS: u64 = 1 << 24;

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
    let frontiers = Arc::new(Frontiers::new(&generator.plan));
    let mut stream = OpStream::new(Arc::clone(generator), frontiers, Purpose::Measure, 0, 1);
    (0..generator.plan.operations.len()).map(|operation| stream.example(operation).to_vec()).collect()
}

/// How the first `ops` operations of the measurement are spread over the keys of the part that they aim at most; `None`
/// where they aim at no keys or at too many to count.
pub fn shares(generator: &Arc<Generator>, lanes: u32, ops: usize) -> Option<(Part, Shares)> {
    // By hash of the key, in a word each: of a million keys two share a hash once in 4 * 10^7 runs.
    let mut accesses: HashMap<Part, HashMap<u64, u32>> = HashMap::new();
    let mut bytes = Vec::new();
    let frontiers = turns(generator, lanes, ops, |_, ops| {
        for op in ops {
            each_key(op, &mut |part, key| {
                bytes.clear();
                key.write_canonical(&mut bytes);
                *accesses.entry(part).or_default().entry(xxh3_64(&bytes)).or_default() += 1;
            });
        }
    });
    let total = |counts: &HashMap<u64, u32>| counts.values().map(|count| u64::from(*count)).sum::<u64>();
    let (part, counted) =
        accesses.into_iter().max_by_key(|(part, counts)| (total(counts), std::cmp::Reverse(*part)))?;
    let keys = match part {
        Part::Table(_) => frontiers.of(part)?.visible(),
        Part::Log(log) => generator.plan.logs[log].streams,
        Part::Series(series) => generator.plan.series[series].entities,
    };
    // Keys that were never aimed at count as such; there are none beyond those that are there.
    let mut counts: Vec<u32> = counted.into_values().collect();
    if keys > MOST_KEYS || counts.len() as u64 > keys {
        return None;
    }
    counts.resize(keys as usize, 0);
    Some((part, Shares::of_counts(counts)?))
}

/// Generates operations of the measurement, the lanes taking turns, each acknowledged at once.
fn turns(generator: &Arc<Generator>, lanes: u32, ops: usize, mut see: impl FnMut(usize, &[Op])) -> Arc<Frontiers> {
    let frontiers = Arc::new(Frontiers::new(&generator.plan));
    let stream = |lane| OpStream::new(Arc::clone(generator), Arc::clone(&frontiers), Purpose::Measure, lane, lanes);
    let mut streams: Vec<_> = (0..lanes.max(1)).map(stream).collect();
    for at in 0..ops {
        let turn = at % streams.len();
        let call = streams[turn].next();
        see(call.operation, call.ops);
        streams[turn].settle(Outcome::Applied);
    }
    frontiers
}

/// The existing keys that an operation aims at.
fn each_key(op: &Op, see: &mut impl FnMut(Part, &Key)) {
    match op {
        Op::Read { table, key, .. } | Op::Update { table, key, .. } => see(Part::Table(*table), key),
        Op::Delete { table, key } | Op::Bump { table, key, .. } => see(Part::Table(*table), key),
        Op::Scan { table, from, .. } => see(Part::Table(*table), from),
        Op::Batch(ops) | Op::Transact(ops) => ops.iter().for_each(|op| each_key(op, see)),
        Op::Append { log, stream, .. } | Op::Tail { log, stream, .. } => see(Part::Log(*log), stream),
        Op::Last { series, entity } | Op::Range { series, entity, .. } | Op::Window { series, entity, .. } => {
            see(Part::Series(*series), &Key::Int(*entity));
        }
        Op::Insert { .. } | Op::Find { .. } | Op::Ingest { .. } | Op::Above { .. } => {}
    }
}
