//! Random characters and bytes, prepared once and copied from anywhere: 23 ns a kilobyte instead of 235 for drawing them.
//!
//! A mebibyte of an alphabet serves all texts of a run, so a compressor that sees more than about that much at once finds
//! repetitions that the stated entropy does not promise. Stores compress pages or blocks far below it.

use crate::draw::rng::{self, Purpose};
use crate::workload::Alphabet;
use rand::{Rng, RngExt};
use rand_xoshiro::SplitMix64;
use std::sync::OnceLock;

const POOL_BYTES: usize = 1 << 20;

/// Pools of a run, filled when first used.
#[derive(Debug)]
pub struct Pools {
    seed: u64,
    texts: [OnceLock<String>; 6],
    bytes: OnceLock<Vec<u8>>,
}

impl Pools {
    /// Pools that depend on the seed.
    pub fn new(seed: u64) -> Self {
        Pools { seed, texts: Default::default(), bytes: OnceLock::new() }
    }

    /// Appends `length` characters of an alphabet.
    #[inline]
    pub fn push_text(&self, alphabet: Alphabet, length: usize, rng: &mut SplitMix64, out: &mut String) {
        let pool = self.texts[alphabet as usize].get_or_init(|| text(self.seed, alphabet));
        pieces(length, rng, |range| out.push_str(&pool[range]));
    }

    /// Appends `length` random bytes.
    pub fn push_bytes(&self, length: usize, rng: &mut SplitMix64, out: &mut Vec<u8>) {
        let pool = self.bytes.get_or_init(|| {
            let mut pool = vec![0; POOL_BYTES];
            rng::rng(self.seed, Purpose::Content, u64::MAX, u64::MAX).fill_bytes(&mut pool);
            pool
        });
        pieces(length, rng, |range| out.extend_from_slice(&pool[range]));
    }
}

/// Covers a length by ranges of the pool, each at most half of it, starting anywhere.
#[inline]
fn pieces(length: usize, rng: &mut SplitMix64, mut take: impl FnMut(std::ops::Range<usize>)) {
    let mut left = length;
    while left > 0 {
        let piece = left.min(POOL_BYTES / 2);
        let start = rng.random_range(0..=(POOL_BYTES - piece) as u64) as usize;
        take(start..start + piece);
        left -= piece;
    }
}

fn text(seed: u64, alphabet: Alphabet) -> String {
    const BASE64: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut rng = rng::rng(seed, Purpose::Content, u64::MAX, alphabet as u64);
    let mut any_of = |letters: &[u8]| char::from(letters[rng.random_range(0..letters.len())]);
    let letter = || match alphabet {
        Alphabet::Printable => {
            // YCSB fills six characters from 30 bits, through masks of 31, 63 and 95 above the blank in turn: two thirds
            // of them lie in the first third of the printable range. The same frequencies, each character on its own.
            let mask = any_of(&[31, 63, 95]) as u8;
            char::from(b' ' + (any_of(&ALL_BITS) as u8 & mask))
        }
        Alphabet::Base64 => any_of(BASE64),
        Alphabet::Letters => any_of(&BASE64[..26]),
        Alphabet::Hex => any_of(b"0123456789abcdef"),
        Alphabet::Digits => any_of(b"0123456789"),
        Alphabet::Blank => ' ',
    };
    std::iter::repeat_with(letter).take(POOL_BYTES).collect()
}

/// All numbers of seven bits, to be drawn from like letters.
const ALL_BITS: [u8; 128] = {
    let mut all = [0; 128];
    let mut at = 0;
    while at < 128 {
        all[at] = at as u8;
        at += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    fn entropy_bits(text: &str) -> f64 {
        let mut counts = [0_u64; 256];
        text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
        let share = |count: u64| count as f64 / text.len() as f64;
        counts.into_iter().filter(|count| *count > 0).map(|count| -share(count) * share(count).log2()).sum()
    }

    #[test]
    fn alphabets_have_the_entropy_that_they_state() {
        let stated = [
            (Alphabet::Printable, 6.25),
            (Alphabet::Base64, 6.0),
            (Alphabet::Letters, 4.70),
            (Alphabet::Hex, 4.0),
            (Alphabet::Digits, 3.32),
            (Alphabet::Blank, 0.0),
        ];
        for (alphabet, bits) in stated {
            let found = entropy_bits(&text(1, alphabet));
            assert!((found - bits).abs() < 0.01, "{alphabet:?}: {found} bits");
        }
    }

    #[test]
    fn any_length_is_served() {
        let pools = Pools::new(1);
        let mut rng = rng::rng(1, Purpose::Content, 0, 0);
        for length in [0, 1, 100, POOL_BYTES, 3 * POOL_BYTES + 1] {
            let (mut text, mut bytes) = (String::new(), Vec::new());
            pools.push_text(Alphabet::Hex, length, &mut rng, &mut text);
            pools.push_bytes(length, &mut rng, &mut bytes);
            assert_eq!((text.len(), bytes.len()), (length, length));
        }
    }
}
