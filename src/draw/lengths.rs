//! How long a field or a scan is: the choice as a workload author writes it, and the chooser that draws. The choices are
//! YCSB's (YCSB d9faaac8, `CoreWorkload` and its generators), and `zipfian` is also there as Zipf meant it.

use crate::draw::zipf::{self, Zipfian, ZipfianYcsb};
use rand::RngExt;
use rand_xoshiro::SplitMix64;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// How a length is chosen (bytes of a field, records of a scan), in a workload file: a bare number, `length = 100`, or a
/// table, `length = { choose = "uniform", min = 1, max = 100 }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "choose", rename_all = "kebab-case", deny_unknown_fields, remote = "Self")]
pub enum LengthChoice {
    /// Always the same.
    Constant {
        /// The length.
        value: u64,
    },
    /// Every length from `min` to `max`, both included, alike.
    Uniform {
        /// The shortest.
        min: u64,
        /// The longest.
        max: u64,
    },
    /// Zipf's law, exactly; `min` is the most frequent.
    Zipfian {
        /// The shortest.
        min: u64,
        /// The longest.
        max: u64,
        /// How skewed: above 0.
        #[serde(default = "zipf::ycsb_exponent")]
        exponent: f64,
    },
    /// YCSB's `zipfian` lengths: the closed form with exponent 0.99; `min` is the most frequent.
    ZipfianYcsb {
        /// The shortest.
        min: u64,
        /// The longest.
        max: u64,
    },
    /// Multiples of `block`: `block` itself with the first weight, twice `block` with the second, and so on.
    Histogram {
        /// The step between lengths.
        block: u64,
        /// How often each multiple occurs, relative to their sum.
        weights: Vec<u64>,
    },
}

impl Serialize for LengthChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LengthChoice::serialize(self, serializer) // the derived one: `remote = "Self"` makes it inherent
    }
}

