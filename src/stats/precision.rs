//! How sure repeated runs make a figure, and how many would make it as sure as is wanted.
//!
//! The figure is the median over runs, on logarithms, with the error that `ratio` gives it. Runs are added in rounds until
//! the interval is as narrow as wanted. Looking more than once would make intervals too narrow if the first look were early;
//! from five runs on they hold the truth in 94 % or more of simulated plans (`tests`).

use super::ratio::LogSample;
use super::student::student_t;
use crate::record::{PrecisionGoal, Run};

/// Runs before anything is planned.
pub const PILOT_RUNS: usize = 5;
/// No plan has more runs than this.
pub const MOST_RUNS: usize = 50;

/// The figure of a goal in a run; none where too few samples carry it.
pub fn value_of(run: &Run, goal: &PrecisionGoal) -> Option<f64> {
    let record = match &goal.operation {
        Some(name) => run.operations.get(name)?,
        None => &run.total,
    };
    let value = match (goal.percentile, &goal.operation) {
        (Some(percentile), _) => record.response_ns.percentile_ns(percentile).map(|ns| ns as f64),
        (None, None) => Some(run.throughput_per_s),
        (None, Some(_)) => Some(run.per_second(record)),
    };
    value.filter(|value| *value > 0.0)
}

/// How far the 95 % interval of the median reaches from it, as a share: 0.1 is ten percent up. None with fewer than three
/// values, or one that is not positive.
pub fn precision(values: &[f64]) -> Option<f64> {
    let sample = LogSample::from_values(values).filter(|sample| sample.count > 2)?;
    Some(half(&sample, sample.count).exp_m1())
}

/// How many runs, those so far included, would make the interval reach no further than this share, if they scatter like those
/// so far: at least one more where these do not, and [`MOST_RUNS`] with what it gives where those would not do either.
pub fn runs_needed(values: &[f64], share: f64) -> Option<usize> {
    let sample = LogSample::from_values(values).filter(|sample| sample.count > 2)?;
    let reaches = |runs: &usize| half(&sample, *runs) <= share.ln_1p();
    let more = (sample.count..=MOST_RUNS).find(reaches);
    Some(more.unwrap_or(MOST_RUNS).max(sample.count))
}

/// What so many runs would give.
pub fn precision_of(values: &[f64], runs: usize) -> Option<f64> {
    let sample = LogSample::from_values(values).filter(|sample| sample.count > 2)?;
    Some(half(&sample, runs).exp_m1())
}

fn half(sample: &LogSample, runs: usize) -> f64 {
    student_t(0.95, runs - 1) * (sample.error_squared() * sample.count as f64 / runs as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};
    use rand_xoshiro::SplitMix64;

    #[test]
    fn ten_runs_by_hand() {
        // Logarithms of +-0.1: variance 0.1 squared times 10/9, error of the median sqrt(pi/2 / 9) * 0.1, t(9) = 2.262.
        let values: Vec<f64> = (0..10).map(|at| if at % 2 == 0 { 0.1_f64.exp() } else { (-0.1_f64).exp() }).collect();
        let expected = (2.262_f64 * (std::f64::consts::FRAC_PI_2 / 9.0).sqrt() * 0.1).exp_m1();
        assert!((precision(&values).expect("positive") - expected).abs() < 1e-3);
        let needed = runs_needed(&values, 0.05).expect("positive");
        assert!(precision_of(&values, needed).expect("positive") <= 0.05);
        assert!(precision_of(&values, needed - 1).expect("positive") > 0.05, "{needed}");
    }

    #[test]
    fn what_no_plan_reaches_is_said_by_what_the_longest_gives() {
        let wild: Vec<f64> = [1.0, 3.0, 9.0, 0.3, 20.0].into();
        assert_eq!(runs_needed(&wild, 0.01), Some(MOST_RUNS));
        assert!(precision_of(&wild, MOST_RUNS).expect("positive") > 0.01);
        assert_eq!(runs_needed(&[1.0, 1.1], 0.1), None, "two runs have no spread to plan by");
        assert_eq!(precision(&[1.0, 0.0, 1.0]), None);
    }

    /// The whole plan as `run --want` carries it out, over runs that scatter by this much: how often the interval holds the
    /// truth, and how often it is as narrow as wanted.
    fn planned(scatter: f64, share: f64) -> (f64, f64) {
        const PLANS: u64 = 1_000;
        let (mut held, mut narrow) = (0, 0);
        for seed in 0..PLANS {
            let mut rng = SplitMix64::seed_from_u64(seed);
            let law = Normal::new(0.0, scatter).expect("finite");
            let mut values: Vec<f64> = (0..PILOT_RUNS).map(|_| law.sample(&mut rng).exp()).collect();
            while precision(&values).expect("positive") > share && values.len() < MOST_RUNS {
                let needed = runs_needed(&values, share).expect("positive").max(values.len() + 1);
                values.extend((values.len()..needed).map(|_| law.sample(&mut rng).exp()));
            }
            let reach = precision(&values).expect("positive");
            let [_, median, _] = crate::stats::spread_of(values.iter().copied());
            held += u64::from(median.ln().abs() <= reach.ln_1p());
            narrow += u64::from(reach <= share);
        }
        (held as f64 / PLANS as f64, narrow as f64 / PLANS as f64)
    }

    #[test]
    fn planned_intervals_hold_the_truth_and_are_as_narrow_as_wanted() {
        for scatter in [0.02, 0.05, 0.10, 0.20] {
            let (held, narrow) = planned(scatter, 0.10);
            assert!(held >= 0.93 && narrow >= 0.90, "{scatter}: {held} {narrow}");
        }
    }
}
