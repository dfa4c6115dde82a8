//! The rule: what the evidence about each figure amounts to.
//!
//! A figure regressed where chance alone would hardly show as much (Holm's probability over the family at most alpha) and the
//! estimate is at least the margin. It is OK where the upper end of its interval is below the margin: that is shown, not
//! merely not refuted. Everything else is inconclusive, and says what would have been seen.

use serde::{Deserialize, Serialize};

use super::look::Look;
use super::quantity::Quantity;
use crate::stats::{
    LogChange, PairedValues, change_of_pairs, change_of_samples, detectable, floor_of_pairs, holm, student_t,
};

/// How likely a change of the size that is called detectable is found.
pub const POWER: f64 = 0.9;
/// With fewer pairs, or runs on a side, nothing is decided: 2^-8 is the largest power of a half that four figures reach at
/// 2 % (0.02 / 4 = 0.005), and 2^-6 = 0.0156 is beyond them whatever was measured.
pub const FEWEST: usize = 8;
/// No plan goes beyond so many pairs.
pub const MOST: usize = 1_000;

/// What a gate says, of one figure and of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateVerdict {
    /// A figure got worse by at least its margin, and chance does not explain it.
    Regression,
    /// A figure got better by at least its margin, and chance does not explain it.
    Improved,
    /// It is shown that no figure got worse by its margin.
    Ok,
    /// Neither is shown.
    Inconclusive,
    /// The two sides may not be compared.
    Incomparable,
}

impl GateVerdict {
    /// As tables and headings print it.
    pub fn label(self) -> &'static str {
        match self {
            GateVerdict::Regression => "REGRESSION",
            GateVerdict::Improved => "IMPROVED",
            GateVerdict::Ok => "OK",
            GateVerdict::Inconclusive => "INCONCLUSIVE",
            GateVerdict::Incomparable => "INCOMPARABLE",
        }
    }

    /// Of a whole gate: the worst of its figures; improved only where nothing is left open.
    pub fn of_all(verdicts: impl Iterator<Item = GateVerdict>) -> GateVerdict {
        let severity = |verdict: &GateVerdict| match verdict {
            GateVerdict::Ok => 0,
            GateVerdict::Improved => 1,
            GateVerdict::Inconclusive => 2,
            GateVerdict::Regression => 3,
            GateVerdict::Incomparable => 4,
        };
        // A gate without a figure has shown nothing.
        verdicts.max_by_key(severity).unwrap_or(GateVerdict::Inconclusive)
    }
}

/// The values of one figure on both sides. One run is one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// Runs side by side in time.
    Pairs(Vec<PairedValues>),
    /// Runs of two sessions.
    Apart {
        /// Of the base.
        base: Vec<f64>,
        /// Of the head.
        head: Vec<f64>,
    },
}

impl Sample {
    /// What it says of the change; none where it cannot be said.
    pub fn change(&self) -> Option<LogChange> {
        match self {
            Sample::Pairs(pairs) => change_of_pairs(pairs),
            Sample::Apart { base, head } => change_of_samples(base, head),
        }
    }

    /// The same as two samples, where the signs of so few pairs are never as rare as `rarest`: labels drawn by lot are, and of
    /// runs that alternate they are as valid. What the order inside a pair is worth becomes noise then.
    pub fn able_to_reach(self, rarest: f64) -> Sample {
        match self {
            Sample::Pairs(pairs) if floor_of_pairs(pairs.len()) > rarest => {
                let (base, head) = pairs.iter().map(|pair| (pair.base, pair.head)).unzip();
                Sample::Apart { base, head }
            }
            sample => sample,
        }
    }

    /// Pairs, or runs on the side that has fewer.
    pub fn count(&self) -> usize {
        match self {
            Sample::Pairs(pairs) => pairs.len(),
            Sample::Apart { base, head } => base.len().min(head.len()),
        }
    }
}

/// What a gate knows of one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureEvidence {
    /// Which figure it is.
    pub quantity: Quantity,
    /// By which share it may get worse; a figure without a margin is shown and decides nothing.
    pub margin: Option<f64>,
    /// Its values.
    pub sample: Sample,
}

