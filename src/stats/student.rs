//! Student's t quantiles, from the closed form of the distribution for whole degrees of freedom.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// The half-width, in standard errors, of a two-sided interval with this confidence: `student_t(0.95, 19)` is 2.093.
///
/// Found by bisecting the angle whose `two_sided_probability` is the confidence: 60 halvings are exact to f64.
pub fn student_t(confidence: f64, degrees: usize) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if two_sided_probability(middle, degrees) < confidence {
            low = middle;
        } else {
            high = middle;
        }
    }
    (degrees as f64).sqrt() * low.tan()
}

/// P(|T| <= t) for `angle` = atan(t / sqrt(degrees)): Abramowitz & Stegun, Handbook of Mathematical Functions (1964),
/// 26.7.3 for odd and 26.7.4 for even degrees of freedom.
fn two_sided_probability(angle: f64, degrees: usize) -> f64 {
    let odd = degrees % 2 == 1;
    let squared_cosine = angle.cos().powi(2);
    let mut term = if odd { angle.cos() } else { 1.0 };
    let mut sum = if degrees == 1 { 0.0 } else { term };
    let mut k = if odd { 2 } else { 1 };
    while k + 2 < degrees {
        term *= squared_cosine * k as f64 / (k + 1) as f64;
        sum += term;
        k += 2;
    }
    if odd { FRAC_2_PI * (angle + angle.sin() * sum) } else { angle.sin() * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of printed tables, e.g. NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
    #[test]
    fn the_quantiles_are_those_of_printed_tables() {
        for (confidence, degrees, expected) in [
            (0.95, 1, 12.706),
            (0.95, 2, 4.303),
            (0.95, 3, 3.182),
            (0.95, 4, 2.776),
            (0.95, 9, 2.262),
            (0.95, 19, 2.093),
            (0.95, 30, 2.042),
            (0.95, 100, 1.984),
            (0.95, 10_000, 1.960),
            (0.99, 5, 4.032),
            (0.90, 8, 1.860),
        ] {
            let t = student_t(confidence, degrees);
            assert!((t - expected).abs() < 0.001, "t({confidence}, {degrees}) is {t}, tables say {expected}");
        }
    }
}
