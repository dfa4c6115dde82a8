//! Gates on noise that is known: the decisions are those of `storebench::gate`, and only the runs are drawn instead of
//! measured.

use rand::seq::SliceRandom;
use rand_distr::{Distribution, Normal};
use rand_xoshiro::SplitMix64;
use storebench::gate::{
    ALPHA_OF_STORED, FigureEvidence, GateVerdict, NextStep, Quantity, Sample, confirm, confirmation, decide,
    decide_before, is_flagged, next_step, plan,
};
use storebench::percentile::Percentile;
use storebench::stats::PairedValues;

/// The four figures that gate a workload of one operation.
pub const FIGURES: [Quantity; 4] =
    [Quantity::Throughput, Quantity::Response(Percentile::P50), Quantity::Response(Percentile::P99), Quantity::Cpu];

/// What the runs are drawn from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Truth {
    /// Standard deviation of the log ratio of a pair, of each figure.
    pub noise: f64,
    /// By which share throughput is lower.
    pub throughput_loss: f64,
    /// By which share the p99 is higher.
    pub p99_growth: f64,
    /// By which share the second run of a pair is slower, in every figure.
    pub place: f64,
}

impl Truth {
    /// The log ratio of head over base.
    fn change(&self, quantity: Quantity) -> f64 {
        match quantity {
            Quantity::Throughput => (1.0 - self.throughput_loss).ln(),
            Quantity::Response(Percentile::P99) => self.p99_growth.ln_1p(),
            _ => 0.0,
        }
    }

    /// Pairs in shuffled and balanced order. Figures are independent: that is the worst case for a family.
    fn pairs(&self, count: usize, rng: &mut SplitMix64) -> Vec<FigureEvidence> {
        let law = Normal::new(0.0, self.noise).expect("finite");
        let mut orders: Vec<bool> = (0..count).map(|at| at % 2 == 0).collect();
        orders.shuffle(rng);
        let mut figure = |quantity: Quantity| {
            let place = if quantity.is_better_higher() { (1.0 - self.place).ln() } else { self.place.ln_1p() };
            let mut pair = |base_first: &bool| {
                let place = if *base_first { place } else { -place };
                let log = self.change(quantity) + place + law.sample(rng);
                PairedValues { base: 1_000.0, head: 1_000.0 * log.exp(), base_first: *base_first }
            };
            let sample = Sample::Pairs(orders.iter().map(&mut pair).collect());
            FigureEvidence { quantity, margin: quantity.default_margin(), sample }
        };
        FIGURES.into_iter().map(&mut figure).collect()
    }

    /// Two samples of so many runs. A run has its share of the noise of a pair.
    fn samples(&self, runs: usize, rng: &mut SplitMix64) -> Vec<FigureEvidence> {
        let law = Normal::new(0.0, self.noise / std::f64::consts::SQRT_2).expect("finite");
        let mut figure = |quantity: Quantity| {
            let mut side = |middle: f64| -> Vec<f64> { (0..runs).map(|_| (middle + law.sample(rng)).exp()).collect() };
            let (base, head) = (side(7.0), side(7.0 + self.change(quantity)));
            FigureEvidence { quantity, margin: quantity.default_margin(), sample: Sample::Apart { base, head } }
        };
        FIGURES.into_iter().map(&mut figure).collect()
    }
}

/// What became of a gate.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedGate {
    /// Its verdict over the four figures.
    pub verdict: GateVerdict,
    /// The pairs that it measured, those of the confirmation included.
    pub pairs: usize,
    /// The smallest loss of throughput that it says it would have found.
    pub would_see: Option<f64>,
}