/// What the evidence about one figure amounts to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Head over base.
    pub ratio: f64,
    /// 95 % interval of the ratio.
    pub interval: Option<[f64; 2]>,
    /// The least share by which the figure could have got worse and been found in nine of ten gates like this one; none
    /// where so few runs could have shown nothing.
    pub smallest_detectable: Option<f64>,
    /// Holm's probability that chance alone shows it as much worse; none of a figure that does not gate.
    pub probability: Option<f64>,
    /// Standard deviation of the log ratio of a pair, without the effect of the order; none of runs that are no pairs.
    pub noise: Option<f64>,
    /// By which share the second run of a pair is higher than the first.
    pub position: Option<[f64; 2]>,
    /// What it is; none of a figure that does not gate.
    pub verdict: Option<GateVerdict>,
    /// Of what is inconclusive: pairs, or runs on a side, that would show that nothing of the size of the margin changed, if
    /// nothing did.
    pub enough: Option<usize>,
}

impl Decision {
    /// Takes back its verdict, if it has one.
    pub fn leave_open(&mut self) {
        self.verdict = self.verdict.map(|_| GateVerdict::Inconclusive);
    }
}

/// Decides about each figure of a gate; none where a value is not positive or there are fewer than two a side.
///
/// The family of Holm's method is all figures that gate and scatter. Of percentages the ends of intervals are not adjusted: that all of
/// them are shown to be within their margins is wrong only if the one that is not has passed by chance.
pub fn decide(figures: &[FigureEvidence], alpha: f64) -> Vec<Option<Decision>> {
    decide_before(figures, alpha, None)
}

/// The same where what is flagged has to show again: the smallest change that would be found is one that both find.
pub fn decide_before(figures: &[FigureEvidence], alpha: f64, again: Option<Look>) -> Vec<Option<Decision>> {
    let changes: Vec<Option<LogChange>> = figures.iter().map(|figure| figure.sample.change()).collect();
    let is_tested = |at: &usize| figures[*at].margin.is_some() && !figures[*at].quantity.is_exact();
    let gated: Vec<usize> = (0..figures.len()).filter(|at| is_tested(at) && changes[*at].is_some()).collect();
    let chance = |is_worse: bool| {
        let side = |at: &usize| {
            let up = is_worse != figures[*at].quantity.is_better_higher();
            changes[*at].as_ref().map_or(1.0, |change| change.by_chance[usize::from(!up)])
        };
        holm(&gated.iter().map(side).collect::<Vec<f64>>())
    };
    let (worse, better) = (chance(true), chance(false));
    let decided = |(at, (figure, change)): (usize, (&FigureEvidence, &Option<LogChange>))| {
        if figure.quantity.is_exact() {
            return Some(counted(figure, change.as_ref()?.estimate));
        }
        let place = gated.iter().position(|gated| *gated == at);
        let by_chance = place.map(|place| [worse[place], better[place]]);
        Some(decision(figure, change.as_ref()?, by_chance, alpha, gated.len(), again))
    };
    figures.iter().zip(&changes).enumerate().map(decided).collect()
}

/// What does not scatter is compared and not tested.
fn counted(figure: &FigureEvidence, change: f64) -> Decision {
    let worsening = figure.quantity.worsening(change);
    let judged = |share: f64| match figure.quantity.worsening_of(share) {
        _ if figure.sample.count() < FEWEST => GateVerdict::Inconclusive,
        margin if worsening >= margin => GateVerdict::Regression,
        margin if worsening <= -margin => GateVerdict::Improved,
        _ => GateVerdict::Ok,
    };
    Decision {
        ratio: change.exp(),
        interval: Some([change.exp(); 2]),
        smallest_detectable: figure.margin,
        probability: None,
        noise: None,
        position: None,
        verdict: figure.margin.map(judged),
        enough: None,
    }
}

