//! The search for the highest rate within the limits: probe, ramp, bracket, bisect, confirm.
//!
//! The answer is an interval: the highest rate that was confirmed to be within, and the lowest that was confirmed to be
//! beyond. Short windows only find the way; what is confirmed was measured long enough to be sure, and a rate that turns
//! out otherwise moves the search up or down.

use std::time::Duration;

use super::clock::SearchClock;
use super::level::{LevelAsk, LevelFound, MeasuredLevel};
use super::plan::{SearchPlan, SearchStage};
use super::verdict::{self, Breach, LevelVerdict};

/// From one rate of the ramp to the next.
const RAMP_STEP: f64 = 1.6;
/// Where the ramp is expected to end, as a share of what a closed loop completes: beyond what any store carries.
const RAMP_END: f64 = 1.7;
/// So many levels to there, as far as there is time: 7 begin at a tenth of the closed loop.
const RAMP_LEVELS: (u32, u32) = (3, 7);
/// The share of the time left that these may take.
const RAMP_SHARE: f64 = 0.4;
/// Chance leaves the arrivals of two seconds at 100/s within 80 % of their number in 98 of 100 windows.
const SATURATED_SHARE: f64 = 0.8;
/// A ramp that is never overloaded ends.
const MOST_RAMP_LEVELS: usize = 10;
/// The share of the budget that is kept for confirming: two ends, and one that has to move.
const CONFIRM_SHARE: f64 = 0.55;
/// So many windows at one rate, put together, decide or leave it open.
const MOST_WINDOWS: usize = 4;
/// With fewer windows than these, overloads that take longer included, an end that has to move may be the last.
const FEW_WINDOWS: u32 = 3;
/// Below a rate that was not carried by this much, another is likely to be.
const SURE_STEP: f64 = 1.1;
/// Levels this near the bracket tell where the limit is crossed; farther away, the curve is none of a queue near its limit.
const NEAR: f64 = 1.25;
/// How often the search for any rate within goes further down.
const MOST_DOWN: usize = 4;

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
    /// Whether both rates could not be confirmed near each other: the time ended, or windows of this length cannot tell.
    pub ran_out: bool,
}

impl End {
    fn at(per_s: f64) -> End {
        End { per_s: rounded(per_s), confirmed: false }
    }
}

/// Searches the highest rate within the limits by what `measure` finds at each level.
///
/// # Errors
/// What `measure` fails with; levels that were measured before are lost unless it keeps them.
pub fn search<E>(
    plan: &SearchPlan,
    measure: &mut dyn FnMut(&LevelAsk) -> Result<LevelFound, E>,
) -> Result<SearchResult, E> {
    let mut search =
        SearchRun { plan, measure, levels: Vec::new(), clock: SearchClock::new(plan.budget), ran_out: false };
    let Some(probe) = search.level(SearchStage::Probe, None)? else { return Ok(search.result(Bracket::default())) };
    if probe.completed_per_s <= 0.0 {
        return Ok(search.result(Bracket::default()));
    }
    let mut bracket = search.ramp(probe.completed_per_s)?;
    search.bisect(&mut bracket)?;
    search.aim(&mut bracket);
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

/// To four digits: more would say nothing, and tables and charts read better.
fn rounded(per_s: f64) -> f64 {
    // Through the decimal text: multiplying by a power of ten gives 672.9000000000001.
    format!("{per_s:.3e}").parse().unwrap_or(per_s)
}

/// The rate at which the headroom is 1, by the line through these rates, headrooms and weights. In a queue, the waiting time's
/// percentiles are reciprocal to the capacity that is left (Erlang C: ln(waiting share / share above) / (capacity - rate)), so
/// that the limit over them falls in a line.
fn crossing(near: &[(f64, f64, f64)]) -> Option<f64> {
    let whole: f64 = near.iter().map(|(_, _, weight)| weight).sum();
    let mean =
        |of: &dyn Fn(f64, f64) -> f64| near.iter().map(|(x, y, weight)| weight * of(*x, *y)).sum::<f64>() / whole;
    let (x, y) = (mean(&|x, _| x), mean(&|_, y| y));
    let (across, along) = (mean(&|at, of| (at - x) * (of - y)), mean(&|at, _| (at - x).powi(2)));
    let per_s = x + (1.0 - y) * along / across;
    (near.len() > 2 && across < 0.0 && per_s.is_finite()).then_some(per_s)
}

/// Whether a level shows what the store carries at most: it was overloaded, or took so long for the rest that it completed much
/// less than was offered. A window of a few seconds is too short for a trend of its backlog.
fn is_saturated(found: &LevelFound, rate_per_s: f64) -> bool {
    found.verdict() == LevelVerdict::Beyond(Breach::Overload) || found.completed_per_s < SATURATED_SHARE * rate_per_s
}

struct SearchRun<'a, E> {
    plan: &'a SearchPlan,
    measure: &'a mut dyn FnMut(&LevelAsk) -> Result<LevelFound, E>,
    levels: Vec<MeasuredLevel>,
    clock: SearchClock,
    ran_out: bool,
}

