//! The search held to queues whose answer is known: M/M/c in virtual time, with stalls and with noise between levels.

use std::convert::Infallible;
use std::time::Duration;

use hdrhistogram::Histogram;
use rand::SeedableRng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_xoshiro::SplitMix64;

use super::*;
use crate::measure::histogram;
use crate::percentile::{Limit, Percentile, Statistic};
use crate::record::{Latency, OperationRecord};
use crate::stats;

/// Servers that take exponential times, in a room that stalls now and then.
#[derive(Debug, Clone, Copy)]
struct Queue {
    servers: usize,
    service_s: f64,
    /// A stall comes every so often on average, and lasts so long.
    stalls: Option<(f64, f64)>,
    /// Deviation of a level's speed from the next level's, as a share.
    noise: f64,
}

/// What a window of such a queue shows.
struct Window {
    response: Latency,
    completed_per_s: f64,
    /// How late an arrival in the middle of each second was served.
    lags_s: Vec<f64>,
    /// How long the last one took beyond the end.
    drain_s: f64,
}

impl Window {
    /// As an open loop is judged (evidence/overload.rs): a backlog that grows, and is long in the end.
    fn is_overloaded(&self, service_s: f64) -> bool {
        let lags: Vec<(f64, f64)> = self.lags_s.iter().enumerate().map(|(second, lag)| (second as f64, *lag)).collect();
        let is_long = self.lags_s.last().is_some_and(|last| *last > (10.0 * service_s).max(0.005));
        is_long && stats::is_growing(&lags).is_some_and(|grows| grows)
    }
}

impl Queue {
    const PLAIN: Queue = Queue { servers: 4, service_s: 0.001, stalls: None, noise: 0.0 };

    /// What it completes when there is always something to do.
    fn capacity_per_s(&self) -> f64 {
        let up = self.stalls.map_or(1.0, |(every_s, for_s)| every_s / (every_s + for_s));
        up * self.servers as f64 / self.service_s
    }

    /// Serves arrivals of this rate, first come first served, after a second that is not counted.
    fn serve(&self, rate_per_s: f64, window_s: f64, rng: &mut SplitMix64) -> Window {
        const WARMUP_S: f64 = 1.0;
        let normal: f64 = StandardNormal.sample(rng);
        let service_s = self.service_s * (1.0 + self.noise * normal).max(0.5);
        let mut free_at = vec![0.0_f64; self.servers];
        let mut seconds: Vec<Histogram<u64>> = (0..window_s as usize).map(|_| histogram::new()).collect();
        let mut next_stall_s = self.stalls.map_or(f64::INFINITY, |(every_s, _)| every_s * exponential(rng));
        let mut lags_s: Vec<Vec<f64>> = vec![Vec::new(); window_s as usize];
        let (mut at_s, mut last_s) = (0.0, WARMUP_S + window_s);
        let mut served = 0_u64;
        loop {
            at_s += exponential(rng) / rate_per_s;
            if at_s > WARMUP_S + window_s {
                break;
            }
            if at_s > WARMUP_S && served == 0 {
                // What the warm-up has left undone is dropped, but for what is being served.
                free_at.iter_mut().for_each(|free| *free = free.min(WARMUP_S + service_s));
            }
            let server = (0..self.servers).min_by(|a, b| free_at[*a].total_cmp(&free_at[*b])).expect("a server");
            let start_s = at_s.max(free_at[server]);
            let mut done_s = start_s + service_s * exponential(rng);
            while let Some((every_s, for_s)) = self.stalls.filter(|_| next_stall_s < done_s) {
                // Everything in service or waiting stands still.
                free_at.iter_mut().for_each(|free| *free = if *free > next_stall_s { *free + for_s } else { *free });
                done_s = if start_s > next_stall_s { done_s } else { done_s + for_s };
                done_s = done_s.max(next_stall_s + for_s);
                next_stall_s += for_s + every_s * exponential(rng);
            }
            free_at[server] = done_s;
            if at_s > WARMUP_S {
                let second = ((at_s - WARMUP_S) as usize).min(seconds.len() - 1);
                seconds[second].record(((done_s - at_s) * 1e9) as u64).expect("it grows");
                lags_s[second].push(start_s - at_s);
                served += 1;
                last_s = done_s.max(last_s);
            }
        }
        Window {
            response: latency(&seconds),
            completed_per_s: served as f64 / (last_s - WARMUP_S),
            drain_s: last_s - WARMUP_S - window_s,
            lags_s: lags_s.iter().map(|lags| lags.get(lags.len() / 2).copied().unwrap_or_default()).collect(),
        }
    }

    /// The probability that a response takes longer than this, in the long run (Erlang C).
    fn share_above(&self, rate_per_s: f64, time_s: f64) -> f64 {
        let (servers, mu) = (self.servers as f64, 1.0 / self.service_s);
        let load = rate_per_s / mu;
        let mut blocking = 1.0;
        for busy in 1..=self.servers {
            blocking = load * blocking / (busy as f64 + load * blocking);
        }
        let waits = blocking / (1.0 - load / servers * (1.0 - blocking));
        let drain = servers * mu - rate_per_s;
        let both = (drain * (-mu * time_s).exp() - mu * (-drain * time_s).exp()) / (drain - mu);
        (1.0 - waits) * (-mu * time_s).exp() + waits * both
    }

