//! 95 % intervals from one run, by batch means: for a percentile and for a rate such as the throughput.
//!
//! The run is cut into few long blocks, and the spread between the blocks says how sure the whole is (Law & Kelton,
//! Simulation Modeling and Analysis, batch means). A block longer than the store's memory makes blocks nearly
//! independent, which single operations never are.

use hdrhistogram::Histogram;

use super::student::student_t;
use crate::measure::histogram;
use crate::percentile::{FEWEST_ABOVE, ranked_above};
use crate::record::Uncertainty;

/// Blocks that a run is cut into. In simulated queues few long blocks cover better than many short ones.
const BLOCKS: usize = 20;
/// With fewer blocks than this nothing is said: the spread of so few is itself too unsure, and a run of less than ten
/// seconds has not shown its slow moments.
const FEWEST_BLOCKS: usize = 10;

/// The interval of one percentile, `p` in 0 to 1, from the histograms of successive seconds; see
/// [`percentile_intervals`].
pub fn percentile_interval(seconds: &[Histogram<u64>], p: f64) -> Option<Uncertainty> {
    percentile_intervals(seconds, [p]).map(|[one]| one)
}

/// The intervals of several percentiles. `None` with fewer than ten seconds or without samples.
///
/// Exceedance batch means: with v the percentile of the whole, each block has a share of samples above v. The spread of
/// these shares over the blocks gives the standard error of the rank of v, and the histogram is read at p ± t·error.
/// The shares are combined as a ratio (Cochran, Sampling Techniques, 6.3), for blocks differ in their counts. The error is
/// never taken to be less than that of independent samples: with no sample above v, blocks do not differ at all.
/// The upper end is absent when the rank passes the last sample or fewer than ten samples lie above v.
pub fn percentile_intervals<const N: usize>(seconds: &[Histogram<u64>], ps: [f64; N]) -> Option<[Uncertainty; N]> {
    if seconds.len() < FEWEST_BLOCKS {
        return None;
    }
    let mut whole = histogram::new();
    for second in seconds {
        whole.add(second).ok()?;
    }
    (!whole.is_empty()).then(|| ps.map(|p| exceedance_interval(seconds, &whole, p)))
}

fn exceedance_interval(seconds: &[Histogram<u64>], whole: &Histogram<u64>, p: f64) -> Uncertainty {
    let value = whole.value_at_quantile(p);
    let counts: Vec<(u64, u64)> = cut(seconds)
        .map(|block| {
            block.iter().fold((0, 0), |(n, above), second| (n + second.len(), above + count_above(second, value)))
        })
        .collect();
    let blocks = counts.len() as f64;
    let share = counts.iter().map(|(_, above)| above).sum::<u64>() as f64 / whole.len() as f64;
    let scatter: f64 = counts.iter().map(|&(n, above)| (above as f64 - share * n as f64).powi(2)).sum();
    let between_blocks = (scatter / (blocks * (blocks - 1.0))).sqrt() / (whole.len() as f64 / blocks);
    let independent = (p * (1.0 - p) / whole.len() as f64).sqrt();
    let error = between_blocks.max(independent);
    let half = student_t(0.95, counts.len() - 1) * error;
    let above = ranked_above(whole.len(), p);
    let bounded = p + half < 1.0 && above >= FEWEST_ABOVE;
    Uncertainty {
        low: Some(whole.lowest_equivalent(whole.value_at_quantile((p - half).max(0.0)))),
        high: bounded.then(|| whole.value_at_quantile(p + half)),
        above,
    }
}

fn count_above(histogram: &Histogram<u64>, value: u64) -> u64 {
    if histogram.max() > value { histogram.count_between(value + 1, histogram.max()) } else { 0 }
}

