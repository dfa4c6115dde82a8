//! The search for the highest rate within the limits: probe, ramp, bracket, bisect, confirm.
//!
//! The answer is an interval: the highest rate that was confirmed to be within, and the lowest that was confirmed to be
//! beyond. Short windows only find the way; what is confirmed was measured long enough to be sure, and a rate that turns
//! out otherwise moves the search up or down.

use std::time::Duration;

use super::plan::{SearchPlan, Stage};
use super::verdict::{Breach, LevelVerdict};

/// Where the ramp begins, as a share of what a closed loop completes.
const RAMP_START: f64 = 0.1;
/// From one rate of the ramp to the next: 7 levels to 1.7 times the closed loop.
const RAMP_STEP: f64 = 1.6;
/// A ramp that is never overloaded ends.
const MOST_RAMP_LEVELS: usize = 10;
/// The share of the budget that is kept for confirming.
const CONFIRM_SHARE: f64 = 0.4;
/// How often the search for any rate within goes further down.
const MOST_DOWN: usize = 4;

/// One level that is to be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelAsk {
    /// What for.
    pub stage: Stage,
    /// The rate that is offered; none for a closed loop.
    pub rate_per_s: Option<f64>,
    /// For how long, after a warm-up.
    pub window: Duration,
}

/// What was found at a level.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelFound {
    /// Successes per second.
    pub completed_per_s: f64,
    /// What it took, warm-up, loading and drain included.
    pub spent: Duration,
    /// Whether it is within the limits.
    pub verdict: LevelVerdict,
}

/// A level and what was found at it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredLevel {
    /// What was to be measured.
    pub ask: LevelAsk,
    /// What came out of it.
    pub found: LevelFound,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchResult {
    /// All levels, in the order in which they were measured.
    pub levels: Vec<MeasuredLevel>,
    /// The highest rate that was confirmed to be within.
    pub low_per_s: Option<f64>,
    /// The lowest rate above it that was confirmed to be beyond.
    pub high_per_s: Option<f64>,
    /// What broke there first.
    pub broke_first: Option<Breach>,
    /// The largest completed rate of any level with an offered rate that says something about the store.
    pub capacity_per_s: Option<f64>,
    /// Whether a level was overloaded: else the capacity is at least what was completed.
    pub saturated: bool,
    /// Whether the budget ended the search before both rates were confirmed and near each other.
    pub ran_out: bool,
}

/// Searches the highest rate within the limits by what `measure` finds at each level.
///
/// # Errors
/// What `measure` fails with; levels that were measured before are lost unless it keeps them.
pub fn search<E>(
    plan: &SearchPlan,
    measure: &mut dyn FnMut(&LevelAsk) -> Result<LevelFound, E>,
) -> Result<SearchResult, E> {
    let mut search = SearchRun {
        plan,
        measure,
        levels: Vec::new(),
        spent: Duration::ZERO,
        overhead: Duration::ZERO,
        ran_out: false,
    };
    let Some(probe) = search.level(Stage::Probe, None)? else { return Ok(search.result(Bracket::default())) };
    if probe.completed_per_s <= 0.0 {
        return Ok(search.result(Bracket::default()));
    }
    let mut bracket = search.ramp(probe.completed_per_s)?;
    search.bisect(&mut bracket)?;
    search.confirm(&mut bracket)?;
    Ok(search.result(bracket))
}

/// The rates between which the answer lies.
#[derive(Debug, Clone, Copy, Default)]
struct Bracket {
    low: Option<End>,
    high: Option<End>,
}

/// A rate, and whether a long window confirmed what it is said to be.
#[derive(Debug, Clone, Copy)]
struct End {
    per_s: f64,
    confirmed: bool,
}

/// To four digits: nobody needs more, and tables and charts read better.
fn rounded(per_s: f64) -> f64 {
    let unit = 10_f64.powf(per_s.max(f64::MIN_POSITIVE).log10().floor() - 3.0);
    (per_s / unit).round() * unit
}

struct SearchRun<'a, E> {
    plan: &'a SearchPlan,
    measure: &'a mut dyn FnMut(&LevelAsk) -> Result<LevelFound, E>,
    levels: Vec<MeasuredLevel>,
    spent: Duration,
    /// The most that a level took beyond its window.
    overhead: Duration,
    ran_out: bool,
}

