//! Which key an operation uses: the choice that a workload states, and the chooser that draws. Lengths of fields and scans
//! are in `lengths.rs`.
//!
//! Every choice that YCSB has follows YCSB's rules to the letter (YCSB d9faaac8, `CoreWorkload` and its generators), and
//! `zipfian` is also there as Zipf meant it. A draw is a key *number*: 0 is the first record loaded. How a number is
//! written as a key (an integer, `user` + hash) and how new numbers are assigned is decided in `generate`.
//!
//! A draw depends on the lane's random stream and on how many keys are visible: without inserts operation i is a
//! function of (seed, lane, i) alone, and so are `uniform`, `hotspot` and `sequential` with them, because those never
//! leave the loaded keys. `zipfian`, `zipfian-ycsb`, `latest` and `exponential` follow the table as it grows.

use crate::draw::zipf::{self, RankLayout, Zipfian, ZipfianYcsb};
use rand::RngExt;
use rand_xoshiro::SplitMix64;

/// How often a draw is repeated until its key is there; then it is folded into the visible keys. YCSB has no such bound and
/// spins if most of the keys that it laid out are never inserted. 256 misses in a row happen to 3 draws in 10^5 if 4 % of
/// the keys are there, and to none (2^-256) if half are.
pub(super) const REDRAWS: u32 = 256;

/// How the keys of an operation are chosen, as a workload states it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyChoice {
    /// All loaded keys are equally likely.
    Uniform,
    /// Zipf's law, exactly. Popularity is laid out over the loaded and the expected keys; a key that is not there yet is
    /// drawn again, so that growth does not change which keys are popular.
    Zipfian {
        /// The skew, above 0; 1 is Zipf's own.
        exponent: f64,
        /// Whether the popular keys are spread over the key space (true) or are the first ones.
        scatter: bool,
    },
    /// YCSB's `zipfian`: closed form over 10^10 ranks folded by hash and remainder. Far flatter than Zipf; for
    /// comparison with YCSB's figures.
    ZipfianYcsb,
    /// YCSB's `latest`: the newest visible key is the most popular, by YCSB's closed form.
    Latest,
    /// A set of hot keys, the first ones, and the rest, each uniform.
    Hotspot {
        /// The hot part of the loaded keys, 0 to 1.
        data_fraction: f64,
        /// The part of the operations that goes there, 0 to 1.
        operation_fraction: f64,
    },
    /// YCSB's `exponential`: newest keys first, falling off exponentially.
    Exponential {
        /// Percentage of the operations, between 0 and 100, ...
        percentile: f64,
        /// ... that falls on this newest part of the loaded keys, above 0 and up to 1.
        data_fraction: f64,
    },
    /// The loaded keys in order, again and again: lane l of c takes l + i·c for its operation i. YCSB's lanes share one
    /// counter instead, so that there no operation is a function of its number.
    Sequential,
}

impl KeyChoice {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// One sentence that names the parameter to change.
    pub fn validate(&self) -> Result<(), String> {
        let fraction = |name: &str, value: f64| match value {
            0.0..=1.0 => Ok(()),
            _ => Err(format!("{name} = {value}: a fraction lies between 0 and 1")),
        };
        match *self {
            KeyChoice::Zipfian { exponent, .. } => Zipfian::new(1, exponent).map(drop),
            KeyChoice::Hotspot { data_fraction, operation_fraction } => {
                fraction("data_fraction", data_fraction)?;
                fraction("operation_fraction", operation_fraction)
            }
            KeyChoice::Exponential { percentile, data_fraction } => {
                if !(percentile > 0.0 && percentile < 100.0) {
                    return Err(format!("percentile = {percentile}: exponential needs a number between 0 and 100"));
                }
                if data_fraction == 0.0 {
                    return Err("data_fraction = 0: exponential needs some part of the keys".into());
                }
                fraction("data_fraction", data_fraction)
            }
            KeyChoice::Uniform | KeyChoice::ZipfianYcsb | KeyChoice::Latest | KeyChoice::Sequential => Ok(()),
        }
    }
}