/// The rate over all seconds, operations by time, and its 95 % interval: rate ± t·error over twenty blocks of seconds given
/// as (operations, length in seconds). `None` with fewer than ten.
///
/// A ratio of sums, as percentiles are combined above: the last second is short, and the rate that is printed is this one,
/// so it lies in its interval by construction. No rate is negative.
pub fn rate_interval(seconds: &[(u64, f64)]) -> Option<(f64, [f64; 2])> {
    if seconds.len() < FEWEST_BLOCKS {
        return None;
    }
    let sums =
        |block: &[(u64, f64)]| block.iter().fold((0.0, 0.0), |(n, s), (more, length)| (n + *more as f64, s + length));
    let (operations, length_s) = sums(seconds);
    let rate = operations / length_s;
    let blocks: Vec<(f64, f64)> = cut(seconds).map(sums).collect();
    let count = blocks.len() as f64;
    let scatter: f64 = blocks.iter().map(|(n, length)| (n - rate * length).powi(2)).sum();
    let half = student_t(0.95, blocks.len() - 1) * (scatter / (count * (count - 1.0))).sqrt() / (length_s / count);
    Some((rate, [(rate - half).max(0.0), rate + half]))
}

/// Successive blocks, as even as whole items allow: lengths differ by one at most.
fn cut<T>(items: &[T]) -> impl Iterator<Item = &[T]> {
    let blocks = items.len().min(BLOCKS);
    (0..blocks).map(move |i| &items[i * items.len() / blocks..(i + 1) * items.len() / blocks])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, Exp1};
    use rand_xoshiro::SplitMix64;

    const TRIALS: u64 = 150;
    const SECONDS: usize = 50;
    const PER_SECOND: usize = 1_000;

    /// An exponential time of mean 1.
    fn one(rng: &mut SplitMix64) -> f64 {
        Exp1.sample(rng)
    }

    /// Response times of a queue with Poisson arrivals and exponential service (mean 1 ms), by Lindley's recursion,
    /// started in its steady state. Without load they are independent.
    fn queue(load: f64, rng: &mut SplitMix64) -> Vec<Histogram<u64>> {
        let mut draw = |mean: f64| mean * one(rng);
        let mut wait = if load > 0.0 && draw(1.0) < -(1.0 - load).ln() { draw(1.0 / (1.0 - load)) } else { 0.0 };
        let mut second = || {
            let mut histogram = histogram::new();
            for _ in 0..PER_SECOND {
                let response = wait + draw(1.0);
                histogram.record((response * 1e6) as u64).expect("it grows");
                wait = if load > 0.0 { (response - draw(1.0 / load)).max(0.0) } else { 0.0 };
            }
            histogram
        };
        (0..SECONDS).map(|_| second()).collect()
    }

    /// What an interval for independent samples would say: normal approximation of the binomial ranks.
    fn order_statistics_interval(seconds: &[Histogram<u64>], p: f64) -> (u64, u64) {
        let mut whole = histogram::new();
        seconds.iter().for_each(|second| whole.add(second).expect("it grows"));
        let half = 1.96 * (p * (1.0 - p) / whole.len() as f64).sqrt();
        (whole.value_at_quantile(p - half), whole.value_at_quantile(p + half))
    }

    /// The shares of trials in which the two intervals of the p99 hold the true one.
    fn coverage(load: f64) -> (f64, f64) {
        let truth = (100f64.ln() / (1.0 - load) * 1e6) as u64;
        let (mut batches, mut ranks) = (0.0, 0.0);
        for trial in 0..TRIALS {
            let seconds = queue(load, &mut SplitMix64::seed_from_u64(trial));
            let ours = percentile_interval(&seconds, 0.99).expect("50 seconds");
            batches += f64::from(ours.low <= Some(truth) && ours.high.is_none_or(|high| truth <= high)) / TRIALS as f64;
            let (low, high) = order_statistics_interval(&seconds, 0.99);
            ranks += f64::from(low <= truth && truth <= high) / TRIALS as f64;
        }
        (batches, ranks)
    }

    #[test]
    fn on_independent_samples_both_intervals_hold_the_truth() {
        let (batches, ranks) = coverage(0.0);
        assert!((0.90..=0.99).contains(&batches), "batch means cover {batches}");
        assert!(ranks > 0.90, "order statistics cover {ranks}");
    }

    #[test]
    fn in_a_queue_at_half_load_only_batch_means_hold_it() {
        let (batches, ranks) = coverage(0.5);
        assert!(batches > 0.88, "batch means cover {batches}");
        assert!(ranks < 0.70, "order statistics cover {ranks}: the queue's memory should have misled them");
    }

    #[test]
    fn ten_samples_above_are_needed_for_an_upper_end() {
        let mut rng = SplitMix64::seed_from_u64(7);
        let sparse: Vec<_> = (0..20)
            .map(|_| {
                let mut histogram = histogram::new();
                (0..40).for_each(|_| histogram.record(rng.random_range(1_000..2_000)).expect("it grows"));
                histogram
            })
            .collect();
        let [p50, p999] = percentile_intervals(&sparse, [0.5, 0.999]).expect("20 seconds");
        assert!(p50.high.is_some() && p50.above > 300, "{p50:?}");
        assert!(p999.high.is_none() && p999.above < FEWEST_ABOVE, "{p999:?}");
    }

    #[test]
    fn a_lower_end_holds_even_with_hardly_a_sample_above() {
        let truth = (1000f64.ln() * 1e6) as u64;
        let held = |trial: &u64| {
            let mut rng = SplitMix64::seed_from_u64(*trial);
            let mut second = || {
                let mut histogram = histogram::new();
                (0..45).for_each(|_| histogram.record((1e6 * one(&mut rng)) as u64).expect("it grows"));
                histogram
            };
            let seconds: Vec<_> = (0..12).map(|_| second()).collect();
            percentile_interval(&seconds, 0.999).expect("12 seconds").low.is_some_and(|low| low <= truth)
        };
        let share = (0..1000).filter(held).count() as f64 / 1000.0;
        assert!(share > 0.97, "540 samples, p999: the lower end is below the truth in {share}");
    }

    #[test]
    fn a_constant_latency_is_known_exactly() {
        let mut second = histogram::new();
        second.record_n(70, 1_000).expect("it grows");
        let p99 = percentile_interval(&vec![second; 20], 0.99).expect("20 seconds");
        assert_eq!(p99, Uncertainty { low: Some(70), high: Some(70), above: 200 });
    }

    #[test]
    fn short_runs_and_runs_without_samples_say_nothing() {
        assert_eq!(percentile_interval(&vec![histogram::new(); 9], 0.5), None);
        assert_eq!(percentile_interval(&vec![histogram::new(); 60], 0.5), None);
        assert_eq!(rate_interval(&[(1, 1.0); 9]), None);
    }

    #[test]
    fn blocks_are_even_and_lose_nothing() {
        let items: Vec<usize> = (0..47).collect();
        let lengths: Vec<usize> = cut(&items).map(<[usize]>::len).collect();
        assert_eq!((lengths.len(), lengths.iter().sum::<usize>()), (20, 47));
        assert!(lengths.iter().all(|length| (2..=3).contains(length)), "{lengths:?}");
    }

    #[test]
    fn the_rate_of_ten_known_seconds() {
        // Standard deviation 3.0277, error 0.9574, t(9) = 2.262.
        let seconds: Vec<(u64, f64)> = (1..=10).map(|n| (n, 1.0)).collect();
        let (rate, [low, high]) = rate_interval(&seconds).expect("ten seconds");
        assert_eq!(rate, 5.5);
        assert!((low - (5.5 - 2.1659)).abs() < 1e-3 && (high - (5.5 + 2.1659)).abs() < 1e-3, "{low} {high}");
    }

    proptest::proptest! {
        /// Whatever the seconds hold and however short the last of them is: the figure is operations by time, and its
        /// interval holds it.
        #[test]
        fn a_rate_lies_in_its_interval(
            counts in proptest::collection::vec(0u64..100_000, 10..200),
            last_s in 0.001f64..1.0,
        ) {
            let mut seconds: Vec<(u64, f64)> = counts.iter().map(|count| (*count, 1.0)).collect();
            seconds.last_mut().expect("ten or more").1 = last_s;
            let (rate, [low, high]) = rate_interval(&seconds).expect("ten or more");
            let length_s = (counts.len() - 1) as f64 + last_s;
            proptest::prop_assert!((rate * length_s - counts.iter().sum::<u64>() as f64).abs() < 1e-3);
            proptest::prop_assert!(0.0 <= low && low <= rate && rate <= high, "{rate} [{low}, {high}]");
        }
    }
}
