//! When a gate that still measures looks at its pairs, and when it stops.
//!
//! Every look is one more chance to be wrong, so the looks share alpha. What a look flags has to show again on fresh pairs
//! before it fails anybody: noise rarely repeats itself.

use super::decision::{Decision, FEWEST, FigureEvidence, GateVerdict, decide, pairs_for};
use super::look::Look;
use super::quantity::Quantity;
use crate::stats::floor_of_pairs;

/// The looks of a gate: together they spend 2 %.
const LOOKS: [Look; 2] = [Look { pairs: 10, alpha: 0.008 }, Look { pairs: 16, alpha: 0.012 }];
/// The same where the noise asks for more pairs.
const SPENT_IN_THREE: [f64; 3] = [0.006, 0.006, 0.008];
/// The share of wrong alarms of the pairs on which what was flagged must show again. With 5 % a gate that flagged by chance
/// fails in one of a thousand cases in all.
const ALPHA_OF_CONFIRMATION: f64 = 0.05;
/// The alpha of stored runs, which cannot be measured again: a quarter, so that they fail as rarely as what is confirmed.
pub const ALPHA_OF_STORED: f64 = 0.005;
/// Beyond these the signs of pairs are as rare as they are ever counted.
const MOST_FOR_SIGNS: usize = 16;
/// More pairs than this are measured only where they are asked for: noise that needs more is a reason for longer runs.
const MOST_UNASKED: usize = 40;
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

/// The looks of a gate of so many tested figures, of which some have known noise: (figure, margin, standard deviation of the
/// log ratio of a pair). The default ones, later where signs of so few pairs are never rare enough for the family, and a third
/// one where a change of two and a half margins needs more pairs, or more were asked for.
pub fn plan(family: usize, known: &[(Quantity, f64, f64)], asked: Option<usize>) -> Vec<Look> {
    let family = family.max(known.len()).max(1) as f64;
    let reaching = |look: Look| Look { pairs: look.pairs.max(fewest_reaching(look.alpha / family)), ..look };
    let one_side = LOOKS[1].alpha / family;
    let needed = known.iter().map(|(quantity, margin, noise)| {
        let change = quantity.worsening_of((TARGET * margin).min(0.95));
        pairs_for(*noise, one_side, one_side, change)
    });
    // Even, so that both orders are as many.
    let needed = needed.max().unwrap_or_default().min(MOST_UNASKED);
    let needed = needed.max(asked.unwrap_or_default()).next_multiple_of(2);
    let looks = LOOKS.map(reaching);
    if needed <= looks[1].pairs {
        return looks.to_vec();
    }
    let pairs = [looks[0].pairs, looks[1].pairs, needed];
    pairs.into_iter().zip(SPENT_IN_THREE).map(|(pairs, alpha)| reaching(Look { pairs, alpha })).collect()
}

/// The fresh pairs for so many flagged figures.
pub fn confirmation(flagged: usize) -> Look {
    let alpha = ALPHA_OF_CONFIRMATION;
    Look { pairs: FEWEST.max(fewest_reaching(alpha / flagged.max(1) as f64)), alpha }
}

/// The even number of pairs of which equal signs are at most so rare.
fn fewest_reaching(rarest: f64) -> usize {
    let reaches = |pairs: &usize| floor_of_pairs(*pairs) <= rarest.max(floor_of_pairs(MOST_FOR_SIGNS));
    (FEWEST..=MOST_FOR_SIGNS).step_by(2).find(reaches).unwrap_or(MOST_FOR_SIGNS)
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

/// Whether a figure is flagged.
pub fn is_flagged(decision: &Option<Decision>) -> bool {
    decision.as_ref().and_then(|one| one.verdict) == Some(GateVerdict::Regression)
}

/// Takes back what fresh pairs do not show again: they are judged alone, in a family of what was flagged. One piece of fresh
/// evidence for each decision, where there is any.
pub fn confirm(decisions: &mut [Option<Decision>], fresh: &[Option<FigureEvidence>]) {
    let flagged: Vec<usize> = (0..decisions.len()).filter(|at| is_flagged(&decisions[*at])).collect();
    let found = |at: &usize| Some((*at, fresh.get(*at).cloned().flatten()?));
    let (places, again): (Vec<usize>, Vec<FigureEvidence>) = flagged.iter().filter_map(found).unzip();
    // What is absent has shown nothing, and makes the family no smaller.
    let alpha = ALPHA_OF_CONFIRMATION * again.len() as f64 / flagged.len().max(1) as f64;
    let again = decide(&again, alpha);
    for at in flagged {
        let is_confirmed = places.iter().zip(&again).any(|(place, decision)| *place == at && is_flagged(decision));
        if let Some(decision) = decisions[at].as_mut().filter(|_| !is_confirmed) {
            decision.leave_open();
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
        let pair = |at: usize| PairedValues {
            base: 1.0,
            head: factor + 0.001 * (at % 3) as f64,
            base_first: at.is_multiple_of(2),
        };
        FigureEvidence { quantity: P50, margin: Some(0.05), sample: Sample::Pairs((0..count).map(pair).collect()) }
    }

    #[test]
    fn the_looks_spend_two_percent() {
        for looks in [plan(4, &[], None), plan(60, &[], None), plan(4, &[(P50, 0.05, 0.2)], None)] {
            let spent: f64 = looks.iter().map(|look| look.alpha).sum();
            assert!((spent - 0.02).abs() < 1e-12, "{looks:?}");
        }
        assert_eq!(plan(4, &[(P50, 0.05, 0.05); 4], None).len(), 2, "noise of 5 % needs no third look");
        assert_eq!(plan(4, &[(P50, 0.05, 0.2); 4], None)[2].pairs, 40, "noise of 20 % does");
    }

    #[test]
    fn every_look_and_every_confirmation_can_find_something_in_a_family_of_up_to_150() {
        let pairs = |looks: Vec<Look>| looks.iter().map(|look| look.pairs).collect::<Vec<usize>>();
        assert_eq!(pairs(plan(4, &[], None)), [10, 16]);
        assert_eq!(pairs(plan(14, &[], None)), [12, 16], "2^-10 is more than 0.008 / 14");
        assert_eq!(pairs(plan(4, &[], Some(30))), [10, 16, 30], "as many as were asked for");
        for family in [1, 4, 14, 56, 150] {
            for look in plan(family, &[], None).into_iter().chain([confirmation(family)]) {
                assert!(floor_of_pairs(look.pairs) <= look.alpha / family as f64, "{family}: {look:?}");
            }
        }
        assert_eq!([confirmation(1), confirmation(12), confirmation(14)].map(|look| look.pairs), [8, 8, 10]);
    }

    #[test]
    fn a_flagged_figure_stays_one_only_if_fresh_pairs_show_it_again() {
        let flagged = || decide(&[pairs(10, 1.3)], 0.02);
        assert_eq!(next_step(&flagged(), false), NextStep::Confirm);
        for (fresh, expected) in [(1.3, GateVerdict::Regression), (1.0, GateVerdict::Inconclusive)] {
            let mut decisions = flagged();
            confirm(&mut decisions, &[Some(pairs(8, fresh))]);
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
