//! Random streams by name: every draw in the suite is a function of the user's seed and of what it is for.
//!
//! The generator is SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): its whole state is one word, so that an operation can
//! have a generator of its own, made from (seed, lane, i) for the price of a few multiplications.

use rand::SeedableRng;
use rand_xoshiro::SplitMix64;

/// What a random stream is for. Streams of different purposes never share draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The content of a record, event or point.
    Content = 1,
    /// The operations of the warm-up.
    Warmup = 2,
    /// The operations of the measurement.
    Measure = 3,
    /// The instants of arrivals.
    Arrivals = 4,
    /// Anything decided once a run: the order of stores.
    Experiment = 5,
    /// The queries that are asked again after the run.
    Audit = 6,
    /// Which side of a pair runs first.
    Pairs = 7,
}

/// A generator for one purpose and position, such as (table, key number) or (lane, i).
pub fn rng(seed: u64, purpose: Purpose, a: u64, b: u64) -> SplitMix64 {
    at(stream(seed, purpose, a), b)
}

/// Names all generators of one purpose and first coordinate, so that these need not be mixed again for each `b`.
pub fn stream(seed: u64, purpose: Purpose, a: u64) -> u64 {
    mix(mix(seed, purpose as u64), a)
}

/// The generator at one position of a stream: `at(stream(seed, purpose, a), b)` is `rng(seed, purpose, a, b)`.
#[inline]
pub fn at(stream: u64, b: u64) -> SplitMix64 {
    SplitMix64::seed_from_u64(mix(stream, b))
}

/// A number in `0..1` from the upper bits of a hash.
#[inline]
pub fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// Mixes one word into a hash of those before it: SplitMix64's finaliser, a bijection for each `hash`.
#[inline]
pub fn mix(hash: u64, word: u64) -> u64 {
    let mut z = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd6e8_feb8_6659_fd93);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn the_same_name_gives_the_same_stream_and_another_name_another() {
        let draw = |seed, purpose, a, b| rng(seed, purpose, a, b).next_u64();
        assert_eq!(draw(1, Purpose::Measure, 2, 3), draw(1, Purpose::Measure, 2, 3));
        let others = [(2, Purpose::Measure, 2, 3), (1, Purpose::Warmup, 2, 3), (1, Purpose::Measure, 3, 2)];
        for (seed, purpose, a, b) in others {
            assert_ne!(draw(1, Purpose::Measure, 2, 3), draw(seed, purpose, a, b));
        }
    }
}
