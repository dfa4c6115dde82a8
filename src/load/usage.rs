//! What a server of our own uses while it is measured: sampled once a second, on the same seconds as the timeline.

use std::sync::atomic::Ordering;
use std::time::Duration;

use drivers::server::{Server, ServerUsage};

use crate::record::{Interval, Phase, ServerSecond, ServerUse};

use super::run_context::RunContext;

/// Samples of a server: at the start of the measurement and after each of its seconds.
#[derive(Debug, Default)]
pub struct Samples(Vec<(f64, ServerUsage)>);

/// Samples until every lane has ended. In between only those processes are looked at that were there in the beginning: one
/// that comes later, such as PostgreSQL's autovacuum, is in the total and in no second.
pub fn sample(server: &Server, course: &RunContext) -> Samples {
    let mut samples = Samples::default();
    let pids = server.pids();
    let mut due_ns = course.measure_ns;
    while course.running.load(Ordering::Relaxed) > 0 {
        let now_ns = course.clock.now_ns();
        if now_ns < due_ns {
            std::thread::sleep(Duration::from_nanos(due_ns - now_ns).min(Duration::from_millis(100)));
            continue;
        }
        samples.take(server.usage_of(&pids), course);
        due_ns += 1_000_000_000;
    }
    samples.take(server.usage(), course);
    samples
}

impl Samples {
    fn take(&mut self, usage: Option<ServerUsage>, course: &RunContext) {
        let at_s = (course.clock.now_ns() as f64 - course.measure_ns as f64) / 1e9;
        self.0.extend(usage.map(|usage| (at_s, usage)));
    }

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

    fn usage(cpu_ms: u64, memory_bytes: u64) -> ServerUsage {
        ServerUsage { cpu: Duration::from_millis(cpu_ms), memory_bytes }
    }

    #[test]
    fn each_second_has_its_own_use_and_all_have_their_sum() {
        let samples = Samples(vec![(0.0, usage(1_000, 5)), (1.0, usage(1_500, 9)), (2.0, usage(3_500, 7))]);
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
        assert_eq!(Samples(vec![(0.0, usage(1, 1))]).total(), None);
    }
}
