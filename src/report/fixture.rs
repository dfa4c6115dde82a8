//! Hand-made experiments for the tests of reports: realistic distributions, drawn from seeded log-normals, whose
//! percentiles, intervals, histograms and timeline agree with each other as in a real record.

use std::collections::BTreeMap;

use drivers::{Description, Durability, Guarantees, Placement};
use hdrhistogram::Histogram;
use rand::SeedableRng;
use rand_distr::{Distribution, LogNormal, Poisson};
use rand_xoshiro::SplitMix64;

use crate::measure::histogram;
use crate::record::{
    Brief, CheckResult, Client, Counts, Experiment, Footprints, Host, Interval, Latency, LoadInfo, Loading, Mode,
    OperationRecord, Percentile, Phase, Phases, Run, SCHEMA, Standstill, StoreInfo, Tool, Uncertainty, Verdict,
    WorkloadInfo,
};
use crate::stats;

/// One operation: name, completions per second, median latency, and the log-normal's sigma.
pub type Shape = (&'static str, f64, u64, f64);

/// What to make a run of.
pub struct Plan<'a> {
    pub workload: &'a str,
    pub store: &'a str,
    pub version: &'a str,
    pub tier: Durability,
    pub shapes: &'a [Shape],
    pub seconds: usize,
    /// Open loop: offered rate, and the median wait for a free client.
    pub open: Option<(f64, u64)>,
    pub seed: u64,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Plan {
            workload: "read-heavy",
            store: "libsql",
            version: "3.45.1",
            tier: Durability::Durable,
            shapes: &[("read", 1_900.0, 42_000, 0.35), ("update", 100.0, 260_000, 0.5)],
            seconds: 30,
            open: None,
            seed: 1,
        }
    }
}

/// The run that most tests use: two operations, closed loop, 30 s after 5 s of warm-up.
pub fn read_heavy() -> Run {
    run(&Plan::default())
}

/// Seven operations of a small shop.
pub fn oltp() -> Run {
    run(&Plan {
        workload: "oltp",
        shapes: &[
            ("place-order", 120.0, 900_000, 0.6),
            ("pay", 110.0, 640_000, 0.6),
            ("order-status", 260.0, 85_000, 0.4),
            ("browse-category", 220.0, 310_000, 0.5),
            ("product", 800.0, 38_000, 0.3),
            ("stock-level", 40.0, 2_400_000, 0.7),
            ("restock", 12.0, 1_300_000, 0.9),
        ],
        seed: 2,
        ..Plan::default()
    })
}

/// An open loop with queueing.
pub fn open_loop() -> Run {
    run(&Plan {
        workload: "append-only",
        shapes: &[("append", 450.0, 190_000, 0.4), ("tail", 50.0, 420_000, 0.5)],
        open: Some((500.0, 60_000)),
        seed: 3,
        ..Plan::default()
    })
}

/// A verdict of invalidity.
pub fn invalid(reason: &str) -> Verdict {
    Verdict { valid: false, reasons: vec![reason.to_owned()], ..Verdict::default() }
}

/// An experiment of these runs.
pub fn experiment(runs: Vec<Run>) -> Experiment {
    Experiment {
        schema: SCHEMA.to_owned(),
        tool: Tool { name: "storebench".to_owned(), version: "0.1.0".to_owned(), profile: "release".to_owned() },
        host: Host {
            os: "Linux 6.1.0".to_owned(),
            cpu: "AMD EPYC 7763 64-Core Processor".to_owned(),
            cpus: 2,
            memory_bytes: 8 << 30,
            file_system: "ext4".to_owned(),
            governor: None,
            virtualization: Some("kvm".to_owned()),
            instance: None,
        },
        command: "storebench run read-heavy --store libsql".to_owned(),
        started_at: "2026-11-20T13:00:00Z".to_owned(),
        finished_at: "2026-11-20T13:00:41Z".to_owned(),
        seed: 42,
        interrupted: false,
        missing: Vec::new(),
        runs,
    }
}