impl<E> SearchRun<'_, E> {
    /// Measures a level, if there is time for it; once more if it says nothing about the store, which a moment of the machine
    /// may be to blame for.
    fn level(&mut self, stage: SearchStage, rate_per_s: Option<f64>) -> Result<Option<LevelFound>, E> {
        match self.attempt(stage, rate_per_s)? {
            Some(found) if found.verdict().is_unusable() && stage != SearchStage::Probe => {
                Ok(self.attempt(stage, rate_per_s)?.or(Some(found)))
            }
            found => Ok(found),
        }
    }

    fn attempt(&mut self, stage: SearchStage, rate_per_s: Option<f64>) -> Result<Option<LevelFound>, E> {
        let window = self.window(stage, rate_per_s);
        if self.clock.expected(window, rate_per_s) > self.clock.left() {
            self.ran_out = true;
            return Ok(None);
        }
        let ask = LevelAsk { stage, rate_per_s, clients: None, window };
        let found = (self.measure)(&ask)?;
        self.clock.add(window, rate_per_s, found.spent, found.completed_per_s);
        self.levels.push(MeasuredLevel { ask, found: found.clone() });
        Ok(Some(found))
    }

    fn window(&self, stage: SearchStage, rate_per_s: Option<f64>) -> Duration {
        let window = self.plan.window(stage, rate_per_s.unwrap_or(f64::INFINITY));
        if stage != SearchStage::Confirm {
            return window;
        }
        // Short windows that are put together where they must decide sooner, on average, than one that is long enough for all
        // cases; the other end and one that moves need theirs, too.
        let left = self.clock.left().div_f64(4.0).saturating_sub(self.clock.overhead());
        Duration::from_secs(window.min(left).as_secs())
            .max(self.plan.shortest_confirming(rate_per_s.unwrap_or(f64::INFINITY)))
    }

    /// Whether a level leaves time to confirm both ends at least shortly.
    fn leaves_time_to_confirm(&self, stage: SearchStage, per_s: f64) -> bool {
        let confirm = 2 * (self.plan.shortest_confirming(per_s) + self.clock.overhead());
        self.clock.expected(self.plan.window(stage, per_s), Some(per_s)) + confirm <= self.clock.left()
    }

    /// Time for a level of the bisection that leaves enough to confirm both ends, which may have to move.
    fn can_bisect(&self, per_s: f64) -> bool {
        let bisect = self.clock.expected(self.plan.window(SearchStage::Bisect, per_s), Some(per_s));
        let confirm = self.plan.budget.mul_f64(CONFIRM_SHARE);
        bisect + confirm <= self.clock.left() && self.leaves_time_to_confirm(SearchStage::Bisect, per_s)
    }

    /// Rising rates until the store is overloaded, beyond a limit that breaks earlier: the curve and the capacity are part of
    /// the answer. Where even the first rate is beyond, falling ones.
    fn ramp(&mut self, closed_per_s: f64) -> Result<Bracket, E> {
        let mut rates: Vec<(f64, bool)> = Vec::new();
        let mut unusable = 0;
        let each = self.plan.window(SearchStage::Ramp, closed_per_s) + self.clock.overhead();
        let left = self.clock.left();
        // Both ends are confirmed by a window each, and each may have to move once.
        let confirming = 4 * (self.plan.shortest_confirming(closed_per_s / 2.0) + self.clock.overhead());
        let left = left.mul_f64(RAMP_SHARE).min(left.saturating_sub(confirming));
        let levels = ((left.as_secs_f64() / each.as_secs_f64()) as u32).clamp(RAMP_LEVELS.0, RAMP_LEVELS.1);
        let start_per_s = RAMP_END * closed_per_s / RAMP_STEP.powi(levels as i32 - 1);
        let mut rate_per_s = rounded(start_per_s);
        for _ in 0..MOST_RAMP_LEVELS {
            if !rates.is_empty() && !self.leaves_time_to_confirm(SearchStage::Ramp, rate_per_s) {
                break;
            }
            let Some(found) = self.level(SearchStage::Ramp, Some(rate_per_s))? else { break };
            // What says nothing about the store does not bound it either; where the client is the limit, it goes on.
            unusable = if found.verdict().is_unusable() { unusable + 1 } else { 0 };
            if unusable == 0 {
                rates.push((rate_per_s, found.verdict().leans_within() && !is_saturated(&found, rate_per_s)));
            }
            let has_failed = found.verdict() == LevelVerdict::Beyond(Breach::Errors);
            if unusable == 2 || has_failed || (unusable == 0 && is_saturated(&found, rate_per_s)) {
                break;
            }
            rate_per_s = rounded(RAMP_STEP * rate_per_s);
        }
        let mut down = start_per_s;
        for _ in 0..MOST_DOWN {
            if rates.iter().any(|(_, is_within)| *is_within) {
                break;
            }
            down = rounded(down / (RAMP_STEP * RAMP_STEP));
            if !self.leaves_time_to_confirm(SearchStage::Ramp, down) {
                break;
            }
            let Some(found) = self.level(SearchStage::Ramp, Some(down))? else { break };
            rates.push((down, found.verdict().leans_within()));
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
            if high.per_s / low.per_s <= 1.0 + 2.0 * self.plan.resolution || !self.can_bisect(middle) {
                break;
            }
            let Some(found) = self.level(SearchStage::Bisect, Some(middle))? else { break };
            let end = Some(End { per_s: middle, confirmed: false });
            if found.verdict().leans_within() { bracket.low = end } else { bracket.high = end }
        }
        Ok(())
    }

    /// Puts both ends as near as they can be told apart around where the limit is crossed, by all levels near it: a single
    /// short one may have led the bisection to the wrong side.
    fn aim(&self, bracket: &mut Bracket) {
        let (Some(low), Some(high)) = (bracket.low, bracket.high) else { return };
        let (least, most) = (low.per_s / NEAR, high.per_s * NEAR);
        let near = self.levels.iter().filter_map(|level| {
            let per_s = level.ask.rate_per_s.filter(|per_s| (least..=most).contains(per_s))?;
            let headroom = level.found.headroom.filter(|_| !level.found.verdict().is_unusable())?;
            Some((per_s, headroom, level.ask.window.as_secs_f64()))
        });
        let crossing = crossing(&near.collect::<Vec<_>>())
            .or_else(|| self.completed_at_most())
            .map(|per_s| per_s.clamp(least, most));
        // Without a line, ends that are far apart stay where they are: their middle is a guess.
        let is_narrow = high.per_s / low.per_s <= 1.0 + 4.0 * self.plan.resolution;
        let Some(centre) = crossing.or(is_narrow.then_some((low.per_s * high.per_s).sqrt())) else { return };
        bracket.low = Some(End::at(centre / (1.0 + self.plan.resolution)));
        bracket.high = Some(End::at(centre * (1.0 + self.plan.resolution)));
    }

    /// Without a limit the answer is what the store completes when it is offered more: the mean over all such levels, each
    /// as long as it was measured.
    fn completed_at_most(&self) -> Option<f64> {
        let all = self.levels.iter().filter(|level| {
            let is_saturated = |per_s| is_saturated(&level.found, per_s);
            level.found.evidence.is_empty() && level.ask.rate_per_s.is_some_and(is_saturated)
        });
        let (operations, seconds) = all.fold((0.0, 0.0), |(operations, seconds), level| {
            let window_s = level.ask.window.as_secs_f64();
            (operations + level.found.completed_per_s * window_s, seconds + window_s)
        });
        (seconds > 0.0).then(|| operations / seconds)
    }

    /// Measures both ends until each is what it is said to be, and whatever lies between them if they had to move apart. An end
    /// that one window leaves open is measured again, and judged by all its windows together.
    fn confirm(&mut self, bracket: &mut Bracket) -> Result<(), E> {
        let mut moves = [0; 2];
        // Which end comes first is drawn: of two that are always measured in one order, a drift would favour one.
        let mut low_first = self.plan.seed.count_ones().is_multiple_of(2);
        if let Some(low) = bracket.low.filter(|low| self.has_time_for(low.per_s) < FEW_WINDOWS) {
            // There is no time to move an end: one that is likely to be carried, and first. A low rate is an answer, and none
            // is none.
            bracket.low = self.carried_below(low.per_s).or(bracket.low);
            low_first = true;
        }
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
            if self.level(SearchStage::Confirm, Some(end.per_s))?.is_none() {
                return Ok(());
            }
            let confirmed = Some(End { confirmed: true, ..end });
            // The end may be just beside: a small step first, then ever larger ones.
            let step = 1.0 + self.plan.resolution / 2.0 * f64::from(1_u32 << moves[usize::from(is_low)].min(5));
            let mut down = Some(End::at(end.per_s / step));
            // The last attempt, too.
            let is_last = self.has_time_for(end.per_s) < 2;
            if is_last {
                down = self.carried_below(end.per_s).or(down);
            }
            let up = Some(End::at(end.per_s * step));
            let (verdict, windows) = self.verdict_at(end.per_s);
            match verdict {
                LevelVerdict::Beyond(Breach::Unusable(_)) if is_low && !is_between => bracket.low = down,
                LevelVerdict::Beyond(Breach::Unusable(_)) => return Ok(()),
                LevelVerdict::Within => {
                    bracket.low = confirmed;
                    if bracket.high.is_some_and(|high| high.per_s > end.per_s) {
                        continue;
                    }
                    bracket.high = up;
                }
                LevelVerdict::Beyond(_) => {
                    bracket.high = confirmed;
                    if bracket.low.is_none_or(|low| low.per_s < end.per_s) {
                        continue;
                    }
                    bracket.low = down;
                }
                LevelVerdict::Undecided { .. } if is_between => return Ok(()),
                LevelVerdict::Undecided { leans_within, .. }
                    if leans_within == is_low && windows < MOST_WINDOWS && !(is_low && is_last) =>
                {
                    continue;
                }
                // The limit lies within what can be told apart here: the answer's ends move away from it.
                LevelVerdict::Undecided { .. } if is_low => bracket.low = down,
                LevelVerdict::Undecided { .. } => bracket.high = up,
            }
            moves[usize::from(is_low)] += 1;
        }
    }

    /// How many of the shortest windows that decide there is time for.
    fn has_time_for(&self, per_s: f64) -> u32 {
        let each = self.plan.shortest_confirming(per_s) + self.clock.overhead();
        (self.clock.left().as_secs_f64() / each.as_secs_f64()) as u32
    }

    /// The highest rate well below this one that a window found to be within.
    fn carried_below(&self, per_s: f64) -> Option<End> {
        let within = self.levels.iter().filter(|level| level.found.verdict().leans_within());
        let below = within.filter_map(|level| level.ask.rate_per_s).filter(|rate| *rate < per_s / SURE_STEP);
        below.reduce(f64::max).map(|per_s| End { per_s, confirmed: false })
    }

    /// What all windows at a rate that are long enough to decide say together, and how many they are.
    fn verdict_at(&self, per_s: f64) -> (LevelVerdict, usize) {
        let shortest = self.plan.shortest_confirming(per_s);
        let is_long = |level: &&MeasuredLevel| level.ask.window >= shortest;
        let at: Vec<&LevelFound> = self
            .levels
            .iter()
            .filter(|level| level.ask.rate_per_s == Some(per_s))
            .filter(is_long)
            .map(|level| &level.found)
            .collect();
        let usable: Vec<&&LevelFound> = at.iter().filter(|found| !found.verdict().is_unusable()).collect();
        if let Some(broke) = usable.iter().find_map(|found| found.broke.clone()) {
            return (LevelVerdict::Beyond(broke), at.len());
        }
        let together = usable
            .iter()
            .map(|found| found.evidence.clone())
            .reduce(|all, more| all.into_iter().zip(more).map(|(one, other)| one.and(other)).collect());
        let alone = || {
            at.last()
                .map_or(LevelVerdict::Undecided { leans_within: false, by: Breach::Limit(0) }, |last| last.verdict())
        };
        (together.map_or_else(alone, |evidence| verdict::judge(&evidence)), at.len())
    }

    /// Whether both ends are confirmed, and as near each other as the plan wants.
    fn is_near(&self, bracket: &Bracket) -> bool {
        let is_confirmed = |end: Option<End>| end.is_some_and(|end| end.confirmed);
        is_confirmed(bracket.low) && is_confirmed(bracket.high) && self.between(bracket).is_none()
    }

    /// A rate between two confirmed ends that are still far apart.
    fn between(&self, bracket: &Bracket) -> Option<f64> {
        let (low, high) = (bracket.low?, bracket.high?);
        // Ends lie two steps apart, and three if one had to move.
        let is_far = high.per_s / low.per_s > 1.0 + 3.5 * self.plan.resolution;
        is_far.then(|| rounded((low.per_s * high.per_s).sqrt()))
    }

    fn result(&self, bracket: Bracket) -> SearchResult {
        let confirmed = |end: Option<End>| end.filter(|end| end.confirmed).map(|end| end.per_s);
        let offered = || self.levels.iter().filter(|level| level.ask.rate_per_s.is_some());
        // Where the time ran out before an end was confirmed, the nearest that was decided on the way to it.
        let decided = |is_within: bool| -> Vec<f64> {
            let long = offered().filter(|level| level.ask.stage != SearchStage::Ramp);
            let rates = long.filter_map(|level| level.ask.rate_per_s);
            let is_decided = |per_s: &f64| match self.verdict_at(*per_s).0 {
                LevelVerdict::Within => is_within,
                LevelVerdict::Undecided { .. } | LevelVerdict::Beyond(Breach::Unusable(_)) => false,
                LevelVerdict::Beyond(_) => !is_within,
            };
            rates.filter(is_decided).collect()
        };
        let is_below = |per_s: f64, high: Option<f64>| high.is_none_or(|high| per_s < high);
        let high_per_s = confirmed(bracket.high);
        let low_per_s = confirmed(bracket.low)
            .or_else(|| decided(true).into_iter().filter(|per_s| is_below(*per_s, high_per_s)).reduce(f64::max));
        let high_per_s = high_per_s.or_else(|| {
            decided(false).into_iter().filter(|per_s| low_per_s.is_none_or(|low| *per_s > low)).reduce(f64::min)
        });
        // Where no rate beyond was confirmed, what kept the search from it.
        let at_high = offered().rev().find(|level| match high_per_s {
            Some(_) => level.ask.rate_per_s == high_per_s,
            None => level.found.verdict().is_unusable(),
        });
        let usable = || offered().filter(|level| !level.found.verdict().is_unusable());
        SearchResult {
            low_per_s,
            high_per_s,
            broke_first: at_high.and_then(|level| match high_per_s {
                Some(per_s) => self.verdict_at(per_s).0.breach().cloned(),
                None => level.found.verdict().breach().cloned(),
            }),
            capacity_per_s: usable().map(|level| level.found.completed_per_s).reduce(f64::max),
            saturated: usable()
                .any(|level| level.ask.rate_per_s.is_some_and(|per_s| is_saturated(&level.found, per_s))),
            ran_out: self.ran_out || !self.is_near(&bracket),
            levels: self.levels.clone(),
        }
    }
}
