//! A straight line through points, and how sure its slope is: what the backlog test asks of an open loop.

use super::student::student_t;

/// The slope of a fitted line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Rise for each unit of x.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
}

/// Ordinary least squares over (x, y). `None` with fewer than three points or without spread in x.
///
/// The interval assumes independent residuals; queue depths are not, so it is narrower than the truth. Ask for a
/// material effect besides (the backlog test also wants the final lag to be ten times the median service time).
pub fn slope(points: &[(f64, f64)]) -> Option<Slope> {
    let n = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / n;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / n;
    let spread_x: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if points.len() < 3 || spread_x <= 0.0 {
        return None;
    }
    let value = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread_x;
    let residue: f64 = points.iter().map(|(x, y)| (y - mean_y - value * (x - mean_x)).powi(2)).sum();
    let half = student_t(0.95, points.len() - 2) * (residue / (n - 2.0) / spread_x).sqrt();
    Some(Slope { value, low: value - half, high: value + half })
}

/// A backlog that grows by less of a second each second is no overload: the store carries 99.5 % of what is offered, and near its
/// capacity a backlog wanders up as often as down.
const LEAST_GROWTH: f64 = 0.005;
/// With three or four points the interval of a slope is so wide that the steepest backlog lies in it.
const FEWEST_LAGS: usize = 5;

/// Whether a backlog grows, by how late operations began at times, both in seconds; `None` for too few of them.
pub fn is_growing(lags_s: &[(f64, f64)]) -> Option<bool> {
    let slope = slope(lags_s).filter(|_| lags_s.len() >= FEWEST_LAGS);
    slope.map(|slope| slope.low > 0.0 && slope.value >= LEAST_GROWTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anscombe's first data set (The American Statistician 27, 1973): slope 0.5001, standard error 0.1179, 9 degrees.
    #[test]
    fn anscombes_first_line() {
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let fitted = slope(&x.into_iter().zip(y).collect::<Vec<_>>()).expect("eleven points");
        assert!((fitted.value - 0.5001).abs() < 1e-4, "{fitted:?}");
        assert!((fitted.high - fitted.value - 2.262 * 0.1179).abs() < 1e-3, "{fitted:?}");
    }

    #[test]
    fn a_backlog_grows_when_more_than_half_a_percent_is_not_carried() {
        let lags =
            |growth: f64| -> Vec<(f64, f64)> { (0..10).map(|at| (f64::from(at), growth * f64::from(at))).collect() };
        assert_eq!(is_growing(&lags(0.01)), Some(true));
        assert_eq!(is_growing(&lags(0.001)), Some(false));
        assert_eq!(is_growing(&lags(0.01)[..4]), None);
    }

    #[test]
    fn too_little_to_fit_is_none() {
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(slope(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(slope(&[]), None);
    }
}
