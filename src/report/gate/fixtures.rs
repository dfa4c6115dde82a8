//! Gates for the tests of everything that shows one.

use drivers::Durability;

use crate::gate::{GateOptions, GateRecord, StoredSide, compare};
use crate::record::{Experiment, Run, Tool};
use crate::report::fixtures::{SyntheticRun, experiment, run};

/// Which runs a side consists of.
#[derive(Clone, Copy)]
pub struct GateRuns {
    /// How many.
    pub count: usize,
    /// By which factor they are slower than the others.
    pub slower: f64,
    /// Whether they run in turn with those of the other side.
    pub alternates: bool,
    /// Whether they are those of the head.
    pub is_head: bool,
}

/// Ten runs of the base.
pub const BASE: GateRuns = GateRuns { count: 10, slower: 1.0, alternates: false, is_head: false };

/// An experiment of runs of one workload of two operations; runs scatter by about 2 %.
pub fn side(of: GateRuns) -> Experiment {
    let one = |at: usize| {
        let number = 2 * at + usize::from(of.is_head);
        let scatter = of.slower * (1.0 + 0.02 * (((number * 37) % 11) as f64 - 5.0) / 5.0);
        let ns = |median: f64| (median * scatter) as u64;
        let operations =
            [("read", 1_900.0 / scatter, ns(42_000.0), 0.35), ("update", 100.0 / scatter, ns(260_000.0), 0.5)];
        let plan = SyntheticRun {
            operations: &operations,
            seed: number as u64 + 1,
            seconds: 20,
            tier: Durability::Durable,
            ..SyntheticRun::default()
        };
        let mut run = run(&plan);
        run.id = format!("read-heavy-libsql-{}", at + 1);
        run.repetition = at as u32 + 1;
        // In turn, of which the first one of every second pair is the head; or all of the base before the head.
        let minute = match of.alternates {
            true => 2 * at + usize::from(of.is_head != (at % 2 == 1)),
            false => at + 30 * usize::from(of.is_head),
        };
        run.started_at = format!("2026-11-20T13:{minute:02}:00Z");
        run.server_cpu_ns_per_op = Some(30_000.0 * scatter);
        run
    };
    let mut side = experiment((0..of.count).map(one).collect::<Vec<Run>>());
    side.seed = 42;
    side
}

/// The gate of two sides.
pub fn gate(base: &Experiment, head: &Experiment, options: &GateOptions) -> GateRecord {
    let tool = Tool { name: "storebench".to_owned(), version: "0.1.0".to_owned(), profile: "release".to_owned() };
    let [base, head] = [("results/base", base), ("results/head", head)]
        .map(|(label, one)| StoredSide { label, experiments: std::slice::from_ref(one) });
    compare(base, head, options, (tool, "storebench compare results/base results/head".to_owned()))
}

/// A head that is 30 % slower than its base, of pairs.
pub fn regressed() -> GateRecord {
    let paired = GateRuns { alternates: true, count: 12, ..BASE };
    gate(&side(paired), &side(GateRuns { slower: 1.3, is_head: true, ..paired }), &GateOptions::default())
}
