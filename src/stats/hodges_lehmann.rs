//! By how much one group of values lies above another: the median of all differences, with an interval whose coverage is
//! exact for any law of the noise (J. L. Hodges & E. L. Lehmann, Annals of Mathematical Statistics 34, 1963). One wild value
//! in ten moves neither far.

/// How sure the interval is.
const CONFIDENCE: f64 = 0.95;

/// The median of all differences of a value of `b` and one of `a`, and its 95 % interval: the differences whose ranks Mann
/// and Whitney's statistic passes in 2.5 % of all cases on either side. No interval with so few values that even the extremes
/// are not sure enough: three and three.
pub fn shift(a: &[f64], b: &[f64]) -> Option<(f64, Option<[f64; 2]>)> {
    let mut differences: Vec<f64> = a.iter().flat_map(|a| b.iter().map(move |b| b - a)).collect();
    differences.sort_by(f64::total_cmp);
    let last = differences.len().checked_sub(1)?;
    let median = (differences[last / 2] + differences[differences.len() / 2]) / 2.0;
    let outside = outside(a.len(), b.len());
    let interval = (outside > 0).then(|| [differences[outside - 1], differences[last + 1 - outside]]);
    Some((median, interval))
}

/// The largest k for which the statistic of samples of one law is below k in at most 2.5 % of all cases.
fn outside(a: usize, b: usize) -> usize {
    let probabilities = mann_whitney(a, b);
    let mut below = 0.0;
    probabilities
        .iter()
        .take_while(|probability| {
            below += **probability;
            below <= (1.0 - CONFIDENCE) / 2.0
        })
        .count()
}

/// The law of the number of pairs of values (one of each sample) in which that of `b` is the larger, where both samples
/// come from one law: H. B. Mann & D. R. Whitney (Annals of Mathematical Statistics 18, 1947). It is that of a sum of
/// uniform numbers in disguise: the coefficients of the product of (1 - x^(b+i)) / (1 - x^i) for i to a.
fn mann_whitney(a: usize, b: usize) -> Vec<f64> {
    let size = a * b + 1;
    let mut counts = vec![0.0; size];
    counts[0] = 1.0;
    for i in 1..=a {
        for at in (b + i..size).rev() {
            counts[at] -= counts[at - b - i];
        }
        for at in i..size {
            counts[at] += counts[at - i];
        }
    }
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| count / all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_law_of_two_and_two_by_hand() {
        // Six orders of a a b b: the statistic is 0, 1, 2, 2, 3, 4.
        let expected = [1.0, 1.0, 2.0, 1.0, 1.0].map(|count| count / 6.0);
        assert_eq!(mann_whitney(2, 2), expected);
    }

    /// Two-sided 5 % limits of Mann and Whitney's table, printed in most textbooks: U is significant up to these.
    #[test]
    fn the_limits_are_those_of_printed_tables() {
        for (a, b, limit) in [(4, 4, 0), (5, 5, 2), (8, 8, 13), (10, 10, 23), (5, 8, 6), (20, 20, 127)] {
            assert_eq!(outside(a, b), limit + 1, "{a} and {b}");
        }
        assert_eq!(outside(3, 3), 0, "nothing is sure enough");
    }

    #[test]
    fn the_shift_is_the_median_difference_and_a_wild_value_moves_it_little() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0];
        let b = a.map(|value| value + 10.0);
        // Differences of 6 to 14; the table's limit of 2 leaves out two on either side.
        let (median, interval) = shift(&a, &b).expect("values");
        assert_eq!((median, interval), (10.0, Some([7.0, 13.0])));
        let wild = [11.0, 12.0, 13.0, 14.0, 1e6];
        let (median, _) = shift(&a, &wild).expect("values");
        assert!((median - 10.0).abs() < 1.1, "{median}");
        assert_eq!(shift(&[], &a), None);
    }
}
