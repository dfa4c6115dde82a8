//! What a level of load says about the limits.

use super::evidence::Evidence;
use super::limit::{MOST_ERRORS, SweepLimit};
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

/// What a run broke whatever its limits are; then its figures say nothing about them.
pub fn broke(run: &Run) -> Option<Breach> {
    let ended = run.counts.succeeded + run.counts.failed;
    match () {
        () if run.verdict.overload.is_some() => Some(Breach::Overload),
        () if run.counts.failed as f64 > MOST_ERRORS * ended as f64 => Some(Breach::Errors),
        () if !run.verdict.valid && !run.verdict.shaped_by_client => {
            Some(Breach::Unusable(run.verdict.reasons.join("; ")))
        }
        () => None,
    }
}

/// The limit over its figure, of the limit that is nearest to breaking.
pub fn headroom(run: &Run, limits: &[SweepLimit]) -> Option<f64> {
    limits.iter().filter_map(|limit| limit.headroom(run)).reduce(f64::min)
}

/// What evidence for every limit says together.
pub fn judge(evidence: &[Evidence]) -> LevelVerdict {
    let judged: Vec<(Judgement, bool)> = evidence.iter().map(|one| one.judge()).collect();
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
        let of = |above| Evidence::Tail { operations: 1e4, above, allowed: 100.0, half_width: 30.0 };
        let [met, leans_within, leans_beyond, missed] = [60.0, 80.0, 120.0, 140.0].map(of);
        assert_eq!(judge(&[]), LevelVerdict::Within);
        assert_eq!(judge(&[met, met]), LevelVerdict::Within);
        assert_eq!(judge(&[leans_beyond, missed]), LevelVerdict::Beyond(Breach::Limit(1)));
        let undecided = |leans_within, limit| LevelVerdict::Undecided { leans_within, by: Breach::Limit(limit) };
        assert_eq!(judge(&[met, leans_within]), undecided(true, 1));
        assert_eq!(judge(&[leans_within, leans_beyond]), undecided(false, 1));
    }
}
