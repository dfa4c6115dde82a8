//! What a test could have found: the noncentral t distribution.

use super::student::student_t;

/// Steps of Simpson's rule over the spread of the estimated error.
const STEPS: usize = 120;

/// The true difference, in standard errors, that a one-sided t test at level `alpha` finds with this probability.
pub fn detectable(alpha: f64, power: f64, degrees: usize) -> f64 {
    let limit = student_t(1.0 - 2.0 * alpha, degrees);
    let (mut low, mut high) = (0.0, limit + 40.0);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if exceeds(limit, middle, degrees) < power {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// P(T > t) for a t of this noncentrality: the normal tail, averaged over the law of the estimated error, which is that of
/// chi with these degrees of freedom. Its density is taken without its constant and divided by its own integral.
fn exceeds(t: f64, noncentrality: f64, degrees: usize) -> f64 {
    let root = (degrees as f64).sqrt();
    let (from, to) = ((root - 9.0).max(0.0), root + 9.0);
    let step = (to - from) / STEPS as f64;
    let log_density = |x: f64| (degrees as f64 - 1.0) * x.ln() - x * x / 2.0;
    // Relative to the mode, or the density of many degrees would be beyond a double.
    let highest = log_density((degrees as f64 - 1.0).max(0.01).sqrt());
    let (mut mass, mut above) = (0.0, 0.0);
    for at in 0..=STEPS {
        let x = (from + at as f64 * step).max(1e-9);
        let weight = if at == 0 || at == STEPS { 1.0 } else { 2.0 + 2.0 * (at % 2) as f64 };
        let density = weight * (log_density(x) - highest).exp();
        mass += density;
        above += density * normal_above(t * x / root - noncentrality);
    }
    above / mass
}

/// P(Z > z).
fn normal_above(z: f64) -> f64 {
    libm::erfc(z / std::f64::consts::SQRT_2) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R's `power.t.test(n = 20, delta = 1)` is 0.8689528: two samples of 20, 38 degrees of freedom, 2.5 % a side. Its
    /// `power.t.test(power = .90, delta = 1, alternative = "one.sided")` needs 17.8 values in each.
    #[test]
    fn the_power_is_that_of_r() {
        let power = exceeds(student_t(0.95, 38), 10_f64.sqrt(), 38);
        assert!((power - 0.868_952_8).abs() < 1e-5, "{power}");
        assert!((exceeds(student_t(0.95, 19), 0.0, 19) - 0.025).abs() < 1e-6, "without a difference it is the level");
        let needed = |n: usize| detectable(0.05, 0.9, 2 * n - 2) * (2.0 / n as f64).sqrt();
        assert!(needed(18) < 1.0 && needed(17) > 1.0, "{} {}", needed(18), needed(17));
    }

    #[test]
    fn with_many_degrees_it_is_the_sum_of_two_normal_quantiles() {
        assert!((detectable(0.02, 0.9, 100_000) - (2.0537 + 1.2816)).abs() < 0.002);
        let few = detectable(0.02, 0.9, 7);
        assert!((3.7..4.2).contains(&few), "1.4 standard deviations at 8 pairs are {few} standard errors");
    }
}
