//! How skewed accesses really were: the share that the hottest keys received, measured on drawn keys.
//!
//! A workload says "zipfian"; what a store felt is this. The shares are those of the sample: where each key is drawn
//! only a few times chance alone makes some of them look hot, so `accesses` stands beside them and should be many times
//! `keys`. Nothing here knows how keys are drawn.

use serde::{Deserialize, Serialize};

/// The largest key space that is counted, 2^26: 256 MiB of counts.
const KEYS_MAX: u64 = 1 << 26;

/// Shares of all accesses, 0 to 1, that went to the hottest keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// How many keys there were, accessed or not.
    pub keys: u64,
    /// How many accesses were counted.
    pub accesses: u64,
    /// Of the hottest 1 % of keys (rounded, at least one key).
    pub top_1: f64,
    /// Of the hottest 10 % of keys.
    pub top_10: f64,
    /// Of the hottest 20 % of keys.
    pub top_20: f64,
    /// Of the hottest key.
    pub hottest: f64,
}

impl Shares {
    /// Counts accesses to keys of `0..keys`. `None` where there are more than 2^26 keys, no access, or one outside.
    pub fn measure(keys: u64, accesses: impl IntoIterator<Item = u64>) -> Option<Shares> {
        if keys > KEYS_MAX {
            return None;
        }
        let mut counts = vec![0_u32; keys as usize];
        let mut total = 0_u64;
        for key in accesses {
            let count = counts.get_mut(usize::try_from(key).ok()?)?;
            *count = count.saturating_add(1);
            total += 1;
        }
        if total == 0 {
            return None;
        }
        let mut share = |percent: usize| top(&mut counts, percent) as f64 / total as f64;
        let (top_20, top_10, top_1) = (share(20), share(10), share(1));
        let hottest = f64::from(counts.iter().copied().max()?) / total as f64;
        Some(Shares { keys, accesses: total, top_1, top_10, top_20, hottest })
    }
}

/// The accesses of the hottest `percent` of the keys, which are moved to the front.
fn top(counts: &mut [u32], percent: usize) -> u64 {
    let keys = ((counts.len() * percent + 50) / 100).max(1);
    if keys < counts.len() {
        counts.select_nth_unstable_by(keys, |a, b| b.cmp(a));
    }
    counts.iter().take(keys).map(|count| u64::from(*count)).sum()
}
