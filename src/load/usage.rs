//! Samples what a server of our own uses while it is measured, once a second.

use std::sync::atomic::Ordering;
use std::time::Duration;

use drivers::server::{Server, ServerUsage};

use super::run_context::RunContext;
use crate::evidence::UsageSamples;

/// Samples until every lane has ended. Until then only those processes are read that were there at the beginning: one that
/// starts later, such as PostgreSQL's autovacuum, is in the total and in no second.
pub fn sample(server: &Server, context: &RunContext) -> UsageSamples {
    let mut samples = UsageSamples::default();
    let mut add = |usage: Option<ServerUsage>| {
        let at_s = (context.clock.now_ns() as f64 - context.start.ns() as f64) / 1e9;
        samples.0.extend(usage.map(|usage| (at_s, usage)));
    };
    let pids = server.pids();
    let mut due_ns = context.start.ns();
    while context.running.load(Ordering::Relaxed) > 0 {
        let now_ns = context.clock.now_ns();
        if now_ns < due_ns {
            std::thread::sleep(Duration::from_nanos(due_ns - now_ns).min(Duration::from_millis(100)));
            continue;
        }
        add(server.usage_of(&pids));
        due_ns += 1_000_000_000;
    }
    add(server.usage());
    samples
}
