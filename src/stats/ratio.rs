//! By what factor one store differs from another, from repetitions: one run is one sample, for restarts differ by more
//! than the seconds of a run do.

use super::reading::spread_of;
use super::student::student_t;

/// With fewer runs on either side nothing is said: two values have a spread of one degree of freedom.
pub const FEWEST_RUNS: usize = 3;

/// By what factor one side differs from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Of the medians, which is what tables show of several runs.
    pub value: f64,
    /// Its 95 % interval; none with fewer than three runs on either side.
    pub interval: Option<[f64; 2]>,
}

/// The factor of `b` over `a`; none without positive values on both sides.
///
/// On logarithms, on which a factor of two up is as far as one down, the difference of the medians with Welch's interval:
/// t of the Welch-Satterthwaite degrees of freedom, rounded down, for runs on one side may scatter more than on the other
/// (B. L. Welch, Biometrika 34, 1947). The error of a median of normal values is that of their mean times sqrt(pi / 2) for
/// many, and a little less for few.
pub fn ratio(a: &[f64], b: &[f64]) -> Option<Ratio> {
    let (a, b) = (LogSample::from_values(a)?, LogSample::from_values(b)?);
    let difference = b.median - a.median;
    let value = difference.exp();
    if a.count.min(b.count) < FEWEST_RUNS {
        return Some(Ratio { value, interval: None });
    }
    let (of_a, of_b) = (a.error_squared(), b.error_squared());
    let degrees =
        (of_a + of_b).powi(2) / (of_a.powi(2) / (a.count as f64 - 1.0) + of_b.powi(2) / (b.count as f64 - 1.0));
    // Runs that do not scatter at all give no degrees of freedom; the interval is then a point whatever they are.
    let degrees = if degrees.is_finite() { (degrees as usize).max(1) } else { 1 };
    let half = student_t(0.95, degrees) * (of_a + of_b).sqrt();
    Some(Ratio { value, interval: Some([(difference - half).exp(), (difference + half).exp()]) })
}

/// Logarithms of one side.
pub(super) struct LogSample {
    /// How many there are.
    pub(super) count: usize,
    median: f64,
    variance: f64,
}

impl LogSample {
    pub(super) fn from_values(values: &[f64]) -> Option<LogSample> {
        if values.is_empty() || values.iter().any(|value| !(value.is_finite() && *value > 0.0)) {
            return None;
        }
        let count = values.len();
        let mean = values.iter().map(|value| value.ln()).sum::<f64>() / count as f64;
        let scatter: f64 = values.iter().map(|value| (value.ln() - mean).powi(2)).sum();
        let [_, median, _] = spread_of(values.iter().copied());
        Some(LogSample { count, median: median.ln(), variance: scatter / (count.max(2) - 1) as f64 })
    }

    /// Squared standard error of the median.
    pub(super) fn error_squared(&self) -> f64 {
        std::f64::consts::FRAC_PI_2 * self.variance / self.count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};
    use rand_xoshiro::SplitMix64;

    #[test]
    fn a_factor_of_two_by_hand() {
        // Logarithms -1, 0, 1 and the same plus ln 2: variance 1, error of the medians sqrt(2/3 * pi/2), 4 degrees of
        // freedom, t = 2.776.
        let a: Vec<f64> = [-1.0_f64, 0.0, 1.0].map(f64::exp).into();
        let b: Vec<f64> = a.iter().map(|value| value * 2.0).collect();
        let found = ratio(&a, &b).expect("positive");
        let [low, high] = found.interval.expect("three runs each");
        assert!((found.value - 2.0).abs() < 1e-9);
        assert!(((2.0 / low).ln() - 2.776 * (std::f64::consts::PI / 3.0).sqrt()).abs() < 1e-2, "{low}");
        assert!((low * high - 4.0).abs() < 1e-9, "even on a logarithmic scale");
    }

    #[test]
    fn the_ratio_is_that_of_the_medians_and_lies_in_its_interval() {
        let found = ratio(&[10.0, 11.0, 300.0], &[22.0, 5.0, 24.0]).expect("positive");
        assert!((found.value - 2.0).abs() < 1e-9, "22 of 11");
        assert!(found.interval.is_some_and(|[low, high]| low < 2.0 && 2.0 < high), "{found:?}");
    }

    #[test]
    fn few_runs_have_no_interval_and_no_runs_no_ratio() {
        assert_eq!(ratio(&[10.0, 11.0], &[5.0, 5.0, 5.0]).expect("positive").interval, None);
        let constant = ratio(&[10.0; 3], &[5.0; 3]).expect("positive");
        assert!((constant.value - 0.5).abs() < 1e-12 && constant.interval.is_some_and(|[l, h]| (h - l).abs() < 1e-12));
        assert_eq!(ratio(&[], &[1.0]), None);
        assert_eq!(ratio(&[0.0], &[1.0]), None);
        assert_eq!(ratio(&[1.0], &[f64::NAN]), None);
    }

    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        let mut rng = SplitMix64::seed_from_u64(3);
        let (narrow, wide) = (Normal::new(0.0, 0.02).expect("finite"), Normal::new(0.1, 0.1).expect("finite"));
        let mut draw = |law: &Normal<f64>| -> Vec<f64> { (0..4).map(|_| law.sample(&mut rng).exp()).collect() };
        let held = (0..2_000).filter(|_| {
            let [low, high] = ratio(&draw(&narrow), &draw(&wide)).and_then(|one| one.interval).expect("four runs each");
            (low..=high).contains(&0.1_f64.exp())
        });
        let share = held.count() as f64 / 2_000.0;
        assert!((0.935..=0.985).contains(&share), "{share}");
    }
}