/// The position of an operation: number `i` of lane `lane` of `lanes`. Only `sequential` looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LanePosition {
    /// The lane, from 0.
    pub lane: u64,
    /// How many lanes there are, at least 1.
    pub lanes: u64,
    /// The number of the operation in its lane, from 0.
    pub i: u64,
}

/// How many inserts a run of `ops` operations makes room for if `share` of them insert: twice the expectation, which is
/// YCSB's allowance for chance (`operationcount * insertproportion * 2.0`). Pass it to [`KeyChooser::new`]. A run that is
/// bounded by time may make more operations than expected: then the room doubles, see [`KeyChooser::draw`].
pub fn expected_inserts(ops: u64, share: f64) -> u64 {
    (ops as f64 * share * 2.0) as u64
}

/// Draws key numbers. A few machine words without a table, so that each lane owns a copy.
#[derive(Debug, Clone)]
pub struct KeyChooser(pub(super) Law);

#[derive(Debug, Clone)]
pub(super) enum Law {
    Uniform { loaded: u64 },
    Zipfian { ranks: Zipfian, layout: RankLayout },
    ZipfianYcsb { ranks: ZipfianYcsb, keys: u64 },
    Latest { ages: ZipfianYcsb },
    Hotspot { hot: u64, loaded: u64, operation_fraction: f64 },
    Exponential { gamma: f64 },
    Sequential { loaded: u64 },
}

impl KeyChooser {
    /// A chooser for a table with `loaded` records, which a run is expected to extend by [`expected_inserts`].
    ///
    /// # Errors
    ///
    /// One sentence that names the parameter to change, or says that there is no key to choose.
    pub fn new(choice: KeyChoice, loaded: u64, expected_inserts: u64) -> Result<Self, String> {
        choice.validate()?;
        if loaded == 0 {
            return Err("keys can only be chosen where at least one record is loaded".into());
        }
        let room = loaded.saturating_add(expected_inserts);
        Ok(KeyChooser(match choice {
            KeyChoice::Uniform => Law::Uniform { loaded },
            KeyChoice::Zipfian { exponent, scatter } => {
                Law::Zipfian { ranks: Zipfian::new(room, exponent)?, layout: RankLayout::new(room, scatter) }
            }
            // One more than there will be: YCSB gives a count to a generator that wants the highest number.
            KeyChoice::ZipfianYcsb => {
                Law::ZipfianYcsb { ranks: ZipfianYcsb::scrambled(), keys: room.saturating_add(1) }
            }
            KeyChoice::Latest => Law::Latest { ages: ZipfianYcsb::new(loaded - 1) },
            KeyChoice::Hotspot { data_fraction, operation_fraction } => {
                let hot = (loaded as f64 * data_fraction) as u64;
                if (hot == 0 && operation_fraction > 0.0) || (hot == loaded && operation_fraction < 1.0) {
                    let part = if hot == 0 { "hot" } else { "cold" };
                    return Err(format!("data_fraction = {data_fraction} of {loaded} keys leaves no {part} key"));
                }
                Law::Hotspot { hot, loaded, operation_fraction }
            }
            KeyChoice::Exponential { percentile, data_fraction } => {
                Law::Exponential { gamma: -(-percentile / 100.0).ln_1p() / (loaded as f64 * data_fraction) }
            }
            KeyChoice::Sequential => Law::Sequential { loaded },
        }))
    }

