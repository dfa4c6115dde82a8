//! What the address of the simulated store says about time: durations, mixtures of them, and stalls.
//!
//! Pure functions of texts and numbers; nothing here waits.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// A mixture of constant latencies, `duration*weight,…`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct LatencyMixture {
    text: String,
    parts: Vec<(Duration, u64)>,
    total: u64,
}

/// Intervals in which nothing is answered, `start+length,…`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Stalls {
    text: String,
    intervals: Vec<(Duration, Duration)>,
}

/// How long a store takes to become as fast as stated.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Warming(Duration);

impl Warming {
    /// How long something takes at a moment that takes this long in the end.
    pub(super) fn slowed(self, latency: Duration, moment: Duration) -> Duration {
        let left = self.0.saturating_sub(moment).as_secs_f64() / self.0.as_secs_f64().max(1e-9);
        latency.mul_f64(1.0 + 2.0 * left)
    }
}

impl TryFrom<String> for Warming {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        duration(&text).map(Warming)
    }
}

impl fmt::Display for Warming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Default for LatencyMixture {
    fn default() -> Self {
        LatencyMixture { text: "1ms*1".into(), parts: vec![(Duration::from_millis(1), 1)], total: 1 }
    }
}

impl LatencyMixture {
    /// The latency that an evenly distributed number stands for.
    pub(super) fn pick(&self, random: u64) -> Duration {
        let mut rest = (u128::from(random) * u128::from(self.total)) >> 64;
        for (latency, weight) in &self.parts {
            match rest.checked_sub(u128::from(*weight)) {
                Some(less) => rest = less,
                None => return *latency,
            }
        }
        Duration::ZERO // Not reached: `rest` starts below the sum of the weights.
    }
}

impl TryFrom<String> for LatencyMixture {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let part = |part: &str| {
            let (latency, weight) = part.split_once('*').unwrap_or((part, "1"));
            let weight = weight.parse::<u32>().map_err(|_| format!("`{weight}` is not a weight: write 5ms*9"))?;
            Ok((duration(latency)?, u64::from(weight)))
        };
        let parts = text.split(',').map(part).collect::<Result<Vec<_>, String>>()?;
        let total = parts.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return Err(format!("the weights of `{text}` add up to nothing"));
        }
        Ok(LatencyMixture { text, parts, total })
    }
}

impl Stalls {
    /// When the stall around this moment ends, if there is one.
    pub(super) fn end(&self, moment: Duration) -> Option<Duration> {
        self.intervals.iter().filter(|(start, end)| (*start..*end).contains(&moment)).map(|(_, end)| *end).max()
    }
}

impl TryFrom<String> for Stalls {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let interval = |interval: &str| {
            let (start, length) =
                interval.split_once('+').ok_or_else(|| format!("`{interval}` is not a stall: write 10s+2s"))?;
            let start = duration(start)?;
            Ok((start, start + duration(length)?))
        };
        let intervals = text.split(',').map(interval).collect::<Result<_, String>>()?;
        Ok(Stalls { text, intervals })
    }
}

impl fmt::Display for LatencyMixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Stalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.text.is_empty() { "none" } else { &self.text })
    }
}

/// A whole number of `ns`, `us`, `ms` or `s`.
fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let ns_per_unit = match unit {
        "ns" => Some(1),
        "us" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        _ => None,
    };
    let ns = number.parse::<u64>().ok().zip(ns_per_unit).and_then(|(number, ns): (_, u64)| number.checked_mul(ns));
    ns.map(Duration::from_nanos).ok_or_else(|| format!("`{text}` is not a duration: write 500us, 20ms or 2s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        assert_eq!(duration("15ns"), Ok(Duration::from_nanos(15)));
        assert_eq!(duration("15us"), Ok(Duration::from_micros(15)));
        assert_eq!(duration("15ms"), Ok(ms(15)));
        assert_eq!(duration("15s"), Ok(Duration::from_secs(15)));
        for text in ["", "15", "ms", "1.5ms", "-1ms", "1 ms", "1m", "99999999999999999999s", "99999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_warms_up_takes_three_times_as_long_at_first_and_as_long_as_stated_in_the_end() {
        let warming = Warming::try_from("4s".to_owned()).expect("a duration");
        let at = |second: u64| warming.slowed(ms(10), ms(1_000 * second));
        assert_eq!([at(0), at(2), at(4), at(9)], [ms(30), ms(20), ms(10), ms(10)]);
        assert_eq!(Warming::default().slowed(ms(10), Duration::ZERO), ms(10));
    }

    #[test]
    fn a_mixture_gives_each_part_the_share_of_its_weight() {
        let mixture = LatencyMixture::try_from("1ms*90,5ms*9,20ms".to_owned()).expect("a mixture");
        let at = |hundredth: u64| mixture.pick(u64::MAX / 100 * hundredth + u64::MAX / 200);
        assert_eq!((at(0), at(89)), (ms(1), ms(1)));
        assert_eq!((at(90), at(98)), (ms(5), ms(5)));
        assert_eq!((at(99), mixture.pick(u64::MAX)), (ms(20), ms(20)));
        for text in ["", "1ms*", "1ms*0", "1ms*-1", "1ms;2ms", "1ms,,2ms"] {
            assert!(LatencyMixture::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_stall_holds_from_its_start_up_to_but_not_at_its_end() {
        let stalls = Stalls::try_from("10ms+2ms,20ms+5ms".to_owned()).expect("stalls");
        let ends = [9, 10, 11, 12, 24, 25].map(|moment| stalls.end(ms(moment)));
        assert_eq!(ends, [None, Some(ms(12)), Some(ms(12)), None, Some(ms(25)), None]);
        for text in ["10ms", "10ms-2ms", "+2ms"] {
            assert!(Stalls::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
