//! The percentiles of latency that the suite knows, by the names that files and reports give them, and limits on them. What
//! was measured is in `record`, how sure it is in `stats`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Samples that must rank above a percentile to carry it: with ten, the mass of the tail is known to ±62 %.
pub const FEWEST_ABOVE: u64 = 10;

/// A percentile of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Percentile {
    /// The median.
    P50,
    /// Nine in ten samples are at most this.
    P90,
    /// 99 in a hundred samples are at most this.
    P99,
    /// 999 in a thousand samples are at most this.
    P999,
}

impl Percentile {
    /// Those that records hold, rising.
    pub const RECORDED: [Percentile; 4] = [Percentile::P50, Percentile::P90, Percentile::P99, Percentile::P999];
    /// Those that reports show, rising.
    pub const REPORTED: [Percentile; 3] = [Percentile::P50, Percentile::P99, Percentile::P999];

    /// Its name in files and in the terminal's tables: `p999`.
    pub fn name(self) -> &'static str {
        match self {
            Percentile::P50 => "p50",
            Percentile::P90 => "p90",
            Percentile::P99 => "p99",
            Percentile::P999 => "p999",
        }
    }

    /// Its name in documents: `p99.9`.
    pub fn label(self) -> &'static str {
        match self {
            Percentile::P999 => "p99.9",
            Percentile::P50 | Percentile::P90 | Percentile::P99 => self.name(),
        }
    }

    /// The share of samples that are at most this, 0 to 1.
    pub fn quantile(self) -> f64 {
        match self {
            Percentile::P50 => 0.5,
            Percentile::P90 => 0.9,
            Percentile::P99 => 0.99,
            Percentile::P999 => 0.999,
        }
    }

    /// How many of `count` samples rank above it.
    pub fn above(self, count: u64) -> u64 {
        ranked_above(count, self.quantile())
    }

    /// Whether `count` samples carry it. Nothing else decides what is shown and what is withheld: a p50 needs 20 samples, a
    /// p90 100, a p99 1,000 and a p99.9 10,000.
    pub fn is_carried_by(self, count: u64) -> bool {
        self.above(count) >= FEWEST_ABOVE
    }
}

impl FromStr for Percentile {
    type Err = String;

    /// From its name in files or in documents: `p999`, `p99.9`.
    fn from_str(text: &str) -> Result<Self, String> {
        let named = |percentile: &Percentile| [percentile.name(), percentile.label()].contains(&text);
        let found = Percentile::RECORDED.into_iter().find(named);
        found.ok_or_else(|| format!("`{text}` is not one of {}", Percentile::RECORDED.map(Percentile::name).join(", ")))
    }
}

/// How many of `count` samples rank above the quantile `q`, 0 to 1, ties counted by rank.
pub fn ranked_above(count: u64, q: f64) -> u64 {
    // The subtracted part undoes rounding: 0.999 * 10,000 must not become 9,991.
    count - (q * count as f64 * (1.0 - 1e-12)).ceil().clamp(0.0, count as f64) as u64
}

/// The figure of a distribution that a limit applies to. In JSON its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Statistic {
    /// One of its percentiles.
    Percentile(Percentile),
    /// Its largest value.
    Max,
}

impl Statistic {
    /// All of them, rising.
    pub const ALL: [Statistic; 5] = [
        Statistic::Percentile(Percentile::P50),
        Statistic::Percentile(Percentile::P90),
        Statistic::Percentile(Percentile::P99),
        Statistic::Percentile(Percentile::P999),
        Statistic::Max,
    ];

    /// Its name in files and in the terminal's tables: `p999`, `max`.
    pub fn name(self) -> &'static str {
        match self {
            Statistic::Percentile(percentile) => percentile.name(),
            Statistic::Max => "max",
        }
    }

    /// Its name in documents: `p99.9`, `max`.
    pub fn label(self) -> &'static str {
        match self {
            Statistic::Percentile(percentile) => percentile.label(),
            Statistic::Max => "max",
        }
    }
}

impl TryFrom<String> for Statistic {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == Statistic::Max.name() {
            return Ok(Statistic::Max);
        }
        text.parse().map(Statistic::Percentile).map_err(|error| format!("{error}, max"))
    }
}

impl From<Statistic> for String {
    fn from(statistic: Statistic) -> String {
        statistic.name().to_owned()
    }
}

/// A limit on a latency, as a workload states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What must not exceed it.
    pub statistic: Statistic,
    /// The most that it may be, in nanoseconds.
    pub limit_ns: u64,
}

impl Limit {
    /// Of so many milliseconds, the unit of workload files.
    pub fn of_ms(statistic: Statistic, limit_ms: f64) -> Limit {
        Limit { statistic, limit_ns: (limit_ms * 1e6) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_samples_above_carry_a_percentile() {
        let fewest = |percentile: Percentile| (0..).find(|count| percentile.is_carried_by(*count));
        assert_eq!(Percentile::RECORDED.map(fewest), [20, 100, 1_000, 10_000].map(Some));
        assert_eq!(ranked_above(0, 0.5), 0);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for percentile in Percentile::RECORDED {
            assert_eq!([percentile.name(), percentile.label()].map(str::parse), [Ok(percentile), Ok(percentile)]);
        }
        for statistic in Statistic::ALL {
            assert_eq!(Statistic::try_from(String::from(statistic)), Ok(statistic));
        }
        let error = Statistic::try_from("p95".to_owned());
        assert_eq!(error, Err("`p95` is not one of p50, p90, p99, p999, max".to_owned()));
    }
}
