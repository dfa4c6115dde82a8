//! What a level of load says about the limits.

use super::limit::SweepLimit;
use crate::record::Run;
use crate::stats::Judgement;

/// Whether a level of load is within the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LevelVerdict {
    /// Every limit was kept, with the whole of its interval, and every arrival was carried.
    Within,
    /// An interval holds its limit, or the window is too short for one.
    Undecided {
        /// Whether the figures themselves are within.
        leans_within: bool,
        /// What is undecided.
        by: Breach,
    },
    /// Something broke.
    Beyond(Breach),
}

/// What a level of load broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// More was offered than the store carried.
    Overload,
    /// More than 1 % of the operations failed.
    Errors,
    /// The limit of this number.
    Limit(usize),
    /// The run says nothing about the store, for this reason.
    Unusable(String),
}

impl LevelVerdict {
    /// Whether it is within, as far as its figures themselves say.
    pub fn leans_within(&self) -> bool {
        match self {
            LevelVerdict::Within => true,
            LevelVerdict::Undecided { leans_within, .. } => *leans_within,
            LevelVerdict::Beyond(_) => false,
        }
    }

    /// Whether it says nothing about the store.
    pub fn is_unusable(&self) -> bool {
        matches!(self, LevelVerdict::Beyond(Breach::Unusable(_)))
    }

    /// What broke, or might have.
    pub fn breach(&self) -> Option<&Breach> {
        match self {
            LevelVerdict::Within => None,
            LevelVerdict::Undecided { by, .. } | LevelVerdict::Beyond(by) => Some(by),
        }
    }
}

/// What a run says about these limits.
pub fn judge_run(run: &Run, limits: &[SweepLimit]) -> LevelVerdict {
    let ended = run.counts.succeeded + run.counts.failed;
    if run.verdict.overload.is_some() {
        return LevelVerdict::Beyond(Breach::Overload);
    }
    if run.counts.failed as f64 > 0.01 * ended as f64 {
        return LevelVerdict::Beyond(Breach::Errors);
    }
    if !run.verdict.valid {
        return LevelVerdict::Beyond(Breach::Unusable(run.verdict.reasons.join("; ")));
    }
    judge_limits(&limits.iter().map(|limit| limit.judge(run)).collect::<Vec<_>>())
}

/// What judgements of all limits say together, each with the way in which its figure points.
pub fn judge_limits(judged: &[(Judgement, bool)]) -> LevelVerdict {
    let first = |wanted: Judgement| judged.iter().position(|(judgement, _)| *judgement == wanted).map(Breach::Limit);
    match (first(Judgement::Missed), judged.iter().position(|(_, leans_within)| !leans_within)) {
        (Some(missed), _) => LevelVerdict::Beyond(missed),
        (None, Some(leans)) => LevelVerdict::Undecided { leans_within: false, by: Breach::Limit(leans) },
        (None, None) => match first(Judgement::Undecided) {
            Some(by) => LevelVerdict::Undecided { leans_within: true, by },
            None => LevelVerdict::Within,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_missed_decides_and_one_that_is_undecided_does_not() {
        use Judgement::{Met, Missed, Undecided};
        assert_eq!(judge_limits(&[]), LevelVerdict::Within);
        assert_eq!(judge_limits(&[(Met, true), (Met, true)]), LevelVerdict::Within);
        assert_eq!(judge_limits(&[(Undecided, false), (Missed, false)]), LevelVerdict::Beyond(Breach::Limit(1)));
        let undecided = |leans_within, limit| LevelVerdict::Undecided { leans_within, by: Breach::Limit(limit) };
        assert_eq!(judge_limits(&[(Met, true), (Undecided, true)]), undecided(true, 1));
        assert_eq!(judge_limits(&[(Undecided, true), (Undecided, false)]), undecided(false, 1));
    }
}
