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
        for key in accesses {
            let count = counts.get_mut(usize::try_from(key).ok()?)?;
            *count = count.saturating_add(1);
        }
        Shares::of_counts(counts)
    }

    /// Of one count for each key, in any order. `None` without an access.
    pub fn of_counts(mut counts: Vec<u32>) -> Option<Shares> {
        let keys = counts.len() as u64;
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::keys::{KeyChoice, KeyChooser, Turn};
    use crate::draw::zipf;
    use rand::SeedableRng;
    use rand_xoshiro::SplitMix64;

    const ZIPFIAN: KeyChoice = KeyChoice::Zipfian { exponent: 0.99, scatter: true };
    const YCSB: KeyChoice = KeyChoice::ZipfianYcsb {};

    fn draws(choice: KeyChoice, keys: u64, count: u64) -> impl Iterator<Item = u64> {
        let mut chooser = KeyChooser::new(choice, keys, 0).expect("the choice is valid");
        let mut rng = SplitMix64::seed_from_u64(5);
        (0..count).map(move |i| chooser.draw(&mut rng, keys, Turn { lane: 0, lanes: 1, i }))
    }

    fn assert_shares(of: &str, measured: [f64; 4], published: [f64; 4]) {
        let near = measured.iter().zip(&published).all(|(a, b)| (a - b).abs() < 0.01);
        assert!(near, "{of}: hottest, 1 %, 10 %, 20 % are {measured:.3?}, not {published:?}");
    }

    #[test]
    fn a_thousand_keys_receive_the_published_shares() {
        let cases = [
            (ZIPFIAN, [0.129, 0.38, 0.69, 0.78]),
            // The published .12, .28 and .40 are cut, not rounded: summing the closed form gives these.
            (YCSB, [0.0386, 0.126, 0.290, 0.401]),
            (KeyChoice::Hotspot { data_fraction: 0.2, operation_fraction: 0.8 }, [0.004, 0.04, 0.4, 0.8]),
        ];
        for (choice, published) in cases {
            let shares = Shares::measure(1000, draws(choice, 1000, 4_000_000)).expect("a thousand keys are counted");
            let Shares { hottest, top_1, top_10, top_20, .. } = shares;
            assert_shares(&format!("{choice:?}"), [hottest, top_1, top_10, top_20], published);
        }
    }

    /// The shares of a million keys, for which counting would need 10^8 draws to tell luck from heat: `heat` orders the
    /// keys beforehand and independent draws then say how much the hottest receive, to 0.001.
    fn shares_of_a_million(choice: KeyChoice, heat: impl Fn(u64) -> f64) -> [f64; 4] {
        const KEYS: u64 = 1_000_000;
        const DRAWS: u64 = 2_000_000;
        let mut keys: Vec<u64> = (0..KEYS).collect();
        keys.sort_by(|a, b| heat(*b).total_cmp(&heat(*a)));
        let mut place = vec![0_u64; KEYS as usize];
        keys.iter().zip(0..).for_each(|(key, at)| place[*key as usize] = at);
        let mut hits = [0_u64; 4];
        for key in draws(choice, KEYS, DRAWS) {
            for (hits, keys) in hits.iter_mut().zip([1, KEYS / 100, KEYS / 10, KEYS / 5]) {
                *hits += u64::from(place[key as usize] < keys);
            }
        }
        hits.map(|hits| hits as f64 / DRAWS as f64)
    }

    #[test]
    fn a_million_keys_receive_the_published_shares() {
        let zipfian = shares_of_a_million(KeyChoice::Zipfian { exponent: 0.99, scatter: false }, |key| -(key as f64));
        assert_shares("zipfian", zipfian, [0.065, 0.66, 0.83, 0.88]);
        assert_shares("latest", shares_of_a_million(KeyChoice::Latest {}, |key| key as f64), [0.065, 0.67, 0.83, 0.88]);
        // 2^23 ranks carry two thirds of the accesses; the rest of the 10^10 fall on all keys nearly alike.
        let mut heat = vec![0.0; 1_000_000];
        for rank in 0..1 << 23 {
            heat[zipf::fold(rank, 1_000_001).min(999_999) as usize] += 1.0 / (rank + 1) as f64;
        }
        let ycsb = shares_of_a_million(YCSB, |key| heat[key as usize]);
        assert_shares("zipfian-ycsb", ycsb, [0.0378, 0.39, 0.54, 0.62]);
    }

    #[test]
    fn shares_are_counted_from_the_hottest_key_down() {
        // Key k of 0..10 is accessed k times: 45 accesses.
        let accesses = (0..10_u64).flat_map(|key| (0..key).map(move |_| key));
        let shares = Shares::measure(10, accesses).expect("ten keys are counted");
        assert_eq!((shares.keys, shares.accesses), (10, 45));
        assert_eq!(shares.hottest, 9.0 / 45.0);
        assert_eq!(shares.top_1, 9.0 / 45.0);
        assert_eq!(shares.top_10, 9.0 / 45.0);
        assert_eq!(shares.top_20, 17.0 / 45.0);
    }

    #[test]
    fn what_cannot_be_counted_has_no_shares() {
        assert_eq!(Shares::measure(KEYS_MAX + 1, [0]), None);
        assert_eq!(Shares::measure(10, [10]), None);
        assert_eq!(Shares::measure(10, []), None);
        assert_eq!(Shares::measure(0, []), None);
    }
}