fn decision(
    figure: &FigureEvidence,
    change: &LogChange,
    by_chance: Option<[f64; 2]>,
    alpha: f64,
    family: usize,
    again: Option<Look>,
) -> Decision {
    let quantity = figure.quantity;
    let worsening = quantity.worsening(change.estimate);
    let upper = change.interval.map(|ends| ends.map(|end| quantity.worsening(end))).map(|[a, b]| a.max(b));
    let margin = figure.margin.map(|share| quantity.worsening_of(share));
    let count = figure.sample.count();
    let verdict = by_chance.zip(margin).map(|([worse, better], margin)| match upper {
        _ if count < FEWEST => GateVerdict::Inconclusive,
        _ if worse <= alpha && worsening >= margin => GateVerdict::Regression,
        _ if better <= alpha && worsening <= -margin => GateVerdict::Improved,
        Some(upper) if upper < margin => GateVerdict::Ok,
        _ => GateVerdict::Inconclusive,
    });
    let one_side = alpha / family.max(1) as f64;
    let can_show = count >= FEWEST && change.floor <= one_side;
    let spread = change.error * (count as f64).sqrt();
    // Both tests are of other pairs, so that the chances to find a change multiply.
    let power = if again.is_some() { POWER.sqrt() } else { POWER };
    let found = |margin: f64, alpha: f64, degrees: usize, error: f64| {
        (detectable(alpha, power, degrees) * error).max(margin + student_t(2.0 * power - 1.0, degrees) * error)
    };
    let smallest = margin.filter(|_| can_show).map(|margin| {
        let here = found(margin, one_side, change.degrees, change.error);
        let there = again.map(|look| {
            let error = spread / (look.pairs as f64).sqrt();
            found(margin, look.alpha, (look.pairs - 2).max(1), error)
        });
        here.max(there.unwrap_or(0.0))
    });
    Decision {
        ratio: change.estimate.exp(),
        interval: change.interval.map(|ends| ends.map(f64::exp)),
        smallest_detectable: smallest.map(|worsening| quantity.share_of(worsening)),
        probability: by_chance.map(|[worse, _]| worse),
        noise: change.position.map(|_| spread),
        position: change.position.map(|[place, half]| [place.exp_m1(), half]),
        verdict,
        enough: margin
            .filter(|_| verdict == Some(GateVerdict::Inconclusive))
            .map(|margin| pairs_for(spread, 0.025, one_side, margin)),
    }
}

/// The smallest margin within which so many pairs show an unchanged figure to be in nine of ten gates, if pairs of it have
/// this noise. None for fewer pairs than decide anything.
pub fn smallest_margin(quantity: Quantity, noise: f64, pairs: usize) -> Option<f64> {
    let tells = |pairs: usize| detectable(0.025, POWER, pairs - 2) * noise / (pairs as f64).sqrt();
    (pairs >= FEWEST).then(|| quantity.share_of(tells(pairs)))
}

