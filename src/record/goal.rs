//! How sure a figure was wanted to be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::percentile::Percentile;

/// What was wanted of an experiment: runs until a figure is as sure as this. In JSON as it is written: `pay p99 ±10%`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrecisionGoal {
    /// Of one operation; none for all of them.
    pub operation: Option<String>,
    /// A percentile of the response times; none for the throughput.
    pub percentile: Option<Percentile>,
    /// How far its 95 % interval may reach from it: 0.1 is ten percent.
    pub share: f64,
}

impl PrecisionGoal {
    /// `p99 of pay`, `throughput`.
    pub fn figure(&self) -> String {
        let figure = self.percentile.map_or("throughput", Percentile::label);
        self.operation.as_ref().map_or_else(|| figure.to_owned(), |operation| format!("{figure} of {operation}"))
    }
}

impl fmt::Display for PrecisionGoal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = self.percentile.map_or("throughput", Percentile::name);
        let operation = self.operation.as_ref().map_or_else(String::new, |operation| format!("{operation} "));
        // Rounded where only the binary fraction is not round.
        let percent = (self.share * 100.0 * 1e9).round() / 1e9;
        write!(f, "{operation}{figure} \u{b1}{percent}%")
    }
}

impl FromStr for PrecisionGoal {
    type Err = String;

    /// From `p99 ±10%`, `throughput +-3%`, `pay p99 5%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "`{text}`: write a figure and how far its interval may reach, such as \"p99 \u{b1}10%\", \"throughput 3%\" or \"pay p99 +-5%\""
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (operation, figure, share) = match words[..] {
            [figure, share] => (None, figure, share),
            [operation, figure, share] => (Some(operation.to_owned()), figure, share),
            _ => return Err(form()),
        };
        let percentile = match figure {
            "throughput" => None,
            percentile => Some(percentile.parse::<Percentile>().map_err(|problem| format!("{problem}, throughput"))?),
        };
        let percent = share.trim_start_matches("+-").trim_start_matches('\u{b1}').strip_suffix('%').ok_or_else(form)?;
        let share = percent.parse::<f64>().ok().map(|percent| percent / 100.0).ok_or_else(form)?;
        if !(0.001..=1.0).contains(&share) {
            return Err(format!("`{text}`: the interval may reach from 0.1% to 100%"));
        }
        Ok(PrecisionGoal { operation, percentile, share })
    }
}

impl TryFrom<String> for PrecisionGoal {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PrecisionGoal> for String {
    fn from(wanted: PrecisionGoal) -> String {
        wanted.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_as_people_write_it_and_written_as_it_is_read() {
        for (text, written) in [
            ("p99 \u{b1}10%", "p99 \u{b1}10%"),
            ("p99 +-10%", "p99 \u{b1}10%"),
            ("throughput 3%", "throughput \u{b1}3%"),
            ("pay p99.9 \u{b1}7.5%", "pay p999 \u{b1}7.5%"),
        ] {
            let read: PrecisionGoal = text.parse().expect(text);
            assert_eq!(read.to_string(), written);
            assert_eq!(read.to_string().parse(), Ok(read));
        }
        for nonsense in
            ["", "p99", "p99 10", "p99 \u{b1}0%", "p99 \u{b1}-5%", "p98 5%", "p99 NaN%", "p99 200%", "a b c d"]
        {
            assert!(nonsense.parse::<PrecisionGoal>().is_err(), "{nonsense}");
        }
    }
}
