//! A limit that a rate has to keep, as it is written on the command line: `p99 < 10ms`, `read p999 < 50ms`,
//! `errors < 0.1%`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use super::evidence::Evidence;
use crate::percentile::{Limit, Percentile, Statistic};
use crate::record::{OperationRecord, Run};

/// A larger share makes a run invalid, whatever its limits.
pub(super) const MOST_ERRORS: f64 = 0.01;

/// A limit of one operation or of all together.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepLimit {
    /// None for all operations.
    pub operation: Option<String>,
    /// What must not be exceeded.
    pub bound: SweepBound,
}

/// What must not be exceeded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SweepBound {
    /// A percentile of the response time, or its maximum.
    Latency(Limit),
    /// The share of operations that fail, 0 to 1.
    ErrorShare(f64),
}

impl SweepLimit {
    /// The percentile that it is about; none of a maximum or a share.
    pub fn percentile(&self) -> Option<Percentile> {
        match self.bound {
            SweepBound::Latency(Limit { statistic: Statistic::Percentile(percentile), .. }) => Some(percentile),
            _ => None,
        }
    }

    /// The limit over its figure in this run.
    pub fn headroom(&self, run: &Run) -> Option<f64> {
        let record = self.operation.as_deref().map_or(Some(&run.total), |name| run.operations.get(name));
        self.bound.headroom(record?)
    }

    /// What a run says about it; nothing where it did none of the operations.
    pub fn evidence(&self, run: &Run) -> Evidence {
        let record = self.operation.as_deref().map_or(Some(&run.total), |name| run.operations.get(name));
        record.map_or(Evidence::NOTHING, |record| self.bound.evidence(record))
    }
}

impl SweepBound {
    /// The limit over its figure: 1 at the limit, less beyond; absent where too few operations carry the figure, or none fails.
    pub fn headroom(self, record: &OperationRecord) -> Option<f64> {
        let headroom = match self {
            SweepBound::Latency(Limit { statistic: Statistic::Percentile(percentile), limit_ns }) => {
                limit_ns as f64 / record.response_ns.percentile_ns(percentile)? as f64
            }
            SweepBound::Latency(Limit { statistic: Statistic::Max, limit_ns }) => {
                limit_ns as f64 / record.response_ns.max as f64
            }
            SweepBound::ErrorShare(most) => most * (record.ok + record.failed) as f64 / record.failed as f64,
        };
        headroom.is_finite().then_some(headroom)
    }

    /// What operations say about it.
    pub fn evidence(self, record: &OperationRecord) -> Evidence {
        match self {
            SweepBound::Latency(limit) => Evidence::of_latency(limit, &record.response_ns),
            SweepBound::ErrorShare(most) => {
                let (failed, operations) = (record.failed as f64, (record.ok + record.failed) as f64);
                Evidence::Errors { operations, failed, most }
            }
        }
    }
}

impl FromStr for SweepLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write it as \"p99 < 10ms\", \"read p999 < 50ms\" or \"errors < 0.1%\"";
        let (what, most) = text.split_once('<').ok_or_else(|| format!("`{text}` is no limit; {form}"))?;
        let most = most.trim_start_matches('=').trim();
        let (operation, figure) = match what.trim().rsplit_once(char::is_whitespace) {
            Some((operation, figure)) => (Some(operation.trim().trim_end_matches(':').to_owned()), figure),
            None => (None, what.trim()),
        };
        let bound = if figure == "errors" {
            let share = match most.strip_suffix('%') {
                Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
                None => most.parse(),
            };
            let share = share.ok().filter(|share| *share > 0.0 && *share <= MOST_ERRORS);
            SweepBound::ErrorShare(share.ok_or_else(|| {
                format!("`{most}` is no share of errors above 0 and up to 1%, beyond which a run is invalid; {form}")
            })?)
        } else {
            let statistic = match figure {
                "max" => Statistic::Max,
                name => Statistic::Percentile(name.parse().map_err(|_| {
                    let names = Statistic::ALL.map(Statistic::name).join(", ");
                    format!("`{name}` is neither errors nor one of {names}; {form}")
                })?),
            };
            let limit_ns =
                latency_ns(most).ok_or_else(|| format!("`{most}` is no latency such as 500us or 10ms; {form}"))?;
            SweepBound::Latency(Limit { statistic, limit_ns })
        };
        Ok(SweepLimit { operation, bound })
    }
}

/// Reads `10ms`, `1.5 ms`, `500us`, `2s`; up to an hour.
fn latency_ns(text: &str) -> Option<u64> {
    const UNITS: [(&str, f64); 5] = [("ns", 1.0), ("us", 1e3), ("\u{b5}s", 1e3), ("ms", 1e6), ("s", 1e9)];
    let at = text.find(|sign: char| !sign.is_ascii_digit() && sign != '.')?;
    let (number, unit) = (text[..at].parse::<f64>().ok()?, text[at..].trim());
    let (_, ns) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let limit_ns = number * ns;
    (1.0..=3.6e12).contains(&limit_ns).then_some(limit_ns as u64)
}

impl Display for SweepLimit {
    /// As it is written on the command line.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if let Some(operation) = &self.operation {
            write!(formatter, "{operation} ")?;
        }
        match self.bound {
            SweepBound::Latency(Limit { statistic, limit_ns }) => {
                let (number, unit) = match limit_ns as f64 {
                    ns if ns >= 1e9 => (ns / 1e9, "s"),
                    ns if ns >= 1e6 => (ns / 1e6, "ms"),
                    ns if ns >= 1e3 => (ns / 1e3, "us"),
                    ns => (ns, "ns"),
                };
                write!(formatter, "{} < {number}{unit}", statistic.name())
            }
            // Of 0.1 % the hundredfold is 0.1 and a rest.
            SweepBound::ErrorShare(most) => write!(formatter, "errors < {}%", (most * 1e8).round() / 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written() {
        for text in
            ["p99 < 10ms", "p50 < 500us", "read p999 < 1.5s", "max < 2s", "errors < 0.1%", "place-order errors < 1%"]
        {
            assert_eq!(text.parse::<SweepLimit>().expect(text).to_string(), text);
        }
        let same = ["p99<10ms", " p99  <=  10 ms ", "p99 < 0.01s"].map(|text| text.parse::<SweepLimit>().expect(text));
        assert!(same.iter().all(|limit| *limit == same[0]), "{same:?}");
        assert_eq!("read: p99.9 < 5ms".parse::<SweepLimit>().expect("a document's").to_string(), "read p999 < 5ms");
    }

    #[test]
    fn what_is_no_limit_is_refused_with_what_to_write() {
        for (text, says) in [
            ("p99", "is no limit"),
            ("p95 < 10ms", "is neither errors nor one of p50, p90, p99, p999, max"),
            ("p99 < 10", "is no latency"),
            ("p99 < -1ms", "is no latency"),
            ("p99 < 99h", "is no latency"),
            ("p99 < nanms", "is no latency"),
            ("errors < 5%", "beyond which a run is invalid"),
            ("errors < 0", "is no share"),
            ("< 3ms", "is neither"),
        ] {
            let refused = text.parse::<SweepLimit>().expect_err(text);
            assert!(refused.contains(says) && refused.contains("write it as"), "{text}: {refused}");
        }
    }
}