    /// The rate at which so much of the responses takes longer than this.
    fn rate_at(&self, share: f64, time_s: f64) -> f64 {
        let (mut low, mut high) = (1e-6, self.capacity_per_s() * (1.0 - 1e-6));
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if self.share_above(middle, time_s) > share { high = middle } else { low = middle }
        }
        low
    }

    /// The same where there is no formula, by three million arrivals at each rate.
    fn simulated_rate_at(&self, percentile: Percentile, time_s: f64) -> f64 {
        let (mut low, mut high) = (0.1 * self.capacity_per_s(), self.capacity_per_s());
        for seed in 0..10 {
            let middle = (low + high) / 2.0;
            let window = self.serve(middle, 3_000_000.0 / middle, &mut SplitMix64::seed_from_u64(seed));
            let is_beyond = window.response.percentile_ns(percentile).is_none_or(|ns| ns as f64 > time_s * 1e9);
            if is_beyond { high = middle } else { low = middle }
        }
        (low + high) / 2.0
    }

    fn search(&self, limits: &[SweepLimit], budget_s: u64, seed: u64) -> SearchResult {
        let plan = SearchPlan::new(Duration::from_secs(budget_s), limits, seed);
        let mut rng = SplitMix64::seed_from_u64(seed);
        let mut spent = Duration::ZERO;
        let found = search(&plan, &mut |ask| {
            let window_s = ask.window.as_secs_f64();
            // A closed loop keeps all servers busy.
            let rate_per_s = ask.rate_per_s.unwrap_or(2.0 * self.capacity_per_s());
            let window = self.serve(rate_per_s, window_s, &mut rng);
            let is_overloaded = window.is_overloaded(self.service_s);
            let record =
                OperationRecord { ok: window.response.count, response_ns: window.response, ..Default::default() };
            let headroom = limits.iter().filter_map(|limit| limit.bound.headroom(&record)).reduce(f64::min);
            // Clients of a closed loop leave nothing to drain.
            let drain_s = if ask.rate_per_s.is_some() { window.drain_s } else { 0.0 };
            let level = ask.window + Duration::from_secs_f64(1.5 + drain_s);
            spent += level;
            Ok::<_, Infallible>(LevelFound {
                completed_per_s: window.completed_per_s,
                spent: level,
                headroom: headroom.filter(|_| !is_overloaded),
                broke: is_overloaded.then_some(Breach::Overload),
                evidence: limits.iter().map(|limit| limit.bound.evidence(&record)).collect(),
                shaped: None,
            })
        });
        // The drain of a rate that was never tried is not known beforehand.
        assert!(spent <= plan.budget.mul_f64(1.1), "{spent:?}");
        found.unwrap_or_else(|never| match never {})
    }
}

fn exponential(rng: &mut SplitMix64) -> f64 {
    Exp1.sample(rng)
}

/// As a run records it.
fn latency(seconds: &[Histogram<u64>]) -> Latency {
    let mut all = histogram::new();
    seconds.iter().for_each(|second| all.add(second).expect("it grows"));
    let ends = stats::percentile_intervals(seconds, Percentile::RECORDED.map(Percentile::quantile));
    let [p50, p90, p99, p999] = Percentile::RECORDED.map(|percentile| histogram::percentile_ns(&all, percentile));
    let intervals = Percentile::RECORDED.iter().zip(ends.into_iter().flatten());
    Latency {
        count: all.len(),
        mean: all.mean(),
        p50,
        p90,
        p99,
        p999,
        max: all.max(),
        intervals: intervals.map(|(percentile, end)| (percentile.name().to_owned(), end)).collect(),
        histogram: histogram::encode(&all).expect("it encodes"),
    }
}

fn limit(percentile: Percentile, time_s: f64) -> SweepLimit {
    let limit_ns = (time_s * 1e9) as u64;
    SweepLimit {
        operation: None,
        bound: SweepBound::Latency(Limit { statistic: Statistic::Percentile(percentile), limit_ns }),
    }
}

/// What a window of the plain queue shows.
pub fn window_of(seed: u64, rate_per_s: f64, window_s: f64) -> Latency {
    Queue::PLAIN.serve(rate_per_s, window_s, &mut SplitMix64::seed_from_u64(seed)).response
}

/// Searches of which each figure is asked how often it is right.
const SEARCHES: u64 = 100;
/// The default budget of `storebench sweep`.
const BUDGET_S: u64 = 300;
/// Seeds that no constant of the search was chosen by.
const FIRST_SEED: u64 = 7_000;

/// How many of the searches found what.
#[derive(Debug, Default)]
struct SearchTally {
    /// The highest confirmed rate lies within 5 % of the truth.
    rate: usize,
    /// The interval holds the truth.
    interval: usize,
    /// The capacity lies within 5 % of the truth.
    capacity: usize,
}

fn is_near(found: Option<f64>, truth: f64) -> bool {
    found.is_some_and(|found| (found / truth - 1.0).abs() <= 0.05)
}