    /// The number of a key that is there. All of `0..visible` are there, at least as many as were loaded.
    ///
    /// If more are there than room was made for, the room doubles until it holds them. YCSB never draws keys beyond its
    /// room.
    #[inline]
    pub fn draw(&mut self, rng: &mut SplitMix64, visible: u64, position: LanePosition) -> u64 {
        match &mut self.0 {
            Law::Uniform { loaded } => rng.random_range(0..*loaded),
            Law::Zipfian { ranks, layout } => zipfian(ranks, layout, rng, visible),
            Law::ZipfianYcsb { ranks, keys } => {
                grow_room(keys, visible);
                draw_visible(visible, || zipf::fold(ranks.draw(rng), *keys))
            }
            Law::Latest { ages } => latest(ages, rng, visible),
            Law::Hotspot { hot, loaded, operation_fraction } => {
                if rng.random::<f64>() < *operation_fraction {
                    rng.random_range(0..*hot)
                } else {
                    rng.random_range(*hot..*loaded)
                }
            }
            Law::Exponential { gamma } => exponential(*gamma, rng, visible),
            Law::Sequential { loaded } => position.i.wrapping_mul(position.lanes).wrapping_add(position.lane) % *loaded,
        }
    }
}

// The laws that take logarithms are functions of their own: inlined, their constants and spilled registers would slow down
// all the others.

#[inline(never)]
fn zipfian(ranks: &mut Zipfian, layout: &RankLayout, rng: &mut SplitMix64, visible: u64) -> u64 {
    if visible > ranks.ranks() {
        let mut room = ranks.ranks();
        grow_room(&mut room, visible);
        ranks.grow(room);
    }
    draw_visible(visible, || layout.key(ranks.draw(rng)))
}

/// Doubles the room until it holds all visible keys. By hash and remainder, twice the room leaves every second rank at its
/// key and moves the others up by the old room.
#[inline]
fn grow_room(room: &mut u64, visible: u64) {
    while *room < visible {
        *room = room.saturating_mul(2);
    }
}

#[inline(never)]
fn latest(ages: &mut ZipfianYcsb, rng: &mut SplitMix64, visible: u64) -> u64 {
    // Over one key less than there are: YCSB passes the highest number for the count, so key 0 is never drawn.
    let newest = visible.saturating_sub(1);
    ages.grow(newest);
    newest.saturating_sub(ages.draw(rng))
}

#[inline(never)]
fn exponential(gamma: f64, rng: &mut SplitMix64, visible: u64) -> u64 {
    // YCSB draws again while the age exceeds the table; inverting the truncated law draws the same once.
    let within = -(-gamma * visible as f64).exp_m1();
    let age = -(-rng.random::<f64>() * within).ln_1p() / gamma;
    visible.saturating_sub(1).saturating_sub(age as u64)
}