impl<E> SearchRun<'_, E> {
    /// Measures a level, if there is time for it; once more if it says nothing about the store, which a moment of the machine
    /// may be to blame for.
    fn level(&mut self, stage: Stage, rate_per_s: Option<f64>) -> Result<Option<LevelFound>, E> {
        match self.attempt(stage, rate_per_s)? {
            Some(found) if found.verdict.is_unusable() && stage != Stage::Probe => {
                Ok(self.attempt(stage, rate_per_s)?.or(Some(found)))
            }
            found => Ok(found),
        }
    }

    fn attempt(&mut self, stage: Stage, rate_per_s: Option<f64>) -> Result<Option<LevelFound>, E> {
        let window = self.plan.window(stage, rate_per_s.unwrap_or(f64::INFINITY));
        if self.spent + window + self.overhead > self.plan.budget {
            self.ran_out = true;
            return Ok(None);
        }
        let ask = LevelAsk { stage, rate_per_s, window };
        let found = (self.measure)(&ask)?;
        self.spent += found.spent;
        self.overhead = self.overhead.max(found.spent.saturating_sub(window));
        self.levels.push(MeasuredLevel { ask, found: found.clone() });
        Ok(Some(found))
    }

    /// Time for a level of the bisection that leaves enough to confirm both ends, which may have to move.
    fn can_bisect(&self, per_s: f64) -> bool {
        let [bisect, confirm] =
            [Stage::Bisect, Stage::Confirm].map(|stage| self.plan.window(stage, per_s) + self.overhead);
        self.spent + bisect + (2 * confirm).max(self.plan.budget.mul_f64(CONFIRM_SHARE)) <= self.plan.budget
    }

    /// Rising rates until the store is overloaded, beyond a limit that breaks earlier: the curve and the capacity are part of
    /// the answer. Where even the first rate is beyond, falling ones.
    fn ramp(&mut self, closed_per_s: f64) -> Result<Bracket, E> {
        let mut rates: Vec<(f64, bool)> = Vec::new();
        let mut unusable = 0;
        let mut rate_per_s = rounded(RAMP_START * closed_per_s);
        for _ in 0..MOST_RAMP_LEVELS {
            let Some(found) = self.level(Stage::Ramp, Some(rate_per_s))? else { break };
            // What says nothing about the store does not bound it either; where the client is the limit, it goes on.
            unusable = if found.verdict.is_unusable() { unusable + 1 } else { 0 };
            if unusable == 0 {
                rates.push((rate_per_s, found.verdict.leans_within()));
            }
            if unusable == 2 || matches!(found.verdict, LevelVerdict::Beyond(Breach::Overload | Breach::Errors)) {
                break;
            }
            rate_per_s = rounded(RAMP_STEP * rate_per_s);
        }
        let mut down = RAMP_START * closed_per_s;
        for _ in 0..MOST_DOWN {
            if rates.iter().any(|(_, is_within)| *is_within) {
                break;
            }
            down = rounded(down / (RAMP_STEP * RAMP_STEP));
            let Some(found) = self.level(Stage::Ramp, Some(down))? else { break };
            rates.push((down, found.verdict.leans_within()));
        }
        // A rate beyond below one within was bad luck, such as a stall of the machine: confirming will tell.
        let end = |per_s| End { per_s, confirmed: false };
        let within = rates.iter().filter(|(_, is_within)| *is_within).map(|(per_s, _)| *per_s).reduce(f64::max);
        let above = rates.iter().filter(|(per_s, _)| Some(*per_s) > within).map(|(per_s, _)| *per_s);
        Ok(Bracket { low: within.map(end), high: above.reduce(f64::min).map(end) })
    }

    fn bisect(&mut self, bracket: &mut Bracket) -> Result<(), E> {
        while let (Some(low), Some(high)) = (bracket.low, bracket.high) {
            let middle = rounded((low.per_s * high.per_s).sqrt());
            if high.per_s / low.per_s <= 1.0 + self.plan.resolution || !self.can_bisect(middle) {
                break;
            }
            let Some(found) = self.level(Stage::Bisect, Some(middle))? else { break };
            let end = Some(End { per_s: middle, confirmed: false });
            if found.verdict.leans_within() { bracket.low = end } else { bracket.high = end }
        }
        Ok(())
    }

    /// Measures both ends until each is what it is said to be, and whatever lies between them if they had to move apart.
    fn confirm(&mut self, bracket: &mut Bracket) -> Result<(), E> {
        let mut moves = [0; 2];
        // Which end comes first is drawn: of two that are always measured in one order, a drift would favour one.
        let mut low_first = self.plan.seed.count_ones().is_multiple_of(2);
        loop {
            let open_low = bracket.low.filter(|end| !end.confirmed);
            let open_high = bracket.high.filter(|end| !end.confirmed);
            let (end, is_low) = match (open_low, open_high) {
                (Some(low), None) => (low, true),
                (Some(low), Some(_)) if low_first => (low, true),
                (_, Some(high)) => (high, false),
                (None, None) => match self.between(bracket) {
                    Some(middle) => (End { per_s: middle, confirmed: false }, true),
                    None => return Ok(()),
                },
            };
            let is_between = open_low.is_none() && open_high.is_none();
            low_first = !low_first;
            let Some(found) = self.level(Stage::Confirm, Some(end.per_s))? else { return Ok(()) };
            let confirmed = Some(End { confirmed: true, ..end });
            let moved = |per_s: f64| Some(End { per_s: rounded(per_s), confirmed: false });
            // Two small steps, for the end may be just beside; then ever larger ones.
            let step =
                1.0 + self.plan.resolution * f64::from(1_u32 << (moves[usize::from(is_low)] - 1_i32).clamp(0, 4));
            match found.verdict {
                LevelVerdict::Beyond(Breach::Unusable(_)) if is_low && !is_between => {
                    bracket.low = moved(end.per_s / step);
                    moves[usize::from(is_low)] += 1;
                }
                LevelVerdict::Beyond(Breach::Unusable(_)) => return Ok(()),
                LevelVerdict::Within => {
                    bracket.low = confirmed;
                    if bracket.high.is_none_or(|high| high.per_s <= end.per_s) {
                        bracket.high = moved(end.per_s * step);
                        moves[usize::from(is_low)] += 1;
                    }
                }
                LevelVerdict::Beyond(_) => {
                    bracket.high = confirmed;
                    if bracket.low.is_some_and(|low| low.per_s >= end.per_s) {
                        bracket.low = moved(end.per_s / step);
                        moves[usize::from(is_low)] += 1;
                    }
                }
                // The limit lies within what can be told apart here: the answer's ends move away from it.
                LevelVerdict::Undecided { .. } => {
                    match (is_between, is_low) {
                        (true, _) => return Ok(()),
                        (false, true) => bracket.low = moved(end.per_s / step),
                        (false, false) => bracket.high = moved(end.per_s * step),
                    }
                    moves[usize::from(is_low)] += 1;
                }
            }
        }
    }

    /// A rate between two confirmed ends that are still far apart.
    fn between(&self, bracket: &Bracket) -> Option<f64> {
        let (low, high) = (bracket.low?, bracket.high?);
        // Ends that had to move once are two steps apart.
        let is_far = high.per_s / low.per_s > 1.0 + 2.0 * self.plan.resolution;
        is_far.then(|| rounded((low.per_s * high.per_s).sqrt()))
    }

    fn result(self, bracket: Bracket) -> SearchResult {
        let confirmed = |end: Option<End>| end.filter(|end| end.confirmed).map(|end| end.per_s);
        let offered = || self.levels.iter().filter(|level| level.ask.rate_per_s.is_some());
        // Where the time ran out before an end was confirmed, the nearest that was decided on the way to it.
        let decided = |is_within: bool| {
            let long = offered().filter(|level| level.ask.stage != Stage::Ramp);
            long.filter(move |level| match level.found.verdict {
                LevelVerdict::Within => is_within,
                LevelVerdict::Undecided { .. } | LevelVerdict::Beyond(Breach::Unusable(_)) => false,
                LevelVerdict::Beyond(_) => !is_within,
            })
            .filter_map(|level| level.ask.rate_per_s)
        };
        let is_below = |per_s: f64, high: Option<f64>| high.is_none_or(|high| per_s < high);
        let high_per_s = confirmed(bracket.high);
        let low_per_s = confirmed(bracket.low)
            .or_else(|| decided(true).filter(|per_s| is_below(*per_s, high_per_s)).reduce(f64::max));
        let high_per_s = high_per_s
            .or_else(|| decided(false).filter(|per_s| low_per_s.is_none_or(|low| *per_s > low)).reduce(f64::min));
        // Where no rate beyond was confirmed, what kept the search from it.
        let at_high = offered().rev().find(|level| match high_per_s {
            Some(_) => level.ask.rate_per_s == high_per_s,
            None => level.found.verdict.is_unusable(),
        });
        let usable = offered().filter(|level| !level.found.verdict.is_unusable());
        SearchResult {
            low_per_s,
            high_per_s,
            broke_first: at_high.and_then(|level| level.found.verdict.breach().cloned()),
            capacity_per_s: usable.map(|level| level.found.completed_per_s).reduce(f64::max),
            saturated: offered().any(|level| level.found.verdict == LevelVerdict::Beyond(Breach::Overload)),
            ran_out: self.ran_out,
            levels: self.levels,
        }
    }
}
