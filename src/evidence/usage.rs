//! What a server of our own used while it was measured, on the same seconds as the timeline.

use drivers::server::ServerUsage;

use crate::record::{Interval, Phase, ServerSecond, ServerUse};

/// Samples of a server: at the start of the measurement and after each of its seconds. Each with its instant in seconds
/// since the start of the measurement.
#[derive(Debug, Default)]
pub struct UsageSamples(pub Vec<(f64, ServerUsage)>);

impl UsageSamples {
    /// Over the whole measurement; none without two samples.
    pub fn total(&self) -> Option<ServerUse> {
        let ((from_s, first), (to_s, last)) = (self.0.first()?, self.0.last().filter(|_| self.0.len() > 1)?);
        Some(ServerUse {
            cpu_s: last.cpu.saturating_sub(first.cpu).as_secs_f64(),
            measured_s: to_s - from_s,
            memory_bytes_max: self.0.iter().map(|(_, usage)| usage.memory_bytes).max()?,
        })
    }

    /// Puts what was used in each second beside what was measured in it.
    pub fn join(&self, timeline: &mut [Interval]) {
        for pair in self.0.windows(2) {
            let ((from_s, before), (to_s, after)) = (pair[0], pair[1]);
            let second = from_s.max(0.0).round();
            let line = timeline.iter_mut().find(|line| line.phase != Phase::Warmup && line.at_s == second);
            if let (Some(line), true) = (line, to_s > from_s) {
                let cpu_s = after.cpu.saturating_sub(before.cpu).as_secs_f64();
                line.server = Some(ServerSecond { cpus: cpu_s / (to_s - from_s), memory_bytes: after.memory_bytes });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn usage(cpu_ms: u64, memory_bytes: u64) -> ServerUsage {
        ServerUsage { cpu: Duration::from_millis(cpu_ms), memory_bytes }
    }

    #[test]
    fn each_second_has_its_own_use_and_all_have_their_sum() {
        let samples = UsageSamples(vec![(0.0, usage(1_000, 5)), (1.0, usage(1_500, 9)), (2.0, usage(3_500, 7))]);
        let total = samples.total().expect("three samples");
        assert_eq!((total.cpu_s, total.memory_bytes_max), (2.5, 9));
        let mut timeline = [0.0, 1.0, 2.0].map(|at_s| Interval { at_s, ..Interval::default() });
        samples.join(&mut timeline);
        assert_eq!(timeline[0].server, Some(ServerSecond { cpus: 0.5, memory_bytes: 9 }));
        assert_eq!(timeline[1].server, Some(ServerSecond { cpus: 2.0, memory_bytes: 7 }));
        assert_eq!(timeline[2].server, None);
    }

    #[test]
    fn one_sample_tells_nothing() {
        assert_eq!(UsageSamples(vec![(0.0, usage(1, 1))]).total(), None);
    }
}