/// Draws until the key is there, as YCSB does, but at most [`REDRAWS`] times.
#[inline]
fn draw_visible(visible: u64, mut draw: impl FnMut() -> u64) -> u64 {
    let mut redraws = 0;
    loop {
        let key = draw();
        if key < visible {
            return key;
        }
        if redraws == REDRAWS {
            return key % visible.max(1);
        }
        redraws += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    fn rng() -> SplitMix64 {
        SplitMix64::seed_from_u64(11)
    }

    /// The part of many draws that satisfies `wanted`.
    fn share(choice: KeyChoice, loaded: u64, visible: u64, wanted: impl Fn(u64) -> bool) -> f64 {
        const DRAWS: u64 = 1_000_000;
        let mut chooser = KeyChooser::new(choice, loaded, 2 * (visible - loaded)).expect("the choice is valid");
        let mut rng = rng();
        let hits =
            (0..DRAWS).filter(|i| wanted(chooser.draw(&mut rng, visible, LanePosition { lane: 0, lanes: 1, i: *i })));
        hits.count() as f64 / DRAWS as f64
    }

    fn close(measured: f64, expected: f64) {
        assert!((measured - expected).abs() < 0.003, "{measured} is not {expected}");
    }

    const HOTSPOT: KeyChoice = KeyChoice::Hotspot { data_fraction: 0.2, operation_fraction: 0.8 };
    const EXPONENTIAL: KeyChoice = KeyChoice::Exponential { percentile: 95.0, data_fraction: 6.0 / 7.0 };

    #[test]
    fn invalid_parameters_are_refused_by_name() {
        let hotspot = |data_fraction, operation_fraction| KeyChoice::Hotspot { data_fraction, operation_fraction };
        let exponential = |percentile, data_fraction| KeyChoice::Exponential { percentile, data_fraction };
        let wrong = [
            (KeyChoice::Zipfian { exponent: 0.0, scatter: true }, "exponent = 0"),
            (KeyChoice::Zipfian { exponent: f64::NAN, scatter: true }, "exponent = NaN"),
            (hotspot(1.1, 0.8), "data_fraction = 1.1"),
            (hotspot(0.2, -0.1), "operation_fraction = -0.1"),
            (exponential(100.0, 0.5), "percentile = 100"),
            (exponential(95.0, 0.0), "data_fraction = 0"),
        ];
        for (choice, parameter) in wrong {
            let refusal = choice.validate().expect_err("the choice is invalid");
            assert!(refusal.contains(parameter), "{choice:?}: {refusal}");
        }
        assert!(KeyChooser::new(KeyChoice::Uniform, 0, 0).is_err());
        assert!(KeyChooser::new(HOTSPOT, 4, 0).expect_err("no key is hot").contains("no hot key"));
    }

    #[test]
    fn uniform_and_hotspot_keep_to_the_loaded_keys() {
        close(share(KeyChoice::Uniform, 1000, 3000, |key| key < 250), 0.25);
        close(share(KeyChoice::Uniform, 1000, 3000, |key| key < 1000), 1.0);
        close(share(HOTSPOT, 1000, 3000, |key| key < 200), 0.8);
        close(share(HOTSPOT, 1000, 3000, |key| (200..600).contains(&key)), 0.1);
        close(share(HOTSPOT, 1000, 3000, |key| key < 1000), 1.0);
    }

    #[test]
    fn exponential_falls_off_from_the_newest_key() {
        // 95 % would fall on the newest 6/7, but what would be older than the first key is drawn again.
        let gamma = 20_f64.ln() * 7.0 / 6.0;
        let mass = |part: f64| 1.0 - (-gamma * part).exp();
        for part in [0.1, 0.5, 6.0 / 7.0] {
            let newest = 10_000 - (10_000.0 * part) as u64;
            close(share(EXPONENTIAL, 10_000, 10_000, |key| key >= newest), mass(part) / mass(1.0));
        }
    }

    #[test]
    fn latest_follows_the_newest_key() {
        let zeta = zipf::zeta(1999);
        close(share(KeyChoice::Latest, 1000, 2000, |key| key == 1999), 1.0 / zeta);
        close(share(KeyChoice::Latest, 1000, 2000, |key| key == 1998), 0.5_f64.powf(0.99) / zeta);
        close(share(KeyChoice::Latest, 1000, 2000, |key| key == 0), 0.0);
    }

    #[test]
    fn growth_does_not_change_which_keys_are_popular() {
        for choice in [KeyChoice::ZipfianYcsb, KeyChoice::Zipfian { exponent: 0.99, scatter: true }] {
            let popular = |visible| {
                let mut chooser = KeyChooser::new(choice, 1000, 1000).expect("the choice is valid");
                let mut counts = [0_u32; 1000];
                let mut rng = rng();
                for _ in 0..20_000 {
                    let key = chooser.draw(&mut rng, visible, LanePosition::default());
                    counts.get_mut(key as usize).into_iter().for_each(|count| *count += 1);
                }
                (0..1000).max_by_key(|key| counts[*key])
            };
            assert_eq!(popular(1000), popular(1900));
        }
    }

    #[test]
    fn keys_beyond_the_room_that_was_made_are_drawn_as_if_there_had_been_room() {
        // 1001 keys were laid out; 8008 hold the 5000 that are there.
        let mut narrow = KeyChooser::new(KeyChoice::ZipfianYcsb, 1000, 0).expect("the choice is valid");
        let mut wide = KeyChooser::new(KeyChoice::ZipfianYcsb, 1000, 7007).expect("the choice is valid");
        let mut rngs = [rng(), rng()];
        for _ in 0..1000 {
            let [a, b] = &mut rngs;
            assert_eq!(narrow.draw(a, 5000, LanePosition::default()), wide.draw(b, 5000, LanePosition::default()));
        }
        for scatter in [false, true] {
            let choice = KeyChoice::Zipfian { exponent: 0.99, scatter };
            let mut chooser = KeyChooser::new(choice, 1000, 0).expect("the choice is valid");
            let mut popular = |visible| {
                let mut counts = vec![0_u32; visible as usize];
                let mut rng = rng();
                (0..50_000)
                    .for_each(|_| counts[chooser.draw(&mut rng, visible, LanePosition::default()) as usize] += 1);
                let new: u32 = counts.iter().skip(1000).sum();
                ((0..visible).max_by_key(|key| counts[*key as usize]), new)
            };
            let (hottest, none) = popular(1000);
            let (still_hottest, new) = popular(5000);
            // Of ranks 1 to 5000 those above 1000 have 17 % of the mass of Zipf's law with exponent 0.99; of the room for
            // 8000, those that are there and beyond the first thousand keep about as much.
            assert_eq!((hottest, none), (still_hottest, 0), "scatter {scatter}");
            assert!((5_000..12_000).contains(&new), "{new} of 50,000 draws found a new key, scatter {scatter}");
        }
    }

    #[test]
    fn sequential_lanes_share_one_round_over_the_loaded_keys() {
        let mut chooser = KeyChooser::new(KeyChoice::Sequential, 10, 0).expect("the choice is valid");
        let mut rng = rng();
        let mut keys: Vec<u64> = (0..2_u64)
            .flat_map(|lane| (0..5_u64).map(move |i| LanePosition { lane, lanes: 2, i }))
            .map(|position| chooser.draw(&mut rng, 10, position))
            .collect();
        assert_eq!(keys[..5], [0, 2, 4, 6, 8]);
        keys.sort_unstable();
        assert_eq!(keys, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn room_for_inserts_is_twice_the_expectation_rounded_down_once() {
        assert_eq!(expected_inserts(1000, 0.05), 100);
        assert_eq!(expected_inserts(1010, 0.05), 101);
        assert_eq!(expected_inserts(1000, 0.0), 0);
    }

    fn any_choice() -> impl Strategy<Value = KeyChoice> {
        prop_oneof![
            Just(KeyChoice::Uniform),
            (0.01_f64..3.0, any::<bool>()).prop_map(|(exponent, scatter)| KeyChoice::Zipfian { exponent, scatter }),
            Just(KeyChoice::ZipfianYcsb),
            Just(KeyChoice::Latest),
            (0.0_f64..=1.0, 0.0_f64..=1.0).prop_map(|(data_fraction, operation_fraction)| KeyChoice::Hotspot {
                data_fraction,
                operation_fraction
            }),
            (0.001_f64..100.0, 0.001_f64..=1.0)
                .prop_map(|(percentile, data_fraction)| KeyChoice::Exponential { percentile, data_fraction }),
            Just(KeyChoice::Sequential),
        ]
    }

    proptest! {
        #[test]
        fn a_drawn_key_is_always_there(
            choice in any_choice(), loaded in 1_u64..50, inserted in 0_u64..50, expected in 0_u64..2000,
            seed in any::<u64>(),
        ) {
            let mut rng = SplitMix64::seed_from_u64(seed);
            let Ok(mut chooser) = KeyChooser::new(choice, loaded, expected) else {
                return Ok(()); // a hot or cold set without keys
            };
            for visible in loaded..=loaded + inserted {
                let position = LanePosition { lane: 1, lanes: 3, i: visible };
                prop_assert!(chooser.draw(&mut rng, visible, position) < visible);
            }
        }
    }
}
