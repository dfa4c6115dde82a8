//! How skewed accesses are: the share that the hottest keys receive.
//!
//! A workload says "zipfian"; what a store feels is this. The shares follow from the probability of each key (see
//! `popularity.rs`), so they do not depend on how many operations a run makes. Nothing here knows how keys are drawn.

use serde::{Deserialize, Serialize};

/// Expected shares of all accesses, 0 to 1, that go to the hottest keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// How many keys there are.
    pub keys: u64,
    /// In a record of version 0.1.0, which counted the shares over as many accesses as the run made: how many. Where they
    /// are not many times `keys`, chance made the shares too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accesses: Option<u64>,
    /// Share of the hottest 1 % of keys (rounded, at least one key).
    pub top_1: f64,
    /// Share of the hottest 10 % of keys.
    pub top_10: f64,
    /// Share of the hottest 20 % of keys.
    pub top_20: f64,
    /// Share of the single hottest key.
    pub hottest: f64,
}

impl Shares {
    /// The shares that follow from one weight for each key, in any order. `None` if all are zero.
    pub fn from_weights(mut weights: Vec<f64>) -> Option<Shares> {
        let keys = weights.len() as u64;
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let mut share = |percent: usize| top(&mut weights, percent) / total;
        let (top_20, top_10, top_1) = (share(20), share(10), share(1));
        let hottest = weights.iter().copied().fold(0.0, f64::max) / total;
        Some(Shares { keys, accesses: None, top_1, top_10, top_20, hottest })
    }
}

/// The weight of the hottest `percent` of the keys, which are moved to the front.
fn top(weights: &mut [f64], percent: usize) -> f64 {
    let keys = ((weights.len() * percent + 50) / 100).max(1);
    if keys < weights.len() {
        weights.select_nth_unstable_by(keys, |a, b| b.total_cmp(a));
    }
    weights.iter().take(keys).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::keys::{KeyChoice, KeyChooser};

    fn assert_shares(choice: KeyChoice, keys: u64, published: [f64; 4], within: f64) {
        let chooser = KeyChooser::new(choice, keys, 0).expect("the choice is valid");
        let shares =
            Shares::from_weights(chooser.probabilities(keys).expect("not too many keys")).expect("keys are drawn");
        let Shares { hottest, top_1, top_10, top_20, .. } = shares;
        let computed = [hottest, top_1, top_10, top_20];
        let near = computed.iter().zip(&published).all(|(a, b)| (a - b).abs() <= within);
        assert!(near, "{choice:?}, {keys} keys: hottest, 1 %, 10 %, 20 % are {computed:.4?}, not {published:?}");
    }

    const ZIPFIAN: KeyChoice = KeyChoice::Zipfian { exponent: 0.99, scatter: true };

    #[test]
    fn keys_alike_have_the_share_of_their_number() {
        for choice in [KeyChoice::Uniform, KeyChoice::Sequential] {
            assert_shares(choice, 100_000, [0.000_01, 0.01, 0.1, 0.2], 1e-9);
        }
        let hotspot = KeyChoice::Hotspot { data_fraction: 0.2, operation_fraction: 0.8 };
        assert_shares(hotspot, 100_000, [0.000_04, 0.04, 0.4, 0.8], 1e-9);
    }

    #[test]
    fn zipfs_law_has_the_shares_of_its_partial_sums() {
        for (exponent, keys) in [(0.99, 100_000_u64), (0.5, 1000), (1.5, 20_000)] {
            let sum = |ranks: u64| (1..=ranks).rev().map(|rank| (rank as f64).powf(-exponent)).sum::<f64>();
            let exact = [1, keys / 100, keys / 10, keys / 5].map(|ranks| sum(ranks) / sum(keys));
            for scatter in [false, true] {
                assert_shares(KeyChoice::Zipfian { exponent, scatter }, keys, exact, 1e-9);
            }
        }
    }

    #[test]
    fn the_newest_keys_of_exponential_have_the_shares_of_its_integral() {
        let choice = KeyChoice::Exponential { percentile: 95.0, data_fraction: 0.5 };
        // 20 = 1 / (1 - 0.95) over half of the keys, cut off where the table ends.
        let newest = |part: f64| (1.0 - 20_f64.powf(-2.0 * part)) / (1.0 - 20_f64.powf(-2.0));
        assert_shares(choice, 100_000, [1e-5, 0.01, 0.1, 0.2].map(newest), 1e-6);
    }

    #[test]
    fn a_thousand_and_a_million_keys_receive_the_published_shares() {
        assert_shares(ZIPFIAN, 1000, [0.129, 0.38, 0.69, 0.78], 0.01);
        assert_shares(ZIPFIAN, 1_000_000, [0.065, 0.66, 0.83, 0.88], 0.01);
        assert_shares(KeyChoice::Latest, 1_000_000, [0.065, 0.67, 0.83, 0.88], 0.01);
        // The published .12, .28 and .40 for a thousand are cut, not rounded: summing the closed form gives these.
        assert_shares(KeyChoice::ZipfianYcsb, 1000, [0.0386, 0.126, 0.290, 0.401], 0.003);
        assert_shares(KeyChoice::ZipfianYcsb, 1_000_000, [0.0378, 0.39, 0.54, 0.62], 0.01);
    }

    #[test]
    fn shares_are_summed_from_the_hottest_key_down() {
        // Key k of 0..10 weighs k: 45 together.
        let shares = Shares::from_weights((0..10).map(f64::from).collect()).expect("ten keys");
        assert_eq!((shares.keys, shares.hottest), (10, 9.0 / 45.0));
        assert_eq!([shares.top_1, shares.top_10, shares.top_20], [9.0, 9.0, 17.0].map(|sum| sum / 45.0));
        assert_eq!(Shares::from_weights(vec![0.0; 10]), None);
        assert_eq!(Shares::from_weights(Vec::new()), None);
    }

    #[test]
    fn counted_shares_of_an_older_record_are_still_read() {
        let old = r#"{"keys": 10, "accesses": 45, "top_1": 0.2, "top_10": 0.2, "top_20": 0.4, "hottest": 0.2}"#;
        let shares: Shares = serde_json::from_str(old).expect("an older record");
        assert_eq!((shares.accesses, shares.top_20), (Some(45), 0.4));
    }
}
