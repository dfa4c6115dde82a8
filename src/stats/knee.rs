//! Where load begins to buy waiting instead of throughput.

/// Of levels of rising load, each with its throughput and its mean response time, the one with the most throughput for its
/// mean response time: Kleinrock's power ("Power and deterministic rules of thumb", 1979), beyond which a queue buys little
/// throughput with much waiting. `None` where it is the first or the last level, for then the knee lies beyond what was
/// measured.
pub fn knee(levels: &[(f64, f64)]) -> Option<usize> {
    let power = |(per_s, mean_ns): (f64, f64)| per_s / mean_ns.max(1.0);
    let (at, _) = levels.iter().enumerate().max_by(|(_, a), (_, b)| power(**a).total_cmp(&power(**b)))?;
    (at > 0 && at + 1 < levels.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_of_a_single_server_is_at_half_its_load() {
        // M/M/1 with a service of 1 ms: response 1 / (1000 - rate).
        let level = |rate: f64| (rate, 1e9 / (1_000.0 - rate));
        let levels = [100.0, 300.0, 500.0, 700.0, 900.0].map(level);
        assert_eq!(knee(&levels), Some(2));
        assert_eq!(knee(&levels[..3]), None, "it may lie further on");
        assert_eq!(knee(&[]), None);
    }
}
