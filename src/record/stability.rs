//! Whether a run held its level, as its record says it.

use serde::{Deserialize, Serialize};

/// What became of the level of a run over its measurement: of the throughput of a closed loop, and of the median response
/// time of an open one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// The verdict by name.
    pub verdict: Course,
    /// What it was reached from, with numbers.
    pub evidence: String,
}

/// How a level went over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    /// A change of a tenth of the level over the whole measurement can be excluded.
    Steady,
    /// It can neither be excluded nor found, the measurement being too short for so much noise.
    Undecided,
    /// It rises or falls all along, by a tenth of the level or more.
    Drifting,
    /// It changes once, from one level to another.
    Stepped,
    /// It leaves its level and comes back, or drifts still after the longest warm-up that was allowed.
    NeverSteady,
}

impl Course {
    /// The name in print: `never steady`.
    pub fn name(self) -> &'static str {
        match self {
            Course::Steady => "steady",
            Course::Undecided => "undecided",
            Course::Drifting => "drifting",
            Course::Stepped => "stepped",
            Course::NeverSteady => "never steady",
        }
    }

    /// Whether the figures of the run are of no single level: a mark beside them, for they are of what happened.
    pub fn is_mark(self) -> bool {
        !matches!(self, Course::Steady | Course::Undecided)
    }
}
