//! When a gate that still measures looks at its pairs, and when it stops.
//!
//! Every look is one more chance to be wrong, so the looks share alpha. What a look flags has to show again on fresh pairs
//! before it fails anybody: noise rarely repeats itself.

use super::decision::{Decision, FigureEvidence, GateVerdict, decide, pairs_for};
use super::quantity::Quantity;

/// A point at which the pairs so far are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// So many pairs.
    pub pairs: usize,
    /// The share of wrong alarms that this look may raise, over all figures.
    pub alpha: f64,
}

/// The looks of a gate: together they spend 2 %.
const LOOKS: [Look; 2] = [Look { pairs: 10, alpha: 0.008 }, Look { pairs: 16, alpha: 0.012 }];
/// The same where the noise asks for more pairs.
const SPENT_IN_THREE: [f64; 3] = [0.006, 0.006, 0.008];
/// Fresh pairs on which what was flagged must show again. With 5 % a gate that flagged by chance fails in one of a thousand
/// cases in all.
pub const CONFIRMATION: Look = Look { pairs: 8, alpha: 0.05 };
/// The alpha of stored runs, which cannot be measured again: a quarter, so that they fail as rarely as what is confirmed.
pub const ALPHA_OF_STORED: f64 = 0.005;
/// A plan is made to find this many margins.
const TARGET: f64 = 2.5;

/// What a gate does after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// It goes on to the next look.
    Measure,
    /// It measures fresh pairs for what it flagged.
    Confirm,
    /// It is done.
    Stop,
}

/// The looks for figures whose noise is known: (figure, margin, standard deviation of the log ratio of a pair). The default
/// ones, and a third where a change of two and a half margins needs more pairs.
pub fn plan(figures: &[(Quantity, f64, f64)]) -> Vec<Look> {
    let one_side = LOOKS[1].alpha / figures.len().max(1) as f64;
    let needed = figures.iter().map(|(quantity, margin, noise)| {
        let change = quantity.worsening_of((TARGET * margin).min(0.95));
        pairs_for(*noise, one_side, one_side, change)
    });
    // Even, so that both orders are as many.
    let needed = needed.max().unwrap_or_default().next_multiple_of(2);
    if needed <= LOOKS[1].pairs {
        return LOOKS.to_vec();
    }
    let pairs = [LOOKS[0].pairs, LOOKS[1].pairs, needed];
    pairs.into_iter().zip(SPENT_IN_THREE).map(|(pairs, alpha)| Look { pairs, alpha }).collect()
}

/// What follows from the decisions of a look.
pub fn next_step(decisions: &[Option<Decision>], is_last: bool) -> NextStep {
    let verdicts = || decisions.iter().flatten().filter_map(|decision| decision.verdict);
    if verdicts().any(|verdict| verdict == GateVerdict::Regression) {
        NextStep::Confirm
    } else if is_last || !verdicts().any(|verdict| verdict == GateVerdict::Inconclusive) {
        NextStep::Stop
    } else {
        NextStep::Measure
    }
}

/// Takes back what fresh pairs do not show again: they are judged alone, in a family of what was flagged.
pub fn confirm(decisions: &mut [Option<Decision>], fresh: &[FigureEvidence]) {
    let is_flagged =
        |decision: &Option<Decision>| decision.as_ref().and_then(|one| one.verdict) == Some(GateVerdict::Regression);
    let flagged: Vec<usize> = (0..decisions.len()).filter(|at| is_flagged(&decisions[*at])).collect();
    let again: Vec<FigureEvidence> = flagged.iter().filter_map(|at| fresh.get(*at).cloned()).collect();
    let again = decide(&again, CONFIRMATION.alpha);
    for (place, at) in flagged.into_iter().enumerate() {
        let is_confirmed = again.get(place).is_some_and(is_flagged);
        if let Some(decision) = decisions[at].as_mut().filter(|_| !is_confirmed) {
            decision.verdict = Some(GateVerdict::Inconclusive);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::decision::Sample;
    use crate::percentile::Percentile;
    use crate::stats::PairedValues;

    const P50: Quantity = Quantity::Response(Percentile::P50);

    fn pairs(count: usize, factor: f64) -> FigureEvidence {
        let pair =
            |at: usize| PairedValues { base: 1.0, head: factor + 0.001 * (at % 3) as f64, base_first: at % 2 == 0 };
        FigureEvidence { quantity: P50, margin: Some(0.05), sample: Sample::Pairs((0..count).map(pair).collect()) }
    }

    #[test]
    fn the_looks_spend_two_percent() {
        for looks in [plan(&[]), plan(&[(P50, 0.05, 0.2)])] {
            let spent: f64 = looks.iter().map(|look| look.alpha).sum();
            assert!((spent - 0.02).abs() < 1e-12, "{looks:?}");
        }
        assert_eq!(plan(&[(P50, 0.05, 0.05); 4]).len(), 2, "noise of 5 % needs no third look");
        assert!(plan(&[(P50, 0.05, 0.2); 4])[2].pairs > 40, "noise of 20 % does");
    }

    #[test]
    fn a_flagged_figure_stays_one_only_if_fresh_pairs_show_it_again() {
        let flagged = || decide(&[pairs(10, 1.3)], 0.02);
        assert_eq!(next_step(&flagged(), false), NextStep::Confirm);
        for (fresh, expected) in [(1.3, GateVerdict::Regression), (1.0, GateVerdict::Inconclusive)] {
            let mut decisions = flagged();
            confirm(&mut decisions, &[pairs(8, fresh)]);
            assert_eq!(decisions[0].as_ref().and_then(|one| one.verdict), Some(expected), "{fresh}");
        }
        let mut decisions = flagged();
        confirm(&mut decisions, &[]);
        assert_eq!(
            decisions[0].as_ref().and_then(|one| one.verdict),
            Some(GateVerdict::Inconclusive),
            "no fresh pairs"
        );
    }

    #[test]
    fn a_gate_stops_early_when_everything_is_shown() {
        assert_eq!(next_step(&decide(&[pairs(10, 1.0)], 0.02), false), NextStep::Stop);
        assert_eq!(next_step(&decide(&[pairs(4, 1.0)], 0.02), false), NextStep::Measure);
        assert_eq!(next_step(&decide(&[pairs(4, 1.0)], 0.02), true), NextStep::Stop);
    }
}