/// A run whose every figure derives from drawn latencies.
pub fn run(plan: &Plan) -> Run {
    let mut rng = SplitMix64::seed_from_u64(plan.seed);
    let warmup = 5.min(plan.seconds);
    let mut draws: Vec<Draw> = plan.shapes.iter().map(|_| Draw::default()).collect();
    let mut timeline = Vec::new();
    for second in 0..warmup + plan.seconds {
        let seconds: Vec<[Histogram<u64>; 2]> = plan.shapes.iter().map(|shape| draw(plan, *shape, &mut rng)).collect();
        timeline.push(interval(second as f64 - warmup as f64, &seconds));
        if second >= warmup {
            draws.iter_mut().zip(seconds).for_each(|(draw, [response, service])| {
                draw.response.push(response);
                draw.service.push(service);
            });
        }
    }
    let operations: indexmap::IndexMap<_, _> =
        plan.shapes.iter().zip(&draws).map(|(shape, draw)| (shape.0.to_owned(), draw.record())).collect();
    let total = Draw::total(&draws, plan.seconds).record();
    let measured: Vec<(u64, f64)> = timeline[warmup..].iter().map(|second| (second.ok, second.length_s)).collect();
    let rate = stats::rate_interval(&measured);
    Run {
        id: format!("{}-{}-1", plan.workload, plan.store),
        repetition: 1,
        started_at: "2026-11-20T13:00:02Z".to_owned(),
        workload: workload(plan),
        store: store(plan),
        load: load(plan),
        phases: Phases { warmup_s: warmup as f64, measure_s: plan.seconds as f64, ..Phases::default() },
        loading: Loading::default(),
        throughput_per_s: total.ok as f64 / plan.seconds as f64,
        throughput_interval: rate.map(|(_, interval)| interval),
        standstill: Standstill::default(),
        counts: Counts { scheduled: total.ok, succeeded: total.ok, ..Counts::default() },
        operations,
        total,
        timeline,
        client: Client::default(),
        footprint: Footprints::default(),
        checks: vec![CheckResult {
            name: "acknowledged writes".to_owned(),
            passed: true,
            undecided: false,
            sampled: false,
            detail: "3,013 of 3,013 found".to_owned(),
        }],
        skew: None,
        server_cpu_ns_per_op: None,
        cost: None,
        verdict: Verdict { valid: true, ..Verdict::default() },
    }
}

/// The latencies of one operation, second by second.
#[derive(Default)]
struct Draw {
    response: Vec<Histogram<u64>>,
    service: Vec<Histogram<u64>>,
}

impl Draw {
    fn total(draws: &[Draw], seconds: usize) -> Draw {
        let merged = |pick: fn(&Draw) -> &Vec<Histogram<u64>>| {
            let second = |at: usize| merge(draws.iter().map(|draw| &pick(draw)[at]));
            (0..seconds).map(second).collect()
        };
        Draw { response: merged(|draw| &draw.response), service: merged(|draw| &draw.service) }
    }

    fn record(&self) -> OperationRecord {
        let response_ns = latency(&self.response);
        OperationRecord {
            ok: response_ns.count,
            service_ns: latency(&self.service),
            response_ns,
            ..OperationRecord::default()
        }
    }
}

/// One second of one operation: response and service times.
fn draw(plan: &Plan, (_, per_s, median_ns, sigma): Shape, rng: &mut SplitMix64) -> [Histogram<u64>; 2] {
    let (mut response, mut service) = (histogram::new(), histogram::new());
    let completions: f64 = Poisson::new(per_s).expect("a positive rate").sample(rng);
    let times = LogNormal::new((median_ns as f64).ln(), sigma).expect("a finite sigma");
    for _ in 0..completions as u64 {
        let ns = times.sample(rng);
        let wait = plan
            .open
            .map_or(0.0, |(_, median)| LogNormal::new((median as f64).ln(), 1.2).expect("a finite sigma").sample(rng));
        service.record(ns as u64).expect("it grows");
        response.record((ns + wait) as u64).expect("it grows");
    }
    [response, service]
}