/// How many pairs find a change of this size (a logarithm) in nine of ten gates: by a t test at this level with the noise
/// `spread` of a pair, of enough pairs that a flip of all signs is rarer than `rarest`.
pub fn pairs_for(spread: f64, level: f64, rarest: f64, change: f64) -> usize {
    let finds = |pairs: usize| {
        let smallest = detectable(level, POWER, pairs - 2) * spread / (pairs as f64).sqrt();
        floor_of_pairs(pairs) <= rarest.max(floor_of_pairs(MOST)) && smallest <= change
    };
    // Halving the range: more pairs find at least as much.
    let (mut low, mut high) = (FEWEST, MOST);
    while low < high {
        let middle = (low + high) / 2;
        if finds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percentile::Percentile;

    const P50: Quantity = Quantity::Response(Percentile::P50);

    /// Ten pairs whose heads are `factor` times their bases, give or take a few parts in a thousand.
    fn figure(quantity: Quantity, factor: f64) -> FigureEvidence {
        let pair = |at: usize| PairedValues {
            base: 100.0,
            head: 100.0 * factor * (1.0 + 0.002 * ((at * 7 % 5) as f64 - 2.0)),
            base_first: at.is_multiple_of(2),
        };
        let sample = Sample::Pairs((0..10).map(pair).collect());
        FigureEvidence { quantity, margin: quantity.default_margin(), sample }
    }

    fn verdicts(figures: &[FigureEvidence]) -> Vec<Option<GateVerdict>> {
        decide(figures, 0.02).into_iter().map(|decision| decision.expect("positive").verdict).collect()
    }

    #[test]
    fn the_direction_of_each_figure_decides_what_is_worse() {
        use GateVerdict::{Improved, Ok, Regression};
        let figures =
            [figure(Quantity::Throughput, 0.8), figure(P50, 0.8), figure(Quantity::Cpu, 1.3), figure(P50, 1.01)];
        assert_eq!(verdicts(&figures), [Regression, Improved, Regression, Ok].map(Some));
    }

    #[test]
    fn a_sure_change_within_the_margin_is_ok() {
        let found = decide(&[figure(P50, 1.03)], 0.02);
        let found = found[0].as_ref().expect("positive");
        assert!(found.probability.is_some_and(|p| p <= 0.001), "{found:?}");
        assert_eq!(found.verdict, Some(GateVerdict::Ok));
    }

    #[test]
    fn a_figure_without_a_margin_is_shown_and_makes_no_other_less_sure() {
        let p90 = figure(Quantity::Response(Percentile::P90), 3.0);
        let [alone, beside] =
            [vec![figure(P50, 1.2)], vec![figure(P50, 1.2), p90]].map(|figures| decide(&figures, 0.02));
        assert_eq!(alone[0], beside[0]);
        assert_eq!(beside[1].as_ref().expect("positive").verdict, None);
    }

    #[test]
    fn what_is_counted_needs_no_test_and_costs_no_other_figure_its_power() {
        let trips = |factor: f64| {
            let pair = |at: usize| PairedValues { base: 4.0, head: 4.0 * factor, base_first: at.is_multiple_of(2) };
            let sample = Sample::Pairs((0..10).map(pair).collect());
            FigureEvidence { quantity: Quantity::RoundTrips, margin: Some(0.01), sample }
        };
        assert_eq!(verdicts(&[trips(1.0), trips(1.25)]), [GateVerdict::Ok, GateVerdict::Regression].map(Some));
        let mut figures = vec![figure(P50, 1.2)];
        figures.extend((0..30).map(|_| trips(1.0)));
        assert_eq!(verdicts(&figures)[0], Some(GateVerdict::Regression));
    }

    #[test]
    fn so_many_figures_that_ten_pairs_can_show_nothing_are_inconclusive_and_say_so() {
        let figures: Vec<FigureEvidence> = (0..30).map(|_| figure(P50, 2.0)).collect();
        let found = decide(&figures, 0.02);
        let found = found[0].as_ref().expect("positive");
        assert_eq!((found.verdict, found.smallest_detectable), (Some(GateVerdict::Inconclusive), None));
        assert!(found.enough.is_some_and(|pairs| pairs > 10), "{found:?}");
    }

    #[test]
    fn seven_pairs_decide_nothing() {
        let mut seven = figure(P50, 2.0);
        let Sample::Pairs(pairs) = &mut seven.sample else { panic!("pairs") };
        pairs.truncate(7);
        assert_eq!(verdicts(&[seven]), [Some(GateVerdict::Inconclusive)]);
    }

    #[test]
    fn the_pairs_that_are_needed_are_those_of_the_table() {
        // One-sided, power 90 %, alpha 0.5 %, by the exact noncentral t: noise 5 %: 10 % slower in 8 pairs; noise 10 %:
        // 10 % in 20 and 15 % in 12 pairs. One degree of freedom is the order's here, which costs a pair at most.
        for (spread, slower, expected) in [(0.05, 0.10, 8), (0.10, 0.10, 20), (0.10, 0.15, 12)] {
            let pairs = pairs_for(spread, 0.005, 0.005, P50.worsening_of(slower));
            assert!((expected..=expected + 1).contains(&pairs), "{spread} {slower}: {pairs}, not {expected}");
        }
    }

    #[test]
    fn the_worst_figure_decides_about_the_gate() {
        use GateVerdict::{Improved, Inconclusive, Ok, Regression};
        assert_eq!(GateVerdict::of_all([Ok, Improved, Ok].into_iter()), Improved);
        assert_eq!(GateVerdict::of_all([Improved, Inconclusive].into_iter()), Inconclusive);
        assert_eq!(GateVerdict::of_all([Regression, Inconclusive].into_iter()), Regression);
        assert_eq!(GateVerdict::of_all(std::iter::empty()), Inconclusive);
    }
}