impl<'de> Deserialize<'de> for LengthChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrTable;

        impl<'de> Visitor<'de> for NumberOrTable {
            type Value = LengthChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length, such as 100 or { choose = \"uniform\", min = 1, max = 100 }")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<LengthChoice, E> {
                Ok(LengthChoice::Constant { value })
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<LengthChoice, E> {
                match u64::try_from(value) {
                    Ok(value) => Ok(LengthChoice::Constant { value }),
                    Err(_) => Err(de::Error::custom(format!("{value}: a length is not negative"))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<LengthChoice, A::Error> {
                let choice = LengthChoice::deserialize(MapAccessDeserializer::new(table))?;
                LengthChooser::new(&choice).map_err(de::Error::custom)?;
                Ok(choice)
            }
        }
        deserializer.deserialize_any(NumberOrTable)
    }
}

/// Draws lengths.
#[derive(Debug, Clone)]
pub struct LengthChooser(Lengths);

#[derive(Debug, Clone)]
enum Lengths {
    Constant(u64),
    Uniform(u64, u64),
    Zipfian(u64, Zipfian),
    ZipfianYcsb(u64, ZipfianYcsb),
    /// The step, and the running sums of the weights.
    Histogram(u64, Vec<u64>),
}

impl LengthChooser {
    /// Refuses parameters that mean nothing, with one sentence that names the key to change.
    pub fn new(choice: &LengthChoice) -> Result<Self, String> {
        Ok(LengthChooser(match choice {
            LengthChoice::Constant { value } => Lengths::Constant(*value),
            LengthChoice::Uniform { min, max } => {
                count(*min, *max)?;
                Lengths::Uniform(*min, *max)
            }
            LengthChoice::Zipfian { min, max, exponent } => {
                Lengths::Zipfian(*min, Zipfian::new(count(*min, *max)?, *exponent)?)
            }
            LengthChoice::ZipfianYcsb { min, max } => Lengths::ZipfianYcsb(*min, ZipfianYcsb::new(count(*min, *max)?)),
            LengthChoice::Histogram { block, weights } => Lengths::Histogram(*block, running_sums(*block, weights)?),
        }))
    }

    /// The shortest length that can be drawn.
    pub fn min(&self) -> u64 {
        match &self.0 {
            Lengths::Constant(min) | Lengths::Uniform(min, _) => *min,
            Lengths::Zipfian(min, _) | Lengths::ZipfianYcsb(min, _) => *min,
            Lengths::Histogram(block, sums) => block * (1 + sums.partition_point(|sum| *sum == 0) as u64),
        }
    }

    /// The longest length that can be drawn.
    pub fn max(&self) -> u64 {
        match &self.0 {
            Lengths::Constant(length) | Lengths::Uniform(_, length) => *length,
            Lengths::Zipfian(min, ranks) => min + ranks.ranks() - 1,
            Lengths::ZipfianYcsb(min, ranks) => min + ranks.ranks() - 1,
            Lengths::Histogram(block, sums) => {
                let last = sums.partition_point(|sum| Some(sum) < sums.last());
                block * (1 + last as u64)
            }
        }
    }

    /// A length.
    #[inline]
    pub fn draw(&self, rng: &mut SplitMix64) -> u64 {
        match &self.0 {
            Lengths::Constant(length) => *length,
            Lengths::Uniform(min, max) => rng.random_range(*min..=*max),
            Lengths::Zipfian(min, ranks) => min + ranks.draw(rng),
            Lengths::ZipfianYcsb(min, ranks) => min + ranks.draw(rng),
            Lengths::Histogram(block, sums) => {
                let ticket = rng.random_range(0..sums.last().copied().unwrap_or(1));
                block * (1 + sums.partition_point(|sum| *sum <= ticket) as u64)
            }
        }
    }
}

/// How many lengths there are from `min` to `max`.
fn count(min: u64, max: u64) -> Result<u64, String> {
    match max.checked_sub(min).and_then(|span| span.checked_add(1)) {
        Some(count) => Ok(count),
        None => Err(format!("min = {min}, max = {max}: a range of lengths needs min up to max")),
    }
}

/// The running sums of a histogram's weights, all lengths and sums being within 64 bits.
fn running_sums(block: u64, weights: &[u64]) -> Result<Vec<u64>, String> {
    if block.checked_mul(weights.len() as u64).is_none_or(|longest| longest == 0) {
        return Err(format!("block = {block}: a histogram needs a block above 0 and some weights"));
    }
    let mut sum = 0_u64;
    let add = |weight: &u64| {
        sum = sum.checked_add(*weight)?;
        Some(sum)
    };
    match weights.iter().map(add).collect::<Option<Vec<_>>>() {
        Some(sums) if sum > 0 => Ok(sums),
        _ => Err("weights: a histogram needs weights whose sum is above 0 and below 2^64".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[derive(Debug, Deserialize)]
    struct File<T> {
        x: T,
    }

    fn length(text: &str) -> Result<LengthChoice, String> {
        toml::from_str::<File<LengthChoice>>(&format!("x = {text}")).map(|file| file.x).map_err(|e| e.to_string())
    }

    fn rng() -> SplitMix64 {
        SplitMix64::seed_from_u64(11)
    }

    #[test]
    fn lengths_are_a_number_or_a_table() {
        assert_eq!(length("100"), Ok(LengthChoice::Constant { value: 100 }));
        let uniform = length("{ choose = \"uniform\", min = 1, max = 9 }");
        assert_eq!(uniform, Ok(LengthChoice::Uniform { min: 1, max: 9 }));
        let zipfian = length("{ choose = \"zipfian\", min = 1, max = 9 }");
        assert_eq!(zipfian, Ok(LengthChoice::Zipfian { min: 1, max: 9, exponent: 0.99 }));
        let wrong = [
            ("-1", "negative"),
            ("\"long\"", "a length"),
            ("{ choose = \"uniform\", min = 9, max = 1 }", "min = 9, max = 1"),
            ("{ choose = \"uniform\", min = 9 }", "max"),
            ("{ choose = \"zipfian\", min = 1, max = 9, exponent = 0.0 }", "exponent"),
            ("{ choose = \"histogram\", block = 0, weights = [1] }", "block = 0"),
            ("{ choose = \"histogram\", block = 10, weights = [0, 0] }", "weights"),
        ];
        for (text, named) in wrong {
            let refusal = length(text).expect_err("the length is wrong");
            assert!(refusal.contains(named), "{text}: {refusal}");
        }
    }

    #[test]
    fn lengths_reach_both_ends_and_favour_the_shortest() {
        let tables = [
            "{ choose = \"uniform\", min = 3, max = 6 }",
            "{ choose = \"zipfian\", min = 3, max = 6 }",
            "{ choose = \"zipfian-ycsb\", min = 3, max = 6 }",
            "{ choose = \"histogram\", block = 1, weights = [0, 0, 5, 2, 2, 2, 0] }",
        ];
        for text in tables {
            let chooser = LengthChooser::new(&length(text).expect("the length is valid")).expect("it is valid");
            let mut counts = [0_u32; 8];
            let mut rng = rng();
            (0..10_000).for_each(|_| counts[chooser.draw(&mut rng) as usize] += 1);
            assert_eq!((chooser.min(), chooser.max()), (3, 6));
            assert!(counts[..3].iter().chain(&counts[7..]).all(|count| *count == 0), "{text}: {counts:?}");
            assert!(counts[3..7].iter().all(|count| *count > 500), "{text}: {counts:?}");
            assert!(text.contains("uniform") || counts[3] > 2 * counts[6], "{text}: {counts:?}");
        }
    }
}