fn merge<'a>(parts: impl Iterator<Item = &'a Histogram<u64>>) -> Histogram<u64> {
    let mut whole = histogram::new();
    parts.for_each(|part| whole.add(part).expect("it grows"));
    whole
}

fn latency(seconds: &[Histogram<u64>]) -> Latency {
    let whole = merge(seconds.iter());
    let ends = stats::percentile_intervals(seconds, Percentile::RECORDED.map(Percentile::quantile));
    let uncertainty = |(at, percentile): (usize, Percentile)| {
        let (low, high) = ends.map_or((None, None), |ends| (ends[at].low, ends[at].high));
        (percentile.name().to_owned(), Uncertainty { low, high, above: percentile.above(whole.len()) })
    };
    let intervals = Percentile::RECORDED.into_iter().enumerate().map(uncertainty).collect();
    let [p50, p90, p99, p999] = Percentile::RECORDED.map(|percentile| histogram::percentile_ns(&whole, percentile));
    let histogram = histogram::encode(&whole).expect("it encodes");
    Latency { count: whole.len(), mean: whole.mean(), p50, p90, p99, p999, max: whole.max(), intervals, histogram }
}

fn interval(at_s: f64, operations: &[[Histogram<u64>; 2]]) -> Interval {
    let response = merge(operations.iter().map(|[response, _]| response));
    let service = merge(operations.iter().map(|[_, service]| service));
    Interval {
        at_s,
        length_s: 1.0,
        phase: if at_s < 0.0 { Phase::Warmup } else { Phase::Measure },
        ok: response.len(),
        response_ns: brief(&response),
        response_bands: histogram::heat(&response),
        service_ns: brief(&service),
        ..Interval::default()
    }
}

fn brief(histogram: &Histogram<u64>) -> Brief {
    let [p50, p99, p999] = Percentile::REPORTED.map(|percentile| histogram::percentile_ns(histogram, percentile));
    Brief { count: histogram.len(), p50, p99, p999, max: histogram.max() }
}

fn workload(plan: &Plan) -> WorkloadInfo {
    WorkloadInfo {
        name: plan.workload.to_owned(),
        about: "A catalogue that is mostly read.".to_owned(),
        hash: "9c1185a5c5e9fc54".to_owned(),
        stream_hash: "612808d0c2a7c7d7".to_owned(),
        rows: 100_000,
        text: String::new(),
        slo: None,
        requires: None,
    }
}

fn store(plan: &Plan) -> StoreInfo {
    StoreInfo {
        name: plan.store.to_owned(),
        driver: plan.store.to_owned(),
        placement: Placement::Embedded,
        description: Description {
            version: plan.version.to_owned(),
            guarantees: Guarantees {
                durability: plan.tier,
                isolation: "serializable".to_owned(),
                because: if plan.store == "libsql" {
                    "journal_mode=wal, synchronous=full"
                } else {
                    "as the server says"
                }
                .to_owned(),
            },
            settings: BTreeMap::from([("synchronous".to_owned(), "2".to_owned())]),
            layout: Vec::new(),
        },
        bindings: indexmap::IndexMap::new(),
    }
}

fn load(plan: &Plan) -> LoadInfo {
    LoadInfo {
        mode: if plan.open.is_some() { Mode::Open } else { Mode::Closed },
        clients: if plan.open.is_some() { 16 } else { 2 },
        threads: 2,
        rate_per_s: plan.open.map(|(rate, _)| rate),
        arrivals: plan.open.map(|_| "poisson".to_owned()),
        skip_after_s: None,
        duration_s: Some(plan.seconds as f64),
        ops: None,
        warmup_s: 5.0,
        max_retries: 3,
        durability: plan.tier,
    }
}
