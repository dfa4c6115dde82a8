//! Experiments of every shape that a report must bear, for its tests.

use drivers::Durability;

use super::fixture::{Plan, Shape, experiment, invalid, oltp, open_loop, read_heavy, run};
use super::view::furnished::priced;
use crate::percentile::{Limit, Percentile, Statistic};
use crate::record::{Brief, Experiment, Heat, Interval, OperationRecord, Phase, Run, SloRecord};

/// All of them, by name.
pub fn all() -> Vec<(&'static str, Experiment)> {
    vec![
        ("headline", experiment(vec![read_heavy(), oltp(), open_loop()])),
        ("stores", experiment(stores())),
        ("hard", experiment(hard())),
        ("long", experiment(long())),
        ("sweep", experiment(sweep())),
        ("priced", priced_stores()),
        ("empty", experiment(Vec::new())),
    ]
}

/// Three durable stores and two relaxed ones, one of them invalid, one with three repetitions.
fn stores() -> Vec<Run> {
    let shapes: [&[Shape]; 5] = [
        &[("read", 1_900.0, 42_000, 0.35), ("update", 100.0, 260_000, 0.5), ("scan", 40.0, 900_000, 0.4)],
        &[("read", 1_200.0, 91_000, 0.3), ("update", 63.0, 1_260_000, 0.5), ("scan", 30.0, 1_900_000, 0.4)],
        &[("read", 1_100.0, 95_000, 0.5), ("update", 60.0, 2_260_000, 0.5), ("scan", 31.0, 1_500_000, 0.4)],
        &[("read", 1_500.0, 61_000, 0.3), ("update", 80.0, 70_000, 0.4), ("scan", 30.0, 800_000, 0.4)],
        &[("read", 1_500.0, 61_000, 0.3), ("update", 80.0, 70_000, 0.4), ("scan", 30.0, 800_000, 0.4)],
    ];
    let names =
        [("libsql", "3.45.1"), ("postgres", "17.6"), ("mongodb", "8.0.4"), ("redis", "8.2.1"), ("keydb", "6.3.4")];
    let mut runs = Vec::new();
    for repetition in 1..=3 {
        for (at, ((store, version), shapes)) in names.into_iter().zip(shapes).enumerate() {
            let tier = if at < 3 { Durability::Durable } else { Durability::Relaxed };
            let seed = 10 * u64::from(repetition) + at as u64;
            let mut run = run(&Plan { store, version, tier, shapes, seed, seconds: 20, ..Plan::default() });
            run.repetition = repetition;
            run.id = format!("read-heavy-{store}-{repetition}");
            if store == "keydb" || (store == "mongodb" && repetition == 2) {
                run.verdict = invalid(
                    "the backlog grew by 120 operations a second: the store cannot keep up with the offered rate",
                );
            }
            runs.push(run);
        }
    }
    runs
}

/// Two stores at seven and five levels of load, the highest of one overloaded.
fn sweep() -> Vec<Run> {
    let mut runs = Vec::new();
    // Clients, operations a second, median latency.
    let levels: [(u32, f64, u64); 7] = [
        (1, 950.0, 900_000),
        (2, 1_850.0, 950_000),
        (4, 3_300.0, 1_100_000),
        (8, 4_400.0, 1_700_000),
        (16, 4_800.0, 3_200_000),
        (32, 4_850.0, 6_400_000),
        (64, 4_700.0, 14_000_000),
    ];
    for (store, version, slower, levels) in
        [("libsql", "3.45.1", 1.0, &levels[..]), ("postgres", "17.6", 1.4, &levels[..5])]
    {
        for (clients, per_s, median_ns) in levels {
            let shapes = [("read", per_s / slower / 10.0, (*median_ns as f64 * slower) as u64, 0.4)];
            let seed = u64::from(*clients) + 100;
            let mut run = run(&Plan { store, version, shapes: &shapes, seconds: 20, seed, ..Plan::default() });
            run.id = format!("read-heavy-{store}-{clients}-clients");
            run.load.clients = *clients;
            let p99 = Limit::of_ms(Statistic::Percentile(Percentile::P99), 10.0);
            run.workload.slo = Some(SloRecord { total: vec![p99], ..SloRecord::default() });
            if *clients == 64 {
                run.verdict = invalid("the client was the limit: 97 % of its CPUs were busy");
            }
            runs.push(run);
        }
    }
    runs
}

/// The stores of two tiers, with what they cost.
pub fn priced_stores() -> Experiment {
    let mut experiment = experiment(stores());
    experiment.runs = experiment.runs.into_iter().map(|run| priced(run, &experiment.host)).collect();
    experiment
}

