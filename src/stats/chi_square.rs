//! Pearson's chi-square statistic, with which the tests of generators compare frequencies.

/// The sum of (observed - expected)² / expected.
pub fn chi_square(observed: &[u64], expected: &[f64]) -> f64 {
    observed.iter().zip(expected).map(|(&seen, &due)| (seen as f64 - due).powi(2) / due).sum()
}

/// What the statistic exceeds once in a thousand times by chance, for this many degrees of freedom.
///
/// Wilson & Hilferty (PNAS 17, 1931): the cube root is nearly normal; within 2 % from 3 degrees on, 1 % from 9.
pub fn chi_square_limit(degrees: usize) -> f64 {
    const NORMAL_999: f64 = 3.090_232;
    let (n, spread) = (degrees as f64, 2.0 / (9.0 * degrees as f64));
    n * (1.0 - spread + NORMAL_999 * spread.sqrt()).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistic_of_a_hand_computed_die() {
        let statistic = chi_square(&[5, 8, 9, 8, 10, 20], &[10.0; 6]);
        assert!((statistic - 13.4).abs() < 1e-12, "{statistic}");
    }

    #[test]
    fn the_limits_are_near_those_of_printed_tables() {
        for (degrees, expected) in [(3, 16.266), (9, 27.877), (99, 148.230)] {
            let limit = chi_square_limit(degrees);
            assert!((limit / expected - 1.0).abs() < 0.02, "{degrees}: {limit}, tables say {expected}");
        }
    }
}