fn found(queue: Queue, limits: &[SweepLimit], truth_per_s: f64, budget_s: u64) -> SearchTally {
    let mut found = SearchTally::default();
    for seed in FIRST_SEED..FIRST_SEED + SEARCHES {
        let search = queue.search(limits, budget_s, seed);
        found.rate += usize::from(is_near(search.low_per_s, truth_per_s));
        let holds = search.low_per_s.is_none_or(|low| low <= truth_per_s * 1.005)
            && search.high_per_s.is_none_or(|high| high >= truth_per_s * 0.995);
        found.interval += usize::from(holds);
        found.capacity += usize::from(is_near(search.capacity_per_s, queue.capacity_per_s()));
    }
    found
}

impl SearchTally {
    fn assert(&self) {
        assert!(self.rate >= 90 && self.interval >= 90 && self.capacity >= 90, "of {SEARCHES}: {self:?}");
    }
}

#[test]
fn the_simulated_queue_is_the_one_of_the_formula() {
    let queue = Queue::PLAIN;
    let window = queue.serve(3_200.0, 2_000.0, &mut SplitMix64::seed_from_u64(1));
    let p99_s = window.response.p99.expect("many") as f64 / 1e9;
    let share = queue.share_above(3_200.0, p99_s);
    assert!((share - 0.01).abs() < 0.0006, "{share} at {p99_s}");
    assert!((queue.rate_at(0.01, p99_s) / 3_200.0 - 1.0).abs() < 0.01);
}

#[test]
fn the_highest_rate_within_a_p99_and_the_capacity_are_found_within_five_percent() {
    let queue = Queue::PLAIN;
    found(queue, &[limit(Percentile::P99, 0.01)], queue.rate_at(0.01, 0.01), BUDGET_S).assert();
}

#[test]
fn so_they_are_for_a_p999_in_twice_the_time() {
    let queue = Queue::PLAIN;
    found(queue, &[limit(Percentile::P999, 0.015)], queue.rate_at(0.001, 0.015), 600).assert();
}

#[test]
fn of_several_limits_the_tightest_decides_and_is_named() {
    let queue = Queue { servers: 1, service_s: 0.000_25, ..Queue::PLAIN };
    let limits = [limit(Percentile::P50, 0.025), limit(Percentile::P99, 0.0075)];
    found(queue, &limits, queue.rate_at(0.01, 0.0075), BUDGET_S).assert();
    assert_eq!(queue.search(&limits, 300, 1).broke_first, Some(Breach::Limit(1)));
}

#[test]
fn stalls_lead_the_search_astray_for_a_level_and_not_for_its_answer() {
    // 10 ms every 5 s, and what has queued up meanwhile.
    let queue = Queue { stalls: Some((5.0, 0.01)), ..Queue::PLAIN };
    found(queue, &[limit(Percentile::P99, 0.012)], queue.simulated_rate_at(Percentile::P99, 0.012), BUDGET_S).assert();
}

#[test]
fn levels_that_differ_by_a_percent_of_their_own_do_not_hide_the_answer() {
    let queue = Queue { noise: 0.01, ..Queue::PLAIN };
    found(queue, &[limit(Percentile::P99, 0.01)], queue.rate_at(0.01, 0.01), BUDGET_S).assert();
}

#[test]
fn without_a_limit_the_highest_rate_is_the_one_that_is_carried() {
    found(Queue::PLAIN, &[], Queue::PLAIN.capacity_per_s(), BUDGET_S).assert();
}

#[test]
fn a_slow_store_gets_a_wider_interval_that_holds_the_truth() {
    // A tenth of the operations: less is known about each level.
    let queue = Queue { service_s: 0.01, ..Queue::PLAIN };
    let found = found(queue, &[limit(Percentile::P99, 0.1)], queue.rate_at(0.01, 0.1), BUDGET_S);
    assert!(found.interval >= 90 && found.capacity >= 90, "{found:?}");
}

#[test]
fn two_minutes_find_an_answer_above_six_tenths_of_the_truth() {
    let queue = Queue { servers: 16, service_s: 0.02, ..Queue::PLAIN };
    for (limits, truth, budget_s) in
        [(&[limit(Percentile::P99, 0.12)][..], queue.rate_at(0.01, 0.12), 120), (&[], queue.capacity_per_s(), 90)]
    {
        let is_near = |seed: &u64| {
            let low = queue.search(limits, budget_s, FIRST_SEED + seed).low_per_s;
            low.is_some_and(|low| (0.60..1.05).contains(&(low / truth)))
        };
        let near = (0..SEARCHES).filter(is_near).count();
        assert!(near >= 90, "{near} of {SEARCHES} in {budget_s} s");
    }
}

#[test]
fn a_limit_that_no_rate_keeps_has_no_answer_and_still_a_capacity() {
    // Half of the exponential service times alone take longer than 0.69 ms.
    let search = Queue::PLAIN.search(&[limit(Percentile::P50, 0.000_5)], 300, 5);
    assert_eq!(search.low_per_s, None);
    assert!(is_near(search.capacity_per_s, 4_000.0), "{search:?}");
}