/// Long names, one operation, huge ranges, stalls, failures, no samples, too few samples, nothing valid.
fn hard() -> Vec<Run> {
    let long = "postgres://benchmark@database-primary.eu-central-1.internal.example.com:5432/storebench";
    let mut wide = run(&Plan {
        workload: "a-workload-with-a-rather-long-name-that-somebody-thought-descriptive",
        store: long,
        version: "17.6 (Debian 17.6-1.pgdg120+1) on x86_64-pc-linux-gnu, compiled by gcc",
        shapes: &[
            ("cached", 300.0, 110, 0.2),
            ("find-customers-by-postal-code-and-last-order-date", 40.0, 900_000, 0.3),
            ("monthly-report-of-everything", 2.0, 9_000_000_000, 0.6),
        ],
        seed: 4,
        ..Plan::default()
    });
    wide.operations.insert("never-ran".to_owned(), OperationRecord::default());
    for at in [14, 15, 16, 26] {
        wide.timeline[at] = Interval { failed: 40, ..nothing(&wide.timeline[at]) };
    }
    if let Some(operation) = wide.operations.get_mut("cached") {
        operation.failed = 160;
    }
    wide.total.failed = 160;
    wide.counts.failed = 160;
    let one =
        run(&Plan { workload: "one", shapes: &[("get", 900.0, 700, 0.1)], seconds: 3, seed: 5, ..Plan::default() });
    let mut nothing = run(&Plan { workload: "nothing-valid", seed: 6, ..Plan::default() });
    nothing.verdict = invalid("the client was the limit: 97 % of its CPUs were busy");
    let many = run(&Plan {
        workload: "many",
        shapes: &[
            ("alpha", 300.0, 100_000, 0.3),
            ("beta", 300.0, 101_000, 0.3),
            ("gamma", 300.0, 102_000, 0.3),
            ("delta", 300.0, 103_000, 0.3),
            ("epsilon", 300.0, 104_000, 0.3),
            ("zeta", 300.0, 105_000, 0.3),
            ("eta", 300.0, 106_000, 0.3),
            ("theta", 300.0, 107_000, 0.3),
        ],
        seconds: 120,
        seed: 7,
        ..Plan::default()
    });
    vec![wide, one, nothing, many]
}

/// The second without a success.
fn nothing(second: &Interval) -> Interval {
    Interval { ok: 0, response_ns: Brief::default(), response_bands: Heat::default(), ..second.clone() }
}

/// Two durable stores with three runs of three seconds at each of three loads, priced: an example of every chart, small
/// enough to be compared line by line.
pub fn small() -> Experiment {
    let mut runs = Vec::new();
    for (store, version, slower) in [("libsql", "3.45.1", 1_u32), ("redis", "8.2.1", 2)] {
        for (clients, per_s, median_ns) in [(1, 400.0, 900_000), (4, 1_200.0, 1_100_000), (16, 1_300.0, 9_000_000)] {
            for repetition in 1..=3 {
                let shapes = [("get", per_s / f64::from(slower), median_ns * u64::from(slower), 0.1)];
                let seed = u64::from(clients) + 100 * u64::from(repetition) + u64::from(slower);
                let mut run = run(&Plan {
                    workload: "small",
                    store,
                    version,
                    shapes: &shapes,
                    seconds: 3,
                    seed,
                    ..Plan::default()
                });
                run.id = format!("small-{store}-{clients}-clients-{repetition}");
                (run.repetition, run.load.clients) = (repetition, clients);
                runs.push(run);
            }
        }
    }
    let mut experiment = experiment(runs);
    experiment.runs = experiment.runs.into_iter().map(|run| priced(run, &experiment.host)).collect();
    experiment
}

/// Ten minutes of an overloaded open loop, and a run of one second.
fn long() -> Vec<Run> {
    let mut overloaded = run(&Plan {
        workload: "overload",
        shapes: &[("get", 40.0, 110, 0.4), ("report", 10.0, 700_000_000, 1.3)],
        seconds: 600,
        open: Some((60.0, 300_000_000)),
        seed: 8,
        ..Plan::default()
    });
    for (at, second) in overloaded.timeline.iter_mut().enumerate() {
        second.skipped = at as u64 % 17;
    }
    overloaded.counts.skipped = 4_800;
    let mut drain = overloaded.timeline[10].clone();
    (drain.at_s, drain.length_s, drain.phase) = (600.0, 0.4, Phase::Drain);
    overloaded.timeline.push(drain);
    let brief = run(&Plan { workload: "brief", seconds: 1, seed: 9, ..Plan::default() });
    let mut blank = run(&Plan { workload: "blank", seconds: 1, seed: 9, ..Plan::default() });
    blank.timeline.clear();
    blank.operations.clear();
    blank.total = OperationRecord::default();
    vec![overloaded, brief, blank]
}