/// A gate that measures: the planned looks, and fresh pairs for what a look flags.
pub fn live(truth: &Truth, rng: &mut SplitMix64) -> SimulatedGate {
    let known: Vec<(Quantity, f64, f64)> =
        FIGURES.iter().filter_map(|figure| Some((*figure, figure.default_margin()?, truth.noise))).collect();
    let looks = plan(FIGURES.len(), &known, None);
    let mut figures = truth.pairs(looks[0].pairs, rng);
    for (at, look) in looks.iter().enumerate() {
        let have = figures[0].sample.count();
        extend(&mut figures, truth.pairs(look.pairs - have, rng));
        let mut decisions = decide_before(&figures, look.alpha, Some(confirmation(1)));
        let would_see = decisions[0].as_ref().and_then(|decision| decision.smallest_detectable);
        let mut pairs = look.pairs;
        match next_step(&decisions, at + 1 == looks.len()) {
            NextStep::Measure => continue,
            NextStep::Confirm => {
                let again = confirmation(decisions.iter().filter(|one| is_flagged(one)).count()).pairs;
                let fresh: Vec<Option<FigureEvidence>> = truth.pairs(again, rng).into_iter().map(Some).collect();
                confirm(&mut decisions, &fresh);
                pairs += again;
            }
            NextStep::Stop => {}
        }
        let verdicts = decisions.iter().flatten().filter_map(|decision| decision.verdict);
        return SimulatedGate { verdict: GateVerdict::of_all(verdicts), pairs, would_see };
    }
    unreachable!("the last look stops or confirms")
}

fn extend(figures: &mut [FigureEvidence], more: Vec<FigureEvidence>) {
    for (figure, more) in figures.iter_mut().zip(more) {
        if let (Sample::Pairs(pairs), Sample::Pairs(more)) = (&mut figure.sample, more.sample) {
            pairs.extend(more);
        }
    }
}

/// A gate on stored runs of two sessions.
pub fn stored(truth: &Truth, runs: usize, rng: &mut SplitMix64) -> SimulatedGate {
    judged(&truth.samples(runs, rng), runs)
}

fn judged(figures: &[FigureEvidence], pairs: usize) -> SimulatedGate {
    let decisions = decide(figures, ALPHA_OF_STORED);
    let verdicts = decisions.iter().flatten().filter_map(|decision| decision.verdict);
    SimulatedGate { verdict: GateVerdict::of_all(verdicts), pairs, would_see: None }
}

/// The verdicts on ten pairs, and on the same pairs when one of their heads was three times as slow.
pub fn contaminated(truth: &Truth, rng: &mut SplitMix64) -> [GateVerdict; 2] {
    let mut figures = truth.pairs(10, rng);
    let alpha = plan(FIGURES.len(), &[], None)[0].alpha;
    let verdict = |figures: &[FigureEvidence]| {
        let decisions = decide(figures, alpha);
        GateVerdict::of_all(decisions.iter().flatten().filter_map(|decision| decision.verdict))
    };
    let before = verdict(&figures);
    for figure in &mut figures {
        let factor = if figure.quantity.is_better_higher() { 1.0 / 3.0 } else { 3.0 };
        if let Sample::Pairs(pairs) = &mut figure.sample {
            pairs[0].head *= factor;
        }
    }
    [before, verdict(&figures)]
}

/// The smallest loss of throughput that gates say they would find, on average, where nothing changed.
pub fn would_see(truth: &Truth, gates: usize, rng: &mut SplitMix64) -> f64 {
    let seen: Vec<f64> = (0..gates).filter_map(|_| live(truth, rng).would_see).collect();
    seen.iter().sum::<f64>() / seen.len() as f64
}

/// How many of the four intervals hold the truth, of pairs and of two samples.
pub fn held(truth: &Truth, count: usize, rng: &mut SplitMix64) -> [usize; 2] {
    let holding = |figures: Vec<FigureEvidence>| {
        let decisions = decide(&figures, 0.02);
        let holds = |(figure, decision): (&FigureEvidence, &Option<storebench::gate::Decision>)| {
            let interval = decision.as_ref().and_then(|decision| decision.interval);
            interval.is_some_and(|[low, high]| (low..=high).contains(&truth.change(figure.quantity).exp()))
        };
        figures.iter().zip(&decisions).filter(|one| holds(*one)).count()
    };
    [holding(truth.pairs(count, rng)), holding(truth.samples(count, rng))]
}

/// How many of `gates` have this verdict, and their pairs on average.
pub fn counted(gates: usize, verdict: GateVerdict, mut gate: impl FnMut() -> SimulatedGate) -> (usize, f64) {
    let all: Vec<SimulatedGate> = (0..gates).map(|_| gate()).collect();
    let count = all.iter().filter(|one| one.verdict == verdict).count();
    (count, all.iter().map(|one| one.pairs as f64).sum::<f64>() / gates as f64)
}
